//! No event of a registration once it has ended, wherever the event was at that moment.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use selector::{
    Backend, Event, Evented, Events, IoSource, Poll, PollOpt, Ready, Registration, SetReadiness,
    Token, Waker,
};
use testkit::{Sentinel, collect, expect_events, expect_silence, spawn, tcp_pair, until_readable};

use crate::setup;

testkit::on_each_backend! {
    what_an_earlier_handler_ends_is_left_out_of_the_batch,
    a_pending_event_survives_reregister_with_the_new_token_and_interest,
    an_event_outside_the_new_interest_is_left_out_of_the_batch,
    a_source_that_is_reregistered_at_every_event_of_another_is_served,
    user_space_sources_leave_the_batch_as_well,
    a_wake_outlives_its_waker_in_the_batch_and_in_the_queue,
    a_batch_that_outlives_its_poll_holds_wakes_alone,
    nothing_comes_after_deregister_has_returned_on_another_thread,
    a_clone_of_a_dropped_source_is_silent,
    batches_are_over_after_two_polls_or_with_the_batch,
    memory_is_kept_until_no_thread_has_an_event_with_its_address,
    a_thread_that_sleeps_in_a_poll_holds_its_batch_up_until_it_is_woken,
    what_was_taken_out_of_a_source_is_silent,
}

const TRIGGERS: [PollOpt; 4] = [
    PollOpt::LEVEL,
    PollOpt::EDGE,
    PollOpt::ONESHOT,
    PollOpt::EDGE.union(PollOpt::ONESHOT),
];

type Pair = (IoSource<TcpStream>, TcpStream);

/// Readable sources, registered under their place; all of them are in the batch.
fn ready(poll: &Poll, events: &mut Events, count: usize, opts: PollOpt) -> Vec<Option<Pair>> {
    let pairs: Vec<_> = (0..count)
        .map(|at| {
            let (stream, mut peer) = tcp_pair();
            peer.write_all(b"x").unwrap();
            until_readable(&stream);
            let source = IoSource::new(stream);
            poll.register(&source, Token(at), Ready::READABLE, opts)
                .unwrap();
            Some((source, peer))
        })
        .collect();
    assert_eq!(poll.poll(events, Some(testkit::DEADLINE)).unwrap(), count);
    pairs
}

fn what_an_earlier_handler_ends_is_left_out_of_the_batch(backend: Backend) {
    for opts in TRIGGERS {
        for drops in [true, false] {
            let (poll, mut events) = setup(backend);
            let mut pairs = ready(&poll, &mut events, 8, opts);
            let mut handled = Vec::new();
            for event in &events {
                handled.push(event.token().0);
                let first = handled[0];
                for (at, pair) in pairs.iter_mut().enumerate().filter(|(at, _)| *at != first) {
                    if drops {
                        *pair = None;
                    } else if handled.len() == 1 {
                        poll.deregister(&pair.as_ref().expect("still there").0)
                            .unwrap_or_else(|error| panic!("deregister {at}: {error}"));
                    }
                }
            }
            assert_eq!(handled.len(), 1, "{opts:?}: {handled:?}");
            assert_eq!(events.len(), 8);
            assert_eq!(events.iter().count(), 1);
            let found = (0..8).filter(|at| events.get(*at).is_some()).count();
            assert_eq!(found, 1);
            assert_eq!(events.into_iter().count(), 1);
            drop(pairs[handled[0]].take());
            let (_, mut events) = setup(backend);
            expect_silence(&poll, &mut events);
        }
    }
}

/// A source of user space that is ready for reading and for writing.
fn set_ready() -> (Registration, SetReadiness) {
    let (registration, set) = Registration::new();
    set.set_readiness(Ready::READABLE | Ready::WRITABLE)
        .unwrap();
    (registration, set)
}

/// A socket that is ready for reading and for writing.
fn socket_ready() -> Pair {
    let (stream, mut peer) = tcp_pair();
    peer.write_all(b"x").unwrap();
    until_readable(&stream);
    (IoSource::new(stream), peer)
}

fn a_pending_event_survives_reregister_with_the_new_token_and_interest(backend: Backend) {
    for opts in TRIGGERS {
        let (poll, mut events) = setup(backend);
        let (socket, user) = (socket_ready(), set_ready());
        let sources: [&dyn Evented; 2] = [&socket.0, &user.0];
        let both = Ready::READABLE | Ready::WRITABLE;
        for (at, source) in sources.iter().enumerate() {
            poll.register(*source, Token(at), both, opts).unwrap();
        }
        assert_eq!(poll.poll(&mut events, Some(testkit::DEADLINE)).unwrap(), 2);
        for (token, interest) in [(10, both), (20, Ready::WRITABLE)] {
            for (at, source) in sources.iter().enumerate() {
                poll.reregister(*source, Token(token + at), interest, opts)
                    .unwrap();
            }
            let mut batch: Vec<Event> = events.iter().collect();
            batch.sort_by_key(|event| event.token());
            let expected = [0, 1].map(|at| Event::new(interest, Token(token + at)));
            assert_eq!(batch, expected, "{opts:?}");
        }
        // Also after a oneshot one more may follow.
        let again = [0, 1].map(|at| (Token(20 + at), Ready::WRITABLE));
        expect_events(&poll, &mut events, &again);
        if opts.is_oneshot() {
            expect_silence(&poll, &mut events);
        }
    }
}

fn an_event_outside_the_new_interest_is_left_out_of_the_batch(backend: Backend) {
    for opts in TRIGGERS {
        let (poll, mut events) = setup(backend);
        let (socket, user) = (socket_ready(), set_ready());
        let sources: [&dyn Evented; 2] = [&socket.0, &user.0];
        for (at, source) in sources.iter().enumerate() {
            poll.register(*source, Token(at), Ready::READABLE, opts)
                .unwrap();
        }
        assert_eq!(poll.poll(&mut events, Some(testkit::DEADLINE)).unwrap(), 2);
        for (at, source) in sources.iter().enumerate() {
            poll.reregister(*source, Token(at), Ready::WRITABLE, opts)
                .unwrap();
        }
        assert_eq!(events.iter().count(), 0, "{opts:?}: {events:?}");
        let writable = [0, 1].map(|at| (Token(at), Ready::WRITABLE));
        expect_events(&poll, &mut events, &writable);
    }
}

fn a_source_that_is_reregistered_at_every_event_of_another_is_served(backend: Backend) {
    const POLLS: usize = 1_000;
    for opts in [PollOpt::LEVEL, PollOpt::EDGE | PollOpt::ONESHOT] {
        let (poll, mut events) = setup(backend);
        let pairs: Vec<_> = (0..2).map(|_| socket_ready()).collect();
        let user: Vec<_> = (0..2).map(|_| set_ready()).collect();
        let sources: [&dyn Evented; 4] = [&pairs[0].0, &pairs[1].0, &user[0].0, &user[1].0];
        for (at, source) in sources.iter().enumerate() {
            poll.register(*source, Token(at), Ready::READABLE, opts)
                .unwrap();
        }
        let mut served = [0; 4];
        for _ in 0..POLLS {
            poll.poll(&mut events, Some(testkit::DEADLINE)).unwrap();
            for event in &events {
                let at = event.token().0;
                served[at] += 1;
                // Nobody reads, so that each source is ready all the time.
                let other = at ^ 1;
                for at in [at, other]
                    .into_iter()
                    .skip(usize::from(!opts.is_oneshot()))
                {
                    poll.reregister(sources[at], Token(at), Ready::READABLE, opts)
                        .unwrap();
                }
            }
        }
        assert!(
            served.iter().all(|&served| served >= POLLS / 2),
            "{opts:?}: {served:?}"
        );
    }
}

fn user_space_sources_leave_the_batch_as_well(backend: Backend) {
    for opts in TRIGGERS {
        let (poll, mut events) = setup(backend);
        let mut sources: Vec<(Option<Registration>, SetReadiness)> = (0..6)
            .map(|at| {
                let (registration, set) = Registration::new();
                poll.register(&registration, Token(at), Ready::READABLE, opts)
                    .unwrap();
                set.set_readiness(Ready::READABLE).unwrap();
                (Some(registration), set)
            })
            .collect();
        assert_eq!(poll.poll(&mut events, Some(testkit::DEADLINE)).unwrap(), 6);
        let mut handled = Vec::new();
        for event in &events {
            handled.push(event.token().0);
            for (at, (source, set)) in sources.iter_mut().enumerate() {
                match at {
                    0 => {}
                    1 | 2 => *source = None,
                    3 => drop(
                        source
                            .take()
                            .map(|source| poll.deregister(&source).unwrap()),
                    ),
                    _ if handled.len() == 1 => {
                        let source = source.as_ref().expect("still there");
                        poll.reregister(source, Token(100 + at), Ready::WRITABLE, opts)
                            .unwrap();
                        set.set_readiness(Ready::WRITABLE).unwrap();
                    }
                    _ => {}
                }
            }
        }
        assert_eq!(handled, [0], "{opts:?}");
        sources[0].0 = None;
        let writable = [4, 5].map(|at| (Token(100 + at), Ready::WRITABLE));
        expect_events(&poll, &mut events, &writable);
        for (source, set) in &mut sources {
            *source = None;
            set.set_readiness(Ready::all()).unwrap();
        }
        expect_silence(&poll, &mut events);
    }
}

fn a_wake_outlives_its_waker_in_the_batch_and_in_the_queue(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let one = Waker::new(&poll, Token(1)).unwrap();
    let other = Waker::new(&poll, Token(2)).unwrap();
    one.wake().unwrap();
    other.wake().unwrap();
    assert_eq!(poll.poll(&mut events, Some(testkit::DEADLINE)).unwrap(), 2);
    drop(other);
    one.wake().unwrap();
    drop(one);
    let woken = [1, 2].map(|token| Event::new(Ready::READABLE, Token(token)));
    let mut batch: Vec<Event> = events.iter().collect();
    batch.sort_unstable_by_key(|event| event.token());
    assert_eq!(batch, woken);
    assert_eq!(format!("{events:?}"), format!("{:?}", events.iter()));
    assert_eq!(events.get(0), events.iter().next());
    // The wake that was in the queue.
    assert_eq!(collect(&poll, &mut events), woken[..1]);
    expect_silence(&poll, &mut events);
    assert_eq!(poll.stats().stale, 0);
}

fn a_batch_that_outlives_its_poll_holds_wakes_alone(backend: Backend) {
    let wake = [Event::new(Ready::READABLE, Token(9))];
    for sources_first in [true, false] {
        let (poll, mut events) = setup(backend);
        let pairs = ready(&poll, &mut events, 3, PollOpt::LEVEL);
        let user = set_ready();
        poll.register(&user.0, Token(8), Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        let waker = Waker::new(&poll, Token(9)).unwrap();
        waker.wake().unwrap();
        assert_eq!(collect(&poll, &mut events).len(), 5);
        if sources_first {
            drop(pairs);
            drop(poll);
            assert!(events.iter().eq(wake), "{events:?}");
        } else {
            drop(poll);
            drop(pairs);
            assert!(events.iter().eq(wake), "{events:?}");
            // What the first poll reported of it is not the next one's.
            let (poll, mut others) = setup(backend);
            poll.register(&user.0, Token(10), Ready::READABLE, PollOpt::LEVEL)
                .unwrap();
            expect_events(&poll, &mut others, &[(Token(10), Ready::READABLE)]);
            assert!(events.iter().eq(wake), "{events:?}");
        }
        let (poll, _) = setup(backend);
        expect_silence(&poll, &mut events);
    }
}

fn nothing_comes_after_deregister_has_returned_on_another_thread(backend: Backend) {
    const ROUNDS: usize = 2_000;
    const STOP: usize = usize::MAX;
    let (poll, mut events) = setup(backend);
    let poll = Arc::new(poll);
    // The registrations that were seen, and the last that has ended.
    let (sender, seen) = channel();
    let ended = Arc::new(AtomicUsize::new(0));
    let poller = spawn({
        let (poll, ended) = (Arc::clone(&poll), Arc::clone(&ended));
        move || {
            let mut last = 0;
            loop {
                poll.poll(&mut events, None).unwrap();
                let mut batch = events.iter();
                loop {
                    let ended = ended.load(Ordering::SeqCst);
                    let Some(event) = batch.next() else { break };
                    let token = event.token().0;
                    assert!(token > ended, "{token} after the end of {ended}");
                    if token != last && token != STOP {
                        last = token;
                        sender.send(token).unwrap();
                    }
                }
                if ended.load(Ordering::SeqCst) >= ROUNDS {
                    return;
                }
            }
        }
    });
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    for round in 1..ROUNDS {
        // Ready all the time, so that there is always an event under way.
        poll.register(&source, Token(round), Ready::WRITABLE, PollOpt::LEVEL)
            .unwrap();
        assert_eq!(seen.recv_timeout(testkit::DEADLINE), Ok(round));
        poll.deregister(&source).unwrap();
        ended.store(round, Ordering::SeqCst);
    }
    ended.store(ROUNDS, Ordering::SeqCst);
    let waker = Waker::new(&poll, Token(STOP)).unwrap();
    waker.wake().unwrap();
    poller.join();
}

/// Proves that nothing comes, that nothing is even looked at in vain, and that time is kept.
#[track_caller]
fn expect_deep_silence(poll: &Poll, events: &mut Events, sentinel: &mut Sentinel) {
    let stale = poll.stats().stale;
    sentinel.expect_silence(poll, events);
    let (start, timeout) = (Instant::now(), Duration::from_millis(20));
    assert_eq!(poll.poll(events, Some(timeout)).unwrap(), 0);
    assert!(start.elapsed() >= timeout, "{:?}", start.elapsed());
    assert_eq!(
        poll.stats().stale,
        stale,
        "events were dropped, hence polls were busy"
    );
}

fn a_clone_of_a_dropped_source_is_silent(backend: Backend) {
    for opts in TRIGGERS {
        for sole in [true, false] {
            let (poll, mut events) = setup(backend);
            let mut sentinel = Sentinel::new();
            let (stream, mut peer) = tcp_pair();
            let source = if sole {
                IoSource::new_sole(stream)
            } else {
                IoSource::new(stream)
            };
            poll.register(&source, Token(1), Ready::READABLE, opts)
                .unwrap();
            let clone = source.get_ref().try_clone().unwrap();
            drop(source);
            peer.write_all(b"x").unwrap();
            expect_deep_silence(&poll, &mut events, &mut sentinel);
            // It may be registered by itself.
            let source = IoSource::new(clone);
            poll.register(&source, Token(2), Ready::READABLE, opts)
                .unwrap();
            expect_events(&poll, &mut events, &[(Token(2), Ready::READABLE)]);
        }
    }
}

fn what_was_taken_out_of_a_source_is_silent(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let mut sentinel = Sentinel::new();
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new_sole(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    peer.write_all(b"x").unwrap();
    collect(&poll, &mut events);
    let stream = source.into_inner();
    assert_eq!(events.iter().count(), 0);
    expect_deep_silence(&poll, &mut events, &mut sentinel);
    let source = IoSource::new(stream);
    poll.register(&source, Token(2), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    expect_events(&poll, &mut events, &[(Token(2), Ready::READABLE)]);
}

/// Descriptor numbers that are used again, in a process of its own, where no other test takes them.
#[cfg(unix)]
mod numbers {
    use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
    use std::os::unix::net::UnixStream;

    use selector::EventedFd;
    use testkit::{expect_nothing_now, in_child, pipe, unix_pair};

    use super::*;

    testkit::on_each_backend! {
        a_new_source_of_the_same_number_and_token_is_no_ghosts_host,
        a_number_is_free_while_a_clone_of_its_source_lives,
        a_clone_that_nobody_was_told_of_is_no_ghost,
        events_of_a_clone_that_nobody_was_told_of_end_no_wait,
        a_clone_put_back_under_its_number_can_be_registered,
        a_source_dropped_after_a_fork_leaves_no_stale_events,
        a_raw_descriptor_that_was_closed_gives_up_its_number,
        a_raw_descriptor_that_was_closed_can_still_be_deregistered,
    }

    /// Returns a new pair whose first end has the number `fd`, which is free.
    #[track_caller]
    fn pair_at(fd: RawFd) -> (UnixStream, UnixStream) {
        let mut others = Vec::new();
        for _ in 0..64 {
            let (one, other) = unix_pair();
            if one.as_raw_fd() == fd {
                return (one, other);
            }
            if other.as_raw_fd() == fd {
                return (other, one);
            }
            others.push((one, other));
        }
        panic!("{fd} is not used again");
    }

    fn a_new_source_of_the_same_number_and_token_is_no_ghosts_host(backend: Backend) {
        in_child(|| {
            for opts in TRIGGERS {
                for sole in [true, false] {
                    let (poll, mut events) = setup(backend);
                    let mut pairs: Vec<_> = (0..2)
                        .map(|at| {
                            let (stream, mut peer) = unix_pair();
                            peer.write_all(b"x").unwrap();
                            let source = match sole {
                                true => IoSource::new_sole(stream),
                                false => IoSource::new(stream),
                            };
                            poll.register(&source, Token(at), Ready::READABLE, opts)
                                .unwrap();
                            (source, peer)
                        })
                        .collect();
                    assert_eq!(poll.poll(&mut events, Some(testkit::DEADLINE)).unwrap(), 2);
                    let mut handled = 0;
                    for event in &events {
                        handled += 1;
                        let other = 1 - event.token().0;
                        let fd = pairs[other].0.get_sole().as_raw_fd();
                        pairs.remove(other);
                        let (stream, peer) = pair_at(fd);
                        let source = IoSource::new_sole(stream);
                        poll.register(&source, Token(other), Ready::READABLE, opts)
                            .unwrap();
                        pairs.push((source, peer));
                    }
                    assert_eq!(handled, 1, "{opts:?}");
                    let (mut new, old) = (pairs.pop().unwrap(), pairs.pop().unwrap());
                    drop(old);
                    expect_silence(&poll, &mut events);
                    new.1.write_all(b"x").unwrap();
                    let batch = collect(&poll, &mut events);
                    assert_eq!(batch.len(), 1, "{batch:?}");
                    assert_eq!(batch[0].readiness(), Ready::READABLE);
                }
            }
        });
    }

    fn a_number_is_free_while_a_clone_of_its_source_lives(backend: Backend) {
        in_child(|| {
            for opts in TRIGGERS {
                let (poll, mut events) = setup(backend);
                let mut sentinel = Sentinel::new();
                let (stream, mut peer) = unix_pair();
                let source = IoSource::new_sole(stream);
                let fd = source.get_sole().as_raw_fd();
                poll.register(&source, Token(1), Ready::READABLE, opts)
                    .unwrap();
                let clone = source.get_ref().try_clone().unwrap();
                drop(source);

                let (stream, mut other) = pair_at(fd);
                let source = IoSource::new(stream);
                poll.register(&source, Token(2), Ready::READABLE, opts)
                    .unwrap();
                peer.write_all(b"x").unwrap();
                expect_deep_silence(&poll, &mut events, &mut sentinel);
                other.write_all(b"x").unwrap();
                expect_events(&poll, &mut events, &[(Token(2), Ready::READABLE)]);
                drop((source, clone));
                expect_deep_silence(&poll, &mut events, &mut sentinel);
            }
        });
    }

    /// The descriptor was promised to be the only one. Polls may have work in vain, but no event
    /// comes of it.
    fn a_clone_that_nobody_was_told_of_is_no_ghost(backend: Backend) {
        in_child(|| {
            for opts in TRIGGERS {
                let (poll, mut events) = setup(backend);
                let mut sentinel = Sentinel::new();
                let (stream, mut peer) = unix_pair();
                let source = IoSource::new_sole(stream);
                let fd = source.get_sole().as_raw_fd();
                poll.register(&source, Token(1), Ready::READABLE, opts)
                    .unwrap();
                let clone: OwnedFd = source.get_sole().as_fd().try_clone_to_owned().unwrap();
                drop(source);
                peer.write_all(b"x").unwrap();
                sentinel.expect_silence(&poll, &mut events);
                let (start, timeout) = (Instant::now(), Duration::from_millis(10));
                assert_eq!(poll.poll(&mut events, Some(timeout)).unwrap(), 0);
                assert!(start.elapsed() >= timeout, "{:?}", start.elapsed());

                let (stream, mut other) = pair_at(fd);
                let source = IoSource::new_sole(stream);
                poll.register(&source, Token(1), Ready::READABLE, opts)
                    .unwrap();
                peer.write_all(b"x").unwrap();
                sentinel.expect_silence(&poll, &mut events);
                other.write_all(b"x").unwrap();
                expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
                drop(clone);
            }
        });
    }

    fn events_of_a_clone_that_nobody_was_told_of_end_no_wait(backend: Backend) {
        in_child(|| {
            let (poll, mut events) = setup(backend);
            let (stream, mut peer) = unix_pair();
            let source = IoSource::new_sole(stream);
            poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
                .unwrap();
            let _clone = source.get_sole().as_fd().try_clone_to_owned().unwrap();
            drop(source);
            peer.write_all(b"x").unwrap();
            let waker = Waker::new(&poll, Token(2)).unwrap();
            let poll = Arc::new(poll);
            let poller = spawn({
                let poll = Arc::clone(&poll);
                move || {
                    poll.poll(&mut events, None).unwrap();
                    events.iter().collect::<Vec<_>>()
                }
            });
            if backend == Backend::Epoll {
                testkit::until("the poll leaves out an event", || poll.stats().stale > 0);
            } else {
                poller.wait_until_asleep();
            }
            waker.wake().unwrap();
            assert_eq!(poller.join(), [Event::new(Ready::READABLE, Token(2))]);
        });
    }

    fn a_clone_put_back_under_its_number_can_be_registered(backend: Backend) {
        in_child(|| {
            let (poll, mut events) = setup(backend);
            let (stream, mut peer) = unix_pair();
            let source = IoSource::new_sole(stream);
            let fd = source.get_sole().as_raw_fd();
            poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
                .unwrap();
            let clone = source.get_sole().as_fd().try_clone_to_owned().unwrap();
            drop(source);
            // The lowest free number is the one that was just closed.
            let back = clone.try_clone().unwrap();
            assert_eq!(back.as_raw_fd(), fd);
            let source = IoSource::new(back);
            poll.register(&source, Token(2), Ready::READABLE, PollOpt::EDGE)
                .unwrap();
            peer.write_all(b"x").unwrap();
            expect_events(&poll, &mut events, &[(Token(2), Ready::READABLE)]);
        });
    }

    fn a_raw_descriptor_that_was_closed_gives_up_its_number(backend: Backend) {
        in_child(|| {
            for polled in [true, false] {
                let (poll, mut events) = setup(backend);
                let (reader, writer) = pipe();
                let fd = reader.as_raw_fd();
                poll.register(&EventedFd(&fd), Token(1), Ready::READABLE, PollOpt::LEVEL)
                    .unwrap();
                drop((reader, writer));
                if polled {
                    expect_nothing_now(&poll, &mut events);
                }
                let (stream, mut peer) = pair_at(fd);
                let source = IoSource::new(stream);
                poll.register(&source, Token(2), Ready::READABLE, PollOpt::LEVEL)
                    .unwrap();
                peer.write_all(b"x").unwrap();
                expect_events(&poll, &mut events, &[(Token(2), Ready::READABLE)]);
            }
        });
    }

    fn a_raw_descriptor_that_was_closed_can_still_be_deregistered(backend: Backend) {
        in_child(|| {
            let (poll, mut events) = setup(backend);
            let (reader, writer) = pipe();
            let fd = reader.as_raw_fd();
            poll.register(&EventedFd(&fd), Token(1), Ready::READABLE, PollOpt::LEVEL)
                .unwrap();
            drop((reader, writer));
            // The system may say that there is no such descriptor; the registration ends.
            let _told = poll.deregister(&EventedFd(&fd)).is_err();
            assert!(!format!("{poll:?}").contains("Token"), "{poll:?}");
            expect_silence(&poll, &mut events);
        });
    }

    /// The child of a fork, which does nothing until it is dropped.
    struct Child {
        id: libc::pid_t,
        ends_it: UnixStream,
    }

    impl Child {
        fn fork() -> Child {
            let (ended, ends_it) = UnixStream::pair().unwrap();
            // SAFETY: the child makes two system calls, and runs no code of anybody else.
            let id = unsafe { libc::fork() };
            assert_ne!(id, -1, "{}", std::io::Error::last_os_error());
            if id == 0 {
                // SAFETY: closes the child's own end, so that the parent's is the last.
                unsafe { libc::close(ends_it.as_raw_fd()) };
                let mut byte = [0_u8];
                // SAFETY: there is room for one byte.
                unsafe { libc::read(ended.as_raw_fd(), byte.as_mut_ptr().cast(), 1) };
                // SAFETY: ends the process at once.
                unsafe { libc::_exit(0) };
            }
            Child { id, ends_it }
        }

        /// Ends the child.
        fn join(self) {
            let Child { id, ends_it } = self;
            drop(ends_it);
            // SAFETY: asks for no status.
            let ended = unsafe { libc::waitpid(id, std::ptr::null_mut(), 0) };
            assert_eq!(ended, id);
        }
    }

    fn a_source_dropped_after_a_fork_leaves_no_stale_events(backend: Backend) {
        in_child(|| {
            let (poll, mut events) = setup(backend);
            let readable = |token| {
                let (reader, mut writer) = pipe();
                writer.write_all(b"x").unwrap();
                let source = IoSource::new_sole(reader);
                poll.register(&source, token, Ready::READABLE, PollOpt::LEVEL)
                    .unwrap();
                (source, writer)
            };
            let before = readable(Token(1));
            let child = Child::fork();
            let after = readable(Token(2));
            drop((before, after));
            expect_silence(&poll, &mut events);
            let start = poll.stats();
            poll.poll(&mut events, Some(Duration::from_millis(20)))
                .unwrap();
            assert_eq!((events.len(), poll.stats().stale), (0, start.stale));
            assert_eq!(start.stale, 0);
            child.join();
        });
    }
}

fn batches_are_over_after_two_polls_or_with_the_batch(backend: Backend) {
    let (poll, mut events) = setup(backend);
    assert!(poll.batches().are_over());

    let pairs = ready(&poll, &mut events, 1, PollOpt::LEVEL);
    let event = events.iter().next();
    drop(pairs);
    let batches = poll.batches();
    assert!(event.is_some() && !batches.are_over());
    for is_over in [false, true, true] {
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert_eq!(batches.are_over(), is_over);
    }

    let batches = poll.batches();
    let (other, _) = setup(backend);
    other.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(batches.are_over());

    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    let batches = poll.batches();
    assert!(!batches.are_over());
    drop(events);
    assert!(batches.are_over());
}

fn a_thread_that_sleeps_in_a_poll_holds_its_batch_up_until_it_is_woken(backend: Backend) {
    let poll = Arc::new(Poll::with_backend(backend).unwrap());
    let waker = Waker::new(&poll, Token(0)).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, polled) = channel();
    let poller = spawn({
        let (poll, stop) = (Arc::clone(&poll), Arc::clone(&stop));
        move || {
            let mut events = Events::with_capacity(8);
            while !stop.load(Ordering::Acquire) {
                poll.poll(&mut events, None).unwrap();
                sender.send(()).unwrap();
            }
            events
        }
    });
    waker.wake().unwrap();
    polled.recv().unwrap();
    let batches = poll.batches();
    for is_over in [false, true] {
        assert!(!batches.are_over());
        waker.wake().unwrap();
        polled.recv().unwrap();
        assert_eq!(batches.are_over(), is_over);
    }
    stop.store(true, Ordering::Release);
    waker.wake().unwrap();
    drop(poller.join());
}

/// What a token stands for, as if it were memory that is freed.
#[derive(Default)]
struct Memory {
    is_freed: AtomicBool,
}

fn memory_is_kept_until_no_thread_has_an_event_with_its_address(backend: Backend) {
    const ROUNDS: usize = 300;
    let memory: Arc<[Memory]> = (0..ROUNDS).map(|_| Memory::default()).collect();
    let poll = Arc::new(Poll::with_backend(backend).unwrap());
    // Keeps the pollers polling.
    let (level, set_level) = Registration::new();
    poll.register(&level, Token(ROUNDS), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    set_level.set_readiness(Ready::READABLE).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let pollers = [(); 2].map(|()| {
        let (poll, memory, stop) = (Arc::clone(&poll), Arc::clone(&memory), Arc::clone(&stop));
        spawn(move || {
            let mut events = Events::with_capacity(8);
            while !stop.load(Ordering::Acquire) {
                poll.poll(&mut events, Some(Duration::from_millis(1)))
                    .unwrap();
                for event in events.iter().filter(|event| event.token().0 < ROUNDS) {
                    for _ in 0..3 {
                        std::thread::yield_now();
                        let is_freed = &memory[event.token().0].is_freed;
                        assert!(!is_freed.load(Ordering::Relaxed), "{event:?}");
                    }
                }
            }
        })
    });
    let mut ended = Vec::new();
    let free = |ended: &mut Vec<(selector::Batches, usize)>| {
        ended.retain(|(batches, at)| {
            let is_over = batches.are_over();
            memory[*at].is_freed.store(is_over, Ordering::Relaxed);
            !is_over
        });
    };
    let (stream, mut peer) = tcp_pair();
    peer.write_all(b"x").unwrap();
    until_readable(&stream);
    let source = IoSource::new(stream);
    for at in 0..ROUNDS {
        let (registration, set) = Registration::new();
        let is_user = at % 2 == 0;
        let chosen: &dyn Evented = if is_user { &registration } else { &source };
        poll.register(chosen, Token(at), Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        set.set_readiness(Ready::READABLE).unwrap();
        std::thread::yield_now();
        poll.deregister(chosen).unwrap();
        ended.push((poll.batches(), at));
        free(&mut ended);
    }
    testkit::until("all batches are over", || {
        free(&mut ended);
        ended.is_empty()
    });
    stop.store(true, Ordering::Release);
    pollers.into_iter().for_each(testkit::Task::join);
}
