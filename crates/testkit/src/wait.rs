//! Waiting for events under one generous deadline, and proving that there are none.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use selector::{Backend, Event, Evented, Events, IoSource, Poll, PollOpt, Ready, Token};

use crate::{drain, tcp_pair, watchdog};

/// How long anything that will happen may take. Nothing waits so long unless it fails.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// What was seen, by token.
type Seen = BTreeMap<Token, Ready>;

/// Polls until each token has shown exactly its readiness, in one event or several.
///
/// # Panics
/// On an event under another token, on readiness beyond what is expected, past the deadline, or if
/// one batch has two events under one token.
#[track_caller]
pub fn expect_events(poll: &Poll, events: &mut Events, expected: &[(Token, Ready)]) {
    let expected: Seen = expected.iter().copied().collect();
    let mut seen = Seen::new();
    wait(poll, events, &format!("{expected:?}"), |batch| {
        add(&mut seen, batch);
        let stray = seen.iter().find(|(token, ready)| {
            expected
                .get(token)
                .is_none_or(|expected| !expected.contains(**ready))
        });
        assert!(stray.is_none(), "expected {expected:?}, saw {seen:?}");
        seen == expected
    });
}

/// Polls until `token` has shown at least `readiness`, in one event or several; returns all it has
/// shown. It is for what systems tell differently, such as a reset.
///
/// # Panics
/// On an event under another token, or past the deadline.
#[track_caller]
pub fn expect_readiness(poll: &Poll, events: &mut Events, token: Token, readiness: Ready) -> Ready {
    let mut seen = Seen::new();
    wait(poll, events, &format!("{token:?} {readiness:?}"), |batch| {
        add(&mut seen, batch);
        assert!(
            seen.keys().all(|seen| *seen == token),
            "expected {token:?} {readiness:?}, saw {seen:?}"
        );
        seen.get(&token)
            .is_some_and(|seen| seen.contains(readiness))
    });
    seen[&token]
}

/// Polls, once or several times, until there is something; returns the batch.
#[track_caller]
pub fn collect(poll: &Poll, events: &mut Events) -> Vec<Event> {
    let mut all = Vec::new();
    wait(poll, events, "any event", |batch| {
        all.extend_from_slice(batch);
        !all.is_empty()
    });
    all
}

/// Asserts that an edge comes again after each drain: in each of three rounds `provoke` is reported
/// once, with exactly `readiness`, and nothing more is after `drain`.
///
/// # Panics
/// On a missing event, on any other event, or past the deadline.
#[track_caller]
pub fn expect_edges(
    poll: &Poll,
    events: &mut Events,
    expected: (Token, Ready),
    mut provoke: impl FnMut(),
    mut drain: impl FnMut(),
) {
    for _ in 0..3 {
        provoke();
        expect_events(poll, events, &[expected]);
        drain();
        expect_silence(poll, events);
    }
}

/// Asserts that each of a source's methods as an [`Evented`] does what the one of [`Poll`] promises, and
/// that it can be printed. The source is ready for `interest` and stays so.
///
/// # Panics
/// If one of them does nothing.
#[track_caller]
pub fn expect_evented(backend: Backend, source: &(impl Evented + Debug), interest: Ready) {
    let poll = Poll::with_backend(backend).expect("a poll");
    let mut events = Events::with_capacity(4);
    let (first, second) = (Token(1), Token(2));
    poll.register(source, first, interest, PollOpt::ONESHOT)
        .expect("register");
    expect_readiness(&poll, &mut events, first, interest);
    expect_silence(&poll, &mut events);
    poll.rearm(source).expect("rearm");
    expect_readiness(&poll, &mut events, first, interest);
    poll.reregister(source, second, interest, PollOpt::LEVEL)
        .expect("reregister");
    expect_readiness(&poll, &mut events, second, interest);
    poll.deregister(source).expect("deregister");
    expect_silence(&poll, &mut events);
    assert!(!format!("{source:?}").is_empty());
}

/// Looks at what is there without waiting.
///
/// # Panics
/// If anything is. It proves nothing about what is still to come; [`Sentinel`] does.
#[track_caller]
pub fn expect_nothing_now(poll: &Poll, events: &mut Events) {
    watchdog::watch();
    let count = poll.poll(events, Some(Duration::ZERO)).expect("poll");
    assert_eq!(count, 0, "expected nothing, saw {events:?}");
}

/// Proves that `poll` has nothing to report, by an event that is provoked later than all that
/// could be.
///
/// Make a [`Sentinel`] beforehand where the numbers of descriptors matter.
#[track_caller]
pub fn expect_silence(poll: &Poll, events: &mut Events) {
    Sentinel::new().expect_silence(poll, events);
}

/// A connection whose event is the last one to come.
#[derive(Debug)]
pub struct Sentinel {
    source: IoSource<TcpStream>,
    peer: TcpStream,
}

impl Sentinel {
    /// The token of sentinels; no test may use it for anything else while it proves silence.
    pub const TOKEN: Token = Token(0x5e_4713);

    /// Makes a sentinel, for any `Poll`.
    #[track_caller]
    pub fn new() -> Sentinel {
        let (source, peer) = tcp_pair();
        Sentinel {
            source: IoSource::new(source),
            peer,
        }
    }

    /// Proves that `poll` has nothing to report.
    ///
    /// # Panics
    /// On any event but the sentinel's own.
    #[track_caller]
    pub fn expect_silence(&mut self, poll: &Poll, events: &mut Events) {
        let strays = self.events_before(poll, events);
        assert!(strays.is_empty(), "expected silence, saw {strays:?}");
        expect_nothing_now(poll, events);
    }

    /// Returns what `poll` has to report before, or together with, the sentinel's own event.
    #[track_caller]
    pub fn events_before(&mut self, poll: &Poll, events: &mut Events) -> Vec<Event> {
        poll.register(
            &self.source,
            Sentinel::TOKEN,
            Ready::READABLE,
            PollOpt::LEVEL,
        )
        .expect("register the sentinel");
        self.peer.write_all(b"!").expect("write to the sentinel");
        let mut all = Vec::new();
        wait(poll, events, "the sentinel", |batch| {
            all.extend_from_slice(batch);
            batch.iter().any(|event| event.token() == Sentinel::TOKEN)
        });
        assert_eq!(drain(self.source.get_ref()), 1);
        poll.deregister(&self.source)
            .expect("deregister the sentinel");
        all.retain(|event| event.token() != Sentinel::TOKEN);
        all
    }
}

impl Default for Sentinel {
    fn default() -> Sentinel {
        Sentinel::new()
    }
}

/// Spins until something holds that nothing tells of.
///
/// # Panics
/// Past the deadline.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    watchdog::watch();
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < DEADLINE,
            "not within {DEADLINE:?}: {what}"
        );
        thread::yield_now();
    }
}

/// Polls until `done` with the batches, each of which has one event a token.
#[track_caller]
fn wait(poll: &Poll, events: &mut Events, what: &str, mut done: impl FnMut(&[Event]) -> bool) {
    watchdog::watch();
    let start = Instant::now();
    let mut last = Vec::new();
    loop {
        let Some(left) = DEADLINE.checked_sub(start.elapsed()) else {
            panic!("expected {what} within {DEADLINE:?}; the last batch was {last:?} of {poll:?}");
        };
        poll.poll(events, Some(left)).expect("poll");
        let batch: Vec<Event> = events.iter().collect();
        if done(&batch) {
            return;
        }
        if !batch.is_empty() {
            last = batch;
        }
    }
}

#[track_caller]
fn add(seen: &mut Seen, batch: &[Event]) {
    for (at, event) in batch.iter().enumerate() {
        let again = batch[..at]
            .iter()
            .any(|earlier| earlier.token() == event.token());
        assert!(!again, "two events under one token in {batch:?}");
        *seen.entry(event.token()).or_insert(Ready::empty()) |= event.readiness();
    }
}
