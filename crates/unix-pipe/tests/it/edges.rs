//! When an edge comes again: what counts as drained, and through which handle.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::AsRawFd;

use selector::{Backend, Evented, Events, Poll, PollOpt, Ready, Token};
use testkit::{Moment, expect_edges, expect_end, expect_events, expect_silence};
use unix_pipe::{PipeReader, PipeWriter, pipe};

testkit::on_each_backend! {
    a_drained_clone_arms_the_registered_reader,
    a_filled_clone_arms_the_registered_writer,
    a_short_read_drains,
    a_short_write_fills,
    a_full_read_does_not_drain,
    the_end_is_reported_whenever_it_comes,
    libc_drains_and_fills_through_try_io,
}

const END: Token = Token(1);

#[track_caller]
fn watch(backend: Backend, end: &impl Evented, interest: Ready) -> (Poll, Events) {
    let poll = Poll::with_backend(backend).unwrap();
    poll.register(end, END, interest, PollOpt::EDGE).unwrap();
    (poll, Events::with_capacity(8))
}

fn a_drained_clone_arms_the_registered_reader(backend: Backend) {
    let (reader, mut writer) = pipe().unwrap();
    let clone = reader.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &reader, Ready::READABLE);
    let write = || writer.write_all(b"ping").unwrap();
    let drain = || assert_eq!(testkit::drain(&clone), 4);
    expect_edges(&poll, &mut events, (END, Ready::READABLE), write, drain);
}

fn a_filled_clone_arms_the_registered_writer(backend: Backend) {
    let (reader, writer) = pipe().unwrap();
    let clone = writer.try_clone().unwrap();
    let (poll, mut events) = watch(backend, &writer, Ready::WRITABLE);
    let make_room = || {
        testkit::drain(&reader);
    };
    let fill = || assert_ne!(testkit::fill(&clone), 0);
    expect_edges(&poll, &mut events, (END, Ready::WRITABLE), make_room, fill);
}

fn a_short_read_drains(backend: Backend) {
    let reads: [fn(&PipeReader) -> io::Result<usize>; 2] = [
        |mut reader| reader.read(&mut [0; 64]),
        |mut reader| {
            let (mut one, mut other) = ([0; 2], [0; 62]);
            reader.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)])
        },
    ];
    for read in reads {
        let (reader, mut writer) = pipe().unwrap();
        let clone = reader.try_clone().unwrap();
        let (poll, mut events) = watch(backend, &reader, Ready::READABLE);
        for drained in [&reader, &clone] {
            let write = || writer.write_all(b"ping").unwrap();
            let drain = || assert_eq!(read(drained).unwrap(), 4);
            expect_edges(&poll, &mut events, (END, Ready::READABLE), write, drain);
        }
    }
}

fn a_short_write_fills(backend: Backend) {
    const LARGE: &[u8] = &[0; 1 << 20];
    let writes: [fn(&PipeWriter) -> io::Result<usize>; 2] = [
        |mut writer| writer.write(LARGE),
        |mut writer| {
            let (one, other) = LARGE.split_at(4096);
            writer.write_vectored(&[IoSlice::new(one), IoSlice::new(other)])
        },
    ];
    for write in writes {
        let (reader, writer) = pipe().unwrap();
        let clone = writer.try_clone().unwrap();
        let (poll, mut events) = watch(backend, &writer, Ready::WRITABLE);
        for filled in [&writer, &clone] {
            let make_room = || {
                testkit::drain(&reader);
            };
            let fill = || assert!(write(filled).unwrap() < LARGE.len());
            expect_edges(&poll, &mut events, (END, Ready::WRITABLE), make_room, fill);
        }
    }
}

fn a_full_read_does_not_drain(backend: Backend) {
    let (mut reader, mut writer) = pipe().unwrap();
    let (poll, mut events) = watch(backend, &reader, Ready::READABLE);
    writer.write_all(b"pingpong").unwrap();
    expect_events(&poll, &mut events, &[(END, Ready::READABLE)]);
    assert_eq!(reader.read(&mut [0; 4]).unwrap(), 4);
    expect_silence(&poll, &mut events);
}

fn libc_drains_and_fills_through_try_io(backend: Backend) {
    let (reader, writer) = pipe().unwrap();
    let read = || {
        reader.try_io(Ready::READABLE, |reader| {
            let mut buf = vec![0_u8; 1 << 17];
            // SAFETY: the descriptor is borrowed, hence open, and the buffer is as long as told.
            let count =
                unsafe { libc::read(reader.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len()) };
            usize::try_from(count).map_err(|_| io::Error::last_os_error())
        })
    };
    let write = |data: &[u8]| {
        writer.try_io(Ready::WRITABLE, |writer| {
            // SAFETY: the descriptor is borrowed, hence open, and the data are as long as told.
            let count =
                unsafe { libc::write(writer.as_raw_fd(), data.as_ptr().cast(), data.len()) };
            usize::try_from(count).map_err(|_| io::Error::last_os_error())
        })
    };
    let would_block = |result: io::Result<usize>| {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::WouldBlock);
    };
    let large = vec![0; 1 << 20];

    let (poll, mut events) = watch(backend, &reader, Ready::READABLE);
    let provoke = || assert_eq!(write(b"ping").unwrap(), 4);
    let drain = || {
        assert_eq!(read().unwrap(), 4);
        would_block(read());
    };
    expect_edges(&poll, &mut events, (END, Ready::READABLE), provoke, drain);
    let report_short = || {
        assert_eq!(read().unwrap(), 4);
        reader.mark_drained(Ready::READABLE);
    };
    expect_edges(
        &poll,
        &mut events,
        (END, Ready::READABLE),
        provoke,
        report_short,
    );

    let (poll, mut events) = watch(backend, &writer, Ready::WRITABLE);
    let make_room = || drop(read());
    let fill = || {
        assert!(write(&large).unwrap() < large.len());
        would_block(write(&large));
    };
    expect_edges(&poll, &mut events, (END, Ready::WRITABLE), make_room, fill);
    let report_short = || {
        assert!(write(&large).unwrap() < large.len());
        writer.mark_drained(Ready::WRITABLE);
    };
    expect_edges(
        &poll,
        &mut events,
        (END, Ready::WRITABLE),
        make_room,
        report_short,
    );
}

fn the_end_is_reported_whenever_it_comes(backend: Backend) {
    // In a process of its own: a child of another test may hold what is closed here, until it
    // executes its program.
    testkit::in_child(|| {
        for moment in Moment::ALL {
            let (reader, mut writer) = pipe().unwrap();
            let (poll, mut events) = watch(backend, &reader, Ready::READABLE);
            writer.write_all(b"ping").unwrap();
            expect_end(
                moment,
                (&poll, &mut events, END),
                || (&reader).read(&mut [0; 64]),
                || {},
                || drop(writer),
                0,
            );
        }
    });
}
