//! Calls made by the functions of the C library.

use std::io;

/// Calls the function of that name. A call that the C library has no function for, or none that is old
/// enough, is made by its number.
macro_rules! call {
    ($function:ident = $number:ident, $($argument:expr),+ $(,)?) => {
        $crate::library::check(libc::$function($($argument),+) as isize)
    };
    ($number:ident, $($argument:expr),+ $(,)?) => {
        $crate::library::check(libc::syscall(libc::$number, $($argument),+) as isize)
    };
}

pub(crate) use call;

/// Turns -1 into the error that `errno` holds.
#[inline]
pub(crate) fn check(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
