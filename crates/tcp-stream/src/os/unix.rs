//! Unix: a stream is a file descriptor.

use std::io;
use std::net;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use crate::TcpStream;
use crate::attempt::{Attempted, Probe};

/// Whether the system may report an error again that was taken out of a socket.
pub(crate) const ERRORS_STAY: bool = false;

/// Converts the error of a write for the caller. A write that began to connect and could send no data is
/// `WouldBlock`: with fast open the kernel reports `EINPROGRESS` then.
pub(crate) fn write_error(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(libc::EINPROGRESS) {
        io::ErrorKind::WouldBlock.into()
    } else {
        error
    }
}

/// Asks how a connection attempt stands.
pub(crate) fn probe(socket: &impl Attempted, _taken: bool) -> io::Result<Probe> {
    match socket.peer() {
        Ok(()) => return Ok(Probe::Connected),
        // The latter where the connection is over already.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTCONN | libc::EINVAL)) => {}
        Err(error) => return Err(error),
    }
    receive(socket)
}

/// Asks a socket that had no peer a moment ago.
///
/// Unlike SO_ERROR, receiving distinguishes an attempt in progress from one that ended, and leaves alone the
/// errors that the attempt may get over, such as a host that was unreachable for a moment.
pub(crate) fn receive(socket: &impl Attempted) -> io::Result<Probe> {
    match socket.peek() {
        Ok(0) => Ok(Probe::of_end(socket)),
        Ok(_) => Ok(Probe::Connected),
        Err(error) => match error.raw_os_error() {
            _ if error.kind() == io::ErrorKind::WouldBlock => Ok(Probe::InProgress),
            Some(libc::EINTR) => Ok(Probe::InProgress),
            Some(libc::ENOTCONN) => Ok(Probe::Over),
            Some(code) => {
                // Linux has taken the error out; the BSDs and macOS leave it pending after a peek. The
                // outcome is known either way.
                let _taken = socket.take_error().is_ok();
                Ok(Probe::Failed(code))
            }
            None => Err(error),
        },
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](TcpStream::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it.
///
/// From the first call on, dropping the stream while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on. Options need no
/// descriptor: see [`get`](TcpStream::get) and [`set`](TcpStream::set).
impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lend().as_fd()
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](TcpStream::try_io): otherwise a backend
/// that emulates edges (poll(2), AFD) reports no further edge after it.
///
/// From the first call on, dropping the stream while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on. Options need no
/// descriptor: see [`get`](TcpStream::get) and [`set`](TcpStream::set).
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
        // SAFETY: the caller guarantees that the descriptor is open and gives up its ownership.
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
    use std::cell::Cell;
    use std::io::{Error, ErrorKind};

    use super::*;
    use crate::attempt::Attempt;

    // Linux says so if it forgot the server's cookie after `connect` found it.
    #[test]
    fn a_write_that_only_began_to_connect_would_block() {
        let begun = write_error(Error::from_raw_os_error(libc::EINPROGRESS));
        assert_eq!(begun.kind(), ErrorKind::WouldBlock);
        let broken = write_error(Error::from_raw_os_error(libc::EPIPE));
        assert_eq!(broken.raw_os_error(), Some(libc::EPIPE));
    }

    /// A refused attempt of a system where a failed peek leaves the error pending: the BSDs and macOS.
    struct Refused {
        pending: Cell<bool>,
    }

    /// An attempt of which the system reports these two errors.
    struct Failing {
        peer: i32,
        peek: i32,
    }

    impl Attempted for Failing {
        fn peer(&self) -> io::Result<()> {
            Err(Error::from_raw_os_error(self.peer))
        }

        fn peek(&self) -> io::Result<usize> {
            Err(Error::from_raw_os_error(self.peek))
        }

        fn take_error(&self) -> io::Result<Option<Error>> {
            Ok(None)
        }
    }

    #[test]
    fn errors_tell_how_an_attempt_stands() {
        let refused = libc::ECONNREFUSED;
        let probe_failing = |peer, peek| probe(&Failing { peer, peek }, false);
        for peer in [libc::ENOTCONN, libc::EINVAL] {
            let probe = |peek| probe_failing(peer, peek).unwrap();
            assert!(matches!(probe(libc::EAGAIN), Probe::InProgress));
            assert!(matches!(probe(libc::EINTR), Probe::InProgress));
            assert!(matches!(probe(libc::ENOTCONN), Probe::Over));
            assert!(matches!(probe(refused), Probe::Failed(code) if code == refused));
        }
        let error = probe_failing(libc::ENOBUFS, refused)
            .err()
            .expect("the first error");
        assert_eq!(error.raw_os_error(), Some(libc::ENOBUFS));
    }

    fn not_connected() -> Error {
        Error::from_raw_os_error(libc::ENOTCONN)
    }

    impl Refused {
        fn error(&self) -> Option<Error> {
            let refused = || Error::from_raw_os_error(libc::ECONNREFUSED);
            self.pending.get().then(refused)
        }
    }

    impl Attempted for Refused {
        fn peer(&self) -> io::Result<()> {
            Err(not_connected())
        }

        fn peek(&self) -> io::Result<usize> {
            Err(self.error().unwrap_or_else(not_connected))
        }

        fn take_error(&self) -> io::Result<Option<Error>> {
            let error = self.error();
            self.pending.set(false);
            Ok(error)
        }
    }

    #[test]
    fn a_refusal_that_a_peek_leaves_pending_is_reported_once_by_take_error() {
        let socket = Refused {
            pending: Cell::new(true),
        };
        let attempt = Attempt::new(false);
        for _ in 0..2 {
            let error = attempt.outcome(&socket).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
        let taken = attempt.take_error(&socket).unwrap().expect("the refusal");
        assert_eq!(taken.kind(), ErrorKind::ConnectionRefused);
        assert!(attempt.take_error(&socket).unwrap().is_none());
        let error = attempt.outcome(&socket).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}
