//! Where operating systems differ in what the tests see: one constant for each difference.
//!
//! `--cfg readywire_bsd_kernel` means that a BSD kernel answers the system calls of a Linux program.

/// Whether a port that is bound by a socket that does not listen refuses connections. NetBSD drops
/// their first packet, so that they stay in progress.
pub const BOUND_PORT_REFUSES: bool = !cfg!(any(target_os = "netbsd", readywire_bsd_kernel));

/// Whether poll(2) reports `POLLHUP` of every socket that is closed in both directions. NetBSD reports
/// it of none, and OpenBSD only of sockets that were disconnected.
pub const POLL_REPORTS_SOCKET_HUP: bool = !cfg!(any(
    target_os = "netbsd",
    target_os = "openbsd",
    readywire_bsd_kernel,
));

/// Whether a write to a socket whose connection ended in an error fails with `BrokenPipe`, and leaves
/// the error pending: the BSDs look at the closed end first. Elsewhere the first call takes the
/// error.
pub const WRITE_SEES_END_BEFORE_ERROR: bool = cfg!(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    readywire_bsd_kernel,
));

/// Whether a datagram socket with a peer accepts an address as well. The BSDs fail with `EISCONN`.
pub const CONNECTED_SOCKET_TAKES_ADDRESS: bool = !WRITE_SEES_END_BEFORE_ERROR;

/// Whether receiving without room takes a datagram off the queue, or fails with `WouldBlock` where
/// there is none. The BSDs return 0 at once and leave the queue as it is.
pub const EMPTY_RECEIVE_TAKES_DATAGRAM: bool = !WRITE_SEES_END_BEFORE_ERROR;
