//! The stream: making it, its connection, its addresses, and moving bytes.
//!
//! Options live in `options` and `os`; what a connection attempt leaves behind, in `attempt`.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};

use selector::{Evented, IoSource, Poll};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use token_ready::{PollOpt, Ready, Token};

use crate::attempt::Known;
use crate::os;

/// A non-blocking TCP stream, to be registered with a [`Poll`].
///
/// No method blocks: what cannot be done now is `WouldBlock`, and an event reports when to try
/// again. Reading and writing need no more than `&TcpStream`, so that both halves can be used from
/// different threads.
///
/// No write raises SIGPIPE, whatever its action is set to: a broken connection is the error
/// `BrokenPipe` or `ConnectionReset`, on Windows also `ConnectionAborted`. The socket is close-on-exec. Dropping the
/// stream ends its registration and closes the socket.
///
/// # Examples
/// ```
/// use readywire::net::TcpStream;
/// use readywire::{Events, Poll, PollOpt, Ready, Token};
/// use std::io::{self, Read, Write};
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let address = listener.local_addr()?;
/// # let echo = std::thread::spawn(move || {
/// #     let (mut peer, _) = listener.accept()?;
/// #     io::copy(&mut peer.try_clone()?, &mut peer)
/// # });
/// let mut stream = TcpStream::connect(&address)?;
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(16);
/// poll.register(&stream, Token(0), Ready::READABLE | Ready::WRITABLE, PollOpt::EDGE)?;
///
/// let mut asked = false;
/// let answer = 'answer: loop {
///     poll.poll(&mut events, None)?;
///     for event in &events {
///         if event.is_writable() && !asked {
///             stream.finish_connect()?; // or the reason why it is not connected
///             stream.write_all(b"hello")?;
///             asked = true;
///         }
///         if event.is_readable() {
///             let mut buf = [0; 16];
///             match stream.read(&mut buf) {
///                 Ok(n) => break 'answer buf[..n].to_vec(),
///                 Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
///                 Err(e) => return Err(e),
///             }
///         }
///     }
/// };
/// assert_eq!(answer, b"hello");
/// # drop(stream);
/// # echo.join().unwrap()?;
/// # Ok::<(), io::Error>(())
/// ```
pub struct TcpStream {
    io: IoSource<net::TcpStream>,
    /// Of the socket: clones share it.
    attempt: Known,
}

impl TcpStream {
    /// Begins to connect to `addr`, and returns at once (`socket(2)`, `connect(2)`).
    ///
    /// The stream becomes writable when the attempt has ended; [`finish_connect`](TcpStream::finish_connect) then
    /// returns whether it succeeded.
    ///
    /// # Errors
    /// Any error from `socket(2)`, and any error that `connect(2)` returns at once, such as `NetworkUnreachable`. A
    /// refused connection is usually reported later, by `finish_connect`; over the loopback, some systems report it
    /// here.
    ///
    /// # Examples
    /// See [`TcpStream`].
    #[doc(alias = "socket")]
    #[inline]
    pub fn connect(addr: &SocketAddr) -> io::Result<TcpStream> {
        TcpStream::begin(socket(addr)?, addr, false)
    }

    /// Begins to connect a socket that was made by [`socket`].
    #[inline]
    pub(crate) fn begin(
        socket: Socket,
        addr: &SocketAddr,
        fast_open: bool,
    ) -> io::Result<TcpStream> {
        begun(socket_calls::connect(&socket, &(*addr).into()))?;
        Ok(TcpStream {
            io: IoSource::new_sole(socket.into()),
            attempt: Known::new(fast_open),
        })
    }

    /// Begins to connect a socket that the caller has made, and returns at once (`connect(2)`).
    ///
    /// It is for what must be set before connecting: a local address, buffer sizes, a device. The socket is set to
    /// non-blocking.
    ///
    /// # Errors
    /// Any error that `connect(2)` returns at once, such as `NetworkUnreachable`, or an error because `stream` is
    /// already connected. The socket is closed then.
    ///
    /// # Examples
    /// ```
    /// use socket2::{Domain, Socket, Type};
    /// use std::net::SocketAddr;
    /// use readywire::net::TcpStream;
    ///
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let address = listener.local_addr()?;
    /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    /// socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    /// let stream = TcpStream::connect_stream(socket.into(), &address)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect_stream(stream: net::TcpStream, addr: &SocketAddr) -> io::Result<TcpStream> {
        nonblocking(&stream)?;
        begun(socket_calls::connect(
            &SockRef::from(&stream),
            &(*addr).into(),
        ))?;
        Ok(TcpStream {
            io: IoSource::new(stream),
            attempt: Known::new(true),
        })
    }

    /// Takes over a stream of the standard library, and sets it to non-blocking.
    ///
    /// It may be connected, or on its way.
    ///
    /// # Errors
    /// Any error from setting the socket to non-blocking; it is closed then.
    ///
    /// # Examples
    /// ```
    /// use readywire::net::TcpStream;
    ///
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let address = listener.local_addr()?;
    /// let stream = TcpStream::from_stream(std::net::TcpStream::connect(address)?)?;
    /// assert!(stream.finish_connect().is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_stream(stream: net::TcpStream) -> io::Result<TcpStream> {
        nonblocking(&stream)?;
        Ok(TcpStream {
            attempt: Known::of(&stream),
            io: IoSource::new(stream),
        })
    }

    /// Takes over a stream of the standard library, and sets it to non-blocking: another name of
    /// [`from_stream`](TcpStream::from_stream), which the other socket types use.
    ///
    /// # Errors
    /// Any error from setting the socket to non-blocking; it is closed then.
    pub fn from_std(stream: net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_stream(stream)
    }

    /// Takes over a stream that is connected and non-blocking already, without asking the kernel.
    ///
    /// It is for a stream that was accepted elsewhere, by `io_uring` or in another process:
    /// [`from_stream`](TcpStream::from_stream) would ask for its peer and set its mode, by two system
    /// calls. Nothing is checked: if the stream is not connected,
    /// [`finish_connect`](TcpStream::finish_connect) returns `Ok` all the same, and if it blocks, so do
    /// reads and writes.
    ///
    /// # Platform-specific behaviour
    /// On Apple's systems one system call keeps writes from raising SIGPIPE (`SO_NOSIGPIPE`).
    ///
    /// # Examples
    /// ```
    /// use readywire::net::TcpStream;
    /// use std::io::{ErrorKind, Read};
    ///
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let (accepted, _) = listener.accept()?;
    /// accepted.set_nonblocking(true)?; // as `accept4` and `io_uring` do it by themselves
    ///
    /// let mut stream = TcpStream::from_connected(accepted);
    /// assert!(stream.finish_connect().is_ok());
    /// assert_eq!(stream.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_connected(stream: net::TcpStream) -> TcpStream {
        // Fails only where the connection is over already: nothing is written to it then.
        let _over = socket_calls::silence(&SockRef::from(&stream)).is_err();
        TcpStream {
            io: IoSource::new(stream),
            attempt: Known::connected(),
        }
    }

    /// Takes over a stream that `tcp-listener` has just accepted: it has no duplicate, so that its drop
    /// is one system call too.
    #[doc(hidden)]
    #[inline]
    pub fn from_accepted(stream: net::TcpStream) -> TcpStream {
        TcpStream {
            io: IoSource::new_sole(stream),
            attempt: Known::connected(),
        }
    }

    /// Takes over a stream as it is.
    pub(crate) fn adopt(stream: net::TcpStream) -> TcpStream {
        // Refused only where both directions are closed already.
        let _closed = socket_calls::silence(&SockRef::from(&stream)).is_err();
        TcpStream {
            attempt: Known::of(&stream),
            io: IoSource::new(stream),
        }
    }

    /// Returns the state of the connection attempt: connected, in progress, or failed and why.
    ///
    /// Call it when the stream is reported writable, or at any time. Any result but `WouldBlock` is final: further
    /// calls return the same. An error of the attempt is returned here even if [`take_error`](TcpStream::take_error),
    /// a read or a write has returned it before; and if this method returns it first, `take_error` still returns it,
    /// once.
    ///
    /// `Ok` means that the connection was made, not that it still exists: reads and writes report that. Clones
    /// ([`try_clone`](TcpStream::try_clone)) return the same, because they share the socket and the state of its
    /// attempt.
    ///
    /// # Errors
    /// `WouldBlock` while the attempt is in progress; an event reports when to ask again.
    /// `NotConnected` if there is no attempt, or if the connection had come and gone before the
    /// first call. Any other error is the reason why the attempt failed, such as `ConnectionRefused` or `TimedOut`,
    /// with the system's code.
    ///
    /// # Platform-specific behaviour
    /// A [fast open](#method.connect_fast_open) attempt is in progress until the first write.
    /// Where there was no attempt at all, Windows says `WouldBlock`.
    ///
    /// # Examples
    /// ```
    /// use std::io;
    /// use readywire::net::TcpStream;
    ///
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = TcpStream::connect(&listener.local_addr()?)?;
    /// match stream.finish_connect() {
    ///     Ok(()) => println!("connected to {}", stream.peer_addr()?),
    ///     Err(e) if e.kind() == io::ErrorKind::WouldBlock => println!("on its way"),
    ///     Err(e) => println!("failed: {e}"),
    /// }
    /// # Ok::<(), io::Error>(())
    /// ```
    #[doc(alias = "SO_ERROR")]
    #[doc(alias = "getpeername")]
    pub fn finish_connect(&self) -> io::Result<()> {
        let outcome = self.attempt.outcome(self.socket());
        // An attempt that has failed stays ready: re-arming then would report it for ever.
        let in_progress = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        if outcome.as_ref().is_err_and(in_progress) {
            self.io.mark_drained(Ready::WRITABLE);
        }
        outcome
    }

    /// Takes the socket's pending error, which the call clears (`SO_ERROR`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    ///
    /// # Examples
    /// ```
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = readywire::net::TcpStream::connect(&listener.local_addr()?)?;
    /// assert!(stream.take_error()?.is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SO_ERROR")]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        let taken = self.attempt.take_error(self.socket())?;
        if taken.is_some() {
            self.io.mark_drained(Ready::READABLE | Ready::WRITABLE);
        }
        Ok(taken)
    }

    /// Returns the address of the other end (`getpeername(2)`), scope and flow included.
    ///
    /// # Errors
    /// `NotConnected` before the connection is made and, on most systems, after it has ended.
    ///
    /// # Examples
    /// ```
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let address = listener.local_addr()?;
    /// # let stream = std::net::TcpStream::connect(address)?;
    /// let stream = readywire::net::TcpStream::from_stream(stream)?;
    /// assert_eq!(stream.peer_addr()?, address);
    /// assert!(stream.local_addr()?.ip().is_loopback());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "getpeername")]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// Returns the address of this end (`getsockname(2)`), scope and flow included.
    ///
    /// # Errors
    /// Any error from `getsockname(2)`.
    ///
    /// # Examples
    /// See [`peer_addr`](TcpStream::peer_addr).
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()
    }

    /// Makes another stream on the same socket (`F_DUPFD_CLOEXEC`).
    ///
    /// Both share data and options, and `shutdown` acts on both; the connection ends when both
    /// are dropped. They are sources of their own: the clone is not registered, and can be
    /// registered anywhere. An edge comes again whichever of them was drained.
    ///
    /// # Errors
    /// Any error from duplicating the descriptor, for example because the process has too many open.
    ///
    /// # Platform-specific behaviour
    /// On Windows, register both with the same `Poll` or only one of them; see
    /// [`Poll`].
    ///
    /// # Examples
    /// ```
    /// # use std::io::Write;
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let stream = readywire::net::TcpStream::from_stream(stream)?;
    /// let mut clone = stream.try_clone()?;
    /// drop(stream);
    /// clone.write_all(b"still there")?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "dup")]
    pub fn try_clone(&self) -> io::Result<TcpStream> {
        Ok(TcpStream {
            io: self.io.try_clone_with(net::TcpStream::try_clone)?,
            attempt: self.attempt.clone(),
        })
    }

    /// Closes the reading half, the writing half, or both (`shutdown(2)`).
    ///
    /// After `Write` the peer reads to the end of what was written. Data that arrive after `Read`
    /// may still be readable.
    ///
    /// # Errors
    /// `NotConnected` if there is no connection, or not any more.
    ///
    /// # Platform-specific behaviour
    /// An attempt that is in progress is given up by Linux, whichever half is closed:
    /// [`finish_connect`](TcpStream::finish_connect) says `ConnectionReset` then.
    ///
    /// Closing the reading half is an event of this stream on Unix (`READABLE`, for the end), and none on
    /// Windows.
    ///
    /// # Examples
    /// ```
    /// # use std::io::Read;
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, _) = listener.accept()?;
    /// let stream = readywire::net::TcpStream::from_stream(stream)?;
    /// stream.shutdown(std::net::Shutdown::Write)?;
    /// assert_eq!(peer.read(&mut [0; 1])?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket().shutdown(how)
    }

    /// Reads without taking the data out (`recv(2)` with `MSG_PEEK`): the next call returns them
    /// again.
    ///
    /// `Ok(0)` is the end of the stream, or that `buf` is empty.
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to read; otherwise any error from `recv(2)`, such as `ConnectionReset`.
    ///
    /// # Examples
    /// ```
    /// # use std::io::Write;
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, _) = listener.accept()?;
    /// # peer.write_all(b"hello")?;
    /// # stream.peek(&mut [0])?;
    /// let stream = readywire::net::TcpStream::from_stream(stream)?;
    /// let mut buf = [0; 5];
    /// for _ in 0..2 {
    ///     assert_eq!(stream.peek(&mut buf)?, 5);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.io.try_io(Ready::READABLE, |stream| {
            self.attempt.watch(Ready::READABLE, || stream.peek(buf))
        })
    }

    /// Reads into several buffers, each filled before the next is touched (`readv(2)`).
    ///
    /// The system takes 1,024 buffers at most: those after them are left alone. `Ok(0)` is the end
    /// of the stream, or that there is no buffer, or none that is not empty.
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to read; otherwise any error from `readv(2)`, such as `ConnectionReset`.
    ///
    /// # Examples
    /// ```
    /// # use std::io::{IoSliceMut, Write};
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, _) = listener.accept()?;
    /// # peer.write_all(b"headbody")?;
    /// # stream.peek(&mut [0])?;
    /// let stream = readywire::net::TcpStream::from_stream(stream)?;
    /// let (mut head, mut body) = ([0; 4], [0; 16]);
    /// let n = stream.read_bufs(&mut [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)])?;
    /// assert_eq!((n, &head, &body[..4]), (8, b"head", &b"body"[..]));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "readv")]
    #[doc(alias = "WSARecv")]
    #[inline]
    pub fn read_bufs(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let Some(span) = socket_calls::span(bufs) else {
            return Ok(0);
        };
        let bufs = &mut bufs[span];
        let read = || socket_calls::recv_vectored(&SockRef::from(self.socket()), bufs);
        let result = self.attempt.watch(Ready::READABLE, read);
        self.io
            .note_transfer(Ready::READABLE, result, || socket_calls::total(bufs))
    }

    /// Writes from several buffers, each emptied before the next is touched (`sendmsg(2)`).
    ///
    /// The system takes 1,024 buffers at most: the write is short then. It is also short where the
    /// send buffer has no room for all. `Ok(0)` is that there is no buffer, or none that is not
    /// empty.
    ///
    /// # Errors
    /// `WouldBlock` while the send buffer is full; otherwise any error from `sendmsg(2)`, such as `BrokenPipe` or
    /// `ConnectionReset`.
    ///
    /// # Platform-specific behaviour
    /// On Windows too, writing is `BrokenPipe` once this half was shut down; the system's own error
    /// (`WSAESHUTDOWN`) is inside of it.
    ///
    /// # Examples
    /// ```
    /// # use std::io::IoSlice;
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let stream = readywire::net::TcpStream::from_stream(stream)?;
    /// let n = stream.write_bufs(&[IoSlice::new(b"head"), IoSlice::new(b"body")])?;
    /// assert_eq!(n, 8);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "writev")]
    #[doc(alias = "sendmsg")]
    #[doc(alias = "WSASend")]
    #[inline]
    pub fn write_bufs(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(span) = socket_calls::span(bufs) else {
            return Ok(0);
        };
        let bufs = &bufs[span];
        self.put_out(
            |stream| socket_calls::send_vectored(&SockRef::from(stream), bufs),
            || socket_calls::total(bufs),
        )
    }

    /// Runs `operation` on the standard library's stream, for I/O that goes through a borrowed
    /// descriptor: that of [socket2](https://docs.rs/socket2)'s `SockRef`, or `libc::recv`.
    ///
    /// `direction` is `READABLE`, `WRITABLE` or both. After `WouldBlock`, or an error that was pending
    /// on the socket (`ConnectionRefused`, `HostUnreachable`), an edge in that direction can be reported
    /// again; other errors leave the socket as it was. A backend that emulates edges (poll(2), AFD)
    /// cannot see I/O that was done in any other way, and reports no further edge after it. Nor can it
    /// see that a transfer was short: go on until `WouldBlock`, or call [`mark_drained`](TcpStream::mark_drained).
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
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let stream = readywire::net::TcpStream::from_stream(stream)?;
    /// stream.try_io(Ready::WRITABLE, |stream| SockRef::from(stream).send_out_of_band(b"!"))?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn try_io<R>(
        &self,
        direction: Ready,
        operation: impl FnOnce(&net::TcpStream) -> io::Result<R>,
    ) -> io::Result<R> {
        let result = operation(self.lend()).inspect_err(|error| self.attempt.note(error));
        self.io.try_io(direction, |_| result)
    }

    /// Notes that a short transfer in [`try_io`](TcpStream::try_io) has drained the given direction, so that
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
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let stream = readywire::net::TcpStream::from_stream(stream)?;
    /// let message = [b'x'; 4096];
    /// let count = stream.try_io(Ready::WRITABLE, |stream| SockRef::from(stream).send(&message))?;
    /// if count < message.len() {
    ///     stream.mark_drained(Ready::WRITABLE); // an event reports when to send the rest
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn mark_drained(&self, direction: Ready) {
        self.io.mark_drained(direction);
    }

    /// Writes, and remembers an error for [`finish_connect`](TcpStream::finish_connect).
    #[inline]
    fn put_out(
        &self,
        operation: impl FnOnce(&net::TcpStream) -> io::Result<usize>,
        offered: impl FnOnce() -> usize,
    ) -> io::Result<usize> {
        let write = || operation(self.socket()).map_err(os::write_error);
        let result = self.attempt.watch(Ready::WRITABLE, write);
        self.io.note_transfer(Ready::WRITABLE, result, offered)
    }

    /// The socket, for calls that do not duplicate it.
    #[inline]
    pub(crate) fn socket(&self) -> &net::TcpStream {
        self.io.get_sole()
    }

    /// The socket, for callers that may duplicate it.
    pub(crate) fn lend(&self) -> &net::TcpStream {
        self.io.get_ref()
    }

    /// The socket, no longer registered.
    pub(crate) fn into_std(self) -> net::TcpStream {
        self.io.into_inner()
    }
}

/// Makes a socket for connections to `addr`.
#[inline]
pub(crate) fn socket(addr: &SocketAddr) -> io::Result<Socket> {
    socket_calls::socket(
        Domain::for_address(*addr),
        Type::STREAM,
        Some(Protocol::TCP),
    )
}

/// Sets a stream that was made elsewhere to what ours are.
fn nonblocking(stream: &net::TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    socket_calls::silence(&SockRef::from(stream))
}

/// Turns the result of `connect(2)` on a non-blocking socket into whether the attempt has begun.
#[inline]
fn begun(connected: io::Result<()>) -> io::Result<()> {
    connected.or_else(|error| {
        if socket_calls::connecting(&error) {
            Ok(())
        } else {
            Err(error)
        }
    })
}

// Inlined, all that follows: a return after a system call is one that processors mispredict.

impl Read for TcpStream {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    #[inline]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.read_bufs(bufs)
    }
}

impl Read for &TcpStream {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let read = || socket_calls::recv(&SockRef::from(self.socket()), buf);
        let result = self.attempt.watch(Ready::READABLE, read);
        self.io.note_transfer(Ready::READABLE, result, || buf.len())
    }

    #[inline]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.read_bufs(bufs)
    }
}

impl Write for TcpStream {
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

impl Write for &TcpStream {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.put_out(
            |stream| socket_calls::send(&SockRef::from(stream), buf),
            || buf.len(),
        )
    }

    #[inline]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_bufs(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Evented for TcpStream {
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

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}

/// Takes over a stream of the standard library and sets it to non-blocking, like [`TcpStream::from_stream`].
impl TryFrom<net::TcpStream> for TcpStream {
    type Error = io::Error;

    fn try_from(stream: net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_stream(stream)
    }
}

/// Ends the registration, if there is one. The stream stays non-blocking:
/// [`set_nonblocking`](net::TcpStream::set_nonblocking) changes that.
impl From<TcpStream> for net::TcpStream {
    fn from(stream: TcpStream) -> net::TcpStream {
        stream.into_std()
    }
}
