//! Streams of ours, ready made.

use std::io;
use std::net;

use selector::{Events, Poll, PollOpt, Ready, Token};
use tcp_stream::TcpStream;

/// Whether a reset is an error of the socket until somebody was told. Windows tells it to reads and
/// writes, and not by `SO_ERROR`.
pub(crate) const RESETS_ARE_PENDING: bool = cfg!(unix);

/// Asserts that a read met a reset.
#[track_caller]
pub(crate) fn is_reset(read: io::Result<usize>) {
    match read {
        // Wine takes the error out of the socket for itself: what it leaves is the end.
        Ok(0) if testkit::on_wine() => {}
        read => drop(fails(read, io::ErrorKind::ConnectionReset)),
    }
}

/// The token of the stream under test.
pub(crate) const STREAM: Token = Token(7);

/// A connected stream of ours, and a peer that does not block.
#[track_caller]
pub(crate) fn pair() -> (TcpStream, net::TcpStream) {
    let (ours, peer) = testkit::tcp_pair();
    (
        TcpStream::from_stream(ours).expect("take the stream over"),
        peer,
    )
}

/// A listener on IPv4 loopback, and its address.
#[track_caller]
pub(crate) fn listener() -> (net::TcpListener, net::SocketAddr) {
    let listener = net::TcpListener::bind("127.0.0.1:0").expect("listen on loopback");
    let address = listener.local_addr().expect("the listener's address");
    (listener, address)
}

/// Waits until `stream`, which is not registered, has shown this readiness.
#[track_caller]
pub(crate) fn wait(stream: &TcpStream, readiness: Ready) {
    let poll = Poll::new().expect("a poll");
    let mut events = Events::with_capacity(4);
    poll.register(stream, STREAM, readiness, PollOpt::LEVEL)
        .expect("register");
    testkit::expect_readiness(&poll, &mut events, STREAM, readiness);
    poll.deregister(stream).expect("deregister");
}

/// Runs an operation again and again, waiting for `readiness` in between, while it would block.
#[track_caller]
pub(crate) fn insist<R>(
    stream: &TcpStream,
    readiness: Ready,
    mut operation: impl FnMut(&TcpStream) -> io::Result<R>,
) -> io::Result<R> {
    loop {
        match operation(stream) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(stream, readiness),
            result => return result,
        }
    }
}

/// Asserts the kind of an error.
#[track_caller]
pub(crate) fn fails<R: std::fmt::Debug>(result: io::Result<R>, kind: io::ErrorKind) -> io::Error {
    let error = result.expect_err(&format!("expected {kind:?}"));
    assert_eq!(error.kind(), kind, "{error}");
    error
}
