//! Listeners of ours, ready made.

use std::net::{Ipv4Addr, SocketAddr};

use selector::{Backend, Events, Poll, PollOpt, Ready, Token};
use tcp_listener::TcpListener;

/// The token of the listener under test.
pub(crate) const LISTENER: Token = Token(7);

/// A listener on IPv4 loopback, and its address.
#[track_caller]
pub(crate) fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(&(Ipv4Addr::LOCALHOST, 0).into()).expect("listen");
    let address = listener.local_addr().expect("the listener's address");
    (listener, address)
}

/// A poll on `backend` with the listener registered.
#[track_caller]
pub(crate) fn registered(
    backend: Backend,
    listener: &TcpListener,
    opts: PollOpt,
) -> (Poll, Events) {
    let poll = Poll::with_backend(backend).expect("a poll");
    poll.register(listener, LISTENER, Ready::READABLE, opts)
        .expect("register");
    (poll, Events::with_capacity(8))
}

/// Waits until the listener is reported.
#[track_caller]
pub(crate) fn wait(poll: &Poll, events: &mut Events) {
    testkit::expect_events(poll, events, &[(LISTENER, Ready::READABLE)]);
}
