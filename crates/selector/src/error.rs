//! Misuse of registrations.

use std::io;

use token_ready::{PollOpt, Ready};

use crate::sys;

/// Why a registration was refused; it travels inside the `io::Error`.
///
/// ```
/// use readywire::{Poll, PollOpt, Ready, RegistrationError, Token};
/// # fn main() -> std::io::Result<()> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let a = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # a.set_nonblocking(true)?;
///
/// let source = readywire::IoSource::new(a);
/// let poll = Poll::new()?;
/// poll.register(&source, Token(0), Ready::READABLE, PollOpt::LEVEL)?;
///
/// let error = poll
///     .register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
///     .unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
/// assert_eq!(
///     RegistrationError::from_io(&error),
///     Some(&RegistrationError::AlreadyRegistered)
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// The source is registered with this `Poll` already. The kind is `AlreadyExists`.
    #[error("the source is registered with this Poll already; use reregister, or deregister first")]
    AlreadyRegistered,
    /// The source is not registered. The kind is `NotFound`.
    #[error("the source is not registered; use register")]
    NotRegistered,
    /// The source is registered with another `Poll`. The kind is `AlreadyExists` from `register`
    /// and `NotFound` from `reregister` and `deregister`.
    #[error("the source is registered with another Poll; deregister it there first")]
    OtherPoll,
    /// The options contradict each other. The kind is `InvalidInput`.
    #[error(
        "{0:?} cannot be combined; allowed are LEVEL or EDGE, each with or without ONESHOT, \
         or EXCLUSIVE with LEVEL or EDGE"
    )]
    Options(PollOpt),
    /// The interest cannot be had together with `PollOpt::EXCLUSIVE`. The kind is `InvalidInput`.
    #[error("{0:?} cannot be watched with EXCLUSIVE; allowed are READABLE and WRITABLE")]
    ExclusiveInterest(Ready),
    /// The source is the `Poll` itself. The kind is `InvalidInput`.
    #[error("a Poll cannot be registered with itself")]
    Itself,
    /// The source is a `Poll` with which this one is registered, directly or through others, or it
    /// has too many `Poll`s inside each other. The kind is `InvalidInput`. Only epoll reports it.
    #[error("the Polls would be registered with each other in a cycle, or more than five deep")]
    Cycle,
    /// The source is a regular file, a directory or another file that epoll does not support. Reading
    /// and writing it never fails with `WouldBlock`. The kind is `PermissionDenied`. Only epoll
    /// reports it.
    #[error("files are always ready and cannot be watched; read and write them without waiting")]
    AlwaysReady,
}

impl RegistrationError {
    /// Returns the registration error inside an `io::Error`, if there is one.
    pub fn from_io(error: &io::Error) -> Option<&RegistrationError> {
        error.get_ref()?.downcast_ref()
    }

    /// Returns the code that `epoll_ctl(2)` has for the error, such as `EEXIST`; `None` for what only
    /// this library refuses, and on Windows.
    ///
    /// An `io::Error` holds either a code or another error. One that holds a `RegistrationError` has no
    /// [`raw_os_error`](io::Error::raw_os_error) of its own, though the system may have been asked.
    ///
    /// # Examples
    /// ```
    /// use readywire::RegistrationError;
    /// use std::io;
    ///
    /// fn code(error: &io::Error) -> Option<i32> {
    ///     let refused = || RegistrationError::from_io(error)?.raw_os_error();
    ///     error.raw_os_error().or_else(refused)
    /// }
    ///
    /// # #[cfg(unix)] {
    /// let error = io::Error::from(RegistrationError::AlreadyRegistered);
    /// assert_eq!(code(&error), Some(17)); // EEXIST
    /// # }
    /// ```
    #[doc(alias("EEXIST", "ENOENT", "EPERM", "ELOOP"))]
    pub fn raw_os_error(&self) -> Option<i32> {
        sys::code(self)
    }

    pub(crate) fn into_io(self, kind: io::ErrorKind) -> io::Error {
        io::Error::new(kind, self)
    }
}

impl From<RegistrationError> for io::Error {
    fn from(error: RegistrationError) -> io::Error {
        let kind = match error {
            RegistrationError::AlreadyRegistered | RegistrationError::OtherPoll => {
                io::ErrorKind::AlreadyExists
            }
            RegistrationError::NotRegistered => io::ErrorKind::NotFound,
            RegistrationError::Options(_)
            | RegistrationError::ExclusiveInterest(_)
            | RegistrationError::Itself
            | RegistrationError::Cycle => io::ErrorKind::InvalidInput,
            RegistrationError::AlwaysReady => io::ErrorKind::PermissionDenied,
        };
        error.into_io(kind)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn misuse_has_the_code_that_the_kernel_has_for_it() {
        let table = [
            (RegistrationError::AlreadyRegistered, Some(libc::EEXIST)),
            (RegistrationError::NotRegistered, Some(libc::ENOENT)),
            (RegistrationError::Itself, Some(libc::EINVAL)),
            (RegistrationError::Cycle, Some(libc::ELOOP)),
            (RegistrationError::AlwaysReady, Some(libc::EPERM)),
            (RegistrationError::OtherPoll, None),
            (RegistrationError::Options(PollOpt::all()), None),
            (RegistrationError::ExclusiveInterest(Ready::PRIORITY), None),
        ];
        for (error, code) in table {
            assert_eq!(error.raw_os_error(), code, "{error:?}");
        }
    }
}
