//! When readiness is reported.

use core::fmt;

bitflags::bitflags! {
    /// When a source's readiness is reported: level, edge, oneshot, or oneshot with either.
    ///
    /// The empty set means level. Level and edge together contradict each other and are refused
    /// when registering.
    ///
    /// ```
    /// use readywire::PollOpt;
    ///
    /// let opts = PollOpt::edge() | PollOpt::oneshot();
    /// assert!(opts.is_edge() && opts.is_oneshot() && !opts.is_level());
    /// assert_eq!(format!("{opts:?}"), "EDGE | ONESHOT");
    /// ```
    #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct PollOpt: u8 {
        /// Reported when the condition arises; the caller then drains the source. What drains it is
        /// in the docs of the `Poll`.
        const EDGE = 1 << 0;
        /// Reported at every poll while the condition holds.
        const LEVEL = 1 << 1;
        /// Reported once, then silent until reregistered.
        const ONESHOT = 1 << 2;
        /// If the source is registered with several `Poll`s through duplicates of its descriptor, an event is
        /// reported to at least one of them, but not to all (`EPOLLEXCLUSIVE`). It can be combined with level or
        /// edge.
        ///
        /// Linux and Android alone have it, on epoll; elsewhere registering is `Unsupported`.
        #[doc(alias = "EPOLLEXCLUSIVE")]
        const EXCLUSIVE = 1 << 3;
    }
}

impl PollOpt {
    /// Returns [`PollOpt::EDGE`].
    pub const fn edge() -> PollOpt {
        PollOpt::EDGE
    }

    /// Returns [`PollOpt::LEVEL`].
    pub const fn level() -> PollOpt {
        PollOpt::LEVEL
    }

    /// Returns [`PollOpt::ONESHOT`].
    pub const fn oneshot() -> PollOpt {
        PollOpt::ONESHOT
    }

    /// Returns [`PollOpt::EXCLUSIVE`].
    pub const fn exclusive() -> PollOpt {
        PollOpt::EXCLUSIVE
    }

    /// Returns whether [`PollOpt::EDGE`] is in the set.
    pub const fn is_edge(&self) -> bool {
        self.contains(PollOpt::EDGE)
    }

    /// Returns whether [`PollOpt::LEVEL`] is in the set.
    pub const fn is_level(&self) -> bool {
        self.contains(PollOpt::LEVEL)
    }

    /// Returns whether [`PollOpt::ONESHOT`] is in the set.
    pub const fn is_oneshot(&self) -> bool {
        self.contains(PollOpt::ONESHOT)
    }

    /// Returns whether [`PollOpt::EXCLUSIVE`] is in the set.
    pub const fn is_exclusive(&self) -> bool {
        self.contains(PollOpt::EXCLUSIVE)
    }
}

impl fmt::Debug for PollOpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("(empty)");
        }
        bitflags::parser::to_writer(self, f)
    }
}
