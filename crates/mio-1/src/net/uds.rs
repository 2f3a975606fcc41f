//! Unix sockets.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;

use readywire::Ready;

/// A non-blocking Unix stream.
pub struct UnixStream {
    inner: readywire::unix::UnixStream,
}

impl UnixStream {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// Any error from `connect(2)`; `InvalidInput` if the path is too long.
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        let inner = readywire::unix::UnixStream::connect(path)?;
        Ok(UnixStream { inner })
    }

    /// Connects to `address`.
    ///
    /// # Errors
    /// Any error from `connect(2)`; `InvalidInput` if the path is too long.
    pub fn connect_addr(address: &SocketAddr) -> io::Result<UnixStream> {
        let inner = readywire::unix::UnixStream::connect_addr(address)?;
        Ok(UnixStream { inner })
    }

    /// Takes over a stream of the standard library, which must be non-blocking already.
    pub fn from_std(stream: net::UnixStream) -> UnixStream {
        OwnedFd::from(stream).into()
    }

    /// Makes two sockets that are connected to each other.
    ///
    /// # Errors
    /// Any error from `socketpair(2)`.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = readywire::unix::UnixStream::pair()?;
        Ok((UnixStream { inner: one }, UnixStream { inner: other }))
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    /// Any error from `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Returns the address of the other end.
    ///
    /// # Errors
    /// `NotConnected` if there is none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }

    /// Takes the pending error, which the call clears (`SO_ERROR`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }

    /// Closes the reading half, the writing half, or both.
    ///
    /// # Errors
    /// Any error from `shutdown(2)`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.inner.shutdown(how)
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

socket!(UnixStream, net::UnixStream);
reader!(UnixStream);
writer!(UnixStream);

/// A socket that accepts Unix streams.
pub struct UnixListener {
    inner: readywire::unix::UnixListener,
}

impl UnixListener {
    /// Listens at `path`.
    ///
    /// # Errors
    /// Any error from `socket(2)` and `bind(2)`; `InvalidInput` if the path is too long.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        let inner = readywire::unix::UnixListener::bind(path)?;
        Ok(UnixListener { inner })
    }

    /// Listens at `address`.
    ///
    /// # Errors
    /// Any error from `socket(2)` and `bind(2)`; `InvalidInput` if the path is too long.
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        let inner = readywire::unix::UnixListener::bind_addr(address)?;
        Ok(UnixListener { inner })
    }

    /// Takes over a listener of the standard library, which must be non-blocking already.
    pub fn from_std(listener: net::UnixListener) -> UnixListener {
        OwnedFd::from(listener).into()
    }

    /// Accepts a connection.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; otherwise any error from `accept(2)`.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (inner, peer) = self.inner.accept()?;
        Ok((UnixStream { inner }, peer))
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    /// Any error from `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Takes the pending error, which the call clears (`SO_ERROR`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }
}

socket!(UnixListener, net::UnixListener);

/// A non-blocking Unix datagram socket.
pub struct UnixDatagram {
    inner: readywire::unix::UnixDatagram,
}

impl UnixDatagram {
    /// Makes a socket that is bound to `path`.
    ///
    /// # Errors
    /// Any error from `socket(2)` and `bind(2)`; `InvalidInput` if the path is too long.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        let inner = readywire::unix::UnixDatagram::bind(path)?;
        Ok(UnixDatagram { inner })
    }

    /// Makes a socket that is bound to `address`.
    ///
    /// # Errors
    /// Any error from `socket(2)` and `bind(2)`; `InvalidInput` if the path is too long.
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixDatagram> {
        let inner = readywire::unix::UnixDatagram::bind_addr(address)?;
        Ok(UnixDatagram { inner })
    }

    /// Takes over a socket of the standard library, which must be non-blocking already.
    pub fn from_std(socket: net::UnixDatagram) -> UnixDatagram {
        OwnedFd::from(socket).into()
    }

    /// Connects the socket: it sends to `path` and receives from there alone.
    ///
    /// # Errors
    /// Any error from `connect(2)`; `InvalidInput` if the path is too long.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.inner.connect(path)
    }

    /// Makes a socket without an address.
    ///
    /// # Errors
    /// Any error from `socket(2)`.
    pub fn unbound() -> io::Result<UnixDatagram> {
        let inner = readywire::unix::UnixDatagram::unbound()?;
        Ok(UnixDatagram { inner })
    }

    /// Makes two sockets that are connected to each other.
    ///
    /// # Errors
    /// Any error from `socketpair(2)`.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = readywire::unix::UnixDatagram::pair()?;
        Ok((UnixDatagram { inner: one }, UnixDatagram { inner: other }))
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    /// Any error from `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Returns the address of the other end.
    ///
    /// # Errors
    /// `NotConnected` if there is none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }

    /// Receives a datagram and the address of its sender.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; otherwise any error from `recv(2)`.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.inner.recv_from(buf)
    }

    /// Receives a datagram.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; otherwise any error from `recv(2)`.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.recv(buf)
    }

    /// Sends a datagram to the socket at `path`.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; otherwise any error from `send(2)`.
    pub fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        self.inner.send_to(buf, path)
    }

    /// Sends a datagram to the connected address.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; otherwise any error from `send(2)`.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.inner.send(buf)
    }

    /// Takes the pending error, which the call clears (`SO_ERROR`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }

    /// Closes the reading half, the writing half, or both.
    ///
    /// # Errors
    /// Any error from `shutdown(2)`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.inner.shutdown(how)
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

socket!(UnixDatagram, net::UnixDatagram);
