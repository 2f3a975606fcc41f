//! Unix: sources are file descriptors.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use token_ready::{PollOpt, Ready};

use crate::backend::Backend;
use crate::key::{Index, Key};
use crate::sys::{Drained, Driver};
use crate::table::Table;
use crate::{BusyPoll, RegistrationError};

#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    not(readywire_libkqueue)
))]
mod epoll;
mod evented_fd;
mod fd;
#[cfg_attr(
    not(test),
    allow(dead_code, reason = "for kqueue; its tests run on every Unix")
)]
mod knote;
mod nested;
mod pipe;
mod poll;

cfg_if::cfg_if! {
    if #[cfg(any(
        readywire_libkqueue,
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
    ))] {
        mod kevent;
        mod kqueue;
        #[path = "../raw_event.rs"]
        mod raw_event;
        use self::kqueue::Kqueue as Native;
        use self::pipe::WakeFd;
        pub(crate) use self::kqueue::Scratch;
        pub(crate) use self::raw_event::RawEvent;
        pub(crate) const BACKENDS: &[Backend] = &[Backend::Kqueue, Backend::Poll];
    } else if #[cfg(any(target_os = "linux", target_os = "android"))] {
        mod scratch;
        use self::epoll::{Epoll as Native, WakeFd};
        pub(crate) use self::epoll::RawEvent;
        pub(crate) use self::scratch::Scratch;
        pub(crate) const BACKENDS: &[Backend] = &[Backend::Epoll, Backend::Poll];
    } else {
        #[path = "../raw_event.rs"]
        mod raw_event;
        mod scratch;
        use self::pipe::WakeFd;
        use self::poll::PollDriver as Native;
        pub(crate) use self::raw_event::RawEvent;
        pub(crate) use self::scratch::Scratch;
        pub(crate) const BACKENDS: &[Backend] = &[Backend::Poll];
    }
}

/// The translations of flags, for `cargo xtask fuzz`.
#[cfg(fuzzing)]
#[expect(missing_docs, reason = "no user sees it")]
pub mod fuzzing {
    use std::ffi::c_short;

    use token_ready::Ready;

    use super::poll;

    #[cfg(all(target_os = "linux", not(readywire_libkqueue)))]
    pub fn epoll_request(interest: Ready, opts: token_ready::PollOpt) -> u32 {
        super::epoll::request(interest, opts)
    }

    #[cfg(all(target_os = "linux", not(readywire_libkqueue)))]
    pub fn epoll_readiness(flags: u32) -> Ready {
        super::epoll::kinds(flags).readiness()
    }

    pub fn poll_request(interest: Ready) -> c_short {
        poll::request(interest)
    }

    pub fn poll_readiness(flags: c_short) -> Ready {
        poll::readiness(flags)
    }
}

pub use self::evented_fd::EventedFd;
pub use self::nested::EventedPoll;
use self::poll::PollDriver;

/// What an error or a hang-up implies.
const DIRECTIONS: Ready = Ready::READABLE.union(Ready::WRITABLE);

/// The system's handle of a source.
pub(crate) type RawSource = RawFd;

/// `connect(2)` has begun: room to write tells how it ends.
pub(crate) const CONNECTING: &[i32] = &[libc::EINPROGRESS];

/// Errors without an `ErrorKind` of their own that a call takes from the socket: those that ICMP caused,
/// and those of a connection that failed before it was accepted.
pub(crate) const PENDING: &[i32] = &[
    // ICMPv6: the network's administrator prohibits it.
    libc::EACCES,
    libc::EHOSTDOWN,
    libc::EMSGSIZE,
    libc::ENOPROTOOPT,
    libc::EPROTO,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    libc::ENONET,
];

/// What an [`IoSource`](crate::IoSource) can hold: on Unix anything that lends a descriptor.
pub trait AsSource: AsFd {
    /// Returns the number by which the system knows the source.
    #[doc(hidden)]
    fn as_source(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: AsFd> AsSource for T {}

/// Sets what is about to become a source to non-blocking.
pub(crate) fn set_nonblocking(source: &impl AsSource) -> io::Result<()> {
    let fd = source.as_source();
    // SAFETY: `source` holds the descriptor; the call takes numbers and touches no memory of ours.
    let flags = fd::check(unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    if flags & libc::O_NONBLOCK == 0 {
        // SAFETY: as above.
        fd::check(unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    }
    Ok(())
}

/// The code of a misuse, where it has one.
pub(crate) fn code(error: &RegistrationError) -> Option<i32> {
    match error {
        RegistrationError::AlreadyRegistered => Some(libc::EEXIST),
        RegistrationError::NotRegistered => Some(libc::ENOENT),
        RegistrationError::Itself => Some(libc::EINVAL),
        RegistrationError::Cycle => Some(libc::ELOOP),
        RegistrationError::AlwaysReady => Some(libc::EPERM),
        RegistrationError::OtherPoll
        | RegistrationError::Options(_)
        | RegistrationError::ExclusiveInterest(_) => None,
    }
}

/// The slot of a source in the table.
#[inline]
pub(crate) fn index(source: RawSource, _table: &Table) -> io::Result<Index> {
    Index::of_descriptor(source).ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))
}

/// The backend of one `Poll`.
pub(crate) enum Selector {
    Native(Native),
    Poll(PollDriver),
}

/// Calls a method of whichever driver there is.
macro_rules! each {
    ($self:ident, $driver:ident => $call:expr) => {
        match $self {
            Selector::Native($driver) => $call,
            Selector::Poll($driver) => $call,
        }
    };
}

impl Selector {
    pub(crate) fn new(backend: Backend) -> io::Result<Selector> {
        if !BACKENDS.contains(&backend) {
            return Err(backend.unavailable());
        }
        Ok(match backend {
            Backend::Poll => Selector::Poll(PollDriver::new()?),
            _ => Selector::Native(Native::new()?),
        })
    }

    pub(crate) fn use_millisecond_timeouts() {
        Native::use_millisecond_timeouts();
        PollDriver::use_millisecond_timeouts();
    }

    #[inline]
    pub(crate) fn forks() -> u32 {
        Native::forks()
    }

    pub(crate) fn backend(&self) -> Backend {
        match self {
            Selector::Native(_) => BACKENDS[0],
            Selector::Poll(_) => Backend::Poll,
        }
    }

    #[inline]
    pub(crate) fn emulates_edges(&self) -> bool {
        match self {
            Selector::Native(_) => Native::EMULATES_EDGES,
            Selector::Poll(_) => PollDriver::EMULATES_EDGES,
        }
    }

    #[inline(always)]
    pub(crate) fn register(
        &self,
        source: RawSource,
        key: Key,
        interest: Ready,
        opts: PollOpt,
        adopt: bool,
        clone_of: Option<Key>,
    ) -> io::Result<()> {
        each!(self, driver => {
            // NetBSD's kernel crashes on a kqueue in itself.
            if source == driver.as_fd().as_raw_fd() {
                return Err(RegistrationError::Itself.into());
            }
            driver.register(source, key, interest, opts, adopt, clone_of)
        })
    }

    #[inline(always)]
    pub(crate) fn reregister(
        &self,
        source: RawSource,
        key: Key,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        each!(self, driver => driver.reregister(source, key, interest, opts))
    }

    #[inline(always)]
    pub(crate) fn deregister(&self, source: RawSource, key: Key) -> io::Result<()> {
        each!(self, driver => driver.deregister(source, key))
    }

    pub(crate) fn forget(&self, source: RawSource, key: Key) {
        each!(self, driver => driver.forget(source, key));
    }

    pub(crate) fn mark_drained(
        &self,
        source: RawSource,
        key: Key,
        direction: Ready,
        drained: Drained,
    ) -> bool {
        each!(self, driver => driver.mark_drained(source, key, direction, drained))
    }

    #[inline(always)]
    pub(crate) fn wait(
        &self,
        events: &mut Vec<RawEvent>,
        room: usize,
        scratch: &mut Scratch,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        each!(self, driver => driver.wait(events, room, scratch, timeout))
    }

    #[inline]
    pub(crate) fn slack(&self) -> Duration {
        each!(self, driver => driver.slack())
    }

    pub(crate) fn wake(&self) -> io::Result<()> {
        each!(self, driver => driver.wake())
    }

    pub(crate) fn set_busy_poll(&self, params: BusyPoll) -> io::Result<()> {
        each!(self, driver => driver.set_busy_poll(params))
    }

    pub(crate) fn busy_poll(&self) -> io::Result<BusyPoll> {
        each!(self, driver => driver.busy_poll())
    }

    /// The descriptor that is readable when a poll would return something.
    pub(crate) fn nested(&self) -> io::Result<BorrowedFd<'_>> {
        match self {
            Selector::Native(driver) => Ok(driver.as_fd()),
            Selector::Poll(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a Poll on the poll(2) backend has no descriptor that stands for its sources, \
                 and cannot be registered with another Poll",
            )),
        }
    }
}

impl AsFd for Selector {
    fn as_fd(&self) -> BorrowedFd<'_> {
        each!(self, driver => driver.as_fd())
    }
}
