//! When an edge comes again: what counts as drained, and through which handle.

use std::io::Write;

use selector::{Backend, Events, Poll, PollOpt, Ready};
use tcp_stream::TcpStream;
use testkit::{drain, expect_edges, expect_events, expect_silence};

use crate::support::{STREAM, pair};

testkit::on_each_backend! {
    a_drained_clone_arms_the_registered_stream,
    a_drained_stream_arms_a_clone_in_another_poll,
}

const READ: (selector::Token, Ready) = (STREAM, Ready::READABLE);

#[track_caller]
fn watch(backend: Backend, stream: &TcpStream) -> (Poll, Events) {
    let poll = Poll::with_backend(backend).unwrap();
    poll.register(stream, STREAM, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    (poll, Events::with_capacity(4))
}

fn a_drained_clone_arms_the_registered_stream(backend: Backend) {
    let (stream, mut peer) = pair();
    let before = stream.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &stream);
    let after = before.try_clone().unwrap();
    for clone in [&before, &after] {
        expect_edges(
            &poll,
            &mut events,
            READ,
            || peer.write_all(b"ping").unwrap(),
            || assert_eq!(drain(clone), 4),
        );
    }
}

fn a_drained_stream_arms_a_clone_in_another_poll(backend: Backend) {
    let (stream, mut peer) = pair();
    let clone = stream.try_clone().unwrap();
    let (one, mut events) = watch(backend, &stream);
    let (other, _) = watch(backend, &clone);
    for drained in [&stream, &clone, &stream, &clone] {
        peer.write_all(b"ping").unwrap();
        for poll in [&one, &other] {
            expect_events(poll, &mut events, &[READ]);
        }
        assert_eq!(drain(drained), 4);
        for poll in [&one, &other] {
            expect_silence(poll, &mut events);
        }
    }
}
