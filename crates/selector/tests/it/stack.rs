//! How much stack it takes to make and use a `Poll`, in a process of its own: to overflow it ends the
//! process.

use std::io::Write;
use std::thread;

use selector::{Backend, IoSource, PollOpt, Ready, Registration, Token};
use testkit::{collect, in_child, tcp_pair};

use crate::setup;

testkit::on_each_backend! { a_poll_is_made_and_used_on_a_small_stack }

/// The smallest that Linux gives a thread; without optimisation, each value that is moved has a place on
/// the stack for every function it goes through.
const STACK: usize = if cfg!(debug_assertions) { 32 } else { 16 } * 1024;

fn a_poll_is_made_and_used_on_a_small_stack(backend: Backend) {
    in_child(|| {
        let (stream, mut peer) = tcp_pair();
        peer.write_all(b"x").unwrap();
        let source = IoSource::new(stream);
        let thread = thread::Builder::new().stack_size(STACK).spawn(move || {
            let (poll, mut events) = setup(backend);
            let (registration, set) = Registration::new();
            let (interest, opts) = (Ready::READABLE, PollOpt::EDGE);
            poll.register(&source, Token(1), interest, opts).unwrap();
            poll.register(&registration, Token(2), interest, opts)
                .unwrap();
            set.set_readiness(interest).unwrap();
            assert_eq!(collect(&poll, &mut events).len(), 2);
        });
        thread.unwrap().join().unwrap();
    });
}
