//! The budget: how many system calls an operation costs on Linux.

use std::net::TcpStream as StdStream;

use selector::{Backend, PollOpt, Ready};
use tcp_listener::TcpListener;
use testkit::measure;

use crate::support::{LISTENER, registered, wait};

const BUDGET: &[(&str, usize)] = &[
    ("bind", 4),
    ("accept", 1),
    ("accept_std", 1),
    ("accept would block", 1),
    ("local_addr", 1),
    ("take_error", 1),
    ("ttl", 1),
    ("set_ttl", 1),
    ("set", 1),
    ("get", 1),
    ("register", 1),
    ("drop accepted", 1),
    ("drop registered", 1),
];

#[test]
fn operations_cost_the_system_calls_they_may() {
    testkit::expect_calls(BUDGET, || {
        let any = "127.0.0.1:0".parse().unwrap();
        let listener = measure("bind", || TcpListener::bind(&any)).unwrap();
        let address = measure("local_addr", || listener.local_addr()).unwrap();
        let _clients = [(); 2].map(|()| StdStream::connect(address).unwrap());
        // Without lending its descriptor to anybody, for what is measured below.
        let (poll, mut events) = registered(Backend::available()[0], &listener, PollOpt::LEVEL);
        wait(&poll, &mut events);
        let (stream, _) = measure("accept", || listener.accept()).unwrap();
        wait(&poll, &mut events);
        let _std = measure("accept_std", || listener.accept_std()).unwrap();
        poll.deregister(&listener).unwrap();
        measure("accept would block", || listener.accept()).unwrap_err();
        measure("take_error", || listener.take_error()).unwrap();
        measure("set", || listener.set(sockopt::NODELAY, true)).unwrap();
        assert!(measure("get", || listener.get(sockopt::NODELAY)).unwrap());
        measure("ttl", || listener.ttl()).unwrap();
        measure("set_ttl", || listener.set_ttl(9)).unwrap();

        let poll = selector::Poll::new().unwrap();
        // The first registration makes room for the numbers.
        poll.register(&stream, LISTENER, Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        measure("register", || {
            poll.register(&listener, LISTENER, Ready::READABLE, PollOpt::LEVEL)
        })
        .unwrap();
        measure("drop accepted", || drop(stream));
        measure("drop registered", || drop(listener));
    });
}
