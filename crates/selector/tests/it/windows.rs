//! What is peculiar to AFD: handles that many sockets share, polls that are under way while their
//! socket or their `Poll` goes away, numbers that come again.

use std::env;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::os::windows::io::AsRawSocket;
use std::process::Command;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use selector::{Backend, Events, IoSource, Poll, PollOpt, Ready, Token};
use testkit::{
    collect, drain, expect_events, expect_nothing_now, expect_silence, reset, spawn, tcp_pair,
};
use windows_sys::Win32::Foundation::GetHandleInformation;

use crate::setup;

const EVERY: [PollOpt; 4] = [
    PollOpt::LEVEL,
    PollOpt::EDGE,
    PollOpt::ONESHOT,
    PollOpt::EDGE.union(PollOpt::ONESHOT),
];

#[test]
fn two_hundred_sockets_are_one_event_each() {
    for opts in EVERY {
        let (poll, _) = setup(Backend::Afd);
        let mut events = Events::with_capacity(256);
        let pairs: Vec<_> = (0..200).map(|_| tcp_pair()).collect();
        let sources: Vec<_> = pairs
            .into_iter()
            .enumerate()
            .map(|(at, (stream, mut peer))| {
                let source = IoSource::new(stream);
                poll.register(&source, Token(at), Ready::READABLE, opts)
                    .unwrap();
                peer.write_all(b"x").unwrap();
                (source, peer)
            })
            .collect();
        let mut seen = vec![0; sources.len()];
        while seen.contains(&0) {
            let batch = collect(&poll, &mut events);
            let mut tokens: Vec<_> = batch.iter().map(|event| event.token()).collect();
            tokens.sort_unstable();
            tokens.dedup();
            assert_eq!(tokens.len(), batch.len(), "twice in a batch: {batch:?}");
            for event in batch {
                assert_eq!(event.readiness(), Ready::READABLE);
                seen[event.token().0] += 1;
            }
        }
        if opts.intersects(PollOpt::EDGE | PollOpt::ONESHOT) {
            assert!(seen.iter().all(|count| *count == 1), "{opts:?}: {seen:?}");
        }
    }
}

#[test]
fn a_socket_whose_number_comes_again_gets_no_event_of_the_one_before() {
    let (poll, mut events) = setup(Backend::Afd);
    let mut numbers = Vec::new();
    let mut again = 0;
    for round in 0..100 {
        let (stream, mut peer) = tcp_pair();
        if numbers.contains(&stream.as_raw_socket()) {
            again += 1;
        }
        numbers.push(stream.as_raw_socket());
        let opts = EVERY[round % EVERY.len()];
        let source = IoSource::new_sole(stream);
        poll.register(&source, Token(round), Ready::READABLE, opts)
            .unwrap();
        expect_nothing_now(&poll, &mut events);
        // What is under way now completes for nobody.
        peer.write_all(b"x").unwrap();
        drop(source);
    }
    assert!(again > 0, "no number came again in {numbers:?}");
    expect_silence(&poll, &mut events);
}

#[test]
fn a_socket_deregistered_with_a_poll_under_way_moves_to_another_poll() {
    let (one, mut events) = setup(Backend::Afd);
    let (other, _) = setup(Backend::Afd);
    for opts in EVERY {
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        for round in 0..20 {
            let (from, to) = if round % 2 == 0 {
                (&one, &other)
            } else {
                (&other, &one)
            };
            from.register(&source, Token(1), Ready::READABLE, opts)
                .unwrap();
            from.deregister(&source).unwrap();
            to.register(&source, Token(2), Ready::READABLE, opts)
                .unwrap();
            peer.write_all(b"x").unwrap();
            expect_events(to, &mut events, &[(Token(2), Ready::READABLE)]);
            expect_nothing_now(from, &mut events);
            drain(source.get_ref());
            to.deregister(&source).unwrap();
        }
    }
}

#[test]
fn a_poll_dropped_with_polls_under_way_leaves_its_sockets_to_another() {
    let (other, mut events) = setup(Backend::Afd);
    for opts in EVERY {
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        let poll = Poll::new().unwrap();
        poll.register(&source, Token(1), Ready::READABLE, opts)
            .unwrap();
        drop(poll);
        peer.write_all(b"x").unwrap();
        other
            .register(&source, Token(2), Ready::READABLE, opts)
            .unwrap();
        expect_events(&other, &mut events, &[(Token(2), Ready::READABLE)]);
    }
}

#[test]
fn a_poll_begun_by_a_thread_that_ended_still_reports() {
    for opts in EVERY {
        let (poll, mut events) = setup(Backend::Afd);
        let poll = Arc::new(poll);
        let (stream, mut peer) = tcp_pair();
        let source = spawn({
            let poll = Arc::clone(&poll);
            move || {
                let source = IoSource::new(stream);
                poll.register(&source, Token(1), Ready::READABLE, opts)
                    .unwrap();
                source
            }
        })
        .join();
        expect_silence(&poll, &mut events);
        peer.write_all(b"x").unwrap();
        expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
        drop(source);
    }
}

/// Sockets go away in every manner while others wait for them: by drop and deregister, reset and
/// closed by their peers, with polls under way and packets in the port.
#[test]
fn sockets_go_away_under_threads_that_wait() {
    const ROUNDS: usize = 150;
    let (poll, _) = setup(Backend::Afd);
    let poll = Arc::new(poll);
    let stopped = Arc::new(AtomicBool::new(false));
    let waker = selector::Waker::new(&poll, Token(usize::MAX)).unwrap();
    let pollers: Vec<_> = (0..3)
        .map(|_| {
            let (poll, stopped) = (Arc::clone(&poll), Arc::clone(&stopped));
            let waker = waker.clone();
            spawn(move || {
                let mut events = Events::with_capacity(16);
                while !stopped.load(Ordering::SeqCst) {
                    poll.poll(&mut events, None).unwrap();
                    events.iter().for_each(drop);
                }
                waker.wake().unwrap();
            })
        })
        .collect();
    let makers: Vec<_> = (0..3)
        .map(|maker| {
            let poll = Arc::clone(&poll);
            spawn(move || {
                for round in 0..ROUNDS {
                    let (stream, peer) = tcp_pair();
                    let source = IoSource::new_sole(stream);
                    let opts = EVERY[(round + maker) % EVERY.len()];
                    let both = Ready::READABLE | Ready::WRITABLE;
                    poll.register(&source, Token(round), both, opts).unwrap();
                    go_away(&poll, source, peer, round);
                }
            })
        })
        .collect();
    makers.into_iter().for_each(testkit::Task::join);
    stopped.store(true, Ordering::SeqCst);
    waker.wake().unwrap();
    pollers.into_iter().for_each(testkit::Task::join);
    assert!(poll.stats().polls > 0);
    drop(waker);
    // The wake of the last thread to end is still pending, and outlives its waker.
    let mut events = Events::with_capacity(16);
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    let left = format!("{poll:?}");
    assert!(!left.contains("Token"), "{left}");
}

fn go_away(poll: &Poll, source: IoSource<TcpStream>, mut peer: TcpStream, manner: usize) {
    match manner % 5 {
        0 => drop(source),
        1 => {
            peer.write_all(b"x").unwrap();
            poll.deregister(&source).unwrap();
        }
        2 => reset(peer),
        3 => {
            peer.shutdown(Shutdown::Both).unwrap();
            source.mark_drained(Ready::READABLE | Ready::WRITABLE);
        }
        _ => {
            poll.reregister(&source, Token(0), Ready::READABLE, PollOpt::EDGE)
                .unwrap();
            peer.write_all(b"x").unwrap();
        }
    }
}

/// Marks the process that counts its handles, which nobody else must change.
const COUNTING: &str = "READYWIRE_COUNTS_HANDLES";

#[test]
fn no_handle_is_left_behind() {
    if env::var_os(COUNTING).is_none() {
        let name = "windows::no_handle_is_left_behind";
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", name, "--test-threads=1", "--nocapture"]);
        let output = command.env(COUNTING, "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("1 passed"), "{text}");
        return;
    }
    let round = || {
        let (poll, mut events) = setup(Backend::Afd);
        let pairs: Vec<_> = (0..40).map(|_| tcp_pair()).collect();
        let sources: Vec<_> = pairs
            .iter()
            .map(|(stream, _)| IoSource::new(stream.try_clone().unwrap()))
            .collect();
        for source in &sources {
            poll.register(source, Token(0), Ready::READABLE, PollOpt::LEVEL)
                .unwrap();
        }
        expect_nothing_now(&poll, &mut events);
        drop(poll);
    };
    // What the first round makes for good.
    round();
    let before = handles();
    for _ in 0..5 {
        round();
    }
    assert_eq!(handles(), before);
}

/// Counts the open handles of the process, by their numbers: Wine answers nothing to whom asks.
fn handles() -> usize {
    let is_open = |number: &usize| {
        let handle = ptr::without_provenance_mut(*number);
        let mut flags = 0;
        // SAFETY: asks about a number, open or not; the flags outlive the call.
        unsafe { GetHandleInformation(handle, &mut flags) != 0 }
    };
    (4..0x1_0000).step_by(4).filter(is_open).count()
}
