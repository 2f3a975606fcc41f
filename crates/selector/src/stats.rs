//! Counters of what a `Poll` did.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What a [`Poll`](crate::Poll) did since it was made, read with [`Poll::stats`](crate::Poll::stats).
///
/// Counts wrap around at `usize::MAX`.
///
/// ```
/// use selector::{Events, Poll};
/// use std::time::Duration;
///
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// poll.poll(&mut events, Some(Duration::ZERO))?;
/// assert_eq!(poll.stats().polls, 1);
/// assert_eq!(poll.stats().events, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls of `poll` and `poll_interruptible`.
    pub polls: usize,
    /// Events that those calls returned.
    pub events: usize,
    /// Events that were dropped because their registration had ended.
    pub stale: usize,
    /// Wakes that cost a system call.
    pub wakes_sent: usize,
    /// Wakes that cost none: a poller was awake or another wake was pending.
    pub wakes_elided: usize,
    /// Edges that were armed anew after `WouldBlock`, on a backend that emulates them.
    pub rearms: usize,
}

/// The live counters.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) polls: Counter,
    pub(crate) events: Counter,
    pub(crate) stale: Counter,
    pub(crate) wakes_sent: Counter,
    pub(crate) wakes_elided: Counter,
    pub(crate) rearms: Counter,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            polls: self.polls.get(),
            events: self.events.get(),
            stale: self.stale.get(),
            wakes_sent: self.wakes_sent.get(),
            wakes_elided: self.wakes_elided.get(),
            rearms: self.rearms.get(),
        }
    }
}

/// A number that only grows.
#[derive(Default)]
pub(crate) struct Counter(AtomicUsize);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
