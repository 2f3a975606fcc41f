//! When an edge comes again: what counts as drained, and through which handle.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::time::Duration;

use selector::{Backend, Event, Events, Poll, PollOpt, Ready, Token};
use socket2::SockRef;
use tcp_stream::TcpStream;
use testkit::{
    Sentinel, collect, drain, expect_edges, expect_events, expect_readiness, expect_silence,
    until_over, until_read_closed, until_readable,
};

use crate::support::{STREAM, fails, pair};

testkit::on_each_backend! {
    a_drained_clone_arms_the_registered_stream,
    a_drained_stream_arms_a_clone_in_another_poll,
    a_short_read_drains,
    a_short_write_fills,
    neither_a_full_read_nor_a_peek_drains,
    socket2_drains_through_try_io,
    the_end_comes_before_the_event,
    the_end_comes_between_event_and_read,
    the_end_comes_after_a_short_read,
    a_reset_comes_before_the_event,
    a_reset_comes_between_event_and_read,
    a_reset_comes_after_a_short_read,
    urgent_data_comes_before_the_event,
    urgent_data_comes_between_event_and_read,
    urgent_data_comes_after_a_short_read,
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
            drained.rearm(Ready::READABLE);
        });
    }
}

/// What ends a stream or interrupts it, as seen from the peer.
type Act = fn(std::net::TcpStream) -> Option<std::net::TcpStream>;

const END: Act = |peer| {
    peer.shutdown(Shutdown::Write).unwrap();
    Some(peer)
};
const RESET: Act = |peer| {
    testkit::reset(peer);
    None
};

/// Reads after events until they have shown what `done` asks for: one short read where an event shows
/// data alone, else until nothing or the end is left. Proves that the events cease, after `strays` more.
#[track_caller]
fn read_until(
    poll: &Poll,
    events: &mut Events,
    stream: &TcpStream,
    done: fn(Ready) -> bool,
    strays: usize,
) {
    let mut seen = Ready::empty();
    let mut read = |events: Vec<Event>| {
        for event in events {
            seen |= event.readiness();
            let more = Ready::READ_CLOSED | Ready::HUP | Ready::ERROR | Ready::PRIORITY;
            let to_the_end = event.readiness().intersects(more);
            while let Ok(1..) = { stream }.read(&mut [0; 64]) {
                if !to_the_end {
                    break;
                }
            }
        }
        done(seen)
    };
    while !read(collect(poll, events)) {}
    let mut sentinel = Sentinel::new();
    let quiet = (0..=strays).any(|_| {
        let strays = sentinel.events_before(poll, events);
        let quiet = strays.is_empty();
        read(strays);
        quiet
    });
    assert!(quiet, "events of what was read and ended do not cease");
}

#[derive(Clone, Copy)]
enum When {
    BeforeTheEvent,
    BeforeTheRead,
    AfterTheRead,
}

#[track_caller]
fn interrupt(
    backend: Backend,
    when: When,
    act: Act,
    arrived: fn(&TcpStream),
    done: fn(Ready) -> bool,
    strays: usize,
) {
    let (mut stream, mut peer) = pair();
    let (poll, mut events) = watch(backend, &stream);
    peer.write_all(b"ping").unwrap();
    until_readable(&stream);
    let peer = match when {
        When::BeforeTheEvent => {
            let peer = act(peer);
            arrived(&stream);
            peer
        }
        When::BeforeTheRead => {
            expect_events(&poll, &mut events, &[READ]);
            let peer = act(peer);
            arrived(&stream);
            // A reset may take the data along.
            drop(stream.read(&mut [0; 64]));
            peer
        }
        When::AfterTheRead => {
            expect_events(&poll, &mut events, &[READ]);
            assert_eq!(stream.read(&mut [0; 64]).unwrap(), 4);
            act(peer)
        }
    };
    read_until(&poll, &mut events, &stream, done, strays);
    drop(peer);
}

fn end(backend: Backend, when: When) {
    let done = |seen: Ready| seen.is_read_closed();
    let arrived = |stream: &TcpStream| until_read_closed(stream);
    interrupt(backend, when, END, arrived, done, 0);
}

fn reset(backend: Backend, when: When) {
    let done = |seen: Ready| seen.intersects(Ready::ERROR | Ready::HUP | Ready::READ_CLOSED);
    let arrived = |stream: &TcpStream| until_over(stream);
    // The read that fails with the reset re-arms what shows the end as well.
    interrupt(backend, when, RESET, arrived, done, 2);
}

fn the_end_comes_before_the_event(backend: Backend) {
    end(backend, When::BeforeTheEvent);
}

fn the_end_comes_between_event_and_read(backend: Backend) {
    end(backend, When::BeforeTheRead);
}

fn the_end_comes_after_a_short_read(backend: Backend) {
    end(backend, When::AfterTheRead);
}

fn a_reset_comes_before_the_event(backend: Backend) {
    reset(backend, When::BeforeTheEvent);
}

fn a_reset_comes_between_event_and_read(backend: Backend) {
    reset(backend, When::BeforeTheRead);
}

fn a_reset_comes_after_a_short_read(backend: Backend) {
    reset(backend, When::AfterTheRead);
}

/// At the urgent mark a read is short though more is there: only `WouldBlock` shows that all was read.
fn urgent_data(backend: Backend, when: When) {
    let (mut stream, peer) = pair();
    let (poll, mut events) = watch(backend, &stream);
    let interrupt = || {
        SockRef::from(&peer).send_out_of_band(b"!").unwrap();
        (&peer).write_all(b"pong").unwrap();
    };
    (&peer).write_all(b"ping").unwrap();
    if let When::BeforeTheEvent = when {
        interrupt();
    }
    expect_readiness(&poll, &mut events, STREAM, Ready::READABLE);
    if let When::BeforeTheRead = when {
        interrupt();
    }
    let mut total = stream.read(&mut [0; 64]).unwrap();
    if let When::AfterTheRead = when {
        interrupt();
        expect_readiness(&poll, &mut events, STREAM, Ready::READABLE);
    }
    loop {
        total += drain(&stream);
        if total == 8 {
            break;
        }
        collect(&poll, &mut events);
    }
    Sentinel::new().events_before(&poll, &mut events);
    (&peer).write_all(b"ping").unwrap();
    expect_readiness(&poll, &mut events, STREAM, Ready::READABLE);
    assert_eq!(drain(&stream), 4);
}

fn urgent_data_comes_before_the_event(backend: Backend) {
    urgent_data(backend, When::BeforeTheEvent);
}

fn urgent_data_comes_between_event_and_read(backend: Backend) {
    urgent_data(backend, When::BeforeTheRead);
}

fn urgent_data_comes_after_a_short_read(backend: Backend) {
    urgent_data(backend, When::AfterTheRead);
}
