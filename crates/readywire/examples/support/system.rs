//! What the program has to know of operating systems.

use std::io;

#[cfg(unix)]
mod code {
    pub(super) const LISTENERS_OWN: &[i32] =
        &[libc::EBADF, libc::EFAULT, libc::EINVAL, libc::ENOTSOCK];
    pub(super) const SHORTAGE: &[i32] = &[libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    pub(super) const OUT_OF_DESCRIPTORS: &[i32] = &[libc::EMFILE, libc::ENFILE];
}

#[cfg(windows)]
mod code {
    /// `WSAEBADF`, `WSAEFAULT`, `WSAEINVAL`, `WSAENOTSOCK`, `WSANOTINITIALISED`.
    pub(super) const LISTENERS_OWN: &[i32] = &[10009, 10014, 10022, 10038, 10093];
    /// `WSAEMFILE`, `WSAENOBUFS`.
    pub(super) const SHORTAGE: &[i32] = &[10024, 10055];
    /// `WSAEMFILE`.
    pub(super) const OUT_OF_DESCRIPTORS: &[i32] = &[10024];
}

/// Returns whether an error of `accept(2)` is the listener's own, so that no later call succeeds.
///
/// All others are to be survived: Linux returns pending errors of the network from `accept`, even
/// `EOPNOTSUPP`, and a list of those is never complete.
pub(crate) fn is_listeners_own(error: &io::Error) -> bool {
    has_code(error, code::LISTENERS_OWN)
}

/// Returns whether the process or the system has no descriptor or memory left for a connection.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    has_code(error, code::SHORTAGE)
}

/// Returns whether the process or the system has no descriptor left.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    has_code(error, code::OUT_OF_DESCRIPTORS)
}

fn has_code(error: &io::Error, codes: &[i32]) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
}

/// Adds to an error of the system what can be done about it.
pub(crate) fn explain(error: io::Error) -> anyhow::Error {
    let out = is_out_of_descriptors(&error);
    let error = anyhow::Error::new(error);
    if out {
        error.context(
            "no descriptor is left: every connection takes one; \
             raise the limit (ulimit -n) or have fewer of them",
        )
    } else {
        error
    }
}

/// Runs a non-blocking operation; `None` says that it would block.
pub(crate) fn attempt<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<Option<T>> {
    loop {
        match operation() {
            Ok(value) => return Ok(Some(value)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
