//! Apple's systems: descriptors are made close-on-exec after they came, and a socket is told once
//! not to raise a signal.

use std::ffi::c_int;
use std::io;
use std::os::fd::BorrowedFd;

use socket2::SockRef;

pub(crate) const RECV_FLAGS: c_int = 0;

pub(crate) const SEND_FLAGS: c_int = 0;

/// Sets the flag; a program that is executed by another thread in the moment before inherits the
/// descriptor.
pub(crate) fn close_on_exec(fd: BorrowedFd<'_>) -> io::Result<()> {
    SockRef::from(&fd).set_cloexec(true)
}
