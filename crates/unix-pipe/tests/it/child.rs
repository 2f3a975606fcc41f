//! A child process at the other end.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};

use selector::{Backend, EventedFd, Events, Poll, PollOpt, Ready, Token};
use unix_pipe::{PipeReader, PipeWriter};

const INPUT: Token = Token(1);
const OUTPUT: Token = Token(2);

/// More than any pipe holds, so that both directions block on the way.
const LEN: usize = 1 << 20;

testkit::on_each_backend! {
    a_child_is_fed_and_read_through_pipes,
    a_child_is_fed_and_read_through_borrowed_descriptors,
}

fn cat() -> Option<Child> {
    let mut cat = Command::new("cat");
    match cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            testkit::skip("no cat");
            None
        }
        started => Some(started.expect("start cat")),
    }
}

/// Writes as much of `data` as there is room for; true when there is none left.
fn feed(mut writer: impl Write, data: &mut &[u8]) -> bool {
    loop {
        match writer.write(data) {
            Ok(count) => *data = &data[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        }
        if data.is_empty() {
            return true;
        }
    }
}

/// Reads as much as there is; true at the end.
fn read(mut reader: impl Read, data: &mut Vec<u8>) -> bool {
    match reader.read_to_end(data) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error}"),
    }
}

fn pattern() -> Vec<u8> {
    (0..LEN).map(|at| (at % 251) as u8).collect()
}

fn a_child_is_fed_and_read_through_pipes(backend: Backend) {
    let Some(mut child) = cat() else { return };
    let mut input = Some(PipeWriter::try_from(child.stdin.take().unwrap()).unwrap());
    let output = PipeReader::try_from(child.stdout.take().unwrap()).unwrap();
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(8);
    poll.register(
        input.as_ref().unwrap(),
        INPUT,
        Ready::WRITABLE,
        PollOpt::EDGE,
    )
    .unwrap();
    poll.register(&output, OUTPUT, Ready::READABLE, PollOpt::EDGE)
        .unwrap();

    let sent = pattern();
    let (mut left, mut received, mut ended) = (&sent[..], Vec::new(), false);
    while !ended {
        for event in testkit::collect(&poll, &mut events) {
            match event.token() {
                INPUT if input.as_ref().is_some_and(|input| feed(input, &mut left)) => {
                    input = None;
                }
                OUTPUT => ended = read(&output, &mut received),
                _ => {}
            }
        }
    }
    assert!(received == sent, "{} of {LEN} bytes", received.len());
    assert!(child.wait().unwrap().success());
}

fn a_child_is_fed_and_read_through_borrowed_descriptors(backend: Backend) {
    let Some(mut child) = cat() else { return };
    let (mut input, output) = (child.stdin.take(), child.stdout.take().unwrap());
    testkit::nonblocking(input.as_ref().unwrap());
    testkit::nonblocking(&output);
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(8);
    let number = input.as_ref().unwrap().as_raw_fd();
    poll.register(&EventedFd(&number), INPUT, Ready::WRITABLE, PollOpt::LEVEL)
        .unwrap();
    let output_number = output.as_raw_fd();
    poll.register(
        &EventedFd(&output_number),
        OUTPUT,
        Ready::READABLE,
        PollOpt::LEVEL,
    )
    .unwrap();

    let sent = pattern();
    let (mut left, mut received, mut output, mut ended) = (&sent[..], Vec::new(), output, false);
    while !ended {
        for event in testkit::collect(&poll, &mut events) {
            match event.token() {
                INPUT if feed(input.as_mut().unwrap(), &mut left) => {
                    // Before it is closed: nobody else would do it.
                    poll.deregister(&EventedFd(&number)).unwrap();
                    input = None;
                }
                OUTPUT => ended = read(&mut output, &mut received),
                _ => {}
            }
        }
    }
    poll.deregister(&EventedFd(&output_number)).unwrap();
    assert!(received == sent, "{} of {LEN} bytes", received.len());
    assert!(child.wait().unwrap().success());
}
