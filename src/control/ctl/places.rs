//! Who is connected: some to ask, some to watch, each in places of their own.
//!
//! A performer's `panic` must find a place, whoever else sits there. So those who watch take no place of those who ask; and
//! of those who ask, the one that has asked nothing for longest gives way to whoever comes.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::{MAX_CONNECTIONS, MAX_WATCHERS};

/// All places. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    list: Vec<Guest>,
    /// How often somebody has come or has asked for something.
    times: u64,
}

/// Somebody who is connected.
#[derive(Debug)]
struct Guest {
    stream: Arc<UnixStream>,
    /// When it asked last, in [`Taken::times`].
    asked: u64,
    watches: bool,
    /// Whether it has been told to go, and is about to.
    leaves: bool,
}

impl Taken {
    fn count(&self, watches: bool) -> usize {
        self.list.iter().filter(|guest| guest.watches == watches && !guest.leaves).count()
    }

    /// Whoever has asked nothing for longest hears nothing more. What it is being answered is still sent.
    fn give_way(&mut self) {
        let asks = self.list.iter_mut().filter(|guest| !guest.watches && !guest.leaves);
        if let Some(guest) = asks.min_by_key(|guest| guest.asked) {
            guest.leaves = true;
            // One that is closed already is closed.
            let _ = guest.stream.shutdown(Shutdown::Read);
        }
    }

    fn next(&mut self) -> u64 {
        self.times += 1;
        self.times
    }
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives whoever comes by `stream` a place among those who ask.
    ///
    /// # Errors
    ///
    /// When the system has no file to give, or when twice as many as may be here are still about to go.
    pub(crate) fn admit(&self, stream: &UnixStream) -> io::Result<Place> {
        let stream = Arc::new(stream.try_clone()?);
        let mut taken = self.lock();
        if taken.list.len() >= MAX_WATCHERS + 2 * MAX_CONNECTIONS {
            return Err(io::Error::other("too many are connected; try again"));
        }
        if taken.count(false) >= MAX_CONNECTIONS {
            taken.give_way();
        }
        let asked = taken.next();
        taken.list.push(Guest { stream: Arc::clone(&stream), asked, watches: false, leaves: false });
        Ok(Place { places: self.clone(), stream })
    }

    /// Makes room by one of those who ask.
    pub(crate) fn give_way(&self) {
        self.lock().give_way();
    }

    /// Returns whether nobody is connected.
    pub(crate) fn are_empty(&self) -> bool {
        self.lock().list.is_empty()
    }

    /// Nothing more is read from any of them, or nothing more goes either way.
    pub(crate) fn shut(&self, how: Shutdown) {
        for guest in &self.lock().list {
            // One that is closed already is closed.
            let _ = guest.stream.shutdown(how);
        }
    }
}

/// The place of one who is connected; free again when it is dropped.
pub(crate) struct Place {
    places: Places,
    stream: Arc<UnixStream>,
}

impl Place {
    /// Returns what is known of it, among all.
    fn with<T>(&self, act: impl FnOnce(&mut Taken, usize) -> T) -> Option<T> {
        let mut taken = self.places.lock();
        let index = taken.list.iter().position(|guest| Arc::ptr_eq(&guest.stream, &self.stream))?;
        Some(act(&mut taken, index))
    }

    /// It asks for something.
    pub(crate) fn asks(&self) {
        self.with(|taken, index| taken.list[index].asked = taken.next());
    }

    /// Returns whether somebody else has got its place.
    pub(crate) fn is_lost(&self) -> bool {
        self.with(|taken, index| taken.list[index].leaves).unwrap_or(true)
    }

    /// Moves among those who watch.
    ///
    /// # Errors
    ///
    /// When as many watch as may.
    pub(crate) fn watch(&self) -> Result<(), String> {
        let moved = self.with(|taken, index| {
            let has_room = taken.count(true) < MAX_WATCHERS;
            taken.list[index].watches |= has_room;
            has_room
        });
        match moved {
            Some(true) => Ok(()),
            _ => Err(format!("{MAX_WATCHERS} watch already; commands are heard all the same")),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().list.retain(|guest| !Arc::ptr_eq(&guest.stream, &self.stream));
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// Returns whether the other side has been told to go: its own end reads the end of everything.
    fn leaves(stream: &mut UnixStream) -> bool {
        stream.set_nonblocking(true).unwrap();
        matches!(stream.read(&mut [0]), Ok(0))
    }

    #[test]
    fn who_asks_least_gives_way_and_who_watches_does_not() {
        let places = Places::default();
        let come = |places: &Places| {
            let (client, server) = UnixStream::pair().unwrap();
            let place = places.admit(&server).unwrap();
            (client, server, place)
        };
        let watchers: Vec<_> = (0..MAX_WATCHERS).map(|_| come(&places)).collect();
        assert!(watchers.iter().all(|(.., place)| place.watch().is_ok()));
        let (.., late) = come(&places);
        assert!(late.watch().unwrap_err().contains("watch already"));
        drop(late);
        let mut asking: Vec<_> = (0..MAX_CONNECTIONS).map(|_| come(&places)).collect();
        // All but the fourth ask for something.
        asking.iter().enumerate().filter(|(index, _)| *index != 3).for_each(|(_, (.., place))| place.asks());
        let mut one_more = come(&places);
        for (index, (_, server, _)) in asking.iter_mut().enumerate() {
            assert_eq!(leaves(server), index == 3, "{index}");
        }
        // Then the first.
        let _another = come(&places);
        assert!(leaves(&mut asking[0].1) && !leaves(&mut asking[1].1) && !leaves(&mut one_more.1));
        for (_, mut server, _place) in watchers {
            assert!(!leaves(&mut server));
        }
    }
}
