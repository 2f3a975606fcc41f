//! Unix: flags go with the call where the system takes them, and are set right after it where not.

use std::ffi::c_int;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

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
        use std::os::fd::{AsRawFd, FromRawFd};

        use socket2::SockAddrStorage;

        #[inline]
        pub(crate) fn socket(
            domain: Domain,
            kind: Type,
            protocol: Option<Protocol>,
        ) -> io::Result<Socket> {
            Socket::new_raw(domain, kind.nonblocking().cloexec(), protocol)
        }

        fn new_pair(domain: Domain, kind: Type) -> io::Result<(Socket, Socket)> {
            Socket::pair_raw(domain, kind.nonblocking().cloexec(), None)
        }

        #[inline]
        pub(crate) fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
            const FLAGS: c_int = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;

            let init = |storage: *mut SockAddrStorage, len: *mut libc::socklen_t| {
                let storage = storage.cast::<libc::sockaddr>();
                // SAFETY: socket2 guarantees that there are `len` bytes to write at `storage`.
                let fd = unsafe { libc::accept4(listener.as_raw_fd(), storage, len, FLAGS) };
                if fd == -1 {
                    return Err(io::Error::last_os_error());
                }
                // SAFETY: the descriptor has just been made, and nothing else owns it.
                Ok(unsafe { Socket::from_raw_fd(fd) })
            };
            // SAFETY: on success the call has written an address, and its length into `len`.
            unsafe { SockAddr::try_init(init) }
        }

        /// The listener's flags are not inherited here.
        pub(crate) fn accept_blocking(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
            listener.accept()
        }
    } else {
        pub(crate) fn socket(
            domain: Domain,
            kind: Type,
            protocol: Option<Protocol>,
        ) -> io::Result<Socket> {
            let socket = Socket::new(domain, kind, protocol)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        }

        fn new_pair(domain: Domain, kind: Type) -> io::Result<(Socket, Socket)> {
            let (one, other) = Socket::pair(domain, kind, None)?;
            one.set_nonblocking(true)?;
            other.set_nonblocking(true)?;
            Ok((one, other))
        }

        pub(crate) fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
            accept_as(listener, true)
        }

        pub(crate) fn accept_blocking(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
            accept_as(listener, false)
        }

        fn accept_as(listener: &Socket, nonblocking: bool) -> io::Result<(Socket, SockAddr)> {
            let (socket, address) = listener.accept()?;
            // Some systems hand down the listener's flag, others do not.
            socket.set_nonblocking(nonblocking)?;
            silence_accepted(&socket);
            Ok((socket, address))
        }
    }
}

cfg_if::cfg_if! {
    if #[cfg(target_vendor = "apple")] {
        /// Keeps writes to `socket` from raising SIGPIPE where that is set once for a socket
        /// (`SO_NOSIGPIPE`); elsewhere each call passes a flag for it, and this does nothing.
        ///
        /// # Errors
        /// Any error from `setsockopt(2)`; on some systems it fails for a stream that is already closed.
        ///
        /// # Examples
        /// ```
        /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        /// socket_calls::silence(&socket2::SockRef::from(&socket))?;
        /// # Ok::<(), std::io::Error>(())
        /// ```
        #[doc(alias = "SO_NOSIGPIPE")]
        pub fn silence(socket: &Socket) -> io::Result<()> {
            socket.set_nosigpipe(true)
        }

        /// Keeps writes from raising SIGPIPE, on a connection that may be over already: then the call may fail, and
        /// nothing is written to it.
        fn silence_accepted(socket: &Socket) {
            let _over = silence(socket).is_err();
        }

        pub(crate) const SEND_FLAGS: c_int = 0;
    } else {
        /// Keeps writes to `socket` from raising SIGPIPE where that is set once for a socket
        /// (`SO_NOSIGPIPE`); elsewhere each call passes a flag for it, and this does nothing.
        ///
        /// # Errors
        /// Any error from `setsockopt(2)`; on some systems it fails for a stream that is already closed.
        ///
        /// # Examples
        /// ```
        /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        /// socket_calls::silence(&socket2::SockRef::from(&socket))?;
        /// # Ok::<(), std::io::Error>(())
        /// ```
        #[doc(alias = "SO_NOSIGPIPE")]
        pub fn silence(_socket: &Socket) -> io::Result<()> {
            Ok(())
        }

        #[allow(dead_code, reason = "where accept4 is, there is nothing to silence")]
        fn silence_accepted(_socket: &Socket) {}

        pub(crate) const SEND_FLAGS: c_int = libc::MSG_NOSIGNAL;
    }
}

/// Makes two sockets that are connected to each other, non-blocking and close-on-exec
/// (`socketpair(2)`).
///
/// # Errors
/// Any error from `socketpair(2)`, for example because the process has too many open descriptors. Nothing is left
/// open then.
///
/// # Platform-specific behaviour
/// Unix. One call on Linux, Android, the BSDs and illumos; elsewhere the flags are set by calls of
/// their own.
///
/// # Examples
/// ```
/// # #[cfg(unix)] {
/// use socket2::{Domain, Type};
///
/// let (one, other) = socket_calls::pair(Domain::UNIX, Type::STREAM)?;
/// socket_calls::send(&one, b"hello")?;
/// assert_eq!(socket_calls::peek(&other, &mut [0; 16])?, 5);
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "socketpair")]
pub fn pair(domain: Domain, kind: Type) -> io::Result<(Socket, Socket)> {
    new_pair(domain, kind)
}

/// The most buffers one call takes: `IOV_MAX`, the same on every system we know.
#[doc(alias = "IOV_MAX")]
pub const MAX_BUFS: usize = 1024;

/// The most bytes of one buffer that go into a call: Apple's systems refuse more, and Linux takes a
/// little less.
const MOST: usize = c_int::MAX as usize - 1;

#[inline]
pub(crate) fn send(socket: &Socket, buf: &[u8]) -> io::Result<usize> {
    let part = &buf[..buf.len().min(MOST)];
    system_call::send(socket.as_fd(), part, SEND_FLAGS)
}

#[inline]
pub(crate) fn send_vectored(socket: &Socket, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    system_call::send_vectored(socket.as_fd(), bufs, SEND_FLAGS)
}

#[inline]
pub(crate) fn recv(socket: &Socket, buf: &mut [u8]) -> io::Result<usize> {
    let len = buf.len().min(MOST);
    system_call::recv(socket.as_fd(), &mut buf[..len], 0)
}

#[inline]
pub(crate) fn recv_vectored(socket: &Socket, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    system_call::readv(socket.as_fd(), bufs)
}

pub(crate) fn connecting(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}
