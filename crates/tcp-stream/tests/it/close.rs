//! Ends of streams: half-closes, resets, shutdowns.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

use selector::{Backend, Events, Poll, PollOpt, Ready};
use testkit::{expect_readiness, expect_silence, reset};

use crate::support::{RESETS_ARE_PENDING, STREAM, fails, is_reset, pair, wait};

testkit::on_each_backend! {
    what_the_peer_closed_reads_to_its_end_and_can_be_answered,
    what_we_closed_can_still_be_read,
    a_reset_ends_reading_and_writing,
}

/// Whether the end of a stream is told while what came before it is unread. Windows tells it, but
/// Wine, which stands in for Windows here, does once that was read.
const END_SHOWS_BEHIND_DATA: bool = cfg!(not(windows));

fn what_the_peer_closed_reads_to_its_end_and_can_be_answered(backend: Backend) {
    let (mut stream, mut peer) = pair();
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(4);
    poll.register(&stream, STREAM, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    peer.write_all(b"last words").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();

    let closed = Ready::READABLE | Ready::READ_CLOSED;
    let first = if END_SHOWS_BEHIND_DATA {
        closed
    } else {
        Ready::READABLE
    };
    let seen = expect_readiness(&poll, &mut events, STREAM, first);
    assert!(closed.contains(seen), "neither hung up nor in error");
    let mut all = [0; 10];
    stream.read_exact(&mut all).unwrap();
    assert_eq!(&all, b"last words");
    if !END_SHOWS_BEHIND_DATA {
        poll.reregister(&stream, STREAM, Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        let seen = expect_readiness(&poll, &mut events, STREAM, closed);
        assert_eq!(seen, closed, "neither hung up nor in error");
    }
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert_eq!(stream.peek(&mut [0]).unwrap(), 0);

    stream.write_all(b"heard").unwrap();
    drop(stream);
    peer.set_nonblocking(false).unwrap();
    let mut all = String::new();
    peer.read_to_string(&mut all).unwrap();
    assert_eq!(all, "heard");
}

fn what_we_closed_can_still_be_read(backend: Backend) {
    let (mut stream, mut peer) = pair();
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(4);
    poll.register(&stream, STREAM, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    stream.write_all(b"question").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    fails(stream.write(b"more"), ErrorKind::BrokenPipe);

    let mut all = String::new();
    peer.set_nonblocking(false).unwrap();
    peer.read_to_string(&mut all).unwrap();
    assert_eq!(all, "question");
    expect_silence(&poll, &mut events);

    peer.write_all(b"answer").unwrap();
    expect_readiness(&poll, &mut events, STREAM, Ready::READABLE);
    let mut answer = [0; 16];
    assert_eq!(stream.read(&mut answer).unwrap(), 6);
    assert_eq!(&answer[..6], b"answer");
    fails(stream.read(&mut answer), ErrorKind::WouldBlock);
}

fn a_reset_ends_reading_and_writing(backend: Backend) {
    let (mut stream, peer) = pair();
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(4);
    poll.register(&stream, STREAM, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    fails(stream.read(&mut [0]), ErrorKind::WouldBlock);
    reset(peer);
    expect_readiness(&poll, &mut events, STREAM, Ready::READABLE);
    is_reset(stream.read(&mut [0]));
    assert!(stream.take_error().unwrap().is_none(), "the read took it");
    assert!(stream.write(b"x").is_err());
}

#[test]
fn a_reset_that_nobody_met_is_pending() {
    let (stream, peer) = pair();
    reset(peer);
    wait(&stream, Ready::READABLE);
    let taken = stream.take_error().unwrap().map(|taken| taken.kind());
    if RESETS_ARE_PENDING {
        assert_eq!(taken, Some(ErrorKind::ConnectionReset));
    } else {
        assert_eq!(taken, None);
        is_reset((&stream).read(&mut [0]));
    }
    assert!(stream.take_error().unwrap().is_none());
}

#[test]
fn shutting_the_reading_half_is_the_end() {
    let (mut stream, _peer) = pair();
    stream.shutdown(Shutdown::Read).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    stream.write_all(b"x").unwrap();
}

#[test]
fn shutting_both_halves_ends_the_connection() {
    let (mut stream, mut peer) = pair();
    stream.shutdown(Shutdown::Both).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    fails(stream.write(b"x"), ErrorKind::BrokenPipe);
    peer.set_nonblocking(false).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
}
