//! TCP streams and listeners.

use std::io;
use std::net::{self, Shutdown, SocketAddr};
use std::time::Duration;

use iovec::IoVec;

use crate::bufs;
use crate::source::Home;

/// A non-blocking TCP connection.
pub struct TcpStream {
    inner: readywire::net::TcpStream,
    home: Home,
}

impl TcpStream {
    /// Begins to connect to `addr` and returns at once.
    ///
    /// After the stream has become writable, [`take_error`](TcpStream::take_error) tells whether it is
    /// connected.
    ///
    /// # Errors
    /// Any error that `connect(2)` reports at once.
    pub fn connect(addr: &SocketAddr) -> io::Result<TcpStream> {
        readywire::net::TcpStream::connect(addr).map(TcpStream::new)
    }

    /// Begins to connect `stream`, which is not connected, to `addr` and returns at once.
    ///
    /// # Errors
    /// Any error that `connect(2)` reports at once.
    pub fn connect_stream(stream: net::TcpStream, addr: &SocketAddr) -> io::Result<TcpStream> {
        readywire::net::TcpStream::connect_stream(stream, addr).map(TcpStream::new)
    }

    /// Takes over a stream of the standard library, and sets it to non-blocking.
    ///
    /// # Errors
    /// Any error from `fcntl(2)`.
    pub fn from_stream(stream: net::TcpStream) -> io::Result<TcpStream> {
        readywire::net::TcpStream::from_stream(stream).map(TcpStream::new)
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

    /// Returns another handle of the same connection, which is a source of its own.
    ///
    /// # Errors
    /// Any error from the system, for example that no descriptor is left.
    pub fn try_clone(&self) -> io::Result<TcpStream> {
        let inner = self.inner.try_clone()?;
        let home = self.home.clone();
        Ok(TcpStream { inner, home })
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

    /// Sets the size of the receive buffer (`SO_RCVBUF`), in bytes.
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_recv_buffer_size(&self, size: usize) -> io::Result<()> {
        self.inner.set_recv_buffer_size(size)
    }

    /// Returns the size of the receive buffer (`SO_RCVBUF`), in bytes.
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        self.inner.recv_buffer_size()
    }

    /// Sets the size of the send buffer (`SO_SNDBUF`), in bytes.
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_send_buffer_size(&self, size: usize) -> io::Result<()> {
        self.inner.set_send_buffer_size(size)
    }

    /// Returns the size of the send buffer (`SO_SNDBUF`), in bytes.
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        self.inner.send_buffer_size()
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

    /// Sets whether an IPv6 socket leaves out IPv4 (`IPV6_V6ONLY`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.inner.set_only_v6(only_v6)
    }

    /// Returns whether an IPv6 socket leaves out IPv4 (`IPV6_V6ONLY`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn only_v6(&self) -> io::Result<bool> {
        self.inner.only_v6()
    }

    /// Sets how long closing waits for unsent data (`SO_LINGER`); `None` closes in the background.
    ///
    /// As in mio, less than a second is zero, with which closing resets the connection.
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        // The most that readywire takes on every system; mio takes more.
        const MOST: Duration = Duration::from_secs(65_535);

        let linger = linger.map(|linger| whole_seconds(linger).min(MOST));
        self.inner.set_linger(linger)
    }

    /// Returns how long closing waits for unsent data (`SO_LINGER`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.inner.linger()
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
        if buf.is_empty() {
            // As with an empty read, mio asks the system.
            return self
                .inner
                .try_io(readywire::Ready::READABLE, |io| io.peek(buf));
        }
        self.inner.peek(buf)
    }

    /// Reads into several buffers, one after the other.
    ///
    /// # Errors
    /// `WouldBlock` if no data is there; `InvalidInput` if there are more buffers than the system takes;
    /// otherwise any error from `readv(2)`.
    pub fn read_bufs(&self, bufs: &mut [&mut IoVec]) -> io::Result<usize> {
        bufs::read(bufs, |bufs| self.inner.read_bufs(bufs))
    }

    /// Writes several buffers, one after the other.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; `InvalidInput` if there are more buffers than the system takes;
    /// otherwise any error from `writev(2)`.
    pub fn write_bufs(&self, bufs: &[&IoVec]) -> io::Result<usize> {
        bufs::write(bufs, |bufs| self.inner.write_bufs(bufs))
    }
}

#[cfg(not(target_os = "openbsd"))]
impl TcpStream {
    /// Sets after which time of silence probes are sent (`SO_KEEPALIVE`, `TCP_KEEPIDLE`); `None` sends none.
    ///
    /// # Errors
    /// `InvalidInput` below one second; otherwise any error from `setsockopt(2)`.
    pub fn set_keepalive(&self, keepalive: Option<Duration>) -> io::Result<()> {
        self.inner.set_keepalive(keepalive.map(whole_seconds))
    }

    /// Returns after which time of silence probes are sent; `None` if none are.
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn keepalive(&self) -> io::Result<Option<Duration>> {
        self.inner.keepalive()
    }
}

/// OpenBSD has one time for all connections, which its administrator sets.
#[cfg(target_os = "openbsd")]
impl TcpStream {
    /// Has no probes sent with `None` (`SO_KEEPALIVE`).
    ///
    /// # Errors
    /// `Unsupported` for a time; otherwise any error from `setsockopt(2)`.
    pub fn set_keepalive(&self, keepalive: Option<Duration>) -> io::Result<()> {
        match keepalive {
            None => self.inner.set(readywire::sockopt::KEEPALIVE_ENABLED, false),
            Some(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Returns `None` if no probes are sent.
    ///
    /// # Errors
    /// `Unsupported` if some are; otherwise any error from `getsockopt(2)`.
    pub fn keepalive(&self) -> io::Result<Option<Duration>> {
        if self.inner.get(readywire::sockopt::KEEPALIVE_ENABLED)? {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(None)
    }
}

#[cfg(feature = "with-deprecated")]
impl TcpStream {
    /// Sets after how many milliseconds of silence probes are sent.
    ///
    /// # Errors
    /// Those of [`set_keepalive`](TcpStream::set_keepalive).
    #[deprecated(note = "use `set_keepalive`")]
    pub fn set_keepalive_ms(&self, keepalive: Option<u32>) -> io::Result<()> {
        self.set_keepalive(keepalive.map(|time| Duration::from_millis(time.into())))
    }

    /// Returns after how many milliseconds of silence probes are sent.
    ///
    /// # Errors
    /// Those of [`keepalive`](TcpStream::keepalive).
    #[deprecated(note = "use `keepalive`")]
    pub fn keepalive_ms(&self) -> io::Result<Option<u32>> {
        let milliseconds = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        Ok(self.keepalive()?.map(milliseconds))
    }
}

/// Leaves out the fraction of a second: mio does, where readywire rounds it up.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

socket!(TcpStream);
reader!(TcpStream);
writer!(TcpStream);

/// A socket that accepts TCP connections.
pub struct TcpListener {
    inner: readywire::net::TcpListener,
    home: Home,
}

impl TcpListener {
    /// Listens at `addr`.
    ///
    /// # Errors
    /// Any error from `socket(2)`, `bind(2)` and `listen(2)`.
    pub fn bind(addr: &SocketAddr) -> io::Result<TcpListener> {
        readywire::net::TcpListener::bind(addr).map(TcpListener::new)
    }

    /// Takes over a listener of the standard library, and sets it to non-blocking.
    ///
    /// # Errors
    /// Any error from `fcntl(2)`.
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        readywire::net::TcpListener::from_std(listener).map(TcpListener::new)
    }

    /// Takes over a listener of the standard library.
    ///
    /// # Errors
    /// Any error from `fcntl(2)`.
    #[cfg(feature = "with-deprecated")]
    #[deprecated(note = "use `from_std`")]
    pub fn from_listener(listener: net::TcpListener, _: &SocketAddr) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }

    /// Accepts a connection.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; otherwise any error from `accept(2)`.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (inner, peer) = self.inner.accept()?;
        Ok((TcpStream::new(inner), peer))
    }

    /// Accepts a connection as a stream of the standard library.
    ///
    /// # Errors
    /// Those of [`accept`](TcpListener::accept).
    pub fn accept_std(&self) -> io::Result<(net::TcpStream, SocketAddr)> {
        self.inner.accept_std()
    }

    /// Returns the address at which this listens.
    ///
    /// # Errors
    /// Any error from `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Returns another handle of the same listener, which is a source of its own.
    ///
    /// # Errors
    /// Any error from the system, for example that no descriptor is left.
    pub fn try_clone(&self) -> io::Result<TcpListener> {
        let inner = self.inner.try_clone()?;
        let home = self.home.clone();
        Ok(TcpListener { inner, home })
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

    /// Sets whether an IPv6 socket leaves out IPv4 (`IPV6_V6ONLY`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.inner.set_only_v6(only_v6)
    }

    /// Returns whether an IPv6 socket leaves out IPv4 (`IPV6_V6ONLY`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn only_v6(&self) -> io::Result<bool> {
        self.inner.only_v6()
    }

    /// Takes the pending error, which the call clears (`SO_ERROR`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }
}

socket!(TcpListener);
