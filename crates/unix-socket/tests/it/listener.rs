//! Listeners: connecting, accepting, and a backlog that is full.

use std::io::{ErrorKind, Read, Write};

use selector::{Backend, PollOpt, Ready, Token};
use socket2::{Domain, SockAddr, Socket, Type};
use unix_socket::{UnixListener, UnixStream};

use crate::support::{FULL_WOULD_BLOCK, Folder, SOCKET, fails, poll_on};

testkit::on_each_backend! {
    an_accepted_stream_is_connected_and_works_at_once,
    an_edge_is_reported_for_each_new_connection,
    a_connection_that_is_gone_before_accept_reads_as_the_end,
    without_descriptors_the_connection_keeps_waiting,
}

fn an_accepted_stream_is_connected_and_works_at_once(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let folder = Folder::new();
    let path = folder.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    fails(listener.accept(), ErrorKind::WouldBlock);
    poll.register(&listener, SOCKET, Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
    let (mut stream, peer) = listener.accept().unwrap();
    assert!(peer.is_unnamed());
    testkit::expect_silence(&poll, &mut events);
    fails(stream.read(&mut [0]), ErrorKind::WouldBlock);

    let token = Token(8);
    poll.register(&stream, token, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    client.write_all(b"hello").unwrap();
    testkit::expect_events(&poll, &mut events, &[(token, Ready::READABLE)]);
    let mut buf = [0; 8];
    assert_eq!(stream.read(&mut buf).unwrap(), 5);
    stream.write_all(&buf[..5]).unwrap();
    assert_eq!(client.read(&mut buf).unwrap(), 5);
}

fn an_edge_is_reported_for_each_new_connection(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let folder = Folder::new();
    let path = folder.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    poll.register(&listener, SOCKET, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    for _ in 0..3 {
        let _client = UnixStream::connect(&path).unwrap();
        testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
        listener.accept().unwrap();
        fails(listener.accept(), ErrorKind::WouldBlock);
        testkit::expect_silence(&poll, &mut events);
    }
}

fn a_connection_that_is_gone_before_accept_reads_as_the_end(backend: Backend) {
    // In a process of its own: a child of another test may hold what is closed here, until it
    // executes its program.
    testkit::in_child(|| {
        let (poll, mut events) = poll_on(backend);
        let folder = Folder::new();
        let path = folder.path("socket");
        let listener = UnixListener::bind(&path).unwrap();
        poll.register(&listener, SOCKET, Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        drop(UnixStream::connect(&path).unwrap());
        let client = UnixStream::connect(&path).unwrap();
        testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
        // It is handed out, or left out.
        let (first, _) = listener.accept().unwrap();
        let (first, second) = match listener.accept() {
            Ok((second, _)) => (Some(first), second),
            Err(_) => (None, first),
        };
        if let Some(mut first) = first {
            assert_eq!(first.read(&mut [0]).unwrap(), 0);
        }
        (&second).write_all(b"x").unwrap();
        assert_eq!((&client).read(&mut [0; 4]).unwrap(), 1);
        testkit::expect_silence(&poll, &mut events);
    });
}

fn without_descriptors_the_connection_keeps_waiting(backend: Backend) {
    testkit::in_child(|| {
        let (poll, mut events) = poll_on(backend);
        let folder = Folder::new();
        let path = folder.path("socket");
        let listener = UnixListener::bind(&path).unwrap();
        poll.register(&listener, SOCKET, Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        let _client = UnixStream::connect(&path).unwrap();
        let spare = std::fs::File::open("/dev/null").unwrap();
        testkit::limit_descriptors(0);
        for _ in 0..2 {
            testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
            let error = listener.accept().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        }
        drop(spare);
        listener.accept().unwrap();
    });
}

#[test]
fn a_connect_against_a_full_backlog_would_block_and_leaves_nothing_behind() {
    testkit::in_child(|| {
        let folder = Folder::new();
        let path = folder.path("socket");
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        socket.listen(1).unwrap();
        let listener = UnixListener::from_std(socket.into()).unwrap();

        let mut clients = Vec::new();
        let error = loop {
            match UnixStream::connect(&path) {
                Ok(client) => clients.push(client),
                Err(error) => break error,
            }
            assert!(clients.len() < 64, "the backlog is 1");
        };
        let full = if FULL_WOULD_BLOCK {
            ErrorKind::WouldBlock
        } else {
            ErrorKind::ConnectionRefused
        };
        assert_eq!(error.kind(), full);
        let before = testkit::descriptors();
        for _ in 0..8 {
            fails(UnixStream::connect(&path), full);
        }
        assert_eq!(testkit::descriptors(), before);

        // All that connected are whole, and there is room again.
        for mut client in clients {
            let (mut stream, _) = listener.accept().unwrap();
            client.write_all(b"x").unwrap();
            assert_eq!(stream.read(&mut [0; 4]).unwrap(), 1);
        }
        fails(listener.accept(), ErrorKind::WouldBlock);
        UnixStream::connect(&path).unwrap();
        listener.accept().unwrap();
    });
}

#[test]
fn a_clone_accepts_from_the_same_queue() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let clone = listener.try_clone().unwrap();
    drop(listener);
    let _client = UnixStream::connect(&path).unwrap();
    clone.accept().unwrap();
    assert!(clone.take_error().unwrap().is_none());
}
