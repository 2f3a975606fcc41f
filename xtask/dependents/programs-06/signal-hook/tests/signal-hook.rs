//! signal-hook 0.1: its `Signals`, registered with a `Poll` through the `EventedFd` of its Unix stream.
//! Every signal wakes the loop and is named, from this thread and from others, and a closed `Signals` wakes it too.

#[path = "../../support.rs"]
mod support;

use std::thread;

use mio::{Events, Poll, PollOpt, Ready, Token};
use signal_hook::iterator::Signals;
use support::within_deadline;

fn raise(signal: i32) {
    // SAFETY: raise(3) takes any number; each test installs a handler first.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

#[test]
fn each_signal_wakes_the_loop() {
    for options in [PollOpt::level(), PollOpt::edge()] {
        within_deadline(move || {
            let signals = Signals::new([signal_hook::SIGUSR1, signal_hook::SIGUSR2]).unwrap();
            let poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(4);
            poll.register(&signals, Token(7), Ready::readable(), options)
                .unwrap();
            for signal in [signal_hook::SIGUSR1, signal_hook::SIGUSR2].repeat(50) {
                raise(signal);
                let mut seen = Vec::new();
                // A wake from the signal before may be left over.
                while seen.is_empty() {
                    poll.poll(&mut events, None).unwrap();
                    assert!(events
                        .iter()
                        .all(|event| event.token() == Token(7) && event.readiness().is_readable()));
                    seen.extend(signals.pending());
                }
                assert_eq!(seen, [signal]);
            }
            poll.deregister(&signals).unwrap();
        });
    }
}

#[test]
fn signals_of_another_thread_arrive_one_by_one() {
    within_deadline(|| {
        let signals = Signals::new([signal_hook::SIGHUP]).unwrap();
        let answered = Signals::new([signal_hook::SIGALRM]).unwrap();
        let poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(4);
        poll.register(&signals, Token(1), Ready::readable(), PollOpt::edge())
            .unwrap();
        let other = thread::spawn(move || {
            for _ in 0..50 {
                raise(signal_hook::SIGHUP);
                assert_eq!(answered.forever().next(), Some(signal_hook::SIGALRM));
            }
        });
        let mut count = 0;
        while count < 50 {
            poll.poll(&mut events, None).unwrap();
            for signal in signals.pending() {
                assert_eq!(signal, signal_hook::SIGHUP);
                count += 1;
                raise(signal_hook::SIGALRM);
            }
        }
        other.join().unwrap();
    });
}

#[test]
fn closing_wakes_the_loop() {
    within_deadline(|| {
        let signals = Signals::new([signal_hook::SIGWINCH]).unwrap();
        let poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(4);
        poll.register(&signals, Token(1), Ready::readable(), PollOpt::level())
            .unwrap();
        let closer = signals.clone();
        let other = thread::spawn(move || closer.close());
        poll.poll(&mut events, None).unwrap();
        assert_eq!(events.iter().count(), 1);
        other.join().unwrap();
        assert!(signals.is_closed());
        assert_eq!(signals.pending().count(), 0);
    });
}
