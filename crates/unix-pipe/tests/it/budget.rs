//! The budget: how many system calls an operation costs on Linux.

use std::io::{Read, Write};

use selector::{Poll, PollOpt, Ready, Token};
use testkit::measure;
use unix_pipe::pipe;

const BUDGET: &[(&str, usize)] = &[
    ("pipe", 1),
    ("write", 1),
    ("read", 1),
    ("register", 1),
    ("drop registered", 1),
    ("drop", 1),
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
