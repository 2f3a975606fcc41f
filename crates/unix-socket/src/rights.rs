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

    let collected = collect(&message, fds);
    Ok(Received {
        len,
        truncated: message.msg_flags & libc::MSG_TRUNC != 0,
        fds_lost: message.msg_flags & libc::MSG_CTRUNC != 0 || collected.is_err(),
    })
}

/// Takes the descriptors out of the control messages that the kernel has written: those that the peer
/// sent are appended to `fds`, those that the kernel adds on its own are closed.
///
/// Fails if one could not be made close-on-exec, which closes that one.
fn collect(message: &libc::msghdr, fds: &mut Vec<OwnedFd>) -> io::Result<()> {
    let mut result = Ok(());
    each_fd(message, |fd, sent| {
        // SAFETY: the kernel has just made the descriptor for us, and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        if sent {
            match os::close_on_exec(fd.as_fd()) {
                Ok(()) => fds.push(fd),
                error => result = error,
            }
        }
    });
    result
}

/// Finds the descriptors in control messages: `take` gets each with whether the peer sent it, or the
/// kernel added it.
///
/// The bytes of other messages are left alone: they are no descriptors on any system we know, and
/// closing a number that is none would hit another owner's descriptor.
#[allow(
    clippy::unnecessary_cast,
    reason = "the lengths have another type on other systems"
)]
fn each_fd(message: &libc::msghdr, mut take: impl FnMut(RawFd, bool)) {
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
            let claimed = (fields.cmsg_len as usize).saturating_sub(length(0));
            // Some systems leave the length of a truncated message as it was.
            let written = claimed.min(end.saturating_sub(data.addr()));
            for at in 0..written / FD_LEN {
                // SAFETY: it is among the bytes that the kernel has written.
                let place = unsafe { data.add(at) };
                // SAFETY: as above; it need not be aligned.
                let fd = unsafe { place.read_unaligned() };
                // An error number, where the kernel had no descriptor to add.
                if fd >= 0 {
                    take(fd, sent);
                }
            }
        }
        // SAFETY: `header` is one of the message's.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
}

#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    use super::*;

    /// Returns the descriptors that the peer sent in control messages of these bytes, for `cargo xtask fuzz`.
    pub(crate) fn sent_descriptors(bytes: &[u8]) -> Vec<RawFd> {
        let mut aligned = vec![0_usize; bytes.len().div_ceil(size_of::<usize>())];
        let start: *mut u8 = aligned.as_mut_ptr().cast();
        // SAFETY: there is room for the bytes, any of which are numbers.
        unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        // SAFETY: all zeroes is a message without anything.
        let mut message: libc::msghdr = unsafe { mem::zeroed() };
        message.msg_control = start.cast();
        message.msg_controllen = bytes.len() as _;
        let mut fds = Vec::new();
        each_fd(&message, |fd, sent| fds.extend(sent.then_some(fd)));
        fds
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::IntoRawFd;

    use super::*;

    const ROOM: usize = 256;

    /// Control messages as a kernel writes them, one after the other.
    struct Written {
        control: Control<ROOM>,
        len: usize,
    }

    impl Written {
        fn new() -> Written {
            Written {
                control: Control {
                    bytes: [const { MaybeUninit::zeroed() }; ROOM],
                },
                len: 0,
            }
        }

        fn message(&mut self) -> libc::msghdr {
            // SAFETY: all zeroes is a message without anything.
            let mut message: libc::msghdr = unsafe { mem::zeroed() };
            message.msg_control = (&raw mut self.control).cast();
            message.msg_controllen = self.len as _;
            message
        }

        /// Adds a message that claims to hold `claimed` numbers.
        fn add(&mut self, level: c_int, kind: c_int, numbers: &[RawFd], claimed: usize) {
            let at = self.len;
            self.len += space(size_of_val(numbers));
            assert!(self.len <= ROOM);
            let start: *mut u8 = (&raw mut self.control).cast();
            // SAFETY: the message fits, as asserted.
            let header: *mut libc::cmsghdr = unsafe { start.add(at) }.cast();
            // SAFETY: all zeroes is a header.
            let mut fields: libc::cmsghdr = unsafe { mem::zeroed() };
            fields.cmsg_level = level;
            fields.cmsg_type = kind;
            fields.cmsg_len = length(claimed * FD_LEN) as _;
            // SAFETY: `space` keeps headers aligned, and this one fits.
            unsafe { header.write(fields) };
            // SAFETY: the data follow the header.
            let data = unsafe { libc::CMSG_DATA(header) };
            // SAFETY: there is room for the numbers, and they do not overlap.
            unsafe { data.copy_from_nonoverlapping(numbers.as_ptr().cast(), size_of_val(numbers)) };
        }

        fn collect(mut self) -> Vec<RawFd> {
            let mut fds = Vec::new();
            collect(&self.message(), &mut fds).unwrap();
            fds.into_iter().map(IntoRawFd::into_raw_fd).collect()
        }
    }

    /// A descriptor that nobody owns.
    fn raw() -> RawFd {
        File::open("/dev/null").unwrap().into_raw_fd()
    }

    #[test]
    fn only_descriptors_that_the_peer_sent_are_handed_out() {
        let (one, two, kept) = (raw(), raw(), raw());
        let mut written = Written::new();
        // Numbers that are no descriptors, or of another protocol.
        written.add(libc::SOL_SOCKET, 0x7777, &[kept], 1);
        written.add(libc::IPPROTO_IP, libc::SCM_RIGHTS, &[kept], 1);
        written.add(libc::SOL_SOCKET, libc::SCM_RIGHTS, &[one, two], 2);
        assert_eq!(written.collect(), [one, two]);
        for fd in [one, two, kept] {
            // SAFETY: nobody owns it.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            fd.try_clone().expect("it is still open");
        }
    }

    #[test]
    fn a_truncated_message_hands_out_what_is_there() {
        let one = raw();
        let mut written = Written::new();
        // Some systems leave the length as it was.
        written.add(libc::SOL_SOCKET, libc::SCM_RIGHTS, &[one], 3);
        written.len = length(FD_LEN);
        assert_eq!(written.collect(), [one]);
        // SAFETY: nobody owns it.
        drop(unsafe { OwnedFd::from_raw_fd(one) });

        // Cut off behind the header, or inside a number.
        for len in [length(0), length(0) + 2] {
            let mut written = Written::new();
            written.add(libc::SOL_SOCKET, libc::SCM_RIGHTS, &[-1], 1);
            written.len = len;
            assert_eq!(written.collect(), []);
        }
    }
}
