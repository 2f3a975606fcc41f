//! The operating systems. Nothing outside this module names one.

use std::io;
use std::time::Duration;

use token_ready::{PollOpt, Ready};

use crate::BusyPoll;
use crate::key::Key;

mod trigger;

pub(crate) use self::trigger::Drained;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

cfg_if::cfg_if! {
    if #[cfg(unix)] {
        pub use self::unix::{AsSource, EventedFd, EventedPoll};
        #[cfg(fuzzing)]
        pub use self::unix::fuzzing;
        pub(crate) use self::unix::{
            BACKENDS, CONNECTING, PENDING, RawEvent, RawSource, Scratch, Selector, code, index,
            set_nonblocking,
        };
    } else if #[cfg(windows)] {
        pub use self::windows::AsSource;
        pub(crate) use self::windows::{
            BACKENDS, CONNECTING, PENDING, RawEvent, RawSource, Scratch, Selector, code, index,
            set_nonblocking,
        };
    } else {
        compile_error!("readywire needs a Unix (epoll, kqueue or poll) or Windows 10 (AFD)");
    }
}

// Plain logic, whose tests run on every system.
#[cfg(all(test, not(windows)))]
#[path = "windows"]
mod afd {
    #[expect(dead_code, reason = "some of it is for the driver alone")]
    mod endpoint;
    mod flags;
}

/// What a backend does for a `Poll`.
///
/// Every method may be called from any thread at any time. A backend keeps the [`Key`] of each
/// source and puts it on the source's events; it need not tell old keys from new ones.
pub(crate) trait Driver: Sized {
    /// Whether the caller must call [`mark_drained`](Driver::mark_drained) when it has drained a source.
    const EMULATES_EDGES: bool;

    fn new() -> io::Result<Self>;

    /// Leaves out every system call that serves a finer resolution than a millisecond, for good and in
    /// the whole process.
    fn use_millisecond_timeouts() {}

    /// Returns how often the process has forked, where a source that is closed stays in the kernel's set
    /// as long as a child has a duplicate of it.
    #[inline]
    fn forks() -> u32 {
        0
    }

    /// Begins to watch a source. If it is watched already the error is `AlreadyExists`, unless
    /// `adopt`: then the old watch is known to be a left-over, and is taken over. `clone_of` is the
    /// registration of a clone of the source with the same `Poll`, if there is one.
    fn register(
        &self,
        source: RawSource,
        key: Key,
        interest: Ready,
        opts: PollOpt,
        adopt: bool,
        clone_of: Option<Key>,
    ) -> io::Result<()>;

    /// Changes how a source is watched, and looks at it again: what it is ready for at this moment
    /// is reported, under `key`. That is mostly the key it has already.
    fn reregister(
        &self,
        source: RawSource,
        key: Key,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()>;

    /// Stops watching a source.
    fn deregister(&self, source: RawSource, key: Key) -> io::Result<()>;

    /// Stops watching a source whose only descriptor is about to be closed.
    fn forget(&self, source: RawSource, key: Key);

    /// Lets an emulated edge come again, after the source was drained in `direction`; returns
    /// whether that changed anything.
    fn mark_drained(&self, source: RawSource, key: Key, direction: Ready, drained: Drained)
    -> bool;

    /// Waits until a source is ready, [`wake`](Driver::wake) is called or `timeout` has passed, and
    /// appends at most `room` events, which is at least one.
    ///
    /// It may return early with no event, and does where the caller must look at its queue. After a
    /// signal it fails with `Interrupted`.
    fn wait(
        &self,
        events: &mut Vec<RawEvent>,
        room: usize,
        scratch: &mut Scratch,
        timeout: Option<Duration>,
    ) -> io::Result<()>;

    /// How late a timeout may run out beyond the time it takes to wake up.
    #[inline]
    fn slack(&self) -> Duration {
        Duration::ZERO
    }

    /// Makes one thread that waits, or the next one that will, return.
    fn wake(&self) -> io::Result<()>;

    /// Sets for how long a wait asks network devices for packets before it sleeps.
    fn set_busy_poll(&self, _params: BusyPoll) -> io::Result<()> {
        Err(BusyPoll::unsupported())
    }

    /// Returns what was set by [`set_busy_poll`](Driver::set_busy_poll).
    fn busy_poll(&self) -> io::Result<BusyPoll> {
        Err(BusyPoll::unsupported())
    }
}
