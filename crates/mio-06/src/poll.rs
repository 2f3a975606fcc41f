//! `Poll`, and what its sources need of it.

use std::fmt;
use std::io;
#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use readywire::{RegistrationError, Waker};

use crate::event::Evented;
use crate::{Events, PollOpt, Ready, Token};

/// The token that mio keeps for itself.
const RESERVED: Token = Token(usize::MAX);

/// Waits for events of the sources that are registered with it.
pub struct Poll {
    pub(crate) inner: readywire::Poll,
    pub(crate) link: Arc<Link>,
}

/// What a [`Registration`](crate::Registration) keeps of its `Poll`.
pub(crate) struct Link {
    waker: Waker,
    drains: AtomicUsize,
}

impl Link {
    /// Makes a poll return without an event.
    pub(crate) fn wake(&self) -> io::Result<()> {
        self.waker.wake()
    }

    /// Returns how many polls had room for every event, and so left none for the next poll.
    pub(crate) fn drains(&self) -> usize {
        self.drains.load(Ordering::Relaxed)
    }
}

impl Poll {
    /// Makes an instance with no source registered.
    ///
    /// # Errors
    /// Any error from the system, for example that no descriptor is left.
    pub fn new() -> io::Result<Poll> {
        let inner = new()?;
        let link = Link {
            waker: Waker::silent(&inner)?,
            drains: AtomicUsize::new(0),
        };
        Ok(Poll {
            inner,
            link: Arc::new(link),
        })
    }

    /// Registers a source: its events carry `token`.
    ///
    /// # Errors
    /// `AlreadyExists` if the source is registered already. `Other` if it was registered with another
    /// `Poll` before, or if the token is `usize::MAX`.
    pub fn register<E>(
        &self,
        source: &E,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()>
    where
        E: Evented + ?Sized,
    {
        check(token)?;
        source.register(self, token, interest, opts)
    }

    /// Changes the token, the interest and the options of a registered source.
    ///
    /// # Errors
    /// `NotFound` if the source is not registered. `Other` if the token is `usize::MAX`.
    pub fn reregister<E>(
        &self,
        source: &E,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()>
    where
        E: Evented + ?Sized,
    {
        check(token)?;
        source.reregister(self, token, interest, opts)
    }

    /// Ends the registration of a source.
    ///
    /// # Errors
    /// `NotFound` if the source is not registered.
    pub fn deregister<E>(&self, source: &E) -> io::Result<()>
    where
        E: Evented + ?Sized,
    {
        source.deregister(self)
    }

    /// Waits until a source is ready or until `timeout` has passed, and returns the number of events.
    ///
    /// It also returns, without an event, after readiness that a program had set was taken back before
    /// a poll reported it, and after a [`Registration`](crate::Registration) was dropped. Readiness that is taken
    /// back after a poll that filled `events` counts as not reported. A signal does not end the wait.
    ///
    /// # Errors
    /// `InvalidInput` if `events` has no capacity; on systems with kqueue such a poll returns zero at once.
    pub fn poll(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        self.fill(events, |inner| self.inner.poll(inner, timeout))
    }

    /// Waits as [`poll`](Poll::poll) does, and ends after a signal.
    ///
    /// # Errors
    /// `Interrupted` after a signal; otherwise those of `poll`.
    pub fn poll_interruptible(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        self.fill(events, |inner| {
            self.inner.poll_interruptible(inner, timeout)
        })
    }

    fn fill(
        &self,
        events: &mut Events,
        poll: impl FnOnce(&mut readywire::Events) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let count = events.fill(self.inner.backend(), poll)?;
        if count < events.capacity() {
            self.link.drains.fetch_add(1, Ordering::Relaxed);
        }
        Ok(count)
    }
}

/// What sockets and descriptors need.
impl Poll {
    pub(crate) fn begin(
        &self,
        source: &impl readywire::Evented,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let (interest, opts) = (interest.into_readywire(), opts.for_descriptor());
        let result = self.inner.register(source, token, interest, opts);
        result.map_err(as_mio_reports)
    }

    pub(crate) fn change(
        &self,
        source: &impl readywire::Evented,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let (interest, opts) = (interest.into_readywire(), opts.for_descriptor());
        let result = self.inner.reregister(source, token, interest, opts);
        result.map_err(as_mio_reports)
    }

    pub(crate) fn end(&self, source: &impl readywire::Evented) -> io::Result<()> {
        self.inner.deregister(source).map_err(as_mio_reports)
    }
}

#[cfg(not(mio_backend_from_environment))]
fn new() -> io::Result<readywire::Poll> {
    readywire::Poll::new()
}

/// For the tests of dependents, which have no way to choose a backend: `MIO_BACKEND` does.
#[cfg(mio_backend_from_environment)]
fn new() -> io::Result<readywire::Poll> {
    let name = std::env::var("MIO_BACKEND").map_err(io::Error::other)?;
    let backend = name.parse().map_err(io::Error::other)?;
    readywire::Poll::with_backend(backend)
}

fn check(token: Token) -> io::Result<()> {
    if token == RESERVED {
        return Err(io::Error::other("mio 0.6 reserves the token usize::MAX"));
    }
    Ok(())
}

/// Returns misuse as the error that mio has for it: on Unix the kernel's, which has a number.
fn as_mio_reports(error: io::Error) -> io::Error {
    const ENOENT: i32 = 2;
    const EEXIST: i32 = 17;

    let Some(refused) = RegistrationError::from_io(&error) else {
        return error;
    };
    let code = match error.kind() {
        io::ErrorKind::AlreadyExists if cfg!(unix) => Some(EEXIST),
        io::ErrorKind::NotFound if cfg!(unix) => Some(ENOENT),
        _ => refused.raw_os_error(),
    };
    code.map_or(error, io::Error::from_raw_os_error)
}

#[cfg(unix)]
impl AsRawFd for Poll {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl fmt::Debug for Poll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poll").finish()
    }
}
