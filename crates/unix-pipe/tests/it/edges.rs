//! When an edge comes again: what counts as drained, and through which handle.

use std::io::Write;

use selector::{Backend, Evented, Events, Poll, PollOpt, Ready, Token};
use testkit::expect_edges;
use unix_pipe::pipe;

testkit::on_each_backend! {
    a_drained_clone_arms_the_registered_reader,
    a_filled_clone_arms_the_registered_writer,
}

const END: Token = Token(1);

#[track_caller]
fn watch(backend: Backend, end: &impl Evented, interest: Ready) -> (Poll, Events) {
    let poll = Poll::with_backend(backend).unwrap();
    poll.register(end, END, interest, PollOpt::EDGE).unwrap();
    (poll, Events::with_capacity(8))
}

fn a_drained_clone_arms_the_registered_reader(backend: Backend) {
    let (reader, mut writer) = pipe().unwrap();
    let clone = reader.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &reader, Ready::READABLE);
    let write = || writer.write_all(b"ping").unwrap();
    let drain = || assert_eq!(testkit::drain(&clone), 4);
    expect_edges(&poll, &mut events, (END, Ready::READABLE), write, drain);
}

fn a_filled_clone_arms_the_registered_writer(backend: Backend) {
    let (reader, writer) = pipe().unwrap();
    let clone = writer.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &writer, Ready::WRITABLE);
    let make_room = || {
        testkit::drain(&reader);
    };
    let fill = || assert_ne!(testkit::fill(&clone), 0);
    expect_edges(&poll, &mut events, (END, Ready::WRITABLE), make_room, fill);
}
