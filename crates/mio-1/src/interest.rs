//! What a source is registered for.

use std::fmt;
use std::num::NonZeroU8;
use std::ops::{BitOr, BitOrAssign};

/// What a source is registered for: a set of kinds that is never empty.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interest(NonZeroU8);

const fn set(bits: u8) -> Interest {
    match NonZeroU8::new(bits) {
        Some(bits) => Interest(bits),
        None => panic!("an interest is never empty"),
    }
}

const READABLE: u8 = 0b0_0001;
const WRITABLE: u8 = 0b0_0010;
const AIO: u8 = 0b0_0100;
const LIO: u8 = 0b0_1000;
const PRIORITY: u8 = 0b1_0000;

impl Interest {
    /// Readable events.
    pub const READABLE: Interest = set(READABLE);

    /// Writable events.
    pub const WRITABLE: Interest = set(WRITABLE);

    /// Completed asynchronous I/O. readywire reports none.
    #[cfg(any(
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "ios",
        target_os = "macos",
        target_os = "tvos",
        target_os = "visionos",
        target_os = "watchos",
    ))]
    pub const AIO: Interest = set(AIO);

    /// Completed lists of asynchronous I/O. readywire reports none.
    #[cfg(target_os = "freebsd")]
    pub const LIO: Interest = set(LIO);

    /// Priority events, such as urgent data.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const PRIORITY: Interest = set(PRIORITY);

    /// Returns the union of both, also in constants.
    #[must_use = "returns the union and leaves self as it is"]
    pub const fn add(self, other: Interest) -> Interest {
        set(self.0.get() | other.0.get())
    }

    /// Returns what is left without `other`, `None` if that is nothing.
    #[must_use = "returns the difference and leaves self as it is"]
    pub fn remove(self, other: Interest) -> Option<Interest> {
        NonZeroU8::new(self.0.get() & !other.0.get()).map(Interest)
    }

    /// Returns whether readable events are included.
    #[must_use]
    pub const fn is_readable(self) -> bool {
        self.0.get() & READABLE != 0
    }

    /// Returns whether writable events are included.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.0.get() & WRITABLE != 0
    }

    /// Returns whether completed asynchronous I/O is included.
    #[must_use]
    pub const fn is_aio(self) -> bool {
        self.0.get() & AIO != 0
    }

    /// Returns whether completed lists of asynchronous I/O are included.
    #[must_use]
    pub const fn is_lio(self) -> bool {
        self.0.get() & LIO != 0
    }

    /// Returns whether priority events are included.
    #[must_use]
    pub const fn is_priority(self) -> bool {
        self.0.get() & PRIORITY != 0
    }
}

impl BitOr for Interest {
    type Output = Interest;

    #[inline]
    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl BitOrAssign for Interest {
    #[inline]
    fn bitor_assign(&mut self, other: Interest) {
        *self = *self | other;
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (self.is_readable(), "READABLE"),
            (self.is_writable(), "WRITABLE"),
            (self.is_priority(), "PRIORITY"),
            (self.is_aio(), "AIO"),
            (self.is_lio(), "LIO"),
        ];
        let included = names.iter().filter(|(included, _)| *included);
        for (position, (_, name)) in included.enumerate() {
            let separator = if position == 0 { "" } else { " | " };
            write!(f, "{separator}{name}")?;
        }
        Ok(())
    }
}
