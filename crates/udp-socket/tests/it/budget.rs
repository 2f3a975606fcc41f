//! The budget: how many system calls an operation costs on Linux.

use std::io::{IoSlice, IoSliceMut};

use selector::{PollOpt, Ready};
use testkit::measure;
use udp_socket::{Incoming, Outgoing, UdpSocket};

use crate::support::{SOCKET, wait};

const BUDGET: &[(&str, usize)] = &[
    ("bind", 2),
    ("connect", 1),
    ("send", 1),
    ("send_to", 1),
    ("send_bufs", 1),
    ("send_bufs_to", 1),
    ("send_many", 1),
    ("peek", 1),
    ("peek_from", 1),
    ("recv", 1),
    ("recv_from", 1),
    ("recv_bufs", 1),
    ("recv_bufs_from", 1),
    ("recv_many", 1),
    ("recv would block", 1),
    ("local_addr", 1),
    ("peer_addr", 1),
    ("take_error", 1),
    ("broadcast", 1),
    ("set_broadcast", 1),
    ("set", 1),
    ("get", 1),
    ("register", 1),
    ("drop", 1),
    ("drop registered", 1),
];

#[test]
fn operations_cost_the_system_calls_they_may() {
    testkit::expect_calls(BUDGET, || {
        let any = "127.0.0.1:0".parse().unwrap();
        let socket = measure("bind", || UdpSocket::bind(&any)).unwrap();
        let own = measure("local_addr", || socket.local_addr()).unwrap();
        measure("connect", || socket.connect(own)).unwrap();
        measure("peer_addr", || socket.peer_addr()).unwrap();

        let bufs = [IoSlice::new(b"x"), IoSlice::new(b"y")];
        measure("send", || socket.send(b"x")).unwrap();
        measure("send_to", || socket.send_to(b"x", &own)).unwrap();
        measure("send_bufs", || socket.send_bufs(&bufs)).unwrap();
        measure("send_bufs_to", || socket.send_bufs_to(&bufs, &own)).unwrap();
        let datagrams = [Outgoing {
            data: b"x",
            to: Some(own),
        }; 2];
        measure("send_many", || socket.send_many(&datagrams)).unwrap();

        let mut buf = [0; 4];
        wait(&socket, Ready::READABLE);
        measure("peek", || socket.peek(&mut buf)).unwrap();
        wait(&socket, Ready::READABLE);
        measure("peek_from", || socket.peek_from(&mut buf)).unwrap();
        wait(&socket, Ready::READABLE);
        measure("recv", || socket.recv(&mut buf)).unwrap();
        wait(&socket, Ready::READABLE);
        measure("recv_from", || socket.recv_from(&mut buf)).unwrap();
        let mut bufs = [IoSliceMut::new(&mut buf)];
        wait(&socket, Ready::READABLE);
        measure("recv_bufs", || socket.recv_bufs(&mut bufs)).unwrap();
        wait(&socket, Ready::READABLE);
        measure("recv_bufs_from", || socket.recv_bufs_from(&mut bufs)).unwrap();
        let mut room = [[0; 4]; 4];
        let mut batch = room.each_mut().map(|buf| Incoming::new(buf));
        wait(&socket, Ready::READABLE);
        let received = measure("recv_many", || socket.recv_many(&mut batch));
        let mut received = received.unwrap();
        while received < 2 {
            wait(&socket, Ready::READABLE);
            received += socket.recv_many(&mut batch).unwrap();
        }
        measure("recv would block", || socket.recv(&mut buf)).unwrap_err();

        measure("take_error", || socket.take_error()).unwrap();
        measure("broadcast", || socket.broadcast()).unwrap();
        measure("set_broadcast", || socket.set_broadcast(true)).unwrap();
        measure("set", || socket.set(sockopt::TOS, 16)).unwrap();
        measure("get", || socket.get(sockopt::TOS)).unwrap();
        let poll = selector::Poll::new().unwrap();
        let other = UdpSocket::bind(&any).unwrap();
        // The first registration makes room for the numbers.
        poll.register(&other, SOCKET, Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        measure("register", || {
            poll.register(&socket, SOCKET, Ready::READABLE, PollOpt::EDGE)
        })
        .unwrap();
        measure("drop registered", || drop(socket));
        poll.deregister(&other).unwrap();
        measure("drop", || drop(other));
    });
}
