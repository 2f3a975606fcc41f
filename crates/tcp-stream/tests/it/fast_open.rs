//! Connecting with the first write.

use std::ffi::c_int;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;

use selector::{Backend, Events, Poll, PollOpt, Ready};
use socket2::{Domain, Socket, Type};
use tcp_stream::TcpStream;
use testkit::expect_readiness;

use crate::support::{STREAM, fails, insist, listener};

testkit::on_each_backend! { the_first_write_connects }

/// Whether this system has no fast open for clients. Records that the test is skipped then.
#[track_caller]
fn lacks_fast_open() -> bool {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let lacks = testkit::lacks_option(&sockopt::FASTOPEN_CONNECT.get(&socket));
    if lacks {
        let (_listener, address) = listener();
        if let Err(error) = TcpStream::connect_fast_open(&address) {
            assert!(
                error.to_string().contains("known since Linux 4.11"),
                "{error}"
            );
        }
    }
    lacks || testkit::lacks_file(SETTING)
}

const SETTING: &str = "/proc/sys/net/ipv4/tcp_fastopen";

/// Whether this system lets clients use it, as it does out of the box.
fn allowed() -> bool {
    let setting = std::fs::read_to_string(SETTING).unwrap();
    setting.trim().parse::<u32>().unwrap() & 1 != 0
}

/// A stream that connects with its first write though it has not met the server before.
fn deferred(address: &std::net::SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    sockopt::FASTOPEN_CONNECT.set(&socket, true).unwrap();
    let on: c_int = 1;
    // SAFETY: pointer and length are of one live integer.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_FASTOPEN_NO_COOKIE,
            (&raw const on).cast(),
            size_of::<c_int>() as libc::socklen_t,
        )
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    TcpStream::connect_stream(socket.into(), address).unwrap()
}

fn the_first_write_connects(backend: Backend) {
    if lacks_fast_open() {
        return;
    }
    let (listener, address) = listener();
    if !allowed() {
        let error = TcpStream::connect_fast_open(&address).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP));
        return;
    }
    let mut stream = deferred(&address);
    assert!(stream.fast_open_connect().unwrap());
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(4);
    poll.register(&stream, STREAM, Ready::WRITABLE, PollOpt::EDGE)
        .unwrap();
    expect_readiness(&poll, &mut events, STREAM, Ready::WRITABLE);
    fails(stream.finish_connect(), ErrorKind::WouldBlock);

    assert_eq!(stream.write(b"hello").unwrap(), 5);
    expect_readiness(&poll, &mut events, STREAM, Ready::WRITABLE);
    stream.finish_connect().unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let mut buf = [0; 5];
    peer.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"hello");
    let plain = TcpStream::connect(&address).unwrap();
    assert!(!plain.fast_open_connect().unwrap());
}

#[test]
fn a_server_never_met_is_connected_at_once() {
    if lacks_fast_open() {
        return;
    }
    let (listener, address) = listener();
    if !allowed() {
        assert!(TcpStream::connect_fast_open(&address).is_err());
        return;
    }
    let stream = TcpStream::connect_fast_open(&address).unwrap();
    let n = insist(&stream, Ready::WRITABLE, |mut stream| {
        stream.write(b"hello")
    });
    assert_eq!(n.unwrap(), 5);
    let (mut peer, _) = listener.accept().unwrap();
    let mut buf = [0; 5];
    peer.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"hello");
    stream.finish_connect().unwrap();
}

#[test]
fn data_that_went_ahead_of_the_connection_do_not_stand_for_it() {
    if lacks_fast_open() || !allowed() {
        return; // the tests above assert what it is like then
    }
    let hole = testkit::blackhole();
    let mut stream = deferred(&hole.address);
    assert_eq!(stream.write(b"hello").unwrap(), 5);
    fails(stream.finish_connect(), ErrorKind::WouldBlock);
    stream.shutdown(std::net::Shutdown::Both).unwrap();
    fails(stream.finish_connect(), ErrorKind::ConnectionReset);
}
