//! Rounds: the drivers of an arena act together, and then wait together.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What the drivers of one arena share.
pub(crate) struct Rounds {
    barrier: Barrier,
    until: Instant,
    over: AtomicBool,
}

impl Rounds {
    pub(crate) fn new(drivers: usize, until: Instant) -> Rounds {
        Rounds {
            barrier: Barrier::new(drivers),
            until,
            over: AtomicBool::new(false),
        }
    }

    /// Waits until every driver has acted: from now on nothing new happens.
    pub(crate) fn acted(&self) {
        self.barrier.wait();
    }

    /// Waits until every driver has seen all that it waits for; returns whether there is another round.
    pub(crate) fn settled(&self) -> bool {
        // One driver decides for all, before any of them reads the decision.
        if self.barrier.wait().is_leader() && Instant::now() >= self.until {
            self.over.store(true, Ordering::Relaxed);
        }
        self.barrier.wait();
        !self.over.load(Ordering::Relaxed)
    }
}
