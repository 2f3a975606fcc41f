//! What a caller can do wrong, told before the system is asked.

use std::io;

/// Why a value was refused; it sits inside the [`io::Error`], whose kind is
/// [`InvalidInput`](io::ErrorKind::InvalidInput).
///
/// # Examples
///
/// ```
/// use readywire::sockopt::{self, OptionError};
///
/// # fn main() -> std::io::Result<()> {
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// let error = sockopt::TTL.set(&socket, 256).unwrap_err();
/// assert_eq!(error.to_string(), "IP_TTL: 256 is outside 1..=255");
/// let Some(OptionError::OutOfRange { option, max, .. }) = OptionError::from_io(&error) else {
///     panic!("another error: {error}");
/// };
/// assert_eq!((*option, *max), ("IP_TTL", 255));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// The value lies outside what the option takes; nothing was changed.
    #[error("{option}: {value}{unit} is outside {min}..={max}{unit}")]
    OutOfRange {
        /// The system's name of the option, such as `IP_TTL`.
        option: &'static str,
        /// The value that was refused, in `unit`, after rounding up.
        value: u64,
        /// The least value the option takes.
        min: u64,
        /// The greatest value the option takes.
        max: u64,
        /// What the three numbers count, as it is printed after them: `" s"`, `" bytes"` or nothing.
        unit: &'static str,
    },
    /// The text holds a NUL byte, where the system would stop reading; nothing was changed.
    #[error("{option}: the text holds a NUL byte")]
    NulByte {
        /// The system's name of the option, such as `TCP_CONGESTION`.
        option: &'static str,
    },
}

impl OptionError {
    /// Finds the reason in an error that [`set`](crate::ReadWrite::set) returned; `None` if the
    /// error came from the system.
    ///
    /// # Examples
    ///
    /// See [`OptionError`].
    #[must_use]
    pub fn from_io(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<OptionError> for io::Error {
    fn from(error: OptionError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}
