//! Descriptors that travel with data (`SCM_RIGHTS`).

use std::ffi::c_int;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::os;

/// The most descriptors that one call sends: Linux's limit (`SCM_MAX_FD`), and the lowest of all.
#[doc(alias = "SCM_MAX_FD")]
pub const MAX_FDS: usize = 253;

/// What was received together with descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "descriptors may be missing"]
#[non_exhaustive]
pub struct Received {
    /// How many bytes of the buffers were filled; 0 from a stream is its end.
    pub len: usize,
    /// The datagram was longer than the buffers; the rest is lost. Never of a stream.
    pub truncated: bool,
    /// The peer sent descriptors that could not be received: mostly there was no room for them in
    /// this process (`RLIMIT_NOFILE`). They are closed, as far as this process is concerned.
    pub fds_lost: bool,
}

impl Received {
    pub(crate) const NOTHING: Received = Received {
        len: 0,
        truncated: false,
        fds_lost: false,
    };
}

/// Room for control messages, aligned as they need it.
#[repr(C)]
union Control<const LEN: usize> {
    header: libc::cmsghdr,
    bytes: [MaybeUninit<u8>; LEN],
}

/// Enough to send [`MAX_FDS`].
const SEND_LEN: usize = 1040;

/// Enough for as many as any system sends at once, and for what else may come with them.
const RECV_LEN: usize = 4096;

const FD_LEN: usize = size_of::<RawFd>();

/// What a control message takes that holds so many bytes, with what aligns the next one.
const fn space(len: usize) -> usize {
    // SAFETY: computes with a number.
    unsafe { libc::CMSG_SPACE(len as u32) as usize }
}

/// The length of a control message that holds so many bytes.
const fn length(len: usize) -> usize {
    // SAFETY: computes with a number.
    unsafe { libc::CMSG_LEN(len as u32) as usize }
}

const _: () = assert!(space(MAX_FDS * FD_LEN) <= SEND_LEN);

/// Sends data and descriptors. At most [`MAX_FDS`], and not none.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    bufs: &[IoSlice<'_>],
    fds: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    if fds.len() > MAX_FDS {
        let error = format!("{} descriptors are more than {MAX_FDS}", fds.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    // macOS refuses a message without any buffer, and qemu neither sends nor receives it.
    let empty = [IoSlice::new(&[])];
    let bufs = match socket_calls::skip_empty(bufs) {
        [] => &empty,
        bufs => bufs,
    };
    let len = fds.len() * FD_LEN;
    let mut control = Control::<SEND_LEN> {
        bytes: [const { MaybeUninit::zeroed() }; SEND_LEN],
    };
    // SAFETY: all zeroes is a message without anything. Some systems have padding fields without a
    // name, so that it cannot be written out.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = bufs.as_ptr().cast_mut().cast();
    message.msg_iovlen = bufs.len() as _;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = space(len) as _;
    // SAFETY: the message has control data, which `message` points to.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    // SAFETY: as with the message.
    let mut fields: libc::cmsghdr = unsafe { mem::zeroed() };
    fields.cmsg_level = libc::SOL_SOCKET;
    fields.cmsg_type = libc::SCM_RIGHTS;
    fields.cmsg_len = length(len) as _;
    // SAFETY: `header` is the start of `control`, which has room for it and is aligned for it.
    unsafe { header.write(fields) };
    // SAFETY: the data of the message follow its header, inside `control`.
    let data: *mut RawFd = unsafe { libc::CMSG_DATA(header) }.cast();
    for (at, fd) in fds.iter().enumerate() {
        // SAFETY: there is room for `MAX_FDS`, and `fds` has no more.
        let place = unsafe { data.add(at) };
        // SAFETY: as above; it need not be aligned.
        unsafe { place.write_unaligned(fd.as_raw_fd()) };
    }
    // SAFETY: `message` points to buffers that the caller borrows and to control data of ours; both
    // outlive the call, which only reads them. Both began as zeroes, padding included.
    let sent = unsafe { os::sendmsg(socket.as_raw_fd(), &raw const message, os::SEND_FLAGS) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Receives data, and appends the descriptors that came with them.
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    bufs: &mut [IoSliceMut<'_>],
    fds: &mut Vec<OwnedFd>,
) -> io::Result<Received> {
    // As in `send`.
    let mut empty = [IoSliceMut::new(&mut [])];
    let bufs = if bufs.is_empty() { &mut empty } else { bufs };
    let mut control = Control::<RECV_LEN> {
        bytes: [const { MaybeUninit::uninit() }; RECV_LEN],
    };
    // SAFETY: as in `send`.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = bufs.as_mut_ptr().cast();
    message.msg_iovlen = bufs.len() as _;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = RECV_LEN as _;
    // SAFETY: `message` points to buffers that the caller borrows mutably and to control data of
    // ours, and says how long they are; both outlive the call.
    let len = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, os::RECV_FLAGS) };
    let len = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;

    let first = fds.len();
    collect(&message, fds);
    for fd in &fds[first..] {
        os::close_on_exec(fd.as_fd())?;
    }
    Ok(Received {
        len,
        truncated: message.msg_flags & libc::MSG_TRUNC != 0,
        fds_lost: message.msg_flags & libc::MSG_CTRUNC != 0,
    })
}

/// Takes the descriptors out of the control messages that the kernel has written: those that the peer
/// sent are appended to `fds`, those that the kernel adds on its own are closed.
///
/// The bytes of other messages are left alone: they are no descriptors on any system we know, and
/// closing a number that is none would hit another owner's descriptor.
#[allow(
    clippy::unnecessary_cast,
    reason = "the lengths have another type on other systems"
)]
fn collect(message: &libc::msghdr, fds: &mut Vec<OwnedFd>) {
    let end = message.msg_control.addr() + message.msg_controllen as usize;
    // SAFETY: the system has written as many bytes of messages as it says.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: a header that is not null is whole, and aligned.
        let fields = unsafe { header.read() };
        let sent = fields.cmsg_type == libc::SCM_RIGHTS;
        let added = os::ADDED_FD == Some(fields.cmsg_type);
        if fields.cmsg_level == libc::SOL_SOCKET && (sent || added) {
            // SAFETY: the data of a message follow its header.
            let data: *const c_int = unsafe { libc::CMSG_DATA(header) }.cast_const().cast();
            // Some systems leave the length of a truncated message as it was.
            let written =
                (fields.cmsg_len as usize - length(0)).min(end.saturating_sub(data.addr()));
            for at in 0..written / FD_LEN {
                // SAFETY: it is among the bytes that the kernel has written.
                let place = unsafe { data.add(at) };
                // SAFETY: as above; it need not be aligned.
                let fd = unsafe { place.read_unaligned() };
                // An error number, where the kernel had no descriptor to add.
                if fd < 0 {
                    continue;
                }
                // SAFETY: the kernel has just made the descriptor for us, and nobody else knows it.
                let fd = unsafe { OwnedFd::from_raw_fd(fd) };
                if sent {
                    fds.push(fd);
                }
            }
        }
        // SAFETY: `header` is one of the message's.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
}
