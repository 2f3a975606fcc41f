//! What the standard library leaves to the system's own calls.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Turns -1 into the error that `errno` holds.
fn check(result: c_int) -> io::Result<c_int> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
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
        use std::os::fd::{FromRawFd, OwnedFd};

        pub(crate) fn pipe() -> io::Result<(io::PipeReader, io::PipeWriter)> {
            let mut fds = [-1; 2];
            let flags = libc::O_CLOEXEC | libc::O_NONBLOCK;
            // SAFETY: writes two numbers to where there is room for two.
            check(unsafe { libc::pipe2(fds.as_mut_ptr(), flags) })?;
            // SAFETY: the descriptor has just been made and nobody else knows it.
            let reader = unsafe { OwnedFd::from_raw_fd(fds[0]) };
            // SAFETY: as above.
            let writer = unsafe { OwnedFd::from_raw_fd(fds[1]) };
            Ok((reader.into(), writer.into()))
        }
    } else {
        use std::os::fd::AsFd;

        pub(crate) fn pipe() -> io::Result<(io::PipeReader, io::PipeWriter)> {
            // Close-on-exec on both ends already.
            let (reader, writer) = io::pipe()?;
            set_nonblocking(reader.as_fd())?;
            set_nonblocking(writer.as_fd())?;
            Ok((reader, writer))
        }
    }
}

/// Sets a descriptor, and all its duplicates, to non-blocking.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: reads the flags of a descriptor that is borrowed, hence open.
    let flags = check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })?;
    if flags & libc::O_NONBLOCK != 0 {
        return Ok(());
    }
    // SAFETY: writes the flags of the same descriptor.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    Ok(())
}
