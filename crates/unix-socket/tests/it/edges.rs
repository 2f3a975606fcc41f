//! When an edge comes again: what counts as drained, and through which handle.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::AsFd;

use selector::{Backend, Evented, Events, Poll, PollOpt, Ready};
use socket2::SockRef;
use testkit::{Moment, expect_edges, expect_end, expect_events, expect_silence, until_read_closed};
use unix_socket::{UnixDatagram, UnixListener, UnixStream};

use crate::support::{Folder, SOCKET, fails, poll_on};

testkit::on_each_backend! {
    a_drained_clone_arms_the_registered_stream,
    a_filled_clone_arms_the_registered_stream,
    a_drained_clone_arms_the_registered_datagram_socket,
    a_drained_clone_arms_the_registered_listener,
    a_short_read_drains,
    a_short_write_fills,
    neither_a_full_read_nor_a_peek_drains,
    the_end_is_reported_whenever_it_comes,
    socket2_drains_a_stream_through_try_io,
    socket2_drains_a_datagram_socket_through_try_io,
    the_standard_library_drains_a_listener_through_try_io,
}

const READ: (selector::Token, Ready) = (SOCKET, Ready::READABLE);
const ROOM: (selector::Token, Ready) = (SOCKET, Ready::WRITABLE);

#[track_caller]
fn watch(backend: Backend, source: &impl Evented, interest: Ready) -> (Poll, Events) {
    let (poll, events) = poll_on(backend);
    poll.register(source, SOCKET, interest, PollOpt::EDGE)
        .unwrap();
    (poll, events)
}

fn a_drained_clone_arms_the_registered_stream(backend: Backend) {
    let (mut peer, stream) = UnixStream::pair().unwrap();
    let clone = stream.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &stream, Ready::READABLE);
    let write = || peer.write_all(b"ping").unwrap();
    let drain = || assert_eq!(testkit::drain(&clone), 4);
    expect_edges(&poll, &mut events, READ, write, drain);
}

fn a_filled_clone_arms_the_registered_stream(backend: Backend) {
    let (peer, stream) = UnixStream::pair().unwrap();
    let clone = stream.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &stream, Ready::WRITABLE);
    let make_room = || {
        testkit::drain(&peer);
    };
    let fill = || assert_ne!(testkit::fill(&clone), 0);
    expect_edges(&poll, &mut events, ROOM, make_room, fill);
}

fn a_drained_clone_arms_the_registered_datagram_socket(backend: Backend) {
    let (peer, socket) = UnixDatagram::pair().unwrap();
    let clone = socket.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &socket, Ready::READABLE);
    let send = || assert_eq!(peer.send(b"ping").unwrap(), 4);
    let drain = || {
        assert_eq!(clone.recv(&mut [0; 8]).unwrap(), 4);
        fails(clone.recv(&mut [0; 8]), ErrorKind::WouldBlock);
    };
    expect_edges(&poll, &mut events, READ, send, drain);
}

fn a_drained_clone_arms_the_registered_listener(backend: Backend) {
    let folder = Folder::new();
    let path = folder.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let clone = listener.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &listener, Ready::READABLE);
    let connect = || drop(UnixStream::connect(&path).unwrap());
    let drain = || {
        clone.accept().unwrap();
        fails(clone.accept(), ErrorKind::WouldBlock);
    };
    expect_edges(&poll, &mut events, READ, connect, drain);
}

fn a_short_read_drains(backend: Backend) {
    let reads: [fn(&UnixStream) -> io::Result<usize>; 4] = [
        |mut stream| stream.read(&mut [0; 64]),
        |mut stream| stream.read_vectored(&mut [IoSliceMut::new(&mut [0; 64])]),
        |stream| {
            let (mut one, mut other) = ([0; 2], [0; 62]);
            stream.read_bufs(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)])
        },
        |stream| {
            let received =
                stream.recv_fds(&mut [IoSliceMut::new(&mut [0; 64])], &mut Vec::new())?;
            Ok(received.len)
        },
    ];
    for read in reads {
        let (mut peer, stream) = UnixStream::pair().unwrap();
        let clone = stream.try_clone().unwrap();
        let (poll, mut events) = watch(backend, &stream, Ready::READABLE);
        for drained in [&stream, &clone] {
            let write = || peer.write_all(b"ping").unwrap();
            let drain = || assert_eq!(read(drained).unwrap(), 4);
            expect_edges(&poll, &mut events, READ, write, drain);
        }
    }
}

fn a_short_write_fills(backend: Backend) {
    let large = vec![0; 16 << 20];
    let parts: Vec<_> = large.chunks(1 << 20).map(IoSlice::new).collect();
    let null = std::fs::File::open("/dev/null").unwrap();
    type Write<'a> = &'a dyn Fn(&UnixStream) -> io::Result<usize>;
    let writes: [Write<'_>; 4] = [
        &|mut stream| stream.write(&large),
        &|mut stream| stream.write_vectored(&parts),
        &|stream| stream.write_bufs(&parts),
        &|stream| stream.send_fds(&parts, &[null.as_fd()]),
    ];
    for write in writes {
        let (peer, stream) = UnixStream::pair().unwrap();
        let clone = stream.try_clone().unwrap();
        let (poll, mut events) = watch(backend, &stream, Ready::WRITABLE);
        for filled in [&stream, &clone] {
            let make_room = || {
                testkit::drain(&peer);
            };
            let fill = || assert!(write(filled).unwrap() < large.len());
            expect_edges(&poll, &mut events, ROOM, make_room, fill);
        }
    }
}

fn neither_a_full_read_nor_a_peek_drains(backend: Backend) {
    let (mut peer, mut stream) = UnixStream::pair().unwrap();
    let (poll, mut events) = watch(backend, &stream, Ready::READABLE);
    peer.write_all(b"pingpong").unwrap();
    expect_events(&poll, &mut events, &[READ]);
    assert_eq!(stream.peek(&mut [0; 64]).unwrap(), 8);
    assert_eq!(stream.read(&mut [0; 4]).unwrap(), 4);
    expect_silence(&poll, &mut events);
}

fn socket2_drains_a_stream_through_try_io(backend: Backend) {
    let (mut peer, stream) = UnixStream::pair().unwrap();
    let clone = stream.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &stream, Ready::READABLE);
    for drained in [&stream, &clone] {
        let receive = || {
            drained.try_io(Ready::READABLE, |stream| {
                SockRef::from(stream).recv(&mut [MaybeUninit::uninit(); 8])
            })
        };
        let mut write = || peer.write_all(b"ping").unwrap();
        let drain = || {
            assert_eq!(receive().unwrap(), 4);
            fails(receive(), ErrorKind::WouldBlock);
        };
        expect_edges(&poll, &mut events, READ, &mut write, drain);
        let report_short = || {
            assert_eq!(receive().unwrap(), 4);
            drained.mark_drained(Ready::READABLE);
        };
        expect_edges(&poll, &mut events, READ, write, report_short);
    }
}

fn socket2_drains_a_datagram_socket_through_try_io(backend: Backend) {
    let (peer, socket) = UnixDatagram::pair().unwrap();
    let (poll, mut events) = watch(backend, &socket, Ready::READABLE);
    let receive = || {
        socket.try_io(Ready::READABLE, |socket| {
            SockRef::from(socket).recv(&mut [MaybeUninit::uninit(); 8])
        })
    };
    let send = || assert_eq!(peer.send(b"ping").unwrap(), 4);
    let drain = || {
        assert_eq!(receive().unwrap(), 4);
        fails(receive(), ErrorKind::WouldBlock);
    };
    expect_edges(&poll, &mut events, READ, send, drain);
}

fn the_standard_library_drains_a_listener_through_try_io(backend: Backend) {
    let folder = Folder::new();
    let path = folder.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let (poll, mut events) = watch(backend, &listener, Ready::READABLE);
    let connect = || drop(UnixStream::connect(&path).unwrap());
    let accept = || listener.try_io(Ready::READABLE, |listener| listener.accept());
    let drain = || {
        accept().unwrap();
        fails(accept(), ErrorKind::WouldBlock);
    };
    expect_edges(&poll, &mut events, READ, connect, drain);
}

fn the_end_is_reported_whenever_it_comes(backend: Backend) {
    for moment in Moment::ALL {
        let (peer, stream) = UnixStream::pair().unwrap();
        let (poll, mut events) = watch(backend, &stream, Ready::READABLE);
        let end = || {
            peer.shutdown(Shutdown::Write).unwrap();
            until_read_closed(&stream);
        };
        expect_end(
            moment,
            (&poll, &mut events, SOCKET),
            || (&stream).read(&mut [0; 64]),
            || (&peer).write_all(b"ping").unwrap(),
            end,
            0,
        );
    }
}
