//! What differs by system: whether a port in use can be taken over, and the conversions.
//!
//! Nothing outside this folder names a system.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

cfg_if::cfg_if! {
    if #[cfg(unix)] {
        pub(crate) use self::unix::reuse_address;
    } else if #[cfg(windows)] {
        pub(crate) use self::windows::reuse_address;
    } else {
        compile_error!("readywire needs the sockets of a Unix or of Windows");
    }
}
