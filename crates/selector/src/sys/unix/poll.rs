//! `poll(2)`, on any Unix. Edges and oneshots are emulated.
//!
//! The descriptors live in one list under a lock. Whoever polls takes a copy of it, so that others
//! can register meanwhile; one thread at a time sleeps on its copy (the leader), and every change
//! of the list wakes it to take a new one. The other pollers wait for the leader's place.

use std::collections::HashMap;
use std::ffi::{c_int, c_short};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use token_ready::{PollOpt, Ready};

use super::fd::{check, milliseconds};
use super::{DIRECTIONS, RawEvent, Scratch, WakeFd};
use crate::key::Key;
use crate::sys::trigger::Trigger;
use crate::sys::{Drained, Driver};

pub(crate) struct PollDriver {
    wake: WakeFd,
    list: Mutex<List>,
    /// Whether a thread is the leader.
    led: Mutex<bool>,
    leader_left: Condvar,
    /// The leader no longer sleeps on its copy.
    awoken: Condvar,
}

/// What is watched; `watches` and `pollfds` run side by side.
#[derive(Default)]
struct List {
    watches: Vec<Watch>,
    pollfds: Vec<libc::pollfd>,
    places: HashMap<RawFd, usize>,
    /// Where the next poll begins to look, so that no source is always last.
    first: usize,
    /// The leader sleeps on a copy of this list.
    copied: bool,
    /// How often a leader has taken a copy.
    copies: u32,
}

struct Watch {
    fd: RawFd,
    /// Which file the descriptor stood for when it was registered.
    file: File,
    key: Key,
    trigger: Trigger,
    /// How often it was drained or reregistered: what was seen before that may be out of date.
    changes: u32,
}

cfg_if::cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android"))] {
        // Of the other call 32-bit programs get `EOVERFLOW` for a file that is large or has a large
        // number.
        use libc::{fstat64 as fstat, stat64 as stat};
    } else {
        use libc::{fstat, stat};
    }
}

/// The device and the number of a file, by which two files are told apart.
type File = (u64, u64);

/// Asks which file a descriptor stands for.
#[allow(
    clippy::unnecessary_cast,
    reason = "both numbers have other types on other systems"
)]
fn file(fd: RawFd) -> io::Result<File> {
    let mut status = MaybeUninit::<stat>::uninit();
    // SAFETY: there is room for what the call writes; the system checks the descriptor.
    check(unsafe { fstat(fd, status.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, so that it has written the structure.
    let status = unsafe { status.assume_init() };
    Ok((status.st_dev as u64, status.st_ino as u64))
}

/// Checks that the system can watch a descriptor: one opened with `O_PATH` it cannot.
fn check_watchable(fd: RawFd) -> io::Result<()> {
    let mut pollfd = [libc::pollfd {
        fd,
        events: 0,
        revents: 0,
    }];
    match poll(&mut pollfd, Some(Duration::ZERO)) {
        // A signal interrupts the call only where there is nothing to report.
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ if pollfd[0].revents & libc::POLLNVAL != 0 => {
            Err(io::Error::from_raw_os_error(libc::EBADF))
        }
        _ => Ok(()),
    }
}

/// A poller's copy of the list.
#[derive(Default)]
pub(super) struct Copied {
    /// The last one is the handle that wakes.
    pollfds: Vec<libc::pollfd>,
    /// Whose they are, and how often those had changed.
    watches: Vec<(Key, u32)>,
}

impl Copied {
    /// Whether the handle that wakes was readable.
    fn is_woken(&self) -> bool {
        self.pollfds.last().is_some_and(|wake| wake.revents != 0)
    }
}

impl Watch {
    fn new(fd: RawFd, file: File, key: Key, interest: Ready, opts: PollOpt) -> Watch {
        Watch {
            fd,
            file,
            key,
            trigger: Trigger::new(interest, opts),
            changes: 0,
        }
    }

    fn pollfd(&self) -> libc::pollfd {
        let armed = self.trigger.armed();
        // `poll` reports errors and hang-ups asked for or not: once they were reported, the only
        // way to hear no more of them is to leave the descriptor out.
        let told = !armed.contains(Ready::ERROR | Ready::HUP);
        libc::pollfd {
            fd: if told { -1 } else { self.fd },
            events: request(armed),
            revents: 0,
        }
    }

    /// Takes from `flags` what is to be reported.
    fn report(&mut self, flags: c_short) -> Ready {
        self.trigger.report(readiness(flags))
    }

    /// Re-arms `direction`; returns whether that changed anything.
    fn mark_drained(&mut self, direction: Ready, drained: Drained) -> bool {
        self.changes = self.changes.wrapping_add(1);
        self.trigger.mark_drained(direction, drained)
    }

    /// Asks what there is to report at this moment; nothing if the system cannot tell.
    fn look(&self) -> c_short {
        let mut pollfd = [self.pollfd()];
        let looked = poll(&mut pollfd, Some(Duration::ZERO));
        looked.map_or(0, |()| pollfd[0].revents)
    }
}

impl List {
    fn insert(&mut self, watch: Watch) {
        let place = *self.places.entry(watch.fd).or_insert(self.watches.len());
        let pollfd = watch.pollfd();
        if place == self.watches.len() {
            self.watches.push(watch);
            self.pollfds.push(pollfd);
        } else {
            self.watches[place] = watch;
            self.pollfds[place] = pollfd;
        }
    }

    fn get(&self, fd: RawFd) -> Option<&Watch> {
        self.places.get(&fd).map(|&place| &self.watches[place])
    }

    fn remove(&mut self, fd: RawFd) -> bool {
        let Some(place) = self.places.remove(&fd) else {
            return false;
        };
        self.watches.swap_remove(place);
        self.pollfds.swap_remove(place);
        if let Some(moved) = self.watches.get(place) {
            self.places.insert(moved.fd, place);
        }
        true
    }

    /// Changes a watch, unless it is of another registration by now.
    fn update<R>(
        &mut self,
        fd: RawFd,
        key: Key,
        change: impl FnOnce(&mut Watch) -> R,
    ) -> Option<R> {
        let place = *self.places.get(&fd)?;
        let watch = &mut self.watches[place];
        if watch.key != key {
            return None;
        }
        let result = change(watch);
        self.pollfds[place] = watch.pollfd();
        Some(result)
    }

    fn copy_to(&self, scratch: &mut Copied, wake: BorrowedFd<'_>) {
        scratch.pollfds.clear();
        scratch.pollfds.extend_from_slice(&self.pollfds);
        scratch.pollfds.push(libc::pollfd {
            fd: wake.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        });
        scratch.watches.clear();
        scratch
            .watches
            .extend(self.watches.iter().map(|watch| (watch.key, watch.changes)));
    }

    /// Converts the results of `poll(2)` on a copy of the watches into events.
    fn harvest(&mut self, scratch: &Copied, events: &mut Vec<RawEvent>, room: usize) {
        let count = scratch.watches.len();
        if count == 0 {
            return;
        }
        let start = self.first % count;
        let limit = events.len() + room;
        for at in (start..count).chain(0..start) {
            let pollfd = &scratch.pollfds[at];
            if pollfd.revents == 0 {
                continue;
            }
            if events.len() == limit {
                self.first = at;
                return;
            }
            let (key, changes) = scratch.watches[at];
            if pollfd.revents & libc::POLLNVAL != 0 {
                // Closed without being deregistered, as only a borrowed descriptor can be. If it was
                // reregistered since, another descriptor of the file has the number.
                let unchanged = |watch: &mut Watch| watch.changes == changes;
                if self.update(pollfd.fd, key, unchanged) == Some(true) {
                    self.remove(pollfd.fd);
                }
                continue;
            }
            let report = self.update(pollfd.fd, key, |watch| {
                // The source may have been drained since, or be watched for something else: an edge or
                // a oneshot would be spent on an old report, and the next one be lost.
                let stale = watch.changes != changes;
                let flags = if stale { watch.look() } else { pollfd.revents };
                (watch.report(flags), implied(flags))
            });
            if let Some((ready, implied)) = report.filter(|(ready, _)| !ready.is_empty()) {
                events.push(RawEvent::new(key, ready, implied));
            }
        }
    }
}

impl PollDriver {
    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Makes the leader take a new copy, if it sleeps on an old one.
    fn changed(&self, list: MutexGuard<'_, List>) -> io::Result<()> {
        let copied = list.copied;
        drop(list);
        if copied { self.wake() } else { Ok(()) }
    }

    /// Makes the leader let go of what was removed, and waits until it has: as long as it sleeps, the
    /// system keeps every file of its copy open, closed or not.
    fn removed(&self, list: MutexGuard<'_, List>) -> io::Result<()> {
        let asleep = list.copied.then_some(list.copies);
        self.changed(list)?;
        if let Some(copies) = asleep {
            let holds = |list: &mut List| list.copied && list.copies == copies;
            let list = self.awoken.wait_while(self.list(), holds);
            drop(list.unwrap_or_else(|e| e.into_inner()));
        }
        Ok(())
    }

    /// Waits until this thread is the leader, and returns what is left of `timeout` then; `None` if the
    /// time ran out before.
    fn lead(&self, timeout: Option<Duration>) -> Option<(Leader<'_>, Option<Duration>)> {
        let mut led = self.led.lock().unwrap_or_else(|e| e.into_inner());
        let mut left = timeout;
        if *led {
            (led, left) = match timeout {
                None => {
                    let led = self.leader_left.wait_while(led, |led| *led);
                    (led.unwrap_or_else(|e| e.into_inner()), None)
                }
                Some(timeout) => {
                    let start = Instant::now();
                    let led = self
                        .leader_left
                        .wait_timeout_while(led, timeout, |led| *led)
                        .unwrap_or_else(|e| e.into_inner())
                        .0;
                    (led, Some(timeout.saturating_sub(start.elapsed())))
                }
            };
            if *led {
                return None;
            }
        }
        *led = true;
        Some((Leader(self), left))
    }
}

/// The thread that sleeps in the system, until dropped.
struct Leader<'a>(&'a PollDriver);

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        *self.0.led.lock().unwrap_or_else(|e| e.into_inner()) = false;
        self.0.leader_left.notify_one();
    }
}

impl Driver for PollDriver {
    const EMULATES_EDGES: bool = true;

    fn new() -> io::Result<PollDriver> {
        Ok(PollDriver {
            wake: WakeFd::new()?,
            list: Mutex::default(),
            led: Mutex::new(false),
            leader_left: Condvar::new(),
            awoken: Condvar::new(),
        })
    }

    fn use_millisecond_timeouts() {
        PRECISE.store(false, Ordering::Relaxed);
    }

    fn register(
        &self,
        fd: RawFd,
        key: Key,
        interest: Ready,
        opts: PollOpt,
        adopt: bool,
        _clone_of: Option<Key>,
    ) -> io::Result<()> {
        let file = file(fd)?;
        check_watchable(fd)?;
        let mut list = self.list();
        if !adopt && list.get(fd).is_some_and(|watch| watch.file == file) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        list.insert(Watch::new(fd, file, key, interest, opts));
        self.changed(list)
    }

    fn reregister(&self, fd: RawFd, key: Key, interest: Ready, opts: PollOpt) -> io::Result<()> {
        let file = file(fd)?;
        let mut list = self.list();
        let Some(old) = list.get(fd).filter(|watch| watch.file == file) else {
            list.remove(fd);
            // Should the handle fail, the leader only hears of it later. Any other error than this would have
            // the caller watch the file that has the number now.
            let _late = self.removed(list).is_err();
            return Err(io::ErrorKind::NotFound.into());
        };
        let changes = old.changes.wrapping_add(1);
        let new = Watch::new(fd, file, key, interest, opts);
        list.insert(Watch { changes, ..new });
        self.changed(list)
    }

    fn deregister(&self, fd: RawFd, _key: Key) -> io::Result<()> {
        let mut list = self.list();
        if !list.remove(fd) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.removed(list)
    }

    fn forget(&self, fd: RawFd, key: Key) {
        // Should the handle fail, the leader only hears of it later.
        let _late = self.deregister(fd, key).is_err();
    }

    fn mark_drained(&self, fd: RawFd, key: Key, direction: Ready, drained: Drained) -> bool {
        let mut list = self.list();
        let rearmed =
            list.update(fd, key, |watch| watch.mark_drained(direction, drained)) == Some(true);
        if rearmed {
            // Should the handle fail, the leader takes the change over with its next copy.
            let _late = self.changed(list).is_err();
        }
        rearmed
    }

    fn wait(
        &self,
        events: &mut Vec<RawEvent>,
        room: usize,
        scratch: &mut Scratch,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let scratch = &mut scratch.poll;
        if timeout == Some(Duration::ZERO) {
            self.list().copy_to(scratch, self.wake.as_fd());
            poll(&mut scratch.pollfds, timeout)?;
            let mut list = self.list();
            // The caller looks at its queue next, so that a wake is not lost. A leader that sleeps on
            // the handle needs it to learn of a change of the list.
            if scratch.is_woken() && !list.copied {
                self.wake.clear();
            }
            list.harvest(scratch, events, room);
            return Ok(());
        }
        let Some((leader, timeout)) = self.lead(timeout) else {
            return Ok(());
        };
        let mut list = self.list();
        list.copied = true;
        list.copies = list.copies.wrapping_add(1);
        list.copy_to(scratch, self.wake.as_fd());
        drop(list);
        let result = poll(&mut scratch.pollfds, timeout);
        let mut list = self.list();
        list.copied = false;
        self.awoken.notify_all();
        if scratch.is_woken() {
            // Whoever set the handle did so after its change, which is seen from here on.
            self.wake.clear();
        }
        if result.is_ok() {
            list.harvest(scratch, events, room);
        }
        drop(list);
        drop(leader);
        result
    }

    fn wake(&self) -> io::Result<()> {
        self.wake.set()
    }
}

impl AsFd for PollDriver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

/// Whether waits have the resolution of nanoseconds, where there is `ppoll(2)`.
static PRECISE: AtomicBool = AtomicBool::new(true);

/// Waits for one of `pollfds`; returns early where less than a millisecond is left.
///
/// `ppoll` waits for that rest alone: some sandboxes refuse it, and on Linux it goes on after SIGSTOP
/// and SIGCONT with the time that was left before.
fn poll(pollfds: &mut [libc::pollfd], timeout: Option<Duration>) -> io::Result<()> {
    let rest = match timeout {
        Some(rest) if !rest.is_zero() && PRECISE.load(Ordering::Relaxed) => rest,
        _ => return poll_milliseconds(pollfds, milliseconds(timeout)),
    };
    if rest >= Duration::from_millis(1) {
        let whole = c_int::try_from(rest.as_millis()).unwrap_or(c_int::MAX);
        return poll_milliseconds(pollfds, whole);
    }
    match poll_precisely(pollfds, rest) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => {}
        result => return result,
    }
    poll_milliseconds(pollfds, 1)?;
    PRECISE.store(false, Ordering::Relaxed);
    Ok(())
}

/// Waits for one of `pollfds`, for at most so many milliseconds, -1 being for ever.
fn poll_milliseconds(pollfds: &mut [libc::pollfd], milliseconds: c_int) -> io::Result<()> {
    let (first, count) = (pollfds.as_mut_ptr(), pollfds.len());
    // SAFETY: pointer and count are of one slice that is borrowed for the call.
    let result = unsafe { libc::poll(first, count as libc::nfds_t, milliseconds) };
    polled(result, count)
}

cfg_if::cfg_if! {
    if #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
    ))] {
        /// Waits for one of `pollfds`, with the resolution of nanoseconds.
        fn poll_precisely(pollfds: &mut [libc::pollfd], timeout: Duration) -> io::Result<()> {
            let timeout = super::fd::timespec(timeout);
            let (first, count) = (pollfds.as_mut_ptr(), pollfds.len());
            // SAFETY: pointer and count are of one slice that is borrowed for the call, the timeout
            // outlives it, and no signal mask is given.
            let result = unsafe {
                libc::ppoll(first, count as libc::nfds_t, &timeout, std::ptr::null())
            };
            polled(result, count)
        }
    } else {
        /// Waits for one of `pollfds`, in whole milliseconds.
        fn poll_precisely(pollfds: &mut [libc::pollfd], timeout: Duration) -> io::Result<()> {
            poll_milliseconds(pollfds, milliseconds(Some(timeout)))
        }
    }
}

/// Turns -1 into the error that `errno` holds, and explains `EINVAL`, which has one cause here.
fn polled(result: c_int, count: usize) -> io::Result<()> {
    check(result).map(drop).map_err(|error| {
        if error.raw_os_error() != Some(libc::EINVAL) {
            return error;
        }
        let text = format!(
            "poll(2) refuses to watch {count} descriptors, the Poll's own included: RLIMIT_NOFILE \
             is lower"
        );
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })
}

cfg_if::cfg_if! {
    if #[cfg(all(not(readywire_bsd_kernel), any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "illumos",
    )))] {
        /// The peer closed its sending half.
        const READ_CLOSED: Option<c_short> = Some(libc::POLLRDHUP);
    } else {
        /// Not told here: a half-close shows as readable alone.
        const READ_CLOSED: Option<c_short> = None;
    }
}

/// The flags that ask the system for what may be reported.
pub(super) fn request(reported: Ready) -> c_short {
    let mut flags = 0;
    if reported.is_readable() {
        flags |= c_int::from(libc::POLLIN);
    }
    if reported.is_read_closed() {
        flags |= READ_CLOSED.map_or(0, c_int::from);
    }
    if reported.is_writable() {
        flags |= c_int::from(libc::POLLOUT);
    }
    if reported.is_priority() {
        flags |= c_int::from(libc::POLLPRI);
    }
    flags as c_short
}

/// What the flags of a `pollfd` mean.
pub(super) fn readiness(flags: c_short) -> Ready {
    let flags = c_int::from(flags);
    let mut readiness = Ready::empty();
    let has = |flag: c_short| flags & c_int::from(flag) != 0;
    // After an error or a hang-up neither a read nor a write would block, which the system does not
    // say of every kind of descriptor: at the end of a pipe, for one.
    let over = has(libc::POLLERR) || has(libc::POLLHUP);
    // A closed stream is readable, also where `POLLIN` was not asked for because it was reported before.
    let closed = READ_CLOSED.is_some_and(has);
    readiness.set(Ready::READABLE, has(libc::POLLIN) || closed || over);
    readiness.set(Ready::WRITABLE, has(libc::POLLOUT) || over);
    readiness.set(Ready::PRIORITY, has(libc::POLLPRI));
    readiness.set(Ready::ERROR, has(libc::POLLERR));
    readiness.set(Ready::HUP, has(libc::POLLHUP));
    readiness.set(Ready::READ_CLOSED, closed || has(libc::POLLHUP));
    readiness.set(Ready::WRITE_CLOSED, has(libc::POLLHUP));
    readiness
}

/// Which directions are ready for no other reason than an error or a hang-up.
fn implied(flags: c_short) -> Ready {
    let over = flags & (libc::POLLERR | libc::POLLHUP);
    (readiness(over) & DIRECTIONS) - readiness(flags & !over)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn watch(interest: Ready, opts: PollOpt) -> Watch {
        Watch::new(5, (0, 0), Key::from_bits(1), interest, opts)
    }

    #[test]
    fn a_reported_hang_up_takes_the_descriptor_out_of_the_call() {
        let mut watch = watch(Ready::READABLE, PollOpt::EDGE);
        let hung_up = Ready::READABLE | Ready::HUP | Ready::READ_CLOSED;
        assert_eq!(watch.report(libc::POLLHUP), hung_up);
        assert_eq!(watch.pollfd().fd, -1);
        assert!(watch.mark_drained(Ready::READABLE, Drained::Blocked));
        assert_eq!(watch.pollfd().fd, 5);
    }

    #[test]
    fn a_direction_that_was_reported_is_asked_for_no_more() {
        let mut watch = watch(Ready::READABLE | Ready::WRITABLE, PollOpt::EDGE);
        watch.report(libc::POLLIN);
        assert_eq!(watch.pollfd().events & libc::POLLIN, 0);
        assert_eq!(watch.pollfd().events & libc::POLLOUT, libc::POLLOUT);
        assert!(watch.mark_drained(Ready::READABLE, Drained::Blocked));
        assert_eq!(watch.pollfd().events & libc::POLLIN, libc::POLLIN);
    }

    #[test]
    fn a_oneshot_that_fired_is_left_out_of_the_call() {
        let mut watch = watch(Ready::READABLE, PollOpt::ONESHOT);
        assert_eq!(watch.pollfd().fd, 5);
        assert_eq!(watch.report(libc::POLLIN), Ready::READABLE);
        assert_eq!(watch.pollfd().fd, -1);
    }

    #[test]
    fn what_was_drained_after_the_call_is_not_reported_and_stays_armed() {
        let (source, peer) = testkit::unix_pair();
        let (fd, key) = (source.as_raw_fd(), Key::from_bits(1));
        let mut list = List::default();
        list.insert(Watch::new(fd, (0, 0), key, Ready::READABLE, PollOpt::EDGE));
        let mut copied = Copied::default();
        let ready = |list: &List, copied: &mut Copied| {
            (&peer).write_all(b"x").unwrap();
            list.copy_to(copied, source.as_fd());
            poll(&mut copied.pollfds, None).unwrap();
        };
        let harvest = |list: &mut List, copied: &Copied| {
            let mut events = Vec::new();
            list.harvest(copied, &mut events, 8);
            events
                .iter()
                .map(|event| event.kinds().readiness())
                .collect::<Vec<_>>()
        };

        ready(&list, &mut copied);
        testkit::drain(&source);
        list.update(fd, key, |watch| {
            watch.mark_drained(Ready::READABLE, Drained::Blocked)
        });
        assert_eq!(harvest(&mut list, &copied), []);

        ready(&list, &mut copied);
        testkit::drain(&source);
        list.update(fd, key, |watch| {
            watch.mark_drained(Ready::READABLE, Drained::Blocked)
        });
        (&peer).write_all(b"y").unwrap();
        assert_eq!(harvest(&mut list, &copied), [Ready::READABLE]);
        assert_eq!(harvest(&mut list, &copied), []);
    }

    #[test]
    fn a_report_from_before_a_reregister_neither_removes_the_watch_nor_spends_its_oneshot() {
        let (source, peer) = testkit::unix_pair();
        let (fd, key) = (source.as_raw_fd(), Key::from_bits(1));
        let (interest, opts) = (Ready::READABLE, PollOpt::ONESHOT);
        for old in [libc::POLLNVAL, libc::POLLIN] {
            let driver = PollDriver::new().unwrap();
            driver
                .register(fd, key, interest, opts, false, None)
                .unwrap();
            let mut copied = Copied::default();
            driver.list().copy_to(&mut copied, source.as_fd());
            copied.pollfds[0].revents = old;
            driver.reregister(fd, key, interest, opts).unwrap();
            let mut events = Vec::new();
            driver.list().harvest(&copied, &mut events, 8);
            assert!(events.is_empty());

            (&peer).write_all(b"x").unwrap();
            driver.list().copy_to(&mut copied, source.as_fd());
            poll(&mut copied.pollfds, None).unwrap();
            driver.list().harvest(&copied, &mut events, 8);
            assert_eq!(events.len(), 1);
            testkit::drain(&source);
        }
    }

    #[test]
    fn a_closed_descriptor_leaves_the_list() {
        let (source, _peer) = testkit::unix_pair();
        let key = Key::from_bits(1);
        let mut list = List::default();
        // No other test of this program can get the number.
        let closed = RawFd::MAX;
        list.insert(Watch::new(
            closed,
            (0, 0),
            key,
            Ready::READABLE,
            PollOpt::LEVEL,
        ));
        let mut copied = Copied::default();
        list.copy_to(&mut copied, source.as_fd());
        poll(&mut copied.pollfds, None).unwrap();
        let mut events = Vec::new();
        list.harvest(&copied, &mut events, 8);
        assert!(events.is_empty());
        assert!(list.get(closed).is_none() && list.pollfds.is_empty());
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn a_descriptor_is_not_watched_if_the_system_does_not_say_that_it_can_be() {
        let (source, _peer) = testkit::unix_pair();
        testkit::in_child(|| {
            testkit::lower_descriptor_limit(0);
            let error = check_watchable(source.as_raw_fd()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            // LeakSanitizer opens files as the process ends.
            testkit::lower_descriptor_limit(64);
        });
    }

    #[test]
    fn a_descriptor_that_is_not_open_cannot_be_watched() {
        let error = check_watchable(RawFd::MAX).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
        let (source, _peer) = testkit::unix_pair();
        check_watchable(source.as_raw_fd()).unwrap();
    }

    /// Where the kernel has both calls.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn less_than_a_millisecond_is_waited_for_by_ppoll_alone() {
        use testkit::{Call, Refusal, in_child, refuse};

        const SHORT: Duration = Duration::from_nanos(999_999);

        in_child(|| {
            if !refuse(&[Call::any(libc::SYS_poll)], Refusal::Errno(libc::EPERM)) {
                return;
            }
            for timeout in [Duration::from_nanos(1), SHORT] {
                poll(&mut [], Some(timeout)).unwrap();
            }
            let long = Duration::from_micros(1_500);
            for timeout in [Some(Duration::ZERO), Some(long), None] {
                let error = poll(&mut [], timeout).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{timeout:?}");
            }
        });
        in_child(|| {
            if !refuse(&[Call::any(libc::SYS_ppoll)], Refusal::Errno(libc::EINTR)) {
                return;
            }
            for _ in 0..2 {
                let error = poll(&mut [], Some(SHORT)).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::Interrupted);
            }
        });
    }

    #[test]
    fn flags_become_readiness() {
        let either = Ready::READABLE | Ready::WRITABLE;
        let closed = Ready::HUP | Ready::READ_CLOSED | Ready::WRITE_CLOSED | either;
        let table = [
            (0, Ready::empty()),
            (libc::POLLIN, Ready::READABLE),
            (libc::POLLOUT, Ready::WRITABLE),
            (libc::POLLPRI, Ready::PRIORITY),
            (libc::POLLERR, Ready::ERROR | either),
            (libc::POLLHUP, closed),
            (
                libc::POLLIN | libc::POLLOUT,
                Ready::READABLE | Ready::WRITABLE,
            ),
        ];
        for (flags, expected) in table {
            assert_eq!(readiness(flags), expected, "{flags:#x}");
        }
        if let Some(flag) = READ_CLOSED {
            assert_eq!(readiness(flag), Ready::READABLE | Ready::READ_CLOSED);
            assert_eq!(implied(flag), Ready::empty());
        }
    }

    #[test]
    fn what_an_end_alone_says_is_implied() {
        let both = Ready::READABLE | Ready::WRITABLE;
        let table = [
            (libc::POLLIN | libc::POLLOUT, Ready::empty()),
            (libc::POLLERR, both),
            (libc::POLLERR | libc::POLLOUT, Ready::READABLE),
            (libc::POLLHUP | libc::POLLIN, Ready::WRITABLE),
        ];
        for (flags, expected) in table {
            assert_eq!(implied(flags), expected, "{flags:#x}");
        }
    }

    #[test]
    fn a_list_keeps_its_places_through_removals() {
        let mut list = List::default();
        for fd in 0..4 {
            list.insert(Watch::new(
                fd,
                (0, 0),
                Key::from_bits(fd as u64),
                Ready::READABLE,
                PollOpt::LEVEL,
            ));
        }
        assert!(list.remove(0));
        assert!(!list.remove(0));
        assert!(list.remove(3));
        for fd in [1, 2] {
            let key = list.update(fd, Key::from_bits(fd as u64), |watch| watch.fd);
            assert_eq!(key, Some(fd));
        }
        assert_eq!(list.pollfds.len(), 2);
    }
}
