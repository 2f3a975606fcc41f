//! Moving datagrams: with and without addresses, peeking, vectored, empty, and too long.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr};

use selector::Ready;
use testkit::platform::{CONNECTED_SOCKET_TAKES_ADDRESS, EMPTY_RECEIVE_TAKES_DATAGRAM};
use udp_socket::UdpSocket;

use crate::support::{fails, nobody, pair, refusal, socket, wait};

/// What is too long is an error there, save for the vectored calls.
const TOO_LONG_IS_AN_ERROR: bool = cfg!(windows);

#[test]
fn nothing_to_receive_would_block() {
    let (socket, address) = socket();
    fails(socket.recv(&mut [0]), ErrorKind::WouldBlock);
    fails(socket.recv_from(&mut [0]), ErrorKind::WouldBlock);
    if EMPTY_RECEIVE_TAKES_DATAGRAM {
        fails(socket.recv_bufs(&mut []), ErrorKind::WouldBlock);
        fails(socket.recv_bufs_from(&mut []), ErrorKind::WouldBlock);
    } else {
        assert_eq!(socket.recv_bufs(&mut []).unwrap(), 0);
        assert_eq!(socket.recv_bufs_from(&mut []).unwrap().len, 0);
    }
    socket.connect(address).unwrap();
    fails(socket.peek(&mut [0]), ErrorKind::WouldBlock);
    fails(socket.peek_from(&mut [0]), ErrorKind::WouldBlock);
}

#[test]
fn datagrams_keep_their_bounds_and_senders() {
    let ((one, first), (other, second)) = (socket(), socket());
    assert_eq!(one.send_to(b"hello", &second).unwrap(), 5);
    assert_eq!(one.send_to(b"world!", &second).unwrap(), 6);
    wait(&other, Ready::READABLE);
    let mut buf = [0; 16];
    assert_eq!(other.recv_from(&mut buf).unwrap(), (5, first));
    assert_eq!(&buf[..5], b"hello");
    wait(&other, Ready::READABLE);
    assert_eq!(other.recv_from(&mut buf).unwrap(), (6, first));
    assert_eq!(&buf[..6], b"world!");
}

#[test]
fn ipv6_addresses_are_whole() {
    if testkit::lacks_ipv6() {
        return;
    }
    let any = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let (one, other) = (
        UdpSocket::bind(&any).unwrap(),
        UdpSocket::bind(&any).unwrap(),
    );
    let to = other.local_addr().unwrap();
    one.send_to(b"x", &to).unwrap();
    wait(&other, Ready::READABLE);
    assert_eq!(
        other.recv_from(&mut [0]).unwrap(),
        (1, one.local_addr().unwrap())
    );
    one.connect(to).unwrap();
    assert_eq!(one.peer_addr().unwrap(), to);
}

#[test]
fn a_connected_socket_hears_its_peer_alone() {
    let (one, other) = pair();
    let (stranger, _) = socket();
    let to = other.local_addr().unwrap();
    stranger.send_to(b"stranger", &to).unwrap();
    one.send(b"peer").unwrap();
    wait(&other, Ready::READABLE);
    let mut buf = [0; 16];
    assert_eq!(other.recv(&mut buf).unwrap(), 4);
    assert_eq!(&buf[..4], b"peer");
    fails(other.recv(&mut buf), ErrorKind::WouldBlock);
}

#[test]
fn peeking_leaves_the_datagram_where_it_is() {
    let (one, other) = pair();
    one.send(b"hello").unwrap();
    wait(&other, Ready::READABLE);
    let mut buf = [0; 16];
    for _ in 0..2 {
        assert_eq!(other.peek(&mut buf).unwrap(), 5);
        let from = one.local_addr().unwrap();
        assert_eq!(other.peek_from(&mut buf).unwrap(), (5, from));
    }
    assert_eq!(other.recv(&mut buf).unwrap(), 5);
    fails(other.peek(&mut buf), ErrorKind::WouldBlock);
}

#[test]
fn vectored_calls_move_one_datagram_in_order() {
    let (one, other) = pair();
    let (from, to) = (one.local_addr().unwrap(), other.local_addr().unwrap());
    let bufs = [b"ab", b"cd", b"ef"].map(|data| IoSlice::new(data));
    assert_eq!(one.send_bufs(&bufs).unwrap(), 6);
    wait(&other, Ready::READABLE);
    let (mut a, mut b) = ([0; 4], [0; 4]);
    let mut into = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
    let received = other.recv_bufs_from(&mut into).unwrap();
    assert_eq!((received.len, received.from), (6, from));
    assert!(!received.truncated);
    assert_eq!((&a, &b[..2]), (b"abcd", &b"ef"[..]));

    // To an address, from a socket that has none to send to.
    let (stranger, _) = socket();
    let (free, address) = socket();
    assert_eq!(stranger.send_bufs_to(&bufs, &address).unwrap(), 6);
    wait(&free, Ready::READABLE);
    assert_eq!(free.recv_bufs(&mut [IoSliceMut::new(&mut a)]).unwrap(), 4);
    assert_eq!(other.local_addr().unwrap(), to);
}

#[test]
fn a_datagram_that_does_not_fit_is_cut_and_the_rest_is_lost() {
    let (one, other) = pair();
    let send = || {
        one.send(b"hello").unwrap();
        wait(&other, Ready::READABLE);
    };
    let nothing_is_left = || fails(other.recv(&mut [0; 3]), ErrorKind::WouldBlock);

    let mut buf = [0; 3];
    send();
    let received = other
        .recv_bufs_from(&mut [IoSliceMut::new(&mut buf)])
        .unwrap();
    assert_eq!((received.len, received.truncated), (3, true));
    assert_eq!(&buf, b"hel");
    nothing_is_left();

    send();
    let count = other.recv_bufs(&mut [IoSliceMut::new(&mut buf)]);
    assert_eq!(count.unwrap(), 3);
    nothing_is_left();

    type Receive = fn(&UdpSocket, &mut [u8]) -> std::io::Result<usize>;
    let plain: [Receive; 2] = [
        |socket, buf| socket.recv(buf),
        |socket, buf| socket.recv_from(buf).map(|(count, _)| count),
    ];
    for receive in plain {
        send();
        match receive(&other, &mut buf) {
            Ok(count) if !TOO_LONG_IS_AN_ERROR => assert_eq!(count, 3),
            Err(error) if TOO_LONG_IS_AN_ERROR => assert_eq!(error.raw_os_error(), Some(10_040)),
            result => panic!("{result:?}"),
        }
        assert_eq!(&buf, b"hel");
        nothing_is_left();
    }

    // What comes behind is whole.
    one.send(b"end").unwrap();
    wait(&other, Ready::READABLE);
    assert_eq!(other.recv(&mut buf).unwrap(), 3);
    assert_eq!(&buf, b"end");
}

#[test]
fn an_empty_datagram_is_one() {
    let (one, other) = pair();
    assert_eq!(one.send(b"").unwrap(), 0);
    wait(&other, Ready::READABLE);
    let mut buf = [0; 4];
    assert_eq!(other.recv(&mut buf).unwrap(), 0);

    assert_eq!(one.send_bufs(&[]).unwrap(), 0);
    wait(&other, Ready::READABLE);
    assert_eq!(other.recv_bufs(&mut []).unwrap(), 0);
    if !EMPTY_RECEIVE_TAKES_DATAGRAM {
        assert_eq!(other.recv(&mut buf).unwrap(), 0);
    }

    let to = other.local_addr().unwrap();
    let empty = [IoSlice::new(b"")];
    if CONNECTED_SOCKET_TAKES_ADDRESS {
        assert_eq!(one.send_bufs_to(&empty, &to).unwrap(), 0);
    } else {
        one.send_bufs_to(&empty, &to).unwrap_err();
        one.send_bufs(&empty).unwrap();
    }
    wait(&other, Ready::READABLE);
    let received = other
        .recv_bufs_from(&mut [IoSliceMut::new(&mut buf)])
        .unwrap();
    assert_eq!((received.len, received.truncated), (0, false));
    fails(other.recv(&mut buf), ErrorKind::WouldBlock);

    one.send(b"x").unwrap();
    wait(&other, Ready::READABLE);
    assert_eq!(other.recv(&mut buf).unwrap(), 1);
}

#[test]
fn more_buffers_than_the_system_takes_still_receive() {
    let (one, other) = pair();
    one.send(&[7; 1200]).unwrap();
    wait(&other, Ready::READABLE);
    // The empty ones in front do not count.
    let mut room = [0; 1400];
    let mut empty = [[0; 0]; 1500];
    let empty = empty.iter_mut().map(|buf| IoSliceMut::new(buf));
    let mut bufs: Vec<_> = empty
        .chain(room.chunks_mut(1).map(IoSliceMut::new))
        .collect();
    let received = other.recv_bufs_from(&mut bufs).unwrap();
    assert_eq!((received.len, received.truncated), (1024, true));
    assert_eq!(room[..1024], [7; 1024]);
    assert_eq!(room[1024..], [0; 376]);
}

#[test]
fn a_datagram_that_is_too_long_for_the_network_is_refused() {
    let (one, _other) = pair();
    assert!(one.send(&[0; 70_000]).is_err());
    assert!(one.send_bufs(&[IoSlice::new(&[0; 70_000])]).is_err());
}

#[test]
fn a_refusal_is_told_by_a_later_call_once() {
    let (socket, _) = socket();
    socket.connect(nobody()).unwrap();
    socket.send(b"anybody?").unwrap();
    if let Some(kind) = refusal() {
        wait(&socket, Ready::READABLE);
        fails(socket.recv(&mut [0]), kind);
    }
    fails(socket.recv(&mut [0]), ErrorKind::WouldBlock);
    // And the socket works on.
    let (peer, address) = crate::support::socket();
    socket.connect(address).unwrap();
    socket.send(b"x").unwrap();
    wait(&peer, Ready::READABLE);
    assert_eq!(peer.recv(&mut [0; 4]).unwrap(), 1);
}

/// Windows tells a refusal to receivers alone.
#[cfg(unix)]
#[test]
fn a_refusal_can_be_taken_and_stops_a_send() {
    let (socket, _) = socket();
    socket.connect(nobody()).unwrap();
    socket.send(b"anybody?").unwrap();
    wait(&socket, crate::support::shown_refusal());
    let error = socket.take_error().unwrap().expect("an error");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(socket.take_error().unwrap().is_none());

    socket.send(b"anybody?").unwrap();
    wait(&socket, crate::support::shown_refusal());
    fails(socket.send(b"anybody?"), ErrorKind::ConnectionRefused);
}

#[test]
fn sending_without_a_target_fails() {
    let (socket, _) = socket();
    assert!(socket.send(b"x").is_err());
    assert!(socket.send_bufs(&[IoSlice::new(b"x")]).is_err());
    fails(socket.peer_addr(), ErrorKind::NotConnected);
}

#[test]
fn empty_buffers_in_front_of_a_datagram_are_skipped() {
    let (one, other) = pair();
    let mut bufs = vec![IoSlice::new(b""); 1_024];
    bufs.push(IoSlice::new(b"data"));
    let mut data = [0; 8];
    let mut into: Vec<_> = (0..1_024).map(|_| IoSliceMut::new(&mut [])).collect();
    into.push(IoSliceMut::new(&mut data));

    assert_eq!(one.send_bufs(&bufs).unwrap(), 4);
    wait(&other, Ready::READABLE);
    assert_eq!(other.recv_bufs(&mut into).unwrap(), 4);
    let (sender, _) = socket();
    let (target, to) = socket();
    assert_eq!(sender.send_bufs_to(&bufs, &to).unwrap(), 4);
    wait(&target, Ready::READABLE);
    assert_eq!(target.recv_bufs_from(&mut into).unwrap().len, 4);
    assert_eq!(&data[..4], b"data");
}

#[cfg(unix)]
#[test]
fn a_datagram_without_an_ip_address_is_received_all_the_same() {
    use std::os::fd::OwnedFd;
    use std::os::unix::net;

    let (one, other) = net::UnixDatagram::pair().unwrap();
    other.set_nonblocking(true).unwrap();
    let other = UdpSocket::from(OwnedFd::from(other));
    let unspecified = SocketAddr::from(([0; 4], 0));
    let mut buf = [0; 4];
    one.send(b"x").unwrap();
    assert_eq!(other.peek_from(&mut buf).unwrap(), (1, unspecified));
    assert_eq!(other.recv_from(&mut buf).unwrap(), (1, unspecified));
    one.send(b"x").unwrap();
    let received = other
        .recv_bufs_from(&mut [IoSliceMut::new(&mut buf)])
        .unwrap();
    assert_eq!((received.len, received.from), (1, unspecified));
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        one.send(b"x").unwrap();
        let mut batch = [udp_socket::Incoming::new(&mut buf)];
        assert_eq!(other.recv_many(&mut batch).unwrap(), 1);
        assert_eq!(
            (batch[0].data(), batch[0].from()),
            (&b"x"[..], Some(unspecified))
        );
    }
}
