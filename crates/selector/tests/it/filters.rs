//! Sources of which a backend may watch each direction by itself: reports that come apart.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use selector::{Backend, Event, Events, IoSource, Poll, PollOpt, Ready, Token, Waker};
use testkit::{DEADLINE, expect_silence, spawn, tcp_pair, until_readable};

use crate::setup;

testkit::on_each_backend! {
    a_oneshot_on_both_directions_is_one_event_in_batches_of_one,
    a_oneshot_on_both_directions_reaches_one_of_several_pollers,
    a_oneshot_that_was_reported_can_be_deregistered,
    levels_of_both_directions_take_turns_in_batches_of_one,
    data_that_nobody_asked_about_hides_nothing_from_a_batch_of_one,
}

const BOTH: Ready = Ready::READABLE.union(Ready::WRITABLE);

/// A source that can be read and written.
fn ready() -> (IoSource<TcpStream>, TcpStream) {
    let (stream, peer) = tcp_pair();
    std::io::Write::write_all(&mut &peer, b"x").expect("a byte is sent");
    until_readable(&stream);
    (IoSource::new(stream), peer)
}

fn a_oneshot_on_both_directions_is_one_event_in_batches_of_one(backend: Backend) {
    for opts in [PollOpt::ONESHOT, PollOpt::ONESHOT | PollOpt::EDGE] {
        let (poll, mut events) = setup(backend);
        let mut batch = Events::with_capacity(1);
        let (source, _peer) = ready();
        poll.register(&source, Token(0), BOTH, opts).unwrap();
        for round in 0..20 {
            assert_eq!(poll.poll(&mut batch, Some(DEADLINE)).unwrap(), 1);
            let event = batch.get(0).expect("the registration stands");
            assert_eq!(event.token(), Token(round));
            assert!(BOTH.contains(event.readiness()), "{event:?}");
            expect_silence(&poll, &mut events);
            poll.reregister(&source, Token(round + 1), BOTH, opts)
                .unwrap();
        }
    }
}

fn a_oneshot_on_both_directions_reaches_one_of_several_pollers(backend: Backend) {
    const STOP: Token = Token(usize::MAX);
    let poll = Arc::new(Poll::with_backend(backend).unwrap());
    let stop = Waker::new(&poll, STOP).unwrap();
    let (sender, seen) = channel();
    let pollers: Vec<_> = (0..4)
        .map(|_| {
            let (poll, stop, sender) = (Arc::clone(&poll), stop.clone(), sender.clone());
            spawn(move || {
                let mut events = Events::with_capacity(1);
                loop {
                    poll.poll(&mut events, None).unwrap();
                    for event in &events {
                        if event.token() == STOP {
                            return stop.wake().unwrap(); // For the next one.
                        }
                        sender.send(event).unwrap();
                    }
                }
            })
        })
        .collect();
    let (source, _peer) = ready();
    poll.register(&source, Token(0), BOTH, PollOpt::ONESHOT)
        .unwrap();
    for round in 0..1000 {
        let event = seen.recv_timeout(DEADLINE).expect("an event");
        assert_eq!(event.token(), Token(round), "{event:?}");
        poll.reregister(&source, Token(round + 1), BOTH, PollOpt::ONESHOT)
            .unwrap();
    }
    seen.recv_timeout(DEADLINE).expect("the last event");
    stop.wake().unwrap();
    pollers.into_iter().for_each(testkit::Task::join);
    assert!(seen.try_recv().is_err());
}

fn a_oneshot_that_was_reported_can_be_deregistered(backend: Backend) {
    for interest in [Ready::WRITABLE, BOTH] {
        let (poll, mut events) = setup(backend);
        let (source, _peer) = ready();
        poll.register(&source, Token(1), interest, PollOpt::ONESHOT)
            .unwrap();
        assert_eq!(poll.poll(&mut events, Some(DEADLINE)).unwrap(), 1);
        poll.deregister(&source).unwrap();
        poll.register(&source, Token(2), interest, PollOpt::ONESHOT)
            .unwrap();
        assert_eq!(poll.poll(&mut events, Some(DEADLINE)).unwrap(), 1);
        assert_eq!(events.get(0).map(|event| event.token()), Some(Token(2)));
    }
}

fn levels_of_both_directions_take_turns_in_batches_of_one(backend: Backend) {
    let poll = Poll::with_backend(backend).unwrap();
    let mut batch = Events::with_capacity(1);
    let sources = [ready(), ready()];
    for (at, (source, _)) in sources.iter().enumerate() {
        poll.register(source, Token(at), BOTH, PollOpt::LEVEL)
            .unwrap();
    }
    let mut seen = [Ready::empty(); 2];
    for _ in 0..20 {
        assert_eq!(poll.poll(&mut batch, Some(DEADLINE)).unwrap(), 1);
        let event = batch.get(0).expect("the registration stands");
        seen[event.token().0] |= event.readiness();
    }
    assert_eq!(seen, [BOTH; 2]);
}

/// A filter may go off for data where the system cannot be asked for the end alone.
fn data_that_nobody_asked_about_hides_nothing_from_a_batch_of_one(backend: Backend) {
    let poll = Poll::with_backend(backend).unwrap();
    let mut batch = Events::with_capacity(1);
    let (deaf, _deaf_peer) = ready();
    let (source, _peer) = ready();
    for interest in [Ready::READ_CLOSED, Ready::empty()] {
        poll.register(&deaf, Token(0), interest, PollOpt::LEVEL)
            .unwrap();
        poll.register(&source, Token(1), Ready::WRITABLE, PollOpt::LEVEL)
            .unwrap();
        for _ in 0..3 {
            assert_eq!(poll.poll(&mut batch, Some(Duration::ZERO)).unwrap(), 1);
            assert_eq!(batch.get(0), Some(Event::new(Ready::WRITABLE, Token(1))));
        }
        poll.deregister(&deaf).unwrap();
        poll.deregister(&source).unwrap();
    }
}

#[cfg(unix)]
mod pipes {
    use testkit::{pipe, until_over};

    use super::*;

    testkit::on_each_backend! {
        a_pipe_that_nobody_reads_is_told_of,
        an_end_that_is_closed_is_told_once_by_an_edge,
    }

    const ENDED: Ready = Ready::ERROR.union(Ready::HUP);

    fn a_pipe_that_nobody_reads_is_told_of(backend: Backend) {
        for interest in [Ready::WRITABLE, BOTH, Ready::empty()] {
            for opts in [PollOpt::LEVEL, PollOpt::EDGE, PollOpt::ONESHOT] {
                let (poll, mut events) = setup(backend);
                let (reader, writer) = pipe();
                drop(reader);
                until_over(&writer);
                let writer = IoSource::new(writer);
                poll.register(&writer, Token(0), interest, opts).unwrap();
                for round in 1..4 {
                    assert_eq!(poll.poll(&mut events, Some(DEADLINE)).unwrap(), 1);
                    let event = events.get(0).expect("the registration stands");
                    assert!(
                        event.readiness().intersects(ENDED),
                        "{interest:?} {event:?}"
                    );
                    if opts != PollOpt::LEVEL {
                        expect_silence(&poll, &mut events);
                        poll.reregister(&writer, Token(round), interest, opts)
                            .unwrap();
                    }
                }
                poll.deregister(&writer).unwrap();
                expect_silence(&poll, &mut events);
                poll.register(&writer, Token(9), interest, opts).unwrap();
                drop(writer);
                expect_silence(&poll, &mut events);
            }
        }
    }

    fn an_end_that_is_closed_is_told_once_by_an_edge(backend: Backend) {
        let (poll, mut events) = setup(backend);
        let (reader, writer) = pipe();
        let reader = IoSource::new(reader);
        poll.register(&reader, Token(1), Ready::empty(), PollOpt::EDGE)
            .unwrap();
        expect_silence(&poll, &mut events);
        drop(writer);
        assert_eq!(poll.poll(&mut events, Some(DEADLINE)).unwrap(), 1);
        let event = events.get(0).expect("the registration stands");
        assert_eq!(event.readiness(), Ready::HUP);
        expect_silence(&poll, &mut events);
    }
}
