//! Both ends: what is reported, what comes out, and what they are made of.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use selector::{Backend, Events, Poll, PollOpt, Ready, Token};
use unix_pipe::{PipeReader, PipeWriter, pipe};

const READER: Token = Token(1);
const WRITER: Token = Token(2);

testkit::on_each_backend! {
    an_edge_is_reported_for_what_is_written_after_a_drain,
    a_full_pipe_is_writable_again_when_it_is_read,
    the_end_of_writers_reads_as_the_end,
    the_end_of_readers_is_reported_and_breaks_the_pipe,
    a_clone_is_a_source_of_its_own,
    both_ends_are_sources,
    a_dropped_reader_is_forgotten_though_a_duplicate_lives,
    a_dropped_writer_is_forgotten_though_a_duplicate_lives,
}

fn poll_on(backend: Backend) -> (Poll, Events) {
    (
        Poll::with_backend(backend).unwrap(),
        Events::with_capacity(8),
    )
}

fn an_edge_is_reported_for_what_is_written_after_a_drain(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (reader, mut writer) = pipe().unwrap();
    poll.register(&reader, READER, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    for _ in 0..3 {
        writer.write_all(b"hello").unwrap();
        testkit::expect_events(&poll, &mut events, &[(READER, Ready::READABLE)]);
        assert_eq!(testkit::drain(&reader), 5);
        testkit::expect_silence(&poll, &mut events);
    }
}

fn a_full_pipe_is_writable_again_when_it_is_read(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (reader, writer) = pipe().unwrap();
    let written = testkit::fill(&writer);
    poll.register(&writer, WRITER, Ready::WRITABLE, PollOpt::EDGE)
        .unwrap();
    testkit::expect_silence(&poll, &mut events);
    assert_eq!(testkit::drain(&reader), written);
    testkit::expect_events(&poll, &mut events, &[(WRITER, Ready::WRITABLE)]);
}

fn the_end_of_writers_reads_as_the_end(backend: Backend) {
    // In a process of its own: a child of another test may hold what is closed here, until it
    // executes its program.
    testkit::in_child(|| {
        let (poll, mut events) = poll_on(backend);
        let (mut reader, mut writer) = pipe().unwrap();
        poll.register(&reader, READER, Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        writer.write_all(b"last").unwrap();
        drop(writer);
        testkit::expect_readiness(&poll, &mut events, READER, Ready::READABLE);
        let mut buf = [0; 16];
        assert_eq!(reader.read(&mut buf).unwrap(), 4);
        assert_eq!(reader.read(&mut buf).unwrap(), 0);
    });
}

fn the_end_of_readers_is_reported_and_breaks_the_pipe(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (reader, mut writer) = pipe().unwrap();
    testkit::fill(&writer);
    poll.register(&writer, WRITER, Ready::WRITABLE, PollOpt::LEVEL)
        .unwrap();
    testkit::expect_silence(&poll, &mut events);
    drop(reader);
    let seen = testkit::collect(&poll, &mut events);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].token(), WRITER);
    let error = writer.write(b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

fn a_clone_is_a_source_of_its_own(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (reader, writer) = pipe().unwrap();
    let clone = reader.try_clone().unwrap();
    poll.register(&reader, READER, Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    poll.register(&clone, Token(3), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    drop(reader);
    writer.try_clone().unwrap().write_all(b"x").unwrap();
    testkit::expect_events(&poll, &mut events, &[(Token(3), Ready::READABLE)]);
    assert_eq!(testkit::drain(&clone), 1);
}

fn both_ends_are_sources(backend: Backend) {
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(b"x").unwrap();
    testkit::expect_evented(backend, &reader, Ready::READABLE);
    testkit::expect_evented(backend, &writer, Ready::WRITABLE);
}

#[test]
fn vectored_calls_move_buffers_in_order() {
    let (mut reader, mut writer) = pipe().unwrap();
    let bufs = [IoSlice::new(b"head"), IoSlice::new(b"body")];
    assert_eq!(writer.write_vectored(&bufs).unwrap(), 8);
    writer.flush().unwrap();
    let (mut a, mut b) = ([0; 6], [0; 6]);
    let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
    assert_eq!(reader.read_vectored(&mut bufs).unwrap(), 8);
    assert_eq!((&a, &b[..2]), (b"headbo", &b"dy"[..]));
    let error = reader.read_vectored(&mut bufs_of(&mut a)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

fn bufs_of(buf: &mut [u8]) -> [IoSliceMut<'_>; 1] {
    [IoSliceMut::new(buf)]
}

#[test]
fn empty_buffers_in_front_are_skipped_and_too_many_are_a_short_transfer() {
    let (mut reader, mut writer) = pipe().unwrap();
    let mut bufs = vec![IoSlice::new(b""); 1_024];
    assert_eq!(writer.write_vectored(&bufs).unwrap(), 0);
    bufs.push(IoSlice::new(b"data"));
    assert_eq!(writer.write_vectored(&bufs).unwrap(), 4);
    let mut data = [0; 8];
    let mut into: Vec<_> = (0..1_024).map(|_| IoSliceMut::new(&mut [])).collect();
    assert_eq!(reader.read_vectored(&mut into).unwrap(), 0);
    into.push(IoSliceMut::new(&mut data));
    assert_eq!(reader.read_vectored(&mut into).unwrap(), 4);
    assert_eq!(&data[..4], b"data");

    let many = vec![IoSlice::new(b"x"); 1_100];
    let written = writer.write_vectored(&many).unwrap();
    assert!((1..1_100).contains(&written), "{written}");
    let mut room = [0; 1_100];
    let mut into: Vec<_> = room.chunks_mut(1).map(IoSliceMut::new).collect();
    assert_eq!(reader.read_vectored(&mut into).unwrap(), written);
}

#[test]
fn both_ends_are_closed_on_exec_and_none_leaks() {
    testkit::in_child(|| {
        let before = testkit::descriptors();
        let (reader, writer) = pipe().unwrap();
        assert!(testkit::is_close_on_exec(reader.as_raw_fd()));
        assert!(testkit::is_close_on_exec(writer.as_raw_fd()));
        assert!(testkit::is_close_on_exec(
            reader.try_clone().unwrap().as_raw_fd()
        ));
        drop((reader, writer));
        assert_eq!(testkit::descriptors(), before);
        testkit::limit_descriptors(1);
        let error = pipe().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    });
}

/// A pipe as `std::io::pipe` makes it, which Rust 1.85 does not have.
fn blocking_pipe() -> [OwnedFd; 2] {
    let mut fds = [-1; 2];
    // SAFETY: writes two numbers to where there is room for two.
    assert_eq!(unsafe { libc::pipe(fds.as_mut_ptr()) }, 0);
    // SAFETY: the descriptors have just been made and nobody else knows them.
    fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

#[test]
fn descriptors_and_pipes_of_std_go_in_and_out() {
    let [reader, writer] = blocking_pipe();
    let mut reader = PipeReader::from_std(reader).unwrap();
    let writer = PipeWriter::from_std(writer).unwrap();
    let error = reader.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(testkit::fill(&writer), testkit::drain(&reader));

    let number = writer.as_raw_fd();
    assert_eq!(writer.as_fd().as_raw_fd(), number);
    let number = PipeWriter::from(OwnedFd::from(writer)).into_raw_fd();
    // SAFETY: the descriptor was given out by the line above, and nobody else has it.
    let mut writer = unsafe { PipeWriter::from_raw_fd(number) };
    writer.write_all(b"x").unwrap();
    let number = reader.into_raw_fd();
    // SAFETY: as above.
    let mut reader = unsafe { PipeReader::from_raw_fd(number) };
    assert_eq!(reader.read(&mut [0; 4]).unwrap(), 1);
}

fn a_dropped_reader_is_forgotten_though_a_duplicate_lives(backend: Backend) {
    let make = || {
        let (reader, mut writer) = pipe().unwrap();
        writer.write_all(b"x").unwrap();
        (reader, writer)
    };
    testkit::expect_ended_despite_duplicates(
        backend,
        Ready::READABLE,
        make,
        PipeReader::try_clone,
        &[&|fd| PipeReader::from_std(fd).unwrap()],
    );
}

fn a_dropped_writer_is_forgotten_though_a_duplicate_lives(backend: Backend) {
    let make = || {
        let (reader, writer) = pipe().unwrap();
        (writer, reader)
    };
    testkit::expect_ended_despite_duplicates(
        backend,
        Ready::WRITABLE,
        make,
        PipeWriter::try_clone,
        &[&|fd| PipeWriter::from_std(fd).unwrap()],
    );
}

#[test]
fn an_end_blocks_only_as_long_as_it_is_set_to() {
    let (mut reader, writer) = pipe().unwrap();
    let would_block = |reader: &mut PipeReader| {
        reader.read(&mut [0; 8]).unwrap_err().kind() == ErrorKind::WouldBlock
    };
    assert!(would_block(&mut reader));
    let clone = reader.try_clone().unwrap();
    clone.set_nonblocking(false).unwrap();
    let blocked = testkit::spawn(move || {
        let mut buf = [0; 8];
        let count = reader.read(&mut buf).unwrap();
        (reader, buf[..count].to_vec())
    });
    // The other end is as it was.
    testkit::fill(&writer);
    let (mut reader, read) = blocked.join();
    assert_eq!(read.len(), 8);
    reader.set_nonblocking(true).unwrap();
    testkit::drain(&reader);
    assert!(would_block(&mut reader));
}
