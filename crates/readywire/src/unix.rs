//! What only a Unix has: descriptors as sources.

pub use selector::EventedFd;

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
