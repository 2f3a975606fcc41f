//! Systems on which every address is a file.

use std::io;
use std::os::unix::net::SocketAddr;

/// There is none.
pub(crate) fn abstract_name(_address: &SocketAddr) -> Option<&[u8]> {
    None
}

/// Fails: there is none.
pub(crate) fn from_abstract_name(_name: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}
