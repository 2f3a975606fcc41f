//! `getsockopt(2)` and `setsockopt(2)`: the only calls that this crate makes.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use crate::error::OptionError;
use crate::option::Id;

/// A socket that an option can be read from or set on: whatever lends its descriptor
/// ([`AsFd`] on Unix, `AsSocket` on Windows).
///
/// Sockets of the standard library, of `socket2` and of readywire are `AsSock`, and so are
/// references to them. Any other descriptor fails with `ENOTSOCK`.
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

/// Reads an option into `buffer` (`getsockopt(2)`), and returns how much of it the kernel filled.
#[inline]
pub(crate) fn get(sock: Sock<'_>, id: Id, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = length(buffer);
    // SAFETY: the kernel writes at most `len` bytes, all of them the buffer's. The values of this crate's
    // options are numbers and names, without pointers.
    check(unsafe {
        libc::getsockopt(
            sock.as_raw_fd(),
            id.level,
            id.number,
            buffer.as_mut_ptr().cast::<c_void>(),
            &raw mut len,
        )
    })
    .map_err(|error| super::explain(id, &[libc::ENOPROTOOPT, libc::EOPNOTSUPP], error))?;
    // Some systems return the length of the whole value where there was room for a part.
    Ok(buffer.len().min(len as usize))
}

/// Sets an option to `value` (`setsockopt(2)`).
#[inline]
pub(crate) fn set(sock: Sock<'_>, id: Id, value: &[u8]) -> io::Result<()> {
    // SAFETY: the kernel reads `value` for its length. The values of this crate's options are numbers and
    // names, without pointers.
    check(unsafe {
        libc::setsockopt(
            sock.as_raw_fd(),
            id.level,
            id.number,
            value.as_ptr().cast::<c_void>(),
            length(value),
        )
    })
    .map_err(|error| refused(sock, id, error))
}

/// Explains an error of `setsockopt(2)`. `EOPNOTSUPP` has two meanings there: an option that the socket does not
/// have, which cannot be read either, and one that the administrator switched off, which can.
#[cold]
fn refused(sock: Sock<'_>, id: Id, error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(libc::EOPNOTSUPP) {
        let read = get(sock, id, &mut [0; size_of::<c_int>()]);
        return read
            .err()
            .filter(|unread| OptionError::from_io(unread).is_some())
            .unwrap_or(error);
    }
    super::explain(id, &[libc::ENOPROTOOPT], error)
}

fn length(value: &[u8]) -> libc::socklen_t {
    libc::socklen_t::try_from(value.len()).unwrap_or(libc::socklen_t::MAX)
}

fn check(result: c_int) -> io::Result<()> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
