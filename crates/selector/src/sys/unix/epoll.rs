//! `epoll(7)`, on Linux and Android.

#[cfg(target_os = "linux")]
mod busy_poll;
mod eventfd;
mod forks;

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use token_ready::{Kinds, PollOpt, Ready};

pub(super) use self::eventfd::WakeFd;
use super::Scratch;
use super::fd::{check, milliseconds};
#[cfg(target_os = "linux")]
use crate::BusyPoll;
use crate::RegistrationError;
use crate::key::Key;
use crate::sys::{Drained, Driver};

/// Whether waits have the resolution of nanoseconds, which takes `epoll_pwait2(2)` (Linux 5.11).
#[cfg(target_os = "linux")]
static PRECISE: AtomicBool = AtomicBool::new(true);

pub(crate) struct Epoll {
    epoll: OwnedFd,
    wake: WakeFd,
    #[cfg(target_os = "linux")]
    slack: Duration,
}

impl Epoll {
    #[inline(always)]
    fn control(
        &self,
        operation: c_int,
        fd: RawFd,
        key: Key,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: request(interest, opts),
            u64: key.to_bits(),
        };
        // SAFETY: the source was lent by who owns it, or is the handle of our own; what is no
        // descriptor any more the kernel refuses.
        unsafe { system_call::epoll_ctl(self.epoll.as_fd(), operation, fd, &mut event) }
    }

    /// Takes over the watch of a descriptor that went away while a duplicate of it lives on.
    #[cold]
    fn adopt(
        &self,
        error: io::Error,
        fd: RawFd,
        key: Key,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        // The handle that wakes is in the set too, and nobody's to register.
        if fd == self.wake.as_fd().as_raw_fd() {
            return Err(error);
        }
        self.reregister(fd, key, interest, opts)
    }

    /// Replaces a watch that the kernel does not modify: an exclusive one, or one that becomes so.
    #[cold]
    fn replace(&self, fd: RawFd, key: Key, interest: Ready, opts: PollOpt) -> io::Result<()> {
        self.deregister(fd, key)?;
        self.control(libc::EPOLL_CTL_ADD, fd, key, interest, opts)
    }
}

impl Driver for Epoll {
    const EMULATES_EDGES: bool = false;

    fn new() -> io::Result<Epoll> {
        // SAFETY: takes a number, touches no memory of ours.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the descriptor has just been made and nobody else knows it.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        let wake = WakeFd::new()?;
        let driver = Epoll {
            epoll,
            wake,
            #[cfg(target_os = "linux")]
            slack: if PRECISE.load(Ordering::Relaxed) {
                timer_slack()
            } else {
                Duration::ZERO
            },
        };
        // Every write to the handle is an edge of its own, so that it need never be drained.
        let wake = driver.wake.as_fd().as_raw_fd();
        driver.control(
            libc::EPOLL_CTL_ADD,
            wake,
            Key::WAKE,
            Ready::READABLE,
            PollOpt::EDGE,
        )?;
        Ok(driver)
    }

    #[cfg(target_os = "linux")]
    fn use_millisecond_timeouts() {
        PRECISE.store(false, Ordering::Relaxed);
    }

    #[inline]
    fn forks() -> u32 {
        forks::forks()
    }

    #[inline(always)]
    fn register(
        &self,
        fd: RawFd,
        key: Key,
        interest: Ready,
        opts: PollOpt,
        adopt: bool,
        _clone_of: Option<Key>,
    ) -> io::Result<()> {
        match self.control(libc::EPOLL_CTL_ADD, fd, key, interest, opts) {
            Err(error) if adopt && error.kind() == io::ErrorKind::AlreadyExists => {
                self.adopt(error, fd, key, interest, opts)
            }
            Err(error) => Err(refusal(error, opts)),
            Ok(()) => Ok(()),
        }
    }

    #[inline(always)]
    fn reregister(&self, fd: RawFd, key: Key, interest: Ready, opts: PollOpt) -> io::Result<()> {
        if opts.is_exclusive() {
            return self.replace(fd, key, interest, opts);
        }
        match self.control(libc::EPOLL_CTL_MOD, fd, key, interest, opts) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                self.replace(fd, key, interest, opts)
            }
            result => result,
        }
    }

    #[inline(always)]
    fn deregister(&self, fd: RawFd, key: Key) -> io::Result<()> {
        // Linux before 2.6.9 wanted a structure here too.
        self.control(
            libc::EPOLL_CTL_DEL,
            fd,
            key,
            Ready::empty(),
            PollOpt::empty(),
        )
    }

    fn forget(&self, _fd: RawFd, _key: Key) {
        // Closing the only descriptor takes it out of the set.
    }

    fn mark_drained(&self, _fd: RawFd, _key: Key, _direction: Ready, _drained: Drained) -> bool {
        // The kernel has edges of its own.
        false
    }

    #[inline(always)]
    fn wait(
        &self,
        events: &mut Vec<RawEvent>,
        room: usize,
        _scratch: &mut Scratch,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        events.reserve(room);
        let start = events.len();
        let spare: *mut [MaybeUninit<RawEvent>] = &raw mut events.spare_capacity_mut()[..room];
        // SAFETY: `RawEvent` is an `epoll_event`, and the slice is borrowed for as long.
        let spare = unsafe { &mut *(spare as *mut [MaybeUninit<libc::epoll_event>]) };
        let count = self.wait_into(spare, timeout)?;
        // SAFETY: the kernel has written so many events behind `start`.
        unsafe { events.set_len(start + count) };
        Ok(())
    }

    #[cfg(target_os = "linux")]
    #[inline]
    fn slack(&self) -> Duration {
        self.slack
    }

    fn wake(&self) -> io::Result<()> {
        self.wake.set()
    }

    #[cfg(target_os = "linux")]
    fn set_busy_poll(&self, params: BusyPoll) -> io::Result<()> {
        busy_poll::set(self.as_fd(), params)
    }

    #[cfg(target_os = "linux")]
    fn busy_poll(&self) -> io::Result<BusyPoll> {
        busy_poll::get(self.as_fd())
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl Epoll {
    /// Waits with the best resolution the kernel offers; returns how many events it wrote.
    #[inline(always)]
    fn wait_into(
        &self,
        room: &mut [MaybeUninit<libc::epoll_event>],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        match timeout {
            Some(timeout) if !timeout.is_zero() => {
                // Android's filter kills a process for this call, which it does not know.
                #[cfg(target_os = "linux")]
                if needs_precision(timeout) && PRECISE.load(Ordering::Relaxed) {
                    return self.wait_precisely(room, timeout);
                }
                self.wait_milliseconds(room, timeout)
            }
            _ => {
                let milliseconds = if timeout.is_none() { -1 } else { 0 };
                system_call::epoll_wait(self.epoll.as_fd(), room, milliseconds)
            }
        }
    }

    /// Waits in nanoseconds where the kernel can; returns how many events it wrote.
    #[cfg(target_os = "linux")]
    #[inline]
    fn wait_precisely(
        &self,
        room: &mut [MaybeUninit<libc::epoll_event>],
        timeout: Duration,
    ) -> io::Result<usize> {
        let timespec = system_call::Timespec {
            seconds: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: i64::from(timeout.subsec_nanos()),
        };
        match system_call::epoll_pwait2(self.epoll.as_fd(), room, &timespec) {
            // A filter of system calls may refuse one that it does not know with any error.
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let count = self.wait_milliseconds(room, timeout)?;
                PRECISE.store(false, Ordering::Relaxed);
                Ok(count)
            }
            result => result,
        }
    }

    fn wait_milliseconds(
        &self,
        room: &mut [MaybeUninit<libc::epoll_event>],
        timeout: Duration,
    ) -> io::Result<usize> {
        system_call::epoll_wait(self.epoll.as_fd(), room, milliseconds(Some(timeout)))
    }
}

/// Returns whether `timeout` needs nanoseconds. `epoll_pwait2` takes 100 ns more than `epoll_wait`; and for a
/// second or more the kernel lets a thread, unless it is a real-time one, sleep a millisecond longer anyway.
#[cfg(target_os = "linux")]
#[inline]
fn needs_precision(timeout: Duration) -> bool {
    timeout.as_secs() == 0 && timeout.subsec_nanos() % 1_000_000 != 0
}

/// How late the kernel may let this thread's timeouts run out, so as to wake less often.
#[cfg(target_os = "linux")]
fn timer_slack() -> Duration {
    // SAFETY: takes numbers, touches no memory of ours.
    let nanoseconds = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK, 0, 0, 0, 0) };
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0))
}

/// Explains why the kernel refuses to watch a descriptor, where its own words do not.
#[cold]
fn refusal(error: io::Error, opts: PollOpt) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EPERM) => RegistrationError::AlwaysReady.into(),
        Some(libc::ELOOP) => RegistrationError::Cycle.into(),
        // A duplicate of the set's own descriptor; an exclusive watch has other reasons.
        Some(libc::EINVAL) if !opts.is_exclusive() => RegistrationError::Itself.into(),
        _ => error,
    }
}

/// An event in a batch: the kernel's structure as it is, so that it is written in place.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct RawEvent(libc::epoll_event);

impl RawEvent {
    /// Says that the flags are [`Kinds`] already; the kernel never reports this bit.
    const TRANSLATED: u32 = libc::EPOLLET as u32;

    /// An event of which `implied` was not reported by the system itself.
    pub(crate) fn new(key: Key, readiness: Ready, implied: Ready) -> RawEvent {
        let kinds = Kinds::new(readiness, implied);
        RawEvent(libc::epoll_event {
            events: u32::from(kinds.bits()) | RawEvent::TRANSLATED,
            u64: key.to_bits(),
        })
    }

    #[inline]
    pub(crate) fn key(&self) -> Key {
        Key::from_bits(self.0.u64)
    }

    #[inline]
    pub(crate) fn kinds(&self) -> Kinds {
        let flags = self.0.events;
        if flags & RawEvent::TRANSLATED != 0 {
            return Kinds::from_bits(flags as u16);
        }
        kinds(flags)
    }
}

/// The flags that ask the kernel for an interest.
#[inline]
pub(super) fn request(interest: Ready, opts: PollOpt) -> u32 {
    let mut flags = 0;
    if interest.is_readable() {
        flags |= libc::EPOLLIN;
    }
    // The kernel refuses the half-close together with an exclusive watch.
    if (interest.is_readable() || interest.is_read_closed()) && !opts.is_exclusive() {
        flags |= libc::EPOLLRDHUP;
    }
    if interest.is_writable() {
        flags |= libc::EPOLLOUT;
    }
    if interest.is_priority() {
        flags |= libc::EPOLLPRI;
    }
    if opts.is_edge() {
        flags |= libc::EPOLLET;
    }
    if opts.is_oneshot() {
        flags |= libc::EPOLLONESHOT;
    }
    if opts.is_exclusive() {
        flags |= libc::EPOLLEXCLUSIVE;
    }
    flags as u32
}

/// What the flags of an event mean.
#[inline]
pub(super) fn kinds(flags: u32) -> Kinds {
    const READ_CLOSED: u16 = Ready::READ_CLOSED.bits();

    // All flags but the half-close are below 32, so that they are looked up together.
    let low = LOW_FLAGS[(flags % 32) as usize];
    if flags & libc::EPOLLRDHUP as u32 != 0 {
        Kinds::from_bits(low.bits() | READ_CLOSED)
    } else {
        low
    }
}

const LOW_FLAGS: [Kinds; 32] = {
    let mut table = [Kinds::new(Ready::empty(), Ready::empty()); 32];
    let mut flags = 0;
    while flags < 32 {
        table[flags] = low_flags(flags as c_int);
        flags += 1;
    }
    table
};

const fn low_flags(flags: c_int) -> Kinds {
    let mut readiness = Ready::empty();
    if flags & libc::EPOLLIN != 0 {
        readiness = readiness.union(Ready::READABLE);
    }
    if flags & libc::EPOLLOUT != 0 {
        readiness = readiness.union(Ready::WRITABLE);
    }
    if flags & libc::EPOLLPRI != 0 {
        readiness = readiness.union(Ready::PRIORITY);
    }
    if flags & libc::EPOLLERR != 0 {
        readiness = readiness.union(Ready::ERROR);
    }
    if flags & libc::EPOLLHUP != 0 {
        readiness = readiness
            .union(Ready::HUP)
            .union(Ready::READ_CLOSED)
            .union(Ready::WRITE_CLOSED);
    }
    // After an error or a hang-up neither a read nor a write would block, which the kernel does not
    // say of every kind of descriptor: at the end of a pipe, for one.
    let implied = if flags & (libc::EPOLLERR | libc::EPOLLHUP) != 0 {
        Ready::READABLE.union(Ready::WRITABLE).difference(readiness)
    } else {
        Ready::empty()
    };
    Kinds::new(readiness.union(implied), implied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn only_a_short_timeout_with_a_fraction_needs_precision() {
        for (microseconds, expected) in [
            (1, true),
            (999, true),
            (1000, false),
            (5050, true),
            (999_999, true),
            (1_000_000, false),
            (1_000_001, false),
        ] {
            let timeout = Duration::from_micros(microseconds);
            assert_eq!(needs_precision(timeout), expected, "{timeout:?}");
        }
        assert!(!needs_precision(Duration::MAX));
    }

    #[test]
    fn a_wait_without_a_timeout_does_not_end_by_itself() {
        testkit::in_child(|| {
            let driver = Epoll::new().unwrap();
            let _signals = testkit::interrupt_every(Duration::from_millis(50));
            let wait = driver.wait(&mut Vec::new(), 1, &mut Scratch::default(), None);
            assert_eq!(wait.unwrap_err().kind(), io::ErrorKind::Interrupted);
        });
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_interrupted_wait_in_nanoseconds_is_not_repeated_in_milliseconds() {
        use testkit::{Call, Refusal, in_child, refuse};

        in_child(|| {
            let call = Call::any(libc::SYS_epoll_pwait2);
            if !refuse(&[call], Refusal::Errno(libc::EINTR)) {
                return;
            }
            let driver = Epoll::new().unwrap();
            let timeout = Some(Duration::from_nanos(1));
            for _ in 0..2 {
                let wait = driver.wait(&mut Vec::new(), 1, &mut Scratch::default(), timeout);
                assert_eq!(wait.unwrap_err().kind(), io::ErrorKind::Interrupted);
            }
        });
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_slack_is_that_of_the_thread_unless_waits_are_in_milliseconds() {
        use crate::Backend;
        use crate::sys::Selector;

        testkit::in_child(|| {
            let slack = Duration::from_nanos(123_456);
            // SAFETY: takes numbers, touches no memory of ours.
            let set = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, slack.as_nanos() as u64) };
            assert_eq!(set, 0);
            // SAFETY: as above.
            let refused = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK, 0, 0, 0, 0) } == -1;
            // In a sandbox that refuses the call nothing is known of the slack.
            let known = if refused { Duration::ZERO } else { slack };
            let slack_of = |backend| Selector::new(backend).unwrap().slack();
            assert_eq!(slack_of(Backend::Epoll), known);
            assert_eq!(slack_of(Backend::Poll), Duration::ZERO);
            Selector::use_millisecond_timeouts();
            assert_eq!(slack_of(Backend::Epoll), Duration::ZERO);
        });
    }

    #[test]
    fn interests_become_flags() {
        const NONE: PollOpt = PollOpt::empty();
        let readable = libc::EPOLLIN | libc::EPOLLRDHUP;
        let table = [
            (Ready::empty(), NONE, 0),
            (Ready::READABLE, NONE, readable),
            (Ready::READABLE, PollOpt::LEVEL, readable),
            (Ready::READABLE, PollOpt::EDGE, readable | libc::EPOLLET),
            (
                Ready::WRITABLE,
                PollOpt::ONESHOT,
                libc::EPOLLOUT | libc::EPOLLONESHOT,
            ),
            (Ready::PRIORITY, NONE, libc::EPOLLPRI),
            (Ready::READ_CLOSED, NONE, libc::EPOLLRDHUP),
            (Ready::ERROR | Ready::HUP | Ready::WRITE_CLOSED, NONE, 0),
            (
                Ready::READABLE,
                PollOpt::EXCLUSIVE,
                libc::EPOLLIN | libc::EPOLLEXCLUSIVE,
            ),
        ];
        for (interest, opts, flags) in table {
            assert_eq!(
                request(interest, opts),
                flags as u32,
                "{interest:?} {opts:?}"
            );
        }
    }

    #[test]
    fn flags_become_readiness() {
        let either = Ready::READABLE | Ready::WRITABLE;
        let closed = Ready::HUP | Ready::READ_CLOSED | Ready::WRITE_CLOSED | either;
        let table = [
            (0, Ready::empty()),
            (libc::EPOLLIN, Ready::READABLE),
            (libc::EPOLLOUT, Ready::WRITABLE),
            (libc::EPOLLPRI, Ready::PRIORITY),
            (libc::EPOLLERR, Ready::ERROR | either),
            (libc::EPOLLHUP, closed),
            (libc::EPOLLRDHUP, Ready::READ_CLOSED),
            (
                libc::EPOLLIN | libc::EPOLLRDHUP,
                Ready::READABLE | Ready::READ_CLOSED,
            ),
        ];
        for (flags, expected) in table {
            let readiness = kinds(flags as u32).readiness();
            assert_eq!(readiness, expected, "{flags:#x}");
        }
    }

    #[test]
    fn what_the_kernel_reports_is_told_from_what_that_implies() {
        let table = [
            (libc::EPOLLIN, Ready::READABLE),
            (libc::EPOLLERR, Ready::ERROR),
            (
                libc::EPOLLERR | libc::EPOLLOUT,
                Ready::ERROR | Ready::WRITABLE,
            ),
            (
                libc::EPOLLHUP | libc::EPOLLIN | libc::EPOLLRDHUP,
                Ready::HUP | Ready::READABLE | Ready::READ_CLOSED | Ready::WRITE_CLOSED,
            ),
        ];
        for (flags, expected) in table {
            let kinds = kinds(flags as u32);
            assert_eq!(kinds.reported(), expected, "{flags:#x}");
        }
    }

    #[test]
    fn an_event_of_ours_reads_back_whole() {
        let key = Key::from_bits(u64::MAX - 1);
        for implied in [Ready::empty(), Ready::READABLE] {
            let event = RawEvent::new(key, Ready::all(), implied);
            assert!(event.key() == key);
            assert_eq!(event.kinds(), Kinds::new(Ready::all(), implied));
        }
    }
}
