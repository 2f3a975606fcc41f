//! One `Poll`, the threads that poll it, and what its tokens stand for.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
#[cfg(unix)]
use readywire::unix::EventedPoll;
use readywire::{Backend, Event, Events, Poll, Token, Waker};
#[cfg(unix)]
use readywire::{PollOpt, Ready};
use testkit::Random;

use crate::tally::Tally;

/// An event that has not come after so long is lost.
pub(crate) const LOST_AFTER: Duration = Duration::from_secs(60);

const STOP: Token = Token(usize::MAX);

/// What sort of `Poll` an arena has.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) backend: Backend,
    /// How many threads poll it.
    pub(crate) threads: u64,
    /// Whether they sleep in another `Poll`, with which it is registered.
    pub(crate) nested: bool,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nested = if self.nested { ", nested" } else { "" };
        write!(f, "{} by {}{nested}", self.backend, self.threads)
    }
}

/// What an event is for.
pub(crate) trait Target: Send + Sync {
    fn handle(&self, arena: &Arena, event: Event, random: &mut Random);
}

pub(crate) struct Arena {
    pub(crate) poll: Poll,
    kind: Kind,
    pub(crate) tally: Arc<Tally>,
    stopper: Waker,
    stopping: AtomicBool,
    next_token: AtomicUsize,
    targets: Mutex<HashMap<Token, Arc<dyn Target>>>,
    retired: Retired,
    /// How many events have been handled.
    handled: Mutex<u64>,
    has_handled: Condvar,
}

impl Arena {
    pub(crate) fn new(kind: Kind, tally: Arc<Tally>) -> io::Result<Arena> {
        let poll = Poll::with_backend(kind.backend)?;
        Ok(Arena {
            stopper: Waker::new(&poll, STOP)?,
            poll,
            kind,
            tally,
            stopping: AtomicBool::new(false),
            next_token: AtomicUsize::new(0),
            targets: Mutex::default(),
            retired: Retired::default(),
            handled: Mutex::default(),
            has_handled: Condvar::new(),
        })
    }

    /// Returns a token that was never used before.
    pub(crate) fn new_token(&self) -> Token {
        Token(self.next_token.fetch_add(1, Ordering::Relaxed))
    }

    /// Has `target` handle the events under `token`. To be called before `token` is registered.
    pub(crate) fn route(&self, token: Token, target: Arc<dyn Target>) {
        self.targets.lock().expect("no panic").insert(token, target);
    }

    /// Says that no event may be handed out under `token` from now on.
    pub(crate) fn retire(&self, token: Token) {
        let now = self.retired.advance();
        self.end(token, now);
    }

    /// Says that nothing is to be done about an event under `token` from now on.
    pub(crate) fn forget(&self, token: Token) {
        self.end(token, Epoch::NEVER);
    }

    fn end(&self, token: Token, epoch: Epoch) {
        self.retired.add(token, epoch);
        self.targets.lock().expect("no panic").remove(&token);
    }

    /// Registers this arena's `Poll` with another one.
    #[cfg(unix)]
    pub(crate) fn nest(&self) -> io::Result<Poll> {
        let outer = Poll::with_backend(self.kind.backend)?;
        let (token, interest, opts) = (Token(0), Ready::READABLE, PollOpt::LEVEL);
        outer.register(&EventedPoll(&self.poll), token, interest, opts)?;
        Ok(outer)
    }

    #[cfg(not(unix))]
    pub(crate) fn nest(&self) -> io::Result<Poll> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Polls until [`stop`](Arena::stop) is called; sleeps in `outer` if there is one.
    pub(crate) fn serve(&self, outer: Option<&Poll>, random: &mut Random) {
        let mut events = Events::with_capacity(1 + random.below(64));
        let mut outer_events = Events::with_capacity(1);
        let poll = |poll: &Poll, events: &mut Events, timeout| {
            let polled = poll.poll(events, timeout);
            polled.unwrap_or_else(|error| self.fail(&format!("poll: {error}")));
        };
        while !self.stopping.load(Ordering::Acquire) {
            // A poll that returns by itself would find an event that nothing woke it for.
            let mut timeout = (random.below(16) == 0).then_some(Duration::ZERO);
            if let Some(outer) = outer {
                poll(outer, &mut outer_events, timeout);
                timeout = Some(Duration::ZERO);
            }
            poll(&self.poll, &mut events, timeout);
            let mut batch = events.iter();
            loop {
                let now = self.retired.now();
                let Some(event) = batch.next() else { break };
                self.dispatch(event, now, random);
            }
        }
        // One wake reaches one thread.
        self.stop();
    }

    fn dispatch(&self, event: Event, now: Epoch, random: &mut Random) {
        let token = event.token();
        if token == STOP {
            return;
        }
        self.tally.events.add(1);
        let target = self.targets.lock().expect("no panic").get(&token).cloned();
        match target {
            Some(target) => {
                target.handle(self, event, random);
                *self.handled.lock().expect("no panic") += 1;
                self.has_handled.notify_all();
            }
            None if self.retired.before(token, now) => {
                self.fail(&format!(
                    "stale: {event:?} of a registration that had ended"
                ));
            }
            // It ended while the event was in this thread's hands.
            None => {}
        }
    }

    /// Ends the threads that poll.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.stopper.wake().expect("wake");
    }

    /// Waits until `missing` returns nothing; it is asked again whenever an event was handled, and
    /// now and then.
    pub(crate) fn wait(&self, mut missing: impl FnMut() -> Vec<String>) {
        /// Peers are not registered with any `Poll`, they are looked at again after so long.
        const NOW_AND_THEN: Duration = Duration::from_millis(5);
        let start = Instant::now();
        loop {
            let handled = *self.handled.lock().expect("no panic");
            let still = missing();
            if still.is_empty() {
                return;
            }
            if start.elapsed() > LOST_AFTER {
                self.fail(&format!("lost:\n    {}", still.join("\n    ")));
            }
            let guard = self.handled.lock().expect("no panic");
            let waited = self
                .has_handled
                .wait_timeout_while(guard, NOW_AND_THEN, |now| *now == handled);
            drop(waited.expect("no panic"));
        }
    }

    /// Reports a failure and ends the process.
    pub(crate) fn fail(&self, what: &str) -> ! {
        eprintln!("{:#?}\n{:?}\n{}", self.poll, self.poll.stats(), self.tally);
        eprintln!("FAILED on {}: {what}", self.kind);
        process::exit(1)
    }

    /// Checks that nothing is registered; returns a line that sums up.
    pub(crate) fn finish(self) -> Result<String> {
        let Arena {
            poll,
            kind,
            stopper,
            ..
        } = self;
        drop(stopper);
        // Its last wake is still pending: each thread passed it on.
        let mut events = Events::with_capacity(64);
        while poll.poll(&mut events, Some(Duration::ZERO))? > 0 {}
        let state = format!("{poll:?}");
        ensure!(
            state.contains("registrations: []"),
            "registrations are left: {state}"
        );
        Ok(format!("{kind}: {:?}", poll.stats()))
    }
}

/// A moment, in terms of how many registrations have ended.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Epoch(u64);

impl Epoch {
    const NEVER: Epoch = Epoch(u64::MAX);
}

/// Which registrations have ended, and when.
#[derive(Default)]
struct Retired {
    now: AtomicU64,
    tokens: Mutex<BTreeMap<Token, Epoch>>,
}

impl Retired {
    /// The tokens that are remembered. An event of an older one counts as stale too.
    const REMEMBERED: usize = 10_000;

    fn now(&self) -> Epoch {
        Epoch(self.now.load(Ordering::SeqCst))
    }

    fn advance(&self) -> Epoch {
        Epoch(self.now.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn add(&self, token: Token, epoch: Epoch) {
        let mut tokens = self.tokens.lock().expect("no panic");
        tokens.insert(token, epoch);
        if tokens.len() > Retired::REMEMBERED {
            tokens.pop_first();
        }
    }

    /// Returns whether `token` had ended by `then`.
    fn before(&self, token: Token, then: Epoch) -> bool {
        let tokens = self.tokens.lock().expect("no panic");
        tokens.get(&token).is_none_or(|ended| *ended <= then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_stale_if_their_registration_ended_before_they_were_taken() {
        let retired = Retired::default();
        let before = retired.now();
        retired.add(Token(1), retired.advance());
        assert!(!retired.before(Token(1), before));
        assert!(retired.before(Token(1), retired.now()));
        for token in 2..2 + Retired::REMEMBERED {
            retired.add(Token(token), Epoch::NEVER);
            assert!(!retired.before(Token(token), retired.now()));
        }
        assert!(
            retired.before(Token(1), before),
            "it is too old to be remembered"
        );
    }
}
