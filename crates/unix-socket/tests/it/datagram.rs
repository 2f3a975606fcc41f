//! Datagrams: bounds, senders, and what is reported.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::AsFd;

use selector::{Backend, PollOpt, Ready};
use unix_socket::UnixDatagram;

use crate::support::{FULL_WOULD_BLOCK, Folder, SOCKET, fails, poll_on};

testkit::on_each_backend! {
    an_edge_is_reported_for_each_datagram_after_a_drain,
    a_full_queue_would_block_until_it_is_received,
}

fn an_edge_is_reported_for_each_datagram_after_a_drain(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (one, other) = UnixDatagram::pair().unwrap();
    poll.register(&other, SOCKET, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    for data in [&b"x"[..], b"", b"z"] {
        one.send(data).unwrap();
        testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
        assert_eq!(other.recv(&mut [0; 4]).unwrap(), data.len());
        fails(other.recv(&mut [0; 4]), ErrorKind::WouldBlock);
        testkit::expect_silence(&poll, &mut events);
    }
}

fn a_full_queue_would_block_until_it_is_received(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (one, other) = UnixDatagram::pair().unwrap();
    let mut sent = 0;
    let error = loop {
        match one.send(&[0xa5; 512]) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    if FULL_WOULD_BLOCK {
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        poll.register(&one, SOCKET, Ready::WRITABLE, PollOpt::EDGE)
            .unwrap();
        testkit::expect_silence(&poll, &mut events);
    } else {
        assert_eq!(error.raw_os_error(), Some(libc::ENOBUFS));
    }
    for _ in 0..sent {
        assert_eq!(other.recv(&mut [0; 1024]).unwrap(), 512);
    }
    if FULL_WOULD_BLOCK {
        testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::WRITABLE)]);
    }
    one.send(b"x").unwrap();
}

#[test]
fn datagrams_keep_their_bounds_and_senders() {
    let folder = Folder::new();
    let (path, own) = (folder.path("server"), folder.path("client"));
    let server = UnixDatagram::bind(&path).unwrap();
    let client = UnixDatagram::bind(&own).unwrap();
    fails(server.recv_from(&mut [0]), ErrorKind::WouldBlock);
    client.send_to(b"hello", &path).unwrap();
    client.connect(&path).unwrap();
    client.send(b"").unwrap();
    assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
    let mut buf = [0; 16];
    assert_eq!(server.peek(&mut buf).unwrap(), 5);
    let (count, from) = server.recv_from(&mut buf).unwrap();
    assert_eq!(
        (&buf[..count], from.as_pathname()),
        (&b"hello"[..], Some(&*own))
    );
    let (count, from) = server.recv_from(&mut buf).unwrap();
    assert_eq!((count, from.as_pathname()), (0, Some(&*own)));
    server.send_to_addr(b"answer", &from).unwrap();
    assert_eq!(client.recv(&mut buf).unwrap(), 6);
}

#[test]
fn vectored_calls_move_one_datagram_and_cut_what_does_not_fit() {
    let (one, other) = UnixDatagram::pair().unwrap();
    let bufs = [b"ab", b"cd", b"ef"].map(|data| IoSlice::new(data));
    for _ in 0..2 {
        assert_eq!(one.send_bufs(&bufs).unwrap(), 6);
    }
    assert_eq!(one.send_bufs(&[]).unwrap(), 0);
    let (mut a, mut b) = ([0; 3], [0; 2]);
    let mut room = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
    assert_eq!(other.recv_bufs(&mut room).unwrap(), 5);
    let received = other.recv_fds(&mut room, &mut Vec::new()).unwrap();
    assert_eq!((received.len, received.truncated), (5, true));
    assert!(!received.fds_lost);
    let received = other.recv_fds(&mut room, &mut Vec::new()).unwrap();
    assert_eq!((received.len, received.truncated), (0, false));
    assert_eq!((&a, &b), (b"abc", b"de"));
}

#[test]
fn a_peer_that_is_gone_refuses() {
    // In a process of its own: a child of another test may hold what is closed here, until it
    // executes its program.
    testkit::in_child(|| {
        let (one, other) = UnixDatagram::pair().unwrap();
        drop(other);
        let error = one.send(b"x").unwrap_err();
        // The kind is the system's: refused on Linux, reset or not connected elsewhere.
        if cfg!(any(target_os = "linux", target_os = "android")) {
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
        let unbound = UnixDatagram::unbound().unwrap();
        assert!(unbound.send(b"x").is_err());
        fails(unbound.peer_addr(), ErrorKind::NotConnected);
    });
}

#[test]
fn a_clone_shares_the_queue_and_shutdown_acts_on_both() {
    let (one, other) = UnixDatagram::pair().unwrap();
    let clone = one.try_clone().unwrap();
    clone.send(b"x").unwrap();
    one.shutdown(Shutdown::Write).unwrap();
    fails(clone.send(b"y"), ErrorKind::BrokenPipe);
    assert_eq!(other.recv(&mut [0; 4]).unwrap(), 1);
    assert!(other.take_error().unwrap().is_none());
}

/// On Linux a socket is reset when its peer connects to another one with data unread.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod resets {
    use super::*;

    testkit::on_each_backend! { each_is_reported_after_take_error_took_the_one_before }

    fn each_is_reported_after_take_error_took_the_one_before(backend: Backend) {
        let (poll, mut events) = poll_on(backend);
        let folder = Folder::new();
        let one = UnixDatagram::bind(folder.path("one")).unwrap();
        let other = UnixDatagram::bind(folder.path("other")).unwrap();
        let _third = UnixDatagram::bind(folder.path("third")).unwrap();
        poll.register(&one, SOCKET, Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        for _ in 0..3 {
            other.connect(folder.path("one")).unwrap();
            one.connect(folder.path("other")).unwrap();
            one.send(b"unread").unwrap();
            other.connect(folder.path("third")).unwrap();
            testkit::expect_readiness(&poll, &mut events, SOCKET, Ready::ERROR);
            let error = one.take_error().unwrap().expect("a reset");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            assert!(one.take_error().unwrap().is_none());
        }
    }
}

#[test]
fn empty_buffers_in_front_of_a_datagram_are_skipped() {
    let (one, other) = UnixDatagram::pair().unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    let mut bufs = vec![IoSlice::new(b""); 1_024];
    // All of them: an empty datagram.
    bufs.push(IoSlice::new(b""));
    assert_eq!(one.send_bufs(&bufs).unwrap(), 0);
    bufs[1_024] = IoSlice::new(b"data");
    assert_eq!(one.send_bufs(&bufs).unwrap(), 4);
    assert_eq!(one.send_fds(&bufs, &[file.as_fd()]).unwrap(), 4);

    let (mut data, mut fds) = ([0; 8], Vec::new());
    let mut into: Vec<_> = (0..1_024).map(|_| IoSliceMut::new(&mut [])).collect();
    into.push(IoSliceMut::new(&mut data));
    assert_eq!(other.recv_bufs(&mut into).unwrap(), 0);
    assert_eq!(other.recv_bufs(&mut into).unwrap(), 4);
    let received = other.recv_fds(&mut into, &mut fds).unwrap();
    assert_eq!((received.len, fds.len()), (4, 1));
    assert_eq!(&data[..4], b"data");
}
