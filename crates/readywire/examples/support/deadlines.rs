//! Deadlines of many connections, of which the next one is a poll's timeout.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Deadlines in the order in which they come, each of a slot.
#[derive(Default)]
pub(crate) struct Deadlines {
    queue: BTreeSet<(Instant, usize)>,
}

impl Deadlines {
    /// Gives a slot its deadline, in place of the one it had; returns the new one, to be kept.
    pub(crate) fn set(&mut self, slot: usize, old: Option<Instant>, new: Instant) -> Instant {
        self.clear(slot, old);
        self.queue.insert((new, slot));
        new
    }

    pub(crate) fn clear(&mut self, slot: usize, old: Option<Instant>) {
        if let Some(old) = old {
            self.queue.remove(&(old, slot));
        }
    }

    /// How long a poll may wait; for ever where there is no deadline.
    pub(crate) fn timeout(&self, now: Instant) -> Option<Duration> {
        let (next, _) = self.queue.first()?;
        Some(next.saturating_duration_since(now))
    }

    /// Takes out a slot whose deadline is over.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<usize> {
        let first = *self.queue.first()?;
        if first.0 > now {
            return None;
        }
        self.queue.remove(&first);
        Some(first.1)
    }
}
