//! Containers that allocate once, at construction, and say when they are full.
//!
//! This is the only file of the engine that touches the heap; a test keeps it so. Capacity is part of the contract of
//! everything here: pushing into a full container gives the value back, and no operation but the constructor allocates.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::marker::PhantomData;

use super::program::{FeedSlot, PortSlot, Slot, TrackSlot};

/// A first-in, first-out queue of fixed capacity.
#[derive(Debug)]
pub struct Queue<T> {
    items: VecDeque<T>,
    capacity: usize,
}

impl<T: Copy> Queue<T> {
    /// An empty queue for at most `capacity` items. Allocates.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Queue<T> {
        Queue { items: VecDeque::with_capacity(capacity), capacity }
    }

    /// Puts `item` at the back, or gives it back when the queue is full.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        if self.items.len() == self.capacity {
            return Err(item);
        }
        self.items.push_back(item);
        Ok(())
    }

    /// The items, from the front on.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter()
    }

    /// Returns how many items it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// The item at the back.
    #[must_use]
    pub fn back(&self) -> Option<&T> {
        self.items.back()
    }

    /// Takes items off the back as long as `unwanted` holds for them.
    pub fn pop_back_while(&mut self, unwanted: impl Fn(&T) -> bool) {
        while self.items.back().is_some_and(&unwanted) {
            self.items.pop_back();
        }
    }

    /// The item at the front.
    #[must_use]
    pub fn front(&self) -> Option<&T> {
        self.items.front()
    }

    /// The item at the front, to be changed in its place.
    pub fn front_mut(&mut self) -> Option<&mut T> {
        self.items.front_mut()
    }

    /// Takes the item at the front.
    pub fn pop(&mut self) -> Option<T> {
        self.items.pop_front()
    }

    /// Returns how many more items fit.
    #[must_use]
    pub fn free(&self) -> usize {
        self.capacity - self.items.len()
    }

    /// Forgets everything. Takes time in proportion to what it holds.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// Returns whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// A fixed number of slots, each with a value from the start.
#[derive(Debug)]
pub struct Slots<T>(Box<[T]>);

impl<T> Slots<T> {
    /// `count` slots, each with a value that `make` gives. Allocates.
    #[must_use]
    pub fn from_fn(count: usize, make: impl FnMut(usize) -> T) -> Slots<T> {
        Slots((0..count).map(make).collect())
    }
}

impl<T> std::ops::Deref for Slots<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> std::ops::DerefMut for Slots<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

/// A map of fixed size with a value for each [`Slot`] of one kind from the start. Indexing by a slot that no program may use
/// panics; [`SlotMap::get`] does not find it.
#[derive(Clone, Debug)]
pub struct SlotMap<S, T> {
    values: Box<[T]>,
    slots: PhantomData<S>,
}

/// A value for each port.
pub type PortMap<T> = SlotMap<PortSlot, T>;
/// A value for each track.
pub type TrackMap<T> = SlotMap<TrackSlot, T>;
/// A value for each source of fed lanes.
pub type FeedMap<T> = SlotMap<FeedSlot, T>;

impl<S: Slot, T> SlotMap<S, T> {
    /// The value that `make` gives for each slot. Allocates.
    #[must_use]
    pub fn from_fn(make: impl FnMut(S) -> T) -> SlotMap<S, T> {
        SlotMap { values: (0..S::COUNT).map(S::at).map(make).collect(), slots: PhantomData }
    }

    /// The value of `slot`, if that is one that a program may use.
    #[must_use]
    pub fn get(&self, slot: S) -> Option<&T> {
        self.values.get(slot.index())
    }

    /// The same, to be changed in its place.
    pub fn get_mut(&mut self, slot: S) -> Option<&mut T> {
        self.values.get_mut(slot.index())
    }

    /// All values, in the order of their slots.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.values.iter()
    }

    /// The same, to be changed in their places.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.values.iter_mut()
    }
}

impl<S: Slot, T> std::ops::Index<S> for SlotMap<S, T> {
    type Output = T;
    fn index(&self, slot: S) -> &T {
        &self.values[slot.index()]
    }
}

impl<S: Slot, T> std::ops::IndexMut<S> for SlotMap<S, T> {
    fn index_mut(&mut self, slot: S) -> &mut T {
        &mut self.values[slot.index()]
    }
}

/// A large value with a place of its own, so that what it belongs to stays small enough for a small stack.
#[derive(Debug)]
pub struct Parked<T>(Box<T>);

impl<T> Parked<T> {
    /// Gives `value` its place. Allocates.
    #[must_use]
    pub fn new(value: T) -> Parked<T> {
        Parked(Box::new(value))
    }
}

impl<T> std::ops::Deref for Parked<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> std::ops::DerefMut for Parked<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// A priority queue of fixed capacity: the least item first.
///
/// A binary heap: `push` and `pop` take time logarithmic in what it holds, `first` takes none.
#[derive(Debug)]
pub struct Agenda<T> {
    heap: BinaryHeap<Reverse<T>>,
    capacity: usize,
}

impl<T: Ord + Copy> Agenda<T> {
    /// An empty agenda for at most `capacity` items. Allocates.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Agenda<T> {
        Agenda { heap: BinaryHeap::with_capacity(capacity), capacity }
    }

    /// Adds `item`, or gives it back when the agenda is full.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        if self.heap.len() == self.capacity {
            return Err(item);
        }
        self.heap.push(Reverse(item));
        Ok(())
    }

    /// The least item.
    #[must_use]
    pub fn first(&self) -> Option<T> {
        self.heap.peek().map(|item| item.0)
    }

    /// Keeps only the items for which `wanted` holds. Takes time in proportion to what it holds.
    pub fn retain(&mut self, wanted: impl Fn(&T) -> bool) {
        self.heap.retain(|item| wanted(&item.0));
    }

    /// Returns whether `wanted` holds for any item. Takes time in proportion to what it holds.
    #[must_use]
    pub fn any(&self, wanted: impl Fn(&T) -> bool) -> bool {
        self.heap.iter().any(|item| wanted(&item.0))
    }

    /// Takes the least item.
    pub fn pop(&mut self) -> Option<T> {
        self.heap.pop().map(|item| item.0)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.heap.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_is_a_value() {
        let mut queue = Queue::with_capacity(2);
        assert_eq!(queue.push(1), Ok(()));
        assert_eq!(queue.push(2), Ok(()));
        assert_eq!(queue.push(3), Err(3));
        assert_eq!((queue.pop(), queue.free()), (Some(1), 1));
        let mut agenda = Agenda::with_capacity(1);
        assert_eq!(agenda.push(1), Ok(()));
        assert_eq!(agenda.push(2), Err(2));
    }

    #[test]
    fn an_agenda_is_sorted() {
        let mut agenda = Agenda::with_capacity(8);
        for item in [5, 1, 4, 1, 3] {
            agenda.push(item).unwrap();
        }
        let order: Vec<_> = std::iter::from_fn(|| agenda.pop()).collect();
        assert_eq!(order, [1, 1, 3, 4, 5]);
    }
}
