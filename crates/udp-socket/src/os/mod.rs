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

cfg_if::cfg_if! {
    if #[cfg(all(target_os = "linux", target_env = "musl", target_pointer_width = "64"))] {
        mod sendmmsg_by_number;
        use self::sendmmsg_by_number::sendmmsg;
    } else if #[cfg(any(target_os = "linux", target_os = "android"))] {
        use libc::sendmmsg;
    }
}
