//! The socket: making it, its addresses, and moving datagrams.
//!
//! Options live in `options`, what not every system has in `os`.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{self, SocketAddr};

use selector::{Evented, IoSource, Poll};
use socket2::{Domain, Protocol, SockRef, Type};
use token_ready::{PollOpt, Ready, Token};

/// A non-blocking UDP socket, to be registered with a [`Poll`].
///
/// No method blocks: what cannot be done now is `WouldBlock`, and an event reports when to try
/// again. The socket is close-on-exec. Dropping it ends its registration and closes it.
///
/// # Datagrams
/// A call moves one datagram, whole or not at all, with one exception: bytes that do not fit into the
/// receiver's buffers are lost. [`recv_bufs_from`](UdpSocket::recv_bufs_from) reports when that
/// happened. A datagram may be empty: receiving `Ok(0)` is one of those, not an end.
///
/// # Connected sockets
/// [`connect`](UdpSocket::connect) sends nothing. It sets the address that [`send`](UdpSocket::send) sends to and
/// that datagrams are received from, and it makes the kernel report errors to the socket. If no socket receives at
/// the other end, a later call, whether it sends or receives, fails with `ConnectionRefused`, and the socket is
/// reported with an error. The call clears the error: the next one works again.
///
/// # Platform-specific behaviour
/// On Windows `recv`, `recv_from`, `peek` and `peek_from` fail with `WSAEMSGSIZE` where a datagram
/// does not fit, and refusals are `ConnectionReset`, for sockets that are not connected too.
///
/// # Examples
/// ```
/// use readywire::net::UdpSocket;
/// use readywire::{Events, Poll, PollOpt, Ready, Token};
///
/// let any = "127.0.0.1:0".parse().unwrap();
/// let server = UdpSocket::bind(&any)?;
/// let client = UdpSocket::bind(&any)?;
/// client.connect(server.local_addr()?)?;
///
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(16);
/// poll.register(&server, Token(0), Ready::READABLE, PollOpt::LEVEL)?;
/// client.send(b"hello")?;
///
/// poll.poll(&mut events, None)?;
/// for event in &events {
///     let mut buf = [0; 16];
///     let (n, from) = server.recv_from(&mut buf)?;
///     assert_eq!((&buf[..n], from), (&b"hello"[..], client.local_addr()?));
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UdpSocket {
    io: IoSource<net::UdpSocket>,
}

/// What [`UdpSocket::recv_bufs_from`] received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// How many bytes of the buffers it filled.
    pub len: usize,
    /// The sender's address; `0.0.0.0:0` if the kernel reports none.
    pub from: SocketAddr,
    /// The datagram was longer than the buffers; the rest is lost.
    pub truncated: bool,
}

impl UdpSocket {
    /// Makes a socket with the address `addr`, port 0 for one of the system's choice (`socket(2)`,
    /// `bind(2)`).
    ///
    /// # Errors
    /// Any error from `socket(2)` or `bind(2)`, such as `AddrInUse`, `AddrNotAvailable` or `PermissionDenied`.
    /// Nothing is left open then.
    ///
    /// # Examples
    /// See [`UdpSocket`].
    #[doc(alias = "socket")]
    pub fn bind(addr: &SocketAddr) -> io::Result<UdpSocket> {
        let domain = Domain::for_address(*addr);
        let socket = socket_calls::socket(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.bind(&(*addr).into())?;
        Ok(UdpSocket {
            io: IoSource::new_sole(socket.into()),
        })
    }

    /// Takes over a socket of the standard library, and sets it to non-blocking.
    ///
    /// To set options before the socket is bound, make it with socket2 and convert it into the standard library's.
    ///
    /// # Errors
    /// Any error from setting the socket to non-blocking; it is closed then.
    ///
    /// # Examples
    /// ```
    /// use readywire::sockopt;
    /// use socket2::{Domain, Socket, Type};
    /// use std::net::{Ipv6Addr, SocketAddr};
    /// use readywire::net::UdpSocket;
    ///
    /// # if testkit::lacks_ipv6_sockets() { return Ok(()); }
    /// let socket = Socket::new(Domain::IPV6, Type::DGRAM, None)?;
    /// sockopt::ONLY_V6.set(&socket, true)?;
    /// socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into())?;
    /// let socket = UdpSocket::from_socket(socket.into())?;
    /// assert!(socket.only_v6()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_socket(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        Ok(UdpSocket::adopt(socket))
    }

    /// Takes over a socket of the standard library, and sets it to non-blocking: another name of
    /// [`from_socket`](UdpSocket::from_socket), which the other socket types use.
    ///
    /// # Errors
    /// Any error from setting the socket to non-blocking; it is closed then.
    pub fn from_std(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        UdpSocket::from_socket(socket)
    }

    /// Takes over a socket as it is.
    pub(crate) fn adopt(socket: net::UdpSocket) -> UdpSocket {
        UdpSocket {
            io: IoSource::new(socket),
        }
    }

    /// Returns the address that the socket is bound to (`getsockname(2)`), scope and flow included.
    ///
    /// # Errors
    /// Any error from `getsockname(2)`.
    ///
    /// # Examples
    /// See [`UdpSocket`].
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()
    }

    /// Returns the address that the socket is connected to (`getpeername(2)`), scope and flow
    /// included.
    ///
    /// # Errors
    /// `NotConnected` if it is not.
    ///
    /// # Examples
    /// ```
    /// let socket = readywire::net::UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// let own = socket.local_addr()?;
    /// assert!(socket.peer_addr().is_err());
    /// socket.connect(own)?;
    /// assert_eq!(socket.peer_addr()?, own);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "getpeername")]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
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
    /// let socket = readywire::net::UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// let clone = socket.try_clone()?;
    /// assert_eq!(clone.local_addr()?, socket.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "dup")]
    pub fn try_clone(&self) -> io::Result<UdpSocket> {
        Ok(UdpSocket {
            io: self.io.try_clone_with(net::UdpSocket::try_clone)?,
        })
    }

    /// Sets the address that [`send`](UdpSocket::send) sends to and that datagrams are received from (`connect(2)`);
    /// see [Connected sockets](UdpSocket#connected-sockets). It may be called again.
    ///
    /// # Errors
    /// Any error from `connect(2)`, such as `NetworkUnreachable` if there is no route.
    ///
    /// # Examples
    /// See [`UdpSocket`].
    pub fn connect(&self, addr: SocketAddr) -> io::Result<()> {
        socket_calls::connect(&SockRef::from(self.socket()), &addr.into())
    }

    /// Sends a datagram to `target`, and returns how many bytes that are: all (`sendto(2)`).
    ///
    /// # Errors
    /// `WouldBlock` while the send buffer is full; otherwise any error from `sendto(2)`, for example because the data
    /// is too long for a datagram or there is no route. It may be the error of an earlier datagram.
    ///
    /// # Examples
    /// ```
    /// let socket = readywire::net::UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// assert_eq!(socket.send_to(b"hello", &socket.local_addr()?)?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "sendto")]
    pub fn send_to(&self, buf: &[u8], target: &SocketAddr) -> io::Result<usize> {
        self.operate(Ready::WRITABLE, |socket| socket.send_to(buf, target))
    }

    /// Receives a datagram, and returns its length and the sender's address (`recvfrom(2)`). Bytes that do not fit
    /// into `buf` are lost.
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to receive; otherwise any error from `recvfrom(2)`.
    ///
    /// # Platform-specific behaviour
    /// On Windows a datagram that does not fit is an error.
    ///
    /// # Examples
    /// See [`UdpSocket`].
    #[doc(alias = "recvfrom")]
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (len, from) = self.operate(Ready::READABLE, |socket| {
            socket_calls::recv_from(&SockRef::from(socket), buf)
        })?;
        Ok((len, socket_calls::ip_address(&from)))
    }

    /// Receives a datagram and returns its length and the sender's address, but leaves it in the queue: the next call
    /// receives it again (`recvfrom(2)` with `MSG_PEEK`).
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to receive; otherwise any error from `recvfrom(2)`.
    ///
    /// # Examples
    /// ```
    /// let socket = readywire::net::UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// let own = socket.local_addr()?;
    /// socket.send_to(b"hello", &own)?;
    /// let mut buf = [0; 16];
    /// for _ in 0..2 {
    ///     assert_eq!(socket.peek_from(&mut buf)?, (5, own));
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "MSG_PEEK")]
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (len, from) = self.operate(Ready::READABLE, |socket| {
            socket_calls::peek_from(&SockRef::from(socket), buf)
        })?;
        Ok((len, socket_calls::ip_address(&from)))
    }

    /// Sends a datagram to the address that the socket is connected to, and returns how many bytes
    /// that are: all (`send(2)`).
    ///
    /// # Errors
    /// `NotConnected`, or another error on some systems, if the socket is not connected; `ConnectionRefused` if no
    /// socket received an earlier datagram; `WouldBlock` while the send buffer is full; otherwise any error from
    /// `send(2)`.
    ///
    /// # Examples
    /// See [`UdpSocket`].
    #[inline]
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.operate(Ready::WRITABLE, |socket| {
            socket_calls::send(&SockRef::from(socket), buf)
        })
    }

    /// Receives a datagram, and returns its length (`recv(2)`). Bytes that do not fit into `buf` are lost.
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to receive; `ConnectionRefused` if no socket received an earlier datagram;
    /// otherwise any error from `recv(2)`.
    ///
    /// # Platform-specific behaviour
    /// On Windows a datagram that does not fit is an error.
    ///
    /// # Examples
    /// ```
    /// let socket = readywire::net::UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// socket.connect(socket.local_addr()?)?;
    /// socket.send(b"hello")?;
    /// let mut buf = [0; 16];
    /// assert_eq!(socket.recv(&mut buf)?, 5);
    /// assert_eq!(&buf[..5], b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.operate(Ready::READABLE, |socket| {
            socket_calls::recv(&SockRef::from(socket), buf)
        })
    }

    /// Receives a datagram and returns its length, but leaves it in the queue: the next call receives it again
    /// (`recv(2)` with `MSG_PEEK`).
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to receive; `ConnectionRefused` if no socket received an earlier datagram;
    /// otherwise any error from `recv(2)`.
    ///
    /// # Examples
    /// See [`peek_from`](UdpSocket::peek_from).
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.operate(Ready::READABLE, |socket| socket.peek(buf))
    }

    /// Receives a datagram into several buffers, each filled before the next is touched, and returns how many bytes
    /// were filled (`recvmsg(2)`). Bytes that do not fit are lost, without an error on Windows too.
    ///
    /// The system takes 1,024 buffers at most: those after them are left alone.
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to receive; `ConnectionRefused` if no socket received an earlier datagram;
    /// otherwise any error from `recvmsg(2)`.
    ///
    /// # Examples
    /// See [`recv_bufs_from`](UdpSocket::recv_bufs_from).
    #[doc(alias("recvmsg", "readv", "WSARecvFrom"))]
    pub fn recv_bufs(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.receive(bufs).map(|received| received.len)
    }

    /// Receives a datagram into several buffers, each filled before the next is touched, and returns its length, the
    /// sender's address and whether it was too long (`recvmsg(2)`).
    ///
    /// The system takes 1,024 buffers at most: those after them are left alone.
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to receive; otherwise any error from `recvmsg(2)`. A datagram that is too
    /// long is not an error, on Windows either.
    ///
    /// # Examples
    /// ```
    /// use std::io::IoSliceMut;
    ///
    /// let socket = readywire::net::UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// let own = socket.local_addr()?;
    /// socket.send_to(b"headbody", &own)?;
    /// let (mut head, mut body) = ([0; 4], [0; 2]);
    /// let mut bufs = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
    /// let received = socket.recv_bufs_from(&mut bufs)?;
    /// assert_eq!((received.len, received.from), (6, own));
    /// assert!(received.truncated);
    /// assert_eq!((&head, &body), (b"head", b"bo"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias("recvmsg", "MSG_TRUNC", "WSARecvFrom"))]
    pub fn recv_bufs_from(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Received> {
        let received = self.receive(bufs)?;
        Ok(Received {
            len: received.len,
            from: socket_calls::ip_address(&received.from),
            truncated: received.truncated,
        })
    }

    /// Receives into as many buffers as one call takes, be it none.
    fn receive(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<socket_calls::Received> {
        let span = socket_calls::span(bufs).unwrap_or(0..0);
        self.operate(Ready::READABLE, |socket| {
            socket_calls::recv_from_vectored(&SockRef::from(socket), &mut bufs[span])
        })
    }

    /// Sends one datagram from several buffers to the address that the socket is connected to, and
    /// returns how many bytes that are: all (`sendmsg(2)`).
    ///
    /// # Errors
    /// Any error of [`send`](UdpSocket::send). `EMSGSIZE` for more buffers than the system takes,
    /// which is 1,024 on most; empty ones in front do not count.
    ///
    /// # Examples
    /// ```
    /// use std::io::IoSlice;
    ///
    /// let socket = readywire::net::UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// socket.connect(socket.local_addr()?)?;
    /// assert_eq!(socket.send_bufs(&[IoSlice::new(b"head"), IoSlice::new(b"body")])?, 8);
    /// assert_eq!(socket.recv(&mut [0; 16])?, 8);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias("sendmsg", "writev", "WSASend"))]
    pub fn send_bufs(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.operate(Ready::WRITABLE, |socket| {
            socket_calls::send_vectored(&SockRef::from(socket), bufs)
        })
    }

    /// Sends one datagram from several buffers to `target`, and returns how many bytes that are:
    /// all (`sendmsg(2)`).
    ///
    /// # Errors
    /// Any error of [`send_to`](UdpSocket::send_to). `EMSGSIZE` for more buffers than the system
    /// takes, which is 1,024 on most; empty ones in front do not count.
    ///
    /// # Examples
    /// ```
    /// use std::io::IoSlice;
    ///
    /// let socket = readywire::net::UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// let bufs = [IoSlice::new(b"head"), IoSlice::new(b"body")];
    /// assert_eq!(socket.send_bufs_to(&bufs, &socket.local_addr()?)?, 8);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias("sendmsg", "WSASendTo"))]
    pub fn send_bufs_to(&self, bufs: &[IoSlice<'_>], target: &SocketAddr) -> io::Result<usize> {
        self.operate(Ready::WRITABLE, |socket| {
            socket_calls::send_to_vectored(&SockRef::from(socket), bufs, &(*target).into())
        })
    }

    /// Takes the socket's pending error, which the call clears (`SO_ERROR`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    ///
    /// # Examples
    /// ```
    /// let socket = readywire::net::UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
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

    /// Runs `operation` on the standard library's socket, for I/O that goes through a borrowed
    /// descriptor: that of [socket2](https://docs.rs/socket2)'s `SockRef`, or `libc::recv`.
    ///
    /// `direction` is `READABLE`, `WRITABLE` or both. After `WouldBlock`, or an error that was pending
    /// on the socket (`ConnectionRefused`, `HostUnreachable`), an edge in that direction can be reported
    /// again; other errors leave the socket as it was. A backend that emulates edges (poll(2), AFD)
    /// cannot see I/O that was done in any other way, and reports no further edge after it.
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
    /// let socket = readywire::net::UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// let own = socket.local_addr()?.into();
    /// socket.try_io(Ready::WRITABLE, |socket| SockRef::from(socket).send_to(b"hello", &own))?;
    /// assert_eq!(socket.recv(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn try_io<R>(
        &self,
        direction: Ready,
        operation: impl FnOnce(&net::UdpSocket) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(direction, |_| operation(self.lend()))
    }

    /// Runs one operation.
    #[inline]
    pub(crate) fn operate<R>(
        &self,
        direction: Ready,
        operation: impl FnOnce(&net::UdpSocket) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(direction, operation)
    }

    /// The socket, for calls that do not duplicate it.
    #[inline]
    pub(crate) fn socket(&self) -> &net::UdpSocket {
        self.io.get_sole()
    }

    /// The socket, for callers that may duplicate it.
    pub(crate) fn lend(&self) -> &net::UdpSocket {
        self.io.get_ref()
    }

    /// The socket, no longer registered.
    pub(crate) fn into_std(self) -> net::UdpSocket {
        self.io.into_inner()
    }
}

impl Evented for UdpSocket {
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

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}

/// Takes over a socket of the standard library and sets it to non-blocking, like [`UdpSocket::from_socket`].
impl TryFrom<net::UdpSocket> for UdpSocket {
    type Error = io::Error;

    fn try_from(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        UdpSocket::from_socket(socket)
    }
}

/// Ends the registration, if there is one. The socket stays non-blocking:
/// [`set_nonblocking`](net::UdpSocket::set_nonblocking) changes that.
impl From<UdpSocket> for net::UdpSocket {
    fn from(socket: UdpSocket) -> net::UdpSocket {
        socket.into_std()
    }
}
