// Elsewhere there is nothing, so that the README has no tests there either.
#![cfg_attr(unix, doc = include_str!("../README.md"))]
#![cfg_attr(not(unix), doc = "Nothing: it is for Unix.")]
#![cfg(unix)]

use std::ffi::{c_int, c_void};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

cfg_if::cfg_if! {
    if #[cfg(all(
        any(target_os = "linux", target_os = "android"),
        any(target_arch = "x86_64", target_arch = "aarch64"),
        target_pointer_width = "64",
        not(miri),
        not(readywire_libc),
        not(readywire_bsd_kernel),
    ))] {
        mod in_place;
        use in_place::{call, epoll_wait_raw};
    } else {
        mod library;
        use library::call;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        use library::epoll_wait_raw;
    }
}

mod pipe;
pub use self::pipe::pipe;

cfg_if::cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android"))] {
        mod epoll;
        pub use self::epoll::{epoll_ctl, epoll_wait};
        #[cfg(target_os = "linux")]
        pub use self::epoll::{Timespec, epoll_pwait2};
    }
}

/// Makes a socket (`socket(2)`).
///
/// # Errors
/// What the system says.
///
/// # Examples
/// ```
/// let socket = system_call::socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
/// assert!(std::net::UdpSocket::from(socket).ttl()? > 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline(always)]
pub fn socket(domain: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers, touches no memory of ours.
    let socket = unsafe { call!(socket = SYS_socket, domain, kind, protocol) }?;
    // SAFETY: the descriptor has just been made and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(socket as c_int) })
}

/// Connects a socket to an address in the system's own form, or begins to (`connect(2)`).
///
/// # Errors
/// What the system says, also that the attempt goes on by itself.
///
/// # Examples
/// ```
/// # #[cfg(target_os = "linux")] {
/// use std::os::fd::AsFd;
///
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// socket.connect(socket.local_addr()?)?;
/// // An address of no family undoes that.
/// system_call::connect(socket.as_fd(), &[0; 16])?;
/// assert!(socket.peer_addr().is_err());
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline(always)]
pub fn connect(socket: BorrowedFd<'_>, address: &[u8]) -> io::Result<()> {
    let len = libc::socklen_t::try_from(address.len()).unwrap_or(libc::socklen_t::MAX);
    let address = address.as_ptr().cast::<libc::sockaddr>();
    // SAFETY: `address` can be read for `len` bytes.
    unsafe { call!(connect = SYS_connect, socket.as_raw_fd(), address, len) }?;
    Ok(())
}

/// Receives into `buf`, as `flags` say (`recv(2)`); returns how many bytes: with `MSG_TRUNC` Linux
/// returns how many there were.
///
/// # Errors
/// What the system says.
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

/// Sends `buf`, as `flags` say (`send(2)`); returns how many bytes. With `MSG_ZEROCOPY` the system reads
/// what stands in `buf` later.
///
/// # Errors
/// What the system says. A connection that is over raises SIGPIPE beside unless `flags` have
/// `MSG_NOSIGNAL`, or the socket has `SO_NOSIGPIPE`.
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
/// What the system says, also that there are too many buffers.
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

/// Sends from several buffers, as `flags` say (`sendmsg(2)`); returns how many bytes.
///
/// # Errors
/// What the system says, also that there are too many buffers; of SIGPIPE, as with [`send`].
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
    // What the system's type cannot count is too many anyway.
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
/// What the system says.
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

/// Reads an option of a socket into `value` (`getsockopt(2)`); returns how much of it the system
/// filled.
///
/// # Safety
/// The option must be one of which the system keeps no pointer into the caller's memory, that changes
/// none of it beside `value`, and whose length counts bytes (that of `SO_GET_FILTER` does not).
///
/// # Errors
/// What the system says.
///
/// # Examples
/// ```
/// use std::os::fd::AsFd;
///
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// let (fd, mut value) = (socket.as_fd(), [0; 4]);
/// // SAFETY: the kind of a socket is an `int`.
/// let len = unsafe { system_call::getsockopt(fd, libc::SOL_SOCKET, libc::SO_TYPE, &mut value) }?;
/// assert_eq!((len, i32::from_ne_bytes(value)), (4, libc::SOCK_DGRAM));
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline(always)]
pub unsafe fn getsockopt(
    socket: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: &mut [u8],
) -> io::Result<usize> {
    let mut len = libc::socklen_t::try_from(value.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: `value` is ours to write for `len` bytes, and the call only ever writes bytes; that it
    // touches nothing else the caller vouches for.
    unsafe {
        call!(
            getsockopt = SYS_getsockopt,
            socket.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast::<c_void>(),
            &raw mut len
        )
    }?;
    // Some systems return the length that they would have liked to write.
    Ok(value.len().min(len as usize))
}

/// Sets an option of a socket to `value` (`setsockopt(2)`).
///
/// # Safety
/// The option must be one whose value has no pointers in it.
///
/// # Errors
/// What the system says.
///
/// # Examples
/// ```
/// use std::os::fd::AsFd;
///
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// let (fd, on) = (socket.as_fd(), 1_i32.to_ne_bytes());
/// // SAFETY: whether a socket may broadcast is an `int`.
/// unsafe { system_call::setsockopt(fd, libc::SOL_SOCKET, libc::SO_BROADCAST, &on) }?;
/// assert!(socket.broadcast()?);
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline(always)]
pub unsafe fn setsockopt(
    socket: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: &[u8],
) -> io::Result<()> {
    let len = libc::socklen_t::try_from(value.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: `value` can be read for `len` bytes; that it names no other memory the caller vouches
    // for.
    unsafe {
        call!(
            setsockopt = SYS_setsockopt,
            socket.as_raw_fd(),
            level,
            name,
            value.as_ptr().cast::<c_void>(),
            len
        )
    }?;
    Ok(())
}

cfg_if::cfg_if! {
    if #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
        target_os = "illumos",
        target_os = "fuchsia",
    ))] {
        /// Accepts a connection, as `flags` say (`accept4(2)`).
        ///
        /// On success the address of the other end stands at the front of `address`, and `len`
        /// says how long it is, or would have been.
        ///
        /// # Errors
        /// What the system says.
        ///
        /// # Platform-specific behaviour
        /// Absent where there is no `accept4(2)`: on Apple's systems, for one.
        ///
        /// # Examples
        /// ```
        /// use std::mem::MaybeUninit;
        /// use std::os::fd::AsFd;
        ///
        /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
        /// let mut address = [MaybeUninit::uninit(); 128];
        /// let mut len = 128;
        /// let flags = libc::SOCK_CLOEXEC;
        /// let stream = system_call::accept4(listener.as_fd(), &mut address, &mut len, flags)?;
        /// assert_eq!(std::net::TcpStream::from(stream).local_addr()?, listener.local_addr()?);
        /// # Ok::<(), std::io::Error>(())
        /// ```
        #[inline(always)]
        pub fn accept4(
            listener: BorrowedFd<'_>,
            address: &mut [std::mem::MaybeUninit<u8>],
            len: &mut libc::socklen_t,
            flags: c_int,
        ) -> io::Result<OwnedFd> {
            *len = libc::socklen_t::try_from(address.len()).unwrap_or(libc::socklen_t::MAX);
            // SAFETY: `address` is ours to write for `len` bytes.
            let accepted = unsafe {
                call!(
                    accept4 = SYS_accept4,
                    listener.as_raw_fd(),
                    address.as_mut_ptr().cast::<libc::sockaddr>(),
                    &raw mut *len,
                    flags
                )
            }?;
            // SAFETY: the descriptor has just been made and nobody else knows it.
            Ok(unsafe { OwnedFd::from_raw_fd(accepted as c_int) })
        }
    }
}
