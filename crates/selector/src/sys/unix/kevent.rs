//! The declarations of kqueue that are used: a structure, constants, two calls.
//!
//! Nothing else in the crate names them, so that `--cfg readywire_libkqueue` puts libkqueue's in
//! place of the system's.

use std::ffi::c_int;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use super::fd::{check, timespec};

cfg_if::cfg_if! {
    if #[cfg(readywire_libkqueue)] {
        use self::libkqueue as system;
    } else {
        use libc as system;
    }
}

cfg_if::cfg_if! {
    if #[cfg(target_os = "netbsd")] {
        type FilterCode = u32;
        type Bits = u32;
        type Count = usize;
    } else {
        type FilterCode = i16;
        type Bits = u16;
        type Count = c_int;
    }
}

cfg_if::cfg_if! {
    if #[cfg(target_os = "openbsd")] {
        /// In 7.8 and later; older releases of the `libc` crate do not have it.
        const EVFILT_USER: FilterCode = -10;
    } else {
        const EVFILT_USER: FilterCode = system::EVFILT_USER;
    }
}

cfg_if::cfg_if! {
    if #[cfg(readywire_libkqueue)] {
        pub(super) const EXCEPT: Option<Selected> = None;
    } else if #[cfg(any(target_vendor = "apple", target_os = "openbsd", target_os = "dragonfly"))] {
        /// The filter for out-of-band data.
        pub(super) const EXCEPT: Option<Selected> = Some(Selected {
            filter: system::EVFILT_EXCEPT,
            note: system::NOTE_OOB,
        });
    } else {
        /// Out-of-band data has no filter of its own here.
        pub(super) const EXCEPT: Option<Selected> = None;
    }
}

/// Whether closing a descriptor removes its filters. libkqueue does not learn of it, but a BSD kernel
/// behind libkqueue's names does.
pub(super) const FORGETS_CLOSED: bool = !cfg!(readywire_libkqueue) || cfg!(readywire_bsd_kernel);

pub(super) const READ: Selected = Selected::plain(system::EVFILT_READ);
pub(super) const WRITE: Selected = Selected::plain(system::EVFILT_WRITE);
pub(super) const USER: Selected = Selected::plain(EVFILT_USER);

/// Whether `EVFILT_WRITE` on a pipe falls silent when the last reader closes: NetBSD drops the
/// writer's filters before it marks the pipe as closed.
pub(super) const MUTE_WRITERS: bool = cfg!(any(target_os = "netbsd", readywire_bsd_kernel));

/// The filter that reports a pipe without a reader to the write end, where `EVFILT_WRITE` does not:
/// `EVFILT_READ` of the write end if [`MUTE_WRITERS`], otherwise a user event that is triggered as
/// it is added, since `EVFILT_WRITE` is only missing if the pipe is broken from the start.
pub(super) const BROKEN: Selected = if MUTE_WRITERS {
    READ.without_data()
} else {
    USER
};

pub(super) const ADD: Bits = system::EV_ADD | system::EV_ENABLE;
pub(super) const DELETE: Bits = system::EV_DELETE;
pub(super) const DISABLE: Bits = system::EV_DISABLE;
pub(super) const CLEAR: Bits = system::EV_CLEAR;
pub(super) const DISPATCH: Bits = system::EV_DISPATCH;

/// A filter, with what further tells it apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Selected {
    filter: FilterCode,
    pub(super) note: u32,
}

impl Selected {
    const fn plain(filter: FilterCode) -> Selected {
        Selected { filter, note: 0 }
    }

    /// The same filter, which data does not set off.
    pub(super) const fn without_data(self) -> Selected {
        Selected {
            note: system::NOTE_LOWAT,
            ..self
        }
    }

    /// The same filter, set off by hand.
    pub(super) const fn triggered(self) -> Selected {
        Selected {
            note: system::NOTE_TRIGGER,
            ..self
        }
    }
}

/// A change, a receipt or an event.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Kevent(system::kevent);

// SAFETY: the pointer in it is a number that nobody dereferences.
unsafe impl Send for Kevent {}
// SAFETY: as above.
unsafe impl Sync for Kevent {}

impl Kevent {
    /// No buffer is as large as this low-water mark.
    const NEVER: i32 = i32::MAX;

    pub(super) fn new(ident: usize, selected: Selected, flags: Bits, mark: u32) -> Kevent {
        // SAFETY: the structure holds numbers and a raw pointer, for which zeros are values.
        let mut kevent: system::kevent = unsafe { mem::zeroed() };
        kevent.ident = ident;
        kevent.filter = selected.filter;
        kevent.flags = flags;
        kevent.fflags = selected.note;
        if selected == selected.without_data() {
            kevent.data = Kevent::NEVER as _;
        }
        kevent.udata = ptr::without_provenance_mut(mark as usize);
        Kevent(kevent)
    }

    pub(super) fn ident(&self) -> usize {
        self.0.ident
    }

    pub(super) fn is_of(&self, selected: Selected) -> bool {
        self.0.filter == selected.filter
    }

    pub(super) fn mark(&self) -> u32 {
        // It was a `u32` when it was given.
        self.0.udata.addr() as u32
    }

    pub(super) fn is_eof(&self) -> bool {
        self.0.flags & system::EV_EOF != 0
    }

    /// What the filter noted; if its end is closed, an error number, or zero.
    pub(super) fn note(&self) -> u32 {
        self.0.fflags
    }

    /// The error number of a receipt, or zero.
    pub(super) fn error(&self) -> c_int {
        if self.0.flags & system::EV_ERROR == 0 {
            return 0;
        }
        c_int::try_from(self.0.data).unwrap_or(libc::EINVAL)
    }
}

/// Makes a queue, close-on-exec; a fork does not inherit it in the first place.
pub(super) fn kqueue() -> io::Result<OwnedFd> {
    // SAFETY: takes nothing, touches no memory of ours.
    let fd = check(unsafe { system::kqueue() })?;
    // SAFETY: the descriptor has just been made and nobody else knows it.
    let queue = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: changes a flag of a descriptor that is owned here.
    check(unsafe { libc::fcntl(queue.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
    Ok(queue)
}

/// Makes changes, each of which becomes its own receipt.
pub(super) fn change(queue: BorrowedFd<'_>, changes: &mut [Kevent]) -> io::Result<()> {
    for change in &mut *changes {
        change.0.flags |= system::EV_RECEIPT;
    }
    let list = changes.as_mut_ptr().cast::<system::kevent>();
    // At most a handful for each event of a batch.
    let count = changes.len() as Count;
    // A receipt for each change fills the list, so that the call neither waits nor takes events.
    let none = timespec(Duration::ZERO);
    // SAFETY: the list is one slice that is borrowed for the call; the system allows it to be
    // both read and written, and reads each change before it writes that one's receipt.
    check(unsafe { system::kevent(queue.as_raw_fd(), list, count, list, count, &none) })?;
    Ok(())
}

/// Waits for events; `events` holds no more than `room` of them afterwards.
pub(super) fn wait(
    queue: BorrowedFd<'_>,
    events: &mut Vec<Kevent>,
    room: usize,
    timeout: Option<Duration>,
) -> io::Result<()> {
    events.clear();
    events.reserve(room);
    let list = events.as_mut_ptr().cast::<system::kevent>();
    let room = c_int::try_from(room).unwrap_or(c_int::MAX) as Count;
    let timeout = timeout.map(timespec);
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: there are no changes; the list has room for that many events, `Kevent` being a
    // `kevent`; the timeout outlives the call.
    let count =
        check(unsafe { system::kevent(queue.as_raw_fd(), ptr::null(), 0, list, room, timeout) })?;
    // SAFETY: the kernel has written so many events.
    unsafe { events.set_len(usize::try_from(count).unwrap_or(0)) };
    Ok(())
}

/// libkqueue's `<sys/event.h>`.
#[cfg(readywire_libkqueue)]
mod libkqueue {
    use std::ffi::{c_int, c_void};

    #[derive(Clone, Copy)]
    #[repr(C)]
    pub(super) struct kevent {
        pub(super) ident: usize,
        pub(super) filter: i16,
        pub(super) flags: u16,
        pub(super) fflags: u32,
        pub(super) data: isize,
        pub(super) udata: *mut c_void,
    }

    pub(super) const EVFILT_READ: i16 = -1;
    pub(super) const EVFILT_WRITE: i16 = -2;
    pub(super) const EVFILT_USER: i16 = -11;

    pub(super) const EV_ADD: u16 = 0x0001;
    pub(super) const EV_DELETE: u16 = 0x0002;
    pub(super) const EV_ENABLE: u16 = 0x0004;
    pub(super) const EV_DISABLE: u16 = 0x0008;
    pub(super) const EV_CLEAR: u16 = 0x0020;
    pub(super) const EV_RECEIPT: u16 = 0x0040;
    pub(super) const EV_DISPATCH: u16 = 0x0080;
    pub(super) const EV_ERROR: u16 = 0x4000;
    pub(super) const EV_EOF: u16 = 0x8000;

    pub(super) const NOTE_LOWAT: u32 = 0x0000_0001;
    pub(super) const NOTE_TRIGGER: u32 = 0x0100_0000;

    #[link(name = "kqueue")]
    unsafe extern "C" {
        pub(super) fn kqueue() -> c_int;

        pub(super) fn kevent(
            queue: c_int,
            changes: *const kevent,
            change_count: c_int,
            events: *mut kevent,
            event_count: c_int,
            timeout: *const libc::timespec,
        ) -> c_int;
    }
}
