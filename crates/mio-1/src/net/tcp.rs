//! TCP streams and listeners.

use std::io;
use std::net::{self, Shutdown, SocketAddr};
#[cfg(unix)]
use std::os::fd::OwnedFd;
#[cfg(windows)]
use std::os::windows::io::OwnedSocket as OwnedFd;

use readywire::Ready;

/// A non-blocking TCP connection.
pub struct TcpStream {
    inner: readywire::net::TcpStream,
}

impl TcpStream {
    /// Begins to connect to `addr` and returns at once.
    ///
    /// After the stream has become writable, [`take_error`](TcpStream::take_error) and
    /// [`peer_addr`](TcpStream::peer_addr) tell whether it is connected.
    ///
    /// # Errors
    /// Any error that `connect(2)` reports at once.
    pub fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
        let inner = readywire::net::TcpStream::connect(&addr)?;
        Ok(TcpStream { inner })
    }

    /// Takes over a stream of the standard library, which must be non-blocking already.
    pub fn from_std(stream: net::TcpStream) -> TcpStream {
        OwnedFd::from(stream).into()
    }

    /// Returns the address of the other end.
    ///
    /// # Errors
    /// `NotConnected` if there is none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    /// Any error from `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Closes the reading half, the writing half, or both.
    ///
    /// # Errors
    /// Any error from `shutdown(2)`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.inner.shutdown(how)
    }

    /// Sets whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.inner.set_nodelay(nodelay)
    }

    /// Returns whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.inner.nodelay()
    }

    /// Sets how many hops packets may take (`IP_TTL`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.inner.set_ttl(ttl)
    }

    /// Returns how many hops packets may take (`IP_TTL`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn ttl(&self) -> io::Result<u32> {
        self.inner.ttl()
    }

    /// Takes the pending error, which the call clears (`SO_ERROR`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }

    /// Reads without taking the data out of the queue.
    ///
    /// # Errors
    /// `WouldBlock` if no data is there; otherwise any error from `recv(2)`.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.peek(buf)
    }

    /// Runs I/O that the caller does on the descriptor, so that its `WouldBlock` is noticed.
    ///
    /// # Errors
    /// Any error from `f`.
    pub fn try_io<F, T>(&self, f: F) -> io::Result<T>
    where
        F: FnOnce() -> io::Result<T>,
    {
        let either = Ready::READABLE | Ready::WRITABLE;
        self.inner.try_io(either, |_| f())
    }
}

socket!(TcpStream, net::TcpStream);
reader!(TcpStream);
writer!(TcpStream);

/// A socket that accepts TCP connections.
pub struct TcpListener {
    inner: readywire::net::TcpListener,
}

impl TcpListener {
    /// Listens at `addr`.
    ///
    /// # Errors
    /// Any error from `socket(2)`, `bind(2)` and `listen(2)`.
    pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
        // mio has the standard library's backlog, which is shorter than readywire's.
        let inner = readywire::net::TcpListener::from_std(net::TcpListener::bind(addr)?)?;
        Ok(TcpListener { inner })
    }

    /// Takes over a listener of the standard library, which must be non-blocking already.
    pub fn from_std(listener: net::TcpListener) -> TcpListener {
        OwnedFd::from(listener).into()
    }

    /// Accepts a connection.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; otherwise any error from `accept(2)`.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (inner, peer) = self.inner.accept()?;
        Ok((TcpStream { inner }, peer))
    }

    /// Returns the address at which this listens.
    ///
    /// # Errors
    /// Any error from `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Sets how many hops packets of accepted connections may take (`IP_TTL`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.inner.set_ttl(ttl)
    }

    /// Returns how many hops packets may take (`IP_TTL`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn ttl(&self) -> io::Result<u32> {
        self.inner.ttl()
    }

    /// Takes the pending error, which the call clears (`SO_ERROR`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }
}

socket!(TcpListener, net::TcpListener);
