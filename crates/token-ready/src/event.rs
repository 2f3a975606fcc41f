//! What a poll hands out.

use crate::{Ready, Token};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    readiness: Ready,
    token: Token,
}

impl Event {
    /// Makes an event out of a readiness and a token.
    pub const fn new(readiness: Ready, token: Token) -> Event {
        Event { readiness, token }
    }

    /// Returns everything that the source was found ready for.
    pub const fn readiness(&self) -> Ready {
        self.readiness
    }

    /// Returns the same as [`readiness`](Event::readiness), under the name that older code uses.
    pub const fn kind(&self) -> Ready {
        self.readiness
    }

    /// Returns the token the source was registered with.
    pub const fn token(&self) -> Token {
        self.token
    }

    /// Tells whether a read would not block: there is data, the end of the stream, or an error.
    pub const fn is_readable(&self) -> bool {
        self.readiness.is_readable()
    }

    /// Tells whether a write would not block: there is room, or an error to be told.
    pub const fn is_writable(&self) -> bool {
        self.readiness.is_writable()
    }

    /// Tells whether priority (out-of-band) data is there.
    pub const fn is_priority(&self) -> bool {
        self.readiness.is_priority()
    }

    /// Tells whether the source is in an error state.
    pub const fn is_error(&self) -> bool {
        self.readiness.is_error()
    }

    /// Tells whether the source hung up: both directions are closed.
    pub const fn is_hup(&self) -> bool {
        self.readiness.is_hup()
    }

    /// Tells whether nothing more will arrive after what can be read now.
    pub const fn is_read_closed(&self) -> bool {
        self.readiness.is_read_closed()
    }

    /// Tells whether nothing more can be written.
    pub const fn is_write_closed(&self) -> bool {
        self.readiness.is_write_closed()
    }
}
