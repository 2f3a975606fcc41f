//! Waking a loop: from the program itself, from many threads, and the way from one thread to another.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use benches::EventLoop;

use super::threads::{Poller, Team};
use super::{Case, Group};
use crate::contestants::each;

const WAKES: usize = 1000;

/// How many threads wake one loop at the same time.
const THREADS: usize = 4;

pub(super) fn cases(group: &mut Group<'_>) {
    group.case("1,000 a poll", WAKES as u64, "wake", |case| {
        each!(coalesced(case));
    });
    let wakes = (THREADS * WAKES) as u64;
    group.case("by 4 threads", wakes, "wake", |case| {
        case.on_threads();
        each!(storm(case));
    });
    group.case("round trip", 2, "wake", |case| {
        case.on_threads();
        each!(round_trip(case));
    });
}

/// One thread wakes its own loop a thousand times, then polls once.
fn coalesced<L: EventLoop>(case: &mut Case) {
    let mut events = L::new(64).expect("make a loop");
    let waker = events.waker(1).expect("make a waker");
    case.time(L::NAME, move || {
        for _ in 0..WAKES {
            L::wake(&waker).expect("wake");
        }
        events.poll(None, |_| ()).expect("poll");
    });
}

/// Threads wake one loop a thousand times each, all at the same time, while it is polled.
fn storm<L: EventLoop>(case: &mut Case) {
    let mut events = L::new(64).expect("make a loop");
    let waker = events.waker(1).expect("make a waker");
    let done = Arc::new(AtomicUsize::new(0));
    let work = || {
        let (waker, done) = (waker.clone(), Arc::clone(&done));
        move || {
            for _ in 0..WAKES {
                L::wake(&waker).expect("wake");
            }
            if done.fetch_add(1, Ordering::AcqRel) + 1 == THREADS {
                // The last of all wakes may have been seen before the count was complete.
                L::wake(&waker).expect("wake");
            }
        }
    };
    let team = Team::new((0..THREADS).map(|_| work()).collect());
    case.time(L::NAME, move || {
        done.store(0, Ordering::Release);
        team.start();
        while done.load(Ordering::Acquire) < THREADS {
            events.poll(None, |_| ()).expect("poll");
        }
        team.finish();
    });
}

/// Two loops on two threads wake each other in turn, each asleep in between.
fn round_trip<L: EventLoop>(case: &mut Case) {
    let mut trip = RoundTrip::<L>::new().expect("make the loops");
    case.time(L::NAME, move || trip.turn().expect("wake and poll"));
}

struct RoundTrip<L: EventLoop> {
    near: L,
    there: L::Waker,
    trips: usize,
    counts: Arc<Counts>,
    _far: Poller<L>,
}

/// How many wakes went out and came back: what tells a wake from a poll that returns for nothing,
/// since not everybody reports wakes as events.
#[derive(Default)]
struct Counts {
    there: AtomicUsize,
    back: AtomicUsize,
}

impl<L: EventLoop> RoundTrip<L> {
    fn new() -> io::Result<RoundTrip<L>> {
        let (mut near, mut far) = (L::new(64)?, L::new(64)?);
        let (back, there) = (near.waker(1)?, far.waker(1)?);
        let counts = Arc::new(Counts::default());
        let (of_far, mut answered) = (Arc::clone(&counts), 0);
        let far = Poller::new(far, there.clone(), move || {
            let asked = of_far.there.load(Ordering::Acquire);
            if asked != answered {
                answered = asked;
                of_far.back.store(answered, Ordering::Release);
                L::wake(&back).expect("wake");
            }
        });
        Ok(RoundTrip {
            near,
            there,
            trips: 0,
            counts,
            _far: far,
        })
    }

    fn turn(&mut self) -> io::Result<()> {
        self.trips += 1;
        self.counts.there.store(self.trips, Ordering::Release);
        L::wake(&self.there)?;
        loop {
            self.near.poll(None, |_| ())?;
            if self.counts.back.load(Ordering::Acquire) == self.trips {
                return Ok(());
            }
        }
    }
}
