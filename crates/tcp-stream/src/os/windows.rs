//! Windows: a stream is a socket handle.

use std::io::{self, IoSlice, Write};
use std::net::{self, SocketAddr};
use std::os::windows::io::{
    AsRawSocket, AsSocket, BorrowedSocket, FromRawSocket, IntoRawSocket, OwnedSocket, RawSocket,
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::TcpStream;
use crate::attempt::Probe;

/// Makes a non-blocking socket for connections to `addr` that child processes do not inherit.
pub(crate) fn socket(addr: &SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(*addr),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// There is no SIGPIPE here.
pub(crate) fn silence(_stream: &net::TcpStream) -> io::Result<()> {
    Ok(())
}

/// The most buffers that are handed to one call. The system has no limit, but copies the list.
pub(crate) const MAX_BUFS: usize = 1024;

/// Writes from at most [`MAX_BUFS`] buffers.
pub(crate) fn send_vectored(
    mut stream: &net::TcpStream,
    bufs: &[IoSlice<'_>],
) -> io::Result<usize> {
    stream.write_vectored(bufs)
}

/// Whether an error that was taken out of a socket may be told again: SO_ERROR is not cleared by
/// every implementation of Windows.
pub(crate) const ERRORS_STAY: bool = true;

/// Tells whether a connection attempt that returned `error` goes on by itself.
pub(crate) fn in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Asks how a connection attempt stands. The system does not tell one on its way from one whose
/// error was `taken`.
pub(crate) fn probe(stream: &net::TcpStream, taken: bool) -> io::Result<Probe> {
    match stream.peer_addr() {
        Ok(_) => return Ok(Probe::Connected),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
        Err(error) => return Err(error),
    }
    match sockopt::take_error(stream)? {
        Some(error) => match error.raw_os_error() {
            Some(code) => Ok(Probe::Failed(code)),
            None => Err(error),
        },
        None if taken => Ok(Probe::Over),
        None => Ok(Probe::InProgress),
    }
}

impl AsSocket for TcpStream {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.lend().as_socket()
    }
}

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
        // SAFETY: the caller vouches that the socket is open and handed over.
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
