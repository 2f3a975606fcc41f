//! `Poll` and its `Registry`.

use std::fmt;
use std::io;
#[cfg(unix)]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use crate::event::Source;
use crate::{Events, Interest, Token};

/// Waits for events of the sources that are registered with its [`Registry`].
pub struct Poll {
    registry: Registry,
}

/// Registers sources with the [`Poll`] that it belongs to.
pub struct Registry {
    pub(crate) poll: Arc<readywire::Poll>,
}

impl Poll {
    /// Makes an instance with no source registered.
    ///
    /// # Errors
    /// Any error from the system, for example that no descriptor is left.
    #[cfg(feature = "os-poll")]
    pub fn new() -> io::Result<Poll> {
        let poll = Arc::new(new()?);
        Ok(Poll {
            registry: Registry { poll },
        })
    }

    /// Returns the registry of this instance.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Waits until a source is ready, until `timeout` has passed, or until a signal arrives.
    ///
    /// # Errors
    /// `Interrupted` after a signal. `InvalidInput` if `events` has no capacity; on systems with kqueue such a
    /// poll returns at once.
    pub fn poll(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.fill(&self.registry.poll, timeout)
    }
}

#[cfg(all(feature = "os-poll", not(mio_backend_from_environment)))]
fn new() -> io::Result<readywire::Poll> {
    readywire::Poll::new()
}

/// For the tests of dependents, which have no way to choose a backend: `MIO_BACKEND` does.
#[cfg(all(feature = "os-poll", mio_backend_from_environment))]
fn new() -> io::Result<readywire::Poll> {
    let name = std::env::var("MIO_BACKEND").map_err(io::Error::other)?;
    let backend = name.parse().map_err(io::Error::other)?;
    readywire::Poll::with_backend(backend)
}

#[cfg(unix)]
impl AsRawFd for Poll {
    fn as_raw_fd(&self) -> RawFd {
        self.registry.as_raw_fd()
    }
}

impl fmt::Debug for Poll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poll").finish()
    }
}

impl Registry {
    /// Registers a source: its events carry `token`, and are edges.
    ///
    /// # Errors
    /// `AlreadyExists` if the source is registered already.
    pub fn register<S>(&self, source: &mut S, token: Token, interests: Interest) -> io::Result<()>
    where
        S: Source + ?Sized,
    {
        trace!("registering {token:?} for {interests:?}");
        source.register(self, token, interests)
    }

    /// Changes the token and the interest of a registered source.
    ///
    /// # Errors
    /// `NotFound` if the source is not registered.
    pub fn reregister<S>(&self, source: &mut S, token: Token, interests: Interest) -> io::Result<()>
    where
        S: Source + ?Sized,
    {
        trace!("reregistering {token:?} for {interests:?}");
        source.reregister(self, token, interests)
    }

    /// Ends the registration of a source.
    ///
    /// # Errors
    /// `NotFound` if the source is not registered.
    pub fn deregister<S>(&self, source: &mut S) -> io::Result<()>
    where
        S: Source + ?Sized,
    {
        trace!("deregistering a source");
        source.deregister(self)
    }

    /// Returns another registry of the same [`Poll`].
    ///
    /// # Errors
    /// None; mio's clone takes a descriptor and can fail.
    pub fn try_clone(&self) -> io::Result<Registry> {
        Ok(Registry {
            poll: Arc::clone(&self.poll),
        })
    }
}

#[cfg(unix)]
impl AsFd for Registry {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.as_fd()
    }
}

#[cfg(unix)]
impl AsRawFd for Registry {
    fn as_raw_fd(&self) -> RawFd {
        self.poll.as_raw_fd()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish()
    }
}
