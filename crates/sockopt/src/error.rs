//! The errors of options: values that are out of range, which are found before any system call, and options that
//! the kernel does not know.

use std::io;

/// Why an option could not be read or set, inside the [`io::Error`].
///
/// The kind of that error is [`Unsupported`](io::ErrorKind::Unsupported) for an option that the system does not know,
/// otherwise [`InvalidInput`](io::ErrorKind::InvalidInput).
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
    /// The text contains a NUL byte, at which the kernel would stop reading; nothing was changed.
    #[error("{option}: the text holds a NUL byte")]
    NulByte {
        /// The system's name of the option, such as `TCP_CONGESTION`.
        option: &'static str,
    },
    /// The system does not know the option, or this kind of socket does not have it (`ENOPROTOOPT`, and
    /// `EOPNOTSUPP` where that does not mean that an administrator switched the option off); nothing was changed.
    ///
    /// This replaces the error code: [`io::Error::raw_os_error`] is `None`.
    #[error("{option}: unknown to this system{} or to this kind of socket", known(*since))]
    Unknown {
        /// The system's name of the option, such as `TCP_FASTOPEN_CONNECT`.
        option: &'static str,
        /// The version of the system that added the option, such as `Linux 4.11`; `None` if every version in use
        /// has it.
        since: Option<&'static str>,
    },
}

fn known(since: Option<&str>) -> String {
    since.map_or(String::new(), |version| format!(" (known since {version})"))
}

impl OptionError {
    /// Returns the reason inside an error of [`get`](crate::ReadWrite::get) or [`set`](crate::ReadWrite::set);
    /// `None` if `error` is any other error from the system.
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
        let kind = match error {
            OptionError::Unknown { .. } => io::ErrorKind::Unsupported,
            OptionError::OutOfRange { .. } | OptionError::NulByte { .. } => {
                io::ErrorKind::InvalidInput
            }
        };
        Self::new(kind, error)
    }
}
