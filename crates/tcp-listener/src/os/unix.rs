//! Unix: a listener is a file descriptor.

use std::io;
use std::net;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use socket2::Socket;

use crate::TcpListener;

/// Lets a listener bind while connections of an earlier one are still in `TIME_WAIT`.
pub(crate) fn reuse_address(socket: &Socket) -> io::Result<()> {
    sockopt::REUSE_ADDRESS.set(socket, true)
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](TcpListener::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it.
///
/// From the first call on, dropping the listener while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on. Options need no
/// descriptor: see [`get`](TcpListener::get) and [`set`](TcpListener::set).
impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lend().as_fd()
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](TcpListener::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it.
///
/// From the first call on, dropping the listener while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on. Options need no
/// descriptor: see [`get`](TcpListener::get) and [`set`](TcpListener::set).
impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.lend().as_raw_fd()
    }
}

impl FromRawFd for TcpListener {
    /// Takes over a descriptor as it is.
    ///
    /// # Safety
    /// The descriptor must be open, nobody else may own it, and it must be of a TCP socket that
    /// listens. It should be non-blocking already: on one that blocks, so does `accept`.
    unsafe fn from_raw_fd(fd: RawFd) -> TcpListener {
        // SAFETY: the caller guarantees that the descriptor is open and gives up its ownership.
        TcpListener::from(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl IntoRawFd for TcpListener {
    fn into_raw_fd(self) -> RawFd {
        self.into_std().into_raw_fd()
    }
}

/// Takes over a descriptor as it is. It must be of a TCP socket that listens, and non-blocking
/// already: on one that blocks, so does `accept`.
impl From<OwnedFd> for TcpListener {
    fn from(fd: OwnedFd) -> TcpListener {
        TcpListener::adopt(net::TcpListener::from(fd))
    }
}

/// Ends the registration, if there is one. The descriptor stays non-blocking.
impl From<TcpListener> for OwnedFd {
    fn from(listener: TcpListener) -> OwnedFd {
        listener.into_std().into()
    }
}
