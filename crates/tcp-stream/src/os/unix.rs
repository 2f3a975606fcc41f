//! Unix: a stream is a file descriptor.

use std::ffi::c_int;
use std::io::{self, IoSlice};
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::TcpStream;
use crate::attempt::Probe;

cfg_if::cfg_if! {
    if #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
        target_os = "illumos",
        target_os = "fuchsia",
    ))] {
        /// Makes a non-blocking, close-on-exec socket for connections to `addr`, in one call.
        pub(crate) fn socket(addr: &SocketAddr) -> io::Result<Socket> {
            let kind = Type::STREAM.nonblocking().cloexec();
            Socket::new_raw(Domain::for_address(*addr), kind, Some(Protocol::TCP))
        }
    } else {
        /// Makes a non-blocking, close-on-exec socket for connections to `addr`.
        pub(crate) fn socket(addr: &SocketAddr) -> io::Result<Socket> {
            let socket = Socket::new(Domain::for_address(*addr), Type::STREAM, Some(Protocol::TCP))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        }
    }
}

cfg_if::cfg_if! {
    if #[cfg(target_vendor = "apple")] {
        /// Keeps writes to `stream` from raising SIGPIPE.
        pub(crate) fn silence(stream: &net::TcpStream) -> io::Result<()> {
            SockRef::from(stream).set_nosigpipe(true)
        }

        const SEND_FLAGS: c_int = 0;
    } else {
        /// Keeps writes to `stream` from raising SIGPIPE: here each write says so itself.
        pub(crate) fn silence(_stream: &net::TcpStream) -> io::Result<()> {
            Ok(())
        }

        const SEND_FLAGS: c_int = libc::MSG_NOSIGNAL;
    }
}

/// The most buffers one call takes: `IOV_MAX`, the same on every system we know.
pub(crate) const MAX_BUFS: usize = 1024;

/// Writes from at most [`MAX_BUFS`] buffers.
pub(crate) fn send_vectored(stream: &net::TcpStream, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    // Not `writev`, which knows no flags.
    SockRef::from(stream).send_vectored_with_flags(bufs, SEND_FLAGS)
}

/// Whether an error that was taken out of a socket may be told again.
pub(crate) const ERRORS_STAY: bool = false;

/// Tells whether a connection attempt that returned `error` goes on by itself.
pub(crate) fn in_progress(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}

/// Asks how a connection attempt stands.
pub(crate) fn probe(stream: &net::TcpStream, _taken: bool) -> io::Result<Probe> {
    match stream.peer_addr() {
        Ok(_) => return Ok(Probe::Connected),
        // The latter where the connection is over already.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTCONN | libc::EINVAL)) => {}
        Err(error) => return Err(error),
    }
    // Unlike SO_ERROR, receiving tells an attempt on its way from one that ended, and leaves alone
    // the errors that the attempt may get over, such as a host that was unreachable for a moment.
    match stream.peek(&mut [0]) {
        Ok(0) => Ok(Probe::Over),
        Ok(_) => Ok(Probe::Connected),
        Err(error) => match error.raw_os_error() {
            _ if error.kind() == io::ErrorKind::WouldBlock => Ok(Probe::InProgress),
            Some(libc::EINTR) => Ok(Probe::InProgress),
            Some(libc::ENOTCONN) => Ok(Probe::Over),
            Some(code) => Ok(Probe::Failed(code)),
            None => Err(error),
        },
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lend().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.lend().as_raw_fd()
    }
}

impl FromRawFd for TcpStream {
    /// Takes over a descriptor as it is.
    ///
    /// # Safety
    /// The descriptor must be open, nobody else may own it, and it must be of a TCP socket.
    /// It should be non-blocking already: on one that blocks, so do reads and writes.
    unsafe fn from_raw_fd(fd: RawFd) -> TcpStream {
        // SAFETY: the caller vouches that the descriptor is open and handed over.
        TcpStream::from(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl IntoRawFd for TcpStream {
    fn into_raw_fd(self) -> RawFd {
        self.into_std().into_raw_fd()
    }
}

/// Takes over a descriptor as it is. It must be of a TCP socket, and non-blocking already: on one
/// that blocks, so do reads and writes.
impl From<OwnedFd> for TcpStream {
    fn from(fd: OwnedFd) -> TcpStream {
        TcpStream::adopt(net::TcpStream::from(fd))
    }
}

/// Ends the registration, if there is one. The descriptor stays non-blocking.
impl From<TcpStream> for OwnedFd {
    fn from(stream: TcpStream) -> OwnedFd {
        stream.into_std().into()
    }
}
