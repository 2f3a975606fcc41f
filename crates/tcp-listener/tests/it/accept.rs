//! Accepting: what is reported, what comes out, and connections that are gone before.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream as StdStream;

use selector::{Backend, PollOpt, Ready, Token};
use tcp_listener::TcpListener;
use testkit::until_readable;

use crate::support::{LISTENER, listener, registered, wait};

testkit::on_each_backend! {
    an_accepted_stream_is_connected_and_works_at_once,
    a_level_is_reported_until_nobody_waits,
    an_edge_is_reported_for_each_new_connection,
    a_oneshot_stays_silent_until_reregistered,
    a_listener_is_a_source,
    a_connection_that_was_reset_while_it_waited_leaves_the_listener_as_it_was,
    a_clone_accepts_from_the_same_queue_and_is_a_source_of_its_own,
}

fn an_accepted_stream_is_connected_and_works_at_once(backend: Backend) {
    let (listener, address) = listener();
    let (poll, mut events) = registered(backend, &listener, PollOpt::EDGE);
    let mut client = StdStream::connect(address).unwrap();
    wait(&poll, &mut events);

    let (mut stream, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    assert_eq!(stream.peer_addr().unwrap(), peer);
    stream.finish_connect().unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);

    let token = Token(8);
    poll.register(&stream, token, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    client.write_all(b"hello").unwrap();
    testkit::expect_events(&poll, &mut events, &[(token, Ready::READABLE)]);
    let mut buf = [0; 8];
    assert_eq!(stream.read(&mut buf).unwrap(), 5);
    stream.write_all(&buf[..5]).unwrap();
    drop(stream);
    let mut echo = Vec::new();
    client.read_to_end(&mut echo).unwrap();
    assert_eq!(echo, b"hello");
    testkit::expect_silence(&poll, &mut events);
}

fn a_level_is_reported_until_nobody_waits(backend: Backend) {
    let (listener, address) = listener();
    let (poll, mut events) = registered(backend, &listener, PollOpt::LEVEL);
    testkit::expect_silence(&poll, &mut events);
    let _clients = [(); 2].map(|()| StdStream::connect(address).unwrap());
    for _ in 0..2 {
        wait(&poll, &mut events);
        wait(&poll, &mut events);
        listener.accept().unwrap();
    }
    testkit::expect_silence(&poll, &mut events);
    let error = listener.accept().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

fn an_edge_is_reported_for_each_new_connection(backend: Backend) {
    let (listener, address) = listener();
    let (poll, mut events) = registered(backend, &listener, PollOpt::EDGE);
    for _ in 0..3 {
        let _client = StdStream::connect(address).unwrap();
        wait(&poll, &mut events);
        testkit::expect_silence(&poll, &mut events);
        listener.accept().unwrap();
        let error = listener.accept().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        testkit::expect_silence(&poll, &mut events);
    }
}

fn a_oneshot_stays_silent_until_reregistered(backend: Backend) {
    let (listener, address) = listener();
    let (poll, mut events) = registered(backend, &listener, PollOpt::EDGE | PollOpt::ONESHOT);
    let _clients = [(); 2].map(|()| StdStream::connect(address).unwrap());
    wait(&poll, &mut events);
    listener.accept().unwrap();
    testkit::expect_silence(&poll, &mut events);
    poll.reregister(
        &listener,
        LISTENER,
        Ready::READABLE,
        PollOpt::EDGE | PollOpt::ONESHOT,
    )
    .unwrap();
    wait(&poll, &mut events);
    listener.accept().unwrap();
}

fn a_listener_is_a_source(backend: Backend) {
    let (listener, address) = listener();
    let _client = StdStream::connect(address).unwrap();
    testkit::expect_evented(backend, &listener, Ready::READABLE);
}

/// Linux and Windows hand out a connection that is over; others may keep it or report it.
fn a_connection_that_was_reset_while_it_waited_leaves_the_listener_as_it_was(backend: Backend) {
    let (listener, address) = listener();
    let (poll, mut events) = registered(backend, &listener, PollOpt::LEVEL);
    let client = StdStream::connect(address).unwrap();
    wait(&poll, &mut events);
    testkit::reset(client);
    let client = StdStream::connect(address).unwrap();

    // Whatever becomes of the first one, the second gets through.
    let mut seen = Vec::new();
    let accepted = loop {
        match listener.accept() {
            Ok((stream, peer)) if peer == client.local_addr().unwrap() => break stream,
            Ok((stream, _)) => {
                let poll = selector::Poll::with_backend(backend).unwrap();
                poll.register(&stream, Token(0), Ready::READABLE, PollOpt::LEVEL)
                    .unwrap();
                testkit::expect_readiness(&poll, &mut events, Token(0), Ready::READABLE);
                seen.push((&stream).read(&mut [0]).unwrap_err().kind());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                testkit::expect_readiness(&poll, &mut events, LISTENER, Ready::READABLE);
            }
            Err(error) => seen.push(error.kind()),
        }
    };
    accepted.finish_connect().unwrap();
    assert!(seen.len() <= 1, "{seen:?}");
    if cfg!(any(target_os = "linux", target_os = "android")) {
        assert_eq!(seen, [ErrorKind::ConnectionReset]);
    }
    let over = |kind: &ErrorKind| match kind {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => true,
        // Wine's error for such a stream.
        ErrorKind::NotConnected => testkit::on_wine(),
        _ => false,
    };
    assert!(seen.iter().all(over), "{seen:?}");
    testkit::expect_silence(&poll, &mut events);
}

fn a_clone_accepts_from_the_same_queue_and_is_a_source_of_its_own(backend: Backend) {
    let (listener, address) = listener();
    let clone = listener.try_clone().unwrap();
    let (poll, mut events) = registered(backend, &clone, PollOpt::LEVEL);
    let (other, mut other_events) = registered(backend, &listener, PollOpt::LEVEL);
    let client = StdStream::connect(address).unwrap();
    wait(&poll, &mut events);
    wait(&other, &mut other_events);
    // Its registration ends with it, though the socket lives on.
    drop(listener);
    testkit::expect_silence(&other, &mut other_events);
    let (_, peer) = clone.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
}

#[test]
fn accept_std_hands_out_a_stream_that_blocks() {
    let (listener, address) = listener();
    let error = listener.accept_std().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);

    let mut client = StdStream::connect(address).unwrap();
    until_readable(&listener);
    let (mut stream, peer) = listener.accept_std().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    let reader = testkit::spawn(move || {
        let mut buf = [0; 5];
        stream.read_exact(&mut buf).map(|()| buf)
    });
    reader.wait_until_asleep();
    client.write_all(b"hello").unwrap();
    assert_eq!(&reader.join().unwrap(), b"hello");
}

#[test]
fn addresses_of_both_families_are_whole() {
    for ip in testkit::loopbacks() {
        let listener = TcpListener::bind(&(ip, 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(address.ip(), ip);
        let client = StdStream::connect(address).unwrap();
        until_readable(&listener);
        let (stream, peer) = listener.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(stream.local_addr().unwrap(), address);
    }
}

#[cfg(unix)]
#[test]
fn a_peer_without_an_ip_address_is_accepted_all_the_same() {
    use std::os::fd::OwnedFd;
    use std::os::unix::net;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = net::UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    // It reports addresses of another family, or of length 0.
    let listener = TcpListener::from(OwnedFd::from(listener));
    let unspecified = std::net::SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, 0));
    let mut buf = [0; 4];

    let mut client = net::UnixStream::connect(&path).unwrap();
    let (mut stream, peer) = listener.accept().unwrap();
    assert_eq!(peer, unspecified);
    client.write_all(b"x").unwrap();
    assert_eq!(stream.read(&mut buf).unwrap(), 1);

    let mut client = net::UnixStream::connect(&path).unwrap();
    let (mut stream, peer) = listener.accept_std().unwrap();
    assert_eq!(peer, unspecified);
    client.write_all(b"x").unwrap();
    assert_eq!(stream.read(&mut buf).unwrap(), 1);
}
