//! Reading and writing, with one buffer and with many.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::time::Duration;

use selector::{Backend, Event, Events, Poll, PollOpt, Ready};
use tcp_stream::TcpStream;
use testkit::{Sentinel, drain, expect_readiness, expect_silence, fill};

use crate::support::{STREAM, fails, insist, pair, wait};

testkit::on_each_backend! {
    a_full_stream_is_writable_again_when_the_peer_has_read,
    an_edge_comes_again_after_draining,
    a_stream_is_a_source,
}

fn a_stream_is_a_source(backend: Backend) {
    let (stream, _peer) = pair();
    testkit::expect_evented(backend, &stream, Ready::WRITABLE);
}

#[test]
fn an_owned_stream_reads_and_writes_as_a_borrowed_one() {
    let (mut stream, peer) = pair();
    let mut peer = TcpStream::from_stream(peer).unwrap();
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"cd")];
    assert_eq!(stream.write_vectored(&bufs).unwrap(), 4);
    assert_eq!(stream.write(b"e").unwrap(), 1);
    testkit::until("all has arrived", || {
        peer.peek(&mut [0; 8]).is_ok_and(|count| count == 5)
    });
    let (mut one, mut two) = ([0; 1], [0; 2]);
    let mut bufs = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
    assert_eq!(peer.read_vectored(&mut bufs).unwrap(), 3);
    let mut rest = [0; 8];
    assert_eq!(peer.read(&mut rest).unwrap(), 2);
    assert_eq!((&one, &two, &rest[..2]), (b"a", b"bc", &b"de"[..]));
}

fn a_full_stream_is_writable_again_when_the_peer_has_read(backend: Backend) {
    let (stream, peer) = pair();
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(4);
    poll.register(&stream, STREAM, Ready::WRITABLE, PollOpt::EDGE)
        .unwrap();
    expect_readiness(&poll, &mut events, STREAM, Ready::WRITABLE);

    let (mut written, mut sentinel) = (0, Sentinel::new());
    loop {
        let more = fill(&stream);
        assert!(more > 0, "it was said to be writable");
        written += more;
        // What is on its way to the peer may still make room.
        if sentinel.events_before(&poll, &mut events).is_empty() {
            break;
        }
    }
    testkit::until("many buffers find no room either", || {
        match stream.write_bufs(&[IoSlice::new(b"x")]) {
            Ok(more) => written += more,
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
        false
    });

    // What was not yet at the peer when it was drained has to be read as well.
    let mut read = 0;
    testkit::until("the stream is writable", || {
        read += drain(&peer);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap() > 0
    });
    assert_eq!(
        events.iter().collect::<Vec<_>>(),
        [Event::new(Ready::WRITABLE, STREAM)]
    );
    written += (&stream).write(b"x").unwrap();
    drop(stream);
    let peer = TcpStream::from_stream(peer).unwrap();
    while read < written {
        wait(&peer, Ready::READABLE);
        read += drain(&peer);
    }
    assert_eq!(read, written);
}

fn an_edge_comes_again_after_draining(backend: Backend) {
    let (mut stream, mut peer) = pair();
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(4);
    poll.register(&stream, STREAM, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    type Reader = fn(&mut TcpStream, &mut [u8]) -> std::io::Result<usize>;
    let readers: [Reader; 3] = [
        |stream, buf| stream.read(buf),
        |stream, buf| stream.read_vectored(&mut [IoSliceMut::new(buf)]),
        |stream, buf| stream.read_bufs(&mut [IoSliceMut::new(buf)]),
    ];
    for reader in readers {
        peer.write_all(b"ping").unwrap();
        expect_readiness(&poll, &mut events, STREAM, Ready::READABLE);
        let mut buf = [0; 8];
        assert_eq!(reader(&mut stream, &mut buf).unwrap(), 4);
        assert_eq!(&buf[..4], b"ping");
        fails(reader(&mut stream, &mut buf), ErrorKind::WouldBlock);
        fails(stream.peek(&mut buf), ErrorKind::WouldBlock);
        expect_silence(&poll, &mut events);
    }
}

#[test]
fn peeking_again_returns_the_same() {
    let (mut stream, mut peer) = pair();
    peer.write_all(b"look").unwrap();
    wait(&stream, Ready::READABLE);
    let mut buf = [0; 8];
    for _ in 0..3 {
        buf.fill(0);
        assert_eq!(stream.peek(&mut buf).unwrap(), 4);
        assert_eq!(&buf, b"look\0\0\0\0");
    }
    assert_eq!(stream.peek(&mut buf[..2]).unwrap(), 2);
    assert_eq!(stream.read(&mut buf).unwrap(), 4);
    fails(stream.peek(&mut buf), ErrorKind::WouldBlock);
}

#[test]
fn nothing_to_move_is_no_error_and_no_wait() {
    let (mut stream, mut peer) = pair();
    for ready in [false, true] {
        if ready {
            peer.write_all(b"x").unwrap();
            wait(&stream, Ready::READABLE);
        }
        let (mut one, mut other) = ([], []);
        let bufs = &mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)];
        assert_eq!(stream.read(&mut []).unwrap(), 0);
        assert_eq!(stream.peek(&mut []).unwrap(), 0);
        assert_eq!(stream.read_bufs(&mut []).unwrap(), 0);
        assert_eq!(stream.read_bufs(bufs).unwrap(), 0);
        assert_eq!(stream.read_vectored(bufs).unwrap(), 0);
        assert_eq!(stream.write(&[]).unwrap(), 0);
        assert_eq!(stream.write_bufs(&[]).unwrap(), 0);
        assert_eq!(stream.write_bufs(&[IoSlice::new(b"")]).unwrap(), 0);
        assert_eq!(stream.write_vectored(&[IoSlice::new(b"")]).unwrap(), 0);
        stream.flush().unwrap();
    }
    assert_eq!(drain(&stream), 1);
    assert_eq!(drain(&peer), 0);
}

#[test]
fn buffers_are_filled_one_after_the_other() {
    let (stream, mut peer) = pair();
    peer.write_all(b"0123456").unwrap();
    wait(&stream, Ready::READABLE);
    let (mut a, mut b, mut c, mut d) = ([0; 3], [0; 0], [0; 2], [0; 4]);
    let n = stream
        .read_bufs(&mut [
            IoSliceMut::new(&mut a),
            IoSliceMut::new(&mut b),
            IoSliceMut::new(&mut c),
            IoSliceMut::new(&mut d),
        ])
        .unwrap();
    assert_eq!(n, 7);
    assert_eq!((&a, &c, &d), (b"012", b"34", b"56\0\0"));
}

/// The bytes of a stream, none of which is like its neighbours.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

#[test]
fn fifteen_hundred_buffers_are_a_short_write_and_a_short_read() {
    let (stream, peer) = pair();
    let peer = TcpStream::from_stream(peer).unwrap();
    let data = pattern(3000);
    let bufs: Vec<_> = data.chunks(2).map(IoSlice::new).collect();
    assert_eq!(bufs.len(), 1500);

    let first = stream.write_bufs(&bufs).unwrap();
    assert_eq!(first, 2048, "1,024 buffers");
    let second = (&stream).write_vectored(&bufs[1024..]).unwrap();
    assert_eq!(second, 952);

    let mut seen = vec![0; 3000];
    let mut read = 0;
    while read < 3000 {
        // In chunks of two, so that the first call has 1,500 buffers.
        let mut bufs: Vec<_> = seen[read..].chunks_mut(2).map(IoSliceMut::new).collect();
        let n = insist_read(&peer, &mut bufs);
        assert!(n > 0 && n <= 2048, "{n}");
        read += n;
    }
    assert_eq!(seen, data);
}

#[track_caller]
fn insist_read(stream: &TcpStream, bufs: &mut [IoSliceMut<'_>]) -> usize {
    insist(stream, Ready::READABLE, |stream| stream.read_bufs(bufs)).unwrap()
}

#[test]
fn empty_buffers_in_front_do_not_look_like_the_end() {
    let (stream, peer) = pair();
    let peer = TcpStream::from_stream(peer).unwrap();
    let mut bufs = vec![IoSlice::new(b""); 1500];
    bufs.push(IoSlice::new(b"data"));
    assert_eq!(stream.write_bufs(&bufs).unwrap(), 4);

    let mut data = [0; 4];
    let mut bufs: Vec<_> = (0..1500).map(|_| IoSliceMut::new(&mut [])).collect();
    bufs.push(IoSliceMut::new(&mut data));
    assert_eq!(insist_read(&peer, &mut bufs), 4);
    fails(peer.read_bufs(&mut bufs), ErrorKind::WouldBlock);
    assert_eq!(&data, b"data");
}

#[test]
fn a_megabyte_arrives_as_it_was_sent() {
    let (stream, peer) = pair();
    let peer = TcpStream::from_stream(peer).unwrap();
    let data = pattern(1 << 20);
    let writer = testkit::spawn({
        let data = data.clone();
        move || {
            let mut left = &data[..];
            while !left.is_empty() {
                let (head, tail) = left.split_at(left.len() / 2);
                let bufs = [IoSlice::new(head), IoSlice::new(tail)];
                let n = insist(&stream, Ready::WRITABLE, |stream| stream.write_bufs(&bufs));
                left = &left[n.unwrap()..];
            }
        }
    });
    let mut seen = Vec::new();
    let mut buf = vec![0; 70_001];
    loop {
        let n = insist(&peer, Ready::READABLE, |mut peer| peer.read(&mut buf)).unwrap();
        if n == 0 {
            break;
        }
        seen.extend_from_slice(&buf[..n]);
    }
    writer.join();
    assert!(seen == data, "{} bytes arrived", seen.len());
}
