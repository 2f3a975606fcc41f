//! `getsockopt(2)` and `setsockopt(2)`: the only calls that this crate makes itself.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

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
/// use sockopt::AsSock;
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

pub(crate) fn borrow(socket: &(impl AsSock + ?Sized)) -> Sock<'_> {
    socket.as_fd()
}

/// Reads an option into `buffer`, and returns how much of it the system filled.
pub(crate) fn get(sock: Sock<'_>, id: Id, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = libc::socklen_t::try_from(buffer.len()).map_err(io::Error::other)?;
    let pointer = buffer.as_mut_ptr().cast();
    // SAFETY: `pointer` is valid for writes of `length` bytes, which `buffer` owns, and the call
    // writes no more than that; `length` is a live local.
    let result = unsafe {
        libc::getsockopt(
            sock.as_raw_fd(),
            id.level,
            id.number,
            pointer,
            &raw mut length,
        )
    };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    // Some systems return the length that they would have liked to write.
    let filled = usize::try_from(length).map_err(io::Error::other)?;
    Ok(filled.min(buffer.len()))
}

/// Sets an option to `value`.
pub(crate) fn set(sock: Sock<'_>, id: Id, value: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    let pointer = value.as_ptr().cast();
    // SAFETY: `pointer` is valid for reads of `length` bytes, which `value` borrows.
    let result =
        unsafe { libc::setsockopt(sock.as_raw_fd(), id.level, id.number, pointer, length) };
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
