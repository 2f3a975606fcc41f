//! The options that every system has, each by the constant of its name in [`sockopt`].

use std::io;
use std::time::Duration;

use sockopt::{GetOption, SetOption};

use crate::TcpStream;

/// # Options
///
/// A call that fails changes nothing. An option that the system does not know fails with `Unsupported` and
/// [`sockopt::OptionError::Unknown`] inside. Options without a method are constants of [`sockopt`], for
/// [`get`](TcpStream::get) and [`set`](TcpStream::set).
///
/// ```
/// use std::time::Duration;
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let stream = readywire::net::TcpStream::from_stream(stream)?;
/// stream.set_nodelay(true)?;
/// assert!(stream.nodelay()?);
///
/// stream.set_send_buffer_size(64 * 1024)?;
/// stream.set_recv_buffer_size(64 * 1024)?;
/// assert!(stream.send_buffer_size()? >= 64 * 1024);
/// assert!(stream.recv_buffer_size()? >= 64 * 1024);
///
/// stream.set_linger(Some(Duration::from_millis(500)))?;
/// assert_eq!(stream.linger()?, Some(Duration::from_secs(1))); // rounded up, never to zero
///
/// let error = stream.set_ttl(256).unwrap_err();
/// assert_eq!(error.to_string(), "IP_TTL: 256 is outside 1..=255");
/// # Ok::<(), std::io::Error>(())
/// ```
impl TcpStream {
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
    /// See [`set`](TcpStream::set).
    #[doc(alias = "getsockopt")]
    #[inline]
    pub fn get<O: GetOption>(&self, option: O) -> io::Result<O::Value> {
        option.get(self.socket())
    }

    /// Sets an option, one of the constants of [`sockopt`] (`setsockopt(2)`).
    ///
    /// It is for options without a method here, such as the type of service that a proxy copies from one side to the
    /// other. Prefer it to `option.set(&stream, value)` ([`ReadWrite::set`](sockopt::ReadWrite::set)), which borrows
    /// the descriptor: from then on dropping the stream may cost one more system call.
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
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = readywire::net::TcpStream::connect(&listener.local_addr()?)?;
    /// stream.set(sockopt::KEEPALIVE_ENABLED, true)?;
    /// assert!(stream.get(sockopt::KEEPALIVE_ENABLED)?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "setsockopt")]
    #[inline]
    pub fn set<O: SetOption>(&self, option: O, value: O::Value<'_>) -> io::Result<()> {
        option.set(self.socket(), value)
    }

    /// Sets whether small segments are sent at once, without waiting to fill them
    /// (`TCP_NODELAY`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    #[doc(alias = "TCP_NODELAY")]
    #[inline]
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.set(sockopt::NODELAY, nodelay)
    }

    /// Returns whether small segments are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    #[doc(alias = "TCP_NODELAY")]
    #[inline]
    pub fn nodelay(&self) -> io::Result<bool> {
        self.get(sockopt::NODELAY)
    }

    /// Sets how many received bytes wait to be read at most (`SO_RCVBUF`).
    ///
    /// # Errors
    /// `InvalidInput` for a size that the system's `int` cannot hold, naming the option and the range; otherwise any
    /// error from `setsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Linux doubles the size for its own bookkeeping, and cuts it at `net.core.rmem_max`.
    #[doc(alias = "SO_RCVBUF")]
    #[inline]
    pub fn set_recv_buffer_size(&self, size: usize) -> io::Result<()> {
        self.set(sockopt::RECV_BUFFER_SIZE, size)
    }

    /// Returns how many received bytes wait to be read at most (`SO_RCVBUF`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Linux returns the doubled size.
    #[doc(alias = "SO_RCVBUF")]
    #[inline]
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        self.get(sockopt::RECV_BUFFER_SIZE)
    }

    /// Sets how many bytes wait to be sent at most (`SO_SNDBUF`).
    ///
    /// # Errors
    /// `InvalidInput` for a size that the system's `int` cannot hold, naming the option and the range; otherwise any
    /// error from `setsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Linux doubles the size for its own bookkeeping, and cuts it at `net.core.wmem_max`.
    #[doc(alias = "SO_SNDBUF")]
    #[inline]
    pub fn set_send_buffer_size(&self, size: usize) -> io::Result<()> {
        self.set(sockopt::SEND_BUFFER_SIZE, size)
    }

    /// Returns how many bytes wait to be sent at most (`SO_SNDBUF`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Linux returns the doubled size.
    #[doc(alias = "SO_SNDBUF")]
    #[inline]
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        self.get(sockopt::SEND_BUFFER_SIZE)
    }

    /// Sets how many routers an IPv4 packet may pass (`IP_TTL`).
    ///
    /// # Errors
    /// `InvalidInput` outside 1 to 255, naming the option and the range; otherwise any error from `setsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// On an IPv6 stream the call has no effect or fails, by system; set [`sockopt::HOP_LIMIT`] there.
    #[doc(alias = "IP_TTL")]
    #[inline]
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.set(sockopt::TTL, ttl)
    }

    /// Returns how many routers an IPv4 packet may pass (`IP_TTL`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    #[doc(alias = "IP_TTL")]
    #[inline]
    pub fn ttl(&self) -> io::Result<u32> {
        self.get(sockopt::TTL)
    }

    /// Sets whether an IPv6 socket leaves IPv4 alone (`IPV6_V6ONLY`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`, for example because the socket is already bound or is not an IPv6 socket.
    #[doc(alias = "IPV6_V6ONLY")]
    #[inline]
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.set(sockopt::ONLY_V6, only_v6)
    }

    /// Returns whether an IPv6 socket leaves IPv4 alone (`IPV6_V6ONLY`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`, for example because the socket is not an IPv6 socket.
    #[doc(alias = "IPV6_V6ONLY")]
    #[inline]
    pub fn only_v6(&self) -> io::Result<bool> {
        self.get(sockopt::ONLY_V6)
    }

    /// Sets how long closing waits for unsent data (`SO_LINGER`); `None` closes in the background,
    /// zero resets the connection.
    ///
    /// With a time set, dropping the last stream of the socket can block for so long.
    ///
    /// # Errors
    /// `InvalidInput` above 65 535 seconds, naming the option and the range; otherwise any error from `setsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Whole seconds everywhere: a fraction is rounded up. macOS takes 327 seconds at most, OpenBSD
    /// and DragonFly 32 767.
    #[doc(alias = "SO_LINGER")]
    #[inline]
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.set(sockopt::LINGER, linger)
    }

    /// Returns how long closing waits for unsent data (`SO_LINGER`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    #[doc(alias = "SO_LINGER")]
    #[inline]
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.get(sockopt::LINGER)
    }
}
