//! musl on 64 bits: its `sendmsg(2)` copies control data first and, as of version 1.2.3, refuses
//! more than 1,024 bytes of them with `ENOMEM`, which is fewer descriptors than the system takes.

use std::ffi::{c_int, c_long};

/// Sends a message (`sendmsg(2)`), and passes what it points to on to the kernel unchanged.
///
/// # Safety
/// The conditions of `libc::sendmsg` hold. The padding in the message and in the headers of its control data must be
/// zero: the kernel's lengths cover it.
pub(crate) unsafe fn sendmsg(socket: c_int, message: *const libc::msghdr, flags: c_int) -> c_long {
    // SAFETY: the caller guarantees that the message is valid.
    unsafe { libc::syscall(libc::SYS_sendmsg, socket, message, flags) }
}
