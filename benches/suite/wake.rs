//! Waking a loop from the program itself.

use benches::EventLoop;

use super::{Case, Group};
use crate::contestants::each;

const WAKES: u64 = 1000;

pub(super) fn cases(group: &mut Group<'_>) {
    group.case("1,000 a poll", WAKES, "wake", |case| {
        each!(coalesced(case));
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
