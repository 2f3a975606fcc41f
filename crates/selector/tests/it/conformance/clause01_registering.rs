//! A source is registered with one `Poll` at a time; a call that breaks the rule fails.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use selector::{
    Backend, Events, IoSource, Poll, PollOpt, Ready, Registration, RegistrationError, Token, Waker,
};
use testkit::{expect_events, expect_readiness, expect_silence, spawn, tcp_pair};

use crate::{Dropper, setup};

testkit::on_each_backend! {
    a_second_register_is_refused,
    another_poll_is_refused,
    what_is_not_registered_is_not_found,
    user_space_sources_obey_the_same_rules,
    a_refused_register_leaves_the_first_as_it_was,
    after_deregister_another_poll_takes_the_source,
    after_its_poll_is_gone_another_takes_the_source,
    a_dropped_poll_frees_its_sources_at_once,
    a_source_can_outlive_its_poll,
    a_clone_is_a_source_of_its_own,
    one_socket_in_two_sources_is_refused,
    a_source_and_its_clone_are_both_reported,
    every_token_value_is_the_callers,
    one_token_may_stand_for_several_sources,
    contradicting_options_are_refused,
    pointers_to_sources_are_sources,
    a_sleeping_poller_hears_of_a_source_registered_meanwhile,
    a_sleeping_poller_hears_of_a_source_reregistered_meanwhile,
    threads_register_and_deregister_while_one_polls,
}

/// Checks kind and reason of a refusal.
#[track_caller]
pub(crate) fn refused(result: io::Result<()>, kind: ErrorKind, reason: RegistrationError) {
    let error = result.expect_err("misuse is refused");
    assert_eq!(error.kind(), kind, "{error:?}");
    assert_eq!(
        RegistrationError::from_io(&error),
        Some(&reason),
        "{error:?}"
    );
}

fn a_second_register_is_refused(backend: Backend) {
    let (poll, _) = setup(backend);
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    for token in [Token(1), Token(2)] {
        refused(
            poll.register(&source, token, Ready::READABLE, PollOpt::EDGE),
            ErrorKind::AlreadyExists,
            RegistrationError::AlreadyRegistered,
        );
    }
}

fn another_poll_is_refused(backend: Backend) {
    let (one, _) = setup(backend);
    for &other in Backend::available() {
        let (other, _) = setup(other);
        let (stream, _peer) = tcp_pair();
        let source = IoSource::new(stream);
        one.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        refused(
            other.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL),
            ErrorKind::AlreadyExists,
            RegistrationError::OtherPoll,
        );
        refused(
            other.reregister(&source, Token(1), Ready::READABLE, PollOpt::LEVEL),
            ErrorKind::NotFound,
            RegistrationError::OtherPoll,
        );
        refused(
            other.deregister(&source),
            ErrorKind::NotFound,
            RegistrationError::OtherPoll,
        );
        one.deregister(&source).unwrap();
    }
}

fn what_is_not_registered_is_not_found(backend: Backend) {
    let (poll, _) = setup(backend);
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    let not_found = |source: &IoSource<_>| {
        refused(
            poll.reregister(source, Token(1), Ready::READABLE, PollOpt::LEVEL),
            ErrorKind::NotFound,
            RegistrationError::NotRegistered,
        );
        refused(
            poll.deregister(source),
            ErrorKind::NotFound,
            RegistrationError::NotRegistered,
        );
    };
    not_found(&source);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    poll.deregister(&source).unwrap();
    not_found(&source);
}

fn user_space_sources_obey_the_same_rules(backend: Backend) {
    let (one, _) = setup(backend);
    let (other, mut events) = setup(backend);
    let (source, set) = Registration::new();
    let (interest, opts) = (Ready::READABLE, PollOpt::EDGE);
    let (exists, missing) = (ErrorKind::AlreadyExists, ErrorKind::NotFound);
    let not_registered = RegistrationError::NotRegistered;

    refused(
        one.reregister(&source, Token(1), interest, opts),
        missing,
        not_registered,
    );
    refused(one.deregister(&source), missing, not_registered);
    one.register(&source, Token(1), interest, opts).unwrap();
    refused(
        one.register(&source, Token(1), interest, opts),
        exists,
        RegistrationError::AlreadyRegistered,
    );
    let other_poll = RegistrationError::OtherPoll;
    refused(
        other.register(&source, Token(1), interest, opts),
        exists,
        other_poll,
    );
    refused(
        other.reregister(&source, Token(1), interest, opts),
        missing,
        other_poll,
    );
    refused(other.deregister(&source), missing, other_poll);
    one.deregister(&source).unwrap();
    refused(one.deregister(&source), missing, not_registered);

    set.set_readiness(Ready::READABLE).unwrap();
    other.register(&source, Token(2), interest, opts).unwrap();
    expect_events(&other, &mut events, &[(Token(2), Ready::READABLE)]);
    drop(other);
    one.register(&source, Token(3), interest, opts).unwrap();
    expect_events(&one, &mut events, &[(Token(3), Ready::READABLE)]);
}

fn a_refused_register_leaves_the_first_as_it_was(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    let level_edge = PollOpt::LEVEL | PollOpt::EDGE;
    poll.register(&source, Token(2), Ready::WRITABLE, PollOpt::LEVEL)
        .unwrap_err();
    poll.reregister(&source, Token(2), Ready::WRITABLE, level_edge)
        .unwrap_err();
    expect_silence(&poll, &mut events);
    peer.write_all(b"x").unwrap();
    expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
}

fn after_deregister_another_poll_takes_the_source(backend: Backend) {
    let (one, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    one.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    one.deregister(&source).unwrap();

    for &other in Backend::available() {
        let (other, mut its) = setup(other);
        other
            .register(&source, Token(2), Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        peer.write_all(b"x").unwrap();
        expect_events(&other, &mut its, &[(Token(2), Ready::READABLE)]);
        expect_silence(&one, &mut events);
        other.deregister(&source).unwrap();
        expect_silence(&other, &mut its);
    }
}

fn after_its_poll_is_gone_another_takes_the_source(backend: Backend) {
    let (one, _) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    one.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    drop(one);
    let (other, mut events) = setup(backend);
    refused(
        other.deregister(&source),
        ErrorKind::NotFound,
        RegistrationError::NotRegistered,
    );
    other
        .register(&source, Token(2), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    peer.write_all(b"x").unwrap();
    expect_events(&other, &mut events, &[(Token(2), Ready::READABLE)]);
}

/// Another thread drops sources of the `Poll` at that moment, and so uses it.
fn a_dropped_poll_frees_its_sources_at_once(backend: Backend) {
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(&stream);
    let dropper = Dropper::new();
    let (mut poll, _) = setup(backend);
    let (interest, opts) = (Ready::READABLE, PollOpt::EDGE);
    poll.register(&source, Token(1), interest, opts).unwrap();
    for round in 0..300 {
        let sources: Vec<_> = (0..100)
            .map(|_| IoSource::new(stream.try_clone().unwrap()))
            .collect();
        for source in &sources {
            poll.register(source, Token(2), interest, opts).unwrap();
        }
        let (next, _) = setup(backend);
        dropper.begin(sources);
        drop(std::mem::replace(&mut poll, next));
        let registered = poll.register(&source, Token(1), interest, opts);
        assert!(registered.is_ok(), "round {round}: {registered:?}");
        dropper.end();
    }
}

fn a_source_can_outlive_its_poll(backend: Backend) {
    let (poll, _) = setup(backend);
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    let (registration, set) = Registration::new();
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    poll.register(&registration, Token(2), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    let waker = Waker::new(&poll, Token(3)).unwrap();
    waker.wake().unwrap();
    drop(poll);
    waker.wake().unwrap();
    set.set_readiness(Ready::READABLE).unwrap();
    let blocked = source.try_io(Ready::READABLE, |stream| stream.peek(&mut [0]));
    assert_eq!(blocked.unwrap_err().kind(), ErrorKind::WouldBlock);
    drop((source, registration, waker));
    set.set_readiness(Ready::WRITABLE).unwrap();
    assert_eq!(set.readiness(), Ready::WRITABLE);
}

fn a_clone_is_a_source_of_its_own(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let clone = IoSource::new(stream.try_clone().unwrap());
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    poll.register(&clone, Token(2), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    peer.write_all(b"x").unwrap();
    let both = [(Token(1), Ready::READABLE), (Token(2), Ready::READABLE)];
    expect_events(&poll, &mut events, &both);
    poll.deregister(&source).unwrap();
    expect_events(&poll, &mut events, &both[1..]);
    drop(clone);
    expect_silence(&poll, &mut events);
}

/// Registers one socket through two sources: the second one borrows it from the first.
fn one_socket_in_two_sources_is_refused(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let first = IoSource::new(&stream);
    let second = IoSource::new(&stream);
    let (interest, opts) = (Ready::READABLE, PollOpt::LEVEL);
    for _ in 0..2 {
        poll.register(&first, Token(1), interest, opts).unwrap();
        refused(
            poll.register(&second, Token(2), interest, opts),
            ErrorKind::AlreadyExists,
            RegistrationError::AlreadyRegistered,
        );
        poll.deregister(&first).unwrap();
        poll.register(&second, Token(2), interest, opts).unwrap();
        poll.deregister(&second).unwrap();
    }
    poll.register(&second, Token(2), interest, opts).unwrap();
    peer.write_all(b"x").unwrap();
    expect_events(&poll, &mut events, &[(Token(2), Ready::READABLE)]);
}

/// Reregistering and reading one of them disturbs the other in nothing.
fn a_source_and_its_clone_are_both_reported(backend: Backend) {
    for opts in [PollOpt::LEVEL, PollOpt::EDGE] {
        let (poll, mut events) = setup(backend);
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        let clone = source.try_clone_with(TcpStream::try_clone).unwrap();
        let both = Ready::READABLE | Ready::WRITABLE;
        for (token, source) in [(1, &source), (2, &clone)] {
            poll.register(source, Token(token), Ready::READABLE, opts)
                .unwrap();
        }
        for interest in [both, Ready::READABLE, both] {
            poll.reregister(&source, Token(1), interest, opts).unwrap();
        }
        expect_readiness(&poll, &mut events, Token(1), Ready::WRITABLE);
        poll.reregister(&source, Token(1), Ready::READABLE, opts)
            .unwrap();
        for _ in 0..3 {
            peer.write_all(b"x").unwrap();
            let news = (Ready::READABLE, Ready::READABLE);
            expect_events(
                &poll,
                &mut events,
                &[(Token(1), news.0), (Token(2), news.1)],
            );
            let read = clone.try_io(Ready::READABLE, |mut stream| stream.read(&mut [0; 8]));
            assert_eq!(read.unwrap(), 1);
            let read = source.try_io(Ready::READABLE, |mut stream| stream.read(&mut [0; 8]));
            assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
        }
        // The clone goes on without the source.
        drop(source);
        peer.write_all(b"x").unwrap();
        expect_events(&poll, &mut events, &[(Token(2), Ready::READABLE)]);
    }
}

fn every_token_value_is_the_callers(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let mut values = vec![
        0,
        1,
        usize::MAX,
        usize::MAX - 1,
        usize::MAX / 2,
        usize::MAX / 2 + 1,
    ];
    values.extend([u32::MAX as usize, i32::MAX as usize, 1 << 31]);
    let mut kept = Vec::new();
    for value in values {
        let token = Token(value);
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        poll.register(&source, token, Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        peer.write_all(b"x").unwrap();
        expect_events(&poll, &mut events, &[(token, Ready::READABLE)]);
        kept.push((source, peer));

        let (registration, set) = Registration::new();
        poll.register(&registration, token, Ready::WRITABLE, PollOpt::EDGE)
            .unwrap();
        set.set_readiness(Ready::WRITABLE).unwrap();
        expect_events(&poll, &mut events, &[(token, Ready::WRITABLE)]);

        let waker = Waker::new(&poll, token).unwrap();
        waker.wake().unwrap();
        expect_events(&poll, &mut events, &[(token, Ready::READABLE)]);
        waker.wake().unwrap();
        drop(waker);
        expect_events(&poll, &mut events, &[(token, Ready::READABLE)]);
    }
}

fn one_token_may_stand_for_several_sources(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let pairs: Vec<_> = (0..3).map(|_| tcp_pair()).collect();
    let sources: Vec<_> = pairs
        .into_iter()
        .map(|(stream, mut peer)| {
            peer.write_all(b"x").unwrap();
            testkit::until_readable(&stream);
            (IoSource::new(stream), peer)
        })
        .collect();
    for (source, _) in &sources {
        poll.register(source, Token(7), Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
    }
    poll.poll(&mut events, Some(testkit::DEADLINE)).unwrap();
    let tokens: Vec<Token> = events.iter().map(|event| event.token()).collect();
    assert_eq!(tokens, [Token(7); 3]);
}

fn contradicting_options_are_refused(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    let (registration, _set) = Registration::new();
    let level_edge = PollOpt::LEVEL | PollOpt::EDGE;
    for opts in [level_edge, level_edge | PollOpt::ONESHOT] {
        let reason = RegistrationError::Options(opts);
        refused(
            poll.register(&source, Token(1), Ready::READABLE, opts),
            ErrorKind::InvalidInput,
            reason,
        );
        refused(
            poll.register(&registration, Token(1), Ready::READABLE, opts),
            ErrorKind::InvalidInput,
            reason,
        );
    }
    let opts = PollOpt::EXCLUSIVE | PollOpt::ONESHOT;
    refused(
        poll.register(&source, Token(1), Ready::READABLE, opts),
        ErrorKind::InvalidInput,
        RegistrationError::Options(opts),
    );
    // Nothing is left behind.
    assert!(!format!("{poll:?}").contains("Token"), "{poll:?}");
    poll.register(&source, Token(2), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    peer.write_all(b"x").unwrap();
    expect_events(&poll, &mut events, &[(Token(2), Ready::READABLE)]);
}

fn pointers_to_sources_are_sources(backend: Backend) {
    // Not for the whole file: an `Arc<Poll>` would then be a source before it is a `Poll`.
    use selector::Evented;

    #[track_caller]
    fn check<E: Evented>(
        poll: &Poll,
        events: &mut Events,
        wrap: impl FnOnce(IoSource<std::net::TcpStream>) -> E,
    ) {
        let (stream, peer) = tcp_pair();
        with(poll, events, wrap(IoSource::new(stream)), peer);
    }
    #[track_caller]
    fn with<E: Evented>(
        poll: &Poll,
        events: &mut Events,
        source: E,
        mut peer: std::net::TcpStream,
    ) {
        poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        poll.reregister(&source, Token(2), Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        peer.write_all(b"x").unwrap();
        expect_events(poll, events, &[(Token(2), Ready::READABLE)]);
        poll.deregister(&source).unwrap();
        expect_silence(poll, events);
    }
    let (poll, mut events) = setup(backend);
    check(&poll, &mut events, Box::new);
    check(&poll, &mut events, Rc::new);
    check(&poll, &mut events, Arc::new);
    check(&poll, &mut events, |source| -> Box<dyn Evented> {
        Box::new(source)
    });
    check(
        &poll,
        &mut events,
        |source| -> Arc<dyn Evented + Send + Sync> { Arc::new(source) },
    );
    let (stream, peer) = tcp_pair();
    let mut source = IoSource::new(stream);
    with::<&mut IoSource<_>>(&poll, &mut events, &mut source, peer);
}

fn a_sleeping_poller_hears_of_a_source_registered_meanwhile(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let poll = Arc::new(poll);
    for opts in [PollOpt::LEVEL, PollOpt::EDGE, PollOpt::ONESHOT] {
        let poller = spawn({
            let poll = Arc::clone(&poll);
            move || {
                expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
                events
            }
        });
        poller.wait_until_asleep();
        let (stream, mut peer) = tcp_pair();
        peer.write_all(b"x").unwrap();
        let source = IoSource::new(stream);
        poll.register(&source, Token(1), Ready::READABLE, opts)
            .unwrap();
        events = poller.join();
    }
}

fn a_sleeping_poller_hears_of_a_source_reregistered_meanwhile(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let poll = Arc::new(poll);
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    let poller = spawn({
        let poll = Arc::clone(&poll);
        move || expect_events(&poll, &mut events, &[(Token(2), Ready::WRITABLE)])
    });
    poller.wait_until_asleep();
    poll.reregister(&source, Token(2), Ready::WRITABLE, PollOpt::EDGE)
        .unwrap();
    poller.join();
}

fn threads_register_and_deregister_while_one_polls(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let poll = Arc::new(poll);
    let done = Arc::new(AtomicBool::new(false));
    let poller = spawn({
        let (poll, done) = (Arc::clone(&poll), Arc::clone(&done));
        move || {
            while !done.load(Ordering::Relaxed) {
                poll.poll(&mut events, Some(Duration::from_millis(1)))
                    .unwrap();
                for event in &events {
                    assert!(event.token().0 < 4 && event.readiness() == Ready::WRITABLE);
                }
            }
        }
    });
    let workers: Vec<_> = (0..4)
        .map(|number| {
            let poll = Arc::clone(&poll);
            spawn(move || {
                let (stream, _peer) = tcp_pair();
                let source = IoSource::new(stream);
                let token = Token(number);
                for _ in 0..500 {
                    poll.register(&source, token, Ready::WRITABLE, PollOpt::LEVEL)
                        .unwrap();
                    poll.reregister(&source, token, Ready::WRITABLE, PollOpt::EDGE)
                        .unwrap();
                    poll.deregister(&source).unwrap();
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join();
    }
    done.store(true, Ordering::Relaxed);
    poller.join();
    let (_, mut events) = setup(backend);
    expect_silence(&poll, &mut events);
    assert!(!format!("{poll:?}").contains("Token"), "{poll:?}");
}

#[cfg(unix)]
mod descriptors {
    use std::fs::File;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

    use selector::EventedFd;
    use testkit::{DEADLINE, in_child, pipe, unix_pair};

    use super::*;

    testkit::on_each_backend! {
        an_owned_and_a_raw_source_exclude_each_other,
        a_raw_source_does_not_end_an_owned_ones_registration,
        a_bad_descriptor_leaves_nothing_behind,
        a_bad_descriptor_of_any_number_is_refused_at_once,
        a_closed_descriptor_cannot_be_registered_again,
        a_closed_descriptor_cannot_be_reregistered,
        a_source_that_the_system_forgot_can_be_registered_again,
        a_file_under_an_old_number_is_not_watched_though_the_poll_cannot_be_woken,
        a_regular_file_is_refused_with_the_reason_or_always_ready,
        a_file_is_refused_or_always_ready,
        a_raw_descriptor_is_known_by_its_number,
    }

    fn an_owned_and_a_raw_source_exclude_each_other(backend: Backend) {
        let (poll, _) = setup(backend);
        let (stream, _peer) = unix_pair();
        let source = IoSource::new(stream);
        let fd = source.get_ref().as_raw_fd();
        let interest = (Ready::READABLE, PollOpt::LEVEL);

        poll.register(&source, Token(1), interest.0, interest.1)
            .unwrap();
        refused(
            poll.register(&EventedFd(&fd), Token(2), interest.0, interest.1),
            ErrorKind::AlreadyExists,
            RegistrationError::AlreadyRegistered,
        );
        poll.deregister(&source).unwrap();

        poll.register(&EventedFd(&fd), Token(2), interest.0, interest.1)
            .unwrap();
        refused(
            poll.register(&source, Token(1), interest.0, interest.1),
            ErrorKind::AlreadyExists,
            RegistrationError::AlreadyRegistered,
        );
        refused(
            poll.deregister(&source),
            ErrorKind::NotFound,
            RegistrationError::NotRegistered,
        );
        poll.deregister(&EventedFd(&fd)).unwrap();
        poll.register(&source, Token(1), interest.0, interest.1)
            .unwrap();
    }

    fn a_raw_source_does_not_end_an_owned_ones_registration(backend: Backend) {
        let (poll, mut events) = setup(backend);
        let (stream, mut peer) = unix_pair();
        let source = IoSource::new(stream);
        let fd = source.get_ref().as_raw_fd();
        poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        let (missing, reason) = (ErrorKind::NotFound, RegistrationError::NotRegistered);
        refused(poll.deregister(&EventedFd(&fd)), missing, reason);
        refused(
            poll.reregister(&EventedFd(&fd), Token(2), Ready::WRITABLE, PollOpt::LEVEL),
            missing,
            reason,
        );
        peer.write_all(b"x").unwrap();
        expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
    }

    #[track_caller]
    fn expect_bad(poll: &Poll, fd: i32) {
        let error = poll
            .register(&EventedFd(&fd), Token(1), Ready::READABLE, PollOpt::LEVEL)
            .expect_err("no descriptor has this number");
        assert_eq!(error.raw_os_error(), Some(libc::EBADF), "{fd}: {error:?}");
        assert!(!format!("{poll:?}").contains("Token"), "{poll:?}");
    }

    fn a_bad_descriptor_leaves_nothing_behind(backend: Backend) {
        in_child(|| {
            let (poll, mut events) = setup(backend);
            for fd in [-1, i32::MIN] {
                expect_bad(&poll, fd);
            }
            let (reader, writer) = pipe();
            let fd = reader.as_raw_fd();
            drop((reader, writer));
            expect_bad(&poll, fd);
            for result in [
                poll.reregister(&EventedFd(&fd), Token(1), Ready::READABLE, PollOpt::LEVEL),
                poll.deregister(&EventedFd(&fd)),
            ] {
                let reason = RegistrationError::NotRegistered;
                refused(result, ErrorKind::NotFound, reason);
            }
            // The number works as soon as something has it.
            let (reader, mut writer) = pipe();
            assert_eq!(reader.as_raw_fd(), fd);
            poll.register(&EventedFd(&fd), Token(2), Ready::READABLE, PollOpt::LEVEL)
                .unwrap();
            writer.write_all(b"x").unwrap();
            expect_events(&poll, &mut events, &[(Token(2), Ready::READABLE)]);
        });
    }

    fn a_bad_descriptor_of_any_number_is_refused_at_once(backend: Backend) {
        // Nobody else takes memory there.
        in_child(|| {
            let (poll, _) = setup(backend);
            let before = memory();
            for fd in [i32::MAX, i32::MAX - 64, 1 << 30] {
                expect_bad(&poll, fd);
            }
            // A table with room for such a number has at least twice as much.
            let more = memory().saturating_sub(before);
            assert!(more < 16 << 20, "{more} bytes");
        });
    }

    /// The bytes of memory that the process has taken, where the system tells.
    fn memory() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next());
        kibibytes.map_or(0, |text| text.parse::<u64>().expect("a number") << 10)
    }

    /// `epoll_ctl` refuses what cannot be waited for; elsewhere it is ready at any time, also under
    /// libkqueue.
    fn a_file_is_refused_or_always_ready(backend: Backend) {
        let (poll, mut events) = setup(backend);
        let refused = backend == Backend::Epoll;
        let path = std::env::temp_dir().join(format!("readywire-{}-{backend}", std::process::id()));
        let file = IoSource::new(File::create_new(&path).unwrap());
        std::fs::remove_file(path).unwrap();
        let result = poll.register(&file, Token(1), Ready::READABLE, PollOpt::LEVEL);
        if backend == Backend::Poll || !refused {
            result.unwrap();
            expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
        } else {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::PermissionDenied);
            assert!(!format!("{poll:?}").contains("Token"), "{poll:?}");
            // It is nobody's, so that another `Poll` can take it.
            let (other, _) = setup(Backend::Poll);
            other
                .register(&file, Token(1), Ready::READABLE, PollOpt::LEVEL)
                .unwrap();
        }
    }

    fn a_raw_descriptor_is_known_by_its_number(backend: Backend) {
        let (poll, mut events) = setup(backend);
        let (reader, mut writer) = pipe();
        let fd = reader.as_raw_fd();
        poll.register(&EventedFd(&fd), Token(1), Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        refused(
            poll.register(&reader.as_fd(), Token(2), Ready::READABLE, PollOpt::LEVEL),
            ErrorKind::AlreadyExists,
            RegistrationError::AlreadyRegistered,
        );
        poll.reregister(&reader.as_fd(), Token(2), Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        writer.write_all(b"x").unwrap();
        expect_events(&poll, &mut events, &[(Token(2), Ready::READABLE)]);
        poll.deregister(&reader.as_fd()).unwrap();
        expect_silence(&poll, &mut events);
        refused(
            poll.deregister(&EventedFd(&fd)),
            ErrorKind::NotFound,
            RegistrationError::NotRegistered,
        );
    }

    fn a_closed_descriptor_cannot_be_registered_again(backend: Backend) {
        in_child(|| {
            let (poll, _) = setup(backend);
            let (reader, _writer) = pipe();
            let fd = reader.as_raw_fd();
            let register =
                || poll.register(&EventedFd(&fd), Token(1), Ready::READABLE, PollOpt::LEVEL);
            register().unwrap();
            drop(reader);
            let error = register().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EBADF), "{error:?}");
        });
    }

    fn a_source_that_the_system_forgot_can_be_registered_again(backend: Backend) {
        let (readable, level) = (Ready::READABLE, PollOpt::LEVEL);
        for rearm in [true, false] {
            in_child(|| {
                let (poll, mut events) = setup(backend);
                let source = IoSource::new(unix_pair().0);
                poll.register(&source, Token(1), readable, level).unwrap();
                // The descriptor's number gets another file, and its own is closed.
                let (other, mut peer) = unix_pair();
                let (from, to) = (other.as_raw_fd(), source.get_ref().as_raw_fd());
                // SAFETY: both are open, and no more is done with what `to` was.
                assert_eq!(unsafe { libc::dup2(from, to) }, to);
                let result = if rearm {
                    poll.rearm(&source)
                } else {
                    poll.reregister(&source, Token(1), readable, level)
                };
                // kqueue adds what it does not watch.
                if backend != Backend::Kqueue {
                    let missing = RegistrationError::NotRegistered;
                    refused(result, ErrorKind::NotFound, missing);
                    poll.register(&source, Token(1), readable, level).unwrap();
                }
                peer.write_all(b"x").unwrap();
                expect_events(&poll, &mut events, &[(Token(1), readable)]);
                poll.deregister(&source).unwrap();
            });
        }
    }

    fn a_file_under_an_old_number_is_not_watched_though_the_poll_cannot_be_woken(backend: Backend) {
        // The others forget a descriptor when it is closed.
        if backend != Backend::Poll {
            return;
        }
        in_child(|| {
            let (poll, mut events) = setup(backend);
            let poll = Arc::new(poll);
            let (own, mut its_peer) = unix_pair();
            let source = IoSource::new(own.try_clone().unwrap());
            let terms = (Ready::READABLE, PollOpt::LEVEL);
            poll.register(&source, Token(1), terms.0, terms.1).unwrap();
            let poller = spawn({
                let poll = Arc::clone(&poll);
                move || {
                    let count = poll.poll(&mut events, Some(DEADLINE)).unwrap();
                    (count, events)
                }
            });
            poller.wait_until_asleep();

            // The source's number gets another file, and that of the wake handle one that cannot be written.
            let (other, mut other_peer) = unix_pair();
            let unwritable = std::fs::File::open("/dev/null").unwrap();
            let handle = poll.as_fd().try_clone_to_owned().unwrap();
            let rename = |from: BorrowedFd<'_>, to: RawFd| {
                // SAFETY: both are open, and no more is done with what `to` was.
                assert_eq!(unsafe { libc::dup2(from.as_raw_fd(), to) }, to);
            };
            rename(other.as_fd(), source.get_ref().as_raw_fd());
            rename(unwritable.as_fd(), poll.as_raw_fd());
            let result = poll.reregister(&source, Token(2), terms.0, terms.1);
            let missing = RegistrationError::NotRegistered;
            refused(result, ErrorKind::NotFound, missing);

            rename(handle.as_fd(), poll.as_raw_fd());
            let waker = Waker::new(&poll, Token(3)).unwrap();
            its_peer.write_all(b"x").unwrap();
            other_peer.write_all(b"x").unwrap();
            waker.wake().unwrap();
            let (count, events) = poller.join();
            assert_eq!(count, 1);
            assert_eq!(events.get(0).unwrap().token(), Token(3), "{events:?}");
        });
    }

    fn a_closed_descriptor_cannot_be_reregistered(backend: Backend) {
        in_child(|| {
            let (poll, mut events) = setup(backend);
            let interest = (Ready::READABLE, PollOpt::LEVEL);
            let (reader, _writer) = pipe();
            let fd = reader.as_raw_fd();
            poll.register(&EventedFd(&fd), Token(1), interest.0, interest.1)
                .unwrap();
            drop(reader);
            poll.reregister(&EventedFd(&fd), Token(2), interest.0, interest.1)
                .unwrap_err();
            assert!(!format!("{poll:?}").contains("Token"), "{poll:?}");

            // Its number is used again, by a file that was never registered.
            let (reader, mut writer) = pipe();
            assert_eq!(reader.as_raw_fd(), fd);
            poll.register(&EventedFd(&fd), Token(1), interest.0, interest.1)
                .unwrap();
            drop(reader);
            let (stream, mut peer) = unix_pair();
            assert_eq!(stream.as_raw_fd(), fd);
            if backend == Backend::Kqueue {
                // The kernel forgot the old file at its close, and adds the new one.
                poll.reregister(&EventedFd(&fd), Token(2), interest.0, interest.1)
                    .unwrap();
                peer.write_all(b"x").unwrap();
                expect_events(&poll, &mut events, &[(Token(2), interest.0)]);
                return;
            }
            refused(
                poll.reregister(&EventedFd(&fd), Token(2), interest.0, interest.1),
                ErrorKind::NotFound,
                RegistrationError::NotRegistered,
            );
            peer.write_all(b"x").unwrap();
            writer.write_all(b"x").unwrap_err();
            expect_silence(&poll, &mut events);
        });
    }

    fn a_regular_file_is_refused_with_the_reason_or_always_ready(backend: Backend) {
        let name = format!("readywire-{}-{backend}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let file = File::create_new(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        // The second size is more than 32 bits hold.
        for size in [1, 5 << 30] {
            file.set_len(size).unwrap();
            let (poll, mut events) = setup(backend);
            let result = poll.register(&file.as_fd(), Token(1), Ready::READABLE, PollOpt::LEVEL);
            if backend == Backend::Epoll {
                refused(
                    result,
                    ErrorKind::PermissionDenied,
                    RegistrationError::AlwaysReady,
                );
                expect_silence(&poll, &mut events);
            } else {
                result.unwrap();
                expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
            }
        }
    }

    #[cfg(all(
        any(target_os = "linux", target_os = "android"),
        not(readywire_libkqueue)
    ))]
    mod paths {
        use std::os::fd::FromRawFd;

        use super::*;

        testkit::on_each_backend! { a_descriptor_that_cannot_be_watched_is_refused }

        fn a_descriptor_that_cannot_be_watched_is_refused(backend: Backend) {
            let (poll, mut events) = setup(backend);
            // musl counts the flag as a way of access, which the standard library does not pass on.
            // SAFETY: the path ends with a zero.
            let fd = unsafe { libc::open(c"/".as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
            assert_ne!(fd, -1, "{}", std::io::Error::last_os_error());
            // SAFETY: the descriptor has just been made and nobody else knows it.
            let path = unsafe { File::from_raw_fd(fd) };
            let owned = IoSource::new(path.try_clone().unwrap());
            let number = path.as_raw_fd();
            let ways: [&dyn selector::Evented; 3] = [&EventedFd(&number), &path.as_fd(), &owned];
            for way in ways {
                let error = poll
                    .register(way, Token(1), Ready::READABLE, PollOpt::LEVEL)
                    .unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::EBADF), "{error:?}");
                assert!(!format!("{poll:?}").contains("Token"), "{poll:?}");
            }
            expect_silence(&poll, &mut events);
        }
    }
}
