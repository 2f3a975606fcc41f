//! Windows: a socket is a socket handle.

use std::net;
use std::os::windows::io::{
    AsRawSocket, AsSocket, BorrowedSocket, FromRawSocket, IntoRawSocket, OwnedSocket, RawSocket,
};

use crate::UdpSocket;

/// Lends the socket. I/O through it belongs inside [`try_io`](UdpSocket::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it. Dropping the socket
/// costs the same afterwards, unlike on Unix.
impl AsSocket for UdpSocket {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.lend().as_socket()
    }
}

/// Lends the socket. I/O through it belongs inside [`try_io`](UdpSocket::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it. Dropping the socket
/// costs the same afterwards, unlike on Unix.
impl AsRawSocket for UdpSocket {
    fn as_raw_socket(&self) -> RawSocket {
        self.lend().as_raw_socket()
    }
}

impl FromRawSocket for UdpSocket {
    /// Takes over a socket as it is.
    ///
    /// # Safety
    /// The socket must be open, nobody else may own it, and it must be a UDP socket.
    /// It should be non-blocking already: on one that blocks, so do the calls here.
    unsafe fn from_raw_socket(socket: RawSocket) -> UdpSocket {
        // SAFETY: the caller guarantees that the socket is open and gives up its ownership.
        UdpSocket::from(unsafe { OwnedSocket::from_raw_socket(socket) })
    }
}

impl IntoRawSocket for UdpSocket {
    fn into_raw_socket(self) -> RawSocket {
        self.into_std().into_raw_socket()
    }
}

/// Takes over a socket as it is. It must be a UDP socket, and non-blocking already: on one that
/// blocks, so do the calls here.
impl From<OwnedSocket> for UdpSocket {
    fn from(socket: OwnedSocket) -> UdpSocket {
        UdpSocket::adopt(net::UdpSocket::from(socket))
    }
}

/// Ends the registration, if there is one. The socket stays non-blocking.
impl From<UdpSocket> for OwnedSocket {
    fn from(socket: UdpSocket) -> OwnedSocket {
        socket.into_std().into()
    }
}
