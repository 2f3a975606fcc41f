//! Datagram sockets.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;

use selector::{Evented, IoSource, Poll};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use sockopt::{GetOption, SetOption};
use token_ready::{PollOpt, Ready, Token};

use crate::addr;
use crate::rights::{self, Received};

/// A non-blocking Unix datagram socket, to be registered with a [`Poll`].
///
/// No method blocks: what cannot be done now is `WouldBlock`, and an event reports when to try
/// again. No send raises SIGPIPE. The socket is close-on-exec. Dropping it ends its registration
/// and closes it; it does not remove the file at its path.
///
/// A call moves one datagram, whole or not at all, but for this: what does not fit into the
/// receiver's buffers is lost. [`recv_fds`](UnixDatagram::recv_fds) reports when that happened. A
/// datagram may be empty: receiving `Ok(0)` is one of those, not an end. None is lost on the way:
/// while the receiver's queue is full, sending is `WouldBlock`.
///
/// # Platform-specific behaviour
/// On macOS and the BSDs a full queue is `ENOBUFS`, and no event reports when there is room: try
/// again later. On Linux the event comes if the socket is connected to that receiver.
///
/// # Examples
/// ```
/// use readywire::unix::UnixDatagram;
/// use readywire::{Events, Poll, PollOpt, Ready, Token};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("socket");
/// let server = UnixDatagram::bind(&path)?;
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(16);
/// poll.register(&server, Token(0), Ready::READABLE, PollOpt::LEVEL)?;
///
/// let client = UnixDatagram::unbound()?;
/// client.send_to(b"hello", &path)?;
/// poll.poll(&mut events, None)?;
/// for event in &events {
///     let mut buf = [0; 16];
///     let (n, from) = server.recv_from(&mut buf)?;
///     assert_eq!(&buf[..n], b"hello");
///     assert!(from.is_unnamed());
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixDatagram {
    io: IoSource<net::UnixDatagram>,
}

impl UnixDatagram {
    /// Makes a socket at `path`, which must not exist yet (`socket(2)`, `bind(2)`).
    ///
    /// # Errors
    /// `AddrInUse` if the path exists, `InvalidInput` if it is too long for an address or contains a NUL byte;
    /// otherwise any error from `socket(2)` or `bind(2)`. Nothing is left open then.
    ///
    /// # Examples
    /// See [`UnixDatagram`].
    #[doc(alias = "socket")]
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        UnixDatagram::bind_to(&addr::of_path(path.as_ref())?)
    }

    /// Makes a socket at an address of the standard library: that of a path, which must not exist yet, or on Linux an
    /// abstract one (`socket(2)`, `bind(2)`). For an address without a name Linux chooses an abstract one.
    ///
    /// # Errors
    /// `AddrInUse` if the address is taken; otherwise any error from `socket(2)` or `bind(2)`. Nothing is left open
    /// then.
    ///
    /// # Examples
    /// See [`send_to_addr`](UnixDatagram::send_to_addr).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixDatagram> {
        UnixDatagram::bind_to(&addr::to_system(address))
    }

    fn bind_to(address: &SockAddr) -> io::Result<UnixDatagram> {
        let socket = socket_calls::socket(Domain::UNIX, Type::DGRAM, None)?;
        socket.bind(address)?;
        Ok(UnixDatagram::sole(socket))
    }

    /// Makes a socket without a name, which can send but not be sent to (`socket(2)`).
    ///
    /// # Errors
    /// Any error from `socket(2)`, for example because the process has too many open descriptors.
    ///
    /// # Examples
    /// See [`UnixDatagram`].
    pub fn unbound() -> io::Result<UnixDatagram> {
        let socket = socket_calls::socket(Domain::UNIX, Type::DGRAM, None)?;
        Ok(UnixDatagram::sole(socket))
    }

    /// Makes two sockets that are connected to each other, both without a name (`socketpair(2)`).
    ///
    /// # Errors
    /// Any error from `socketpair(2)`, for example because the process has too many open descriptors.
    ///
    /// # Examples
    /// See [`send`](UnixDatagram::send).
    #[doc(alias = "socketpair")]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = socket_calls::pair(Domain::UNIX, Type::DGRAM)?;
        Ok((UnixDatagram::sole(one), UnixDatagram::sole(other)))
    }

    /// Takes over a socket of the standard library, and sets it to non-blocking.
    ///
    /// # Errors
    /// Any error from setting the socket to non-blocking; it is closed then.
    ///
    /// # Examples
    /// ```
    /// use readywire::unix::UnixDatagram;
    ///
    /// let socket = UnixDatagram::from_std(std::os::unix::net::UnixDatagram::unbound()?)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_std(socket: net::UnixDatagram) -> io::Result<UnixDatagram> {
        socket.set_nonblocking(true)?;
        Ok(UnixDatagram::adopt(socket))
    }

    /// Takes over a socket as it is.
    fn adopt(socket: net::UnixDatagram) -> UnixDatagram {
        // Fails only on systems where both directions are closed already.
        let _closed = socket_calls::silence(&SockRef::from(&socket)).is_err();
        UnixDatagram {
            io: IoSource::new(socket),
        }
    }

    /// Takes over a socket that was made here.
    fn sole(socket: Socket) -> UnixDatagram {
        UnixDatagram {
            io: IoSource::new_sole(socket.into()),
        }
    }

    /// Sets the address that [`send`](UnixDatagram::send) sends to and that datagrams are received from
    /// (`connect(2)`). It may be called again.
    ///
    /// # Errors
    /// `NotFound` or `ConnectionRefused` if there is no socket at `path`; otherwise any error from `connect(2)`.
    ///
    /// # Examples
    /// ```
    /// use readywire::unix::UnixDatagram;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("socket");
    /// let server = UnixDatagram::bind(&path)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.connect(&path)?;
    /// assert_eq!(client.peer_addr()?.as_pathname(), Some(&*path));
    /// client.send(b"hello")?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let address = addr::of_path(path.as_ref())?;
        socket_calls::connect(&SockRef::from(self.socket()), &address)
    }

    /// Sets the address that [`send`](UnixDatagram::send) sends to and that datagrams are received from, to an
    /// address of the standard library (`connect(2)`). It may be called again.
    ///
    /// # Errors
    /// `NotFound` or `ConnectionRefused` if there is no socket at that address; otherwise any error from
    /// `connect(2)`.
    ///
    /// # Examples
    /// See [`connect`](UnixDatagram::connect).
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        let address = addr::to_system(address);
        socket_calls::connect(&SockRef::from(self.socket()), &address)
    }

    /// Returns the address of this end (`getsockname(2)`); it has no name unless it is bound.
    ///
    /// # Errors
    /// Any error from `getsockname(2)`.
    ///
    /// # Examples
    /// ```
    /// let (one, _other) = readywire::unix::UnixDatagram::pair()?;
    /// assert!(one.local_addr()?.is_unnamed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr().map(addr::without_padding)
    }

    /// Returns the address that the socket is connected to (`getpeername(2)`).
    ///
    /// # Errors
    /// `NotConnected` if the socket is not connected.
    ///
    /// # Examples
    /// See [`connect`](UnixDatagram::connect).
    #[doc(alias = "getpeername")]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr().map(addr::without_padding)
    }

    /// Makes another handle of the same socket (`F_DUPFD_CLOEXEC`).
    ///
    /// Each datagram goes to one of them. They are sources of their own: the clone is not
    /// registered, and can be registered anywhere. An edge comes again whichever of them was
    /// drained.
    ///
    /// # Errors
    /// Any error from duplicating the descriptor, for example because the process has too many open.
    ///
    /// # Examples
    /// ```
    /// # let (socket, _other) = readywire::unix::UnixDatagram::pair()?;
    /// let clone = socket.try_clone()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "dup")]
    pub fn try_clone(&self) -> io::Result<UnixDatagram> {
        Ok(UnixDatagram {
            io: self.io.try_clone_with(net::UnixDatagram::try_clone)?,
        })
    }

    /// Closes the receiving half, the sending half, or both (`shutdown(2)`).
    ///
    /// # Errors
    /// `NotConnected` if the socket is not.
    ///
    /// # Examples
    /// ```
    /// let (one, _other) = readywire::unix::UnixDatagram::pair()?;
    /// one.shutdown(std::net::Shutdown::Write)?;
    /// assert!(one.send(b"x").is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket().shutdown(how)
    }

    /// Reads an option, one of the constants of [`sockopt`] (`getsockopt(2)`).
    ///
    /// It is for options without a method here. Prefer it to `option.get(&socket)`
    /// ([`ReadWrite::get`](sockopt::ReadWrite::get)), which borrows the descriptor: from then on dropping the socket
    /// may cost one more system call.
    ///
    /// # Errors
    /// `Unsupported` with [`sockopt::OptionError::Unknown`] inside, and without an error code, for an option that the
    /// system does not know; otherwise any error from `getsockopt(2)`.
    ///
    /// # Examples
    /// See [`set`](UnixDatagram::set).
    #[doc(alias = "getsockopt")]
    #[inline]
    pub fn get<O: GetOption>(&self, option: O) -> io::Result<O::Value> {
        option.get(self.socket())
    }

    /// Sets an option, one of the constants of [`sockopt`] (`setsockopt(2)`).
    ///
    /// It is for options without a method here, such as the buffer size of a logger that gets bursts.
    /// Prefer it to `option.set(&socket, value)` ([`ReadWrite::set`](sockopt::ReadWrite::set)), which borrows the
    /// descriptor: from then on dropping the socket may cost one more system call.
    ///
    /// # Errors
    /// With a [`sockopt::OptionError`] inside, and without an error code: `InvalidInput` for a value outside the
    /// option's range, `Unsupported` for an option that the system does not know. Otherwise any error from
    /// `setsockopt(2)`. A call that fails changes nothing.
    ///
    /// # Examples
    /// ```
    /// use readywire::sockopt;
    ///
    /// let (socket, _other) = readywire::unix::UnixDatagram::pair()?;
    /// socket.set(sockopt::SEND_BUFFER_SIZE, 64 * 1024)?;
    /// assert!(socket.get(sockopt::SEND_BUFFER_SIZE)? >= 64 * 1024);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "setsockopt")]
    #[inline]
    pub fn set<O: SetOption>(&self, option: O, value: O::Value<'_>) -> io::Result<()> {
        option.set(self.socket(), value)
    }

    /// Takes the socket's pending error, which the call clears (`SO_ERROR`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    ///
    /// # Examples
    /// ```
    /// # let (socket, _other) = readywire::unix::UnixDatagram::pair()?;
    /// assert!(socket.take_error()?.is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SO_ERROR")]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        let taken = sockopt::take_error(self.socket())?;
        // Should a clone have taken it, the next one is news all the same.
        self.io.mark_drained(if taken.is_some() {
            Ready::READABLE | Ready::WRITABLE
        } else {
            Ready::ERROR
        });
        Ok(taken)
    }

    /// Sends a datagram to the address that the socket is connected to, and returns how many bytes
    /// that are: all (`send(2)`).
    ///
    /// # Errors
    /// `WouldBlock` while the send buffer or the receiver's queue is full; `NotConnected` if the socket is not
    /// connected; `ConnectionRefused` if the peer is gone; otherwise any error from `send(2)`.
    ///
    /// # Examples
    /// ```
    /// let (one, other) = readywire::unix::UnixDatagram::pair()?;
    /// one.send(b"hello")?;
    /// let mut buf = [0; 16];
    /// assert_eq!(other.peek(&mut buf)?, 5);
    /// assert_eq!(other.recv(&mut buf)?, 5);
    /// assert_eq!(&buf[..5], b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_io(Ready::WRITABLE, |socket| {
            socket_calls::send(&SockRef::from(socket), buf)
        })
    }

    /// Sends a datagram to the socket at `path`, and returns how many bytes that are: all
    /// (`sendto(2)`).
    ///
    /// # Errors
    /// `WouldBlock` while the send buffer or the receiver's queue is full; `NotFound` or `ConnectionRefused` if there
    /// is no socket at `path`; otherwise any error from `sendto(2)`.
    ///
    /// # Examples
    /// See [`UnixDatagram`].
    #[doc(alias = "sendto")]
    pub fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_to_system(buf, &addr::of_path(path.as_ref())?)
    }

    /// Sends a datagram to an address of the standard library, and returns how many bytes that are: all
    /// (`sendto(2)`). The address is that of a received datagram, of a path or, on Linux, an abstract one.
    ///
    /// # Errors
    /// `WouldBlock` while the send buffer or the receiver's queue is full; `NotFound` or `ConnectionRefused` if there
    /// is no socket at that address; otherwise any error from `sendto(2)`.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use std::os::linux::net::SocketAddrExt;
    /// use std::os::unix::net::SocketAddr;
    /// use readywire::unix::UnixDatagram;
    ///
    /// let name = format!("unix-datagram-example-{}", std::process::id());
    /// let address = SocketAddr::from_abstract_name(&name)?;
    /// let server = UnixDatagram::bind_addr(&address)?;
    /// UnixDatagram::unbound()?.send_to_addr(b"hello", &address)?;
    /// assert_eq!(server.recv(&mut [0; 16])?, 5);
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "sendto")]
    pub fn send_to_addr(&self, buf: &[u8], address: &SocketAddr) -> io::Result<usize> {
        self.send_to_system(buf, &addr::to_system(address))
    }

    fn send_to_system(&self, buf: &[u8], address: &SockAddr) -> io::Result<usize> {
        self.io.try_io(Ready::WRITABLE, |socket| {
            socket_calls::send_to(&SockRef::from(socket), buf, address)
        })
    }

    /// Receives a datagram, and returns its length (`recv(2)`). Bytes that do not fit are lost.
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to receive; otherwise any error from `recv(2)`.
    ///
    /// # Examples
    /// See [`send`](UnixDatagram::send).
    #[inline]
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Ready::READABLE, |socket| {
            socket_calls::recv(&SockRef::from(socket), buf)
        })
    }

    /// Receives a datagram, and returns its length and the sender's address (`recvfrom(2)`). Bytes that do not fit
    /// are lost. A sender that is not bound has no name; [`send_to_addr`](UnixDatagram::send_to_addr) answers any
    /// other.
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to receive; otherwise any error from `recvfrom(2)`. On the descriptor of a
    /// socket of another family, such as a UDP socket's, it fails with `InvalidInput`, and the datagram is lost: the
    /// standard library cannot represent the address that the kernel reports. [`recv`](UnixDatagram::recv) receives it.
    ///
    /// # Examples
    /// See [`UnixDatagram`].
    #[doc(alias = "recvfrom")]
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.try_io(Ready::READABLE, |socket| {
            let (len, from) = socket.recv_from(buf)?;
            Ok((len, addr::without_padding(from)))
        })
    }

    /// Receives a datagram and returns its length, but leaves it in the queue: the next call receives it again
    /// (`recv(2)` with `MSG_PEEK`).
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to receive; otherwise any error from `recv(2)`.
    ///
    /// # Examples
    /// See [`send`](UnixDatagram::send).
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Ready::READABLE, |socket| {
            socket_calls::peek(&SockRef::from(socket), buf)
        })
    }

    /// Sends one datagram from several buffers to the address that the socket is connected to
    /// (`sendmsg(2)`).
    ///
    /// # Errors
    /// Any error of [`send`](UnixDatagram::send). `EMSGSIZE` for more than 1,024 buffers, not counting empty buffers
    /// at the front.
    ///
    /// # Examples
    /// ```
    /// use std::io::{IoSlice, IoSliceMut};
    ///
    /// let (one, other) = readywire::unix::UnixDatagram::pair()?;
    /// assert_eq!(one.send_bufs(&[IoSlice::new(b"head"), IoSlice::new(b"body")])?, 8);
    /// let (mut head, mut body) = ([0; 4], [0; 16]);
    /// let n = other.recv_bufs(&mut [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)])?;
    /// assert_eq!((n, &head, &body[..4]), (8, b"head", &b"body"[..]));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "sendmsg")]
    pub fn send_bufs(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.try_io(Ready::WRITABLE, |socket| {
            socket_calls::send_vectored(&SockRef::from(socket), bufs)
        })
    }

    /// Receives a datagram into several buffers, each filled before the next is touched
    /// (`recvmsg(2)`). Bytes that do not fit are lost, and so are descriptors that came with the datagram.
    ///
    /// The system takes 1,024 buffers at most: those after them are left alone.
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to receive; otherwise any error from `recvmsg(2)`.
    ///
    /// # Examples
    /// See [`send_bufs`](UnixDatagram::send_bufs).
    #[doc(alias = "recvmsg")]
    pub fn recv_bufs(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let span = socket_calls::span(bufs).unwrap_or(0..0);
        self.io.try_io(Ready::READABLE, |socket| {
            let received =
                socket_calls::recv_from_vectored(&SockRef::from(socket), &mut bufs[span])?;
            Ok(received.len)
        })
    }

    /// Sends one datagram, possibly empty, from several buffers to the address that the socket is connected to, with
    /// descriptors (`sendmsg(2)` with `SCM_RIGHTS`).
    ///
    /// The peer gets duplicates; `fds` stay open here and can be closed at once.
    ///
    /// # Errors
    /// `InvalidInput` for more than [`MAX_FDS`](crate::MAX_FDS) descriptors; otherwise any error of
    /// [`send_bufs`](UnixDatagram::send_bufs). Nothing was sent then.
    ///
    /// # Examples
    /// See [`recv_fds`](UnixDatagram::recv_fds).
    #[doc(alias("sendmsg", "SCM_RIGHTS"))]
    pub fn send_fds(&self, bufs: &[IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        if fds.is_empty() {
            return self.send_bufs(bufs);
        }
        self.io.try_io(Ready::WRITABLE, |socket| {
            rights::send(socket.as_fd(), bufs, fds)
        })
    }

    /// Receives a datagram into several buffers, appends the descriptors that came with it to `fds` (`recvmsg(2)`,
    /// `SCM_RIGHTS`), and reports whether bytes or descriptors did not fit.
    ///
    /// They are close-on-exec. A peer may send any number of them, of any kind: drop what was not
    /// asked for. [`fds_lost`](crate::Received::fds_lost) reports that some could not be received.
    /// A descriptor that the kernel adds by itself (`SCM_PIDFD`, if `SO_PASSPIDFD` is set) is closed.
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to receive; otherwise any error from `recvmsg(2)`.
    ///
    /// # Platform-specific behaviour
    /// On Apple's systems they become close-on-exec a moment after they came.
    ///
    /// # Examples
    /// ```
    /// use std::os::fd::AsFd;
    /// use readywire::unix::UnixDatagram;
    ///
    /// let (one, other) = UnixDatagram::pair()?;
    /// let null = std::fs::File::open("/dev/null")?;
    /// one.send_fds(&[], &[null.as_fd()])?;
    /// let mut fds = Vec::new();
    /// let received = other.recv_fds(&mut [], &mut fds)?;
    /// assert_eq!((received.len, fds.len()), (0, 1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias("recvmsg", "SCM_RIGHTS", "MSG_CTRUNC"))]
    pub fn recv_fds(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        fds: &mut Vec<OwnedFd>,
    ) -> io::Result<Received> {
        let span = socket_calls::span(bufs).unwrap_or(0..0);
        self.io.try_io(Ready::READABLE, |socket| {
            rights::receive(socket.as_fd(), &mut bufs[span], fds)
        })
    }

    /// Runs `operation` on the standard library's socket, for I/O that goes through a borrowed
    /// descriptor: that of [socket2](https://docs.rs/socket2)'s `SockRef`, or `libc::recv`.
    ///
    /// `direction` is `READABLE`, `WRITABLE` or both. After `WouldBlock`, or an error that was pending
    /// on the socket, an edge in that direction can be reported again; other errors leave the socket as
    /// it was. A backend that emulates edges (poll(2)) cannot see I/O that was done in any other way,
    /// and reports no further edge after it.
    ///
    /// The operation may duplicate the descriptor. So, from the first call on, dropping the socket while it is
    /// registered takes one more system call on epoll and kqueue.
    ///
    /// # Errors
    /// Any error from `operation`.
    ///
    /// # Examples
    /// ```
    /// use readywire::Ready;
    /// use socket2::SockRef;
    ///
    /// let (one, other) = readywire::unix::UnixDatagram::pair()?;
    /// one.try_io(Ready::WRITABLE, |socket| SockRef::from(socket).send(b"hello"))?;
    /// assert_eq!(other.recv(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn try_io<R>(
        &self,
        direction: Ready,
        operation: impl FnOnce(&net::UnixDatagram) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(direction, |_| operation(self.lend()))
    }

    /// The socket, for calls that do not duplicate it.
    #[inline]
    fn socket(&self) -> &net::UnixDatagram {
        self.io.get_sole()
    }

    /// The socket, for callers that may duplicate it.
    fn lend(&self) -> &net::UnixDatagram {
        self.io.get_ref()
    }

    /// The socket, no longer registered.
    fn into_std(self) -> net::UnixDatagram {
        self.io.into_inner()
    }
}

impl Evented for UnixDatagram {
    #[inline]
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.io.register(poll, token, interest, opts)
    }

    #[inline]
    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.io.reregister(poll, token, interest, opts)
    }

    #[inline]
    fn rearm(&self, poll: &Poll) -> io::Result<()> {
        self.io.rearm(poll)
    }

    #[inline]
    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.io.deregister(poll)
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}

/// Takes over a socket of the standard library and sets it to non-blocking, like [`UnixDatagram::from_std`].
impl TryFrom<net::UnixDatagram> for UnixDatagram {
    type Error = io::Error;

    fn try_from(socket: net::UnixDatagram) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(socket)
    }
}

/// Ends the registration, if there is one. The socket stays non-blocking:
/// [`set_nonblocking`](net::UnixDatagram::set_nonblocking) changes that.
impl From<UnixDatagram> for net::UnixDatagram {
    fn from(socket: UnixDatagram) -> net::UnixDatagram {
        socket.into_std()
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](UnixDatagram::try_io): otherwise a backend
/// that emulates edges (poll(2)) reports no further edge after it.
///
/// From the first call on, dropping the socket while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on. Options need no
/// descriptor: see [`get`](UnixDatagram::get) and [`set`](UnixDatagram::set).
impl AsFd for UnixDatagram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lend().as_fd()
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](UnixDatagram::try_io): otherwise a backend
/// that emulates edges (poll(2)) reports no further edge after it.
///
/// From the first call on, dropping the socket while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on. Options need no
/// descriptor: see [`get`](UnixDatagram::get) and [`set`](UnixDatagram::set).
impl AsRawFd for UnixDatagram {
    fn as_raw_fd(&self) -> RawFd {
        self.lend().as_raw_fd()
    }
}

impl FromRawFd for UnixDatagram {
    /// Takes over a descriptor as it is.
    ///
    /// # Safety
    /// The descriptor must be open, nobody else may own it, and it must be of a Unix datagram socket. It should be
    /// non-blocking already: on one that blocks, so do the calls here.
    unsafe fn from_raw_fd(fd: RawFd) -> UnixDatagram {
        // SAFETY: the caller guarantees that the descriptor is open and gives up its ownership.
        UnixDatagram::from(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl IntoRawFd for UnixDatagram {
    fn into_raw_fd(self) -> RawFd {
        self.into_std().into_raw_fd()
    }
}

/// Takes over a descriptor as it is. It must be of a Unix datagram socket, and non-blocking already: on one that
/// blocks, so do the calls here.
impl From<OwnedFd> for UnixDatagram {
    fn from(fd: OwnedFd) -> UnixDatagram {
        UnixDatagram::adopt(net::UnixDatagram::from(fd))
    }
}

/// Ends the registration, if there is one. The descriptor stays non-blocking.
impl From<UnixDatagram> for OwnedFd {
    fn from(socket: UnixDatagram) -> OwnedFd {
        socket.into_std().into()
    }
}
