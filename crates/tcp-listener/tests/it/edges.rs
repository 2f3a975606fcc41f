//! When an edge comes again: what counts as drained, and through which handle.

use std::io::ErrorKind;
use std::net::TcpStream;

use selector::{Backend, PollOpt, Ready};
use tcp_listener::TcpListener;
use testkit::expect_edges;

use crate::support::{LISTENER, listener, registered};

testkit::on_each_backend! {
    a_drained_clone_arms_the_registered_listener,
    the_standard_library_drains_through_try_io,
}

/// Accepts until there is no connection.
#[track_caller]
fn drain(listener: &TcpListener) {
    listener.accept().unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

fn a_drained_clone_arms_the_registered_listener(backend: Backend) {
    let (listener, address) = listener();
    let clone = listener.try_clone().unwrap();
    let (poll, mut events) = registered(backend, &listener, PollOpt::EDGE);
    expect_edges(
        &poll,
        &mut events,
        (LISTENER, Ready::READABLE),
        || drop(TcpStream::connect(address).unwrap()),
        || drain(&clone),
    );
}

fn the_standard_library_drains_through_try_io(backend: Backend) {
    let (listener, address) = listener();
    let (poll, mut events) = registered(backend, &listener, PollOpt::EDGE);
    let accept = || listener.try_io(Ready::READABLE, |listener| listener.accept());
    expect_edges(
        &poll,
        &mut events,
        (LISTENER, Ready::READABLE),
        || drop(TcpStream::connect(address).unwrap()),
        || {
            accept().unwrap();
            assert_eq!(accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        },
    );
}
