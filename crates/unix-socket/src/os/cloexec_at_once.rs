//! Systems that receive descriptors as close-on-exec, and send without a signal, by flags.

use std::ffi::c_int;
use std::io;
use std::os::fd::BorrowedFd;

pub(crate) const RECV_FLAGS: c_int = libc::MSG_CMSG_CLOEXEC;

pub(crate) const SEND_FLAGS: c_int = libc::MSG_NOSIGNAL;

/// Does nothing: the flag is set already.
pub(crate) fn close_on_exec(_fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(())
}
