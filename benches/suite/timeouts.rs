//! How late a poll without events returns.

use std::time::{Duration, Instant};

use benches::EventLoop;

use super::{Case, Group};
use crate::contestants::each;

/// The timeouts, and their names.
const TIMEOUTS: [(Duration, &str); 4] = [
    (Duration::from_micros(50), "50 µs"),
    (Duration::from_micros(100), "100 µs"),
    (Duration::from_millis(1), "1 ms"),
    (Duration::from_millis(10), "10 ms"),
];

pub(super) fn cases(group: &mut Group<'_>) {
    for (timeout, name) in TIMEOUTS {
        group.case(format!("late after {name}"), 1, "poll", |case| {
            each!(late(case, timeout));
        });
    }
}

/// Polls a loop in which nothing is registered.
///
/// Both mios wait for whole milliseconds, and are as late as that makes them. The kernel itself wakes
/// a sleeper up to 50 µs late (`PR_SET_TIMERSLACK`), but not one who waits for a `timerfd`.
fn late<L: EventLoop>(case: &mut Case, timeout: Duration) {
    let mut events = L::new(64).expect("make a loop");
    case.sample(L::NAME, move || {
        let start = Instant::now();
        events.poll(Some(timeout), |_| ()).expect("poll");
        // Below zero if it came early.
        start.elapsed().as_secs_f64() - timeout.as_secs_f64()
    });
}
