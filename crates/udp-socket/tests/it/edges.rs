//! When an edge comes again: what counts as drained, and through which handle.

use std::io::ErrorKind;

use selector::{Backend, Events, Poll, PollOpt, Ready};
use testkit::expect_edges;
use udp_socket::UdpSocket;

use crate::support::{SOCKET, fails, pair};

testkit::on_each_backend! {
    a_drained_clone_arms_the_registered_socket,
}

#[track_caller]
fn drain(socket: &UdpSocket) {
    assert_eq!(socket.recv(&mut [0; 8]).unwrap(), 4);
    fails(socket.recv(&mut [0; 8]), ErrorKind::WouldBlock);
}

fn a_drained_clone_arms_the_registered_socket(backend: Backend) {
    let (socket, peer) = pair();
    let clone = socket.try_clone().unwrap();
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(4);
    poll.register(&socket, SOCKET, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    expect_edges(
        &poll,
        &mut events,
        (SOCKET, Ready::READABLE),
        || assert_eq!(peer.send(b"ping").unwrap(), 4),
        || drain(&clone),
    );
}
