//! How a listener is made, taken over and given back, and its options.

use std::io::{ErrorKind, Read};
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};

use selector::{Evented, Poll, PollOpt, Ready};
use socket2::{Domain, Socket, Type};
use tcp_listener::TcpListener;
use testkit::until_readable;

use crate::support::{LISTENER, listener};

#[test]
fn an_address_in_use_is_refused() {
    let (_listener, address) = listener();
    let error = TcpListener::bind(&address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn an_address_of_nobody_is_refused() {
    // Set aside for documentation: no machine has it.
    let nobody = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 0));
    let error = TcpListener::bind(&nobody).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
}

/// Whether an address where old connections linger is taken for those who do not ask to share it.
const LINGERING_TAKES: bool = cfg!(unix);

#[test]
fn a_port_is_free_again_while_old_connections_linger() {
    testkit::until("a port is free while connections linger", || {
        let (listener, address) = listener();
        let mut client = net::TcpStream::connect(address).unwrap();
        until_readable(&listener);
        let (stream, _) = listener.accept().unwrap();
        // The side that closes first is the one that lingers.
        drop(stream);
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        drop(client);
        drop(listener);
        // A child of another test may hold the listener until it executes its program.
        testkit::until("the port is free", || TcpListener::bind(&address).is_ok());
        // They do for a minute, which may have passed by now.
        let plain = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        plain.bind(&address.into()).is_err() == LINGERING_TAKES
    });
}

#[test]
fn dropping_the_listener_resets_who_waits() {
    let (listener, address) = listener();
    let mut client = net::TcpStream::connect(address).unwrap();
    // One whose last packet is still under way to the listener may never hear of its end.
    until_readable(&listener);
    drop(listener);
    client.set_read_timeout(Some(testkit::DEADLINE)).unwrap();
    match client.read(&mut [0]) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        // Wine accepts ahead, and closes in order.
        Ok(count) => assert!(testkit::on_wine() && count == 0),
    }
}

#[test]
fn a_listener_of_std_is_set_to_non_blocking() {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for listener in [
        TcpListener::from_std(listener.try_clone().unwrap()).unwrap(),
        TcpListener::try_from(listener).unwrap(),
    ] {
        let error = listener.accept().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let _client = net::TcpStream::connect(address).unwrap();
        until_readable(&listener);
        listener.accept().unwrap();
        assert!(format!("{listener:?}").contains(&address.port().to_string()));
        drop(listener);
    }
}

#[test]
fn giving_the_listener_back_ends_its_registration() {
    let (listener, address) = listener();
    let poll = Poll::new().unwrap();
    poll.register(&listener, LISTENER, Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    let error = listener
        .register(&poll, LISTENER, Ready::READABLE, PollOpt::LEVEL)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);

    let listener = net::TcpListener::from(listener);
    assert_eq!(listener.local_addr().unwrap(), address);
    let listener = TcpListener::from_std(listener).unwrap();
    poll.register(&listener, LISTENER, Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    poll.deregister(&listener).unwrap();
    let error = poll.deregister(&listener).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_backlog_set_beforehand_is_kept() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    socket.listen(0).unwrap();
    let listener = TcpListener::from_std(socket.into()).unwrap();
    let address = listener.local_addr().unwrap();
    // With no backlog to speak of somebody has to wait before long.
    let clients: Vec<_> = (0..64)
        .map(|_| {
            let client = socket_calls::socket(Domain::IPV4, Type::STREAM, None).unwrap();
            let begun = client.connect(&address.into());
            assert!(begun.is_ok() || begun.is_err_and(|error| socket_calls::connecting(&error)));
            client
        })
        .collect();
    let connected = clients.iter().filter(|client| client.peer_addr().is_ok());
    let connected = connected.count();
    assert!((1..16).contains(&connected), "{connected} of 64");
}

#[test]
fn options_are_set_and_refused_with_their_range() {
    let (listener, _) = listener();
    listener.set_ttl(17).unwrap();
    assert_eq!(listener.ttl().unwrap(), 17);
    for ttl in [0, 256] {
        let error = listener.set_ttl(ttl).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("1..=255"), "{error}");
    }
    assert_eq!(listener.ttl().unwrap(), 17);
    assert!(listener.take_error().unwrap().is_none());
    assert!(listener.only_v6().is_err(), "it is an IPv4 socket");
}

#[test]
fn only_v6_is_told_and_must_be_set_before_binding() {
    if testkit::lacks_ipv6() {
        return;
    }
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
    sockopt::ONLY_V6.set(&socket, true).unwrap();
    socket
        .bind(&SocketAddr::from((Ipv6Addr::LOCALHOST, 0)).into())
        .unwrap();
    socket.listen(1).unwrap();
    let listener = TcpListener::from_std(socket.into()).unwrap();
    assert!(listener.only_v6().unwrap());
    assert!(listener.set_only_v6(false).is_err(), "it is bound");
    assert!(listener.only_v6().unwrap());
}

/// The options that listeners are made for, on a socket taken over.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn reuse_port_and_deferred_accept_are_taken_over() {
    use std::io::Write;

    let socket = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        sockopt::REUSE_PORT.set(&socket, true).unwrap();
        // Longer than this test may take: after that the connection is handed out without data.
        let longer = 2 * testkit::DEADLINE;
        sockopt::DEFER_ACCEPT.set(&socket, Some(longer)).unwrap();
        socket
    };
    let one = socket();
    one.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    one.listen(8).unwrap();
    let one = TcpListener::from_std(one.into()).unwrap();
    let address = one.local_addr().unwrap();
    let other = socket();
    other.bind(&address.into()).unwrap();
    let other = TcpListener::from_std({
        other.listen(8).unwrap();
        other.into()
    })
    .unwrap();
    assert_eq!(other.local_addr().unwrap(), address);
    assert!(sockopt::REUSE_PORT.get(&other).unwrap());

    // A connection is not there before its data are.
    let mut client = net::TcpStream::connect(address).unwrap();
    for listener in [&one, &other] {
        let error = listener.accept().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    client.write_all(b"x").unwrap();
    testkit::until("one of the two accepts", || {
        one.accept().is_ok() || other.accept().is_ok()
    });
}

#[cfg(unix)]
mod duplicates {
    use super::*;

    testkit::on_each_backend! { a_dropped_listener_is_forgotten_though_a_duplicate_lives }

    fn a_dropped_listener_is_forgotten_though_a_duplicate_lives(backend: selector::Backend) {
        let make = || {
            let (listener, address) = listener();
            let client = net::TcpStream::connect(address).unwrap();
            (listener, client)
        };
        testkit::expect_ended_despite_duplicates(
            backend,
            Ready::READABLE,
            make,
            TcpListener::try_clone,
            &[&|fd| TcpListener::from_std(fd.into()).unwrap()],
        );
    }
}
