//! Sockets of ours, ready made.

use std::fmt::Debug;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket as StdSocket};
use std::sync::OnceLock;

use selector::{Events, Poll, PollOpt, Ready, Token};
use udp_socket::UdpSocket;

/// The token of the socket under test.
pub(crate) const SOCKET: Token = Token(7);

/// What a socket hears when nobody got its datagram. Wine tells it nothing.
pub(crate) fn refusal() -> Option<io::ErrorKind> {
    if testkit::on_wine() {
        None
    } else if cfg!(windows) {
        Some(io::ErrorKind::ConnectionReset)
    } else {
        Some(io::ErrorKind::ConnectionRefused)
    }
}

/// A socket on IPv4 loopback, and its address.
#[track_caller]
pub(crate) fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(&(Ipv4Addr::LOCALHOST, 0).into()).expect("bind to loopback");
    let address = socket.local_addr().expect("the socket's address");
    (socket, address)
}

/// Two sockets, connected to each other.
#[track_caller]
pub(crate) fn pair() -> (UdpSocket, UdpSocket) {
    let ((one, first), (other, second)) = (socket(), socket());
    one.connect(second).expect("connect");
    other.connect(first).expect("connect");
    (one, other)
}

/// The address of loopback where nobody listens.
#[track_caller]
pub(crate) fn nobody() -> SocketAddr {
    // A connected socket keeps the port, and hears its peer alone: here itself.
    static DEAF: OnceLock<StdSocket> = OnceLock::new();
    let socket = DEAF.get_or_init(|| {
        let socket = StdSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind to loopback");
        let own = socket.local_addr().expect("the socket's address");
        socket.connect(own).expect("connect over loopback");
        socket
    });
    socket.local_addr().expect("the socket's address")
}

/// How a refusal shows: kqueue tells of an error that has ended nothing as plain readiness.
#[cfg(unix)]
#[track_caller]
pub(crate) fn shown_refusal() -> Ready {
    match Poll::new().expect("a poll").backend() {
        selector::Backend::Kqueue => Ready::READABLE,
        _ => Ready::ERROR,
    }
}

/// Waits until `socket`, which is not registered, has shown this readiness.
#[track_caller]
pub(crate) fn wait(socket: &UdpSocket, readiness: Ready) {
    let poll = Poll::new().expect("a poll");
    let mut events = Events::with_capacity(4);
    poll.register(socket, SOCKET, readiness, PollOpt::LEVEL)
        .expect("register");
    testkit::expect_readiness(&poll, &mut events, SOCKET, readiness);
    poll.deregister(socket).expect("deregister");
}

/// Asserts the kind of an error.
#[track_caller]
pub(crate) fn fails<R: Debug>(result: io::Result<R>, kind: io::ErrorKind) {
    let error = result.expect_err(&format!("expected {kind:?}"));
    assert_eq!(error.kind(), kind, "{error}");
}
