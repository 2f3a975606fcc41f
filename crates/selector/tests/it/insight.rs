//! What `Debug` and the counters let one see.

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use selector::{Backend, IoSource, Poll, PollOpt, Ready, Registration, Token, Waker};
use testkit::{collect, expect_nothing_now, spawn, tcp_pair};

use crate::setup;

testkit::on_each_backend! {
    debug_lists_what_is_registered,
    debug_shows_what_a_source_holds,
    debug_shows_what_was_set_and_how_it_is_registered,
    a_backend_is_known_by_its_name,
    polls_and_events_are_counted,
    dropped_events_are_counted,
    wakes_are_counted,
    rearmed_edges_are_counted_where_they_are_emulated,
    counters_can_be_read_while_others_poll,
}

fn debug_lists_what_is_registered(backend: Backend) {
    let (poll, _) = setup(backend);
    let text = format!("{poll:?}");
    assert!(
        text.to_lowercase().contains(backend.to_string().as_str()),
        "{text}"
    );
    assert!(!text.contains("Token"), "{text}");

    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    let (registration, _set) = Registration::new();
    let waker = Waker::new(&poll, Token(30)).unwrap();
    let interest = Ready::READABLE | Ready::PRIORITY;
    poll.register(
        &source,
        Token(10),
        interest,
        PollOpt::EDGE | PollOpt::ONESHOT,
    )
    .unwrap();
    poll.register(&registration, Token(20), Ready::WRITABLE, PollOpt::LEVEL)
        .unwrap();
    let text = format!("{poll:?}");
    for part in [
        "Token(10)",
        "READABLE | PRIORITY",
        "EDGE | ONESHOT",
        "Token(20)",
        "LEVEL",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    #[cfg(unix)]
    {
        let fd = std::os::fd::AsRawFd::as_raw_fd(source.get_ref());
        assert!(
            text.contains(&format!("descriptor: {fd},")),
            "no {fd} in {text}"
        );
    }

    poll.reregister(&source, Token(11), Ready::WRITABLE, PollOpt::LEVEL)
        .unwrap();
    let text = format!("{poll:?}");
    assert!(
        text.contains("Token(11)") && !text.contains("Token(10)"),
        "{text}"
    );
    drop((source, waker));
    poll.deregister(&registration).unwrap();
    let text = format!("{poll:?}");
    assert!(!text.contains("Token"), "{text}");
}

fn debug_shows_what_a_source_holds(_: Backend) {
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    assert_eq!(format!("{source:?}"), format!("{:?}", source.get_ref()));
}

fn debug_shows_what_was_set_and_how_it_is_registered(backend: Backend) {
    let (poll, _) = setup(backend);
    let (registration, set_readiness) = Registration::new();
    set_readiness.set_readiness(Ready::READABLE).unwrap();
    poll.register(&registration, Token(1), Ready::WRITABLE, PollOpt::EDGE)
        .unwrap();
    let texts = [format!("{registration:?}"), format!("{set_readiness:?}")];
    assert!(
        texts.iter().all(|text| text.contains("READABLE")),
        "{texts:?}"
    );
    for part in ["WRITABLE", "EDGE"] {
        assert!(texts[0].contains(part), "no {part} in {texts:?}");
    }
    let waker = Waker::new(&poll, Token(2)).unwrap();
    assert_eq!(format!("{waker:?}"), "Waker { .. }");
    let batches = poll.batches();
    assert_eq!(format!("{batches:?}"), "Batches { are_over: true }");
}

fn a_backend_is_known_by_its_name(_: Backend) {
    let all = [
        (Backend::Epoll, "epoll"),
        (Backend::Kqueue, "kqueue"),
        (Backend::Poll, "poll"),
        (Backend::Afd, "afd"),
    ];
    let unknown = "select".parse::<Backend>().unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::InvalidInput);
    let available = Backend::available();
    for (backend, name) in all {
        assert_eq!(backend.to_string(), name);
        assert_eq!(format!("{backend:>8}"), format!("{name:>8}"));
        assert_eq!(name.parse::<Backend>().unwrap(), backend);
        assert!(unknown.to_string().contains(name), "no {name} in {unknown}");
        if !available.contains(&backend) {
            let missing = Poll::with_backend(backend).unwrap_err();
            assert_eq!(missing.kind(), ErrorKind::Unsupported);
            let names = available.iter().map(Backend::to_string);
            let expected = names.collect::<Vec<_>>().join(", ");
            let missing = missing.to_string();
            assert!(
                missing.contains(name) && missing.ends_with(&expected),
                "{missing}"
            );
        }
    }
}

fn polls_and_events_are_counted(backend: Backend) {
    let (poll, mut events) = setup(backend);
    assert_eq!(poll.stats(), selector::Stats::default());
    for _ in 0..5 {
        expect_nothing_now(&poll, &mut events);
    }
    assert_eq!((poll.stats().polls, poll.stats().events), (5, 0));
    let pairs = [tcp_pair(), tcp_pair()].map(|(stream, peer)| (IoSource::new(stream), peer));
    for (source, _) in &pairs {
        poll.register(source, Token(1), Ready::WRITABLE, PollOpt::LEVEL)
            .unwrap();
    }
    for _ in 0..3 {
        assert_eq!(collect(&poll, &mut events).len(), 2);
    }
    assert_eq!((poll.stats().polls, poll.stats().events), (8, 6));
    // What a batch has counted stays when it goes.
    drop(events);
    assert_eq!((poll.stats().polls, poll.stats().events), (8, 6));
}

fn dropped_events_are_counted(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::WRITABLE, PollOpt::LEVEL)
        .unwrap();
    poll.poll(&mut events, Some(testkit::DEADLINE)).unwrap();
    drop(source);
    assert_eq!(poll.stats().stale, 0);
    assert_eq!(events.iter().count(), 0);
    assert_eq!(poll.stats().stale, 1);
}

fn wakes_are_counted(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let waker = Waker::new(&poll, Token(1)).unwrap();
    waker.wake().unwrap();
    waker.wake().unwrap();
    collect(&poll, &mut events);
    let stats = poll.stats();
    assert_eq!((stats.wakes_sent, stats.wakes_elided), (0, 2), "{stats:?}");
    let poll = Arc::new(poll);
    let mut wakes = 2;
    testkit::until("a wake comes to a sleeper", || {
        let poller = spawn({
            let poll = Arc::clone(&poll);
            move || collect(&poll, &mut selector::Events::with_capacity(8))
        });
        poller.wait_until_asleep();
        waker.wake().unwrap();
        poller.join();
        wakes += 1;
        let stats = poll.stats();
        if stats.wakes_sent == 0 {
            // It slept before it got to the system, on a lock perhaps.
            assert_eq!(stats.wakes_elided, wakes, "{stats:?}");
            return false;
        }
        assert_eq!(stats.wakes_sent, 1, "{stats:?}");
        // A wake may be seen before it is counted as sent, where the poller was about to sleep.
        assert!(
            (wakes - 1..=wakes).contains(&stats.wakes_elided),
            "{stats:?}"
        );
        true
    });
}

fn rearmed_edges_are_counted_where_they_are_emulated(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    // A source that was registered with a backend which emulates edges is observed on every other, too.
    for &before in Backend::available() {
        let (before, _) = setup(before);
        before
            .register(&source, Token(0), Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        before.deregister(&source).unwrap();
    }
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    let emulated = !matches!(backend, Backend::Epoll | Backend::Kqueue);
    for round in 1..=3 {
        peer.write_all(b"x").unwrap();
        collect(&poll, &mut events);
        let read = || source.try_io(Ready::READABLE, |mut stream| stream.read(&mut [0; 8]));
        assert_eq!(read().unwrap(), 1);
        // The second one finds it armed.
        for _ in 0..2 {
            assert_eq!(read().unwrap_err().kind(), ErrorKind::WouldBlock);
        }
        assert_eq!(poll.stats().edges_rearmed, if emulated { round } else { 0 });
    }
}

fn counters_can_be_read_while_others_poll(backend: Backend) {
    const POLLS: usize = 2_000;
    let poll = Arc::new(setup(backend).0);
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let poll = Arc::clone(&poll);
            spawn(move || {
                let (_, mut events) = setup(backend);
                for _ in 0..POLLS {
                    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
                }
            })
        })
        .collect();
    let mut before = 0;
    while before < 3 * POLLS {
        let polls = poll.stats().polls;
        assert!(
            (before..=3 * POLLS).contains(&polls),
            "{polls} after {before}"
        );
        before = polls;
    }
    tasks.into_iter().for_each(testkit::Task::join);
}

#[cfg(unix)]
mod descriptors {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    use super::*;

    testkit::on_each_backend! { debug_lists_a_high_descriptor_by_itself }

    fn debug_lists_a_high_descriptor_by_itself(backend: Backend) {
        let (poll, _) = setup(backend);
        let (stream, _peer) = tcp_pair();
        // SAFETY: takes two numbers and a command, touches no memory of ours.
        let fd = unsafe { libc::fcntl(stream.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 200) };
        assert!(fd >= 200, "{}", std::io::Error::last_os_error());
        // SAFETY: the descriptor has just been made and nobody else knows it.
        let source = IoSource::new(unsafe { OwnedFd::from_raw_fd(fd) });
        poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        let text = format!("{poll:?}");
        assert!(text.contains(&format!("descriptor: {fd},")), "{text}");
    }
}

#[test]
fn a_poll_is_told_from_all_others_also_from_those_that_are_gone() {
    let poll = Poll::new().unwrap();
    let id = poll.id();
    let mut others = HashSet::new();
    for _ in 0..100 {
        // Each takes the place in memory of the one before.
        assert!(others.insert(Poll::new().unwrap().id()));
    }
    assert!(!others.contains(&id));
    let moved = Box::new(poll);
    assert_eq!(moved.id(), id);
}
