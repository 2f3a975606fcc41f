//! Linux and Android: addresses that are no files.

use std::ffi::OsStr;
use std::io;
#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;

use socket2::SockAddr;

/// The system's form of an abstract address, if it is one: a path that begins with a zero.
pub(crate) fn abstract_to_system(address: &SocketAddr) -> Option<io::Result<SockAddr>> {
    // No path is longer than the 108 bytes that the system has for it.
    let name = address.as_abstract_name()?;
    let mut path = [0; 108];
    path[1..][..name.len()].copy_from_slice(name);
    Some(SockAddr::unix(OsStr::from_bytes(&path[..=name.len()])))
}

/// The standard library's form of an abstract address, if it is one.
pub(crate) fn abstract_from_system(address: &SockAddr) -> Option<io::Result<SocketAddr>> {
    let name = address.as_abstract_namespace()?;
    Some(SocketAddr::from_abstract_name(name))
}
