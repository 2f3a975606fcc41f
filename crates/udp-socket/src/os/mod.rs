//! What differs by system: conversions, and several datagrams a call.
//!
//! Nothing outside this folder names a system.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;
#[cfg(not(any(unix, windows)))]
compile_error!("readywire needs the sockets of a Unix or of Windows");

#[cfg(any(target_os = "linux", target_os = "android"))]
mod many;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use self::many::{Incoming, MAX_DATAGRAMS, Outgoing};
