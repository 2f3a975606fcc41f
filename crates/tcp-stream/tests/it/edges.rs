//! When an edge comes again: what counts as drained, and through which handle.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::time::Duration;

use selector::{Backend, Events, Poll, PollOpt, Ready, Token};
use socket2::SockRef;
use tcp_stream::TcpStream;
use testkit::{
    Moment, drain, expect_data_around_urgent_data, expect_edges, expect_end, expect_events,
    expect_readiness, expect_silence, until_over, until_read_closed, until_readable,
};

use crate::support::{STREAM, fails, pair};

testkit::on_each_backend! {
    a_drained_clone_arms_the_registered_stream,
    a_drained_stream_arms_a_clone_in_another_poll,
    a_short_read_drains,
    a_short_write_fills,
    neither_a_full_read_nor_a_peek_drains,
    socket2_drains_through_try_io,
    the_end_is_reported_whenever_it_comes,
    a_reset_is_reported_whenever_it_comes,
    no_data_around_urgent_data_is_lost,
}

const READ: (Token, Ready) = (STREAM, Ready::READABLE);

#[track_caller]
fn watch(backend: Backend, stream: &TcpStream) -> (Poll, Events) {
    let poll = Poll::with_backend(backend).unwrap();
    poll.register(stream, STREAM, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    (poll, Events::with_capacity(4))
}

fn a_drained_clone_arms_the_registered_stream(backend: Backend) {
    let (stream, mut peer) = pair();
    let before = stream.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &stream);
    let after = before.try_clone().unwrap();
    for clone in [&before, &after] {
        expect_edges(
            &poll,
            &mut events,
            READ,
            || peer.write_all(b"ping").unwrap(),
            || assert_eq!(drain(clone), 4),
        );
    }
}

fn a_drained_stream_arms_a_clone_in_another_poll(backend: Backend) {
    let (stream, mut peer) = pair();
    let clone = stream.try_clone().unwrap();
    let (one, mut events) = watch(backend, &stream);
    let (other, _) = watch(backend, &clone);
    for drained in [&stream, &clone, &stream, &clone] {
        peer.write_all(b"ping").unwrap();
        for poll in [&one, &other] {
            expect_events(poll, &mut events, &[READ]);
        }
        assert_eq!(drain(drained), 4);
        for poll in [&one, &other] {
            expect_silence(poll, &mut events);
        }
    }
}

/// Reads what there is into buffers that are longer.
type ReadShort = fn(&TcpStream) -> io::Result<usize>;

const SHORT_READS: [ReadShort; 3] = [
    |mut stream| stream.read(&mut [0; 64]),
    |mut stream| {
        let (mut one, mut other) = ([0; 2], [0; 62]);
        stream.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)])
    },
    |stream| stream.read_bufs(&mut [IoSliceMut::new(&mut []), IoSliceMut::new(&mut [0; 64])]),
];

fn a_short_read_drains(backend: Backend) {
    for read in SHORT_READS {
        let (stream, mut peer) = pair();
        let clone = stream.try_clone().unwrap();
        let (poll, mut events) = watch(backend, &stream);
        for drained in [&stream, &clone] {
            expect_edges(
                &poll,
                &mut events,
                READ,
                || peer.write_all(b"ping").unwrap(),
                || assert_eq!(read(drained).unwrap(), 4),
            );
        }
    }
}

fn a_short_write_fills(backend: Backend) {
    let large = vec![0; 16 << 20];
    let parts: Vec<_> = large.chunks(1 << 20).map(IoSlice::new).collect();
    type Write<'a> = &'a dyn Fn(&TcpStream) -> io::Result<usize>;
    let writes: [Write<'_>; 3] = [
        &|mut stream| stream.write(&large),
        &|mut stream| stream.write_vectored(&parts),
        &|stream| stream.write_bufs(&parts),
    ];
    for write in writes {
        let (stream, peer) = pair();
        let clone = stream.try_clone().unwrap();
        let poll = Poll::with_backend(backend).unwrap();
        let mut events = Events::with_capacity(4);
        poll.register(&stream, STREAM, Ready::WRITABLE, PollOpt::EDGE)
            .unwrap();
        expect_readiness(&poll, &mut events, STREAM, Ready::WRITABLE);
        for filled in [&stream, &clone, &stream] {
            assert!(write(filled).unwrap() < large.len());
            testkit::until("the stream is writable again", || {
                drain(&peer);
                poll.poll(&mut events, Some(Duration::ZERO)).unwrap() > 0
            });
            assert!(events.iter().all(|event| event.is_writable()));
        }
    }
}

fn neither_a_full_read_nor_a_peek_drains(backend: Backend) {
    let (mut stream, mut peer) = pair();
    let (poll, mut events) = watch(backend, &stream);
    peer.write_all(b"pingpong").unwrap();
    expect_events(&poll, &mut events, &[READ]);
    assert_eq!(stream.peek(&mut [0; 64]).unwrap(), 8);
    assert_eq!(stream.read(&mut [0; 4]).unwrap(), 4);
    assert_eq!(stream.read(&mut []).unwrap(), 0);
    expect_silence(&poll, &mut events);
    assert_eq!(stream.read(&mut [0; 64]).unwrap(), 4);
    peer.write_all(b"ping").unwrap();
    expect_events(&poll, &mut events, &[READ]);
}

fn socket2_drains_through_try_io(backend: Backend) {
    let (stream, mut peer) = pair();
    let clone = stream.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &stream);
    let receive = |stream: &TcpStream| {
        stream.try_io(Ready::READABLE, |stream| {
            SockRef::from(stream).recv(&mut [MaybeUninit::uninit(); 8])
        })
    };
    let mut round = |drain: &dyn Fn()| {
        let write = || peer.write_all(b"ping").unwrap();
        expect_edges(&poll, &mut events, READ, write, drain);
    };
    for drained in [&stream, &clone] {
        round(&|| {
            assert_eq!(receive(drained).unwrap(), 4);
            fails(receive(drained), ErrorKind::WouldBlock);
        });
        round(&|| {
            assert_eq!(receive(drained).unwrap(), 4);
            drained.mark_drained(Ready::READABLE);
        });
    }
}

fn the_end_is_reported_whenever_it_comes(backend: Backend) {
    for moment in Moment::ALL {
        let (stream, peer) = pair();
        let (poll, mut events) = watch(backend, &stream);
        let end = || {
            peer.shutdown(Shutdown::Write).unwrap();
            until_read_closed(&stream);
        };
        expect_end(
            moment,
            (&poll, &mut events, STREAM),
            || (&stream).read(&mut [0; 64]),
            || (&peer).write_all(b"ping").unwrap(),
            end,
            0,
        );
    }
}

fn a_reset_is_reported_whenever_it_comes(backend: Backend) {
    for moment in Moment::ALL {
        let (stream, mut peer) = pair();
        let (poll, mut events) = watch(backend, &stream);
        peer.write_all(b"ping").unwrap();
        let end = || {
            testkit::reset(peer);
            until_over(&stream);
        };
        expect_end(
            moment,
            (&poll, &mut events, STREAM),
            || (&stream).read(&mut [0; 64]),
            || until_readable(&stream),
            end,
            // The read that fails with the reset re-arms what shows the end as well.
            2,
        );
    }
}

fn no_data_around_urgent_data_is_lost(backend: Backend) {
    for moment in Moment::ALL {
        let (stream, peer) = pair();
        let (poll, mut events) = watch(backend, &stream);
        let read = || (&stream).read(&mut [0; 64]);
        expect_data_around_urgent_data(moment, (&poll, &mut events, STREAM), read, &peer);
    }
}
