//! Streams: moving bytes, what is reported, and the ends.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;

use selector::{Backend, PollOpt, Ready};
use unix_socket::{UnixDatagram, UnixListener, UnixStream};

use crate::support::{Folder, SOCKET, fails, poll_on};

testkit::on_each_backend! {
    an_edge_is_reported_for_what_is_written_after_a_drain,
    a_full_stream_is_writable_again_when_it_is_read,
    a_oneshot_stays_silent_until_reregistered,
    a_half_close_is_reported_and_reads_as_the_end,
    a_clone_is_a_source_of_its_own,
    every_socket_is_a_source,
}

fn an_edge_is_reported_for_what_is_written_after_a_drain(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (mut one, other) = UnixStream::pair().unwrap();
    poll.register(&other, SOCKET, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    for _ in 0..3 {
        one.write_all(b"hello").unwrap();
        testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
        assert_eq!(testkit::drain(&other), 5);
        testkit::expect_silence(&poll, &mut events);
    }
}

fn every_socket_is_a_source(backend: Backend) {
    let (stream, _peer) = UnixStream::pair().unwrap();
    testkit::expect_evented(backend, &stream, Ready::WRITABLE);
    let (datagram, _peer) = UnixDatagram::pair().unwrap();
    testkit::expect_evented(backend, &datagram, Ready::WRITABLE);
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.path("listener")).unwrap();
    let _client = UnixStream::connect(folder.path("listener")).unwrap();
    testkit::expect_evented(backend, &listener, Ready::READABLE);
}

#[test]
fn an_owned_stream_reads_and_writes_as_a_borrowed_one() {
    let (mut one, mut other) = UnixStream::pair().unwrap();
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"cd")];
    assert_eq!(one.write_vectored(&bufs).unwrap(), 4);
    assert_eq!(one.write(b"e").unwrap(), 1);
    let (mut first, mut second) = ([0; 1], [0; 2]);
    let mut bufs = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(other.read_vectored(&mut bufs).unwrap(), 3);
    let mut rest = [0; 8];
    assert_eq!(other.read(&mut rest).unwrap(), 2);
    assert_eq!((&first, &second, &rest[..2]), (b"a", b"bc", &b"de"[..]));
}

#[test]
fn options_of_every_socket_are_set() {
    let folder = Folder::new();
    let (stream, _peer) = UnixStream::pair().unwrap();
    let datagram = UnixDatagram::unbound().unwrap();
    let listener = UnixListener::bind(folder.path("listener")).unwrap();
    let option = sockopt::SEND_BUFFER_SIZE;
    // No system's default, and Linux doubles it.
    let size = 40_000;
    stream.set(&option, size).unwrap();
    assert!((size..=2 * size).contains(&stream.get(&option).unwrap()));
    datagram.set(&option, size).unwrap();
    assert!((size..=2 * size).contains(&datagram.get(&option).unwrap()));
    listener.set(&option, size).unwrap();
    assert!((size..=2 * size).contains(&listener.get(&option).unwrap()));
}

fn a_full_stream_is_writable_again_when_it_is_read(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (one, other) = UnixStream::pair().unwrap();
    let written = testkit::fill(&one);
    poll.register(&one, SOCKET, Ready::WRITABLE, PollOpt::EDGE)
        .unwrap();
    testkit::expect_silence(&poll, &mut events);
    assert_eq!(testkit::drain(&other), written);
    testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::WRITABLE)]);
}

fn a_oneshot_stays_silent_until_reregistered(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (mut one, other) = UnixStream::pair().unwrap();
    let opts = PollOpt::EDGE | PollOpt::ONESHOT;
    poll.register(&other, SOCKET, Ready::READABLE, opts)
        .unwrap();
    one.write_all(b"x").unwrap();
    testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
    one.write_all(b"y").unwrap();
    testkit::expect_silence(&poll, &mut events);
    poll.reregister(&other, SOCKET, Ready::READABLE, opts)
        .unwrap();
    testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
}

fn a_half_close_is_reported_and_reads_as_the_end(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (mut one, mut other) = UnixStream::pair().unwrap();
    poll.register(&other, SOCKET, Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    one.write_all(b"last").unwrap();
    one.shutdown(Shutdown::Write).unwrap();
    testkit::expect_readiness(
        &poll,
        &mut events,
        SOCKET,
        Ready::READABLE | Ready::READ_CLOSED,
    );
    let mut text = Vec::new();
    other.read_to_end(&mut text).unwrap();
    assert_eq!(text, b"last");
    // The other direction is open.
    other.write_all(b"answer").unwrap();
    let mut buf = [0; 8];
    assert_eq!(one.read(&mut buf).unwrap(), 6);
}

fn a_clone_is_a_source_of_its_own(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (mut one, other) = UnixStream::pair().unwrap();
    let mut clone = other.try_clone().unwrap();
    for socket in [&other, &clone] {
        let (poll, _) = poll_on(backend);
        poll.register(socket, SOCKET, Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        poll.deregister(socket).unwrap();
    }
    poll.register(&other, SOCKET, Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    drop(other);
    one.write_all(b"x").unwrap();
    testkit::expect_silence(&poll, &mut events);
    assert_eq!(clone.read(&mut [0; 4]).unwrap(), 1);
}

#[test]
fn nothing_to_read_would_block() {
    let (mut one, _other) = UnixStream::pair().unwrap();
    fails(one.read(&mut [0]), ErrorKind::WouldBlock);
    fails(one.peek(&mut [0]), ErrorKind::WouldBlock);
    let mut buf = [0];
    fails(
        one.read_bufs(&mut [IoSliceMut::new(&mut buf)]),
        ErrorKind::WouldBlock,
    );
    fails(
        one.recv_fds(&mut [IoSliceMut::new(&mut buf)], &mut Vec::new()),
        ErrorKind::WouldBlock,
    );
}

#[test]
fn empty_buffers_move_nothing_and_are_not_the_end() {
    let (mut one, mut other) = UnixStream::pair().unwrap();
    assert_eq!(one.write(b"").unwrap(), 0);
    assert_eq!(one.write_bufs(&[IoSlice::new(b"")]).unwrap(), 0);
    assert_eq!(one.write_vectored(&[]).unwrap(), 0);
    one.write_all(b"x").unwrap();
    one.flush().unwrap();
    assert_eq!(other.read(&mut []).unwrap(), 0);
    assert_eq!(other.peek(&mut []).unwrap(), 0);
    assert_eq!(other.read_bufs(&mut [IoSliceMut::new(&mut [])]).unwrap(), 0);
    assert_eq!(other.read_vectored(&mut []).unwrap(), 0);
    let received = other.recv_fds(&mut [], &mut Vec::new()).unwrap();
    assert_eq!((received.len, received.fds_lost), (0, false));
    assert_eq!(testkit::drain(&other), 1);
}

#[test]
fn more_buffers_than_the_system_takes_are_a_short_transfer() {
    let (one, other) = UnixStream::pair().unwrap();
    let out = vec![IoSlice::new(b"x"); 1500];
    assert_eq!(one.write_bufs(&out).unwrap(), 1024);
    let mut room = [0; 1500];
    let mut bufs: Vec<_> = room.chunks_mut(1).map(IoSliceMut::new).collect();
    assert_eq!(other.read_bufs(&mut bufs).unwrap(), 1024);
    assert!(room[..1024].iter().all(|byte| *byte == b'x'));
    assert!(room[1024..].iter().all(|byte| *byte == 0));
}

#[test]
fn peeking_leaves_the_data_where_they_are() {
    let (mut one, mut other) = UnixStream::pair().unwrap();
    one.write_all(b"hello").unwrap();
    let mut buf = [0; 3];
    for _ in 0..2 {
        assert_eq!(other.peek(&mut buf).unwrap(), 3);
        assert_eq!(&buf, b"hel");
    }
    let mut text = [0; 5];
    other.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"hello");
}

#[test]
fn writing_to_a_peer_that_is_gone_is_a_broken_pipe() {
    // In a process of its own: a child of another test may hold what is closed here, until it
    // executes its program.
    testkit::in_child(|| {
        let (mut one, other) = UnixStream::pair().unwrap();
        drop(other);
        fails(one.write(b"x"), ErrorKind::BrokenPipe);
        fails(one.write_bufs(&[IoSlice::new(b"x")]), ErrorKind::BrokenPipe);
        assert_eq!(one.read(&mut [0]).unwrap(), 0);
        assert!(one.take_error().unwrap().is_none());
    });
}

/// Elsewhere the unread data are lost without an error.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn take_error_returns_once_that_the_peer_closed_with_unread_data() {
    // In a process of its own: a child of another test may hold what is closed here, until it
    // executes its program.
    testkit::in_child(|| {
        let (mut one, other) = UnixStream::pair().unwrap();
        one.write_all(b"unread").unwrap();
        drop(other);
        let error = one.take_error().unwrap().expect("a reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(one.take_error().unwrap().is_none());
    });
}
