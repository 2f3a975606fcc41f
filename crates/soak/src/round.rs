//! Rounds: the drivers of an arena act together, and then wait together.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::acceptor::Acceptor;

/// What the drivers of one arena share.
pub(crate) struct Rounds<'a> {
    acceptor: &'a Acceptor,
    barrier: Barrier,
    until: Instant,
    over: AtomicBool,
}

impl Rounds<'_> {
    pub(crate) fn new(acceptor: &Acceptor, drivers: usize, until: Instant) -> Rounds<'_> {
        Rounds {
            acceptor,
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
        if self.barrier.wait().is_leader() {
            self.acceptor.clear();
            if Instant::now() >= self.until {
                self.over.store(true, Ordering::Relaxed);
            }
        }
        self.barrier.wait();
        !self.over.load(Ordering::Relaxed)
    }
}
