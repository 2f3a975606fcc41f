//! When a source is reported.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitXor, Sub};

use crate::ready::write_names;

/// A set of options of a registration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PollOpt(usize);

impl PollOpt {
    /// Returns the empty set, which acts as a level.
    pub fn empty() -> PollOpt {
        PollOpt(0)
    }

    /// Returns the option to report when a source becomes ready.
    pub fn edge() -> PollOpt {
        PollOpt(1)
    }

    /// Returns the option to report as long as a source is ready.
    pub fn level() -> PollOpt {
        PollOpt(1 << 1)
    }

    /// Returns the option to report once, until the source is reregistered.
    pub fn oneshot() -> PollOpt {
        PollOpt(1 << 2)
    }

    /// Returns whether the set has [`edge`](PollOpt::edge).
    pub fn is_edge(&self) -> bool {
        self.contains(PollOpt::edge())
    }

    /// Returns whether the set has [`level`](PollOpt::level).
    pub fn is_level(&self) -> bool {
        self.contains(PollOpt::level())
    }

    /// Returns whether the set has [`oneshot`](PollOpt::oneshot).
    pub fn is_oneshot(&self) -> bool {
        self.contains(PollOpt::oneshot())
    }

    /// Returns whether the set has all options of `other`.
    pub fn contains(&self, other: PollOpt) -> bool {
        *self & other == other
    }

    /// Adds the options of `other`.
    pub fn insert(&mut self, other: PollOpt) {
        self.0 |= other.0;
    }

    /// Removes the options of `other`.
    pub fn remove(&mut self, other: PollOpt) {
        self.0 &= !other.0;
    }
}

#[cfg(feature = "with-deprecated")]
impl PollOpt {
    /// Returns an option that does nothing.
    #[deprecated(note = "it does nothing")]
    pub fn urgent() -> PollOpt {
        PollOpt(1 << 3)
    }

    /// Returns the set of edge, level and oneshot.
    #[deprecated(note = "edge and level contradict each other")]
    pub fn all() -> PollOpt {
        PollOpt::edge() | PollOpt::level() | PollOpt::oneshot()
    }

    /// Returns whether the set has `urgent`.
    #[deprecated(note = "it does nothing")]
    pub fn is_urgent(&self) -> bool {
        self.contains(PollOpt::urgent())
    }

    /// Returns the set as a number.
    #[deprecated(note = "compare the sets")]
    pub fn bits(&self) -> usize {
        self.0
    }
}

/// Conversions to readywire's type, in which a level and an edge contradict each other.
impl PollOpt {
    /// Returns the options for a socket or a descriptor: with both, mio takes the level.
    pub(crate) fn for_descriptor(self) -> readywire::PollOpt {
        let trigger = if self.is_edge() && !self.is_level() {
            readywire::PollOpt::EDGE
        } else {
            readywire::PollOpt::LEVEL
        };
        if self.is_oneshot() {
            trigger | readywire::PollOpt::ONESHOT
        } else {
            trigger
        }
    }

    /// Returns the options for readiness that the program sets: with both, mio takes the edge, and a
    /// oneshot without an edge is a level.
    pub(crate) fn for_registration(self) -> readywire::PollOpt {
        match (self.is_edge(), self.is_oneshot()) {
            (true, true) => readywire::PollOpt::EDGE | readywire::PollOpt::ONESHOT,
            (true, false) => readywire::PollOpt::EDGE,
            (false, _) => readywire::PollOpt::LEVEL,
        }
    }
}

impl BitOr for PollOpt {
    type Output = PollOpt;

    fn bitor(self, other: PollOpt) -> PollOpt {
        PollOpt(self.0 | other.0)
    }
}

impl BitAnd for PollOpt {
    type Output = PollOpt;

    fn bitand(self, other: PollOpt) -> PollOpt {
        PollOpt(self.0 & other.0)
    }
}

impl BitXor for PollOpt {
    type Output = PollOpt;

    fn bitxor(self, other: PollOpt) -> PollOpt {
        PollOpt(self.0 ^ other.0)
    }
}

impl Sub for PollOpt {
    type Output = PollOpt;

    fn sub(self, other: PollOpt) -> PollOpt {
        PollOpt(self.0 & !other.0)
    }
}

#[cfg(feature = "with-deprecated")]
impl std::ops::Not for PollOpt {
    type Output = PollOpt;

    fn not(self) -> PollOpt {
        PollOpt(!self.0)
    }
}

impl fmt::Debug for PollOpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = [
            (self.is_edge(), "Edge-Triggered"),
            (self.is_level(), "Level-Triggered"),
            (self.is_oneshot(), "OneShot"),
        ];
        write_names(f, flags)
    }
}
