//! What only a Unix has: its sockets, pipes, and descriptors as sources.

pub use selector::{EventedFd, EventedPoll};
#[cfg(feature = "pipe")]
pub use unix_pipe::{PipeReader, PipeWriter, pipe};
#[cfg(feature = "uds")]
pub use unix_socket::{Credentials, MAX_FDS, Received, UnixDatagram, UnixListener, UnixStream};

/// The same as [`Ready`](crate::Ready), under the name that mio 0.6 had for errors, hang-ups and
/// priority data.
///
/// ```
/// use readywire::Ready;
/// use readywire::unix::UnixReady;
///
/// let interest = Ready::readable() | UnixReady::hup();
/// assert!(UnixReady::from(interest).is_hup());
/// ```
pub type UnixReady = crate::Ready;
