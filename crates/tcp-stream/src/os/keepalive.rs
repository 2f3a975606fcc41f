//! Keepalive, where its times can be set.

use std::io;
use std::time::Duration;

use crate::TcpStream;

/// # Keepalive
///
/// ```
/// use std::time::Duration;
///
/// # #[cfg(all(unix, not(target_os = "openbsd")))] // Wine does not have it.
/// # {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let stream = readywire::net::TcpStream::from_stream(stream)?;
/// // Given up after 60 s of silence and 4 probes, 10 s apart.
/// stream.set_keepalive(Some(Duration::from_secs(60)))?;
/// stream.set_keepalive_interval(Duration::from_secs(10))?;
/// stream.set_keepalive_retries(4)?;
/// assert_eq!(stream.keepalive()?, Some(Duration::from_secs(60)));
/// assert_eq!(stream.keepalive_interval()?, Duration::from_secs(10));
/// assert_eq!(stream.keepalive_retries()?, 4);
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
impl TcpStream {
    /// Sets how long the connection must be silent before it is probed; `None` turns probing off (`SO_KEEPALIVE`,
    /// `TCP_KEEPIDLE`).
    ///
    /// An error changes nothing: the old time is read first, and restored if enabling fails. That makes
    /// three system calls; turning probing off takes one.
    ///
    /// # Errors
    /// `InvalidInput` for zero and above the greatest value of the system (32 767 s on Linux), naming the
    /// option and the range; otherwise any error from `setsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Whole seconds: a fraction is rounded up. Missing on OpenBSD, where these times cannot be set for one socket;
    /// use [`sockopt::KEEPALIVE_ENABLED`].
    #[doc(alias = "SO_KEEPALIVE")]
    #[doc(alias = "TCP_KEEPIDLE")]
    #[doc(alias = "TCP_KEEPALIVE")]
    #[inline]
    pub fn set_keepalive(&self, keepalive: Option<Duration>) -> io::Result<()> {
        self.set(sockopt::KEEPALIVE, keepalive)
    }

    /// Returns after how much silence the connection is probed; `None` if it is not
    /// (`SO_KEEPALIVE`, `TCP_KEEPIDLE`). Two system calls if it is, one if not.
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    #[doc(alias = "SO_KEEPALIVE")]
    #[doc(alias = "TCP_KEEPIDLE")]
    #[doc(alias = "TCP_KEEPALIVE")]
    #[inline]
    pub fn keepalive(&self) -> io::Result<Option<Duration>> {
        self.get(sockopt::KEEPALIVE)
    }

    /// Sets how long to wait between two probes (`TCP_KEEPINTVL`).
    ///
    /// # Errors
    /// `InvalidInput` for zero and above the greatest value of the system (32 767 s on Linux), naming the option and
    /// the range; otherwise any error from `setsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Whole seconds: a fraction is rounded up.
    #[doc(alias = "TCP_KEEPINTVL")]
    #[inline]
    pub fn set_keepalive_interval(&self, interval: Duration) -> io::Result<()> {
        self.set(sockopt::KEEPALIVE_INTERVAL, interval)
    }

    /// Returns how long to wait between two probes (`TCP_KEEPINTVL`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    #[doc(alias = "TCP_KEEPINTVL")]
    #[inline]
    pub fn keepalive_interval(&self) -> io::Result<Duration> {
        self.get(sockopt::KEEPALIVE_INTERVAL)
    }

    /// Sets how many probes go unanswered before the connection is given up (`TCP_KEEPCNT`).
    ///
    /// # Errors
    /// `InvalidInput` for zero and above the greatest value of the system (127 on Linux, 255 on Windows),
    /// naming the option and the range; otherwise any error from `setsockopt(2)`.
    #[doc(alias = "TCP_KEEPCNT")]
    #[inline]
    pub fn set_keepalive_retries(&self, retries: u32) -> io::Result<()> {
        self.set(sockopt::KEEPALIVE_RETRIES, retries)
    }

    /// Returns how many probes go unanswered before the connection is given up (`TCP_KEEPCNT`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    #[doc(alias = "TCP_KEEPCNT")]
    #[inline]
    pub fn keepalive_retries(&self) -> io::Result<u32> {
        self.get(sockopt::KEEPALIVE_RETRIES)
    }
}
