//! When an edge comes again: what counts as drained, and through which handle.

use std::io::ErrorKind;
use std::mem::MaybeUninit;

use selector::{Backend, Events, Poll, PollOpt, Ready, Token};
use socket2::SockRef;
use testkit::expect_edges;
use udp_socket::UdpSocket;

use crate::support::{SOCKET, fails, pair};

testkit::on_each_backend! {
    a_drained_clone_arms_the_registered_socket,
    socket2_drains_through_try_io,
}

#[track_caller]
fn drain(socket: &UdpSocket) {
    assert_eq!(socket.recv(&mut [0; 8]).unwrap(), 4);
    fails(socket.recv(&mut [0; 8]), ErrorKind::WouldBlock);
}

const READ: (Token, Ready) = (SOCKET, Ready::READABLE);

#[track_caller]
fn watch(backend: Backend, socket: &UdpSocket) -> (Poll, Events) {
    let poll = Poll::with_backend(backend).unwrap();
    poll.register(socket, SOCKET, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    (poll, Events::with_capacity(4))
}

fn a_drained_clone_arms_the_registered_socket(backend: Backend) {
    let (socket, peer) = pair();
    let clone = socket.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &socket);
    let send = || assert_eq!(peer.send(b"ping").unwrap(), 4);
    expect_edges(&poll, &mut events, READ, send, || drain(&clone));
}

fn socket2_drains_through_try_io(backend: Backend) {
    let (socket, peer) = pair();
    let clone = socket.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &socket);
    for drained in [&socket, &clone] {
        let receive = || {
            drained.try_io(Ready::READABLE, |socket| {
                SockRef::from(socket).recv(&mut [MaybeUninit::uninit(); 8])
            })
        };
        let send = || assert_eq!(peer.send(b"ping").unwrap(), 4);
        let drain = || {
            assert_eq!(receive().unwrap(), 4);
            fails(receive(), ErrorKind::WouldBlock);
        };
        expect_edges(&poll, &mut events, READ, send, drain);
    }
}
