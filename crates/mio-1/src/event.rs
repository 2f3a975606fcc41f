//! Events, and the sources that have them.

use std::fmt;
use std::io;
use std::slice;
use std::time::Duration;

use readywire::Ready;

use crate::{Interest, Registry, Token};

/// Something that can be registered with a [`Registry`].
///
/// A type made of sources passes the three calls on to them.
pub trait Source {
    /// Registers `self`. Only [`Registry::register`] calls this.
    ///
    /// # Errors
    /// `AlreadyExists` if it is registered already.
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()>;

    /// Changes the registration of `self`. Only [`Registry::reregister`] calls this.
    ///
    /// # Errors
    /// `NotFound` if it is not registered.
    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()>;

    /// Ends the registration of `self`. Only [`Registry::deregister`] calls this.
    ///
    /// # Errors
    /// `NotFound` if it is not registered.
    fn deregister(&mut self, registry: &Registry) -> io::Result<()>;
}

impl<T: Source + ?Sized> Source for Box<T> {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        (**self).register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        (**self).reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        (**self).deregister(registry)
    }
}

/// What a source is ready for.
#[derive(Clone)]
#[repr(transparent)]
pub struct Event {
    inner: readywire::Event,
}

impl Event {
    /// Returns the token that the source was registered with.
    pub fn token(&self) -> Token {
        self.inner.token()
    }

    /// Returns whether the system reported that a read would not block.
    pub fn is_readable(&self) -> bool {
        let reported = self.inner.system_readiness();
        reported.is_readable() || reported.is_priority()
    }

    /// Returns whether the system reported that a write would not block.
    pub fn is_writable(&self) -> bool {
        self.inner.system_readiness().is_writable()
    }

    /// Returns whether the source has an error.
    pub fn is_error(&self) -> bool {
        self.inner.is_error()
    }

    /// Returns whether nothing more arrives after what can be read now.
    pub fn is_read_closed(&self) -> bool {
        let reported = self.inner.system_readiness();
        reported.is_hup() || reported.is_readable() && reported.is_read_closed()
    }

    /// Returns whether nothing more can be written.
    pub fn is_write_closed(&self) -> bool {
        let reported = self.inner.system_readiness();
        let failed = reported.is_error() && reported.is_writable();
        // Of a hang-up outside the interest, the flag of the direction is missing.
        reported.is_hup() || reported.is_write_closed() || failed || reported == Ready::ERROR
    }

    /// Returns whether there is priority data.
    pub fn is_priority(&self) -> bool {
        self.inner.is_priority()
    }

    /// Returns `false`: readywire does not report asynchronous I/O.
    pub fn is_aio(&self) -> bool {
        false
    }

    /// Returns `false`: readywire does not report lists of asynchronous I/O.
    pub fn is_lio(&self) -> bool {
        false
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("token", &self.token())
            .field("readable", &self.is_readable())
            .field("writable", &self.is_writable())
            .field("error", &self.is_error())
            .field("read_closed", &self.is_read_closed())
            .field("write_closed", &self.is_write_closed())
            .field("priority", &self.is_priority())
            .field("aio", &self.is_aio())
            .field("lio", &self.is_lio())
            .finish()
    }
}

/// The events that [`Poll::poll`](crate::Poll::poll) has found.
pub struct Events {
    inner: readywire::Events,
    /// As mio hands them out: by reference, and unchanged until the next poll.
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

    pub(crate) fn fill(
        &mut self,
        poll: &readywire::Poll,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        self.list.clear();
        if self.capacity == 0 {
            return poll_without_room();
        }
        poll.poll_interruptible(&mut self.inner, timeout)?;
        let events = self.inner.iter().map(|inner| Event { inner });
        self.list.extend(events);
        Ok(())
    }
}

/// Returns what the system call comes to that mio makes without room for an event.
fn poll_without_room() -> io::Result<()> {
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
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(EINVAL))
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.fmt(f)
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = &'a Event;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// An iterator over [`Events`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    list: slice::Iter<'a, Event>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Event;

    fn next(&mut self) -> Option<&'a Event> {
        self.list.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.list.size_hint()
    }

    fn count(self) -> usize {
        self.list.count()
    }
}
