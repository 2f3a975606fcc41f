//! When an edge comes again: what counts as drained, and through which handle.

use std::io::{ErrorKind, Write};

use selector::{Backend, Evented, Events, Poll, PollOpt, Ready};
use testkit::expect_edges;
use unix_socket::{UnixDatagram, UnixListener, UnixStream};

use crate::support::{Folder, SOCKET, fails, poll_on};

testkit::on_each_backend! {
    a_drained_clone_arms_the_registered_stream,
    a_filled_clone_arms_the_registered_stream,
    a_drained_clone_arms_the_registered_datagram_socket,
    a_drained_clone_arms_the_registered_listener,
}

const READ: (selector::Token, Ready) = (SOCKET, Ready::READABLE);
const ROOM: (selector::Token, Ready) = (SOCKET, Ready::WRITABLE);

#[track_caller]
fn watch(backend: Backend, source: &impl Evented, interest: Ready) -> (Poll, Events) {
    let (poll, events) = poll_on(backend);
    poll.register(source, SOCKET, interest, PollOpt::EDGE)
        .unwrap();
    (poll, events)
}

fn a_drained_clone_arms_the_registered_stream(backend: Backend) {
    let (mut peer, stream) = UnixStream::pair().unwrap();
    let clone = stream.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &stream, Ready::READABLE);
    let write = || peer.write_all(b"ping").unwrap();
    let drain = || assert_eq!(testkit::drain(&clone), 4);
    expect_edges(&poll, &mut events, READ, write, drain);
}

fn a_filled_clone_arms_the_registered_stream(backend: Backend) {
    let (peer, stream) = UnixStream::pair().unwrap();
    let clone = stream.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &stream, Ready::WRITABLE);
    let make_room = || {
        testkit::drain(&peer);
    };
    let fill = || assert_ne!(testkit::fill(&clone), 0);
    expect_edges(&poll, &mut events, ROOM, make_room, fill);
}

fn a_drained_clone_arms_the_registered_datagram_socket(backend: Backend) {
    let (peer, socket) = UnixDatagram::pair().unwrap();
    let clone = socket.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &socket, Ready::READABLE);
    let send = || assert_eq!(peer.send(b"ping").unwrap(), 4);
    let drain = || {
        assert_eq!(clone.recv(&mut [0; 8]).unwrap(), 4);
        fails(clone.recv(&mut [0; 8]), ErrorKind::WouldBlock);
    };
    expect_edges(&poll, &mut events, READ, send, drain);
}

fn a_drained_clone_arms_the_registered_listener(backend: Backend) {
    let folder = Folder::new();
    let path = folder.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let clone = listener.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &listener, Ready::READABLE);
    let connect = || drop(UnixStream::connect(&path).unwrap());
    let drain = || {
        clone.accept().unwrap();
        fails(clone.accept(), ErrorKind::WouldBlock);
    };
    expect_edges(&poll, &mut events, READ, connect, drain);
}
