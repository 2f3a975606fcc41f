//! musl on 64 bits: its `sendmmsg(3)` makes one system call for each datagram, because the lengths in its
//! messages are shorter than the kernel's.

use std::ffi::{c_int, c_long, c_uint};

/// Sends all messages in one system call, made by number; the arguments are those of `libc::sendmmsg`.
///
/// # Safety
/// The conditions of `libc::sendmmsg` hold. The padding in the messages must be zero: the kernel's lengths cover it.
pub(crate) unsafe fn sendmmsg(
    socket: c_int,
    messages: *mut libc::mmsghdr,
    count: c_uint,
    flags: c_uint,
) -> c_long {
    // SAFETY: the caller guarantees that the messages are valid.
    unsafe { libc::syscall(libc::SYS_sendmmsg, socket, messages, count, flags) }
}
