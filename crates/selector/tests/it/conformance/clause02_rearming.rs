//! A registration that is armed again, with the terms it has.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use selector::{
    Backend, Evented, IoSource, Poll, PollOpt, Ready, Registration, RegistrationError, Token,
};
use testkit::{expect_events, expect_silence, spawn, tcp_pair, until_readable};

use super::clause01_registering::refused;
use crate::setup;

testkit::on_each_backend! {
    rearm_reports_what_the_source_is_ready_for,
    a_oneshot_is_reported_once_for_each_rearm,
    an_edge_is_still_one_edge_after_rearm,
    rearm_leaves_an_event_of_the_batch_alone,
    what_is_not_registered_cannot_be_rearmed,
    a_user_space_source_is_rearmed,
    rearm_keeps_the_terms_of_a_raced_reregister,
    a_source_without_rearm_refuses_it,
}

const READ: [(Token, Ready); 1] = [(Token(7), Ready::READABLE)];
const ALL_OPTIONS: [PollOpt; 4] = [
    PollOpt::LEVEL,
    PollOpt::EDGE,
    PollOpt::ONESHOT,
    PollOpt::EDGE.union(PollOpt::ONESHOT),
];

fn rearm_reports_what_the_source_is_ready_for(backend: Backend) {
    for opts in ALL_OPTIONS {
        let (poll, mut events) = setup(backend);
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        peer.write_all(b"x").unwrap();
        until_readable(source.get_ref());
        // A rearm that forgot the interest would report WRITABLE too.
        poll.register(&source, READ[0].0, Ready::READABLE, opts)
            .unwrap();
        expect_events(&poll, &mut events, &READ);
        for _ in 0..3 {
            poll.rearm(&source).unwrap();
            expect_events(&poll, &mut events, &READ);
        }
    }
}

fn a_oneshot_is_reported_once_for_each_rearm(backend: Backend) {
    for opts in [PollOpt::ONESHOT, PollOpt::EDGE | PollOpt::ONESHOT] {
        let (poll, mut events) = setup(backend);
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        poll.register(&source, READ[0].0, Ready::READABLE, opts)
            .unwrap();
        for round in 0..3 {
            peer.write_all(b"x").unwrap();
            expect_events(&poll, &mut events, &READ);
            // Neither the rest of the first byte nor a second one.
            peer.write_all(b"x").unwrap();
            expect_silence(&poll, &mut events);
            let read = source.try_io(Ready::READABLE, |mut stream| stream.read(&mut [0; 8]));
            assert!(matches!(read, Ok(1 | 2)), "round {round}: {read:?}");
            testkit::drain(source.get_sole());
            expect_silence(&poll, &mut events);
            poll.rearm(&source).unwrap();
        }
    }
}

fn an_edge_is_still_one_edge_after_rearm(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, READ[0].0, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    for _ in 0..3 {
        peer.write_all(b"xy").unwrap();
        expect_events(&poll, &mut events, &READ);
        let read = source.try_io(Ready::READABLE, |mut stream| stream.read(&mut [0]));
        assert_eq!(read.unwrap(), 1);
        expect_silence(&poll, &mut events);
        poll.rearm(&source).unwrap();
        expect_events(&poll, &mut events, &READ);
        expect_silence(&poll, &mut events);
        let read = |source: &IoSource<_>| {
            source.try_io(Ready::READABLE, |mut stream: &std::net::TcpStream| {
                stream.read(&mut [0; 8])
            })
        };
        assert_eq!(read(&source).unwrap(), 1);
        assert_eq!(read(&source).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

fn rearm_leaves_an_event_of_the_batch_alone(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    peer.write_all(b"x").unwrap();
    until_readable(source.get_ref());
    poll.register(&source, READ[0].0, Ready::READABLE, PollOpt::ONESHOT)
        .unwrap();
    poll.poll(&mut events, None).unwrap();
    poll.rearm(&source).unwrap();
    let seen: Vec<_> = events.iter().map(|event| event.token()).collect();
    assert_eq!(seen, [READ[0].0]);
}

fn what_is_not_registered_cannot_be_rearmed(backend: Backend) {
    let (poll, _) = setup(backend);
    let (other, _) = setup(backend);
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    let (registration, _set) = Registration::new();
    let sources: [&dyn Evented; 2] = [&source, &registration];
    for source in sources {
        let not_registered = || {
            refused(
                poll.rearm(source),
                ErrorKind::NotFound,
                RegistrationError::NotRegistered,
            );
        };
        not_registered();
        poll.register(source, READ[0].0, Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        refused(
            other.rearm(source),
            ErrorKind::NotFound,
            RegistrationError::OtherPoll,
        );
        poll.rearm(source).unwrap();
        poll.deregister(source).unwrap();
        not_registered();
    }
}

fn a_user_space_source_is_rearmed(backend: Backend) {
    for opts in ALL_OPTIONS {
        let (one, mut events) = setup(backend);
        let (other, _) = setup(backend);
        let (source, set) = Registration::new();
        // The second time its cell is not with its first `Poll`.
        for poll in [&other, &one] {
            poll.register(&source, READ[0].0, Ready::READABLE, opts)
                .unwrap();
            set.set_readiness(Ready::READABLE | Ready::WRITABLE)
                .unwrap();
            expect_events(poll, &mut events, &READ);
            poll.rearm(&source).unwrap();
            expect_events(poll, &mut events, &READ);
            set.set_readiness(Ready::empty()).unwrap();
            poll.rearm(&source).unwrap();
            expect_silence(poll, &mut events);
            poll.deregister(&source).unwrap();
        }
    }
}

fn rearm_keeps_the_terms_of_a_raced_reregister(backend: Backend) {
    const ROUNDS: usize = 500;
    let (poll, mut events) = setup(backend);
    let poll = Arc::new(poll);
    let (stream, mut peer) = tcp_pair();
    let (registration, set) = Registration::new();
    set.set_readiness(Ready::READABLE).unwrap();
    peer.write_all(b"x").unwrap();
    until_readable(&stream);
    let sources: [Arc<dyn Evented + Send + Sync>; 2] =
        [Arc::new(IoSource::new(stream)), Arc::new(registration)];
    for source in sources {
        poll.register(&source, Token(0), Ready::WRITABLE, PollOpt::ONESHOT)
            .unwrap();
        let rearming = spawn({
            let (poll, source) = (Arc::clone(&poll), Arc::clone(&source));
            move || {
                for _ in 0..ROUNDS {
                    poll.rearm(&source).unwrap();
                }
            }
        });
        for round in 0..ROUNDS {
            let (interest, opts) = if round % 2 == 0 {
                (Ready::WRITABLE, PollOpt::ONESHOT)
            } else {
                (Ready::READABLE, PollOpt::LEVEL)
            };
            poll.reregister(&source, Token(round), interest, opts)
                .unwrap();
        }
        rearming.join();
        for _ in 0..2 {
            let last = (Token(ROUNDS - 1), Ready::READABLE);
            expect_events(&poll, &mut events, &[last]);
        }
        poll.deregister(&source).unwrap();
    }
}

/// Implements what mio 0.6's trait has.
struct Old(Registration);

impl Evented for Old {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.0.register(poll, token, interest, opts)
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.0.reregister(poll, token, interest, opts)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.0.deregister(poll)
    }
}

fn a_source_without_rearm_refuses_it(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (registration, set) = Registration::new();
    let source = Box::new(Old(registration));
    poll.register(&source, READ[0].0, Ready::READABLE, PollOpt::ONESHOT)
        .unwrap();
    let error = poll.rearm(&source).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    set.set_readiness(Ready::READABLE).unwrap();
    expect_events(&poll, &mut events, &READ);
}

/// What only Unix can register.
#[cfg(unix)]
mod descriptors {
    use std::os::fd::{AsFd, AsRawFd};

    use selector::{EventedFd, EventedPoll, Waker};
    use testkit::pipe;

    use super::*;

    testkit::on_each_backend! {
        a_borrowed_descriptor_is_rearmed,
        a_poll_in_a_poll_is_rearmed,
        an_exclusive_source_is_rearmed,
    }

    fn a_borrowed_descriptor_is_rearmed(backend: Backend) {
        let (poll, mut events) = setup(backend);
        let (reader, mut writer) = pipe();
        let number = reader.as_raw_fd();
        let (raw, borrowed) = (EventedFd(&number), reader.as_fd());
        let not_registered = |result| {
            let reason = RegistrationError::NotRegistered;
            refused(result, ErrorKind::NotFound, reason);
        };
        not_registered(poll.rearm(&raw));
        not_registered(poll.rearm(&EventedFd(&-1)));
        not_registered(poll.rearm(&EventedFd(&i32::MAX)));
        writer.write_all(b"x").unwrap();
        poll.register(&raw, READ[0].0, Ready::READABLE, PollOpt::ONESHOT)
            .unwrap();
        let rearm = |poll: &Poll, events: &mut selector::Events, source: &dyn Evented| {
            expect_events(poll, events, &READ);
            expect_silence(poll, events);
            poll.rearm(source).unwrap();
        };
        rearm(&poll, &mut events, &raw);
        rearm(&poll, &mut events, &borrowed);
        expect_events(&poll, &mut events, &READ);
        poll.deregister(&raw).unwrap();
        not_registered(poll.rearm(&borrowed));

        // The owner's registration is not for others to arm.
        let source = IoSource::new(reader);
        poll.register(&source, READ[0].0, Ready::READABLE, PollOpt::ONESHOT)
            .unwrap();
        not_registered(poll.rearm(&raw));
        poll.rearm(&source).unwrap();
    }

    fn a_poll_in_a_poll_is_rearmed(backend: Backend) {
        if backend == Backend::Poll {
            return; // it cannot be registered: `clause07_nesting` asserts that
        }
        let (outer, mut events) = setup(backend);
        let (inner, _) = setup(backend);
        let source = EventedPoll(&inner);
        refused(
            outer.rearm(&source),
            ErrorKind::NotFound,
            RegistrationError::NotRegistered,
        );
        outer
            .register(&source, READ[0].0, Ready::READABLE, PollOpt::ONESHOT)
            .unwrap();
        Waker::new(&inner, Token(1)).unwrap().wake().unwrap();
        for _ in 0..3 {
            expect_events(&outer, &mut events, &READ);
            expect_silence(&outer, &mut events);
            outer.rearm(&source).unwrap();
        }
    }

    fn an_exclusive_source_is_rearmed(backend: Backend) {
        let (poll, mut events) = setup(backend);
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        peer.write_all(b"x").unwrap();
        until_readable(source.get_ref());
        let opts = PollOpt::EDGE | PollOpt::EXCLUSIVE;
        let registered = poll.register(&source, READ[0].0, Ready::READABLE, opts);
        if backend != Backend::Epoll {
            assert_eq!(registered.unwrap_err().kind(), ErrorKind::Unsupported);
            return;
        }
        registered.unwrap();
        for _ in 0..3 {
            expect_events(&poll, &mut events, &READ);
            expect_silence(&poll, &mut events);
            poll.rearm(&source).unwrap();
        }
    }
}
