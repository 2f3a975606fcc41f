//! The budget: how many system calls an operation costs on Linux.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::os::fd::AsFd;

use selector::{Poll, PollOpt, Ready};
use testkit::measure;
use unix_socket::{UnixDatagram, UnixListener, UnixStream};

use crate::support::{Folder, SOCKET};

const BUDGET: &[(&str, usize)] = &[
    ("bind", 3),
    ("connect", 2),
    ("accept", 1),
    ("accept would block", 1),
    ("pair", 1),
    ("write", 1),
    ("write_bufs", 1),
    ("send_fds", 1),
    ("peek", 1),
    ("read", 1),
    ("read_bufs", 1),
    ("recv_fds", 1),
    ("peer_credentials", 1),
    ("set", 1),
    ("get", 1),
    ("register", 1),
    ("drop accepted", 1),
    ("drop registered", 1),
    ("drop registered datagram", 1),
    ("datagram pair", 1),
    ("send", 1),
    ("send_bufs", 1),
    ("datagram send_fds", 1),
    ("recv", 1),
    ("recv_bufs", 1),
    ("datagram recv_fds", 1),
];

#[test]
fn operations_cost_the_system_calls_they_may() {
    testkit::expect_calls(BUDGET, || {
        let folder = Folder::new();
        let path = folder.path("socket");
        let listener = measure("bind", || UnixListener::bind(&path)).unwrap();
        let client = measure("connect", || UnixStream::connect(&path)).unwrap();
        let (server, _) = measure("accept", || listener.accept()).unwrap();
        measure("accept would block", || listener.accept()).unwrap_err();
        let _pair = measure("pair", UnixStream::pair).unwrap();

        let (bufs, fds) = ([IoSlice::new(b"xyz")], [folder_fd()]);
        let fds = [fds[0].as_fd()];
        measure("write", || (&client).write(b"x")).unwrap();
        measure("write_bufs", || client.write_bufs(&bufs)).unwrap();
        measure("send_fds", || client.send_fds(&bufs, &fds)).unwrap();
        let mut buf = [0; 2];
        measure("peek", || server.peek(&mut buf)).unwrap();
        measure("read", || (&server).read(&mut buf)).unwrap();
        let mut into = [IoSliceMut::new(&mut buf)];
        measure("read_bufs", || server.read_bufs(&mut into)).unwrap();
        let mut received = Vec::with_capacity(4);
        let got = measure("recv_fds", || server.recv_fds(&mut into, &mut received));
        assert!(!got.unwrap().fds_lost);
        assert_eq!(received.len(), 1);
        measure("peer_credentials", || server.peer_credentials()).unwrap();

        let size = sockopt::SEND_BUFFER_SIZE;
        measure("set", || server.set(&size, 40_000)).unwrap();
        measure("get", || server.get(&size)).unwrap();
        listener.set(&size, 40_000).unwrap();
        listener.get(&size).unwrap();

        let poll = Poll::new().unwrap();
        // The first registration makes room for the numbers.
        poll.register(&client, SOCKET, Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        poll.deregister(&client).unwrap();
        measure("register", || {
            poll.register(&server, SOCKET, Ready::READABLE, PollOpt::EDGE)
        })
        .unwrap();
        measure("drop accepted", || drop(server));
        poll.register(&listener, SOCKET, Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        measure("drop registered", || drop(listener));
        datagrams();
        let (datagram, _other) = UnixDatagram::pair().unwrap();
        datagram.set(&size, 40_000).unwrap();
        datagram.get(&size).unwrap();
        poll.register(&datagram, SOCKET, Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        measure("drop registered datagram", || drop(datagram));
    });
}

fn folder_fd() -> std::fs::File {
    std::fs::File::open("/").unwrap()
}

fn datagrams() {
    let (one, other) = measure("datagram pair", UnixDatagram::pair).unwrap();
    let (bufs, file) = ([IoSlice::new(b"xyz")], folder_fd());
    measure("send", || one.send(b"x")).unwrap();
    measure("send_bufs", || one.send_bufs(&bufs)).unwrap();
    measure("datagram send_fds", || one.send_fds(&bufs, &[file.as_fd()])).unwrap();
    let mut buf = [0; 4];
    measure("recv", || other.recv(&mut buf)).unwrap();
    let mut into = [IoSliceMut::new(&mut buf)];
    measure("recv_bufs", || other.recv_bufs(&mut into)).unwrap();
    let mut received = Vec::with_capacity(4);
    let got = measure("datagram recv_fds", || {
        other.recv_fds(&mut into, &mut received)
    });
    assert!(!got.unwrap().fds_lost);
}
