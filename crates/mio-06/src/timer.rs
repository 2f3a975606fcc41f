//! A timer that is a source.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::error;
use std::fmt;
use std::io;
use std::result;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::event::Evented;
use crate::{Poll, PollOpt, Ready, Registration, SetReadiness, Token};

/// A set of timeouts, each with a state of type `T`.
///
/// The timer is readable once a timeout has expired, until [`poll`](Timer::poll) returns `None`. Time is counted in
/// ticks: a delay is rounded to the nearest tick, and a timeout expires at the next tick at the earliest.
pub struct Timer<T> {
    clock: Clock,
    /// By their tick; of one tick, the latest first.
    timeouts: BTreeMap<(u64, Reverse<u64>), T>,
    made: u64,
    /// The tick up to which timeouts were taken out.
    tick: u64,
    registered: OnceLock<Registered>,
}

/// Makes a [`Timer`].
pub struct Builder {
    tick: Duration,
}

/// Names a timeout, to cancel it.
#[derive(Clone, Debug)]
pub struct Timeout {
    tick: u64,
    number: u64,
}

#[derive(Clone, Copy)]
struct Clock {
    start: Instant,
    tick: u64,
}

impl Clock {
    fn now(self) -> u64 {
        self.tick_of(self.start.elapsed())
    }

    /// Returns the tick next to a time after the start.
    fn tick_of(self, time: Duration) -> u64 {
        milliseconds(time).saturating_add(self.tick / 2) / self.tick
    }

    /// Returns when a tick begins; `None` for one that the clock cannot count.
    fn begin(self, tick: u64) -> Option<Instant> {
        let after = tick.checked_mul(self.tick)?.saturating_sub(self.tick / 2);
        self.start.checked_add(Duration::from_millis(after))
    }
}

/// Rounds up to milliseconds.
fn milliseconds(time: Duration) -> u64 {
    let rounded = time.as_nanos().div_ceil(1_000_000);
    u64::try_from(rounded).unwrap_or(u64::MAX)
}

impl Builder {
    /// Sets how long a tick is; 100 ms by default.
    pub fn tick_duration(mut self, duration: Duration) -> Builder {
        self.tick = duration;
        self
    }

    /// Does nothing: there are no slots.
    pub fn num_slots(self, _num_slots: usize) -> Builder {
        self
    }

    /// Does nothing: there is room for any number of timeouts.
    pub fn capacity(self, _capacity: usize) -> Builder {
        self
    }

    /// Makes the timer.
    pub fn build<T>(self) -> Timer<T> {
        let clock = Clock {
            start: Instant::now(),
            tick: milliseconds(self.tick).max(1),
        };
        Timer {
            clock,
            timeouts: BTreeMap::new(),
            made: 0,
            tick: 0,
            registered: OnceLock::new(),
        }
    }
}

impl Default for Builder {
    fn default() -> Builder {
        Builder {
            tick: Duration::from_millis(100),
        }
    }
}

impl<T> Timer<T> {
    /// Begins a timeout that is over after `delay_from_now`.
    ///
    /// # Errors
    /// None.
    pub fn set_timeout(&mut self, delay_from_now: Duration, state: T) -> Result<Timeout> {
        let after = self.clock.start.elapsed().saturating_add(delay_from_now);
        let tick = self.clock.tick_of(after).max(self.tick + 1);
        let number = self.made;
        self.made += 1;
        self.timeouts.insert((tick, Reverse(number)), state);
        self.schedule();
        Ok(Timeout { tick, number })
    }

    /// Cancels a timeout and returns its state; `None` if [`poll`](Timer::poll) has returned it.
    pub fn cancel_timeout(&mut self, timeout: &Timeout) -> Option<T> {
        self.timeouts
            .remove(&(timeout.tick, Reverse(timeout.number)))
    }

    /// Returns the state of a timeout that is over.
    pub fn poll(&mut self) -> Option<T> {
        self.tick = self.tick.max(self.clock.now());
        if let Some(first) = self.timeouts.first_entry() {
            let (tick, _) = *first.key();
            if tick <= self.tick {
                return Some(first.remove());
            }
        }
        if let Some(registered) = self.registered.get() {
            // The thread that waits has the same handle: it reports again at the next timeout.
            let _failed = registered
                .set_readiness
                .set_readiness(Ready::empty())
                .is_err();
        }
        self.schedule();
        None
    }

    /// Has the thread wait for the first timeout.
    fn schedule(&self) {
        let first = self.timeouts.first_key_value();
        if let (Some(registered), Some((&(tick, _), _))) = (self.registered.get(), first) {
            registered.alarm.set(tick);
        }
    }

    fn registered(&self) -> io::Result<&Registered> {
        let registered = self.registered.get();
        registered.ok_or_else(|| io::Error::other("the timer is not registered"))
    }
}

impl<T> Default for Timer<T> {
    fn default() -> Timer<T> {
        Builder::default().build()
    }
}

impl<T> Evented for Timer<T> {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let refused = || io::Error::other("the timer is registered already");
        if self.registered.get().is_some() {
            return Err(refused());
        }
        let (registration, set_readiness) = Registration::new(poll, token, interest, opts);
        let alarm = Arc::new(Alarm::default());
        let (ringer, handle, clock) = (Arc::clone(&alarm), set_readiness.clone(), self.clock);
        thread::Builder::new().spawn(move || ringer.run(clock, &handle))?;
        let registered = Registered {
            registration,
            set_readiness,
            alarm,
        };
        // Another thread may have registered it since.
        self.registered.set(registered).map_err(|_| refused())?;
        self.schedule();
        Ok(())
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let registration = &self.registered()?.registration;
        Evented::reregister(registration, poll, token, interest, opts)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        Evented::deregister(&self.registered()?.registration, poll)
    }
}

struct Registered {
    registration: Registration,
    set_readiness: SetReadiness,
    alarm: Arc<Alarm>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.alarm.change(|due| due.ended = true);
    }
}

/// What the thread waits for that sets the readiness.
#[derive(Default)]
struct Alarm {
    due: Mutex<Due>,
    changed: Condvar,
}

#[derive(Default)]
struct Due {
    tick: Option<u64>,
    ended: bool,
}

impl Alarm {
    fn lock(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn change(&self, change: impl FnOnce(&mut Due)) {
        change(&mut self.lock());
        self.changed.notify_one();
    }

    /// Has it ring at `tick`, or before if it is to ring before.
    fn set(&self, tick: u64) {
        if self.lock().tick.is_none_or(|first| tick < first) {
            self.change(|due| due.tick = Some(tick));
        }
    }

    /// Rings until the timer is gone.
    fn run(&self, clock: Clock, set_readiness: &SetReadiness) {
        let mut due = self.lock();
        while !due.ended {
            let begin = due.tick.and_then(|tick| clock.begin(tick));
            let left = begin.map(|begin| begin.saturating_duration_since(Instant::now()));
            due = match left {
                None => self.changed.wait(due).unwrap_or_else(|e| e.into_inner()),
                Some(Duration::ZERO) => {
                    due.tick = None;
                    // It does not fail, and nobody could be told.
                    let _failed = set_readiness.set_readiness(Ready::readable()).is_err();
                    due
                }
                Some(left) => {
                    let waited = self.changed.wait_timeout(due, left);
                    waited.unwrap_or_else(|e| e.into_inner()).0
                }
            };
        }
    }
}

/// The result of a [`Timer`].
pub type Result<T> = result::Result<T, TimerError>;

/// The result of a [`Timer`].
pub type TimerResult<T> = Result<T>;

/// The result of a [`Timer`].
pub type OldTimerResult<T> = Result<T>;

/// The error of a [`Timer`], which has none.
#[derive(Debug)]
pub struct TimerError;

impl fmt::Display for TimerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimerError")
    }
}

impl error::Error for TimerError {}

/// The kinds of [`TimerError`].
#[derive(Debug)]
pub enum TimerErrorKind {
    /// There are too many timeouts, which is never so.
    TimerOverflow,
}

impl fmt::Display for TimerErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimerOverflow")
    }
}
