//! Never early, however long or short; and signals change nothing.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use selector::{Backend, Events, IoSource, Poll, PollOpt, Ready, Token, Waker};
use testkit::{spawn, tcp_pair};

use crate::setup;

testkit::on_each_backend! {
    zero_returns_at_once_with_what_is_there,
    no_timeout_ends_early,
    a_timeout_that_passes_costs_one_look,
    very_long_and_endless_waits_end_with_an_event,
    every_one_of_several_pollers_keeps_its_time,
    a_change_of_registrations_does_not_end_a_wait,
}

fn zero_returns_at_once_with_what_is_there(backend: Backend) {
    let (poll, mut events) = setup(backend);
    assert_eq!(poll.poll(&mut events, Some(Duration::ZERO)).unwrap(), 0);
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::WRITABLE, PollOpt::LEVEL)
        .unwrap();
    let waker = Waker::new(&poll, Token(2)).unwrap();
    waker.wake().unwrap();
    assert_eq!(poll.poll(&mut events, Some(Duration::ZERO)).unwrap(), 2);
    assert_eq!(poll.poll(&mut events, Some(Duration::ZERO)).unwrap(), 1);
}

/// Polls until the timeout, and makes sure that it was not earlier.
#[track_caller]
fn expect_in_time(poll: &Poll, events: &mut Events, timeout: Duration) {
    let start = Instant::now();
    assert_eq!(poll.poll(events, Some(timeout)).unwrap(), 0);
    let elapsed = start.elapsed();
    assert!(elapsed >= timeout, "{elapsed:?} instead of {timeout:?}");
}

const TIMEOUTS: [Duration; 7] = [
    Duration::from_nanos(1),
    Duration::from_nanos(999),
    Duration::from_micros(100),
    Duration::from_micros(999),
    Duration::from_millis(1),
    Duration::from_micros(1_001),
    Duration::from_millis(10),
];

fn no_timeout_ends_early(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    for timeout in TIMEOUTS {
        for _ in 0..5 {
            expect_in_time(&poll, &mut events, timeout);
        }
    }
}

fn a_timeout_that_passes_costs_one_look(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let before = poll.stats();
    expect_in_time(&poll, &mut events, Duration::from_millis(1));
    let after = poll.stats();
    assert_eq!(
        (after.polls - before.polls, after.events, after.stale),
        (1, 0, 0)
    );
}

fn very_long_and_endless_waits_end_with_an_event(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let poll = Arc::new(poll);
    let waker = Waker::new(&poll, Token(1)).unwrap();
    let month = Duration::from_secs(30 * 86_400);
    for timeout in [
        Some(month),
        Some(month + Duration::from_nanos(1)),
        Some(Duration::from_secs(u64::MAX)),
        Some(Duration::MAX),
        None,
    ] {
        for interruptible in [false, true] {
            let poller = spawn({
                let poll = Arc::clone(&poll);
                move || {
                    let count = loop {
                        let count = match interruptible {
                            false => poll.poll(&mut events, timeout),
                            true => poll.poll_interruptible(&mut events, timeout),
                        };
                        // A process may get signals.
                        let signal = |error: &io::Error| error.kind() == ErrorKind::Interrupted;
                        if !(interruptible && count.as_ref().is_err_and(signal)) {
                            break count;
                        }
                    };
                    (count, events)
                }
            });
            poller.wait_until_asleep();
            waker.wake().unwrap();
            let count;
            (count, events) = poller.join();
            assert_eq!(count.unwrap(), 1, "{timeout:?}");
            assert_eq!(events.get(0).map(|event| event.token()), Some(Token(1)));
        }
    }
}

fn every_one_of_several_pollers_keeps_its_time(backend: Backend) {
    let (poll, _) = setup(backend);
    let poll = Arc::new(poll);
    let pollers: Vec<_> = (0..4)
        .map(|number| {
            let poll = Arc::clone(&poll);
            spawn(move || {
                let mut events = Events::with_capacity(8);
                for timeout in TIMEOUTS {
                    expect_in_time(&poll, &mut events, timeout + Duration::from_micros(number));
                }
            })
        })
        .collect();
    pollers.into_iter().for_each(testkit::Task::join);
}

fn a_change_of_registrations_does_not_end_a_wait(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let poll = Arc::new(poll);
    let poller = spawn({
        let poll = Arc::clone(&poll);
        move || expect_in_time(&poll, &mut events, Duration::from_millis(50))
    });
    poller.wait_until_asleep();
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    for _ in 0..100 {
        poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        poll.reregister(&source, Token(2), Ready::PRIORITY, PollOpt::LEVEL)
            .unwrap();
        poll.deregister(&source).unwrap();
    }
    poller.join();
}

#[cfg(unix)]
mod signals {
    use std::io::ErrorKind;
    use std::process::Command;

    use testkit::{in_child, interrupt_every, interrupt_every_with};

    use super::*;

    testkit::on_each_backend! {
        a_poll_keeps_its_time_under_a_storm_of_signals,
        events_come_through_a_storm_of_signals,
        an_interruptible_poll_tells_of_a_signal,
        a_silent_wake_out_of_a_signal_handler_ends_an_interruptible_poll,
        a_look_keeps_its_events_under_a_storm_of_signals,
        time_in_which_the_process_is_stopped_counts,
    }

    const STORM: Duration = Duration::from_millis(1);

    fn a_poll_keeps_its_time_under_a_storm_of_signals(backend: Backend) {
        in_child(|| {
            let (poll, mut events) = setup(backend);
            let _storm = interrupt_every(STORM);
            for timeout in [Duration::from_millis(30), Duration::from_micros(20_500)] {
                for _ in 0..5 {
                    expect_in_time(&poll, &mut events, timeout);
                }
            }
        });
    }

    fn events_come_through_a_storm_of_signals(backend: Backend) {
        in_child(|| {
            let (poll, mut events) = setup(backend);
            let waker = Waker::new(&poll, Token(1)).unwrap();
            let _storm = interrupt_every(STORM);
            let asker = Arc::new(Waker::new(&poll, Token(2)).unwrap());
            let thread = spawn({
                let asker = Arc::clone(&asker);
                move || {
                    // While the other one is interrupted many times.
                    let (idle, mut events) = setup(backend);
                    expect_in_time(&idle, &mut events, Duration::from_millis(20));
                    asker.wake().unwrap();
                }
            });
            assert_eq!(poll.poll(&mut events, None).unwrap(), 1);
            assert_eq!(events.get(0).map(|event| event.token()), Some(Token(2)));
            thread.join();
            waker.wake().unwrap();
            // What the first wake wrote to the handle may be counted here, and is left out.
            poll.poll_interruptible(&mut events, None).unwrap();
            let tokens: Vec<_> = events.iter().map(|event| event.token()).collect();
            assert_eq!(tokens, [Token(1)]);
        });
    }

    fn an_interruptible_poll_tells_of_a_signal(backend: Backend) {
        in_child(|| {
            let (poll, mut events) = setup(backend);
            let _storm = interrupt_every(STORM);
            for timeout in [None, Some(Duration::MAX), Some(testkit::DEADLINE)] {
                let error = poll.poll_interruptible(&mut events, timeout).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Interrupted, "{error:?}");
                assert!(events.is_empty());
            }
        });
    }

    fn a_silent_wake_out_of_a_signal_handler_ends_an_interruptible_poll(backend: Backend) {
        in_child(|| {
            let (poll, mut events) = setup(backend);
            let waker = Waker::silent(&poll).unwrap();
            // All that a wake does is atomic operations and at most one write.
            let _storm = interrupt_every_with(STORM, move || waker.wake().unwrap());
            for timeout in [None, Some(testkit::DEADLINE)] {
                for _ in 0..10 {
                    let count = poll.poll_interruptible(&mut events, timeout);
                    assert_eq!(count.expect("the wake is returned"), 0);
                }
            }
        });
    }

    fn a_look_keeps_its_events_under_a_storm_of_signals(backend: Backend) {
        in_child(|| {
            let (poll, mut events) = setup(backend);
            let waker = Waker::new(&poll, Token(1)).unwrap();
            let (stream, _peer) = tcp_pair();
            let source = IoSource::new(stream);
            poll.register(&source, Token(2), Ready::WRITABLE, PollOpt::LEVEL)
                .unwrap();
            let _storm = interrupt_every(Duration::from_micros(10));
            for round in 0..20_000 {
                let woken = usize::from(round % 2 == 0);
                if woken == 1 {
                    waker.wake().unwrap();
                }
                let count = poll.poll(&mut events, Some(Duration::ZERO));
                assert_eq!(count.unwrap(), 1 + woken, "round {round}: {events:?}");
            }
        });
    }

    /// Whether the kernel's poll(2) goes on with the time that is left when a stopped process goes on:
    /// on newer processors there is only ppoll(2), which goes on with what was left before.
    const POLL_COUNTS_ALL_TIME: bool = cfg!(any(
        not(any(target_os = "linux", target_os = "android")),
        target_arch = "x86_64",
        target_arch = "x86",
        target_arch = "arm",
        target_arch = "powerpc64",
        target_arch = "s390x",
    ));

    fn time_in_which_the_process_is_stopped_counts(backend: Backend) {
        if testkit::lacks_file("/bin/sh") {
            return;
        }
        const STOPPED: Duration = Duration::from_millis(1500);
        in_child(|| {
            let start = Instant::now();
            let pollers = [false, true].map(|interruptible| {
                let (poll, mut events) = setup(backend);
                let poller = spawn(move || {
                    let result = match interruptible {
                        false => poll.poll(&mut events, Some(STOPPED)),
                        true => poll.poll_interruptible(&mut events, Some(STOPPED)),
                    };
                    (result, start.elapsed())
                });
                poller.wait_until_asleep();
                poller
            });
            let id = std::process::id();
            let seconds = STOPPED.as_secs_f64();
            let stop = format!("kill -STOP {id}; sleep {seconds}; kill -CONT {id}");
            let status = Command::new("sh").args(["-c", &stop]).status().unwrap();
            assert!(status.success());
            let continued = start.elapsed();
            // On a busy machine the stop may come when the polls have ended.
            let came_late = continued >= STOPPED * 2;
            let [plain, interruptible] = pollers.map(testkit::Task::join);

            assert_eq!(plain.0.unwrap(), 0);
            assert!(plain.1 >= STOPPED, "{:?}", plain.1);
            if backend != Backend::Poll || (POLL_COUNTS_ALL_TIME && !testkit::on_qemu()) {
                let latest = continued + STOPPED / 2;
                assert!(plain.1 < latest, "{:?} instead of {latest:?}", plain.1);
            }
            match interruptible.0 {
                Ok(count) => {
                    assert_eq!(count, 0);
                    assert!(backend != Backend::Epoll || came_late);
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Interrupted, "{error:?}");
                    assert_ne!(backend, Backend::Poll);
                }
            }
        });
    }
}

/// System calls that fail with `EINTR` when the kernel would not do that, as in some sandboxes.
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    not(readywire_libkqueue)
))]
mod faults {
    use std::io::ErrorKind;
    use std::os::fd::AsFd;

    use selector::Event;
    use testkit::{expect_nothing_now, in_child_with_faults};

    use super::*;

    testkit::on_each_backend! {
        a_poll_is_never_interrupted_and_keeps_its_events,
        an_interrupted_poll_leaves_its_events_to_the_next_one,
        registering_is_not_interrupted,
    }

    /// Every fifth wait fails.
    const FAULTS: &str =
        "epoll_wait,epoll_pwait,epoll_pwait2,poll,ppoll,ppoll_time64:error=EINTR:when=1+5";

    const TIMEOUTS: [Duration; 3] = [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_millis(1),
    ];

    /// Polls with each timeout in states in which the handle that wakes takes the room of an event.
    fn poll_after_wakes(backend: Backend, mut poll_one: impl FnMut(&Poll, &mut Events, Duration)) {
        let (poll, _) = setup(backend);
        let (idle, mut events) = setup(backend);
        let _lent = poll.as_fd();
        let mut one = Events::with_capacity(1);
        let waker = Waker::new(&poll, Token(2)).unwrap();
        let (stream, _peer) = tcp_pair();
        let source = IoSource::new(stream);
        for round in 0..100 {
            for timeout in TIMEOUTS {
                waker.wake().unwrap();
                while poll.poll(&mut one, Some(Duration::ZERO)).unwrap() == 0 {}
                assert_eq!(one.get(0).map(|event| event.token()), Some(Token(2)));
                // So that the fault hits each of the following calls in some round.
                for _ in 0..round % 5 {
                    expect_nothing_now(&idle, &mut events);
                }
                poll.register(&source, Token(1), Ready::WRITABLE, PollOpt::LEVEL)
                    .unwrap();
                poll_one(&poll, &mut one, timeout);
                assert_eq!(one.get(0), Some(Event::new(Ready::WRITABLE, Token(1))));
                poll.deregister(&source).unwrap();
            }
        }
    }

    fn a_poll_is_never_interrupted_and_keeps_its_events(backend: Backend) {
        in_child_with_faults(FAULTS, || {
            poll_after_wakes(backend, |poll, events, timeout| {
                assert_eq!(poll.poll(events, Some(timeout)).unwrap(), 1);
            });
        });
    }

    fn an_interrupted_poll_leaves_its_events_to_the_next_one(backend: Backend) {
        in_child_with_faults(FAULTS, || {
            let mut interrupted = 0;
            poll_after_wakes(backend, |poll, events, timeout| {
                loop {
                    match poll.poll_interruptible(events, Some(timeout)) {
                        Ok(0) => {}
                        Ok(_) => break,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Interrupted, "{error:?}");
                            assert!(events.is_empty(), "{events:?}");
                            interrupted += 1;
                        }
                    }
                }
            });
            assert!(interrupted > 0);
        });
    }

    fn registering_is_not_interrupted(backend: Backend) {
        // Every second time, as Rust's runtime repeats its own call.
        in_child_with_faults("poll,ppoll,ppoll_time64:error=EINTR:when=1+2", || {
            let (poll, _) = setup(backend);
            for _ in 0..4 {
                let source = IoSource::new(tcp_pair().0);
                poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
                    .unwrap();
            }
        });
    }
}
