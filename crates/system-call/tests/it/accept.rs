//! `accept4(2)`: flags, and the address of the other end.

use std::io::{ErrorKind, Read};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

use crate::UNTOUCHED;

fn listener() -> TcpListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

/// A client that waits to be accepted.
fn connect(listener: &TcpListener) -> TcpStream {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    testkit::until_readable(listener);
    client
}

fn port(address: &[MaybeUninit<u8>]) -> u16 {
    // SAFETY: the test wrote all bytes before the system did.
    let bytes = [2, 3].map(|index| unsafe { address[index].assume_init() });
    u16::from_be_bytes(bytes)
}

#[test]
fn nobody_to_accept_would_block() {
    let (listener, mut len) = (listener(), 0);
    let mut address = [MaybeUninit::uninit(); 128];
    let error = system_call::accept4(listener.as_fd(), &mut address, &mut len, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn flags_are_those_of_the_new_socket() {
    let listener = listener();
    for flags in [
        0,
        libc::SOCK_CLOEXEC,
        libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
    ] {
        let _client = connect(&listener);
        let (mut address, mut len) = ([MaybeUninit::uninit(); 128], 0);
        let listener = listener.as_fd();
        let server = system_call::accept4(listener, &mut address, &mut len, flags).unwrap();
        let closed = testkit::is_close_on_exec(server.as_raw_fd());
        assert_eq!(closed, flags & libc::SOCK_CLOEXEC != 0);
        if flags & libc::SOCK_NONBLOCK != 0 {
            let error = TcpStream::from(server).read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
    }
}

#[test]
fn the_address_is_that_of_the_other_end_and_no_longer() {
    for ip in testkit::loopbacks() {
        let expected = if ip.is_ipv4() { 16 } else { 28 };
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let client = connect(&listener);
        let (mut address, mut len) = ([MaybeUninit::new(UNTOUCHED); 128], 0);
        let _server = system_call::accept4(listener.as_fd(), &mut address, &mut len, 0).unwrap();
        assert_eq!(len, expected);
        assert_eq!(port(&address), client.local_addr().unwrap().port());
        for byte in &address[expected as usize..] {
            // SAFETY: the test wrote all bytes.
            assert_eq!(unsafe { byte.assume_init() }, UNTOUCHED);
        }
    }
}

#[test]
fn an_address_without_room_is_cut_and_its_length_told() {
    let listener = listener();
    for room in [0, 4] {
        let client = connect(&listener);
        let (mut address, mut len) = ([MaybeUninit::new(UNTOUCHED); 32], 0);
        let (listener, part) = (listener.as_fd(), &mut address[..room]);
        let _server = system_call::accept4(listener, part, &mut len, 0).unwrap();
        assert_eq!(len, 16);
        if room > 0 {
            assert_eq!(port(&address), client.local_addr().unwrap().port());
        }
        for byte in &address[room..] {
            // SAFETY: the test wrote all bytes.
            assert_eq!(unsafe { byte.assume_init() }, UNTOUCHED);
        }
    }
}
