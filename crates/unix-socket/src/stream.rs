//! Streams: connecting, moving bytes and descriptors.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;

use selector::{Evented, IoSource, Poll};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use sockopt::{GetOption, SetOption};
use token_ready::{PollOpt, Ready, Token};

use crate::addr;
use crate::os::{self, Credentials};
use crate::rights::{self, Received};

/// A non-blocking Unix stream, to be registered with a [`Poll`].
///
/// No method blocks: what cannot be done now is `WouldBlock`, and an event reports when to try
/// again. Reading and writing need no more than `&UnixStream`, so that both halves can be used from
/// different threads.
///
/// No write raises SIGPIPE, whatever its action is set to: a peer that is gone is the error
/// `BrokenPipe`. The socket is close-on-exec. Dropping the stream ends its registration and closes
/// the socket.
///
/// # Examples
/// ```
/// use readywire::unix::UnixStream;
/// use readywire::{Events, Poll, PollOpt, Ready, Token};
/// use std::io::{Read, Write};
///
/// let (mut one, mut other) = UnixStream::pair()?;
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(16);
/// poll.register(&other, Token(0), Ready::READABLE, PollOpt::EDGE)?;
///
/// one.write_all(b"hello")?;
/// poll.poll(&mut events, None)?;
/// for event in &events {
///     let mut buf = [0; 16];
///     assert_eq!((event.token(), other.read(&mut buf)?), (Token(0), 5));
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixStream {
    io: IoSource<net::UnixStream>,
}

impl UnixStream {
    /// Connects to the listener at `path` (`socket(2)`, `connect(2)`).
    ///
    /// The stream is connected when this returns, even if the listener has not accepted it yet.
    ///
    /// # Errors
    /// `WouldBlock` while the listener's backlog is full: nothing is left open, and no event reports when to try
    /// again. `NotFound` or `ConnectionRefused` if no listener is at `path`, `InvalidInput` if the path is too long
    /// for an address or contains a NUL byte; otherwise any error from `socket(2)` or `connect(2)`.
    ///
    /// # Platform-specific behaviour
    /// On macOS and the BSDs a full backlog, too, is `ConnectionRefused`.
    ///
    /// # Examples
    /// ```
    /// use readywire::unix::{UnixListener, UnixStream};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("socket");
    /// let listener = UnixListener::bind(&path)?;
    /// let client = UnixStream::connect(&path)?;
    /// let (server, _) = listener.accept()?;
    /// assert_eq!(client.peer_addr()?.as_pathname(), Some(&*path));
    /// assert!(server.peer_addr()?.is_unnamed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "socket")]
    pub fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        UnixStream::connect_to(&addr::of_path(path.as_ref())?)
    }

    /// Connects to a listener at an address of the standard library: that of a path or, on Linux, an abstract one
    /// (`socket(2)`, `connect(2)`).
    ///
    /// # Errors
    /// `WouldBlock` while the listener's backlog is full: nothing is left open, and no event reports when to try
    /// again. `NotFound` or `ConnectionRefused` if no listener is at that address; otherwise any error from
    /// `socket(2)` or `connect(2)`.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use std::os::linux::net::SocketAddrExt;
    /// use std::os::unix::net::SocketAddr;
    /// use readywire::unix::{UnixListener, UnixStream};
    ///
    /// let name = format!("unix-socket-example-{}", std::process::id());
    /// let address = SocketAddr::from_abstract_name(&name)?;
    /// let listener = UnixListener::bind_addr(&address)?;
    /// let client = UnixStream::connect_addr(&address)?;
    /// assert_eq!(client.peer_addr()?.as_abstract_name(), Some(name.as_bytes()));
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect_addr(address: &SocketAddr) -> io::Result<UnixStream> {
        UnixStream::connect_to(&addr::to_system(address))
    }

    fn connect_to(address: &SockAddr) -> io::Result<UnixStream> {
        let socket = socket_calls::socket(Domain::UNIX, Type::STREAM, None)?;
        match socket_calls::connect(&socket, address) {
            Ok(()) => Ok(UnixStream::sole(socket)),
            // Some system may go on by itself; there is no asking for the outcome here.
            Err(error) if socket_calls::connecting(&error) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(error),
        }
    }

    /// Makes two streams that are connected to each other, both without a name (`socketpair(2)`).
    ///
    /// # Errors
    /// Any error from `socketpair(2)`, for example because the process has too many open descriptors.
    ///
    /// # Examples
    /// See [`UnixStream`].
    #[doc(alias = "socketpair")]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = socket_calls::pair(Domain::UNIX, Type::STREAM)?;
        Ok((UnixStream::sole(one), UnixStream::sole(other)))
    }

    /// Takes over a stream of the standard library, and sets it to non-blocking.
    ///
    /// # Errors
    /// Any error from setting the socket to non-blocking; it is closed then.
    ///
    /// # Examples
    /// ```
    /// use readywire::unix::UnixStream;
    ///
    /// let (one, _other) = std::os::unix::net::UnixStream::pair()?;
    /// let stream = UnixStream::from_std(one)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_std(stream: net::UnixStream) -> io::Result<UnixStream> {
        stream.set_nonblocking(true)?;
        Ok(UnixStream::adopt(stream))
    }

    /// Takes over a stream as it is.
    fn adopt(stream: net::UnixStream) -> UnixStream {
        // Fails only on systems where both directions are closed already.
        let _closed = socket_calls::silence(&SockRef::from(&stream)).is_err();
        UnixStream {
            io: IoSource::new(stream),
        }
    }

    /// Takes over a socket that was made here.
    pub(crate) fn sole(socket: Socket) -> UnixStream {
        UnixStream {
            io: IoSource::new_sole(socket.into()),
        }
    }

    /// Returns the address of this end (`getsockname(2)`); it has no name unless it is bound.
    ///
    /// # Errors
    /// Any error from `getsockname(2)`.
    ///
    /// # Examples
    /// See [`connect`](UnixStream::connect).
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr().map(addr::without_padding)
    }

    /// Returns the address of the other end (`getpeername(2)`); it has no name unless it is bound.
    ///
    /// # Errors
    /// `NotConnected` after the connection has ended, on some systems.
    ///
    /// # Examples
    /// See [`connect`](UnixStream::connect).
    #[doc(alias = "getpeername")]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr().map(addr::without_padding)
    }

    /// Returns the credentials of the peer's process (`SO_PEERCRED`, `getpeereid(3)`). The kernel
    /// records them; the peer cannot forge them.
    ///
    /// They are those of one process, as it was when it made the call:
    /// - on an accepted stream, the process that called `connect(2)`;
    /// - on a connected stream, the process that called `listen(2)`, even if another process, such
    ///   as a forked worker, accepts the connection (`unix(7)`);
    /// - on a [pair](UnixStream::pair), the process that called `socketpair(2)`.
    ///
    /// A process that inherits the socket or receives it later does not change them. Do not take them
    /// for the credentials of the process that reads what you write.
    ///
    /// # Errors
    /// `NotConnected`, or another error on some systems, if there is no peer.
    ///
    /// # Platform-specific behaviour
    /// `pid` is known on Linux, Android, Apple's systems and illumos. On Apple's systems it is the
    /// process that last used the peer's socket.
    ///
    /// # Examples
    /// ```
    /// let (one, _other) = readywire::unix::UnixStream::pair()?;
    /// let peer = one.peer_credentials()?;
    /// println!("user {}, group {}", peer.uid, peer.gid);
    /// # #[cfg(target_os = "linux")]
    /// assert_eq!(peer.pid, Some(std::process::id() as _));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias("SO_PEERCRED", "getpeereid", "LOCAL_PEERPID", "getpeerucred"))]
    pub fn peer_credentials(&self) -> io::Result<Credentials> {
        os::of_peer(self.socket().as_fd())
    }

    /// Makes another stream on the same socket (`F_DUPFD_CLOEXEC`).
    ///
    /// Both share data, and `shutdown` acts on both; the connection ends when both are dropped.
    /// They are sources of their own: the clone is not registered, and can be registered
    /// anywhere. An edge comes again whichever of them was drained.
    ///
    /// # Errors
    /// Any error from duplicating the descriptor, for example because the process has too many open.
    ///
    /// # Examples
    /// ```
    /// # let (stream, _other) = readywire::unix::UnixStream::pair()?;
    /// let clone = stream.try_clone()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "dup")]
    pub fn try_clone(&self) -> io::Result<UnixStream> {
        Ok(UnixStream {
            io: self.io.try_clone_with(net::UnixStream::try_clone)?,
        })
    }

    /// Closes the reading half, the writing half, or both (`shutdown(2)`).
    ///
    /// After `Write` the peer reads to the end of what was written.
    ///
    /// # Errors
    /// `NotConnected` if the connection has ended, on some systems.
    ///
    /// # Examples
    /// ```
    /// use std::io::Read;
    ///
    /// let (one, mut other) = readywire::unix::UnixStream::pair()?;
    /// one.shutdown(std::net::Shutdown::Write)?;
    /// assert_eq!(other.read(&mut [0; 4])?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket().shutdown(how)
    }

    /// Reads an option, one of the constants of [`sockopt`] (`getsockopt(2)`).
    ///
    /// It is for options without a method here. Prefer it to `option.get(&stream)`
    /// ([`ReadWrite::get`](sockopt::ReadWrite::get)), which borrows the descriptor: from then on dropping the stream
    /// may cost one more system call.
    ///
    /// # Errors
    /// `Unsupported` with [`sockopt::OptionError::Unknown`] inside, and without an error code, for an option that the
    /// system does not know; otherwise any error from `getsockopt(2)`.
    ///
    /// # Examples
    /// See [`set`](UnixStream::set).
    #[doc(alias = "getsockopt")]
    #[inline]
    pub fn get<O: GetOption>(&self, option: O) -> io::Result<O::Value> {
        option.get(self.socket())
    }

    /// Sets an option, one of the constants of [`sockopt`] (`setsockopt(2)`).
    ///
    /// It is for options without a method here, such as the buffer sizes of a proxy.
    /// Prefer it to `option.set(&stream, value)` ([`ReadWrite::set`](sockopt::ReadWrite::set)), which borrows the
    /// descriptor: from then on dropping the stream may cost one more system call.
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
    /// let (stream, _other) = readywire::unix::UnixStream::pair()?;
    /// stream.set(sockopt::SEND_BUFFER_SIZE, 64 * 1024)?;
    /// assert!(stream.get(sockopt::SEND_BUFFER_SIZE)? >= 64 * 1024);
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
    /// # let (stream, _other) = readywire::unix::UnixStream::pair()?;
    /// assert!(stream.take_error()?.is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SO_ERROR")]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        let taken = sockopt::take_error(self.socket())?;
        if taken.is_some() {
            self.io.mark_drained(Ready::READABLE | Ready::WRITABLE);
        }
        Ok(taken)
    }

    /// Reads without taking the data out (`recv(2)` with `MSG_PEEK`): the next call returns them
    /// again.
    ///
    /// `Ok(0)` is the end of the stream, or that `buf` is empty.
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to read; otherwise any error from `recv(2)`.
    ///
    /// # Examples
    /// ```
    /// use std::io::Write;
    ///
    /// let (mut one, other) = readywire::unix::UnixStream::pair()?;
    /// one.write_all(b"hello")?;
    /// for _ in 0..2 {
    ///     assert_eq!(other.peek(&mut [0; 16])?, 5);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.io.try_io(Ready::READABLE, |stream| {
            socket_calls::peek(&SockRef::from(stream), buf)
        })
    }

    /// Reads into several buffers, each filled before the next is touched (`readv(2)`).
    ///
    /// The system takes 1,024 buffers at most: those after them are left alone. `Ok(0)` is the end
    /// of the stream, or that there is no buffer, or none that is not empty. Descriptors that came
    /// with the data are closed: see [`recv_fds`](UnixStream::recv_fds).
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to read; otherwise any error from `readv(2)`.
    ///
    /// # Examples
    /// ```
    /// use std::io::{IoSlice, IoSliceMut};
    ///
    /// let (one, other) = readywire::unix::UnixStream::pair()?;
    /// assert_eq!(one.write_bufs(&[IoSlice::new(b"head"), IoSlice::new(b"body")])?, 8);
    /// let (mut head, mut body) = ([0; 4], [0; 16]);
    /// let n = other.read_bufs(&mut [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)])?;
    /// assert_eq!((n, &head, &body[..4]), (8, b"head", &b"body"[..]));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "readv")]
    #[inline]
    pub fn read_bufs(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let Some(span) = socket_calls::span(bufs) else {
            return Ok(0);
        };
        let bufs = &mut bufs[span];
        let result = socket_calls::recv_vectored(&SockRef::from(self.socket()), bufs);
        self.io
            .note_transfer(Ready::READABLE, result, || socket_calls::total(bufs))
    }

    /// Writes from several buffers, each emptied before the next is touched (`sendmsg(2)`).
    ///
    /// The system takes 1,024 buffers at most: the write is short then. It is also short where
    /// there is no room for all. `Ok(0)` is that there is no buffer, or none that is not empty.
    ///
    /// # Errors
    /// `WouldBlock` while the send buffer is full; otherwise any error from `sendmsg(2)`, such as `BrokenPipe`.
    ///
    /// # Examples
    /// See [`read_bufs`](UnixStream::read_bufs).
    #[doc(alias("writev", "sendmsg"))]
    #[inline]
    pub fn write_bufs(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(span) = socket_calls::span(bufs) else {
            return Ok(0);
        };
        let bufs = &bufs[span];
        let result = socket_calls::send_vectored(&SockRef::from(self.socket()), bufs);
        self.io
            .note_transfer(Ready::WRITABLE, result, || socket_calls::total(bufs))
    }

    /// Writes from several buffers, each emptied before the next is touched, and sends descriptors with the data
    /// (`sendmsg(2)` with `SCM_RIGHTS`).
    ///
    /// The peer gets duplicates; `fds` stay open here and can be closed at once. They arrive with
    /// the first byte: if the write was short, write the rest without them.
    ///
    /// # Errors
    /// `InvalidInput` for more than [`MAX_FDS`](crate::MAX_FDS) descriptors, or without a byte of data to carry them;
    /// otherwise any error of [`write_bufs`](UnixStream::write_bufs). Nothing was sent then.
    ///
    /// # Examples
    /// See [`recv_fds`](UnixStream::recv_fds).
    #[doc(alias("sendmsg", "SCM_RIGHTS"))]
    pub fn send_fds(&self, bufs: &[IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        if fds.is_empty() {
            return self.write_bufs(bufs);
        }
        let Some(span) = socket_calls::span(bufs) else {
            let error = "descriptors on a stream need a byte to go with";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
        };
        let bufs = &bufs[span];
        let result = rights::send(self.socket().as_fd(), bufs, fds);
        self.io
            .note_transfer(Ready::WRITABLE, result, || socket_calls::total(bufs))
    }

    /// Reads into several buffers, each filled before the next is touched, and appends the descriptors that came with
    /// the data to `fds` (`recvmsg(2)`, `SCM_RIGHTS`).
    ///
    /// A read ends behind the descriptors of one write, although more data may follow: after a short
    /// read that came with some, only `WouldBlock` shows that all was read.
    ///
    /// They are close-on-exec. A peer may send any number of them, of any kind: drop what was not
    /// asked for. [`fds_lost`](crate::Received::fds_lost) reports that some could not be received.
    /// A descriptor that the kernel adds by itself (`SCM_PIDFD`, if `SO_PASSPIDFD` is set) is closed.
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to read; otherwise any error from `recvmsg(2)`.
    ///
    /// # Platform-specific behaviour
    /// On Apple's systems they become close-on-exec a moment after they came.
    ///
    /// # Examples
    /// ```
    /// use std::io::{IoSlice, IoSliceMut};
    /// use std::os::fd::AsFd;
    /// use readywire::unix::UnixStream;
    ///
    /// let (one, other) = UnixStream::pair()?;
    /// let null = std::fs::File::open("/dev/null")?;
    /// one.send_fds(&[IoSlice::new(b"a file")], &[null.as_fd()])?;
    ///
    /// let (mut buf, mut fds) = ([0; 16], Vec::new());
    /// let received = other.recv_fds(&mut [IoSliceMut::new(&mut buf)], &mut fds)?;
    /// assert_eq!(&buf[..received.len], b"a file");
    /// assert_eq!(fds.len(), 1);
    /// assert!(!received.fds_lost);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias("recvmsg", "SCM_RIGHTS", "MSG_CTRUNC"))]
    pub fn recv_fds(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        fds: &mut Vec<OwnedFd>,
    ) -> io::Result<Received> {
        let Some(span) = socket_calls::span(bufs) else {
            return Ok(Received::NOTHING);
        };
        let bufs = &mut bufs[span];
        let receive = |stream: &net::UnixStream| rights::receive(stream.as_fd(), bufs, fds);
        let received = self.io.try_io(Ready::READABLE, receive)?;
        self.io
            .note_transfer(Ready::READABLE, Ok(received.len), || {
                socket_calls::total(bufs)
            })?;
        Ok(received)
    }

    /// Runs `operation` on the standard library's stream, for I/O that goes through a borrowed
    /// descriptor: that of [socket2](https://docs.rs/socket2)'s `SockRef`, or `libc::recv`.
    ///
    /// `direction` is `READABLE`, `WRITABLE` or both. After `WouldBlock`, or an error that was pending
    /// on the socket, an edge in that direction can be reported again; other errors leave the socket as
    /// it was. A backend that emulates edges (poll(2)) cannot see I/O that was done in any other way,
    /// and reports no further edge after it. Nor can it see that a transfer was short: go on until
    /// `WouldBlock`, or call [`mark_drained`](UnixStream::mark_drained).
    ///
    /// The operation may duplicate the descriptor. So, from the first call on, dropping the stream while it is
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
    /// let (one, other) = readywire::unix::UnixStream::pair()?;
    /// one.try_io(Ready::WRITABLE, |stream| SockRef::from(stream).send(b"hello"))?;
    /// assert_eq!(other.peek(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn try_io<R>(
        &self,
        direction: Ready,
        operation: impl FnOnce(&net::UnixStream) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(direction, |_| operation(self.lend()))
    }

    /// Notes that a short transfer in [`try_io`](UnixStream::try_io) has drained the given direction, so that
    /// the next edge is reported.
    ///
    /// # Platform-specific behaviour
    /// epoll and kqueue need no help: there it does nothing.
    ///
    /// # Examples
    /// ```
    /// use readywire::Ready;
    /// use socket2::SockRef;
    ///
    /// let (one, _other) = readywire::unix::UnixStream::pair()?;
    /// let message = [b'x'; 4096];
    /// let count = one.try_io(Ready::WRITABLE, |stream| SockRef::from(stream).send(&message))?;
    /// if count < message.len() {
    ///     one.mark_drained(Ready::WRITABLE); // an event reports when to send the rest
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn mark_drained(&self, direction: Ready) {
        self.io.mark_drained(direction);
    }

    /// The socket, for calls that do not duplicate it.
    #[inline]
    pub(crate) fn socket(&self) -> &net::UnixStream {
        self.io.get_sole()
    }

    /// The socket, for callers that may duplicate it.
    fn lend(&self) -> &net::UnixStream {
        self.io.get_ref()
    }

    /// The socket, no longer registered.
    fn into_std(self) -> net::UnixStream {
        self.io.into_inner()
    }
}
impl Read for UnixStream {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    #[inline]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.read_bufs(bufs)
    }
}

impl Read for &UnixStream {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let result = socket_calls::recv(&SockRef::from(self.socket()), buf);
        self.io.note_transfer(Ready::READABLE, result, || buf.len())
    }

    #[inline]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.read_bufs(bufs)
    }
}

impl Write for UnixStream {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    #[inline]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_bufs(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for &UnixStream {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let result = socket_calls::send(&SockRef::from(self.socket()), buf);
        self.io.note_transfer(Ready::WRITABLE, result, || buf.len())
    }

    #[inline]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_bufs(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Evented for UnixStream {
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

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}

/// Takes over a stream of the standard library and sets it to non-blocking, like [`UnixStream::from_std`].
impl TryFrom<net::UnixStream> for UnixStream {
    type Error = io::Error;

    fn try_from(stream: net::UnixStream) -> io::Result<UnixStream> {
        UnixStream::from_std(stream)
    }
}

/// Ends the registration, if there is one. The stream stays non-blocking:
/// [`set_nonblocking`](net::UnixStream::set_nonblocking) changes that.
impl From<UnixStream> for net::UnixStream {
    fn from(stream: UnixStream) -> net::UnixStream {
        stream.into_std()
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](UnixStream::try_io): otherwise a backend
/// that emulates edges (poll(2)) reports no further edge after it.
///
/// From the first call on, dropping the stream while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on. Options need no
/// descriptor: see [`get`](UnixStream::get) and [`set`](UnixStream::set).
impl AsFd for UnixStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lend().as_fd()
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](UnixStream::try_io): otherwise a backend
/// that emulates edges (poll(2)) reports no further edge after it.
///
/// From the first call on, dropping the stream while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on. Options need no
/// descriptor: see [`get`](UnixStream::get) and [`set`](UnixStream::set).
impl AsRawFd for UnixStream {
    fn as_raw_fd(&self) -> RawFd {
        self.lend().as_raw_fd()
    }
}

impl FromRawFd for UnixStream {
    /// Takes over a descriptor as it is.
    ///
    /// # Safety
    /// The descriptor must be open, nobody else may own it, and it must be of a Unix stream. It should be
    /// non-blocking already: on one that blocks, so do the calls here.
    unsafe fn from_raw_fd(fd: RawFd) -> UnixStream {
        // SAFETY: the caller guarantees that the descriptor is open and gives up its ownership.
        UnixStream::from(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl IntoRawFd for UnixStream {
    fn into_raw_fd(self) -> RawFd {
        self.into_std().into_raw_fd()
    }
}

/// Takes over a descriptor as it is. It must be of a Unix stream, and non-blocking already: on one that
/// blocks, so do the calls here.
impl From<OwnedFd> for UnixStream {
    fn from(fd: OwnedFd) -> UnixStream {
        UnixStream::adopt(net::UnixStream::from(fd))
    }
}

/// Ends the registration, if there is one. The descriptor stays non-blocking.
impl From<UnixStream> for OwnedFd {
    fn from(stream: UnixStream) -> OwnedFd {
        stream.into_std().into()
    }
}
