//! Ending the loops from outside: after Ctrl-C, or when the clients are done.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use readywire::{Poll, Token, Waker};

/// A request to stop, which every loop that watches it is woken for.
#[derive(Default)]
pub(crate) struct Stop {
    asked: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl Stop {
    /// Asks all loops to stop; may be called from any thread.
    pub(crate) fn ask(&self) {
        // First the flag, then the wake: who sees the event sees the flag.
        self.asked.store(true, Ordering::Relaxed);
        let wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        for waker in &*wakers {
            if let Err(error) = waker.wake() {
                eprintln!("cannot wake a loop: {error}");
            }
        }
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Has `poll` woken by an event under `token` when a stop is asked for.
    pub(crate) fn watch(&self, poll: &Poll, token: Token) -> io::Result<()> {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        wakers.push(Waker::new(poll, token)?);
        Ok(())
    }
}
