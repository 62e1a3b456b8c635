//! What decides whether an event is played.

/// The most conditions one event may be under.
pub const MAX_CONDITIONS: usize = 32;

/// The place of a guard among those of its loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardIndex(pub std::num::NonZeroU32);

impl GuardIndex {
    /// The guard in place `index` of [`Steps::guards`](super::Steps::guards).
    #[must_use]
    pub const fn new(index: u32) -> Option<GuardIndex> {
        // One is added, so that there is a value for "none" that takes no space.
        match index.checked_add(1) {
            Some(above) => match std::num::NonZeroU32::new(above) {
                Some(above) => Some(GuardIndex(above)),
                None => None,
            },
            None => None,
        }
    }

    /// The place.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// A condition, and the next one that has to hold as well. Chains have at most [`MAX_CONDITIONS`] links and no circles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// What has to hold.
    pub condition: Condition,
    /// What has to hold too. Always later in the list than this one.
    pub next: Option<GuardIndex>,
}

/// What decides whether an event is played. Passes count from 0, from where the lane began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is turn number `turn` (from 0) of each `of` passes.
    Turn {
        /// Below `of`.
        turn: u32,
        /// Positive.
        of: u32,
    },
    /// It is any turn but this one.
    NotTurn {
        /// Below `of`.
        turn: u32,
        /// Positive.
        of: u32,
    },
    /// Of the passes that are not number `left_out` of each `each`, counted alone, it is turn number `turn` of each `of`.
    TurnAmong {
        /// Below `of`.
        turn: u32,
        /// Positive.
        of: u32,
        /// Below `each`.
        left_out: u32,
        /// At least 2.
        each: u32,
    },
    /// It is the first pass of all.
    Once,
    /// Chance wants it, in so many of 100 cases.
    Chance {
        /// 0 to 100.
        percent: u8,
        /// Which die is thrown. Events with the same die share its fall.
        die: u32,
    },
    /// A die with `of` sides shows this one.
    Side {
        /// Below `of`.
        side: u32,
        /// Positive.
        of: u32,
        /// Which die is thrown.
        die: u32,
    },
    /// The performer asks for a fill, or does not.
    Fill(bool),
}
