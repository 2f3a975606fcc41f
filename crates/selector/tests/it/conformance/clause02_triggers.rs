//! Level, edge and oneshot, on backends that have them and on those that emulate them.

use std::io::{ErrorKind, IoSliceMut, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::channel;
use std::time::Duration;

use selector::{Backend, IoSource, Poll, PollOpt, Ready, Token};
use testkit::{
    Moment, Sentinel, collect, expect_data_around_urgent_data, expect_edges, expect_end,
    expect_events, expect_nothing_now, expect_readiness, expect_silence, reset, spawn, tcp_pair,
    until, until_read_closed, until_readable,
};

use crate::{END_SHOWS_BEHIND_DATA, reports_hang_up, setup, tells_both_halves_closed};

testkit::on_each_backend! {
    a_level_is_reported_at_every_poll_while_it_holds,
    no_option_means_level,
    a_level_ends_with_its_condition,
    an_edge_is_reported_once,
    an_edge_is_reported_if_the_source_is_ready_already,
    an_edge_comes_anew_after_would_block,
    no_edge_is_lost_between_two_threads,
    a_short_read_drains,
    reading_the_source_itself_drains,
    neither_an_empty_nor_a_full_read_drains,
    an_error_that_leaves_the_source_as_it_was_arms_no_edge,
    a_write_to_a_broken_stream_at_each_event_ends_the_events,
    after_the_end_a_short_read_does_not_drain,
    ends_resets_and_urgent_data_cost_no_event,
    draining_any_clone_arms_every_registered_one,
    a_clone_arms_the_registration_that_there_is_now,
    an_edge_drained_through_a_clone_during_a_poll_comes_again,
    edges_of_both_directions_come_by_themselves,
    an_edge_tells_of_the_end_of_the_stream,
    a_oneshot_stays_silent_until_reregistered,
    a_oneshot_that_was_drained_stays_silent,
    a_oneshot_of_one_direction_silences_the_other,
    a_oneshot_that_was_reported_keeps_a_hang_up_to_itself,
    a_oneshot_is_not_spent_before_it_is_reported,
    reregister_reports_what_the_source_is_ready_for,
    reregister_replaces_token_and_interest,
    reregister_replaces_the_trigger,
    an_empty_interest_is_silent_about_data,
    an_empty_interest_reports_a_hang_up,
    an_empty_interest_reports_an_error,
}

const READ: [(Token, Ready); 1] = [(Token(1), Ready::READABLE)];
const BOTH: Ready = Ready::READABLE.union(Ready::WRITABLE);

/// Reads through the source's hook until `WouldBlock` or the end; returns how much there was.
fn drain(source: &IoSource<TcpStream>) -> usize {
    let mut total = 0;
    loop {
        match source.try_io(Ready::READABLE, |mut stream| stream.read(&mut [0; 512])) {
            Ok(0) => return total,
            Ok(count) => total += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return total,
            Err(error) => panic!("read failed: {error}"),
        }
    }
}

fn a_level_is_reported_at_every_poll_while_it_holds(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    expect_silence(&poll, &mut events);
    peer.write_all(b"xyz").unwrap();
    for _ in 0..3 {
        expect_events(&poll, &mut events, &READ);
        let read = source.try_io(Ready::READABLE, |mut stream| stream.read(&mut [0]));
        assert_eq!(read.unwrap(), 1);
    }
    expect_silence(&poll, &mut events);
}

fn no_option_means_level(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::WRITABLE, PollOpt::empty())
        .unwrap();
    for _ in 0..3 {
        expect_events(&poll, &mut events, &[(Token(1), Ready::WRITABLE)]);
    }
}

fn a_level_ends_with_its_condition(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), BOTH, PollOpt::LEVEL)
        .unwrap();
    expect_events(&poll, &mut events, &[(Token(1), Ready::WRITABLE)]);
    peer.write_all(b"x").unwrap();
    expect_events(&poll, &mut events, &[(Token(1), BOTH)]);
    assert_eq!(drain(&source), 1);
    expect_events(&poll, &mut events, &[(Token(1), Ready::WRITABLE)]);
}

fn an_edge_is_reported_once(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    peer.write_all(b"x").unwrap();
    expect_events(&poll, &mut events, &READ);
    expect_silence(&poll, &mut events);
    expect_silence(&poll, &mut events);
}

fn an_edge_is_reported_if_the_source_is_ready_already(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    peer.write_all(b"x").unwrap();
    until_readable(&stream);
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), BOTH, PollOpt::EDGE)
        .unwrap();
    expect_events(&poll, &mut events, &[(Token(1), BOTH)]);
    expect_silence(&poll, &mut events);
}

fn an_edge_comes_anew_after_would_block(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    for round in 0..100 {
        peer.write_all(&[b'x'; 700][..1 + round * 7 % 700]).unwrap();
        expect_events(&poll, &mut events, &READ);
        assert_eq!(drain(&source), 1 + round * 7 % 700);
        expect_nothing_now(&poll, &mut events);
    }
    expect_silence(&poll, &mut events);
}

fn no_edge_is_lost_between_two_threads(backend: Backend) {
    const COUNT: usize = 20_000;
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    peer.set_nonblocking(false).unwrap();
    let writer = spawn(move || {
        for _ in 0..COUNT {
            peer.write_all(b"x").unwrap();
        }
        peer
    });
    let mut total = 0;
    while total < COUNT {
        // One that was lost would leave the reader here for ever.
        let event = collect(&poll, &mut events)[0];
        assert_eq!(event.token(), Token(1));
        total += drain(&source);
    }
    writer.join();
}

/// One read into a buffer of `len` bytes, reported to the source.
fn read(source: &IoSource<TcpStream>, len: usize) -> std::io::Result<usize> {
    let mut stream = source.get_sole();
    source.note_transfer(Ready::READABLE, stream.read(&mut vec![0; len]), || len)
}

fn a_short_read_drains(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    let clone = clone(&source);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    for drained in [&source, &clone] {
        expect_edges(
            &poll,
            &mut events,
            READ[0],
            || peer.write_all(b"xy").unwrap(),
            || assert_eq!(read(drained, 64).unwrap(), 2),
        );
    }
}

fn reading_the_source_itself_drains(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    stream.set_nonblocking(false).unwrap();
    let mut source = IoSource::nonblocking(stream).unwrap();
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    for way in 0..4 {
        let drain = |source: &mut IoSource<TcpStream>| {
            let (mut head, mut body) = ([0; 1], [0; 64]);
            let bufs = &mut [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
            match way {
                0 => assert_eq!(source.read(&mut [0; 64]).unwrap(), 2),
                1 => assert_eq!(source.read_vectored(bufs).unwrap(), 2),
                _ => {
                    assert_eq!((&*source).read(&mut [0; 2]).unwrap(), 2);
                    let error = source.read(&mut [0; 2]).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                }
            }
        };
        expect_edges(
            &poll,
            &mut events,
            READ[0],
            || peer.write_all(b"xy").unwrap(),
            || drain(&mut source),
        );
    }
    // A full read does not.
    peer.write_all(b"xyz").unwrap();
    expect_events(&poll, &mut events, &READ);
    let (mut one, mut other) = ([0; 1], [0; 1]);
    let bufs = &mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)];
    assert_eq!(source.read_vectored(bufs).unwrap(), 2);
    expect_silence(&poll, &mut events);
}

fn neither_an_empty_nor_a_full_read_drains(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    peer.write_all(b"xyz").unwrap();
    expect_events(&poll, &mut events, &READ);
    assert_eq!(read(&source, 2).unwrap(), 2);
    assert_eq!(read(&source, 0).unwrap(), 0);
    // As of a stream at its end.
    assert_eq!(
        source.note_transfer(Ready::READABLE, Ok(0), || 4).unwrap(),
        0
    );
    expect_silence(&poll, &mut events);
}

fn an_error_that_leaves_the_source_as_it_was_arms_no_edge(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    peer.write_all(b"x").unwrap();
    until_readable(source.get_ref());
    poll.register(&source, Token(1), BOTH, PollOpt::EDGE)
        .unwrap();
    expect_events(&poll, &mut events, &[(Token(1), BOTH)]);
    for kind in [
        ErrorKind::BrokenPipe,
        ErrorKind::NotConnected,
        ErrorKind::InvalidInput,
        ErrorKind::Interrupted,
        ErrorKind::OutOfMemory,
        ErrorKind::Other,
    ] {
        for direction in [Ready::READABLE, Ready::WRITABLE, BOTH] {
            let failed = source.try_io(direction, |_| Err::<(), _>(kind.into()));
            assert_eq!(failed.unwrap_err().kind(), kind);
            let failed = source.note_transfer(direction, Err(kind.into()), || 8);
            assert_eq!(failed.unwrap_err().kind(), kind);
        }
    }
    expect_silence(&poll, &mut events);
}

fn a_write_to_a_broken_stream_at_each_event_ends_the_events(backend: Backend) {
    let by_hook: fn(&IoSource<TcpStream>) -> std::io::Result<usize> =
        |source| source.try_io(Ready::WRITABLE, |mut stream| stream.write(b"x"));
    let by_count = |source: &IoSource<TcpStream>| {
        let mut stream = source.get_sole();
        source.note_transfer(Ready::WRITABLE, stream.write(b"x"), || 1)
    };
    for write in [by_hook, by_count] {
        let (poll, mut events) = setup(backend);
        let (stream, _peer) = tcp_pair();
        let source = IoSource::new(stream);
        poll.register(&source, Token(1), BOTH, PollOpt::EDGE)
            .unwrap();
        expect_events(&poll, &mut events, &[(Token(1), Ready::WRITABLE)]);
        source.get_ref().shutdown(Shutdown::Write).unwrap();
        // The shutdown may be an event, and its acknowledgement another one at any later time.
        let mut reports = 0;
        for _ in 0..8 {
            write(&source).unwrap_err();
            reports += usize::from(!Sentinel::new().events_before(&poll, &mut events).is_empty());
        }
        assert!(
            reports <= 2,
            "{reports} of 8 writes were followed by an event"
        );
    }
}

fn after_the_end_a_short_read_does_not_drain(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    peer.write_all(b"x").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    if END_SHOWS_BEHIND_DATA {
        until_read_closed(source.get_ref());
        let seen = expect_readiness(&poll, &mut events, Token(1), Ready::READ_CLOSED);
        assert_eq!(seen, Ready::READABLE | Ready::READ_CLOSED);
        assert_eq!(read(&source, 64).unwrap(), 1);
        // The end was reported; it is no new edge.
        expect_silence(&poll, &mut events);
    } else {
        expect_events(&poll, &mut events, &READ);
        assert_eq!(read(&source, 64).unwrap(), 1);
        expect_readiness(&poll, &mut events, Token(1), Ready::READ_CLOSED);
    }
    assert_eq!(read(&source, 64).unwrap(), 0);
    expect_silence(&poll, &mut events);
}

fn ends_resets_and_urgent_data_cost_no_event(backend: Backend) {
    let watch = |source: &IoSource<TcpStream>| {
        let (poll, events) = setup(backend);
        poll.register(source, Token(1), Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        (poll, events)
    };
    for moment in Moment::ALL {
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        let (poll, mut events) = watch(&source);
        peer.write_all(b"ping").unwrap();
        expect_end(
            moment,
            (&poll, &mut events, Token(1)),
            || read(&source, 64),
            || until_readable(source.get_ref()),
            || peer.shutdown(Shutdown::Write).unwrap(),
            1,
        );

        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        let (poll, mut events) = watch(&source);
        peer.write_all(b"ping").unwrap();
        expect_end(
            moment,
            (&poll, &mut events, Token(1)),
            || read(&source, 64),
            || until_readable(source.get_ref()),
            || reset(peer),
            2,
        );

        let (stream, peer) = tcp_pair();
        let source = IoSource::new(stream);
        let (poll, mut events) = watch(&source);
        let read = || read(&source, 64);
        expect_data_around_urgent_data(moment, (&poll, &mut events, Token(1)), read, &peer);
    }
}

#[track_caller]
fn clone(source: &IoSource<TcpStream>) -> IoSource<TcpStream> {
    source.try_clone_with(TcpStream::try_clone).unwrap()
}

fn draining_any_clone_arms_every_registered_one(backend: Backend) {
    let (one, mut events) = setup(backend);
    let (other, _) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    one.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    let registered = clone(&source);
    other
        .register(&registered, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    let idle = clone(&registered);
    for drained in [&source, &registered, &idle, &source, &registered, &idle] {
        peer.write_all(b"x").unwrap();
        for poll in [&one, &other] {
            expect_events(poll, &mut events, &READ);
        }
        assert_eq!(drain(drained), 1);
        for poll in [&one, &other] {
            expect_silence(poll, &mut events);
        }
    }
}

fn a_clone_arms_the_registration_that_there_is_now(backend: Backend) {
    let (one, mut events) = setup(backend);
    let (other, _) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    let clone = clone(&source);
    let mut round = |poll: &Poll| {
        expect_edges(
            poll,
            &mut events,
            READ[0],
            || peer.write_all(b"x").unwrap(),
            || assert_eq!(drain(&clone), 1),
        );
    };
    one.register(&source, Token(7), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    one.reregister(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    round(&one);
    one.deregister(&source).unwrap();
    other
        .register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    round(&other);
    drop(other);
    one.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    round(&one);
    // Dropped, it is not re-armed, and nothing else that has its descriptor's number is.
    drop(source);
    let (stream, mut second) = tcp_pair();
    let successor = IoSource::new(stream);
    one.register(&successor, Token(2), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    second.write_all(b"x").unwrap();
    expect_events(&one, &mut events, &[(Token(2), Ready::READABLE)]);
    assert_eq!(drain(&clone), 0);
    expect_silence(&one, &mut events);
}

fn an_edge_drained_through_a_clone_during_a_poll_comes_again(backend: Backend) {
    const ROUNDS: usize = 10_000;
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    let drained = clone(&source);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    let (order, orders) = channel();
    let (report, reports) = channel();
    let drainer = spawn(move || {
        for () in orders {
            until("the byte", || drain(&drained) == 1);
            report.send(()).unwrap();
        }
    });
    for _ in 0..ROUNDS {
        order.send(()).unwrap();
        peer.write_all(b"x").unwrap();
        until("the clone is drained", || {
            poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            reports.try_recv().is_ok()
        });
        // An event of data that are gone by now does not count.
        while poll.poll(&mut events, Some(Duration::ZERO)).unwrap() > 0 {}
        peer.write_all(b"x").unwrap();
        expect_events(&poll, &mut events, &READ);
        assert_eq!(drain(&source), 1);
    }
    drop(order);
    drainer.join();
}

fn edges_of_both_directions_come_by_themselves(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), BOTH, PollOpt::EDGE)
        .unwrap();
    expect_events(&poll, &mut events, &[(Token(1), Ready::WRITABLE)]);
    expect_silence(&poll, &mut events);
    for _ in 0..3 {
        // That the other direction is ready as well may be told again, but need not be.
        peer.write_all(b"x").unwrap();
        let seen = expect_readiness(&poll, &mut events, Token(1), Ready::READABLE);
        assert!(BOTH.contains(seen), "{seen:?}");
        assert_eq!(drain(&source), 1);
    }
}

fn an_edge_tells_of_the_end_of_the_stream(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    peer.write_all(b"x").unwrap();
    expect_events(&poll, &mut events, &READ);
    if !END_SHOWS_BEHIND_DATA {
        assert_eq!(drain(&source), 1);
    }
    peer.shutdown(Shutdown::Write).unwrap();
    expect_readiness(&poll, &mut events, Token(1), Ready::READ_CLOSED);
    assert_eq!(drain(&source), usize::from(END_SHOWS_BEHIND_DATA));
}

const ONESHOTS: [PollOpt; 3] = [
    PollOpt::ONESHOT,
    PollOpt::LEVEL.union(PollOpt::ONESHOT),
    PollOpt::EDGE.union(PollOpt::ONESHOT),
];

fn a_oneshot_stays_silent_until_reregistered(backend: Backend) {
    for opts in ONESHOTS {
        let (poll, mut events) = setup(backend);
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        poll.register(&source, Token(1), Ready::READABLE, opts)
            .unwrap();
        for _ in 0..3 {
            peer.write_all(b"x").unwrap();
            expect_events(&poll, &mut events, &READ);
            expect_silence(&poll, &mut events);
            peer.write_all(b"x").unwrap();
            expect_silence(&poll, &mut events);
            poll.reregister(&source, Token(1), Ready::READABLE, opts)
                .unwrap();
        }
        expect_events(&poll, &mut events, &READ);
        expect_silence(&poll, &mut events);
    }
}

fn a_oneshot_that_was_drained_stays_silent(backend: Backend) {
    for opts in ONESHOTS {
        let (poll, mut events) = setup(backend);
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        poll.register(&source, Token(1), Ready::READABLE, opts)
            .unwrap();
        peer.write_all(b"x").unwrap();
        expect_events(&poll, &mut events, &READ);
        assert_eq!(drain(&source), 1);
        source.mark_drained(BOTH);
        peer.write_all(b"x").unwrap();
        until_readable(source.get_ref());
        expect_silence(&poll, &mut events);
        assert_eq!(drain(&source), 1);
        // Armed again there is nothing to tell, until there is.
        poll.reregister(&source, Token(1), Ready::READABLE, opts)
            .unwrap();
        expect_silence(&poll, &mut events);
        peer.write_all(b"x").unwrap();
        expect_events(&poll, &mut events, &READ);
    }
}

fn a_oneshot_of_one_direction_silences_the_other(backend: Backend) {
    for opts in ONESHOTS {
        let (poll, mut events) = setup(backend);
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        poll.register(&source, Token(1), BOTH, opts).unwrap();
        expect_events(&poll, &mut events, &[(Token(1), Ready::WRITABLE)]);
        peer.write_all(b"x").unwrap();
        until_readable(source.get_ref());
        expect_silence(&poll, &mut events);
        poll.reregister(&source, Token(1), BOTH, opts).unwrap();
        expect_events(&poll, &mut events, &[(Token(1), BOTH)]);
    }
}

fn a_oneshot_that_was_reported_keeps_a_hang_up_to_itself(backend: Backend) {
    for opts in ONESHOTS {
        let (poll, mut events) = setup(backend);
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        poll.register(&source, Token(1), Ready::READABLE, opts)
            .unwrap();
        peer.write_all(b"x").unwrap();
        expect_events(&poll, &mut events, &READ);
        reset(peer);
        expect_silence(&poll, &mut events);
        poll.reregister(&source, Token(1), Ready::READABLE, opts)
            .unwrap();
        expect_readiness(&poll, &mut events, Token(1), Ready::READABLE);
        expect_silence(&poll, &mut events);
    }
}

fn a_oneshot_is_not_spent_before_it_is_reported(backend: Backend) {
    for opts in ONESHOTS {
        let (poll, mut events) = setup(backend);
        let mut pairs: Vec<_> = (0..5)
            .map(|_| {
                let (stream, peer) = tcp_pair();
                (IoSource::new(stream), peer)
            })
            .collect();
        for (at, (source, peer)) in pairs.iter_mut().enumerate() {
            poll.register(&*source, Token(at), Ready::READABLE, opts)
                .unwrap();
            peer.write_all(b"x").unwrap();
        }
        // A batch with room for two at a time gets all five in the end, each of them once.
        let mut small = selector::Events::with_capacity(2);
        let mut tokens = Vec::new();
        while tokens.len() < 5 {
            tokens.extend(
                collect(&poll, &mut small)
                    .iter()
                    .map(|event| event.token().0),
            );
        }
        tokens.sort_unstable();
        assert_eq!(tokens, [0, 1, 2, 3, 4]);
        expect_silence(&poll, &mut events);
    }
}

fn reregister_reports_what_the_source_is_ready_for(backend: Backend) {
    for opts in [PollOpt::EDGE, PollOpt::LEVEL, PollOpt::ONESHOT] {
        let (poll, mut events) = setup(backend);
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        poll.register(&source, Token(1), BOTH, opts).unwrap();
        peer.write_all(b"x").unwrap();
        until_readable(source.get_ref());
        expect_readiness(&poll, &mut events, Token(1), Ready::WRITABLE);
        for _ in 0..3 {
            poll.reregister(&source, Token(1), BOTH, opts).unwrap();
            expect_events(&poll, &mut events, &[(Token(1), BOTH)]);
        }
    }
}

fn reregister_replaces_token_and_interest(backend: Backend) {
    for opts in [PollOpt::EDGE, PollOpt::LEVEL] {
        let (poll, mut events) = setup(backend);
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        poll.register(&source, Token(1), Ready::WRITABLE, opts)
            .unwrap();
        expect_events(&poll, &mut events, &[(Token(1), Ready::WRITABLE)]);
        poll.reregister(&source, Token(2), Ready::READABLE, opts)
            .unwrap();
        expect_silence(&poll, &mut events);
        peer.write_all(b"x").unwrap();
        expect_events(&poll, &mut events, &[(Token(2), Ready::READABLE)]);
        poll.reregister(&source, Token(3), Ready::WRITABLE, opts)
            .unwrap();
        expect_events(&poll, &mut events, &[(Token(3), Ready::WRITABLE)]);
        poll.reregister(&source, Token(3), Ready::empty(), opts)
            .unwrap();
        expect_silence(&poll, &mut events);
    }
}

fn reregister_replaces_the_trigger(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    let source = IoSource::new(stream);
    peer.write_all(b"x").unwrap();
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::ONESHOT)
        .unwrap();
    expect_events(&poll, &mut events, &READ);
    poll.reregister(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    expect_events(&poll, &mut events, &READ);
    expect_events(&poll, &mut events, &READ);
    poll.reregister(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    expect_events(&poll, &mut events, &READ);
    expect_silence(&poll, &mut events);
    assert_eq!(drain(&source), 1);
    peer.write_all(b"x").unwrap();
    expect_events(&poll, &mut events, &READ);
}

fn an_empty_interest_is_silent_about_data(backend: Backend) {
    for opts in [PollOpt::EDGE, PollOpt::LEVEL, PollOpt::ONESHOT] {
        let (poll, mut events) = setup(backend);
        let (stream, mut peer) = tcp_pair();
        let source = IoSource::new(stream);
        poll.register(&source, Token(1), Ready::empty(), opts)
            .unwrap();
        peer.write_all(b"x").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        expect_silence(&poll, &mut events);
    }
}

fn an_empty_interest_reports_a_hang_up(backend: Backend) {
    for opts in [PollOpt::EDGE, PollOpt::LEVEL, PollOpt::ONESHOT] {
        let (poll, mut events) = setup(backend);
        let (stream, peer) = tcp_pair();
        let source = IoSource::new(stream);
        poll.register(&source, Token(1), Ready::empty(), opts)
            .unwrap();
        source.get_ref().shutdown(Shutdown::Write).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        if tells_both_halves_closed(backend) {
            expect_events(&poll, &mut events, &[(Token(1), Ready::HUP)]);
        } else {
            expect_silence(&poll, &mut events);
        }
    }
}

fn an_empty_interest_reports_an_error(backend: Backend) {
    for opts in [PollOpt::EDGE, PollOpt::LEVEL, PollOpt::ONESHOT] {
        let (poll, mut events) = setup(backend);
        let (stream, peer) = tcp_pair();
        let source = IoSource::new(stream);
        poll.register(&source, Token(1), Ready::empty(), opts)
            .unwrap();
        reset(peer);
        if !reports_hang_up(backend) {
            expect_silence(&poll, &mut events);
            continue;
        }
        let seen = expect_readiness(&poll, &mut events, Token(1), Ready::empty());
        assert!(seen.intersects(Ready::ERROR | Ready::HUP), "{seen:?}");
        assert!((Ready::ERROR | Ready::HUP).contains(seen), "{seen:?}");
    }
}

/// Room to write comes and goes at once in a Unix socket and a pipe.
#[cfg(unix)]
mod room {
    use std::io::IoSlice;
    use std::net::{Ipv4Addr, TcpListener};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use selector::{EventedFd, Events};
    use socket2::{Domain, Socket, Type};
    use testkit::{DEADLINE, fill, pipe, unix_pair};

    use super::*;

    testkit::on_each_backend! {
        a_level_of_room_holds_until_it_is_full,
        an_edge_of_room_comes_anew_after_would_block,
        writing_the_source_itself_drains,
        a_oneshot_of_room_stays_silent_until_reregistered,
        each_direction_is_armed_by_its_own_would_block,
        the_edges_of_a_raw_descriptor_are_not_lost,
        an_accept_short_of_descriptors_arms_no_edge,
        a_connect_that_has_begun_arms_both_directions,
        an_edge_of_a_raw_descriptor_is_a_level_only_where_edges_are_emulated,
    }

    const ROOM: [(Token, Ready); 1] = [(Token(1), Ready::WRITABLE)];

    /// Writes through the source's hook until `WouldBlock`.
    fn stuff(source: &IoSource<UnixStream>) {
        loop {
            let write = |mut stream: &UnixStream| stream.write(&[0; 4096]);
            match source.try_io(Ready::WRITABLE, write) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("write failed: {error}"),
            }
        }
    }

    fn a_connect_that_has_begun_arms_both_directions(backend: Backend) {
        let (poll, mut events) = setup(backend);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        let source = IoSource::new(socket);
        poll.register(&source, Token(1), BOTH, PollOpt::EDGE)
            .unwrap();
        // Linux reports a socket without a peer as ready for everything. No read of it would block.
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        events.clear();
        let connect = |socket: &Socket| socket.connect(&address.into());
        if let Err(error) = source.try_io(Ready::WRITABLE, connect) {
            assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS), "{error}");
        }
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"x").unwrap();
        while !events.iter().any(|event| event.is_readable()) {
            let count = poll.poll(&mut events, Some(DEADLINE)).unwrap();
            assert_ne!(count, 0, "the byte was not reported");
        }
    }

    fn a_level_of_room_holds_until_it_is_full(backend: Backend) {
        let (poll, mut events) = setup(backend);
        let (stream, peer) = unix_pair();
        let source = IoSource::new(stream);
        poll.register(&source, Token(1), Ready::WRITABLE, PollOpt::LEVEL)
            .unwrap();
        for _ in 0..3 {
            expect_events(&poll, &mut events, &ROOM);
            expect_events(&poll, &mut events, &ROOM);
            stuff(&source);
            expect_silence(&poll, &mut events);
            testkit::drain(&peer);
        }
    }

    fn an_edge_of_room_comes_anew_after_would_block(backend: Backend) {
        let (poll, mut events) = setup(backend);
        let (stream, peer) = unix_pair();
        let source = IoSource::new(stream);
        poll.register(&source, Token(1), Ready::WRITABLE, PollOpt::EDGE)
            .unwrap();
        for _ in 0..10 {
            expect_readiness(&poll, &mut events, Token(1), Ready::WRITABLE);
            stuff(&source);
            expect_silence(&poll, &mut events);
            testkit::drain(&peer);
        }
    }

    fn writing_the_source_itself_drains(backend: Backend) {
        for vectored in [false, true] {
            let (poll, mut events) = setup(backend);
            let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
            let (reader, mut writer) = (
                IoSource::nonblocking(reader).unwrap(),
                IoSource::nonblocking(writer).unwrap(),
            );
            poll.register(&writer, Token(1), Ready::WRITABLE, PollOpt::EDGE)
                .unwrap();
            // More than a pipe holds: a short write.
            let data = vec![0; 1 << 22];
            let bufs = [IoSlice::new(&data), IoSlice::new(&data)];
            for _ in 0..3 {
                expect_readiness(&poll, &mut events, Token(1), Ready::WRITABLE);
                let count = if vectored {
                    writer.write_vectored(&bufs).unwrap()
                } else {
                    writer.write(&data).unwrap()
                };
                assert!(0 < count && count < data.len(), "{count}");
                writer.flush().unwrap();
                expect_silence(&poll, &mut events);
                testkit::drain(&reader);
            }
        }
    }

    fn a_oneshot_of_room_stays_silent_until_reregistered(backend: Backend) {
        for opts in ONESHOTS {
            let (poll, mut events) = setup(backend);
            let (stream, peer) = unix_pair();
            let source = IoSource::new(stream);
            poll.register(&source, Token(1), Ready::WRITABLE, opts)
                .unwrap();
            for _ in 0..3 {
                expect_events(&poll, &mut events, &ROOM);
                stuff(&source);
                testkit::drain(&peer);
                expect_silence(&poll, &mut events);
                poll.reregister(&source, Token(1), Ready::WRITABLE, opts)
                    .unwrap();
            }
        }
    }

    fn each_direction_is_armed_by_its_own_would_block(backend: Backend) {
        let (poll, mut events) = setup(backend);
        let (stream, mut peer) = unix_pair();
        let source = IoSource::new(stream);
        stuff(&source);
        poll.register(&source, Token(1), BOTH, PollOpt::EDGE)
            .unwrap();
        expect_silence(&poll, &mut events);
        peer.write_all(b"x").unwrap();
        expect_events(&poll, &mut events, &READ);
        // Unread as it is, the data does not hide the room.
        testkit::drain(&peer);
        expect_readiness(&poll, &mut events, Token(1), Ready::WRITABLE);
        stuff(&source);
        testkit::drain(&peer);
        expect_readiness(&poll, &mut events, Token(1), Ready::WRITABLE);
    }

    /// Nobody tells when a raw descriptor is drained, so that an event too many is allowed.
    fn the_edges_of_a_raw_descriptor_are_not_lost(backend: Backend) {
        let (poll, mut events) = setup(backend);
        let (mut reader, mut writer) = pipe();
        let fds = (reader.as_raw_fd(), writer.as_raw_fd());
        poll.register(&EventedFd(&fds.0), Token(1), Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        for _ in 0..10 {
            writer.write_all(b"x").unwrap();
            expect_events(&poll, &mut events, &READ);
            assert_eq!(reader.read(&mut [0; 8]).unwrap(), 1);
            expect_silence(&poll, &mut events);
        }
        poll.register(&EventedFd(&fds.1), Token(2), Ready::WRITABLE, PollOpt::EDGE)
            .unwrap();
        for _ in 0..10 {
            expect_room(&poll, &mut events);
            fill(&writer);
            testkit::drain(&reader);
        }
    }

    /// The connection stays in the queue, so that the program would be told of it without end.
    fn an_accept_short_of_descriptors_arms_no_edge(backend: Backend) {
        testkit::in_child(|| {
            let (poll, mut events) = setup(backend);
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let address = listener.local_addr().unwrap();
            let listener = IoSource::new(listener);
            poll.register(&listener, Token(1), Ready::READABLE, PollOpt::EDGE)
                .unwrap();
            let _client = TcpStream::connect(address).unwrap();
            expect_events(&poll, &mut events, &READ);
            let mut sentinel = Sentinel::new();
            let accept = || listener.try_io(Ready::READABLE, |listener| listener.accept());
            testkit::limit_descriptors(0);
            for _ in 0..3 {
                assert_eq!(accept().unwrap_err().raw_os_error(), Some(libc::EMFILE));
                sentinel.expect_silence(&poll, &mut events);
            }
        });
    }

    fn an_edge_of_a_raw_descriptor_is_a_level_only_where_edges_are_emulated(backend: Backend) {
        let (poll, mut events) = setup(backend);
        let (reader, mut writer) = pipe();
        let fd = reader.as_raw_fd();
        poll.register(&EventedFd(&fd), Token(1), Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        writer.write_all(b"x").unwrap();
        expect_events(&poll, &mut events, &READ);
        if backend == Backend::Poll {
            expect_events(&poll, &mut events, &READ);
        } else {
            expect_silence(&poll, &mut events);
        }
    }

    fn expect_room(poll: &Poll, events: &mut Events) {
        while !collect(poll, events)
            .iter()
            .any(|event| event.token() == Token(2) && event.is_writable())
        {}
    }
}
