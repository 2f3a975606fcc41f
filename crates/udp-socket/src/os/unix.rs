//! Unix: a socket is a file descriptor.

use std::net;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use crate::UdpSocket;

/// Lends the descriptor. I/O through it belongs inside [`try_io`](UdpSocket::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it.
///
/// From the first call on, dropping the socket while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on. Options need no
/// descriptor: see [`get`](UdpSocket::get) and [`set`](UdpSocket::set).
impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lend().as_fd()
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](UdpSocket::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it.
///
/// From the first call on, dropping the socket while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on. Options need no
/// descriptor: see [`get`](UdpSocket::get) and [`set`](UdpSocket::set).
impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.lend().as_raw_fd()
    }
}

impl FromRawFd for UdpSocket {
    /// Takes over a descriptor as it is.
    ///
    /// # Safety
    /// The descriptor must be open, nobody else may own it, and it must be of a UDP socket.
    /// It should be non-blocking already: on one that blocks, so do the calls here.
    unsafe fn from_raw_fd(fd: RawFd) -> UdpSocket {
        // SAFETY: the caller guarantees that the descriptor is open and gives up its ownership.
        UdpSocket::from(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl IntoRawFd for UdpSocket {
    fn into_raw_fd(self) -> RawFd {
        self.into_std().into_raw_fd()
    }
}

/// Takes over a descriptor as it is. It must be of a UDP socket, and non-blocking already: on one
/// that blocks, so do the calls here.
impl From<OwnedFd> for UdpSocket {
    fn from(fd: OwnedFd) -> UdpSocket {
        UdpSocket::adopt(net::UdpSocket::from(fd))
    }
}

/// Ends the registration, if there is one. The descriptor stays non-blocking.
impl From<UdpSocket> for OwnedFd {
    fn from(socket: UdpSocket) -> OwnedFd {
        socket.into_std().into()
    }
}
