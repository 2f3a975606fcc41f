//! What a poll hands out.

use core::fmt;
use core::hash::{Hash, Hasher};

use crate::{Kinds, Ready, Token};

/// One source's readiness, as a poll hands it out.
///
/// ```
/// use readywire::{Event, Ready, Token};
///
/// let event = Event::new(Ready::WRITABLE, Token(1));
/// assert_eq!(event.token(), Token(1));
/// assert_eq!(event.readiness(), Ready::WRITABLE);
/// assert!(event.is_writable());
/// ```
///
/// Events are equal if readiness and token are: [`system_readiness`](Event::system_readiness) does not count.
#[derive(Clone, Copy)]
pub struct Event {
    kinds: Kinds,
    token: Token,
}

impl Event {
    /// Makes an event out of a readiness and a token.
    pub const fn new(readiness: Ready, token: Token) -> Event {
        Event::of(Kinds::new(readiness, Ready::empty()), token)
    }

    /// Makes an event out of what a backend reported.
    #[doc(hidden)]
    #[inline]
    pub const fn of(kinds: Kinds, token: Token) -> Event {
        Event { kinds, token }
    }

    /// Returns everything that the source was found ready for.
    pub const fn readiness(&self) -> Ready {
        self.kinds.readiness()
    }

    /// Returns what the operating system itself reported: [`readiness`](Event::readiness) without the
    /// `READABLE` and `WRITABLE` that only `ERROR` and `HUP` imply.
    ///
    /// After an error or a hang-up neither a read nor a write blocks, so that `readiness` has both, as
    /// far as the interest goes. Not every system reports them itself for every kind of source: the end
    /// of a pipe is `EPOLLHUP` alone. A program needs the difference to offer the events of another
    /// library, such as mio's.
    ///
    /// # Platform-specific behaviour
    /// On kqueue, `READABLE` is included only if the read filter reported, and `WRITABLE` only if the write
    /// filter did.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use readywire::{Events, Poll, PollOpt, Ready, Token};
    ///
    /// let (reader, writer) = readywire::unix::pipe()?;
    /// let poll = Poll::new()?;
    /// let mut events = Events::with_capacity(8);
    /// poll.register(&reader, Token(0), Ready::READABLE, PollOpt::LEVEL)?;
    /// drop(writer);
    /// poll.poll(&mut events, None)?;
    ///
    /// let event = events.get(0).unwrap();
    /// assert!(event.is_readable() && event.is_hup());
    /// assert!(!event.system_readiness().is_readable());
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias("EPOLLIN", "EPOLLOUT", "UnixReady"))]
    pub const fn system_readiness(&self) -> Ready {
        self.kinds.reported()
    }

    /// Returns the same as [`readiness`](Event::readiness), under the name that older code uses.
    pub const fn kind(&self) -> Ready {
        self.readiness()
    }

    /// Returns the token the source was registered with.
    pub const fn token(&self) -> Token {
        self.token
    }

    /// Returns whether a read would not block: there is data, the end of the stream, or an error.
    pub const fn is_readable(&self) -> bool {
        self.readiness().is_readable()
    }

    /// Returns whether a write would not block: there is room, or an error to return.
    pub const fn is_writable(&self) -> bool {
        self.readiness().is_writable()
    }

    /// Returns whether priority (out-of-band) data is there.
    pub const fn is_priority(&self) -> bool {
        self.readiness().is_priority()
    }

    /// Returns whether the source is in an error state.
    pub const fn is_error(&self) -> bool {
        self.readiness().is_error()
    }

    /// Returns whether the source hung up: both directions are closed.
    pub const fn is_hup(&self) -> bool {
        self.readiness().is_hup()
    }

    /// Returns whether nothing more will arrive after what can be read now.
    pub const fn is_read_closed(&self) -> bool {
        self.readiness().is_read_closed()
    }

    /// Returns whether nothing more can be written.
    pub const fn is_write_closed(&self) -> bool {
        self.readiness().is_write_closed()
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Event) -> bool {
        (self.readiness(), self.token) == (other.readiness(), other.token)
    }
}

impl Eq for Event {}

impl Hash for Event {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.readiness(), self.token).hash(state);
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("readiness", &self.readiness())
            .field("token", &self.token)
            .finish()
    }
}
