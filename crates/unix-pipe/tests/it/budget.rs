//! The budget: how many system calls an operation costs on Linux.

use std::io::{Read, Write};

use selector::{Poll, PollOpt, Ready, Token};
use testkit::measure;
use unix_pipe::pipe;

const BUDGET: &[(&str, &[&str])] = &[
    ("pipe", &["pipe2"]),
    ("write", &["write"]),
    ("read", &["read"]),
    ("register", &["epoll_ctl"]),
    ("drop registered", &["close"]),
    ("drop", &["close"]),
];

#[test]
fn operations_cost_the_system_calls_they_may() {
    testkit::expect_calls(BUDGET, || {
        let (mut reader, mut writer) = measure("pipe", pipe).unwrap();
        measure("write", || writer.write(b"x")).unwrap();
        measure("read", || reader.read(&mut [0; 4])).unwrap();
        let poll = Poll::new().unwrap();
        // The first registration makes room for the numbers.
        poll.register(&writer, Token(0), Ready::WRITABLE, PollOpt::EDGE)
            .unwrap();
        measure("register", || {
            poll.register(&reader, Token(1), Ready::READABLE, PollOpt::EDGE)
        })
        .unwrap();
        measure("drop registered", || drop(reader));
        poll.deregister(&writer).unwrap();
        measure("drop", || drop(writer));
    });
}
