//! Windows: a socket is made without its flags, which are set right after.

use std::ffi::c_int;
use std::io::{self, IoSlice, IoSliceMut, Read};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// The socket is not inherited by child processes.
pub(crate) fn socket(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
    let socket = Socket::new(domain, kind, protocol)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

pub(crate) fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    accept_as(listener, true)
}

pub(crate) fn accept_blocking(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    accept_as(listener, false)
}

fn accept_as(listener: &Socket, nonblocking: bool) -> io::Result<(Socket, SockAddr)> {
    let (socket, address) = listener.accept()?;
    // The listener's mode is handed down.
    socket.set_nonblocking(nonblocking)?;
    Ok((socket, address))
}

/// Does nothing: there is no SIGPIPE here.
///
/// # Errors
/// None.
///
/// # Examples
/// ```
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// socket_calls::silence(&socket2::SockRef::from(&socket))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn silence(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

pub(crate) const SEND_FLAGS: c_int = 0;

pub(crate) fn send(socket: &Socket, buf: &[u8]) -> io::Result<usize> {
    socket.send(buf)
}

pub(crate) fn send_vectored(socket: &Socket, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    socket.send_vectored(bufs)
}

pub(crate) fn recv(mut socket: &Socket, buf: &mut [u8]) -> io::Result<usize> {
    socket.read(buf)
}

pub(crate) fn recv_vectored(mut socket: &Socket, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    socket.read_vectored(bufs)
}

/// The most buffers that are handed to one call. The system has no limit, but copies the list.
pub const MAX_BUFS: usize = 1024;

pub(crate) fn connecting(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
