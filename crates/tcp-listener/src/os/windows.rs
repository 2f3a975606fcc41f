//! Windows: a listener is a socket handle.

use std::io;
use std::net;
use std::os::windows::io::{
    AsRawSocket, AsSocket, BorrowedSocket, FromRawSocket, IntoRawSocket, OwnedSocket, RawSocket,
};

use socket2::Socket;

use crate::TcpListener;

/// Does nothing: `SO_REUSEADDR` would let two listeners have one port here, and what it does
/// elsewhere is the rule.
pub(crate) fn reuse_address(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

/// Lends the socket. I/O through it belongs inside [`try_io`](TcpListener::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it. Dropping the listener
/// costs the same afterwards, unlike on Unix.
impl AsSocket for TcpListener {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.lend().as_socket()
    }
}

/// Lends the socket. I/O through it belongs inside [`try_io`](TcpListener::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it. Dropping the listener
/// costs the same afterwards, unlike on Unix.
impl AsRawSocket for TcpListener {
    fn as_raw_socket(&self) -> RawSocket {
        self.lend().as_raw_socket()
    }
}

impl FromRawSocket for TcpListener {
    /// Takes over a socket as it is.
    ///
    /// # Safety
    /// The socket must be open, nobody else may own it, and it must be a TCP socket that listens.
    /// It should be non-blocking already: on one that blocks, so does `accept`.
    unsafe fn from_raw_socket(socket: RawSocket) -> TcpListener {
        // SAFETY: the caller guarantees that the socket is open and gives up its ownership.
        TcpListener::from(unsafe { OwnedSocket::from_raw_socket(socket) })
    }
}

impl IntoRawSocket for TcpListener {
    fn into_raw_socket(self) -> RawSocket {
        self.into_std().into_raw_socket()
    }
}

/// Takes over a socket as it is. It must be a TCP socket that listens, and non-blocking already:
/// on one that blocks, so does `accept`.
impl From<OwnedSocket> for TcpListener {
    fn from(socket: OwnedSocket) -> TcpListener {
        TcpListener::adopt(net::TcpListener::from(socket))
    }
}

/// Ends the registration, if there is one. The socket stays non-blocking.
impl From<TcpListener> for OwnedSocket {
    fn from(listener: TcpListener) -> OwnedSocket {
        listener.into_std().into()
    }
}
