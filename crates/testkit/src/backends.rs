//! Each test on every backend of the machine.

use std::cell::Cell;

use selector::Backend;

use crate::watchdog;

thread_local! {
    static CURRENT: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Makes tests of functions that take a [`Backend`]: one test for each backend
/// of the system, so that a failure names it (`poll_returns_at_once::epoll`).
///
/// A function that is not on the list is dead code, which the compiler tells.
///
/// ```
/// use selector::{Backend, Poll};
///
/// testkit::on_each_backend! { a_poll_knows_its_backend }
///
/// fn a_poll_knows_its_backend(backend: Backend) {
///     assert_eq!(Poll::with_backend(backend).unwrap().backend(), backend);
/// }
/// ```
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    not(readywire_libkqueue),
))]
#[macro_export]
macro_rules! on_each_backend {
    ($($test:ident),* $(,)?) => {
        $crate::tests! { [epoll Epoll, poll Poll] $($test)* }
    };
}

/// Makes tests of functions that take a [`Backend`]: one test for each backend.
#[cfg(any(
    readywire_libkqueue,
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
))]
#[macro_export]
macro_rules! on_each_backend {
    ($($test:ident),* $(,)?) => {
        $crate::tests! { [kqueue Kqueue, poll Poll] $($test)* }
    };
}

/// Makes tests of functions that take a [`Backend`]: one test for each backend.
#[cfg(windows)]
#[macro_export]
macro_rules! on_each_backend {
    ($($test:ident),* $(,)?) => {
        $crate::tests! { [afd Afd] $($test)* }
    };
}

/// Makes tests of functions that take a [`Backend`]: one test for each backend.
#[cfg(any(target_os = "illumos", target_os = "solaris"))]
#[macro_export]
macro_rules! on_each_backend {
    ($($test:ident),* $(,)?) => {
        $crate::tests! { [poll Poll] $($test)* }
    };
}

/// The work of [`on_each_backend!`].
#[doc(hidden)]
#[macro_export]
macro_rules! tests {
    ($backends:tt $($test:ident)*) => { $( $crate::tests! { @one $backends $test } )* };
    (@one [$($name:ident $backend:ident),*] $test:ident) => {
        mod $test {
            $(
                #[test]
                fn $name() {
                    let name = concat!(module_path!(), "::", stringify!($name));
                    $crate::Test::run(name, || super::$test(::selector::Backend::$backend));
                }
            )*
        }
    };
}

/// The test that this thread runs, by its full name.
#[derive(Debug)]
pub struct Test;

impl Test {
    /// Runs a test under its full name, crate included.
    #[track_caller]
    pub fn run(name: &'static str, test: impl FnOnce()) {
        watchdog::watch();
        CURRENT.set(Some(name));
        test();
        CURRENT.set(None);
    }

    /// The name of the test that runs, as the test program's filter wants it: without the crate.
    pub(crate) fn current() -> Option<&'static str> {
        CURRENT.get().map(without_crate)
    }
}

/// Takes the first segment off a path.
pub(crate) fn without_crate(path: &str) -> &str {
    path.split_once("::").map_or(path, |(_, rest)| rest)
}

/// Runs `test` on every backend, for tests that compare them; a failure names the one it was on.
#[track_caller]
pub fn all_backends(mut test: impl FnMut(Backend)) {
    watchdog::watch();
    for &backend in Backend::available() {
        println!("on {backend}:");
        test(backend);
    }
}

#[cfg(test)]
mod tests {
    use super::without_crate;

    #[test]
    fn the_crate_is_taken_off_a_path() {
        assert_eq!(
            without_crate("it::clause01::test::epoll"),
            "clause01::test::epoll"
        );
        assert_eq!(without_crate("it"), "it");
    }
}
