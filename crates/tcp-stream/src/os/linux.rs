//! What Linux and Android alone have.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::TcpStream;
use crate::stream::socket;

/// # Linux and Android
///
/// ```
/// use std::time::Duration;
///
/// # #[cfg(any(target_os = "linux", target_os = "android"))] {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let stream = readywire::net::TcpStream::from_stream(stream)?;
/// stream.set_user_timeout(Some(Duration::from_secs(20)))?;
/// assert_eq!(stream.user_timeout()?, Some(Duration::from_secs(20)));
/// stream.set_quickack(true)?;
///
/// if let Ok(info) = stream.info() {
///     println!("round trip: {:?}", info.rtt);
/// }
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
impl TcpStream {
    /// Prepares to connect to `addr` with the first write, whose data travel in the first segment
    /// (`TCP_FASTOPEN_CONNECT`).
    ///
    /// This takes a server that the system has met before; with any other it connects at once, and
    /// asks for what the next time needs. The stream is writable in either case. Write before
    /// waiting for [`finish_connect`](TcpStream::finish_connect): until the first write there may
    /// be no attempt, and it answers `WouldBlock`.
    ///
    /// To set more before the connection is made, set [`sockopt::FASTOPEN_CONNECT`] among it and
    /// use [`connect_stream`](TcpStream::connect_stream).
    ///
    /// # Errors
    /// `Unsupported` before Linux 4.11, which added the option, with a [`sockopt::OptionError`] that says so;
    /// `EOPNOTSUPP` if the administrator turned it off (`net.ipv4.tcp_fastopen`); otherwise any error
    /// of [`connect`](TcpStream::connect). Nothing is left open then: call `connect` instead.
    ///
    /// # Platform-specific behaviour
    /// Linux and Android.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(any(target_os = "linux", target_os = "android"))] {
    /// # use std::io::{self, Write};
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let address = listener.local_addr()?;
    /// let mut stream = readywire::net::TcpStream::connect_fast_open(&address)?;
    /// match stream.write(b"hello") {
    ///     Ok(n) => println!("{n} bytes are on their way, in the first segment"),
    ///     Err(e) if e.kind() == io::ErrorKind::WouldBlock => println!("it connects first"),
    ///     Err(e) => return Err(e),
    /// }
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "TCP_FASTOPEN_CONNECT")]
    pub fn connect_fast_open(addr: &SocketAddr) -> io::Result<TcpStream> {
        let socket = socket(addr)?;
        sockopt::FASTOPEN_CONNECT.set(&socket, true)?;
        TcpStream::begin(socket, addr, true)
    }

    /// Returns whether the stream connects, or was connected, with its first write
    /// (`TCP_FASTOPEN_CONNECT`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Linux and Android.
    #[doc(alias = "TCP_FASTOPEN_CONNECT")]
    #[inline]
    pub fn fast_open_connect(&self) -> io::Result<bool> {
        self.get(sockopt::FASTOPEN_CONNECT)
    }

    /// Sets how long sent data may go unacknowledged before the connection is given up
    /// (`TCP_USER_TIMEOUT`); `None` is the system's default.
    ///
    /// # Errors
    /// `InvalidInput` for zero and above 2 147 483 647 ms, naming the option and the range;
    /// otherwise any error from `setsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Linux and Android. Whole milliseconds: a fraction is rounded up.
    #[doc(alias = "TCP_USER_TIMEOUT")]
    #[inline]
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.set(sockopt::USER_TIMEOUT, timeout)
    }

    /// Returns how long sent data may go unacknowledged before the connection is given up
    /// (`TCP_USER_TIMEOUT`); `None` is the system's default.
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Linux and Android.
    #[doc(alias = "TCP_USER_TIMEOUT")]
    #[inline]
    pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
        self.get(sockopt::USER_TIMEOUT)
    }

    /// Sets whether segments are acknowledged at once (`TCP_QUICKACK`).
    ///
    /// Not for good: the system goes back to delayed acknowledgements when it sees fit.
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Linux and Android.
    #[doc(alias = "TCP_QUICKACK")]
    #[inline]
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        self.set(sockopt::QUICKACK, quickack)
    }

    /// Returns whether segments are acknowledged at once (`TCP_QUICKACK`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Linux and Android.
    #[doc(alias = "TCP_QUICKACK")]
    #[inline]
    pub fn quickack(&self) -> io::Result<bool> {
        self.get(sockopt::QUICKACK)
    }

    /// Returns the kernel's state of the connection (`TCP_INFO`): round-trip time, retransmissions, acknowledged data.
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Linux and Android.
    #[doc(alias = "TCP_INFO")]
    #[inline]
    pub fn info(&self) -> io::Result<sockopt::TcpInfo> {
        self.get(sockopt::TCP_INFO)
    }
}
