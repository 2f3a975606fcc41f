//! Who the peer is.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The user, the group and, where the system reports it, the process of a peer, as they were when that
/// process connected or began to listen: see [`UnixStream::peer_credentials`](crate::UnixStream::peer_credentials).
///
/// # Examples
/// See [`UnixStream::peer_credentials`](crate::UnixStream::peer_credentials).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The effective user.
    pub uid: libc::uid_t,
    /// The effective group.
    pub gid: libc::gid_t,
    /// The process. It may have ended since, and another may have its number.
    pub pid: Option<libc::pid_t>,
}

/// Turns -1 into the error that `errno` holds.
fn check(result: std::ffi::c_int) -> io::Result<()> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

cfg_if::cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))] {
        pub(crate) fn of_peer(socket: BorrowedFd<'_>) -> io::Result<Credentials> {
            let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
            let mut len = size_of::<libc::ucred>() as libc::socklen_t;
            let value = (&raw mut peer).cast();
            let (level, name) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
            // SAFETY: `value` points to as many bytes as `len` says, any of which is valid there.
            check(unsafe {
                libc::getsockopt(socket.as_raw_fd(), level, name, value, &raw mut len)
            })?;
            // These are the values of a socket without a peer.
            if peer.pid == 0 && peer.uid == libc::uid_t::MAX {
                return Err(io::ErrorKind::NotConnected.into());
            }
            Ok(Credentials {
                uid: peer.uid,
                gid: peer.gid,
                // Zero is a process that cannot be seen from this one's namespace.
                pid: (peer.pid != 0).then_some(peer.pid),
            })
        }
    } else if #[cfg(target_os = "illumos")] {
        pub(crate) fn of_peer(socket: BorrowedFd<'_>) -> io::Result<Credentials> {
            let mut peer = std::ptr::null_mut();
            // SAFETY: makes a new record, and writes where it is into `peer`.
            check(unsafe { libc::getpeerucred(socket.as_raw_fd(), &raw mut peer) })?;
            // SAFETY: the record is whole, and freed below.
            let uid = unsafe { libc::ucred_geteuid(peer) };
            // SAFETY: as above.
            let gid = unsafe { libc::ucred_getegid(peer) };
            // SAFETY: as above.
            let pid = unsafe { libc::ucred_getpid(peer) };
            // SAFETY: it was made above, and nobody has it any more.
            unsafe { libc::ucred_free(peer) };
            Ok(Credentials {
                uid,
                gid,
                pid: (pid != -1).then_some(pid),
            })
        }
    } else {
        pub(crate) fn of_peer(socket: BorrowedFd<'_>) -> io::Result<Credentials> {
            let (mut uid, mut gid) = (0, 0);
            // SAFETY: writes two numbers to where there is room for them.
            check(unsafe {
                libc::getpeereid(socket.as_raw_fd(), &raw mut uid, &raw mut gid)
            })?;
            Ok(Credentials {
                uid,
                gid,
                pid: process(socket)?,
            })
        }
    }
}

cfg_if::cfg_if! {
    if #[cfg(target_vendor = "apple")] {
        fn process(socket: BorrowedFd<'_>) -> io::Result<Option<libc::pid_t>> {
            let mut pid: libc::pid_t = 0;
            let mut len = size_of::<libc::pid_t>() as libc::socklen_t;
            let value = (&raw mut pid).cast();
            let (level, name) = (libc::SOL_LOCAL, libc::LOCAL_PEERPID);
            // SAFETY: `value` points to as many bytes as `len` says, any of which is valid there.
            check(unsafe {
                libc::getsockopt(socket.as_raw_fd(), level, name, value, &raw mut len)
            })?;
            Ok(Some(pid))
        }
    } else if #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "illumos",
        target_os = "fuchsia",
    )))] {
        /// It takes calls that differ on each of these systems, and is not told here.
        fn process(_socket: BorrowedFd<'_>) -> io::Result<Option<libc::pid_t>> {
            Ok(None)
        }
    }
}
