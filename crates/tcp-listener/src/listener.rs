//! The listener: making it, accepting, its options.

use std::ffi::c_int;
use std::fmt;
use std::io;
use std::net::{self, SocketAddr};

use selector::{Evented, IoSource, Poll};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use sockopt::{GetOption, SetOption};
use tcp_stream::TcpStream;
use token_ready::{PollOpt, Ready, Token};

use crate::os;

/// A non-blocking TCP listener, to be registered with a [`Poll`].
///
/// It is readable while connections wait to be accepted. No method blocks, the socket is
/// close-on-exec, and dropping the listener ends its registration and closes the socket;
/// connections that nobody has accepted are reset then.
///
/// # When `accept` fails
/// `WouldBlock` is no failure: no connection is waiting, and an event reports the next one. With an
/// edge, accept until then, or the rest goes unnoticed until the next connection comes.
///
/// **The connection is gone.** A peer may give up while its connection waits. Some systems then
/// report `ConnectionAborted`, Windows `ConnectionReset`; others, Linux among them, still return the
/// stream, and its first read fails with `ConnectionReset`. Linux also reports network errors of the
/// new connection here, such as `NetworkDown`, `HostUnreachable` or `EPROTO`. None of these is an error of the
/// listener: accept again. List the errors that are fatal, not those after which to go on:
/// `EBADF`, `EFAULT`, `EINVAL` and `ENOTSOCK`.
///
/// **No descriptor is left** (`EMFILE`, `ENFILE`), or no memory (`ENOBUFS`, `ENOMEM`). The
/// connection keeps waiting. Registered for levels, the listener is reported at every poll, and a
/// program that cannot do anything about it spins; deregister the listener, and register it again
/// when a stream has been closed. Registered for edges it is not reported until the next
/// connection comes, on a backend that emulates edges not even then, so that the program must
/// remember to call `accept` again when it has closed something.
///
/// Better than to let peers wait is to turn them away: keep a spare descriptor, give it up to
/// accept the connection, close that, and take the spare again.
///
/// ```
/// use std::fs::File;
/// use std::io;
/// use readywire::net::TcpListener;
///
/// /// Accepts a connection and drops it, though there is no descriptor left but the spare.
/// fn turn_away(listener: &TcpListener, spare: &mut Option<File>) -> io::Result<()> {
///     *spare = None;
///     let refused = listener.accept().map(drop);
///     *spare = Some(File::open("/dev/null")?);
///     refused
/// }
/// # #[cfg(unix)] {
/// # let listener = TcpListener::bind(&"127.0.0.1:0".parse().unwrap())?;
/// # let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # turn_away(&listener, &mut None)?;
/// # }
/// # Ok::<(), io::Error>(())
/// ```
///
/// # Examples
/// ```
/// use readywire::net::TcpListener;
/// use readywire::{Events, Poll, PollOpt, Ready, Token};
///
/// let listener = TcpListener::bind(&"127.0.0.1:0".parse().unwrap())?;
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(16);
/// poll.register(&listener, Token(0), Ready::READABLE, PollOpt::LEVEL)?;
///
/// # let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
/// poll.poll(&mut events, None)?;
/// for event in &events {
///     let (stream, peer) = listener.accept()?;
///     poll.register(&stream, Token(1), Ready::READABLE, PollOpt::EDGE)?;
///     println!("{peer} is connected");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpListener {
    io: IoSource<net::TcpListener>,
}

impl TcpListener {
    /// Listens on `addr`, port 0 for one of the system's choice (`socket(2)`, `bind(2)`,
    /// `listen(2)`).
    ///
    /// On Unix the port can be taken at once after an earlier listener has closed
    /// (`SO_REUSEADDR`), as with the standard library's listener. The backlog, that is how many
    /// connections may wait to be accepted, is as long as the system allows; to set another one,
    /// or other options first, see [`from_std`](TcpListener::from_std).
    ///
    /// # Errors
    /// Any error from `socket(2)`, `bind(2)` or `listen(2)`, such as `AddrInUse`, `AddrNotAvailable` or
    /// `PermissionDenied`. Nothing is left open then.
    ///
    /// # Platform-specific behaviour
    /// The longest backlog is `net.core.somaxconn` on Linux (4,096 by default),
    /// `kern.ipc.somaxconn` on macOS and FreeBSD (128). Whether a listener on `[::]` takes IPv4
    /// connections too is the system's default: it does on Linux, it does not on Windows and
    /// OpenBSD.
    ///
    /// On Windows `SO_EXCLUSIVEADDRUSE` is not set, as the standard library does not set it either: with
    /// it, a server that restarts is refused its port while old connections are being closed. Without
    /// it, another program of the same user that sets `SO_REUSEADDR` can listen on the port as well. A
    /// program that must exclude that sets the option before `bind` and uses
    /// [`from_std`](TcpListener::from_std).
    ///
    /// # Examples
    /// See [`TcpListener`].
    #[doc(alias = "socket")]
    #[doc(alias = "listen")]
    pub fn bind(addr: &SocketAddr) -> io::Result<TcpListener> {
        // The system cuts it at its own limit.
        const BACKLOG: c_int = c_int::MAX;

        let domain = Domain::for_address(*addr);
        let socket = socket_calls::socket(domain, Type::STREAM, Some(Protocol::TCP))?;
        os::reuse_address(&socket)?;
        socket.bind(&(*addr).into())?;
        socket.listen(BACKLOG)?;
        Ok(TcpListener {
            io: IoSource::new_sole(socket.into()),
        })
    }

    /// Takes over a listener of the standard library, and sets it to non-blocking.
    ///
    /// A socket of socket2, or of another crate, that was configured and listens already becomes a
    /// listener of the standard library first: by `into()`, as below.
    ///
    /// # Errors
    /// Any error from setting the socket to non-blocking; it is closed then.
    ///
    /// # Examples
    /// ```
    /// use readywire::sockopt;
    /// use socket2::{Domain, Socket, Type};
    /// use std::net::{Ipv4Addr, SocketAddr};
    /// use readywire::net::TcpListener;
    ///
    /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    /// # #[cfg(target_os = "linux")] {
    /// use std::time::Duration;
    ///
    /// sockopt::REUSE_PORT.set(&socket, true)?; // several listeners share the port
    /// sockopt::FASTOPEN.set(&socket, 64)?; // data in the first segment
    /// sockopt::DEFER_ACCEPT.set(&socket, Some(Duration::from_secs(3)))?; // accepted with data
    /// # }
    /// socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    /// socket.listen(16)?; // the backlog
    /// let listener = TcpListener::from_std(socket.into())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "from_listener")]
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        Ok(TcpListener::adopt(listener))
    }

    /// Takes over a listener as it is.
    pub(crate) fn adopt(listener: net::TcpListener) -> TcpListener {
        TcpListener {
            io: IoSource::new(listener),
        }
    }

    /// Accepts a connection, non-blocking and close-on-exec, and returns it with the address of
    /// its other end (`accept4(2)`).
    ///
    /// # Errors
    /// `WouldBlock` while no connection waits; otherwise any error from `accept4(2)`, see [When `accept`
    /// fails](TcpListener#when-accept-fails).
    ///
    /// # Platform-specific behaviour
    /// One system call on Linux, Android, the BSDs and illumos; elsewhere the flags are set by
    /// calls of their own. macOS and the BSDs may report no address for a connection that is over
    /// already: it is `0.0.0.0:0` then.
    ///
    /// # Examples
    /// See [`TcpListener`].
    #[doc(alias = "accept4")]
    #[inline]
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, peer) = self.take(socket_calls::accept)?;
        Ok((TcpStream::from_accepted(socket.into()), peer))
    }

    /// Accepts a connection as a stream of the standard library, which blocks (`accept4(2)`).
    ///
    /// [`TcpStream::from_stream`] makes the other kind of it.
    ///
    /// # Errors
    /// `WouldBlock` while no connection waits; otherwise any error from `accept4(2)`, see [When `accept`
    /// fails](TcpListener#when-accept-fails).
    ///
    /// # Examples
    /// ```
    /// use std::io::{Read, Write};
    ///
    /// # let listener = readywire::net::TcpListener::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// # let mut client = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # client.write_all(b"hello")?;
    /// let (mut stream, peer) = listener.accept_std()?;
    /// let mut buf = [0; 5];
    /// stream.read_exact(&mut buf)?; // waits
    /// assert_eq!(&buf, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn accept_std(&self) -> io::Result<(net::TcpStream, SocketAddr)> {
        let (socket, peer) = self.take(socket_calls::accept_blocking)?;
        Ok((socket.into(), peer))
    }

    /// Accepts by one of the two calls.
    #[inline]
    fn take(
        &self,
        accept: impl FnOnce(&Socket) -> io::Result<(Socket, SockAddr)>,
    ) -> io::Result<(Socket, SocketAddr)> {
        let (socket, peer) = self
            .io
            .try_io(Ready::READABLE, |listener| accept(&SockRef::from(listener)))?;
        Ok((socket, socket_calls::ip_address(&peer)))
    }

    /// Returns the address that the listener is bound to (`getsockname(2)`), scope and flow
    /// included.
    ///
    /// # Errors
    /// Any error from `getsockname(2)`.
    ///
    /// # Examples
    /// ```
    /// let listener = readywire::net::TcpListener::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()
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
    /// let listener = readywire::net::TcpListener::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// let clone = listener.try_clone()?;
    /// assert_eq!(clone.local_addr()?, listener.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "dup")]
    pub fn try_clone(&self) -> io::Result<TcpListener> {
        Ok(TcpListener {
            io: self.io.try_clone_with(net::TcpListener::try_clone)?,
        })
    }

    /// Takes the socket's pending error, which the call clears (`SO_ERROR`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    ///
    /// # Examples
    /// ```
    /// let listener = readywire::net::TcpListener::bind(&"127.0.0.1:0".parse().unwrap())?;
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
    /// A backend that emulates edges (poll(2), AFD) cannot see an accept that was done in any other way,
    /// and reports no further edge after it.
    ///
    /// The operation may duplicate the descriptor. So, from the first call on, dropping the listener while it is
    /// registered takes one more system call on epoll and kqueue.
    ///
    /// # Errors
    /// Any error from `operation`.
    ///
    /// # Examples
    /// ```
    /// use readywire::Ready;
    ///
    /// let listener = readywire::net::TcpListener::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let (stream, _) = listener.try_io(Ready::READABLE, |listener| listener.accept())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn try_io<R>(
        &self,
        direction: Ready,
        operation: impl FnOnce(&net::TcpListener) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(direction, |_| operation(self.lend()))
    }

    /// The socket, for calls that do not duplicate it.
    fn socket(&self) -> &net::TcpListener {
        self.io.get_sole()
    }

    /// The socket, for callers that may duplicate it.
    pub(crate) fn lend(&self) -> &net::TcpListener {
        self.io.get_ref()
    }

    /// The socket, no longer registered.
    pub(crate) fn into_std(self) -> net::TcpListener {
        self.io.into_inner()
    }
}

/// # Options
///
/// Accepted connections start with the options of the listener. A call that fails changes nothing. An option that the
/// system does not know fails with `Unsupported` and [`sockopt::OptionError::Unknown`] inside. Options without a method
/// are constants of [`sockopt`], for [`get`](TcpListener::get) and [`set`](TcpListener::set).
///
/// ```
/// # let listener = readywire::net::TcpListener::bind(&"127.0.0.1:0".parse().unwrap())?;
/// listener.set_ttl(17)?;
/// assert_eq!(listener.ttl()?, 17);
///
/// let error = listener.set_ttl(256).unwrap_err();
/// assert_eq!(error.to_string(), "IP_TTL: 256 is outside 1..=255");
/// # Ok::<(), std::io::Error>(())
/// ```
impl TcpListener {
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
    /// See [`set`](TcpListener::set).
    #[doc(alias = "getsockopt")]
    #[inline]
    pub fn get<O: GetOption>(&self, option: O) -> io::Result<O::Value> {
        option.get(self.socket())
    }

    /// Sets an option, one of the constants of [`sockopt`] (`setsockopt(2)`).
    ///
    /// It is for options without a method here, such as `NODELAY`, with which all connections of a server can start.
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
    /// # let listener = readywire::net::TcpListener::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// listener.set(sockopt::NODELAY, true)?;
    /// assert!(listener.get(sockopt::NODELAY)?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "setsockopt")]
    #[inline]
    pub fn set<O: SetOption>(&self, option: O, value: O::Value<'_>) -> io::Result<()> {
        option.set(self.socket(), value)
    }

    /// Sets how many routers an IPv4 packet may pass (`IP_TTL`).
    ///
    /// # Errors
    /// `InvalidInput` outside 1 to 255, naming the option and the range; otherwise any error from `setsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// On an IPv6 socket the call has no effect or fails, by system; set [`sockopt::HOP_LIMIT`] there.
    #[doc(alias = "IP_TTL")]
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.set(sockopt::TTL, ttl)
    }

    /// Returns how many routers an IPv4 packet may pass (`IP_TTL`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    #[doc(alias = "IP_TTL")]
    pub fn ttl(&self) -> io::Result<u32> {
        self.get(sockopt::TTL)
    }

    /// Sets whether an IPv6 socket leaves IPv4 alone (`IPV6_V6ONLY`).
    ///
    /// It must be set before the socket is bound: on a socket made elsewhere, see
    /// [`from_std`](TcpListener::from_std).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`, for example because the socket is already bound or is not an IPv6 socket.
    #[doc(alias = "IPV6_V6ONLY")]
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.set(sockopt::ONLY_V6, only_v6)
    }

    /// Returns whether an IPv6 socket leaves IPv4 alone (`IPV6_V6ONLY`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`, for example because the socket is not an IPv6 socket.
    #[doc(alias = "IPV6_V6ONLY")]
    pub fn only_v6(&self) -> io::Result<bool> {
        self.get(sockopt::ONLY_V6)
    }
}

impl Evented for TcpListener {
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

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}

/// Takes over a listener of the standard library and sets it to non-blocking, like [`TcpListener::from_std`].
impl TryFrom<net::TcpListener> for TcpListener {
    type Error = io::Error;

    fn try_from(listener: net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }
}

/// Ends the registration, if there is one. The listener stays non-blocking:
/// [`set_nonblocking`](net::TcpListener::set_nonblocking) changes that.
impl From<TcpListener> for net::TcpListener {
    fn from(listener: TcpListener) -> net::TcpListener {
        listener.into_std()
    }
}
