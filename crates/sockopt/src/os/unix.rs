//! `getsockopt(2)` and `setsockopt(2)`: the only calls that this crate makes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use crate::option::Id;

/// A socket that an option can be read from or set on: whatever lends its descriptor
/// ([`AsFd`] on Unix, `AsSocket` on Windows).
///
/// Sockets of the standard library, of `socket2` and of readywire are `AsSock`, and so are
/// references to them. What is no socket is refused by the system.
///
/// # Examples
///
/// ```
/// use readywire::sockopt::{self, AsSock};
///
/// fn prepare(socket: &impl AsSock) -> std::io::Result<()> {
///     sockopt::REUSE_ADDRESS.set(socket, true)
/// }
///
/// # fn main() -> std::io::Result<()> {
/// prepare(&std::net::UdpSocket::bind("127.0.0.1:0")?)
/// # }
/// ```
pub trait AsSock: AsFd {}

impl<T: AsFd + ?Sized> AsSock for T {}

/// A borrowed socket.
pub(crate) type Sock<'a> = BorrowedFd<'a>;

#[inline]
pub(crate) fn borrow(socket: &(impl AsSock + ?Sized)) -> Sock<'_> {
    socket.as_fd()
}

/// Reads an option into `buffer`, and returns how much of it the system filled.
#[inline]
pub(crate) fn get(sock: Sock<'_>, id: Id, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the values of this crate's options are numbers and names, without pointers.
    unsafe { system_call::getsockopt(sock, id.level, id.number, buffer) }
        .map_err(|error| super::explain(id, &[libc::ENOPROTOOPT, libc::EOPNOTSUPP], error))
}

/// Sets an option to `value`. `EOPNOTSUPP` may mean here that the option is switched off.
#[inline]
pub(crate) fn set(sock: Sock<'_>, id: Id, value: &[u8]) -> io::Result<()> {
    // SAFETY: as in `get`.
    unsafe { system_call::setsockopt(sock, id.level, id.number, value) }
        .map_err(|error| super::explain(id, &[libc::ENOPROTOOPT], error))
}
