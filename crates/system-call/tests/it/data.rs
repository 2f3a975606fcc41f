//! What is moved, how much of it, and in what order.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, Shutdown, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;

use testkit::platform::EMPTY_RECEIVE_TAKES_DATAGRAM;
use testkit::{pipe, tcp_pair, unix_pair};

/// Stands where nothing may be written.
const UNTOUCHED: u8 = 0xa5;

/// The most buffers of one call: `IOV_MAX`, the same on every system we know.
const MOST: usize = 1024;

#[test]
fn a_call_that_would_block_says_so() {
    let (one, _other) = unix_pair();
    let (reader, writer) = pipe();
    let error = system_call::recv(one.as_fd(), &mut [0], 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let error = system_call::readv(reader.as_fd(), &mut [IoSliceMut::new(&mut [0])]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);

    testkit::fill(&one);
    let error = system_call::send(one.as_fd(), &[0; 1 << 16], 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let bufs = [IoSlice::new(&[0; 1 << 16])];
    let error = system_call::send_vectored(one.as_fd(), &bufs, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    testkit::fill(&writer);
    let error = system_call::write(writer.as_fd(), &[0; 1 << 16]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_stream_that_has_ended_is_received_as_nothing() {
    let (one, other) = unix_pair();
    other.shutdown(Shutdown::Write).unwrap();
    assert_eq!(system_call::recv(one.as_fd(), &mut [0], 0).unwrap(), 0);
    let mut buf = [0];
    let mut bufs = [IoSliceMut::new(&mut buf)];
    assert_eq!(system_call::readv(one.as_fd(), &mut bufs).unwrap(), 0);
}

#[test]
fn no_more_is_written_than_was_received() {
    let (one, mut other) = unix_pair();
    other.write_all(b"abc").unwrap();
    let mut buf = [UNTOUCHED; 8];
    assert_eq!(system_call::recv(one.as_fd(), &mut buf[..6], 0).unwrap(), 3);
    assert_eq!(buf[..3], *b"abc");
    assert_eq!(buf[3..], [UNTOUCHED; 5]);
}

#[test]
fn a_datagram_that_does_not_fit_is_cut_and_an_empty_one_is_one() {
    let (one, other) = UnixDatagram::pair().unwrap();
    for sent in [&b"abcdef"[..], b"", b"x"] {
        assert_eq!(system_call::send(one.as_fd(), sent, 0).unwrap(), sent.len());
    }
    let mut buf = [UNTOUCHED; 8];
    let (other, room) = (other.as_fd(), &mut buf[..4]);
    assert_eq!(system_call::recv(other, room, 0).unwrap(), 4);
    assert_eq!(buf, *b"abcd\xa5\xa5\xa5\xa5");
    assert_eq!(system_call::recv(other, &mut buf, 0).unwrap(), 0);
    // Without room too the last one is taken, where an empty receive takes any.
    let room = &mut buf[..usize::from(!EMPTY_RECEIVE_TAKES_DATAGRAM)];
    assert_eq!(system_call::recv(other, room, 0).unwrap(), room.len());
    let error = system_call::recv(other, &mut buf, libc::MSG_DONTWAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn flags_reach_the_system() {
    let (one, mut other) = unix_pair();
    other.write_all(b"x").unwrap();
    one.set_nonblocking(false).unwrap();
    let mut buf = [0];
    for flags in [libc::MSG_PEEK, libc::MSG_PEEK | libc::MSG_DONTWAIT, 0] {
        assert_eq!(system_call::recv(one.as_fd(), &mut buf, flags).unwrap(), 1);
    }
    let error = system_call::recv(one.as_fd(), &mut buf, libc::MSG_DONTWAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn buffers_are_filled_in_order_and_the_rest_is_left_alone() {
    let (one, mut other) = tcp_pair();
    other.write_all(b"abcdef").unwrap();
    testkit::until("all has arrived", || {
        one.peek(&mut [0; 8]).is_ok_and(|len| len == 6)
    });
    let mut buf = [UNTOUCHED; 10];
    let (a, rest) = buf.split_at_mut(2);
    let (b, c) = rest.split_at_mut(3);
    // An empty buffer is passed over.
    let mut bufs = [a, &mut [], b, c].map(IoSliceMut::new);
    assert_eq!(system_call::readv(one.as_fd(), &mut bufs).unwrap(), 6);
    assert_eq!(buf, *b"abcdef\xa5\xa5\xa5\xa5");
}

#[test]
fn buffers_are_sent_in_order_and_an_empty_one_adds_nothing() {
    let (one, mut other) = unix_pair();
    let bufs = [&b"ab"[..], b"", b"cde"].map(IoSlice::new);
    assert_eq!(
        system_call::send_vectored(one.as_fd(), &bufs, 0).unwrap(),
        5
    );
    let mut buf = [0; 8];
    assert_eq!(other.read(&mut buf).unwrap(), 5);
    assert_eq!(buf[..5], *b"abcde");
}

#[test]
fn buffers_of_one_call_are_one_datagram() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(socket.local_addr().unwrap()).unwrap();
    let bufs = [b"ab", b"cd"].map(|buf| IoSlice::new(buf));
    assert_eq!(
        system_call::send_vectored(socket.as_fd(), &bufs, 0).unwrap(),
        4
    );
    let mut buf = [0; 8];
    assert_eq!(socket.recv(&mut buf).unwrap(), 4);
    assert_eq!(buf[..4], *b"abcd");
}

#[test]
fn as_many_buffers_as_the_system_takes_are_taken_and_no_more() {
    let (one, mut other) = unix_pair();
    let bufs = vec![IoSlice::new(b"x"); MOST + 1];
    assert_eq!(
        system_call::send_vectored(one.as_fd(), &bufs[1..], 0).unwrap(),
        MOST
    );
    let error = system_call::send_vectored(one.as_fd(), &bufs, 0).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));

    let mut bytes = [0; MOST + 1];
    let mut bufs: Vec<_> = bytes.chunks_mut(1).map(IoSliceMut::new).collect();
    let error = system_call::readv(one.as_fd(), &mut bufs).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    other.write_all(&[b'y'; MOST + 1]).unwrap();
    assert_eq!(
        system_call::readv(one.as_fd(), &mut bufs[1..]).unwrap(),
        MOST
    );
    assert_eq!(bytes[0], 0);
    assert_eq!(bytes[1..], [b'y'; MOST]);
}

#[test]
fn what_is_written_is_read() {
    let (mut reader, writer) = pipe();
    assert_eq!(system_call::write(writer.as_fd(), b"hello").unwrap(), 5);
    assert_eq!(system_call::write(writer.as_fd(), b"").unwrap(), 0);
    let mut buf = [0; 8];
    assert_eq!(reader.read(&mut buf).unwrap(), 5);
    assert_eq!(buf[..5], *b"hello");
}

/// Where a call can say that it is to raise no signal.
#[cfg(not(target_vendor = "apple"))]
#[test]
fn sending_after_the_end_raises_no_signal_if_it_says_so() {
    testkit::in_child(|| {
        testkit::restore_sigpipe();
        let (one, other) = unix_pair();
        drop(other);
        let error = system_call::send(one.as_fd(), b"x", libc::MSG_NOSIGNAL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        let bufs = [IoSlice::new(b"x")];
        let error = system_call::send_vectored(one.as_fd(), &bufs, libc::MSG_NOSIGNAL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_signal_ends_a_call_and_is_told() {
    testkit::in_child(|| {
        let (one, _other) = unix_pair();
        one.set_nonblocking(false).unwrap();
        let _interruptions = testkit::interrupt_every(std::time::Duration::from_millis(1));
        let error = system_call::recv(one.as_fd(), &mut [0], 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        let mut buf = [0];
        let mut bufs = [IoSliceMut::new(&mut buf)];
        let error = system_call::readv(one.as_fd(), &mut bufs).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
    });
}
