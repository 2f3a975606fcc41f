//! One event a source, nothing outside the interest, and what closing looks like.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use selector::{Backend, IoSource, PollOpt, Ready, Registration, Token};
use socket2::{Domain, SockRef, Socket, Type};
use testkit::{
    collect, expect_events, expect_readiness, expect_silence, refused_address, reset, tcp_pair,
    until_over, until_read_closed, until_readable,
};

use crate::{END_SHOWS_BEHIND_DATA, reports_hang_up, setup, tells_both_halves_closed};

testkit::on_each_backend! {
    all_kinds_of_a_source_are_one_event,
    several_sources_are_one_event_each,
    user_space_readiness_is_one_event_and_within_the_interest,
    unknown_kinds_change_nothing_for_user_space_sources,
    nothing_outside_the_interest_is_reported,
    a_half_close_is_read_closed_and_no_hang_up,
    a_half_close_behind_unread_data_is_readable_too,
    a_half_close_is_nothing_to_a_writer,
    both_halves_closed_is_a_hang_up,
    a_local_shutdown_is_no_error,
    a_reset_is_an_error_or_a_hang_up,
    only_an_end_implies_readiness_that_the_system_did_not_report,
    priority_data_is_told_to_who_asked,
    a_connection_is_writable_when_it_stands,
    a_refused_connection_is_an_error_or_a_hang_up,
    a_listener_is_readable_when_somebody_waits,
}

const BOTH: Ready = Ready::READABLE.union(Ready::WRITABLE);
const TRIGGERS: [PollOpt; 3] = [PollOpt::LEVEL, PollOpt::EDGE, PollOpt::ONESHOT];

fn source() -> (IoSource<TcpStream>, TcpStream) {
    let (stream, peer) = tcp_pair();
    (IoSource::new(stream), peer)
}

fn all_kinds_of_a_source_are_one_event(backend: Backend) {
    for opts in TRIGGERS {
        let (poll, mut events) = setup(backend);
        let (source, mut peer) = source();
        if END_SHOWS_BEHIND_DATA && testkit::end_is_told_behind_data() {
            peer.write_all(b"x").unwrap();
        }
        peer.shutdown(Shutdown::Write).unwrap();
        until_read_closed(source.get_ref());
        poll.register(&source, Token(1), BOTH, opts).unwrap();
        let batch = collect(&poll, &mut events);
        assert_eq!(batch.len(), 1, "{batch:?}");
        assert_eq!(batch[0].token(), Token(1));
        assert_eq!(batch[0].readiness(), BOTH | Ready::READ_CLOSED);
    }
}

fn several_sources_are_one_event_each(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let sources: Vec<_> = (0..20).map(|_| source()).collect();
    for (at, (source, peer)) in sources.iter().enumerate() {
        { peer }.write_all(b"x").unwrap();
        until_readable(source.get_ref());
        poll.register(source, Token(at), BOTH, PollOpt::LEVEL)
            .unwrap();
    }
    for _ in 0..3 {
        let mut tokens: Vec<usize> = collect(&poll, &mut events)
            .iter()
            .inspect(|event| assert_eq!(event.readiness(), BOTH))
            .map(|event| event.token().0)
            .collect();
        tokens.sort_unstable();
        assert!(tokens.into_iter().eq(0..20));
    }
}

fn user_space_readiness_is_one_event_and_within_the_interest(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (registration, set) = Registration::new();
    poll.register(&registration, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    set.set_readiness(Ready::WRITABLE | Ready::PRIORITY)
        .unwrap();
    set.set_readiness(Ready::WRITE_CLOSED).unwrap();
    expect_silence(&poll, &mut events);
    for readiness in [
        Ready::READABLE,
        Ready::HUP,
        Ready::ERROR,
        Ready::READ_CLOSED,
    ] {
        set.set_readiness(readiness | Ready::WRITABLE).unwrap();
        set.set_readiness(readiness | Ready::WRITABLE).unwrap();
        let batch = collect(&poll, &mut events);
        assert_eq!(batch.len(), 1, "{batch:?}");
        assert_eq!(batch[0].readiness(), readiness);
        expect_silence(&poll, &mut events);
    }
}

fn unknown_kinds_change_nothing_for_user_space_sources(backend: Backend) {
    for bit in 0..u16::BITS {
        let kind = Ready::from_bits_retain(1 << bit);
        let kinds = Ready::READABLE | kind;
        let known = kinds & Ready::all();
        let (poll, mut events) = setup(backend);

        let (level, set_level) = Registration::new();
        set_level.set_readiness(kinds).unwrap();
        assert_eq!(set_level.readiness(), known);
        poll.register(&level, Token(1), kinds, PollOpt::LEVEL)
            .unwrap();
        for _ in 0..2 {
            for _ in 0..2 {
                expect_events(&poll, &mut events, &[(Token(1), known)]);
            }
            set_level.set_readiness(kind - Ready::all()).unwrap();
            assert_eq!(set_level.readiness(), Ready::empty());
            expect_silence(&poll, &mut events);
            set_level.set_readiness(kinds).unwrap();
            poll.reregister(&level, Token(1), kinds, PollOpt::LEVEL)
                .unwrap();
        }
        set_level.set_readiness(Ready::empty()).unwrap();

        let (oneshot, set_oneshot) = Registration::new();
        poll.register(&oneshot, Token(2), kinds, PollOpt::ONESHOT)
            .unwrap();
        for _ in 0..2 {
            set_oneshot.set_readiness(kinds).unwrap();
            expect_events(&poll, &mut events, &[(Token(2), known)]);
            set_oneshot.set_readiness(kinds).unwrap();
            expect_silence(&poll, &mut events);
            set_oneshot.set_readiness(Ready::empty()).unwrap();
            poll.reregister(&oneshot, Token(2), kinds, PollOpt::ONESHOT)
                .unwrap();
        }

        // No cell was taken back while its source lives.
        let (next, set_next) = Registration::new();
        poll.register(&next, Token(3), Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        set_oneshot.set_readiness(Ready::READABLE).unwrap();
        expect_events(&poll, &mut events, &[(Token(2), Ready::READABLE)]);
        set_next.set_readiness(Ready::READABLE).unwrap();
        expect_events(&poll, &mut events, &[(Token(3), Ready::READABLE)]);
        set_level.set_readiness(Ready::READABLE).unwrap();
        expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
    }
}

fn nothing_outside_the_interest_is_reported(backend: Backend) {
    for opts in TRIGGERS {
        let (poll, mut events) = setup(backend);
        let (source, mut peer) = source();
        poll.register(&source, Token(1), Ready::READABLE, opts)
            .unwrap();
        expect_silence(&poll, &mut events); // There is room to write.
        peer.write_all(b"x").unwrap();
        expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
        poll.reregister(&source, Token(1), Ready::WRITABLE, opts)
            .unwrap();
        expect_events(&poll, &mut events, &[(Token(1), Ready::WRITABLE)]);
        poll.reregister(&source, Token(1), Ready::PRIORITY, opts)
            .unwrap();
        expect_silence(&poll, &mut events);
        poll.reregister(&source, Token(1), Ready::READ_CLOSED, opts)
            .unwrap();
        expect_silence(&poll, &mut events);
        if !END_SHOWS_BEHIND_DATA {
            testkit::drain(source.get_ref());
        }
        peer.shutdown(Shutdown::Write).unwrap();
        expect_events(&poll, &mut events, &[(Token(1), Ready::READ_CLOSED)]);
    }
}

fn a_half_close_is_read_closed_and_no_hang_up(backend: Backend) {
    for opts in TRIGGERS {
        let (poll, mut events) = setup(backend);
        let (source, peer) = source();
        poll.register(&source, Token(1), Ready::READABLE, opts)
            .unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let closed = Ready::READABLE | Ready::READ_CLOSED;
        expect_events(&poll, &mut events, &[(Token(1), closed)]);
        // The other half goes on.
        poll.reregister(&source, Token(1), BOTH, opts).unwrap();
        let closed = BOTH | Ready::READ_CLOSED;
        expect_events(&poll, &mut events, &[(Token(1), closed)]);
    }
}

fn a_half_close_behind_unread_data_is_readable_too(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (source, mut peer) = source();
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    peer.write_all(b"x").unwrap();
    expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
    if !END_SHOWS_BEHIND_DATA {
        testkit::drain(source.get_ref());
    }
    peer.shutdown(Shutdown::Write).unwrap();
    let closed = Ready::READABLE | Ready::READ_CLOSED;
    expect_events(&poll, &mut events, &[(Token(1), closed)]);
}

fn a_half_close_is_nothing_to_a_writer(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (source, peer) = source();
    poll.register(&source, Token(1), Ready::WRITABLE, PollOpt::LEVEL)
        .unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    for _ in 0..3 {
        expect_events(&poll, &mut events, &[(Token(1), Ready::WRITABLE)]);
    }
}

fn both_halves_closed_is_a_hang_up(backend: Backend) {
    for opts in TRIGGERS {
        let (poll, mut events) = setup(backend);
        let (source, peer) = source();
        source.get_ref().shutdown(Shutdown::Write).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        until_read_closed(source.get_ref());
        poll.register(&source, Token(1), BOTH, opts).unwrap();
        let closed = if tells_both_halves_closed(backend) {
            Ready::HUP | Ready::READ_CLOSED | Ready::WRITE_CLOSED
        } else {
            Ready::READ_CLOSED
        };
        let seen = expect_readiness(&poll, &mut events, Token(1), closed);
        assert_eq!(seen.is_hup(), closed.is_hup(), "{seen:?}");
        assert!(!seen.is_error(), "{seen:?}");
    }
}

fn a_local_shutdown_is_no_error(backend: Backend) {
    for how in [Shutdown::Write, Shutdown::Read, Shutdown::Both] {
        for opts in TRIGGERS {
            let (poll, mut events) = setup(backend);
            let (source, mut peer) = source();
            poll.register(&source, Token(1), BOTH, opts).unwrap();
            source.get_ref().shutdown(how).unwrap();
            let seen = expect_readiness(&poll, &mut events, Token(1), Ready::WRITABLE);
            assert!(!seen.is_error(), "{how:?}: {seen:?}");
            let over = how == Shutdown::Both && tells_both_halves_closed(backend);
            assert_eq!(seen.is_hup(), over, "{seen:?}");
            if how == Shutdown::Write {
                assert!(!seen.is_read_closed(), "{seen:?}");
                poll.reregister(&source, Token(1), Ready::READABLE, opts)
                    .unwrap();
                expect_silence(&poll, &mut events);
                peer.write_all(b"x").unwrap();
                expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
            }
        }
    }
}

fn a_reset_is_an_error_or_a_hang_up(backend: Backend) {
    for interest in [Ready::READABLE, Ready::WRITABLE, BOTH, Ready::empty()] {
        if interest.is_empty() && !reports_hang_up(backend) {
            continue;
        }
        for opts in TRIGGERS {
            let (poll, mut events) = setup(backend);
            let (source, peer) = source();
            reset(peer);
            until_over(source.get_ref());
            poll.register(&source, Token(1), interest, opts).unwrap();
            let seen = expect_readiness(&poll, &mut events, Token(1), interest);
            assert_eq!(
                seen.intersects(Ready::ERROR | Ready::HUP),
                reports_hang_up(backend),
                "{interest:?}: {seen:?}"
            );
        }
    }
}

fn only_an_end_implies_readiness_that_the_system_did_not_report(backend: Backend) {
    type Provoke = fn(TcpStream) -> Option<TcpStream>;
    let kinds: [Provoke; 3] = [
        |mut peer| {
            peer.write_all(b"x").unwrap();
            Some(peer)
        },
        |peer| {
            peer.shutdown(Shutdown::Write).unwrap();
            Some(peer)
        },
        |peer| {
            reset(peer);
            None
        },
    ];
    for (interest, provoke) in [Ready::READABLE, Ready::WRITABLE, BOTH]
        .into_iter()
        .flat_map(|interest| kinds.map(|provoke| (interest, provoke)))
    {
        let (poll, mut events) = setup(backend);
        let (source, peer) = source();
        let peer = provoke(peer);
        if peer.is_none() {
            until_over(source.get_ref());
        }
        poll.register(
            &source,
            Token(1),
            interest | Ready::READABLE,
            PollOpt::LEVEL,
        )
        .unwrap();
        for event in collect(&poll, &mut events) {
            let (ready, reported) = (event.readiness(), event.system_readiness());
            assert!(
                ready.contains(reported) && !reported.is_empty(),
                "{event:?}"
            );
            let implied = ready - reported;
            assert!(BOTH.contains(implied), "{event:?}");
            let is_over = ready.intersects(Ready::ERROR | Ready::HUP);
            assert!(implied.is_empty() || is_over, "{event:?}");
        }
    }
}

/// The end of a pipe is `EPOLLHUP` or `POLLHUP` alone on Linux.
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    not(any(readywire_libkqueue, readywire_bsd_kernel)),
))]
#[test]
fn the_end_of_a_pipe_is_reported_as_a_hang_up_alone() {
    for backend in [Backend::Epoll, Backend::Poll] {
        for opts in TRIGGERS {
            let (poll, mut events) = setup(backend);
            let (reader, writer) = testkit::pipe();
            let reader = IoSource::new(reader);
            drop(writer);
            poll.register(&reader, Token(1), BOTH, opts).unwrap();
            let batch = collect(&poll, &mut events);
            let hang_up = Ready::HUP | Ready::READ_CLOSED | Ready::WRITE_CLOSED;
            assert_eq!(batch[0].readiness(), hang_up | BOTH);
            assert_eq!(batch[0].system_readiness(), hang_up);
        }
    }
}

/// Whether urgent data is told of: kqueue has no filter for it on FreeBSD, NetBSD and in libkqueue.
fn tells_priority(backend: Backend) -> bool {
    let without = cfg!(any(
        target_os = "freebsd",
        target_os = "netbsd",
        readywire_libkqueue,
        readywire_bsd_kernel,
    ));
    !(without && backend == Backend::Kqueue)
}

fn priority_data_is_told_to_who_asked(backend: Backend) {
    if testkit::lacks_urgent_data() {
        return;
    }
    for opts in TRIGGERS {
        let (poll, mut events) = setup(backend);
        let (source, peer) = source();
        poll.register(&source, Token(1), Ready::READABLE, opts)
            .unwrap();
        SockRef::from(&peer).send_out_of_band(b"!").unwrap();
        expect_silence(&poll, &mut events);
        poll.reregister(&source, Token(1), Ready::PRIORITY, opts)
            .unwrap();
        if !tells_priority(backend) {
            expect_silence(&poll, &mut events);
            continue;
        }
        for _ in 0..3 {
            expect_events(&poll, &mut events, &[(Token(1), Ready::PRIORITY)]);
            let mut byte = [std::mem::MaybeUninit::new(0)];
            SockRef::from(source.get_ref())
                .recv_out_of_band(&mut byte)
                .unwrap();
            testkit::drain(source.get_ref());
            source.mark_drained(Ready::READABLE);
            expect_silence(&poll, &mut events);
            if opts.is_oneshot() {
                break;
            }
            // The next one is news again, to an edge too.
            SockRef::from(&peer).send_out_of_band(b"!").unwrap();
        }
    }
}

fn connecting(address: SocketAddr) -> IoSource<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    // In progress, or over already; either way the event tells.
    let _outcome = socket.connect(&address.into()).is_ok();
    IoSource::new_sole(socket)
}

fn a_connection_is_writable_when_it_stands(backend: Backend) {
    for opts in TRIGGERS {
        let (poll, mut events) = setup(backend);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let source = connecting(listener.local_addr().unwrap());
        poll.register(&source, Token(1), BOTH, opts).unwrap();
        expect_events(&poll, &mut events, &[(Token(1), Ready::WRITABLE)]);
        assert!(source.get_sole().take_error().unwrap().is_none());
    }
}

fn a_refused_connection_is_an_error_or_a_hang_up(backend: Backend) {
    for opts in TRIGGERS {
        let (poll, mut events) = setup(backend);
        let source = connecting(refused_address());
        poll.register(&source, Token(1), Ready::WRITABLE, opts)
            .unwrap();
        let seen = expect_readiness(&poll, &mut events, Token(1), Ready::WRITABLE);
        let ended = seen.intersects(Ready::ERROR | Ready::HUP);
        assert_eq!(ended, reports_hang_up(backend), "{seen:?}");
    }
}

fn a_listener_is_readable_when_somebody_waits(backend: Backend) {
    for opts in TRIGGERS {
        let (poll, mut events) = setup(backend);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = IoSource::new(listener);
        poll.register(&listener, Token(1), Ready::READABLE, opts)
            .unwrap();
        for _ in 0..3 {
            expect_silence(&poll, &mut events);
            let clients = [TcpStream::connect(address), TcpStream::connect(address)];
            expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
            let accept = || listener.try_io(Ready::READABLE, |listener| listener.accept());
            for _ in &clients {
                until_readable(listener.get_ref());
                accept().unwrap();
            }
            assert_eq!(accept().unwrap_err().kind(), ErrorKind::WouldBlock);
            if opts.is_oneshot() {
                poll.reregister(&listener, Token(1), Ready::READABLE, opts)
                    .unwrap();
            }
        }
    }
}

#[cfg(unix)]
mod pipes {
    use std::os::fd::AsFd;

    use testkit::{fill, pipe, unix_pair};

    use super::*;

    testkit::on_each_backend! {
        a_pipe_without_writers_hangs_up,
        a_pipe_without_readers_is_an_error,
        a_unix_stream_whose_peer_is_gone_hangs_up,
    }

    fn a_pipe_without_writers_hangs_up(backend: Backend) {
        for opts in TRIGGERS {
            let (poll, mut events) = setup(backend);
            let (reader, mut writer) = pipe();
            poll.register(&reader.as_fd(), Token(1), Ready::READABLE, opts)
                .unwrap();
            writer.write_all(b"x").unwrap();
            drop(writer);
            until_over(&reader);
            let closed = Ready::HUP | Ready::READ_CLOSED | Ready::READABLE;
            expect_events(&poll, &mut events, &[(Token(1), closed)]);
            assert_eq!(testkit::drain(&reader), 1);
            poll.reregister(&reader.as_fd(), Token(1), Ready::READABLE, opts)
                .unwrap();
            expect_readiness(
                &poll,
                &mut events,
                Token(1),
                Ready::HUP | Ready::READ_CLOSED,
            );
            poll.deregister(&reader.as_fd()).unwrap();
        }
    }

    fn a_pipe_without_readers_is_an_error(backend: Backend) {
        let (poll, mut events) = setup(backend);
        let (reader, writer) = pipe();
        fill(&writer);
        poll.register(&writer.as_fd(), Token(1), Ready::WRITABLE, PollOpt::LEVEL)
            .unwrap();
        expect_silence(&poll, &mut events);
        drop(reader);
        expect_readiness(&poll, &mut events, Token(1), Ready::ERROR);
        poll.deregister(&writer.as_fd()).unwrap();
    }

    fn a_unix_stream_whose_peer_is_gone_hangs_up(backend: Backend) {
        for opts in TRIGGERS {
            let (poll, mut events) = setup(backend);
            let (stream, peer) = unix_pair();
            let source = IoSource::new(stream);
            poll.register(&source, Token(1), Ready::READABLE, opts)
                .unwrap();
            drop(peer);
            let closed = Ready::HUP | Ready::READ_CLOSED | Ready::READABLE;
            expect_events(&poll, &mut events, &[(Token(1), closed)]);
        }
    }
}
