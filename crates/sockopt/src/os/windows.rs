//! `getsockopt` and `setsockopt` of Winsock: the only calls that this crate makes itself.

use std::io;
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket};

use windows_sys::Win32::Networking::WinSock::{self, SOCKET, SOCKET_ERROR};

use crate::option::Id;

/// A socket that an option can be read from or set on: whatever lends its handle
/// ([`AsSocket`] on Windows, `AsFd` on Unix).
///
/// Sockets of the standard library, of `socket2` and of readywire are `AsSock`, and so are
/// references to them.
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
pub trait AsSock: AsSocket {}

impl<T: AsSocket + ?Sized> AsSock for T {}

/// A borrowed socket.
pub(crate) type Sock<'a> = BorrowedSocket<'a>;

pub(crate) fn borrow(socket: &(impl AsSock + ?Sized)) -> Sock<'_> {
    socket.as_socket()
}

/// Reads an option into `buffer`, and returns how much of it the system filled.
pub(crate) fn get(sock: Sock<'_>, id: Id, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = i32::try_from(buffer.len()).map_err(io::Error::other)?;
    let handle = handle(sock)?;
    let pointer = buffer.as_mut_ptr();
    // SAFETY: `pointer` is valid for writes of `length` bytes, which `buffer` owns, and the call
    // writes no more than that; `length` is a live local.
    let result =
        unsafe { WinSock::getsockopt(handle, id.level, id.number, pointer, &raw mut length) };
    if result == SOCKET_ERROR {
        return Err(super::explain(
            id,
            &[WinSock::WSAENOPROTOOPT],
            io::Error::last_os_error(),
        ));
    }
    let filled = usize::try_from(length).map_err(io::Error::other)?;
    Ok(filled.min(buffer.len()))
}

/// Sets an option to `value`.
pub(crate) fn set(sock: Sock<'_>, id: Id, value: &[u8]) -> io::Result<()> {
    let length = i32::try_from(value.len()).map_err(io::Error::other)?;
    let handle = handle(sock)?;
    // SAFETY: the pointer is valid for reads of `length` bytes, which `value` borrows.
    let result =
        unsafe { WinSock::setsockopt(handle, id.level, id.number, value.as_ptr(), length) };
    if result == SOCKET_ERROR {
        Err(super::explain(
            id,
            &[WinSock::WSAENOPROTOOPT],
            io::Error::last_os_error(),
        ))
    } else {
        Ok(())
    }
}

/// The handle, in the integer of the system's own headers.
fn handle(sock: Sock<'_>) -> io::Result<SOCKET> {
    SOCKET::try_from(sock.as_raw_socket()).map_err(io::Error::other)
}
