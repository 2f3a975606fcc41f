//! Flags, addresses, and what goes into one call.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};

use socket2::{Domain, SockRef, Socket, Type};
use testkit::platform::EMPTY_RECEIVE_TAKES_DATAGRAM;
use testkit::until_readable;

fn listener(address: SocketAddr) -> (Socket, SocketAddr) {
    let listener = socket_calls::socket(Domain::for_address(address), Type::STREAM, None).unwrap();
    listener.bind(&address.into()).unwrap();
    listener.listen(16).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    (listener, address)
}

#[test]
fn an_accepted_socket_does_not_block_and_has_its_peers_address() {
    for ip in testkit::loopbacks() {
        let (listener, address) = listener(SocketAddr::new(ip, 0));
        let error = socket_calls::accept(&listener).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);

        let client = TcpStream::connect(address).unwrap();
        until_readable(&listener);
        let (mut server, peer) = socket_calls::accept(&listener).unwrap();
        assert_eq!(peer.as_socket(), Some(client.local_addr().unwrap()));
        let error = server.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
}

#[test]
fn a_socket_accepted_to_block_waits_for_data() {
    let (listener, address) = listener((Ipv4Addr::LOCALHOST, 0).into());
    let client = TcpStream::connect(address).unwrap();
    until_readable(&listener);
    let (server, _) = socket_calls::accept_blocking(&listener).unwrap();
    let task = testkit::spawn(move || {
        let mut buf = [0; 8];
        let count = (&server).read(&mut buf).unwrap();
        buf[..count].to_vec()
    });
    task.wait_until_asleep();
    socket_calls::send(&SockRef::from(&client), b"hello").unwrap();
    assert_eq!(task.join(), b"hello");
}

#[test]
fn a_connection_attempt_in_progress_is_told_from_a_failure() {
    let hole = testkit::blackhole();
    let socket = socket_calls::socket(Domain::IPV4, Type::STREAM, None).unwrap();
    let error = socket.connect(&hole.address.into()).unwrap_err();
    assert!(socket_calls::connecting(&error), "{error}");
    let error = socket.bind(&hole.address.into()).unwrap_err();
    assert!(!socket_calls::connecting(&error), "{error}");
}

#[test]
fn as_many_buffers_as_the_span_has_go_into_one_call() {
    let (one, mut other) = testkit::tcp_pair();
    let bufs = vec![IoSlice::new(b"x"); 3000];
    let span = socket_calls::span(&bufs).unwrap();
    assert_eq!(span, 0..socket_calls::MAX_BUFS);
    assert_eq!(socket_calls::total(&bufs), bufs.len());
    let sent = socket_calls::send_vectored(&SockRef::from(&one), &bufs[span]).unwrap();
    assert_eq!(sent, socket_calls::MAX_BUFS);
    other.set_nonblocking(false).unwrap();
    other.read_exact(&mut vec![0; sent]).unwrap();
}

#[test]
fn a_connection_is_begun_by_connect() {
    let (listener, address) = listener((Ipv4Addr::LOCALHOST, 0).into());
    let socket = socket_calls::socket(Domain::IPV4, Type::STREAM, None).unwrap();
    if let Err(error) = socket_calls::connect(&socket, &address.into()) {
        assert!(socket_calls::connecting(&error), "{error}");
    }
    until_readable(&listener);
    let (_, peer) = socket_calls::accept(&listener).unwrap();
    assert_eq!(peer.as_socket(), socket.local_addr().unwrap().as_socket());
}

#[test]
fn what_was_sent_is_peeked_and_then_received_in_order() {
    let (one, other) = testkit::tcp_pair();
    socket_calls::send(&SockRef::from(&one), b"abcdef").unwrap();
    until_readable(&other);
    let other = SockRef::from(&other);
    let mut buf = [0; 2];
    assert_eq!(socket_calls::peek(&other, &mut buf).unwrap(), 2);
    assert_eq!(&buf, b"ab");
    buf = [0; 2];
    assert_eq!(socket_calls::recv(&other, &mut buf).unwrap(), 2);
    assert_eq!(&buf, b"ab");

    let (mut head, mut body) = ([0; 1], [0; 8]);
    let bufs = &mut [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
    assert_eq!(socket_calls::recv_vectored(&other, bufs).unwrap(), 4);
    assert_eq!((&head, &body[..3]), (b"c", &b"def"[..]));
}

#[test]
fn a_datagram_is_peeked_and_then_received_with_its_sender() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let own = socket.local_addr().unwrap();
    socket.send_to(b"hello", own).unwrap();
    let socket = SockRef::from(&socket);
    for receive in [socket_calls::peek_from, socket_calls::recv_from] {
        let mut buf = [0; 8];
        let (count, from) = receive(&socket, &mut buf).unwrap();
        assert_eq!(&buf[..count], b"hello");
        assert_eq!(from.as_socket(), Some(own));
    }
}

#[test]
fn a_datagram_fills_buffers_in_order_and_says_when_it_was_cut() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let own = socket.local_addr().unwrap();
    for (sent, fits) in [(&b"abcdef"[..], true), (b"abcdefg", false), (b"", true)] {
        let socket = SockRef::from(&socket);
        assert_eq!(
            socket_calls::send_to(&socket, sent, &own.into()).unwrap(),
            sent.len()
        );
        let (mut a, mut b) = ([0; 2], [0; 4]);
        let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        let received = socket_calls::recv_from_vectored(&socket, &mut bufs).unwrap();
        assert_eq!(received.len, sent.len().min(6));
        assert_eq!(received.truncated, !fits);
        assert_eq!(received.from.as_socket(), Some(own));
        assert_eq!([&a[..], &b].concat()[..received.len], sent[..received.len]);
    }
}

#[test]
fn no_buffers_move_an_empty_datagram_and_leave_out_all_of_another() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let own = socket.local_addr().unwrap();
    socket.connect(own).unwrap();
    socket.set_nonblocking(true).unwrap();
    let socket = SockRef::from(&socket);
    if !EMPTY_RECEIVE_TAKES_DATAGRAM {
        let received = socket_calls::recv_from_vectored(&socket, &mut []).unwrap();
        assert_eq!(received.len, 0);
        return;
    }
    let error = socket_calls::recv_from_vectored(&socket, &mut []).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);

    assert_eq!(socket_calls::send_vectored(&socket, &[]).unwrap(), 0);
    let sent = socket_calls::send_to_vectored(&socket, &[], &own.into()).unwrap();
    assert_eq!(sent, 0);
    assert_eq!(socket_calls::send(&socket, b"x").unwrap(), 1);
    for truncated in [false, false, true] {
        until_readable(&*socket);
        let received = socket_calls::recv_from_vectored(&socket, &mut []).unwrap();
        assert_eq!((received.len, received.truncated), (0, truncated));
        assert_eq!(received.from.as_socket(), Some(own));
    }
}

#[cfg(unix)]
#[test]
fn every_socket_is_closed_on_exec() {
    use std::os::fd::AsRawFd;

    let (listener, address) = listener((Ipv4Addr::LOCALHOST, 0).into());
    let _clients = [(); 2].map(|()| TcpStream::connect(address).unwrap());
    until_readable(&listener);
    let (one, _) = socket_calls::accept(&listener).unwrap();
    until_readable(&listener);
    let (other, _) = socket_calls::accept_blocking(&listener).unwrap();
    for socket in [listener, one, other] {
        assert!(testkit::is_close_on_exec(socket.as_raw_fd()));
    }
}

#[cfg(unix)]
#[test]
fn sending_to_a_closed_peer_raises_no_signal() {
    testkit::in_child(|| {
        testkit::restore_sigpipe();
        let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        drop(other);
        let one = SockRef::from(&one);
        socket_calls::silence(&one).unwrap();
        let error = socket_calls::send(&one, b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        let error = socket_calls::send_vectored(&one, &[IoSlice::new(b"x")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}
