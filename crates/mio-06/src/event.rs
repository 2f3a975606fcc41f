//! Events, and the sources that have them.

use std::fmt;
use std::io;
use std::slice;
use std::sync::Arc;
use std::vec;

use readywire::Backend;

use crate::{Poll, PollOpt, Ready, Token};

/// Something that can be registered with a [`Poll`].
///
/// A type made of sources passes the three calls on to them.
pub trait Evented {
    /// Registers `self`; a program calls [`Poll::register`].
    ///
    /// # Errors
    /// `AlreadyExists` if it is registered already.
    fn register(&self, poll: &Poll, token: Token, interest: Ready, opts: PollOpt)
    -> io::Result<()>;

    /// Changes the registration of `self`; a program calls [`Poll::reregister`].
    ///
    /// # Errors
    /// `NotFound` if it is not registered.
    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()>;

    /// Ends the registration of `self`; a program calls [`Poll::deregister`].
    ///
    /// # Errors
    /// `NotFound` if it is not registered.
    fn deregister(&self, poll: &Poll) -> io::Result<()>;
}

impl Evented for Box<dyn Evented> {
    by_inner!(|source| **source);
}

impl<T: Evented> Evented for Box<T> {
    by_inner!(|source| **source);
}

impl<T: Evented> Evented for Arc<T> {
    by_inner!(|source| **source);
}

/// What a source is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    kind: Ready,
    token: Token,
}

impl Event {
    /// Makes an event.
    pub fn new(readiness: Ready, token: Token) -> Event {
        Event {
            kind: readiness,
            token,
        }
    }

    /// Returns what the source is ready for.
    pub fn readiness(&self) -> Ready {
        self.kind
    }

    /// Returns what the source is ready for.
    #[cfg(feature = "with-deprecated")]
    #[deprecated(note = "use `Event::readiness`")]
    pub fn kind(&self) -> Ready {
        self.kind
    }

    /// Returns the token that the source was registered with.
    pub fn token(&self) -> Token {
        self.token
    }
}

/// The events that [`Poll::poll`] has found.
pub struct Events {
    inner: readywire::Events,
    /// As mio keeps them: unchanged until the next poll, also if a source is dropped meanwhile.
    list: Vec<Event>,
    capacity: usize,
}

impl Events {
    /// Makes a list that holds at most `capacity` events of a poll.
    pub fn with_capacity(capacity: usize) -> Events {
        Events {
            inner: readywire::Events::with_capacity(capacity),
            list: Vec::with_capacity(capacity),
            capacity,
        }
    }

    /// Returns the event at `index`.
    #[deprecated(note = "iterate over the events")]
    pub fn get(&self, index: usize) -> Option<Event> {
        self.list.get(index).copied()
    }

    /// Returns how many events the last poll found.
    #[deprecated(note = "iterate over the events")]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns how many events one poll reports at most.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns whether the last poll found no event.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns an iterator over the events.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            list: self.list.iter(),
        }
    }

    /// Empties the list.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// Fills the list by a poll of readywire's on `backend`.
    pub(crate) fn fill(
        &mut self,
        backend: Backend,
        poll: impl FnOnce(&mut readywire::Events) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.list.clear();
        if self.capacity == 0 {
            return poll_without_room();
        }
        poll(&mut self.inner)?;
        let as_mio_has_it =
            |event: readywire::Event| Event::new(Ready::reported(&event, backend), event.token());
        self.list.extend(self.inner.iter().map(as_mio_has_it));
        Ok(self.list.len())
    }
}

/// Returns the result of the system call that mio makes without room for an event.
fn poll_without_room() -> io::Result<usize> {
    const EINVAL: i32 = 22;
    const ERROR_INVALID_PARAMETER: i32 = 87;

    if cfg!(windows) {
        Err(io::Error::from_raw_os_error(ERROR_INVALID_PARAMETER))
    } else if cfg!(any(
        target_vendor = "apple",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    )) {
        // `kevent(2)` returns at once.
        Ok(0)
    } else {
        Err(io::Error::from_raw_os_error(EINVAL))
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("capacity", &self.capacity)
            .finish()
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = Event;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for Events {
    type Item = Event;
    type IntoIter = vec::IntoIter<Event>;

    fn into_iter(self) -> vec::IntoIter<Event> {
        self.list.into_iter()
    }
}

/// An iterator over [`Events`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    list: slice::Iter<'a, Event>,
}

impl Iterator for Iter<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.list.next().copied()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.list.size_hint()
    }
}
