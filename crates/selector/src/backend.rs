//! The operating system's interfaces by name.

use std::fmt;
use std::io;
use std::str::FromStr;

use crate::sys;

/// An interface of the operating system that reports which sources are ready.
///
/// ```
/// use readywire::{Backend, Poll};
///
/// for &backend in Backend::available() {
///     let poll = Poll::with_backend(backend)?;
///     assert_eq!(poll.backend(), backend);
///     assert_eq!(backend.to_string().parse::<Backend>()?, backend);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// `epoll(7)`: Linux and Android.
    #[doc(alias = "epoll_wait")]
    Epoll,
    /// `kqueue(2)`: macOS and the BSDs.
    #[doc(alias = "kevent")]
    Kqueue,
    /// `poll(2)`: any Unix. Edges and oneshots are emulated; a poll costs time in proportion to
    /// the number of sources.
    #[doc(alias = "poll")]
    Poll,
    /// The Ancillary Function Driver through an I/O completion port: Windows 10 and later. Edges
    /// and oneshots are emulated.
    #[doc(alias = "IOCTL_AFD_POLL")]
    Afd,
}

impl Backend {
    const ALL: [Backend; 4] = [Backend::Epoll, Backend::Kqueue, Backend::Poll, Backend::Afd];

    /// Returns the backends of this system, the one that [`Poll::new`](crate::Poll::new) takes
    /// first.
    pub const fn available() -> &'static [Backend] {
        sys::BACKENDS
    }

    const fn name(self) -> &'static str {
        match self {
            Backend::Epoll => "epoll",
            Backend::Kqueue => "kqueue",
            Backend::Poll => "poll",
            Backend::Afd => "afd",
        }
    }

    pub(crate) fn unavailable(self) -> io::Error {
        let error = format!(
            "no {self} on this system; there is {}",
            names(sys::BACKENDS)
        );
        io::Error::new(io::ErrorKind::Unsupported, error)
    }
}

fn names(backends: &[Backend]) -> String {
    let names: Vec<&str> = backends.iter().map(|backend| backend.name()).collect();
    names.join(", ")
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Backend {
    type Err = io::Error;

    /// Reads a backend's name: `epoll`, `kqueue`, `poll` or `afd`.
    ///
    /// # Errors
    /// `InvalidInput` for any other word, naming the ones allowed.
    fn from_str(name: &str) -> io::Result<Backend> {
        Backend::ALL
            .into_iter()
            .find(|backend| backend.name() == name)
            .ok_or_else(|| {
                let error = format!("no backend {name:?}; there are {}", names(&Backend::ALL));
                io::Error::new(io::ErrorKind::InvalidInput, error)
            })
    }
}
