//! Addresses, between the standard library's and the system's.

use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use socket2::SockAddr;

use crate::os;

/// The system's form of an address.
pub(crate) fn to_system(address: &SocketAddr) -> io::Result<SockAddr> {
    match address.as_pathname() {
        Some(path) => SockAddr::unix(path),
        // The empty path is what the system knows as unnamed.
        None => os::abstract_to_system(address).unwrap_or_else(|| SockAddr::unix("")),
    }
}

/// The system's form of a path.
pub(crate) fn of_path(path: &Path) -> io::Result<SockAddr> {
    // The standard library refuses what is too long or has a zero inside.
    to_system(&SocketAddr::from_pathname(path)?)
}

/// The standard library's form of an address.
pub(crate) fn from_system(address: &SockAddr) -> io::Result<SocketAddr> {
    match address.as_pathname() {
        Some(path) => SocketAddr::from_pathname(path),
        None => os::abstract_from_system(address).unwrap_or_else(|| SocketAddr::from_pathname("")),
    }
}
