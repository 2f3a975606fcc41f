//! Waking a `Poll` from another thread.

use std::io;

#[cfg(feature = "os-poll")]
use crate::{Registry, Token};

/// Makes a [`Poll`](crate::Poll) return with a readable event, from any thread.
///
/// As many as one likes may belong to one `Poll`; mio allows one.
#[derive(Debug)]
pub struct Waker {
    inner: readywire::Waker,
}

impl Waker {
    /// Makes a waker whose events carry `token`.
    ///
    /// # Errors
    /// Any error from the system, for example that no descriptor is left.
    #[cfg(feature = "os-poll")]
    pub fn new(registry: &Registry, token: Token) -> io::Result<Waker> {
        let inner = readywire::Waker::new(&registry.poll, token)?;
        Ok(Waker { inner })
    }

    /// Wakes the `Poll`. Wakes that it has not seen yet become one event.
    ///
    /// # Errors
    /// Any error from the system.
    pub fn wake(&self) -> io::Result<()> {
        self.inner.wake()
    }
}
