//! How sockets are taken over and given back, and who the peer is.

use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net;

use selector::{Backend, Poll, PollOpt, Ready};
use unix_socket::{UnixDatagram, UnixListener, UnixStream};

use crate::support::{Folder, SOCKET, fails};

testkit::on_each_backend! {
    a_dropped_stream_is_forgotten_though_a_duplicate_lives,
    a_dropped_datagram_socket_is_forgotten_though_a_duplicate_lives,
    a_dropped_listener_is_forgotten_though_a_duplicate_lives,
}

#[test]
fn sockets_of_std_are_set_to_non_blocking() {
    // In a process of its own: a child of another test may hold what is closed here, until it
    // executes its program.
    testkit::in_child(|| {
        let (one, other) = net::UnixStream::pair().unwrap();
        fails(
            UnixStream::from_std(one).unwrap().read(&mut [0]),
            ErrorKind::WouldBlock,
        );
        // Its peer is gone, which does not matter here.
        let mut other = UnixStream::try_from(other).unwrap();
        assert_eq!(other.read(&mut [0]).unwrap(), 0);

        let (one, other) = net::UnixDatagram::pair().unwrap();
        for socket in [UnixDatagram::from_std(one), UnixDatagram::try_from(other)] {
            fails(socket.unwrap().recv(&mut [0]), ErrorKind::WouldBlock);
        }

        let folder = Folder::new();
        let listener = net::UnixListener::bind(folder.path("one")).unwrap();
        fails(
            UnixListener::from_std(listener).unwrap().accept(),
            ErrorKind::WouldBlock,
        );
        let listener = net::UnixListener::bind(folder.path("other")).unwrap();
        fails(
            UnixListener::try_from(listener).unwrap().accept(),
            ErrorKind::WouldBlock,
        );
    });
}

#[test]
fn giving_a_socket_back_ends_its_registration() {
    let folder = Folder::new();
    let poll = Poll::new().unwrap();
    let (one, _other) = UnixStream::pair().unwrap();
    let (datagram, _other) = UnixDatagram::pair().unwrap();
    let listener = UnixListener::bind(folder.path("socket")).unwrap();
    for _ in 0..2 {
        // Each is one source, and what is registered twice is refused.
        poll.register(&one, SOCKET, Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        let again = poll.register(&one, SOCKET, Ready::READABLE, PollOpt::LEVEL);
        fails(again, ErrorKind::AlreadyExists);
        poll.deregister(&one).unwrap();
        fails(poll.deregister(&one), ErrorKind::NotFound);
    }
    for source in [&datagram as &dyn selector::Evented, &listener, &one] {
        poll.register(source, SOCKET, Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
    }
    let one = UnixStream::from_std(one.into()).unwrap();
    let datagram = UnixDatagram::from_std(datagram.into()).unwrap();
    let listener = UnixListener::from_std(listener.into()).unwrap();
    for source in [&datagram as &dyn selector::Evented, &listener, &one] {
        poll.register(source, SOCKET, Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
    }
}

#[test]
fn descriptors_go_in_and_out_as_they_are() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let (one, _other) = UnixStream::pair().unwrap();
    let (datagram, _other) = UnixDatagram::pair().unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    let numbers = [one.as_raw_fd(), datagram.as_raw_fd(), listener.as_raw_fd()];
    let lent = [one.as_fd(), datagram.as_fd(), listener.as_fd()];
    assert_eq!(lent.map(|fd| fd.as_raw_fd()), numbers);
    assert!(!format!("{one:?} {datagram:?} {listener:?}").is_empty());

    let one = UnixStream::from(OwnedFd::from(one)).into_raw_fd();
    let datagram = UnixDatagram::from(OwnedFd::from(datagram)).into_raw_fd();
    let listener = UnixListener::from(OwnedFd::from(listener)).into_raw_fd();
    assert_eq!([one, datagram, listener], numbers);
    // SAFETY: the descriptor was given out above, and nobody else has it.
    let one = unsafe { UnixStream::from_raw_fd(one) };
    // SAFETY: as above.
    let datagram = unsafe { UnixDatagram::from_raw_fd(datagram) };
    // SAFETY: as above.
    let listener = unsafe { UnixListener::from_raw_fd(listener) };
    assert!(one.local_addr().unwrap().is_unnamed());
    assert!(datagram.local_addr().unwrap().is_unnamed());
    assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
}

#[test]
fn peer_credentials_name_this_process() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let client = UnixStream::connect(&path).unwrap();
    let (server, _) = listener.accept().unwrap();
    let (one, other) = UnixStream::pair().unwrap();
    // SAFETY: takes nothing and touches no memory of ours.
    let uid = unsafe { libc::geteuid() };
    // SAFETY: as above.
    let gid = unsafe { libc::getegid() };
    let tells_processes = cfg!(any(
        target_os = "linux",
        target_os = "android",
        target_vendor = "apple",
        target_os = "illumos",
    ));
    for stream in [&client, &server, &one, &other] {
        let peer = stream.peer_credentials().unwrap();
        assert_eq!((peer.uid, peer.gid), (uid, gid));
        let own = std::process::id() as libc::pid_t;
        assert_eq!(peer.pid, tells_processes.then_some(own));
    }
}

/// The process whose credentials a client sees.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn the_client_sees_the_process_that_listened_not_the_one_that_accepts() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let fd = listener.as_raw_fd();
    // SAFETY: the child makes two system calls and nothing else.
    let child = match unsafe { libc::fork() } {
        0 => {
            // SAFETY: takes two numbers.
            let listened = unsafe { libc::listen(fd, 16) };
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(listened) }
        }
        child => child,
    };
    assert_ne!(child, -1, "{}", std::io::Error::last_os_error());
    let mut status = 0;
    // SAFETY: `status` is ours to write.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);

    let client = UnixStream::connect(&path).unwrap();
    let (server, _) = listener.accept().unwrap();
    let own = std::process::id() as libc::pid_t;
    assert_eq!(server.peer_credentials().unwrap().pid, Some(own));
    assert_eq!(client.peer_credentials().unwrap().pid, Some(child));
}

#[test]
fn a_stream_without_a_peer_has_no_credentials() {
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    let stream = UnixStream::from(OwnedFd::from(socket));
    assert!(stream.peer_credentials().is_err());
}

#[test]
fn a_descriptor_that_is_no_socket_has_no_credentials() {
    // A failed call must not leave zeroes, which are root's.
    let file = std::fs::File::open("/dev/null").unwrap();
    let stream = UnixStream::from(OwnedFd::from(file));
    let error = stream.peer_credentials().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
}

fn a_dropped_stream_is_forgotten_though_a_duplicate_lives(backend: Backend) {
    testkit::expect_ended_despite_duplicates(
        backend,
        Ready::WRITABLE,
        || UnixStream::pair().unwrap(),
        UnixStream::try_clone,
        &[&|fd| UnixStream::from_std(fd.into()).unwrap()],
    );
}

fn a_dropped_datagram_socket_is_forgotten_though_a_duplicate_lives(backend: Backend) {
    testkit::expect_ended_despite_duplicates(
        backend,
        Ready::WRITABLE,
        || UnixDatagram::pair().unwrap(),
        UnixDatagram::try_clone,
        &[&|fd| UnixDatagram::from_std(fd.into()).unwrap()],
    );
}

fn a_dropped_listener_is_forgotten_though_a_duplicate_lives(backend: Backend) {
    let make = || {
        let folder = Folder::new();
        let path = folder.path("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let client = UnixStream::connect(&path).unwrap();
        (listener, (folder, client))
    };
    testkit::expect_ended_despite_duplicates(
        backend,
        Ready::READABLE,
        make,
        UnixListener::try_clone,
        &[&|fd| UnixListener::from_std(fd.into()).unwrap()],
    );
}
