//! Unix: a stream is a file descriptor.

use std::io;
use std::net;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use crate::TcpStream;
use crate::attempt::Probe;

/// Whether an error that was taken out of a socket may be told again.
pub(crate) const ERRORS_STAY: bool = false;

/// What the error of a write is to the caller. One that began to connect, and could take no data
/// along, is `WouldBlock`: with fast open the system says `EINPROGRESS` then.
pub(crate) fn write_error(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(libc::EINPROGRESS) {
        io::ErrorKind::WouldBlock.into()
    } else {
        error
    }
}

/// Asks how a connection attempt stands.
pub(crate) fn probe(stream: &net::TcpStream, _taken: bool) -> io::Result<Probe> {
    match stream.peer_addr() {
        Ok(_) => return Ok(Probe::Connected),
        // The latter where the connection is over already.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTCONN | libc::EINVAL)) => {}
        Err(error) => return Err(error),
    }
    receive(stream)
}

/// Asks a socket that had no peer a moment ago.
///
/// Unlike SO_ERROR, receiving tells an attempt on its way from one that ended, and leaves alone the
/// errors that the attempt may get over, such as a host that was unreachable for a moment.
pub(crate) fn receive(stream: &net::TcpStream) -> io::Result<Probe> {
    match stream.peek(&mut [0]) {
        Ok(0) => Ok(Probe::of_end(stream)),
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

/// Lends the descriptor. I/O through it belongs inside [`try_io`](TcpStream::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it.
impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lend().as_fd()
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](TcpStream::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it.
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

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::write_error;

    // Linux says so if it forgot the server's cookie after `connect` found it.
    #[test]
    fn a_write_that_only_began_to_connect_would_block() {
        let begun = write_error(Error::from_raw_os_error(libc::EINPROGRESS));
        assert_eq!(begun.kind(), ErrorKind::WouldBlock);
        let broken = write_error(Error::from_raw_os_error(libc::EPIPE));
        assert_eq!(broken.raw_os_error(), Some(libc::EPIPE));
    }
}
