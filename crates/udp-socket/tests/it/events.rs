//! What is reported of a socket, and when.

use selector::{Backend, Events, Poll, PollOpt, Ready};

use crate::support::{SOCKET, fails, nobody, pair, refusal, socket};

testkit::on_each_backend! {
    a_socket_is_writable_at_once,
    a_level_is_reported_until_all_is_received,
    an_edge_is_reported_for_each_datagram_after_a_drain,
    a_oneshot_stays_silent_until_reregistered,
    a_socket_is_a_source,
    an_empty_datagram_is_reported,
    a_refusal_is_reported_and_ends_with_the_error_taken,
    a_clone_is_a_source_of_its_own,
}

fn poll_on(backend: Backend) -> (Poll, Events) {
    (
        Poll::with_backend(backend).unwrap(),
        Events::with_capacity(8),
    )
}

fn a_socket_is_writable_at_once(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (socket, _) = socket();
    let both = Ready::READABLE | Ready::WRITABLE;
    poll.register(&socket, SOCKET, both, PollOpt::EDGE).unwrap();
    testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::WRITABLE)]);
    testkit::expect_silence(&poll, &mut events);
}

fn a_level_is_reported_until_all_is_received(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (one, other) = pair();
    poll.register(&other, SOCKET, Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    testkit::expect_silence(&poll, &mut events);
    one.send(b"x").unwrap();
    one.send(b"y").unwrap();
    for _ in 0..2 {
        testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
        other.recv(&mut [0; 4]).unwrap();
    }
    testkit::expect_silence(&poll, &mut events);
}

fn an_edge_is_reported_for_each_datagram_after_a_drain(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (one, other) = pair();
    poll.register(&other, SOCKET, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    for _ in 0..3 {
        one.send(b"x").unwrap();
        testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
        testkit::expect_silence(&poll, &mut events);
        other.recv(&mut [0; 4]).unwrap();
        other.recv(&mut [0; 4]).unwrap_err();
        testkit::expect_silence(&poll, &mut events);
    }
}

fn a_oneshot_stays_silent_until_reregistered(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (one, other) = pair();
    poll.register(&other, SOCKET, Ready::READABLE, PollOpt::ONESHOT)
        .unwrap();
    one.send(b"x").unwrap();
    testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
    one.send(b"y").unwrap();
    testkit::expect_silence(&poll, &mut events);
    poll.reregister(&other, SOCKET, Ready::READABLE, PollOpt::ONESHOT)
        .unwrap();
    testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
}

fn a_socket_is_a_source(backend: Backend) {
    let (socket, _) = socket();
    testkit::expect_evented(backend, &socket, Ready::WRITABLE);
}

fn an_empty_datagram_is_reported(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (one, other) = pair();
    poll.register(&other, SOCKET, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    one.send(b"").unwrap();
    testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
    assert_eq!(other.recv(&mut [0; 4]).unwrap(), 0);
}

fn a_refusal_is_reported_and_ends_with_the_error_taken(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (socket, _) = socket();
    socket.connect(nobody()).unwrap();
    poll.register(&socket, SOCKET, Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    socket.send(b"anybody?").unwrap();
    if let Some(kind) = refusal() {
        testkit::expect_readiness(&poll, &mut events, SOCKET, Ready::READABLE);
        fails(socket.recv(&mut [0; 4]), kind);
    }
    testkit::expect_silence(&poll, &mut events);
}

fn a_clone_is_a_source_of_its_own(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (other_poll, mut other_events) = poll_on(backend);
    let (one, other) = pair();
    let clone = other.try_clone().unwrap();
    for (poll, socket) in [(&poll, &other), (&other_poll, &clone)] {
        poll.register(socket, SOCKET, Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
    }
    one.send(b"x").unwrap();
    testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
    testkit::expect_events(&other_poll, &mut other_events, &[(SOCKET, Ready::READABLE)]);
    drop(other);
    testkit::expect_silence(&poll, &mut events);
    assert_eq!(clone.recv(&mut [0; 4]).unwrap(), 1);
}

#[cfg(unix)]
mod errors {
    use std::io::ErrorKind;

    use super::*;
    use crate::support::shown_refusal;

    testkit::on_each_backend! {
        each_is_reported_whoever_took_the_one_before,
        each_is_reported_after_take_error_took_the_one_before,
    }

    fn each_is_reported_whoever_took_the_one_before(backend: Backend) {
        // kqueue shows an error to who reads, and to nobody else.
        let interest = match backend {
            Backend::Kqueue => Ready::READABLE,
            _ => Ready::empty(),
        };
        let (poll, mut events) = poll_on(backend);
        let (socket, _) = socket();
        let clone = socket.try_clone().unwrap();
        socket.connect(nobody()).unwrap();
        poll.register(&socket, SOCKET, interest, PollOpt::EDGE)
            .unwrap();
        for _ in 0..3 {
            socket.send(b"anybody?").unwrap();
            testkit::expect_readiness(&poll, &mut events, SOCKET, shown_refusal());
            fails(clone.recv(&mut [0; 4]), ErrorKind::ConnectionRefused);
            assert!(socket.take_error().unwrap().is_none());
        }
    }

    fn each_is_reported_after_take_error_took_the_one_before(backend: Backend) {
        let (poll, mut events) = poll_on(backend);
        let (socket, _) = socket();
        socket.connect(nobody()).unwrap();
        poll.register(&socket, SOCKET, Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        for _ in 0..3 {
            socket.send(b"anybody?").unwrap();
            testkit::expect_readiness(&poll, &mut events, SOCKET, shown_refusal());
            let error = socket.take_error().unwrap().expect("the refusal");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
    }
}
