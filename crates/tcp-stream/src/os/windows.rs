//! Windows: a stream is a socket handle.

use std::io;
use std::net;
use std::os::windows::io::{
    AsRawSocket, AsSocket, BorrowedSocket, FromRawSocket, IntoRawSocket, OwnedSocket, RawSocket,
};

use windows_sys::Win32::Networking::WinSock::WSAESHUTDOWN;

use crate::TcpStream;
use crate::attempt::{Attempted, Probe};

/// Whether the system may report an error again that was taken out of a socket: not every implementation of Windows
/// clears SO_ERROR.
pub(crate) const ERRORS_STAY: bool = true;

/// Converts the error of a write for the caller. The standard library has no kind for the error of a half that was
/// shut down.
pub(crate) fn write_error(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(WSAESHUTDOWN) {
        io::Error::new(io::ErrorKind::BrokenPipe, error)
    } else {
        error
    }
}

/// Asks how a connection attempt stands. The system does not distinguish an attempt in progress from one whose error
/// was `taken`.
pub(crate) fn probe(socket: &impl Attempted, taken: bool) -> io::Result<Probe> {
    match socket.peer() {
        Ok(()) => return Ok(Probe::Connected),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
        Err(error) => return Err(error),
    }
    match socket.take_error()? {
        Some(error) => match error.raw_os_error() {
            Some(code) => Ok(Probe::Failed(code)),
            None => Err(error),
        },
        None if taken => Ok(Probe::Over),
        None => receive(socket),
    }
}

/// Where a connection was made and lost, and the address is forgotten with it, only receiving
/// tells.
pub(crate) fn receive(socket: &impl Attempted) -> io::Result<Probe> {
    match socket.peek() {
        Ok(0) => Ok(Probe::of_end(socket)),
        Ok(_) => Ok(Probe::Connected),
        Err(error) => match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::NotConnected | io::ErrorKind::WouldBlock, _) => Ok(Probe::InProgress),
            (_, Some(code)) => Ok(Probe::Failed(code)),
            (_, None) => Err(error),
        },
    }
}

/// Lends the socket. I/O through it belongs inside [`try_io`](TcpStream::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it. Dropping the stream
/// costs the same afterwards, unlike on Unix.
impl AsSocket for TcpStream {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.lend().as_socket()
    }
}

/// Lends the socket. I/O through it belongs inside [`try_io`](TcpStream::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it. Dropping the stream
/// costs the same afterwards, unlike on Unix.
impl AsRawSocket for TcpStream {
    fn as_raw_socket(&self) -> RawSocket {
        self.lend().as_raw_socket()
    }
}

impl FromRawSocket for TcpStream {
    /// Takes over a socket as it is.
    ///
    /// # Safety
    /// The socket must be open, nobody else may own it, and it must be a TCP socket. It should be
    /// non-blocking already: on one that blocks, so do reads and writes.
    unsafe fn from_raw_socket(socket: RawSocket) -> TcpStream {
        // SAFETY: the caller guarantees that the socket is open and gives up its ownership.
        TcpStream::from(unsafe { OwnedSocket::from_raw_socket(socket) })
    }
}

impl IntoRawSocket for TcpStream {
    fn into_raw_socket(self) -> RawSocket {
        self.into_std().into_raw_socket()
    }
}

/// Takes over a socket as it is. It must be a TCP socket, and non-blocking already: on one that
/// blocks, so do reads and writes.
impl From<OwnedSocket> for TcpStream {
    fn from(socket: OwnedSocket) -> TcpStream {
        TcpStream::adopt(net::TcpStream::from(socket))
    }
}

/// Ends the registration, if there is one. The socket stays non-blocking.
impl From<TcpStream> for OwnedSocket {
    fn from(stream: TcpStream) -> OwnedSocket {
        stream.into_std().into()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use windows_sys::Win32::Networking::WinSock::WSAECONNRESET;

    use super::*;

    #[test]
    fn a_write_to_what_was_shut_down_is_a_broken_pipe() {
        let broken = write_error(Error::from_raw_os_error(WSAESHUTDOWN));
        assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
        let system = broken.into_inner().expect("the system's error");
        let system = system.downcast::<Error>().expect("as it was");
        assert_eq!(system.raw_os_error(), Some(WSAESHUTDOWN));
        let reset = write_error(Error::from_raw_os_error(WSAECONNRESET));
        assert_eq!(reset.raw_os_error(), Some(WSAECONNRESET));
    }
}
