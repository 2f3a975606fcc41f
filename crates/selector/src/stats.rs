//! Counters of what a `Poll` did.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::batches::Batches;

/// What a [`Poll`](crate::Poll) did since it was made, read with [`Poll::stats`](crate::Poll::stats).
///
/// Counts wrap around at `usize::MAX`.
///
/// ```
/// use readywire::{Events, Poll};
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
    /// Events that those calls returned; those that were dropped afterwards are among them.
    pub events: usize,
    /// Events that were dropped because their registration had ended, or had another interest by then.
    pub stale: usize,
    /// Wakes that cost a system call.
    pub wakes_sent: usize,
    /// Wakes that cost none, because a poller was awake or another wake was pending. They are counted
    /// as polls come across them; readiness that is set while the source waits to be reported is none.
    /// An estimate where several threads wake by clones of one waker at the same moment, and off by the
    /// wakes that are under way just then.
    pub wakes_elided: usize,
    /// Edges that were re-armed when their source was drained, on a backend that emulates them.
    pub edges_rearmed: usize,
}

/// The live counters.
#[derive(Default)]
pub(crate) struct Counters {
    /// What each batch counts for itself, and what those that are gone have counted.
    tallies: Mutex<(Vec<Arc<Tally>>, Tally)>,
    pub(crate) stale: Counter,
    pub(crate) wakes_sent: Counter,
    wakes_elided: Counter,
    /// Wakes that were sent and that no poll has come across yet.
    wakes_under_way: Counter,
    pub(crate) edges_rearmed: Counter,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        let tallies = self.tallies();
        let sum = |count: fn(&Tally) -> usize| {
            let own = tallies.0.iter().map(|tally| count(tally));
            own.fold(count(&tallies.1), usize::wrapping_add)
        };
        Stats {
            polls: sum(|tally| tally.polls.get()),
            events: sum(|tally| tally.events.get()),
            stale: self.stale.get(),
            wakes_sent: self.wakes_sent.get(),
            wakes_elided: self.wakes_elided.get(),
            edges_rearmed: self.edges_rearmed.get(),
        }
    }
}

impl Counters {
    /// Counts a wake that costs a system call.
    pub(crate) fn send_wake(&self) {
        self.wakes_sent.add(1);
        self.wakes_under_way.add(1);
    }

    /// Counts wakes that a poll has come across.
    pub(crate) fn see_wakes(&self, wakes: usize) {
        if wakes > 0 {
            let sent = self.wakes_under_way.take(wakes);
            self.wakes_elided.add(wakes - sent);
        }
    }
}

/// What the polls into one batch come to. Only the batch's owner counts, so that counting takes
/// no locked instruction.
#[derive(Default)]
pub(crate) struct Tally {
    polls: Counter,
    events: Counter,
    /// The batch is gone, or serves another `Poll`.
    closed: AtomicBool,
}

impl Tally {
    #[inline]
    pub(crate) fn add_poll(&self, events: usize) {
        // What the owner did with the events before is visible to who sees the count.
        self.polls.add_alone(1, Ordering::Release);
        self.events.add_alone(events, Ordering::Relaxed);
    }

    /// Returns how often the batch was polled.
    pub(crate) fn polls(&self) -> usize {
        self.polls.0.load(Ordering::Acquire)
    }

    /// Returns whether the batch was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

impl Counters {
    /// Makes the tally of a batch.
    pub(crate) fn tally(&self) -> Arc<Tally> {
        let tally = Arc::default();
        self.tallies().0.push(Arc::clone(&tally));
        tally
    }

    /// Returns the batches there are.
    pub(crate) fn batches(&self) -> Batches {
        Batches::new(self.tallies().0.iter().cloned())
    }

    /// Adds up the tally of a batch that is done.
    pub(crate) fn close(&self, tally: &Arc<Tally>) {
        tally.closed.store(true, Ordering::Release);
        let mut tallies = self.tallies();
        tallies.0.retain(|other| !Arc::ptr_eq(other, tally));
        tallies.1.polls.add(tally.polls.get());
        tallies.1.events.add(tally.events.get());
    }

    fn tallies(&self) -> MutexGuard<'_, (Vec<Arc<Tally>>, Tally)> {
        self.tallies.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// A number that is counted up.
#[derive(Default)]
pub(crate) struct Counter(AtomicUsize);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Adds where no other thread does.
    #[inline]
    fn add_alone(&self, count: usize, ordering: Ordering) {
        self.0.store(self.get().wrapping_add(count), ordering);
    }

    /// Takes as much as there is, and at most so much; returns how much that was.
    fn take(&self, most: usize) -> usize {
        let mut taken = 0;
        let take = |count: usize| {
            taken = count.min(most);
            (taken > 0).then(|| count - taken)
        };
        match self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
        {
            Ok(_) => taken,
            Err(_) => 0,
        }
    }

    #[inline]
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_that_was_sent_is_not_counted_as_elided() {
        let counters = Counters::default();
        let counts = || {
            let stats = counters.read();
            (stats.wakes_sent, stats.wakes_elided)
        };
        counters.see_wakes(2);
        assert_eq!(counts(), (0, 2));
        for _ in 0..5 {
            counters.send_wake();
        }
        counters.see_wakes(2);
        assert_eq!(counts(), (5, 2));
        counters.see_wakes(4);
        assert_eq!(counts(), (5, 3));
        counters.see_wakes(1);
        assert_eq!(counts(), (5, 4));
    }

    #[test]
    fn what_a_batch_has_counted_stays_when_it_is_done() {
        let counters = Counters::default();
        let [one, other] = [counters.tally(), counters.tally()];
        one.add_poll(3);
        other.add_poll(4);
        let counts = || (counters.read().polls, counters.read().events);
        assert_eq!(counts(), (2, 7));
        counters.close(&one);
        assert_eq!(counts(), (2, 7));
        assert_eq!(counters.tallies().0.len(), 1);
        other.add_poll(1);
        counters.close(&other);
        assert_eq!(counts(), (3, 8));
        assert!(counters.tallies().0.is_empty());
    }
}
