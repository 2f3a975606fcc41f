//! What the program has to know of operating systems.

use std::io;

/// `EMFILE` and `ENFILE`, which have these numbers on every Unix.
#[cfg(unix)]
const OUT_OF_DESCRIPTORS: &[i32] = &[24, 23];
/// `WSAEMFILE`.
#[cfg(windows)]
const OUT_OF_DESCRIPTORS: &[i32] = &[10024];

/// Tells whether the process or the system has no descriptor left.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| OUT_OF_DESCRIPTORS.contains(&code))
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
