//! `epoll(7)`.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use crate::call;

/// Adds, changes or removes a descriptor of an epoll set (`epoll_ctl(2)`).
///
/// # Safety
/// `fd` must be owned by the caller or borrowed for the call, or not be an open descriptor at all: then the call
/// fails.
///
/// # Errors
/// Any error from `epoll_ctl(2)`, such as `EBADF` if `fd` is not an open descriptor.
///
/// # Examples
/// See [`epoll_wait`].
#[inline(always)]
pub unsafe fn epoll_ctl(
    epoll: BorrowedFd<'_>,
    operation: c_int,
    fd: RawFd,
    event: &mut libc::epoll_event,
) -> io::Result<()> {
    let (epoll, event) = (epoll.as_raw_fd(), &raw mut *event);
    // SAFETY: the structure is initialised and outlives the call; the caller guarantees the descriptor.
    unsafe { call!(epoll_ctl = SYS_epoll_ctl, epoll, operation, fd, event) }?;
    Ok(())
}

/// Waits for events of an epoll set for at most `milliseconds`, or without a limit if that is -1 (`epoll_wait(2)`);
/// returns how many events the kernel wrote to the front of `events`.
///
/// # Errors
/// Any error from `epoll_wait(2)`, such as `Interrupted` after a signal, or `InvalidInput` if `events` is empty.
///
/// # Examples
/// ```
/// # #[cfg(target_os = "linux")] {
/// use std::mem::MaybeUninit;
/// use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
///
/// // SAFETY: makes a descriptor that nobody else knows.
/// let epoll = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
/// let (_reader, writer) = system_call::pipe()?;
/// let mut event = libc::epoll_event { events: libc::EPOLLOUT as u32, u64: 7 };
/// let (set, add) = (epoll.as_fd(), libc::EPOLL_CTL_ADD);
/// // SAFETY: the descriptor is ours.
/// unsafe { system_call::epoll_ctl(set, add, writer.as_raw_fd(), &mut event) }?;
///
/// let mut events = [MaybeUninit::uninit(); 8];
/// assert_eq!(system_call::epoll_wait(set, &mut events, -1)?, 1);
/// // SAFETY: the kernel has written one.
/// let event = unsafe { events[0].assume_init() };
/// assert_eq!({ event.u64 }, 7);
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline(always)]
pub fn epoll_wait(
    epoll: BorrowedFd<'_>,
    events: &mut [MaybeUninit<libc::epoll_event>],
    milliseconds: c_int,
) -> io::Result<usize> {
    let (epoll, room) = (epoll.as_raw_fd(), room(events));
    let events = events.as_mut_ptr().cast::<libc::epoll_event>();
    cfg_if::cfg_if! {
        if #[cfg(all(
            any(target_os = "android", target_arch = "aarch64"),
            target_pointer_width = "64",
            not(feature = "use-libc"),
        ))] {
            // Newer processors have this call alone, and the filter of Android's apps allows no other.
            let mask = std::ptr::null::<libc::sigset_t>();
            // SAFETY: there is room for that many events; without a mask its size is not read.
            unsafe { call!(SYS_epoll_pwait, epoll, events, room, milliseconds, mask, 0_usize) }
        } else {
            // SAFETY: there is room for that many events.
            unsafe { call!(epoll_wait = SYS_epoll_wait, epoll, events, room, milliseconds) }
        }
    }
}

/// A length of time in the kernel's own layout, whose fields are 64 bits wide on every processor.
///
/// # Examples
/// See [`epoll_pwait2`].
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Timespec {
    /// Whole seconds.
    pub seconds: i64,
    /// The nanoseconds after them, less than a second.
    pub nanoseconds: i64,
}

/// Waits for events of an epoll set for at most `timeout`, in nanoseconds (`epoll_pwait2(2)`); returns how many
/// events the kernel wrote to the front of `events`.
///
/// # Errors
/// Any error from `epoll_pwait2(2)`, such as `Interrupted` after a signal, or `InvalidInput` if `events` is empty;
/// `ENOSYS` before Linux 5.11, which added the call; and any error from a filter of system calls.
///
/// # Examples
/// ```
/// use std::mem::MaybeUninit;
/// use std::os::fd::{AsFd, FromRawFd, OwnedFd};
/// use system_call::Timespec;
///
/// // SAFETY: makes a descriptor that nobody else knows.
/// let epoll = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
/// let timeout = Timespec { seconds: 0, nanoseconds: 1 };
/// match system_call::epoll_pwait2(epoll.as_fd(), &mut [MaybeUninit::uninit()], &timeout) {
///     Ok(count) => assert_eq!(count, 0),
///     Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ENOSYS)),
/// }
/// ```
#[cfg(target_os = "linux")]
#[inline(always)]
pub fn epoll_pwait2(
    epoll: BorrowedFd<'_>,
    events: &mut [MaybeUninit<libc::epoll_event>],
    timeout: &Timespec,
) -> io::Result<usize> {
    let (epoll, room) = (epoll.as_raw_fd(), room(events));
    let events = events.as_mut_ptr().cast::<libc::epoll_event>();
    let (timeout, mask) = (&raw const *timeout, std::ptr::null::<libc::sigset_t>());
    // SAFETY: there is room for that many events; the timeout is of the kernel's layout and outlives
    // the call; without a signal mask its size is not looked at.
    unsafe {
        call!(
            SYS_epoll_pwait2,
            epoll,
            events,
            room,
            timeout,
            mask,
            0_usize
        )
    }
}

/// How many events fit; the kernel refuses more than it could count in bytes.
#[inline]
fn room(events: &[MaybeUninit<libc::epoll_event>]) -> c_int {
    const MOST: usize = c_int::MAX as usize / size_of::<libc::epoll_event>();
    events.len().min(MOST) as c_int
}
