//! `kqueue(2)`, on macOS and its kin and the BSDs.
//!
//! A source is one filter or several; what they report in one batch is joined into one event. The
//! kernel keeps the generation of a key with each filter, the descriptor is its identity. What a
//! filter cannot tell by itself (whether a oneshot was reported through another one, whether there
//! is anything to hand out) is read from the source's [`Watch`], under the lock that changes are
//! made under; the common sources need no such look.
//!
//! Limits of the systems, which `Poll` documents: out-of-band data has a filter on Apple's
//! systems, OpenBSD and DragonFly alone, and a pending error shows as `ERROR` when it ended the
//! connection, else as plain readiness of a call that returns it.

use std::collections::HashMap;
use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use token_ready::{PollOpt, Ready};

use super::fd::check;
use super::kevent::{self, Kevent, Selected};
use super::knote::{self, Change, Filter, Kind, Places, Then, Watch};
use super::poll::Copied;
use super::{DIRECTIONS, RawEvent, WakeFd};
use crate::key::{Index, Key};
use crate::sys::{Drained, Driver};

pub(crate) struct Kqueue {
    queue: OwnedFd,
    wake: Wake,
    watches: Mutex<HashMap<RawFd, Watch>>,
}

/// What ends a wait.
enum Wake {
    /// A user event.
    User,
    /// For systems without: NetBSD before 10, OpenBSD before 7.8.
    Pipe(WakeFd),
}

/// What a poller keeps from wait to wait.
#[derive(Default)]
pub(crate) struct Scratch {
    kevents: Vec<Kevent>,
    places: Places,
    /// A queue to ask about a single descriptor, made when it is first needed.
    other: Option<OwnedFd>,
    pub(super) poll: Copied,
}

/// The user event that wakes; no descriptor has this number.
const WAKE: usize = usize::MAX;

impl Kqueue {
    fn watches(&self) -> MutexGuard<'_, HashMap<RawFd, Watch>> {
        self.watches.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Makes changes to one source; returns the error number of each, or zero.
    fn change(&self, fd: RawFd, mark: u32, changes: &[Change]) -> io::Result<Vec<c_int>> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let mut kevents: Vec<Kevent> = changes
            .iter()
            .map(|&change| encode(fd, mark, change))
            .collect();
        let adds_broken = changes
            .iter()
            .any(|change| matches!(change, Change::Add(Filter::Broken, _)));
        if adds_broken {
            kevents.extend(trigger(fd, mark));
        }
        kevent::change(self.queue.as_fd(), &mut kevents)?;
        let receipts = kevents.iter().take(changes.len());
        Ok(receipts.map(Kevent::error).collect())
    }

    /// Puts `new` in place of `old`; if that fails, `old` stands as it did.
    fn install(&self, fd: RawFd, old: Option<&Watch>, mut new: Watch) -> io::Result<Watch> {
        let Err(error) = self.try_install(fd, old, &mut new) else {
            return Ok(new);
        };
        // Nobody is to hear of a second error; the first one says what is wrong.
        let _second = match old {
            Some(old) => self.change(fd, old.mark(), &old.restore(&new)).is_err(),
            None => self.change(fd, 0, &new.end()).is_err(),
        };
        Err(error)
    }

    fn try_install(&self, fd: RawFd, old: Option<&Watch>, new: &mut Watch) -> io::Result<()> {
        let mark = new.mark();
        let changes = new.replace(old);
        let receipts = self.change(fd, mark, &changes)?;
        let mut refused = None;
        let mut broken = false;
        for (change, error) in changes.into_iter().zip(receipts) {
            match change {
                Change::Add(..) if error == 0 => {}
                Change::Add(Filter::Write, _) if is_broken(fd, error) => broken = true,
                // A source that is watched for its ends need not have both.
                Change::Add(filter, how) if how.ends => {
                    new.remove(filter);
                    refused = refused.or(Some(error));
                }
                Change::Add(..) => return Err(io::Error::from_raw_os_error(error)),
                // The filter is gone, or went with the descriptor.
                Change::Delete(_) | Change::Disable(_) => {}
            }
        }
        if broken {
            let changes = new.break_off();
            let receipts = self.change(fd, new.mark(), &changes)?;
            if receipts.last().is_some_and(|&error| error != 0) {
                return Err(io::Error::from_raw_os_error(libc::EPIPE));
            }
        }
        match refused {
            Some(error) if new.filters().next().is_none() => {
                Err(io::Error::from_raw_os_error(error))
            }
            _ => Ok(()),
        }
    }

    /// Returns whether the system still watches what it was told to, by having it look again.
    fn stands(&self, fd: RawFd, watch: &Watch) -> io::Result<bool> {
        let mut renewed: Vec<Kevent> = watch
            .filters()
            .map(|(filter, how)| select(filter, how.ends))
            .filter(|&selected| selected != kevent::USER)
            .map(|selected| Kevent::new(ident(fd), selected, 0, watch.mark()))
            .collect();
        if renewed.is_empty() {
            return Ok(true);
        }
        kevent::change(self.queue.as_fd(), &mut renewed)?;
        Ok(renewed.iter().any(|receipt| receipt.error() == 0))
    }

    /// What an event is about: the filter; nothing if it is a wake.
    fn filter(&self, event: &Kevent) -> Option<Filter> {
        if event.is_of(kevent::USER) {
            return (event.ident() != WAKE).then_some(Filter::Broken);
        }
        match &self.wake {
            Wake::Pipe(pipe) if event.ident() == ident(pipe.as_fd().as_raw_fd()) => {
                // Whoever set the handle did so after its change, which is seen from here on; and
                // a full pipe would have no edges any more.
                pipe.clear();
                None
            }
            _ if event.is_of(kevent::READ) => Some(Filter::Read),
            _ if event.is_of(kevent::WRITE) => Some(Filter::Write),
            _ => Some(Filter::Except),
        }
    }

    /// Joins what the filters reported into events.
    fn harvest(&self, scratch: &mut Scratch, events: &mut Vec<RawEvent>) {
        let Scratch {
            kevents,
            places,
            other,
            ..
        } = scratch;
        places.begin();
        let mut watches = None;
        let mut changes = Vec::new();
        for kevent in kevents.iter() {
            let Some(mut filter) = self.filter(kevent) else {
                continue;
            };
            let Ok(fd) = RawFd::try_from(kevent.ident()) else {
                continue;
            };
            let Some(index) = Index::of_descriptor(fd) else {
                continue;
            };
            let (key, tracked) = knote::read_mark(index, kevent.mark());
            let mut watch = None;
            if tracked {
                let watches = watches.get_or_insert_with(|| self.watches());
                // One of another key is of the past, and dropped with its event.
                let current = watches.get_mut(&fd).filter(|watch| watch.key == key);
                let Some(current) = current else { continue };
                filter = current.resolve(filter);
                watch = Some(current);
            }
            let urgent = kevent::EXCEPT.map_or(0, |except| except.note);
            let mut ready = knote::readiness(filter, kevent.is_eof(), kevent.note(), urgent);
            if (kevent.is_eof() || filter == Filter::Broken) && !ready.is_hup() {
                ready |= further(fd, filter, other);
            }
            let place = places.find(kevent.ident());
            let place = place.filter(|&place| events[place].key() == key);
            if let Some(watch) = watch {
                let (reported, then) = watch.report(filter, ready, place.is_some());
                if reported.is_empty() {
                    continue;
                }
                ready = reported;
                follow_up(fd, filter, watch, then, &mut changes);
            }
            let implied = knote::implied(filter, ready);
            match place {
                Some(place) => {
                    let before = events[place].kinds();
                    let merged = knote::merge(before.readiness(), ready);
                    let implied = (merged & DIRECTIONS) - before.reported() - (ready - implied);
                    events[place] = RawEvent::new(key, merged, implied);
                }
                None => {
                    places.put(kevent.ident(), events.len());
                    events.push(RawEvent::new(key, ready, implied));
                }
            }
        }
        if !changes.is_empty() {
            // What fails here is a source that was closed meanwhile.
            let _closed = kevent::change(self.queue.as_fd(), &mut changes).is_err();
        }
        drop(watches);
    }
}

impl Driver for Kqueue {
    const EMULATES_EDGES: bool = false;

    fn new() -> io::Result<Kqueue> {
        let queue = kevent::kqueue()?;
        let mut user = [Kevent::new(
            WAKE,
            kevent::USER,
            kevent::ADD | kevent::CLEAR,
            0,
        )];
        kevent::change(queue.as_fd(), &mut user)?;
        let wake = if user[0].error() == 0 {
            Wake::User
        } else {
            let pipe = WakeFd::new()?;
            let reader = ident(pipe.as_fd().as_raw_fd());
            let add = kevent::ADD | kevent::CLEAR;
            let mut read = [Kevent::new(reader, kevent::READ, add, 0)];
            kevent::change(queue.as_fd(), &mut read)?;
            if read[0].error() != 0 {
                return Err(io::Error::from_raw_os_error(read[0].error()));
            }
            Wake::Pipe(pipe)
        };
        Ok(Kqueue {
            queue,
            wake,
            watches: Mutex::default(),
        })
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
        let mut watches = self.watches();
        let old = watches.remove(&fd);
        if let Some(old) = old.as_ref().filter(|_| !adopt) {
            let stands = self.stands(fd, old);
            if !matches!(stands, Ok(false)) {
                watches.insert(fd, old.clone());
                return stands.and(Err(io::ErrorKind::AlreadyExists.into()));
            }
        }
        let new = Watch::new(key, interest, opts, kind(fd));
        let installed = self.install(fd, old.as_ref(), new);
        match installed {
            Ok(new) => watches.insert(fd, new),
            // A left-over still has its filters: whoever registers next takes them over.
            Err(error) => {
                watches.extend(old.map(|old| (fd, old)));
                return Err(error);
            }
        };
        Ok(())
    }

    fn reregister(&self, fd: RawFd, key: Key, interest: Ready, opts: PollOpt) -> io::Result<()> {
        let mut watches = self.watches();
        let Some(watch) = watches.get_mut(&fd) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let new = Watch::new(key, interest, opts, kind(fd));
        *watch = self.install(fd, Some(watch), new)?;
        Ok(())
    }

    fn deregister(&self, fd: RawFd, _key: Key) -> io::Result<()> {
        let mut watches = self.watches();
        let Some(watch) = watches.remove(&fd) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let receipts = self.change(fd, watch.mark(), &watch.end())?;
        let error = receipts
            .into_iter()
            .find(|error| *error != 0 && *error != libc::ENOENT);
        error.map_or(Ok(()), |error| Err(io::Error::from_raw_os_error(error)))
    }

    fn forget(&self, fd: RawFd, _key: Key) {
        let mut watches = self.watches();
        let Some(watch) = watches.remove(&fd) else {
            return;
        };
        // Closing the descriptor does not remove a user event.
        let has_user = watch.has(Filter::Broken) && kevent::BROKEN == kevent::USER;
        if !kevent::FORGETS_CLOSED || has_user {
            // Nobody is left to hear of an error.
            let _gone = self.change(fd, watch.mark(), &watch.end()).is_err();
        }
    }

    fn mark_drained(&self, _fd: RawFd, _key: Key, _direction: Ready, _drained: Drained) -> bool {
        // The kernel has edges of its own.
        false
    }

    fn wait(
        &self,
        events: &mut Vec<RawEvent>,
        room: usize,
        scratch: &mut Scratch,
        mut timeout: Option<Duration>,
    ) -> io::Result<()> {
        let start = events.len();
        loop {
            kevent::wait(self.queue.as_fd(), &mut scratch.kevents, room, timeout)?;
            self.harvest(scratch, events);
            if events.len() > start || scratch.kevents.len() < room {
                return Ok(());
            }
            // A wake that was left behind, or data that nobody asked about, has taken the room of an
            // event. Either has fallen silent by now; it costs a call where a wake fills a batch of one.
            timeout = Some(Duration::ZERO);
        }
    }

    fn wake(&self) -> io::Result<()> {
        match &self.wake {
            Wake::User => {
                let mut trigger = [Kevent::new(WAKE, kevent::USER.triggered(), 0, 0)];
                kevent::change(self.queue.as_fd(), &mut trigger)?;
                match trigger[0].error() {
                    0 => Ok(()),
                    error => Err(io::Error::from_raw_os_error(error)),
                }
            }
            Wake::Pipe(pipe) => pipe.set(),
        }
    }
}

impl AsFd for Kqueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

fn ident(fd: RawFd) -> usize {
    // A negative number is the system's to refuse.
    fd as usize
}

fn select(filter: Filter, ends: bool) -> Selected {
    let selected = match filter {
        Filter::Read => kevent::READ,
        Filter::Write => kevent::WRITE,
        // Not planned where there is none.
        Filter::Except => return kevent::EXCEPT.unwrap_or(kevent::READ),
        Filter::Broken => return kevent::BROKEN,
    };
    if ends {
        selected.without_data()
    } else {
        selected
    }
}

fn encode(fd: RawFd, mark: u32, change: Change) -> Kevent {
    let (filter, ends, flags) = match change {
        Change::Add(filter, how) => {
            let clear = if how.clear { kevent::CLEAR } else { 0 };
            let dispatch = if how.dispatch { kevent::DISPATCH } else { 0 };
            (filter, how.ends, kevent::ADD | clear | dispatch)
        }
        Change::Disable(filter) => (filter, false, kevent::DISABLE),
        Change::Delete(filter) => (filter, false, kevent::DELETE),
    };
    Kevent::new(ident(fd), select(filter, ends), flags, mark)
}

/// Triggers the filter `Broken`, if it is a user event: adding it does not.
fn trigger(fd: RawFd, mark: u32) -> Option<Kevent> {
    let user = kevent::BROKEN == kevent::USER;
    user.then(|| Kevent::new(ident(fd), kevent::USER.triggered(), 0, mark))
}

/// Adds what a report makes necessary to `changes`.
fn follow_up(fd: RawFd, filter: Filter, watch: &Watch, then: Then, changes: &mut Vec<Kevent>) {
    let mark = watch.mark();
    match then {
        Then::Nothing => {}
        Then::Again(how) => {
            changes.push(encode(fd, mark, Change::Add(filter, how)));
            if filter == Filter::Broken {
                changes.extend(trigger(fd, mark));
            }
        }
        Then::Silence => {
            let filters = watch.filters().map(|(filter, _)| filter);
            changes.extend(filters.map(|filter| encode(fd, mark, Change::Disable(filter))));
        }
    }
}

/// Returns whether `EVFILT_WRITE` was refused because nobody reads: `EPIPE`, but NetBSD gives the
/// error of a descriptor that is not open.
fn is_broken(fd: RawFd, error: c_int) -> bool {
    // SAFETY: asks for the flags of a number, open or not; touches no memory of ours.
    let is_open = || check(unsafe { libc::fcntl(fd, libc::F_GETFD) }).is_ok();
    error == libc::EPIPE || error == libc::EBADF && is_open()
}

fn kind(fd: RawFd) -> Kind {
    Kind {
        has_except: kevent::EXCEPT.is_some(),
        is_mute_writer: kevent::MUTE_WRITERS && is_pipe_writer(fd),
    }
}

fn is_pipe_writer(fd: RawFd) -> bool {
    file_type(fd).is_some_and(|file_type| file_type == libc::S_IFIFO)
        && access_mode(fd).is_some_and(|mode| mode == libc::O_WRONLY)
}

/// Returns what `EV_EOF` of one filter means beyond that its end is closed: a hang-up, if the other
/// end is closed as well.
///
/// By now the number may be another source's; then the event is stale, and dropped.
fn further(fd: RawFd, closed: Filter, other: &mut Option<OwnedFd>) -> Ready {
    if file_type(fd).is_some_and(|file_type| file_type != libc::S_IFSOCK) {
        let writes = access_mode(fd).is_some_and(|mode| mode != libc::O_RDONLY);
        return knote::hang_up(writes && closed != Filter::Read);
    }
    let end = match closed {
        Filter::Write => kevent::READ,
        _ => kevent::WRITE,
    };
    match is_closed(fd, end, other) {
        Ok(true) => knote::hang_up(false),
        // Without an answer the source has not hung up as far as is known.
        Ok(false) | Err(_) => Ready::empty(),
    }
}

/// Asks kqueue whether one end of a socket is closed, in a queue of its own: poll(2) has no
/// `POLLHUP` for sockets on NetBSD, and on OpenBSD only for some.
fn is_closed(fd: RawFd, end: Selected, other: &mut Option<OwnedFd>) -> io::Result<bool> {
    let queue = match other {
        Some(queue) => queue,
        None => other.insert(kevent::kqueue()?),
    };
    let mut events = Vec::new();
    let mut add = [Kevent::new(ident(fd), end, kevent::ADD, 0)];
    kevent::change(queue.as_fd(), &mut add)?;
    let waited = kevent::wait(queue.as_fd(), &mut events, 1, Some(Duration::ZERO));
    // Also after an error: what stays would answer the next question.
    let mut delete = [Kevent::new(ident(fd), end, kevent::DELETE, 0)];
    kevent::change(queue.as_fd(), &mut delete)?;
    waited?;
    Ok(events.iter().any(Kevent::is_eof))
}

/// Returns the type of a descriptor's file, one of libc's `S_IF` constants.
fn file_type(fd: RawFd) -> Option<libc::mode_t> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: there is room for the structure; the kernel checks the descriptor.
    check(unsafe { libc::fstat(fd, stat.as_mut_ptr()) }).ok()?;
    // SAFETY: the call has succeeded, and has written all of it.
    let stat = unsafe { stat.assume_init() };
    Some(stat.st_mode & libc::S_IFMT)
}

/// Returns whether a descriptor is open for reading, writing or both: `O_RDONLY`, `O_WRONLY` or
/// `O_RDWR`.
fn access_mode(fd: RawFd) -> Option<c_int> {
    // SAFETY: reads the flags of a number, open or not; touches no memory of ours.
    let flags = check(unsafe { libc::fcntl(fd, libc::F_GETFL) }).ok()?;
    Some(flags & libc::O_ACCMODE)
}
