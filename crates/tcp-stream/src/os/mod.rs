//! Everything that differs by system: how it reports a connection attempt, conversions, and the options that not
//! every system has.
//!
//! Nothing outside this folder names a system, and nothing in it remembers anything.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

cfg_if::cfg_if! {
    if #[cfg(unix)] {
        pub(crate) use self::unix::{ERRORS_STAY, probe, write_error};
        #[cfg(test)]
        pub(crate) use self::unix::receive;
    } else if #[cfg(windows)] {
        pub(crate) use self::windows::{ERRORS_STAY, probe, write_error};
        #[cfg(test)]
        pub(crate) use self::windows::receive;
    } else {
        compile_error!("readywire needs the sockets of a Unix or of Windows");
    }
}

#[cfg(not(target_os = "openbsd"))]
mod keepalive;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
mod notsent_lowat;

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "illumos",
))]
mod congestion;
