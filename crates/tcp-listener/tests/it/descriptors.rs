//! Descriptors: none leaks, all are close-on-exec, and what happens when there are none left.

use std::fs::File;
use std::io;
use std::net::TcpStream as StdStream;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use selector::{Backend, PollOpt};
use tcp_listener::TcpListener;
use testkit::until_readable;

use crate::support::{listener, registered, wait};

testkit::on_each_backend! {
    without_descriptors_a_level_is_reported_again,
    without_descriptors_an_edge_takes_another_accept,
}

#[track_caller]
fn lacks_descriptors<T: std::fmt::Debug>(result: io::Result<T>) {
    assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EMFILE));
}

fn without_descriptors_a_level_is_reported_again(backend: Backend) {
    testkit::in_child(|| {
        let (listener, address) = listener();
        let (poll, mut events) = registered(backend, &listener, PollOpt::LEVEL);
        let client = StdStream::connect(address).unwrap();
        wait(&poll, &mut events);
        let spare = File::open("/dev/null").unwrap();
        testkit::limit_descriptors(0);
        for _ in 0..3 {
            lacks_descriptors(listener.accept());
            lacks_descriptors(listener.accept_std());
            wait(&poll, &mut events);
        }
        // Nobody was lost.
        drop(spare);
        let (_stream, peer) = listener.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    });
}

fn without_descriptors_an_edge_takes_another_accept(backend: Backend) {
    testkit::in_child(|| {
        let (listener, address) = listener();
        let (poll, mut events) = registered(backend, &listener, PollOpt::EDGE);
        let mut sentinel = testkit::Sentinel::new();
        let client = StdStream::connect(address).unwrap();
        wait(&poll, &mut events);
        let spare = File::open("/dev/null").unwrap();
        testkit::limit_descriptors(0);
        lacks_descriptors(listener.accept());
        sentinel.expect_silence(&poll, &mut events);
        drop(spare);
        let (_stream, peer) = listener.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    });
}

#[test]
fn a_spare_descriptor_lets_peers_be_turned_away() {
    testkit::in_child(|| {
        let (listener, address) = listener();
        let spare = File::open("/dev/null").unwrap();
        let mut client = StdStream::connect(address).unwrap();
        until_readable(&listener);
        testkit::limit_descriptors(0);
        lacks_descriptors(listener.accept());
        drop(spare);
        listener.accept().map(drop).unwrap();
        let spare = File::open("/dev/null").unwrap();
        assert_eq!(io::Read::read(&mut client, &mut [0]).unwrap(), 0);
        lacks_descriptors(File::open("/dev/null"));
        drop(spare);
    });
}

#[test]
fn no_constructor_that_fails_leaks_a_descriptor() {
    testkit::in_child(|| {
        let (listener, address) = listener();
        let before = testkit::descriptors();
        assert!(TcpListener::bind(&address).is_err());
        assert!(TcpListener::bind(&"192.0.2.1:0".parse().unwrap()).is_err());
        assert!(listener.accept().is_err());
        assert_eq!(testkit::descriptors(), before);
        testkit::limit_descriptors(0);
        lacks_descriptors(TcpListener::bind(&"127.0.0.1:0".parse().unwrap()));
        lacks_descriptors(listener.try_clone());
        drop(listener);
    });
}

#[test]
fn every_descriptor_is_closed_on_exec() {
    let (listener, address) = listener();
    let clone = listener.try_clone().unwrap();
    let _clients = [(); 2].map(|()| StdStream::connect(address).unwrap());
    until_readable(&listener);
    let (stream, _) = listener.accept().unwrap();
    until_readable(&listener);
    let (std, _) = listener.accept_std().unwrap();
    for fd in [
        listener.as_raw_fd(),
        clone.as_raw_fd(),
        stream.as_raw_fd(),
        std.as_raw_fd(),
    ] {
        assert!(testkit::is_close_on_exec(fd));
    }
}

#[test]
fn a_descriptor_goes_in_and_out_as_it_is() {
    let (listener, address) = listener();
    let number = listener.as_raw_fd();
    assert_eq!(listener.as_fd().as_raw_fd(), number);
    let fd = OwnedFd::from(listener);
    assert_eq!(fd.as_raw_fd(), number);
    let listener = TcpListener::from(fd);
    let number = listener.into_raw_fd();
    // SAFETY: the descriptor was given out by the line above, and nobody else has it.
    let listener = unsafe { TcpListener::from_raw_fd(number) };
    assert_eq!(listener.local_addr().unwrap(), address);
}
