//! What only Unix has: descriptors as sources, and the kinds of readiness.

use std::fmt;
use std::io;
use std::ops::{BitAnd, BitOr, BitXor, Deref, DerefMut, Sub};
use std::os::fd::RawFd;

use crate::event::Evented;
use crate::ready::write_names;
use crate::{Poll, PollOpt, Ready, Token};

/// A descriptor as a source. Its owner keeps it open as long as it is registered.
#[derive(Debug)]
pub struct EventedFd<'a>(
    /// The descriptor.
    pub &'a RawFd,
);

impl Evented for EventedFd<'_> {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        poll.begin(&readywire::unix::EventedFd(self.0), token, interest, opts)
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        poll.change(&readywire::unix::EventedFd(self.0), token, interest, opts)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        poll.end(&readywire::unix::EventedFd(self.0))
    }
}

/// A set of the kinds of readiness, with those that only Unix has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixReady(Ready);

impl UnixReady {
    /// Returns the empty set: readywire does not report asynchronous I/O.
    #[deprecated(note = "nothing reports it")]
    pub fn aio() -> UnixReady {
        UnixReady(Ready::empty())
    }

    /// Returns the kind of an error.
    pub fn error() -> UnixReady {
        UnixReady(Ready::ERROR)
    }

    /// Returns the kind of a hang-up: nothing can be read and nothing be written any more.
    pub fn hup() -> UnixReady {
        UnixReady(Ready::HUP)
    }

    /// Returns the kind of priority data.
    pub fn priority() -> UnixReady {
        UnixReady(Ready::PRIORITY)
    }

    /// Returns `false`: readywire does not report asynchronous I/O.
    #[deprecated(note = "nothing reports it")]
    pub fn is_aio(&self) -> bool {
        false
    }

    /// Returns whether the set has [`error`](UnixReady::error).
    pub fn is_error(&self) -> bool {
        self.contains(Ready::ERROR)
    }

    /// Returns whether the set has [`hup`](UnixReady::hup).
    pub fn is_hup(&self) -> bool {
        self.contains(Ready::HUP)
    }

    /// Returns whether the set has [`priority`](UnixReady::priority).
    pub fn is_priority(&self) -> bool {
        self.contains(Ready::PRIORITY)
    }
}

impl From<Ready> for UnixReady {
    fn from(ready: Ready) -> UnixReady {
        UnixReady(ready)
    }
}

impl From<UnixReady> for Ready {
    fn from(ready: UnixReady) -> Ready {
        ready.0
    }
}

impl Deref for UnixReady {
    type Target = Ready;

    fn deref(&self) -> &Ready {
        &self.0
    }
}

impl DerefMut for UnixReady {
    fn deref_mut(&mut self) -> &mut Ready {
        &mut self.0
    }
}

impl BitOr for UnixReady {
    type Output = UnixReady;

    fn bitor(self, other: UnixReady) -> UnixReady {
        UnixReady(self.0 | other.0)
    }
}

impl BitAnd for UnixReady {
    type Output = UnixReady;

    fn bitand(self, other: UnixReady) -> UnixReady {
        UnixReady(self.0 & other.0)
    }
}

impl BitXor for UnixReady {
    type Output = UnixReady;

    fn bitxor(self, other: UnixReady) -> UnixReady {
        UnixReady(self.0 ^ other.0)
    }
}

impl Sub for UnixReady {
    type Output = UnixReady;

    fn sub(self, other: UnixReady) -> UnixReady {
        UnixReady(self.0 - other.0)
    }
}

#[cfg(feature = "with-deprecated")]
impl std::ops::Not for UnixReady {
    type Output = UnixReady;

    fn not(self) -> UnixReady {
        UnixReady(!self.0)
    }
}

impl fmt::Debug for UnixReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = [
            (self.is_readable(), "Readable"),
            (self.is_writable(), "Writable"),
            (UnixReady::is_error(self), "Error"),
            (UnixReady::is_hup(self), "Hup"),
            (self.is_priority(), "Priority"),
        ];
        write_names(f, flags)
    }
}
