// Elsewhere there is nothing, so that the README has no tests there either.
#![cfg_attr(unix, doc = include_str!("../README.md"))]
#![cfg_attr(not(unix), doc = "Nothing: it is for Unix.")]
#![cfg(unix)]

mod addr;
mod datagram;
mod listener;
mod os;
mod rights;
mod stream;

pub use crate::datagram::UnixDatagram;
pub use crate::listener::UnixListener;
pub use crate::os::Credentials;
pub use crate::rights::{MAX_FDS, Received};
pub use crate::stream::UnixStream;

/// What is made of bytes that the kernel reports, for `cargo xtask fuzz`.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    use std::os::fd::RawFd;
    use std::os::unix::net::{SocketAddr, UnixStream};

    use socket2::{SockAddr, SockAddrStorage};

    use crate::{addr, rights};

    pub fn sent_descriptors(control: &[u8]) -> Vec<RawFd> {
        rights::fuzzing::sent_descriptors(control)
    }

    pub fn address(bytes: &[u8]) -> SocketAddr {
        let mut storage = SockAddrStorage::zeroed();
        // SAFETY: any bytes are a `sockaddr_un`.
        let system = unsafe { storage.view_as::<[u8; size_of::<libc::sockaddr_un>()]>() };
        system[..bytes.len()].copy_from_slice(bytes);
        // SAFETY: the storage has room for the address, and any bytes may be one.
        let address = unsafe { SockAddr::new(storage, bytes.len() as libc::socklen_t) };
        addr::of_peer(&address, &UnixStream::pair().expect("a pair").0)
    }

    pub fn round_trip(address: &SocketAddr) -> SocketAddr {
        let stream = UnixStream::pair().expect("a pair").0;
        addr::of_peer(&addr::to_system(address), &stream)
    }
}
