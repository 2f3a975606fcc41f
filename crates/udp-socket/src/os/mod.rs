//! What differs by system: conversions, and several datagrams a call.
//!
//! Nothing outside this folder names a system.

cfg_if::cfg_if! {
    if #[cfg(unix)] {
        mod unix;
    } else if #[cfg(windows)] {
        mod windows;
    } else {
        compile_error!("readywire needs the sockets of a Unix or of Windows");
    }
}

cfg_if::cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android"))] {
        mod many;
        pub use self::many::{Incoming, MAX_DATAGRAMS, Outgoing};
    }
}
