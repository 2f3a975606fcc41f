//! A thread that wakes and sets readiness, and waits until each signal has been seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{hint, thread};

use readywire::{Event, PollOpt, Ready, Registration, SetReadiness, Token, Waker};
use testkit::Random;

use crate::arena::{Arena, Target};
use crate::round::Rounds;

/// How many signals are given in a round at most.
const SIGNALS: usize = 8;

/// Counts what was signalled, and how much of that was seen.
#[derive(Default)]
struct Signal {
    /// Relaxed: the thread that gets the event must see what was written before the wake.
    sent: AtomicU64,
    seen: AtomicU64,
    readiness: Option<SetReadiness>,
}

impl Signal {
    /// To be called before the wake.
    fn send(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    fn is_missing(&self) -> bool {
        self.seen.load(Ordering::Acquire) < self.sent.load(Ordering::Relaxed)
    }
}

impl Target for Signal {
    fn handle(&self, arena: &Arena, _event: Event, _random: &mut Random) {
        if let Some(readiness) = &self.readiness {
            let cleared = readiness.set_readiness(Ready::empty());
            cleared.unwrap_or_else(|error| arena.fail(&format!("set readiness: {error}")));
        }
        let sent = self.sent.load(Ordering::Relaxed);
        self.seen.fetch_max(sent, Ordering::Release);
    }
}

struct Kept {
    token: Token,
    signal: Arc<Signal>,
}

impl Kept {
    /// Says what has not been seen.
    fn missing(&self, what: &str) -> Option<String> {
        let missing = self.signal.is_missing();
        missing.then(|| format!("{what}: {:?}", self.token))
    }
}

pub(crate) struct Signals<'a> {
    arena: &'a Arena,
    random: Random,
    /// Wakers that live long.
    wakers: Vec<(Kept, Waker)>,
    registrations: Vec<(Kept, Registration)>,
    /// Those that were dropped in this round. A wake can still be pending when all were seen: one is counted
    /// before it is made.
    closed: Vec<Kept>,
    /// Wakers of one wake, which were dropped in this round.
    once: Vec<Kept>,
}

impl Signals<'_> {
    pub(crate) fn new(arena: &Arena, random: Random) -> Signals<'_> {
        Signals {
            arena,
            random,
            wakers: Vec::new(),
            registrations: Vec::new(),
            closed: Vec::new(),
            once: Vec::new(),
        }
    }

    pub(crate) fn run(&mut self, rounds: &Rounds) {
        loop {
            for _ in 0..=self.random.below(SIGNALS) {
                match self.random.below(9) {
                    0 => self.open(),
                    1 => self.close(),
                    2 => self.wake_by_a_thread(),
                    3 | 4 => self.wake_once(),
                    5 => self.wake_together(),
                    6 => self.wake(),
                    7 => self.wake_in_turn(),
                    _ => self.set_readiness(),
                }
            }
            rounds.acted();
            self.settle();
            for kept in self.once.drain(..) {
                self.arena.retire(kept.token);
            }
            for kept in self.closed.drain(..) {
                self.arena.forget(kept.token);
            }
            if !rounds.settled() {
                break;
            }
        }
        while !self.wakers.is_empty() || !self.registrations.is_empty() {
            self.close();
        }
    }

    fn kept(&self, readiness: Option<SetReadiness>) -> Kept {
        let signal = Arc::new(Signal {
            readiness,
            ..Signal::default()
        });
        let token = self.arena.new_token();
        self.arena.route(token, signal.clone());
        Kept { token, signal }
    }

    fn waker(&self, kept: &Kept) -> Waker {
        Waker::new(&self.arena.poll, kept.token).expect("make a waker")
    }

    fn open(&mut self) {
        if self.wakers.len() < 8 {
            let kept = self.kept(None);
            let waker = self.waker(&kept);
            self.wakers.push((kept, waker));
        }
        if self.registrations.len() < 8 {
            let (registration, set_readiness) = Registration::new();
            let kept = self.kept(Some(set_readiness));
            let opts = self.random.pick(&[PollOpt::EDGE, PollOpt::LEVEL]);
            let (token, interest) = (kept.token, Ready::READABLE);
            let registered = self
                .arena
                .poll
                .register(&registration, token, interest, opts);
            registered.expect("register");
            self.arena.tally.registrations.add(1);
            self.registrations.push((kept, registration));
        }
    }

    /// Drops a waker, whose wakes must be seen nevertheless; and a registration, whose signals must not.
    fn close(&mut self) {
        if !self.wakers.is_empty() {
            let at = self.random.below(self.wakers.len());
            let (kept, waker) = self.wakers.swap_remove(at);
            drop(waker);
            self.closed.push(kept);
        }
        if !self.registrations.is_empty() {
            let at = self.random.below(self.registrations.len());
            let (kept, registration) = self.registrations.swap_remove(at);
            drop(registration);
            self.arena.retire(kept.token);
        }
    }

    fn wake(&mut self) {
        if !self.wakers.is_empty() {
            let (kept, waker) = &self.wakers[self.random.below(self.wakers.len())];
            kept.signal.send();
            waker.wake().expect("wake");
            self.arena.tally.wakes.add(1);
        }
    }

    /// Wakes again as soon as the last wake was seen, while the thread that saw it goes back to sleep.
    fn wake_in_turn(&mut self) {
        const TIMES: u64 = 50;
        /// About as long as it takes to see a wake.
        const SPINS: u32 = 10_000;
        if self.wakers.is_empty() {
            return;
        }
        let (kept, waker) = &self.wakers[self.random.below(self.wakers.len())];
        for _ in 0..TIMES {
            kept.signal.send();
            waker.wake().expect("wake");
            let mut spins = 0..SPINS;
            while kept.signal.is_missing() && spins.next().is_some() {
                hint::spin_loop();
            }
            self.arena
                .wait(|| kept.missing("a waker").into_iter().collect());
        }
        self.arena.tally.wakes.add(TIMES);
    }

    /// Has another thread wake by the same waker at the same time.
    fn wake_together(&mut self) {
        if self.wakers.is_empty() {
            return;
        }
        let (kept, waker) = &self.wakers[self.random.below(self.wakers.len())];
        let times = 1 + self.random.below(20);
        let clone = waker.clone();
        let wake = |waker: &Waker| {
            for _ in 0..times {
                kept.signal.send();
                waker.wake().expect("wake");
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| wake(&clone));
            wake(waker);
        });
        self.arena.tally.wakes.add(2 * times as u64);
    }

    /// Wakes by a waker that is dropped at once.
    fn wake_once(&mut self) {
        let kept = self.kept(None);
        let waker = self.waker(&kept);
        kept.signal.send();
        waker.wake().expect("wake");
        drop(waker);
        self.arena.tally.wakes.add(1);
        self.once.push(kept);
    }

    /// Wakes from a thread that ends at once, by a waker that is dropped at once.
    fn wake_by_a_thread(&mut self) {
        let kept = self.kept(None);
        let waker = self.waker(&kept);
        kept.signal.send();
        let waking = thread::spawn(move || waker.wake().expect("wake"));
        waking.join().expect("a panic ends the process");
        self.arena.tally.wakes.add(1);
        self.once.push(kept);
    }

    fn set_readiness(&mut self) {
        if !self.registrations.is_empty() {
            let at = self.random.below(self.registrations.len());
            let (kept, _) = &self.registrations[at];
            // One that was not seen yet may be cleared together with this one's.
            if !kept.signal.is_missing() {
                kept.signal.send();
                let readiness = kept.signal.readiness.as_ref().expect("a SetReadiness");
                let set = readiness.set_readiness(Ready::READABLE);
                set.expect("set readiness");
            }
        }
    }

    fn settle(&mut self) {
        let wakers = self.wakers.iter().map(|(kept, _)| ("a waker", kept));
        let registrations = self
            .registrations
            .iter()
            .map(|(kept, _)| ("a registration", kept));
        let dropped = self.once.iter().chain(&self.closed);
        let dropped = dropped.map(|kept| ("a waker that was dropped", kept));
        let all: Vec<_> = wakers.chain(registrations).chain(dropped).collect();
        self.arena.wait(|| {
            let missing = all.iter().filter_map(|(what, kept)| kept.missing(what));
            missing.collect()
        });
    }
}
