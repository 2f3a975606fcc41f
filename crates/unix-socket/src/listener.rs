//! Listeners.

use std::ffi::c_int;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;

use selector::{Evented, IoSource, Poll};
use socket2::{Domain, SockAddr, SockRef, Type};
use sockopt::{GetOption, SetOption};
use token_ready::{PollOpt, Ready, Token};

use crate::{UnixStream, addr};

/// A non-blocking listener for Unix streams, to be registered with a [`Poll`].
///
/// It is readable while connections wait to be accepted. No method blocks, the socket is
/// close-on-exec, and dropping the listener ends its registration and closes the socket; it does
/// not remove the file at the listener's path, which is to be removed before the path can be bound
/// again.
///
/// Running out of descriptors in `accept` is what it is with a TCP listener: the connection keeps
/// waiting; a level is reported again at every poll, an edge only when the next connection comes,
/// so that the program must call `accept` again when it has closed something.
///
/// # Examples
/// ```
/// use readywire::unix::{UnixListener, UnixStream};
/// use readywire::{Events, Poll, PollOpt, Ready, Token};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("socket");
/// let listener = UnixListener::bind(&path)?;
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(16);
/// poll.register(&listener, Token(0), Ready::READABLE, PollOpt::LEVEL)?;
///
/// # let _client = UnixStream::connect(&path)?;
/// poll.poll(&mut events, None)?;
/// for event in &events {
///     let (stream, _) = listener.accept()?;
///     poll.register(&stream, Token(1), Ready::READABLE, PollOpt::EDGE)?;
///     println!("user {} is connected", stream.peer_credentials()?.uid);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixListener {
    io: IoSource<net::UnixListener>,
}

impl UnixListener {
    /// Listens at `path`, which must not exist yet (`socket(2)`, `bind(2)`, `listen(2)`).
    ///
    /// The backlog, that is how many connections may wait to be accepted, is as long as the system
    /// allows; to set another one see [`from_std`](UnixListener::from_std).
    ///
    /// # Errors
    /// `AddrInUse` if the path exists, `InvalidInput` if it is too long for an address or contains a NUL byte;
    /// otherwise any error from `socket(2)`, `bind(2)` or `listen(2)`. Nothing is left open then.
    ///
    /// # Examples
    /// See [`UnixListener`].
    #[doc(alias("socket", "listen"))]
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        UnixListener::bind_to(&addr::of_path(path.as_ref())?)
    }

    /// Listens at an address of the standard library: that of a path, which must not exist yet, or on Linux an
    /// abstract one (`socket(2)`, `bind(2)`, `listen(2)`). For an address without a name Linux chooses an abstract
    /// one.
    ///
    /// # Errors
    /// `AddrInUse` if the address is taken; otherwise any error from `socket(2)`, `bind(2)` or `listen(2)`. Nothing
    /// is left open then.
    ///
    /// # Examples
    /// See [`UnixStream::connect_addr`].
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::bind_to(&addr::to_system(address))
    }

    fn bind_to(address: &SockAddr) -> io::Result<UnixListener> {
        // The kernel reduces it to its own limit.
        const BACKLOG: c_int = c_int::MAX;

        let socket = socket_calls::socket(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)?;
        Ok(UnixListener {
            io: IoSource::new_sole(socket.into()),
        })
    }

    /// Takes over a listener of the standard library, and sets it to non-blocking.
    ///
    /// A socket of socket2, with another backlog, becomes a listener of the standard library
    /// first: by `into()`, as below.
    ///
    /// # Errors
    /// Any error from setting the socket to non-blocking; it is closed then.
    ///
    /// # Examples
    /// ```
    /// use socket2::{Domain, SockAddr, Socket, Type};
    /// use readywire::unix::UnixListener;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("socket");
    /// let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    /// socket.bind(&SockAddr::unix(&path)?)?;
    /// socket.listen(16)?; // the backlog
    /// let listener = UnixListener::from_std(socket.into())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_std(listener: net::UnixListener) -> io::Result<UnixListener> {
        listener.set_nonblocking(true)?;
        Ok(UnixListener::adopt(listener))
    }

    /// Takes over a listener as it is.
    fn adopt(listener: net::UnixListener) -> UnixListener {
        UnixListener {
            io: IoSource::new(listener),
        }
    }

    /// Accepts a connection, non-blocking and close-on-exec, and returns it with the address of
    /// its other end, which usually has no name (`accept4(2)`). The address is what the kernel reports,
    /// even if no path that a program can pass is as long.
    ///
    /// # Errors
    /// `WouldBlock` while no connection waits; otherwise any error from `accept4(2)`.
    ///
    /// # Platform-specific behaviour
    /// One system call on Linux, Android, the BSDs and illumos; elsewhere the flags are set by
    /// calls of their own.
    ///
    /// # Examples
    /// See [`UnixListener`].
    #[doc(alias = "accept4")]
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (socket, peer) = self.io.try_io(Ready::READABLE, |listener| {
            socket_calls::accept(&SockRef::from(listener))
        })?;
        let stream = UnixStream::sole(socket);
        let peer = addr::of_peer(&peer, stream.socket());
        Ok((stream, peer))
    }

    /// Returns the address that the listener is bound to (`getsockname(2)`).
    ///
    /// # Errors
    /// Any error from `getsockname(2)`.
    ///
    /// # Examples
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("socket");
    /// let listener = readywire::unix::UnixListener::bind(&path)?;
    /// assert_eq!(listener.local_addr()?.as_pathname(), Some(&*path));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr().map(addr::without_padding)
    }

    /// Makes another listener on the same socket (`F_DUPFD_CLOEXEC`).
    ///
    /// Each connection goes to one of them. They are sources of their own: the clone is not
    /// registered, and can be registered anywhere. An edge comes again whichever of them was
    /// drained.
    ///
    /// # Errors
    /// Any error from duplicating the descriptor, for example because the process has too many open.
    ///
    /// # Examples
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let listener = readywire::unix::UnixListener::bind(folder.path().join("socket"))?;
    /// let clone = listener.try_clone()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "dup")]
    pub fn try_clone(&self) -> io::Result<UnixListener> {
        Ok(UnixListener {
            io: self.io.try_clone_with(net::UnixListener::try_clone)?,
        })
    }

    /// Reads an option, one of the constants of [`sockopt`] (`getsockopt(2)`).
    ///
    /// It is for options without a method here. Prefer it to `option.get(&listener)`
    /// ([`ReadWrite::get`](sockopt::ReadWrite::get)), which borrows the descriptor: from then on dropping the listener
    /// may cost one more system call.
    ///
    /// # Errors
    /// `Unsupported` with [`sockopt::OptionError::Unknown`] inside, and without an error code, for an option that the
    /// system does not know; otherwise any error from `getsockopt(2)`.
    ///
    /// # Examples
    /// See [`set`](UnixListener::set).
    #[doc(alias = "getsockopt")]
    #[inline]
    pub fn get<O: GetOption>(&self, option: O) -> io::Result<O::Value> {
        option.get(self.socket())
    }

    /// Sets an option, one of the constants of [`sockopt`] (`setsockopt(2)`).
    ///
    /// It is for options without a method here, such as the buffer sizes with which all connections of a server start.
    /// Prefer it to `option.set(&listener, value)` ([`ReadWrite::set`](sockopt::ReadWrite::set)), which borrows the
    /// descriptor: from then on dropping the listener may cost one more system call.
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
    /// # let folder = tempfile::tempdir()?;
    /// let listener = readywire::unix::UnixListener::bind(folder.path().join("socket"))?;
    /// listener.set(sockopt::SEND_BUFFER_SIZE, 64 * 1024)?;
    /// assert!(listener.get(sockopt::SEND_BUFFER_SIZE)? >= 64 * 1024);
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
    /// # let folder = tempfile::tempdir()?;
    /// # let listener = readywire::unix::UnixListener::bind(folder.path().join("socket"))?;
    /// assert!(listener.take_error()?.is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SO_ERROR")]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        let taken = sockopt::take_error(self.socket())?;
        if taken.is_some() {
            self.io.mark_drained(Ready::READABLE);
        }
        Ok(taken)
    }

    /// Runs `operation` on the standard library's listener, for an accept that goes through a
    /// borrowed descriptor, such as `libc::accept`.
    ///
    /// `direction` is `READABLE`. After `WouldBlock`, or an error that belonged to one connection
    /// (`ConnectionAborted`), an edge can be reported again; other errors leave the listener as it was.
    /// A backend that emulates edges (poll(2)) cannot see an accept that was done in any other way, and
    /// reports no further edge after it.
    ///
    /// The operation may duplicate the descriptor. So, from the first call on, dropping the listener while it is
    /// registered takes one more system call on epoll and kqueue.
    ///
    /// # Errors
    /// Any error from `operation`.
    ///
    /// # Examples
    /// ```
    /// use readywire::unix::{UnixListener, UnixStream};
    /// use readywire::Ready;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("socket");
    /// let listener = UnixListener::bind(&path)?;
    /// let _client = UnixStream::connect(&path)?;
    /// let (stream, _) = listener.try_io(Ready::READABLE, |listener| listener.accept())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn try_io<R>(
        &self,
        direction: Ready,
        operation: impl FnOnce(&net::UnixListener) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(direction, |_| operation(self.lend()))
    }

    /// The socket, for calls that do not duplicate it.
    #[inline]
    fn socket(&self) -> &net::UnixListener {
        self.io.get_sole()
    }

    /// The socket, for callers that may duplicate it.
    fn lend(&self) -> &net::UnixListener {
        self.io.get_ref()
    }

    /// The socket, no longer registered.
    fn into_std(self) -> net::UnixListener {
        self.io.into_inner()
    }
}

impl Evented for UnixListener {
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

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}

/// Takes over a listener of the standard library and sets it to non-blocking, like [`UnixListener::from_std`].
impl TryFrom<net::UnixListener> for UnixListener {
    type Error = io::Error;

    fn try_from(listener: net::UnixListener) -> io::Result<UnixListener> {
        UnixListener::from_std(listener)
    }
}

/// Ends the registration, if there is one. The listener stays non-blocking:
/// [`set_nonblocking`](net::UnixListener::set_nonblocking) changes that.
impl From<UnixListener> for net::UnixListener {
    fn from(listener: UnixListener) -> net::UnixListener {
        listener.into_std()
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](UnixListener::try_io): otherwise a backend
/// that emulates edges (poll(2)) reports no further edge after it.
///
/// From the first call on, dropping the listener while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on. Options need no
/// descriptor: see [`get`](UnixListener::get) and [`set`](UnixListener::set).
impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lend().as_fd()
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](UnixListener::try_io): otherwise a backend
/// that emulates edges (poll(2)) reports no further edge after it.
///
/// From the first call on, dropping the listener while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on. Options need no
/// descriptor: see [`get`](UnixListener::get) and [`set`](UnixListener::set).
impl AsRawFd for UnixListener {
    fn as_raw_fd(&self) -> RawFd {
        self.lend().as_raw_fd()
    }
}

impl FromRawFd for UnixListener {
    /// Takes over a descriptor as it is.
    ///
    /// # Safety
    /// The descriptor must be open, nobody else may own it, and it must be of a Unix stream socket that listens. It
    /// should be non-blocking already: on one that blocks, so do the calls here.
    unsafe fn from_raw_fd(fd: RawFd) -> UnixListener {
        // SAFETY: the caller guarantees that the descriptor is open and gives up its ownership.
        UnixListener::from(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl IntoRawFd for UnixListener {
    fn into_raw_fd(self) -> RawFd {
        self.into_std().into_raw_fd()
    }
}

/// Takes over a descriptor as it is. It must be of a Unix stream socket that listens, and non-blocking already: on
/// one that blocks, so do the calls here.
impl From<OwnedFd> for UnixListener {
    fn from(fd: OwnedFd) -> UnixListener {
        UnixListener::adopt(net::UnixListener::from(fd))
    }
}

/// Ends the registration, if there is one. The descriptor stays non-blocking.
impl From<UnixListener> for OwnedFd {
    fn from(listener: UnixListener) -> OwnedFd {
        listener.into_std().into()
    }
}
