//! Descriptors and the return values of system calls.

use std::ffi::c_int;
use std::io;
use std::mem;
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
pub(super) fn milliseconds(timeout: Option<Duration>) -> c_int {
    let Some(timeout) = timeout else { return -1 };
    let fraction = u64::from(timeout.subsec_nanos().div_ceil(1_000_000));
    let milliseconds = timeout
        .as_secs()
        .saturating_mul(1000)
        .saturating_add(fraction);
    c_int::try_from(milliseconds).unwrap_or(c_int::MAX)
}

/// The longest timeout that every system takes: macOS and old BSDs refuse longer ones.
const LONGEST: u64 = 100_000_000;

/// A timeout for a system call: at most three years, after which the caller waits again.
#[allow(
    dead_code,
    reason = "a system without kqueue and without `ppoll` has no use for it"
)]
pub(super) fn timespec(timeout: Duration) -> libc::timespec {
    // Not a literal: the structure has private padding where `time_t` is wider than `long`.
    // SAFETY: the structure holds numbers, for which zeros are values.
    let mut timespec: libc::timespec = unsafe { mem::zeroed() };
    // Both fit 32 bits, whatever the fields' types.
    timespec.tv_sec = timeout.as_secs().min(LONGEST) as _;
    timespec.tv_nsec = timeout.subsec_nanos() as _;
    timespec
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, milliseconds, timespec};
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
            (Some(Duration::from_micros(1_999_001)), 2000),
            (Some(Duration::from_secs(30 * 86_400)), c_int::MAX),
            (Some(Duration::MAX), c_int::MAX),
        ];
        for (timeout, expected) in table {
            assert_eq!(milliseconds(timeout), expected, "{timeout:?}");
        }
    }

    #[test]
    fn a_timespec_is_exact_and_capped() {
        let table = [
            (Duration::ZERO, (0, 0)),
            (Duration::from_nanos(1), (0, 1)),
            (Duration::new(7, 999_999_999), (7, 999_999_999)),
            (Duration::from_secs(LONGEST + 1), (LONGEST, 0)),
        ];
        for (timeout, (seconds, nanoseconds)) in table {
            let timespec = timespec(timeout);
            assert_eq!(timespec.tv_sec, seconds as _, "{timeout:?}");
            assert_eq!(timespec.tv_nsec, nanoseconds as _, "{timeout:?}");
        }
    }
}
