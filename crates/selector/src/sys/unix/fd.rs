//! Descriptors and the return values of system calls.

use std::ffi::c_int;
use std::io;
use std::time::Duration;

/// Turns -1 into the error that `errno` holds.
pub(super) fn check(result: c_int) -> io::Result<c_int> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// A timeout in the whole milliseconds of `epoll_wait` and `poll`: rounded up, never for ever
/// unless it is `None`.
#[allow(
    dead_code,
    reason = "a system with `ppoll` and without epoll has no use for it"
)]
pub(super) fn milliseconds(timeout: Option<Duration>) -> c_int {
    let Some(timeout) = timeout else { return -1 };
    let milliseconds = timeout.as_nanos().div_ceil(1_000_000);
    c_int::try_from(milliseconds).unwrap_or(c_int::MAX)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;
    use std::ffi::c_int;
    use std::time::Duration;

    #[test]
    fn milliseconds_are_rounded_up_and_capped() {
        let table = [
            (None, -1),
            (Some(Duration::ZERO), 0),
            (Some(Duration::from_nanos(1)), 1),
            (Some(Duration::from_millis(1)), 1),
            (Some(Duration::from_micros(1001)), 2),
            (Some(Duration::from_secs(30 * 86_400)), c_int::MAX),
            (Some(Duration::MAX), c_int::MAX),
        ];
        for (timeout, expected) in table {
            assert_eq!(milliseconds(timeout), expected, "{timeout:?}");
        }
    }
}
