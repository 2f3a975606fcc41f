//! Sockets, as the driver below Winsock knows them.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::RawSocket;
use std::ptr;

use windows_sys::Win32::Networking::WinSock::{
    FIONBIO, INVALID_SOCKET, SIO_BASE_HANDLE, SIO_BSP_HANDLE_POLL, SOCKET, WSAENOTSOCK, WSAIoctl,
    ioctlsocket,
};

/// Finds the driver's own handle of a socket, below the service providers that a program such as a
/// virus scanner may have put on top.
pub(super) fn base(socket: RawSocket) -> io::Result<SOCKET> {
    let mut socket = socket as SOCKET;
    loop {
        let error = match ask(socket, SIO_BASE_HANDLE) {
            Ok(base) => return Ok(base),
            Err(error) => error,
        };
        if error.raw_os_error() == Some(WSAENOTSOCK) {
            return Err(error);
        }
        // Some providers keep the base to themselves, but say who is next below them.
        match ask(socket, SIO_BSP_HANDLE_POLL) {
            Ok(next) if next != socket => socket = next,
            _ => return Err(error),
        }
    }
}

/// Sets a socket to non-blocking.
pub(super) fn set_nonblocking(socket: RawSocket) -> io::Result<()> {
    let mut on = 1;
    // SAFETY: the call reads one number, which outlives it. The system checks the socket.
    let result = unsafe { ioctlsocket(socket as SOCKET, FIONBIO, &mut on) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn ask(socket: SOCKET, code: u32) -> io::Result<SOCKET> {
    let mut answer: SOCKET = INVALID_SOCKET;
    let mut count = 0;
    // SAFETY: the answer is a socket, for which there is room; the call is not an overlapped one,
    // so that it is over when it returns. The system checks the socket.
    let result = unsafe {
        WSAIoctl(
            socket,
            code,
            ptr::null(),
            0,
            (&raw mut answer).cast::<c_void>(),
            size_of::<SOCKET>() as u32,
            &mut count,
            ptr::null_mut(),
            None,
        )
    };
    if result != 0 || answer == INVALID_SOCKET {
        return Err(io::Error::last_os_error());
    }
    Ok(answer)
}
