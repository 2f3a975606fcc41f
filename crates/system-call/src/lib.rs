// Elsewhere there is nothing, so that the README has no tests there either.
#![cfg_attr(unix, doc = include_str!("../README.md"))]
#![cfg_attr(not(unix), doc = "Nothing: it is for Unix.")]
#![cfg(unix)]

use std::ffi::{c_int, c_void};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd};

cfg_if::cfg_if! {
    if #[cfg(all(
        any(target_os = "linux", target_os = "android"),
        any(target_arch = "x86_64", target_arch = "aarch64"),
        target_pointer_width = "64",
        not(miri),
        not(feature = "use-libc"),
        not(readywire_bsd_kernel),
    ))] {
        mod in_place;
        use in_place::call;
    } else {
        mod library;
        use library::call;
    }
}

mod pipe;
pub use self::pipe::pipe;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
#[cfg(target_os = "linux")]
pub use self::epoll::{Timespec, epoll_pwait2};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use self::epoll::{epoll_ctl, epoll_wait};

/// Receives into `buf` with `flags` (`recv(2)`), and returns how many bytes; with `MSG_TRUNC` Linux returns the
/// length of the whole message.
///
/// # Errors
/// Any error from `recv(2)`.
///
/// # Examples
/// See the [crate].
#[inline(always)]
pub fn recv(socket: BorrowedFd<'_>, buf: &mut [u8], flags: c_int) -> io::Result<usize> {
    let address = std::ptr::null_mut::<libc::sockaddr>();
    let len = std::ptr::null_mut::<libc::socklen_t>();
    // SAFETY: `buf` is ours to write for its length, and the call only ever writes bytes; no
    // address is asked for.
    unsafe {
        call!(
            recvfrom = SYS_recvfrom,
            socket.as_raw_fd(),
            buf.as_mut_ptr().cast::<c_void>(),
            buf.len(),
            flags,
            address,
            len
        )
    }
}

/// Sends `buf` with `flags` (`send(2)`), and returns how many bytes. With `MSG_ZEROCOPY` the kernel reads `buf`
/// later.
///
/// # Errors
/// Any error from `send(2)`. A connection that is over also raises SIGPIPE unless `flags` contain `MSG_NOSIGNAL` or
/// the socket has `SO_NOSIGPIPE`.
///
/// # Examples
/// See the [crate].
#[inline(always)]
pub fn send(socket: BorrowedFd<'_>, buf: &[u8], flags: c_int) -> io::Result<usize> {
    let address = std::ptr::null::<libc::sockaddr>();
    // SAFETY: `buf` can be read for its length; there is no address.
    unsafe {
        call!(
            sendto = SYS_sendto,
            socket.as_raw_fd(),
            buf.as_ptr().cast::<c_void>(),
            buf.len(),
            flags,
            address,
            0
        )
    }
}

/// Reads into several buffers, each filled before the next is touched (`readv(2)`); returns how many
/// bytes.
///
/// # Errors
/// Any error from `readv(2)`, such as `InvalidInput` for too many buffers.
///
/// # Examples
/// ```
/// use std::io::IoSliceMut;
/// use std::os::fd::AsFd;
///
/// let (reader, writer) = system_call::pipe()?;
/// system_call::write(writer.as_fd(), b"headbody")?;
/// let (mut head, mut body) = ([0; 4], [0; 8]);
/// let mut bufs = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
/// assert_eq!(system_call::readv(reader.as_fd(), &mut bufs)?, 8);
/// assert_eq!((&head, &body[..4]), (b"head", &b"body"[..]));
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline(always)]
pub fn readv(fd: BorrowedFd<'_>, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let count = c_int::try_from(bufs.len()).unwrap_or(c_int::MAX);
    // SAFETY: `IoSliceMut` is an `iovec`; each names memory that is ours to write, and the call only
    // ever writes bytes.
    unsafe {
        call!(
            readv = SYS_readv,
            fd.as_raw_fd(),
            bufs.as_mut_ptr().cast::<libc::iovec>(),
            count
        )
    }
}

/// Sends from several buffers with `flags` (`sendmsg(2)`), and returns how many bytes.
///
/// # Errors
/// Any error from `sendmsg(2)`, such as `EMSGSIZE` for too many buffers. A connection that is over also raises
/// SIGPIPE unless `flags` contain `MSG_NOSIGNAL` or the socket has `SO_NOSIGPIPE`.
///
/// # Examples
/// ```
/// use std::io::IoSlice;
/// use std::os::fd::AsFd;
/// use std::os::unix::net::UnixStream;
///
/// let (one, _other) = UnixStream::pair()?;
/// let bufs = [IoSlice::new(b"head"), IoSlice::new(b"body")];
/// assert_eq!(system_call::send_vectored(one.as_fd(), &bufs, 0)?, 8);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "sendmsg")]
#[inline(always)]
pub fn send_vectored(
    socket: BorrowedFd<'_>,
    bufs: &[IoSlice<'_>],
    flags: c_int,
) -> io::Result<usize> {
    // SAFETY: all its fields are numbers and pointers, for which zero is a value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // `IoSlice` is an `iovec`, which the call only reads.
    message.msg_iov = bufs.as_ptr().cast_mut().cast();
    // A number that the field cannot hold is too many buffers anyway.
    #[allow(
        clippy::useless_conversion,
        reason = "some systems count by this type, others by a narrower one"
    )]
    let count = bufs.len().try_into().unwrap_or(c_int::MAX as _);
    message.msg_iovlen = count;
    // SAFETY: the message is whole and outlives the call, and so do the buffers it names.
    unsafe {
        call!(
            sendmsg = SYS_sendmsg,
            socket.as_raw_fd(),
            &raw const message,
            flags
        )
    }
}

/// Writes `buf` (`write(2)`); returns how many bytes.
///
/// # Errors
/// Any error from `write(2)`.
///
/// # Examples
/// ```
/// use std::os::fd::AsFd;
///
/// let (_reader, writer) = system_call::pipe()?;
/// assert_eq!(system_call::write(writer.as_fd(), b"hello")?, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline(always)]
pub fn write(fd: BorrowedFd<'_>, buf: &[u8]) -> io::Result<usize> {
    let pointer = buf.as_ptr().cast::<c_void>();
    // SAFETY: `buf` can be read for its length.
    unsafe { call!(write = SYS_write, fd.as_raw_fd(), pointer, buf.len()) }
}
