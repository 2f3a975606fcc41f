//! Pipes, made by the C library's functions: making one is not on a hot path.

use std::ffi::c_int;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// Makes a pipe, both ends non-blocking and close-on-exec (`pipe2(2)`); returns the end to read from, and the one
/// to write to.
///
/// # Errors
/// Any error from `pipe2(2)`, for example because the process has too many open descriptors. Nothing is left open then.
///
/// # Platform-specific behaviour
/// One call on Linux, Android, the BSDs and illumos; elsewhere the flags are set by calls of their own.
///
/// # Examples
/// ```
/// use std::os::fd::AsFd;
///
/// let (reader, writer) = system_call::pipe()?;
/// assert_eq!(system_call::write(writer.as_fd(), b"hello")?, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "pipe2")]
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    imp::pipe()
}

/// Turns -1 into the error that `errno` holds.
fn check(result: c_int) -> io::Result<c_int> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// Owns what a call has just made.
fn own(fds: [c_int; 2]) -> (OwnedFd, OwnedFd) {
    // SAFETY: the descriptor has just been made and nobody else knows it.
    let reader = unsafe { OwnedFd::from_raw_fd(fds[0]) };
    // SAFETY: as above.
    let writer = unsafe { OwnedFd::from_raw_fd(fds[1]) };
    (reader, writer)
}

cfg_if::cfg_if! {
    if #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
        target_os = "illumos",
    ))] {
        mod imp {
            use super::*;

            pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
                let mut fds = [-1; 2];
                let flags = libc::O_CLOEXEC | libc::O_NONBLOCK;
                // SAFETY: writes two numbers to where there is room for two.
                check(unsafe { libc::pipe2(fds.as_mut_ptr(), flags) })?;
                Ok(own(fds))
            }
        }
    } else {
        mod imp {
            use std::os::fd::AsRawFd;

            use super::*;

            pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
                let mut fds = [-1; 2];
                // SAFETY: writes two numbers to where there is room for two.
                check(unsafe { libc::pipe(fds.as_mut_ptr()) })?;
                let ends = own(fds);
                for end in [&ends.0, &ends.1] {
                    // SAFETY: writes the flags of a descriptor that is ours; a new one has no others.
                    check(unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
                    // SAFETY: reads the flags of the same descriptor.
                    let flags = check(unsafe { libc::fcntl(end.as_raw_fd(), libc::F_GETFL) })?;
                    let flags = flags | libc::O_NONBLOCK;
                    // SAFETY: writes the flags of the same descriptor.
                    check(unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFL, flags) })?;
                }
                Ok(ends)
            }
        }
    }
}
