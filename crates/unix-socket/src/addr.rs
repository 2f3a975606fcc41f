//! Addresses, between the standard library's and the system's.
//!
//! What a caller passes is checked; what the kernel reports is taken as it is.

use std::ffi::{OsStr, c_char};
use std::io;
use std::mem::offset_of;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::slice;

use socket2::{SockAddr, SockAddrStorage};

use crate::os;

/// The system's form of an address, also of a path that leaves no room for a NUL.
pub(crate) fn to_system(address: &SocketAddr) -> SockAddr {
    let (start, name, end) = match (address.as_pathname(), os::abstract_name(address)) {
        (Some(path), _) => (0, path.as_os_str().as_bytes(), 1),
        (None, Some(name)) => (1, name, 0),
        (None, None) => (0, &[][..], 0),
    };
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: any bytes are a `sockaddr_un`.
    let system = unsafe { storage.view_as::<libc::sockaddr_un>() };
    system.sun_family = libc::AF_UNIX as libc::sa_family_t;
    for (to, from) in system.sun_path[start..].iter_mut().zip(name) {
        *to = *from as c_char;
    }
    let len = offset_of!(libc::sockaddr_un, sun_path) + start + name.len() + end;
    let len = len.min(size_of::<libc::sockaddr_un>()) as libc::socklen_t;
    // SAFETY: the storage holds a Unix address, and `len` bytes of it are written or zero.
    unsafe { SockAddr::new(storage, len) }
}

/// The system's form of a path.
pub(crate) fn of_path(path: &Path) -> io::Result<SockAddr> {
    // The standard library refuses a path that is too long or has a NUL inside.
    SocketAddr::from_pathname(path).map(|address| to_system(&address))
}

/// The standard library's form of the address that `accept` reported with `stream`.
pub(crate) fn of_peer(address: &SockAddr, stream: &UnixStream) -> SocketAddr {
    match (pathname(address), address.as_abstract_namespace()) {
        (Some(path), _) => SocketAddr::from_pathname(path),
        (None, Some(name)) => os::from_abstract_name(name),
        (None, None) => return unnamed(),
    }
    // A path that leaves no room for a NUL. Only the standard library's own calls make an address of it.
    .or_else(|_| stream.peer_addr().map(without_padding))
    .unwrap_or_else(|_| unnamed())
}

/// The path of an address. Some systems report it without a NUL behind it: `SockAddr::as_pathname` would
/// take its last byte for that.
fn pathname(address: &SockAddr) -> Option<&Path> {
    if address.family() != libc::AF_UNIX as libc::sa_family_t {
        return None;
    }
    let len = size_of::<libc::sockaddr_un>().min(address.len() as usize);
    // SAFETY: the storage has room for any address, and was zero before the system wrote to it.
    let bytes = unsafe { slice::from_raw_parts(address.as_ptr().cast::<u8>(), len) };
    let name = bytes.get(offset_of!(libc::sockaddr_un, sun_path)..)?;
    let path = until_nul(Path::new(OsStr::from_bytes(name)));
    (!path.as_os_str().is_empty()).then_some(path)
}

/// Removes the NULs that Apple's systems fill the path of an address with.
pub(crate) fn without_padding(address: SocketAddr) -> SocketAddr {
    match address.as_pathname() {
        Some(path) if until_nul(path) != path => {
            SocketAddr::from_pathname(until_nul(path)).unwrap_or(address)
        }
        _ => address,
    }
}

fn until_nul(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().position(|byte| *byte == 0);
    Path::new(OsStr::from_bytes(&bytes[..end.unwrap_or(bytes.len())]))
}

fn unnamed() -> SocketAddr {
    SocketAddr::from_pathname("").expect("the empty path has no NUL and fits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_ends_a_path() {
        let stream = UnixStream::pair().unwrap().0;
        // As Apple's systems report a peer: the length is that of the whole structure.
        let short = to_system(&SocketAddr::from_pathname("/a/path").unwrap());
        // SAFETY: the storage is zero behind the address.
        let padded =
            unsafe { SockAddr::new(short.as_storage(), size_of::<libc::sockaddr_un>() as _) };
        assert_eq!(
            of_peer(&padded, &stream).as_pathname(),
            Some(Path::new("/a/path"))
        );
        assert_eq!(until_nul(Path::new("/a\0\0")), Path::new("/a"));
        assert_eq!(until_nul(Path::new("/a")), Path::new("/a"));
    }

    #[test]
    fn a_path_that_is_reported_without_a_nul_is_whole() {
        let stream = UnixStream::pair().unwrap().0;
        let address = to_system(&SocketAddr::from_pathname("/a/path").unwrap());
        let len = address.len() - 1;
        // As BSDs report a peer that was bound to a path without a NUL.
        // SAFETY: the storage holds the address, and more.
        let address = unsafe { SockAddr::new(address.as_storage(), len) };
        assert_eq!(
            of_peer(&address, &stream).as_pathname(),
            Some(Path::new("/a/path"))
        );
    }

    #[test]
    fn an_address_without_a_length_or_of_another_family_has_no_name() {
        let stream = UnixStream::pair().unwrap().0;
        // SAFETY: an address of no bytes.
        let none = unsafe { SockAddr::new(SockAddrStorage::zeroed(), 0) };
        assert!(of_peer(&none, &stream).is_unnamed());
        let other = SockAddr::from(std::net::SocketAddr::from(([127, 0, 0, 1], 80)));
        assert!(of_peer(&other, &stream).is_unnamed());
    }
}
