//! The calls, as every system has them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use socket2::{Domain, MaybeUninitSlice, Protocol, SockAddr, Socket, Type};

use crate::{bufs, os};

/// Makes a non-blocking, close-on-exec socket (`socket(2)`).
///
/// # Errors
/// Any error from `socket(2)`, for example because the process has too many open descriptors. Nothing is left open
/// then.
///
/// # Platform-specific behaviour
/// One call on Linux, Android, the BSDs and illumos; elsewhere the flags are set by calls of their
/// own. On Windows it is child processes that do not inherit the socket.
///
/// # Examples
/// ```
/// use socket2::{Domain, Protocol, Type};
///
/// let socket = socket_calls::socket(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
/// # #[cfg(unix)]
/// assert!(socket.nonblocking()?);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias("SOCK_NONBLOCK", "SOCK_CLOEXEC"))]
#[inline]
pub fn socket(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
    os::socket(domain, kind, protocol)
}

/// Accepts a connection, non-blocking and close-on-exec (`accept4(2)`).
///
/// # Errors
/// `WouldBlock` while there is no connection, if the listener is non-blocking; otherwise any error from `accept4(2)`.
/// Nothing is left open then.
///
/// # Platform-specific behaviour
/// One call where there is `accept4(2)`: Linux, Android, the BSDs and illumos.
///
/// # Examples
/// See the [crate].
#[doc(alias = "accept4")]
#[inline]
pub fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    os::accept(listener)
}

/// Accepts a connection as a blocking socket, close-on-exec, whether or not the listener blocks (`accept4(2)`).
///
/// # Errors
/// `WouldBlock` while there is no connection, if the listener is non-blocking; otherwise any error from `accept4(2)`.
/// Nothing is left open then.
///
/// # Platform-specific behaviour
/// One call where there is `accept4(2)`: Linux, Android, the BSDs and illumos.
///
/// # Examples
/// ```
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// listener.set_nonblocking(true)?;
/// let client = std::net::TcpStream::connect(listener.local_addr()?)?;
/// let (server, _) = socket_calls::accept_blocking(&socket2::SockRef::from(&listener))?;
/// # #[cfg(unix)]
/// assert!(!server.nonblocking()?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn accept_blocking(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    os::accept_blocking(listener)
}

/// Connects a socket, or begins to (`connect(2)`).
///
/// # Errors
/// Any error from `connect(2)`; [`connecting`] returns whether the attempt continues in the background.
///
/// # Examples
/// ```
/// use socket2::{Domain, Type};
///
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let socket = socket_calls::socket(Domain::IPV4, Type::STREAM, None)?;
/// match socket_calls::connect(&socket, &listener.local_addr()?.into()) {
///     Err(error) if !socket_calls::connecting(&error) => return Err(error),
///     _begun => {}
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline]
pub fn connect(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    socket.connect(address)
}

/// Returns whether a connection attempt whose call returned `error` continues in the background.
///
/// # Examples
/// ```
/// use std::io::{Error, ErrorKind};
///
/// assert!(!socket_calls::connecting(&Error::from(ErrorKind::ConnectionRefused)));
/// ```
#[doc(alias("EINPROGRESS", "WSAEWOULDBLOCK"))]
pub fn connecting(error: &io::Error) -> bool {
    os::connecting(error)
}

/// Sends without raising SIGPIPE (`send(2)` with `MSG_NOSIGNAL`).
///
/// # Errors
/// Any error from `send(2)`, such as `WouldBlock`, `BrokenPipe` or `ConnectionReset`.
///
/// # Platform-specific behaviour
/// On Apple's systems it takes [`silence`](crate::silence) once, which the standard library and
/// socket2 do for the sockets they make.
///
/// # Examples
/// See the [crate].
#[doc(alias = "MSG_NOSIGNAL")]
#[inline]
pub fn send(socket: &Socket, buf: &[u8]) -> io::Result<usize> {
    os::send(socket, buf)
}

/// Sends from at most [`MAX_BUFS`](crate::MAX_BUFS) buffers without raising SIGPIPE (`sendmsg(2)`
/// with `MSG_NOSIGNAL`). Empty buffers in front are skipped. Without any buffer, an empty message is sent.
///
/// On a stream pass what [`span`](crate::span) picks.
///
/// # Errors
/// Any error from `sendmsg(2)`, such as `EMSGSIZE` for too many buffers.
///
/// # Platform-specific behaviour
/// On Apple's systems it takes [`silence`](crate::silence) once, which the standard library and socket2 do for the
/// sockets they make.
///
/// # Examples
/// See the [crate].
#[doc(alias("sendmsg", "WSASend"))]
#[inline]
pub fn send_vectored(socket: &Socket, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    // macOS refuses a message without any buffer, and qemu neither sends nor receives it.
    let empty = [IoSlice::new(&[])];
    let bufs = match bufs::skip_empty(bufs) {
        [] => &empty,
        bufs => bufs,
    };
    os::send_vectored(socket, bufs)
}

/// Sends a datagram to an address without raising SIGPIPE (`sendto(2)` with `MSG_NOSIGNAL`).
///
/// # Errors
/// Any error from `sendto(2)`.
///
/// # Platform-specific behaviour
/// On Apple's systems it takes [`silence`](crate::silence) once, which the standard library and socket2 do for the
/// sockets they make.
///
/// # Examples
/// ```
/// use socket2::SockRef;
///
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// let own = socket.local_addr()?.into();
/// assert_eq!(socket_calls::send_to(&SockRef::from(&socket), b"hello", &own)?, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "sendto")]
#[inline]
pub fn send_to(socket: &Socket, buf: &[u8], address: &SockAddr) -> io::Result<usize> {
    socket.send_to_with_flags(buf, address, os::SEND_FLAGS)
}

/// Sends a datagram from several buffers to an address without raising SIGPIPE (`sendmsg(2)` with
/// `MSG_NOSIGNAL`). Empty buffers in front are skipped. Without any buffer, an empty message is sent.
///
/// # Errors
/// Any error from `sendmsg(2)`, such as `EMSGSIZE` for too many buffers.
///
/// # Platform-specific behaviour
/// On Apple's systems it takes [`silence`](crate::silence) once, which the standard library and socket2 do for the
/// sockets they make.
///
/// # Examples
/// ```
/// use socket2::SockRef;
/// use std::io::IoSlice;
///
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// let own = socket.local_addr()?.into();
/// let bufs = [IoSlice::new(b"head"), IoSlice::new(b"body")];
/// assert_eq!(socket_calls::send_to_vectored(&SockRef::from(&socket), &bufs, &own)?, 8);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias("sendmsg", "WSASendTo"))]
#[inline]
pub fn send_to_vectored(
    socket: &Socket,
    bufs: &[IoSlice<'_>],
    address: &SockAddr,
) -> io::Result<usize> {
    // As in `send_vectored`.
    let empty = [IoSlice::new(&[])];
    let bufs = match bufs::skip_empty(bufs) {
        [] => &empty,
        bufs => bufs,
    };
    socket.send_to_vectored_with_flags(bufs, address, os::SEND_FLAGS)
}

/// Receives (`recv(2)`).
///
/// # Errors
/// `WouldBlock` while there is nothing to receive; otherwise any error from `recv(2)`.
///
/// # Examples
/// ```
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// socket.send_to(b"hello", socket.local_addr()?)?;
/// let mut buf = [0; 16];
/// assert_eq!(socket_calls::recv(&socket2::SockRef::from(&socket), &mut buf)?, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "WSARecv")]
#[inline]
pub fn recv(socket: &Socket, buf: &mut [u8]) -> io::Result<usize> {
    os::recv(socket, buf)
}

/// Receives from a stream into several buffers, each filled before the next is touched (`readv(2)`).
///
/// # Errors
/// `WouldBlock` while there is nothing to receive; otherwise any error from `readv(2)`, such as `InvalidInput` for
/// too many buffers.
///
/// # Examples
/// ```
/// # use std::io::Write;
/// use socket2::SockRef;
/// use std::io::IoSliceMut;
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # listener.accept()?.0.write_all(b"headbody")?;
/// # while stream.peek(&mut [0; 8])? < 8 {}
/// let (mut head, mut body) = ([0; 4], [0; 8]);
/// let mut bufs = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
/// assert_eq!(socket_calls::recv_vectored(&SockRef::from(&stream), &mut bufs)?, 8);
/// assert_eq!((&head, &body[..4]), (b"head", &b"body"[..]));
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias("readv", "WSARecv"))]
#[inline]
pub fn recv_vectored(socket: &Socket, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    os::recv_vectored(socket, bufs)
}

/// Receives without taking the data out (`recv(2)` with `MSG_PEEK`): the next call returns them
/// again.
///
/// # Errors
/// `WouldBlock` while there is nothing to receive; otherwise any error from `recv(2)`.
///
/// # Examples
/// ```
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// socket.send_to(b"hello", socket.local_addr()?)?;
/// let mut buf = [0; 16];
/// for _ in 0..2 {
///     assert_eq!(socket_calls::peek(&socket2::SockRef::from(&socket), &mut buf)?, 5);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "MSG_PEEK")]
pub fn peek(socket: &Socket, buf: &mut [u8]) -> io::Result<usize> {
    socket.peek(uninit_bytes(buf))
}

/// Receives a datagram, and returns its length and the sender's address (`recvfrom(2)`), whatever its
/// family: see [`ip_address`].
///
/// # Errors
/// `WouldBlock` while there is nothing to receive; otherwise any error from `recvfrom(2)`.
///
/// # Examples
/// ```
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// let own = socket.local_addr()?;
/// socket.send_to(b"hello", own)?;
/// let (len, from) = socket_calls::recv_from(&socket2::SockRef::from(&socket), &mut [0; 16])?;
/// assert_eq!((len, socket_calls::ip_address(&from)), (5, own));
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "recvfrom")]
pub fn recv_from(socket: &Socket, buf: &mut [u8]) -> io::Result<(usize, SockAddr)> {
    socket.recv_from(uninit_bytes(buf))
}

/// Receives a datagram and returns its length and the sender's address, but leaves it in the queue: the next call
/// receives it again (`recvfrom(2)` with `MSG_PEEK`).
///
/// # Errors
/// `WouldBlock` while there is nothing to receive; otherwise any error from `recvfrom(2)`.
///
/// # Examples
/// ```
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// socket.send_to(b"hello", socket.local_addr()?)?;
/// for _ in 0..2 {
///     let (len, _) = socket_calls::peek_from(&socket2::SockRef::from(&socket), &mut [0; 16])?;
///     assert_eq!(len, 5);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "MSG_PEEK")]
pub fn peek_from(socket: &Socket, buf: &mut [u8]) -> io::Result<(usize, SockAddr)> {
    socket.peek_from(uninit_bytes(buf))
}

/// Returns a peer's IP address as the kernel reported it; `0.0.0.0:0` if it reported none, or one of
/// another family. A connection or a datagram is not lost for that.
///
/// # Examples
/// ```
/// # #[cfg(unix)] {
/// let unix = socket2::SockAddr::unix("/a/path")?;
/// assert_eq!(socket_calls::ip_address(&unix).to_string(), "0.0.0.0:0");
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline]
pub fn ip_address(address: &SockAddr) -> SocketAddr {
    const NONE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    address.as_socket().unwrap_or(NONE)
}

/// What [`recv_from_vectored`] received.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Received {
    /// How many bytes of the buffers it filled.
    pub len: usize,
    /// The datagram was longer than the buffers; the rest is lost.
    pub truncated: bool,
    /// The sender's address; empty, of no family, if the sender has none.
    pub from: SockAddr,
}

/// Receives a datagram into several buffers, each filled before the next is touched
/// (`recvmsg(2)`). Without any, all of it is lost.
///
/// # Errors
/// Any error from `recvmsg(2)`. A datagram that does not fit is [truncated](Received::truncated), without an error on
/// Windows too.
///
/// # Examples
/// ```
/// use socket2::SockRef;
/// use std::io::IoSliceMut;
///
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// socket.send_to(b"headbody", socket.local_addr()?)?;
/// let (mut head, mut body) = ([0; 4], [0; 2]);
/// let mut bufs = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
/// let received = socket_calls::recv_from_vectored(&SockRef::from(&socket), &mut bufs)?;
/// assert_eq!((received.len, received.truncated), (6, true));
/// assert_eq!((&head, &body), (b"head", b"bo"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias("recvmsg", "WSARecvFrom"))]
pub fn recv_from_vectored(socket: &Socket, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Received> {
    // As in `send_vectored`.
    let mut empty = [IoSliceMut::new(&mut [])];
    let bufs = if bufs.is_empty() { &mut empty } else { bufs };
    let room = bufs.iter().map(|buf| buf.len()).sum();
    let (len, flags, from) = socket.recv_from_vectored(uninit(bufs))?;
    let truncated = flags.is_truncated();
    Ok(Received {
        // Windows need not tell how much there was of a datagram that filled the buffers.
        len: if truncated { room } else { len },
        truncated,
        from,
    })
}

/// The same buffer, as socket2 takes it.
fn uninit_bytes(buf: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    let buf: *mut [u8] = buf;
    // SAFETY: the types have one layout, and socket2 hands the buffer on to the system, which
    // writes bytes, never uninitialised ones.
    unsafe { &mut *(buf as *mut [MaybeUninit<u8>]) }
}

/// The same buffers, as socket2 takes them.
fn uninit<'a, 'b>(bufs: &'a mut [IoSliceMut<'b>]) -> &'a mut [MaybeUninitSlice<'b>] {
    const {
        assert!(size_of::<IoSliceMut<'_>>() == size_of::<MaybeUninitSlice<'_>>());
        assert!(align_of::<IoSliceMut<'_>>() == align_of::<MaybeUninitSlice<'_>>());
    }
    let bufs: *mut [IoSliceMut<'b>] = bufs;
    // SAFETY: both types are the system's own descriptor of a buffer (`iovec`, `WSABUF`), and
    // socket2 hands them on to the system, which writes bytes, never uninitialised ones.
    unsafe { &mut *(bufs as *mut [MaybeUninitSlice<'b>]) }
}
