//! A refusal carries the system's number.

use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;

#[track_caller]
fn expect<T: std::fmt::Debug>(result: io::Result<T>, error: c_int) {
    let found = result.unwrap_err();
    assert_eq!(found.raw_os_error(), Some(error), "{found}");
}

#[test]
fn what_is_no_socket_is_refused() {
    let (reader, writer) = testkit::pipe();
    expect(
        system_call::recv(reader.as_fd(), &mut [0], 0),
        libc::ENOTSOCK,
    );
    expect(system_call::send(writer.as_fd(), b"x", 0), libc::ENOTSOCK);
    let bufs = [io::IoSlice::new(b"x")];
    expect(
        system_call::send_vectored(writer.as_fd(), &bufs, 0),
        libc::ENOTSOCK,
    );
}

#[test]
fn the_wrong_end_is_refused() {
    let (reader, writer) = testkit::pipe();
    expect(system_call::write(reader.as_fd(), b"x"), libc::EBADF);
    let mut buf = [0];
    let mut bufs = [io::IoSliceMut::new(&mut buf)];
    expect(system_call::readv(writer.as_fd(), &mut bufs), libc::EBADF);
}

#[test]
fn a_pipe_that_cannot_be_made_leaves_nothing_open() {
    testkit::in_child(|| {
        testkit::limit_descriptors(1);
        expect(system_call::pipe(), libc::EMFILE);
        std::fs::File::open("/dev/null").expect("the descriptor that is left");
    });
}

/// In place no function of the C library runs that would set it; whoever reads `errno` must not find
/// the error of another call there because of us.
#[test]
fn an_error_does_not_come_from_the_call_before() {
    let (one, _other) = testkit::unix_pair();
    let (_reader, writer) = testkit::pipe();
    for _ in 0..3 {
        expect(system_call::send(writer.as_fd(), b"x", 0), libc::ENOTSOCK);
        expect(system_call::recv(one.as_fd(), &mut [0], 0), libc::EAGAIN);
    }
}
