//! musl on 64 bits: its `sendmsg(2)` copies control data first and, as of version 1.2.3, refuses
//! more than 1,024 bytes of them with `ENOMEM`, which is fewer descriptors than the system takes.

use std::ffi::{c_int, c_long};

/// Does as `libc::sendmsg`, and what the message points to goes to the system as it is.
///
/// # Safety
/// As with `libc::sendmsg`. The padding in the message and in the headers of its control data must
/// be zero: the system's lengths stretch over it.
pub(crate) unsafe fn sendmsg(socket: c_int, message: *const libc::msghdr, flags: c_int) -> c_long {
    // SAFETY: the caller vouches for the message.
    unsafe { libc::syscall(libc::SYS_sendmsg, socket, message, flags) }
}
