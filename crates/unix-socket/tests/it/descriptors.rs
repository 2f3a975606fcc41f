//! Passing descriptors: they arrive whole, owned and close-on-exec, and none leaks.

use std::fs::File;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use selector::{Backend, PollOpt, Ready};
use testkit::platform::EMPTY_RECEIVE_TAKES_DATAGRAM;
use unix_socket::{MAX_FDS, UnixDatagram, UnixStream};

use crate::support::{SOCKET, fails, poll_on};

testkit::on_each_backend! {
    a_stream_that_was_passed_is_a_source_at_the_other_end,
    receiving_until_it_would_block_rearms_the_edge,
}

fn null() -> File {
    File::open("/dev/null").expect("open /dev/null")
}

/// Receives into 16 bytes.
#[track_caller]
fn receive(stream: &UnixStream, fds: &mut Vec<OwnedFd>) -> (Vec<u8>, bool) {
    let mut buf = [0; 16];
    let received = stream
        .recv_fds(&mut [IoSliceMut::new(&mut buf)], fds)
        .expect("receive");
    assert!(!received.truncated);
    (buf[..received.len].to_vec(), received.fds_lost)
}

fn a_stream_that_was_passed_is_a_source_at_the_other_end(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (one, other) = UnixStream::pair().unwrap();
    let (passed, mut peer) = UnixStream::pair().unwrap();
    poll.register(&passed, SOCKET, Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    one.send_fds(&[IoSlice::new(b"x")], &[passed.as_fd()])
        .unwrap();
    // Its duplicate is on its way: the registration ends all the same.
    drop(passed);
    peer.write_all(b"hello").unwrap();
    testkit::expect_silence(&poll, &mut events);

    let mut fds = Vec::new();
    assert_eq!(receive(&other, &mut fds), (b"x".to_vec(), false));
    let mut passed = UnixStream::from(fds.remove(0));
    poll.register(&passed, SOCKET, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
    assert_eq!(passed.read(&mut [0; 16]).unwrap(), 5);
    fails(passed.read(&mut [0; 16]), ErrorKind::WouldBlock);
}

fn receiving_until_it_would_block_rearms_the_edge(backend: Backend) {
    let (poll, mut events) = poll_on(backend);
    let (one, other) = UnixStream::pair().unwrap();
    poll.register(&other, SOCKET, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    let file = null();
    let mut fds = Vec::new();
    for round in 1..4 {
        one.send_fds(&[IoSlice::new(b"x")], &[file.as_fd()])
            .unwrap();
        testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
        receive(&other, &mut fds);
        assert_eq!(fds.len(), round);
        let mut buf = [0; 16];
        let more = other.recv_fds(&mut [IoSliceMut::new(&mut buf)], &mut fds);
        fails(more, ErrorKind::WouldBlock);
        testkit::expect_silence(&poll, &mut events);
    }
}

#[test]
fn descriptors_arrive_in_order_and_work() {
    let (one, other) = UnixStream::pair().unwrap();
    let pipes = [(); 3].map(|()| testkit::pipe());
    let fds = pipes.each_ref().map(|(_, writer)| writer.as_fd());
    one.send_fds(&[IoSlice::new(b"he"), IoSlice::new(b"llo")], &fds)
        .unwrap();
    let mut fds = vec![OwnedFd::from(null())];
    assert_eq!(receive(&other, &mut fds), (b"hello".to_vec(), false));
    assert_eq!(fds.len(), 4, "they are appended");
    for (at, fd) in fds.drain(1..).enumerate() {
        File::from(fd).write_all(&[at as u8]).unwrap();
    }
    for (at, (mut reader, writer)) in pipes.into_iter().enumerate() {
        drop(writer);
        let mut data = Vec::new();
        reader.read_to_end(&mut data).unwrap();
        assert_eq!(data, [at as u8]);
    }
}

#[test]
fn as_many_as_the_limit_pass_at_once_and_no_more() {
    testkit::in_child(|| {
        let (one, other) = UnixStream::pair().unwrap();
        let file = null();
        let before = testkit::descriptors();
        let fds: Vec<BorrowedFd<'_>> = vec![file.as_fd(); MAX_FDS + 1];
        fails(
            one.send_fds(&[IoSlice::new(b"x")], &fds),
            ErrorKind::InvalidInput,
        );
        one.send_fds(&[IoSlice::new(b"x")], &fds[1..]).unwrap();
        let mut received = Vec::new();
        assert_eq!(receive(&other, &mut received), (b"x".to_vec(), false));
        assert_eq!(received.len(), MAX_FDS);
        assert!(
            received
                .iter()
                .all(|fd| testkit::is_close_on_exec(fd.as_raw_fd()))
        );
        drop(received);
        assert_eq!(testkit::descriptors(), before);
    });
}

#[test]
fn descriptors_without_a_byte_are_for_datagrams_alone() {
    let file = null();
    let (one, _other) = UnixStream::pair().unwrap();
    for bufs in [&[][..], &[IoSlice::new(b"")]] {
        fails(one.send_fds(bufs, &[file.as_fd()]), ErrorKind::InvalidInput);
    }
    assert_eq!(one.send_fds(&[], &[]).unwrap(), 0);
    assert_eq!(one.send_fds(&[IoSlice::new(b"x")], &[]).unwrap(), 1);

    let (one, other) = UnixDatagram::pair().unwrap();
    one.send_fds(&[], &[file.as_fd(); 2]).unwrap();
    one.send_fds(&[IoSlice::new(b"x")], &[]).unwrap();
    let mut fds = Vec::new();
    let mut room = [0];
    // A receive without room takes a datagram only on some systems.
    let mut bufs = [IoSliceMut::new(&mut room)];
    let bufs = &mut bufs[usize::from(EMPTY_RECEIVE_TAKES_DATAGRAM)..];
    let received = other.recv_fds(bufs, &mut fds).unwrap();
    assert_eq!((received.len, fds.len()), (0, 2));
    if !EMPTY_RECEIVE_TAKES_DATAGRAM {
        assert_eq!(other.recv_fds(&mut [], &mut fds).unwrap().len, 0);
        return;
    }
    let received = other.recv_fds(&mut [], &mut fds).unwrap();
    assert_eq!((received.len, received.truncated, fds.len()), (0, true, 2));
    fails(other.recv_fds(&mut [], &mut fds), ErrorKind::WouldBlock);
}

#[test]
fn without_room_for_descriptors_the_loss_is_told_and_none_leaks() {
    testkit::in_child(|| {
        let (one, other) = UnixStream::pair().unwrap();
        let file = null();
        one.send_fds(&[IoSlice::new(b"abc")], &[file.as_fd(); 3])
            .unwrap();
        one.send_fds(&[IoSlice::new(b"d")], &[file.as_fd()])
            .unwrap();
        let before = testkit::descriptors();
        testkit::limit_descriptors(1);
        let mut fds = Vec::new();
        assert_eq!(receive(&other, &mut fds), (b"abc".to_vec(), true));
        // Linux hands out those that there was room for, other systems all or none.
        if cfg!(any(target_os = "linux", target_os = "android")) {
            assert_eq!(fds.len(), 1);
        }
        assert!(fds.len() <= 1);
        drop(fds);
        assert_eq!(testkit::descriptors(), before);
        // The next ones are whole again.
        let mut fds = Vec::new();
        assert_eq!(receive(&other, &mut fds), (b"d".to_vec(), false));
        assert_eq!(fds.len(), 1);
    });
}

#[test]
fn descriptor_zero_is_received_like_any_other() {
    testkit::in_child(|| {
        let (one, other) = UnixStream::pair().unwrap();
        one.send_fds(&[IoSlice::new(b"x")], &[null().as_fd()])
            .unwrap();
        // SAFETY: this process does not read its standard input.
        drop(unsafe { OwnedFd::from_raw_fd(0) });
        let mut fds = Vec::new();
        assert_eq!(receive(&other, &mut fds), (b"x".to_vec(), false));
        assert_eq!(fds.len(), 1);
        assert_eq!(fds[0].as_raw_fd(), 0);
    });
}

#[test]
fn what_nobody_asked_for_is_closed() {
    testkit::in_child(|| {
        let (one, mut other) = UnixStream::pair().unwrap();
        let (mut reader, writer) = testkit::pipe();
        let before = testkit::descriptors();
        one.send_fds(&[IoSlice::new(b"x")], &[writer.as_fd()])
            .unwrap();
        assert_eq!(other.read(&mut [0; 4]).unwrap(), 1);
        assert_eq!(testkit::descriptors(), before);
        drop(writer);
        // The duplicate is gone: this is the end of the pipe.
        assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);

        let (_, writer) = testkit::pipe();
        one.send_fds(&[IoSlice::new(b"x")], &[writer.as_fd()])
            .unwrap();
        let mut buf = [0; 4];
        other.read_bufs(&mut [IoSliceMut::new(&mut buf)]).unwrap();
        drop(writer);
        assert_eq!(testkit::descriptors().len(), before.len() - 1);
    });
}

#[test]
fn data_with_descriptors_are_not_mixed_with_others() {
    let (one, other) = UnixStream::pair().unwrap();
    let file = null();
    (&one).write_all(b"before ").unwrap();
    one.send_fds(&[IoSlice::new(b"first ")], &[file.as_fd()])
        .unwrap();
    one.send_fds(&[IoSlice::new(b"second")], &[file.as_fd(); 2])
        .unwrap();
    let (mut fds, mut data, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    while data.len() < 19 {
        let (more, lost) = receive(&other, &mut fds);
        assert!(!lost);
        data.extend(more);
        counts.push(fds.len());
    }
    assert_eq!(data, b"before first second");
    assert_eq!(counts.last(), Some(&3), "{counts:?}");
    assert!(
        counts.contains(&1),
        "the second ones came with their own data: {counts:?}"
    );
}

/// Has the kernel add a descriptor of the sender's process to every message that `socket` receives
/// (`SO_PASSPIDFD`); false before Linux 6.5.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[track_caller]
fn pass_pidfds(socket: BorrowedFd<'_>) -> bool {
    // libc has it for Linux alone; MIPS and SPARC, where the number differs, run no tests.
    const SO_PASSPIDFD: std::ffi::c_int = 76;
    let on = 1_i32;
    // SAFETY: pointer and length are of one live integer.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PASSPIDFD,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    let error = std::io::Error::last_os_error();
    if result == -1 {
        assert_eq!(error.raw_os_error(), Some(libc::ENOPROTOOPT));
    }
    result == 0
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn descriptors_that_the_kernel_adds_are_closed() {
    testkit::in_child(|| {
        let file = null();
        let (one, mut other) = UnixStream::pair().unwrap();
        let (sender, receiver) = UnixDatagram::pair().unwrap();
        if !pass_pidfds(other.as_fd()) || !pass_pidfds(receiver.as_fd()) {
            return; // This kernel adds none.
        }
        let before = testkit::descriptors();
        let mut fds = Vec::new();
        for _ in 0..10 {
            let mut buf = [0; 16];
            let bufs = [IoSlice::new(b"x")];
            one.send_fds(&bufs, &[file.as_fd()]).unwrap();
            receive(&other, &mut fds);
            one.write_bufs(&bufs).unwrap();
            receive(&other, &mut fds);
            one.write_bufs(&bufs).unwrap();
            other.peek(&mut buf).unwrap();
            assert_eq!(other.read(&mut buf).unwrap(), 1);
            one.write_bufs(&bufs).unwrap();
            other.read_bufs(&mut [IoSliceMut::new(&mut buf)]).unwrap();

            sender.send_fds(&bufs, &[file.as_fd()]).unwrap();
            let received = receiver.recv_fds(&mut [IoSliceMut::new(&mut buf)], &mut fds);
            assert!(!received.unwrap().fds_lost);
            sender.send(b"x").unwrap();
            receiver.peek(&mut buf).unwrap();
            receiver.recv(&mut buf).unwrap();
            sender.send(b"x").unwrap();
            receiver.recv_from(&mut buf).unwrap();
            sender.send(b"x").unwrap();
            receiver
                .recv_bufs(&mut [IoSliceMut::new(&mut buf)])
                .unwrap();
        }
        assert_eq!(fds.len(), 20, "those that the peer sent");
        drop(fds);
        assert_eq!(testkit::descriptors(), before);

        // Without room for it the kernel puts a number there that is no descriptor.
        testkit::limit_descriptors(0);
        one.write_bufs(&[IoSlice::new(b"x")]).unwrap();
        let mut fds = Vec::new();
        assert_eq!(receive(&other, &mut fds).0, b"x");
        assert!(fds.is_empty());
    });
}
