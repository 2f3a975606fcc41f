//! How a socket is made, taken over and given back.

use std::io::ErrorKind;
use std::net::{self, SocketAddr};

use selector::{Poll, PollOpt, Ready};
use udp_socket::UdpSocket;

use crate::support::{SOCKET, fails, socket};

#[test]
fn an_address_in_use_or_of_nobody_is_refused() {
    let (_socket, address) = socket();
    fails(UdpSocket::bind(&address), ErrorKind::AddrInUse);
    // Set aside for documentation: no machine has it.
    let nobody: SocketAddr = "192.0.2.1:0".parse().unwrap();
    if testkit::on_wine() {
        // It takes any for its own.
        let bound = UdpSocket::bind(&nobody).unwrap().local_addr().unwrap();
        assert_eq!(bound.ip(), nobody.ip());
    } else {
        fails(UdpSocket::bind(&nobody), ErrorKind::AddrNotAvailable);
    }
}

#[test]
fn a_socket_of_std_is_set_to_non_blocking() {
    let std = || net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for socket in [
        UdpSocket::from_socket(std()).unwrap(),
        UdpSocket::from_std(std()).unwrap(),
        UdpSocket::try_from(std()).unwrap(),
    ] {
        fails(socket.recv(&mut [0]), ErrorKind::WouldBlock);
        let port = socket.local_addr().unwrap().port().to_string();
        assert!(format!("{socket:?}").contains(&port));
    }
}

#[test]
fn giving_the_socket_back_ends_its_registration() {
    let (socket, address) = socket();
    let poll = Poll::new().unwrap();
    let register =
        |socket: &UdpSocket| poll.register(socket, SOCKET, Ready::READABLE, PollOpt::LEVEL);
    register(&socket).unwrap();
    fails(register(&socket), ErrorKind::AlreadyExists);
    let socket = net::UdpSocket::from(socket);
    assert_eq!(socket.local_addr().unwrap(), address);
    let socket = UdpSocket::from_socket(socket).unwrap();
    register(&socket).unwrap();
    poll.deregister(&socket).unwrap();
    fails(poll.deregister(&socket), ErrorKind::NotFound);
}

#[cfg(unix)]
mod duplicates {
    use super::*;

    testkit::on_each_backend! { a_dropped_socket_is_forgotten_though_a_duplicate_lives }

    fn a_dropped_socket_is_forgotten_though_a_duplicate_lives(backend: selector::Backend) {
        testkit::expect_ended_despite_duplicates(
            backend,
            Ready::WRITABLE,
            socket,
            UdpSocket::try_clone,
            &[&|fd| UdpSocket::from_socket(fd.into()).unwrap(), &|fd| {
                UdpSocket::from_std(fd.into()).unwrap()
            }],
        );
    }
}
