//! Counters of what a `Poll` did.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

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
    /// Wakes that cost none, because a poller was awake or another wake was pending; counted as polls
    /// come across them. Readiness that is set where the source waits to be reported already is none.
    pub wakes_elided: usize,
    /// Edges that were armed anew after `WouldBlock`, on a backend that emulates them.
    pub rearms: usize,
}

/// The live counters.
#[derive(Default)]
pub(crate) struct Counters {
    /// What each batch counts for itself, and what those that are gone have counted.
    tallies: Mutex<(Vec<Arc<Tally>>, Tally)>,
    pub(crate) stale: Counter,
    /// Wakes that polls have come across, those that cost a system call, and the system calls by
    /// which a poll passes on what it has no room for.
    pub(crate) wakes_seen: Counter,
    pub(crate) wakes_sent: Counter,
    pub(crate) wakes_passed_on: Counter,
    pub(crate) rearms: Counter,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        let tallies = self.tallies();
        let sum = |count: fn(&Tally) -> usize| {
            let own = tallies.0.iter().map(|tally| count(tally));
            own.fold(count(&tallies.1), usize::wrapping_add)
        };
        let wakes_sent = self.wakes_sent.get();
        Stats {
            polls: sum(|tally| tally.polls.get()),
            events: sum(|tally| tally.events.get()),
            stale: self.stale.get(),
            wakes_sent: wakes_sent.wrapping_add(self.wakes_passed_on.get()),
            // A wake that was sent may not have been seen yet.
            wakes_elided: self.wakes_seen.get().saturating_sub(wakes_sent),
            rearms: self.rearms.get(),
        }
    }
}

/// What the polls into one batch come to. Only the batch's owner counts, so that counting takes
/// no locked instruction.
#[derive(Default)]
pub(crate) struct Tally {
    polls: Counter,
    events: Counter,
}

impl Tally {
    #[inline]
    pub(crate) fn add_poll(&self, events: usize) {
        self.polls.add_alone(1);
        self.events.add_alone(events);
    }
}

impl Counters {
    /// Makes the tally of a batch.
    pub(crate) fn tally(&self) -> Arc<Tally> {
        let tally = Arc::default();
        self.tallies().0.push(Arc::clone(&tally));
        tally
    }

    /// Adds up the tally of a batch that is done.
    pub(crate) fn close(&self, tally: &Arc<Tally>) {
        let mut tallies = self.tallies();
        tallies.0.retain(|other| !Arc::ptr_eq(other, tally));
        tallies.1.polls.add(tally.polls.get());
        tallies.1.events.add(tally.events.get());
    }

    fn tallies(&self) -> MutexGuard<'_, (Vec<Arc<Tally>>, Tally)> {
        self.tallies.lock().unwrap_or_else(|e| e.into_inner())
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

    /// Adds where no other thread does.
    #[inline]
    fn add_alone(&self, count: usize) {
        self.0
            .store(self.get().wrapping_add(count), Ordering::Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
