//! Keepalive, where its times can be set.

use std::io;
use std::time::Duration;

use crate::TcpStream;

/// # Keepalive
///
/// ```
/// use std::time::Duration;
///
/// # #[cfg(all(unix, not(target_os = "openbsd")))] // Wine lacks it.
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
    /// Probes the connection when it was silent for so long; `None` turns probing off
    /// (`SO_KEEPALIVE`, `TCP_KEEPIDLE`).
    ///
    /// An error changes nothing: the old time is read first, and restored if enabling fails. That makes
    /// three system calls; turning probing off takes one.
    ///
    /// # Errors
    /// `InvalidInput` for zero and past what the system takes (32 767 s on Linux), naming the
    /// option and the range; otherwise what `setsockopt(2)` says.
    ///
    /// # Platform-specific behaviour
    /// Whole seconds: a fraction is rounded up. Absent on OpenBSD, which has no times of a
    /// socket's own; [`sockopt::KEEPALIVE_ENABLED`] is there.
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
    /// What `getsockopt(2)` says.
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
    /// As [`set_keepalive`](TcpStream::set_keepalive).
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
    /// What `getsockopt(2)` says.
    #[doc(alias = "TCP_KEEPINTVL")]
    #[inline]
    pub fn keepalive_interval(&self) -> io::Result<Duration> {
        self.get(sockopt::KEEPALIVE_INTERVAL)
    }

    /// Sets how many probes go unanswered before the connection is given up (`TCP_KEEPCNT`).
    ///
    /// # Errors
    /// `InvalidInput` for zero and past what the system takes (127 on Linux, 255 on Windows),
    /// naming the option and the range; otherwise what `setsockopt(2)` says.
    #[doc(alias = "TCP_KEEPCNT")]
    #[inline]
    pub fn set_keepalive_retries(&self, retries: u32) -> io::Result<()> {
        self.set(sockopt::KEEPALIVE_RETRIES, retries)
    }

    /// Returns how many probes go unanswered before the connection is given up (`TCP_KEEPCNT`).
    ///
    /// # Errors
    /// What `getsockopt(2)` says.
    #[doc(alias = "TCP_KEEPCNT")]
    #[inline]
    pub fn keepalive_retries(&self) -> io::Result<u32> {
        self.get(sockopt::KEEPALIVE_RETRIES)
    }
}
