//! Systems on which every address is a file.

use std::io;
use std::os::unix::net::SocketAddr;

use socket2::SockAddr;

/// There are none.
pub(crate) fn abstract_to_system(_address: &SocketAddr) -> Option<io::Result<SockAddr>> {
    None
}

/// There are none.
pub(crate) fn abstract_from_system(_address: &SockAddr) -> Option<io::Result<SocketAddr>> {
    None
}
