//! The low-water mark of unsent data, where there is one.

use std::io;

use crate::TcpStream;

/// # Unsent data
///
/// ```
/// # #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))] {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let stream = readywire::net::TcpStream::from_stream(stream)?;
/// stream.set_notsent_lowat(16 * 1024)?;
/// assert_eq!(stream.notsent_lowat()?, 16 * 1024);
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
impl TcpStream {
    /// Sets how many unsent bytes may wait before the stream stops being writable
    /// (`TCP_NOTSENT_LOWAT`); 0 for the system's default.
    ///
    /// # Errors
    /// `InvalidInput` above 2 147 483 647, naming the option and the range; otherwise any error from `setsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Linux, Android and macOS.
    #[doc(alias = "TCP_NOTSENT_LOWAT")]
    #[inline]
    pub fn set_notsent_lowat(&self, bytes: u32) -> io::Result<()> {
        self.set(sockopt::NOTSENT_LOWAT, bytes)
    }

    /// Returns how many unsent bytes may wait before the stream stops being writable
    /// (`TCP_NOTSENT_LOWAT`); 0 for the system's default.
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Linux, Android and macOS.
    #[doc(alias = "TCP_NOTSENT_LOWAT")]
    #[inline]
    pub fn notsent_lowat(&self) -> io::Result<u32> {
        self.get(sockopt::NOTSENT_LOWAT)
    }
}
