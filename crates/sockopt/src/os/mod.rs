//! Everything that differs by system: the two calls, the constants, and which options exist where.
//!
//! Nothing outside this folder names a system. A new option is one constant in `socket`, `ip` or
//! `tcp`; a new system is an arm of `SYSTEM` and its name in the lists of the options it has.

use std::io;

use cfg_if::cfg_if;

use crate::error::OptionError;
use crate::option::{AnyOption, Id};

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

cfg_if! {
    if #[cfg(unix)] {
        pub use unix::AsSock;
        pub(crate) use unix::{Sock, borrow, get, set};
        use libc as sys;
    } else if #[cfg(windows)] {
        pub use windows::AsSock;
        pub(crate) use windows::{Sock, borrow, get, set};
        use windows_sys::Win32::Networking::WinSock as sys;
    } else {
        compile_error!("sockopt needs the sockets of a Unix or of Windows");
    }
}

/// Names the option, and the version that brought it, if `error` is one of the codes in `unknown`, by which the
/// kernel reports an option that it does not know.
#[cold]
fn explain(id: Id, unknown: &[i32], error: io::Error) -> io::Error {
    let code = error.raw_os_error();
    if !code.is_some_and(|code| unknown.contains(&code)) {
        return error;
    }
    OptionError::Unknown {
        option: id.text,
        since: SINCE
            .iter()
            .find_map(|(option, version)| (*option == id.text).then_some(*version)),
    }
    .into()
}

cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android"))] {
        /// Which versions of the system brought options, of those versions that Rust supports.
        const SINCE: &[(&str, &str)] = &[
            ("SO_BUSY_POLL", "Linux 3.11"),
            ("SO_INCOMING_CPU", "Linux 3.19, settable since 4.4"),
            ("SO_REUSEPORT", "Linux 3.9"),
            ("TCP_FASTOPEN", "Linux 3.7"),
            ("TCP_FASTOPEN_CONNECT", "Linux 4.11"),
            ("TCP_NOTSENT_LOWAT", "Linux 3.12"),
        ];
    } else if #[cfg(windows)] {
        const SINCE: &[(&str, &str)] = &[
            ("TCP_FASTOPEN", "Windows 10 1607"),
            ("TCP_KEEPCNT", "Windows 10 1703"),
            ("TCP_KEEPIDLE", "Windows 10 1709"),
            ("TCP_KEEPINTVL", "Windows 10 1709"),
        ];
    } else {
        const SINCE: &[(&str, &str)] = &[];
    }
}

/// Names an option of the system: its level and its number, both by the system's own names.
macro_rules! id {
    ($level:ident, $number:ident) => {
        crate::option::Id {
            level: sys::$level,
            number: sys::$number,
            text: stringify!($number),
        }
    };
}

/// Defines options, and gathers them for the table and the catalogue.
///
/// `on (…) { … }` gives the options that one set of systems has; `(unix, windows)` is all.
macro_rules! options {
    ($(on $systems:tt {$(
        $(#[$attribute:meta])*
        $name:ident: $kind:ident<$value:ty> = $option:expr;
    )+})+) => {
        $($(
            #[cfg(any $systems)]
            $(#[$attribute])*
            pub const $name: crate::option::$kind<$value> = $option;
        )+)+

        /// The options that this system has.
        pub(super) static PRESENT: &[(&str, &dyn crate::option::AnyOption)] = &[$($(
            #[cfg(any $systems)]
            (stringify!($name), &$name),
        )+)+];

        /// All options, and the systems that have them.
        pub(super) static LISTED: &[(&str, &[&str])] = &[$($(
            (stringify!($name), systems!($systems)),
        )+)+];
    };
}

/// The names of the systems that an option is on.
macro_rules! systems {
    ((unix, windows)) => {
        super::SYSTEMS
    };
    ((unix)) => {
        super::UNIXES
    };
    (($(target_os = $system:literal),+ $(,)?)) => {
        &[$($system),+]
    };
}

mod ip;
#[allow(
    unused_imports,
    reason = "some systems do not have the options that an import is for"
)]
mod socket;
#[allow(
    unused_imports,
    reason = "some systems do not have the options that an import is for"
)]
mod tcp;

cfg_if! {
    if #[cfg(not(target_os = "openbsd"))] {
        mod keepalive;
        pub use keepalive::Keepalive;
    }
}

cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android"))] {
        mod tcp_info;
        pub use tcp_info::{CongestionState, TcpInfo, TcpState};
    }
}

#[doc(inline)]
pub use ip::*;
#[doc(inline)]
pub use socket::*;
#[doc(inline)]
pub use tcp::*;

/// The systems whose options are known, by the name of their `target_os`; Windows comes last.
pub(crate) const SYSTEMS: &[&str] = &[
    "linux",
    "android",
    "macos",
    "ios",
    "freebsd",
    "netbsd",
    "openbsd",
    "dragonfly",
    "illumos",
    "fuchsia",
    "windows",
];

const UNIXES: &[&str] = match SYSTEMS.split_last() {
    Some((_windows, unixes)) => unixes,
    None => &[],
};

/// The options of this system, by the names of their constants.
pub(crate) fn present() -> impl Iterator<Item = (&'static str, &'static dyn AnyOption)> {
    [socket::PRESENT, ip::PRESENT, tcp::PRESENT]
        .into_iter()
        .flatten()
        .copied()
}

/// All options, with the systems that have them.
pub(crate) fn listed() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    [socket::LISTED, ip::LISTED, tcp::LISTED]
        .into_iter()
        .flatten()
        .copied()
}

/// What a system accepts, where systems differ.
#[allow(
    dead_code,
    reason = "some systems do not have the options that a limit is for"
)]
pub(crate) struct System {
    /// The longest linger that is kept without cutting it.
    linger_seconds: u64,
    /// The longest idle time and interval of keepalive.
    keepalive_seconds: u64,
    keepalive_retries: u64,
    least_segment: u64,
    greatest_segment: u64,
    /// Whether the IPv4 multicast options are refused unless they are one byte.
    pub(crate) multicast_v4_takes_a_byte: bool,
}

/// No option is stricter than here; a system that is says so itself.
const COMMON: System = System {
    linger_seconds: 65_535,
    // Kept as milliseconds or finer ticks in an `int`.
    keepalive_seconds: crate::codec::INT_MAX / 1000,
    keepalive_retries: crate::codec::INT_MAX,
    least_segment: 1,
    greatest_segment: 65_535,
    multicast_v4_takes_a_byte: false,
};

cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android"))] {
        pub(crate) const SYSTEM: System = System {
            keepalive_seconds: 32_767,
            keepalive_retries: 127,
            least_segment: 88,
            greatest_segment: 32_767,
            ..COMMON
        };
    } else if #[cfg(target_vendor = "apple")] {
        // The linger is kept as a `short` of hundredths.
        pub(crate) const SYSTEM: System = System { linger_seconds: 327, ..COMMON };
    } else if #[cfg(any(target_os = "openbsd", target_os = "dragonfly"))] {
        pub(crate) const SYSTEM: System =
            System { linger_seconds: 32_767, multicast_v4_takes_a_byte: true, ..COMMON };
    } else if #[cfg(target_os = "illumos")] {
        pub(crate) const SYSTEM: System = System { multicast_v4_takes_a_byte: true, ..COMMON };
    } else if #[cfg(windows)] {
        pub(crate) const SYSTEM: System = System { keepalive_retries: 255, ..COMMON };
    } else {
        pub(crate) const SYSTEM: System = COMMON;
    }
}
