//! The choice of congestion control, where there is one.

use std::io;

use crate::TcpStream;

/// # Congestion control
///
/// ```
/// # #[cfg(any(
/// #     target_os = "linux",
/// #     target_os = "android",
/// #     target_os = "freebsd",
/// #     target_os = "illumos",
/// # ))] {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let stream = readywire::net::TcpStream::from_stream(stream)?;
/// if stream.set_congestion("bbr").is_err() {
///     println!("stays with {:?}", stream.congestion());
/// }
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
impl TcpStream {
    /// Sets which congestion control the connection uses, by its name (`TCP_CONGESTION`).
    ///
    /// # Errors
    /// `InvalidInput` for a name the system cannot hold; otherwise any error from `setsockopt(2)`, such as `NotFound`
    /// if there is no algorithm of that name.
    ///
    /// # Platform-specific behaviour
    /// Linux, Android, FreeBSD and illumos.
    #[doc(alias = "TCP_CONGESTION")]
    pub fn set_congestion(&self, name: &str) -> io::Result<()> {
        self.set(sockopt::CONGESTION, name)
    }

    /// Returns the name of the congestion control that the connection uses (`TCP_CONGESTION`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// Linux, Android, FreeBSD and illumos.
    #[doc(alias = "TCP_CONGESTION")]
    pub fn congestion(&self) -> io::Result<String> {
        self.get(sockopt::CONGESTION)
    }
}
