//! What concerns the whole process: descriptors and signals.

use std::io::{IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd};

use unix_socket::{UnixDatagram, UnixListener, UnixStream};

use crate::support::Folder;

#[test]
fn no_constructor_that_fails_leaks_a_descriptor() {
    testkit::in_child(|| {
        let folder = Folder::new();
        let path = folder.path("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let stream = UnixStream::connect(&path).unwrap();
        let before = testkit::descriptors();
        assert!(UnixListener::bind(&path).is_err());
        assert!(UnixDatagram::bind(&path).is_err());
        assert!(UnixStream::connect(folder.path("nobody")).is_err());
        assert_eq!(testkit::descriptors(), before);

        testkit::limit_descriptors(1);
        for error in [
            UnixStream::pair().unwrap_err(),
            UnixDatagram::pair().unwrap_err(),
        ] {
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        }
        testkit::limit_descriptors(0);
        for error in [
            UnixStream::connect(&path).unwrap_err(),
            UnixListener::bind(folder.path("other")).unwrap_err(),
            UnixDatagram::unbound().unwrap_err(),
            UnixDatagram::bind(folder.path("other")).unwrap_err(),
            stream.try_clone().unwrap_err(),
            listener.accept().unwrap_err(),
        ] {
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        }
    });
}

#[test]
fn every_descriptor_is_closed_on_exec() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let client = UnixStream::connect(&path).unwrap();
    let (server, _) = listener.accept().unwrap();
    let (one, other) = UnixStream::pair().unwrap();
    let (datagram, peer) = UnixDatagram::pair().unwrap();
    let unbound = UnixDatagram::unbound().unwrap();
    for fd in [
        listener.as_fd(),
        client.as_fd(),
        server.as_fd(),
        one.as_fd(),
        other.as_fd(),
        datagram.as_fd(),
        peer.as_fd(),
        unbound.as_fd(),
    ] {
        assert!(testkit::is_close_on_exec(fd.as_raw_fd()));
    }
    let clone = other.try_clone().unwrap();
    assert!(testkit::is_close_on_exec(clone.as_raw_fd()));
}

#[test]
fn no_write_raises_sigpipe() {
    testkit::in_child(|| {
        testkit::restore_sigpipe();
        let (mut one, other) = UnixStream::pair().unwrap();
        drop(other);
        let (std, other) = std::os::unix::net::UnixStream::pair().unwrap();
        drop(other);
        let taken = UnixStream::from_std(std).unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let bufs = [IoSlice::new(b"x")];
        assert!(one.write(b"x").is_err());
        assert!(one.write_bufs(&bufs).is_err());
        assert!(one.send_fds(&bufs, &[file.as_fd()]).is_err());
        assert!((&taken).write(b"x").is_err());

        let (one, _other) = UnixDatagram::pair().unwrap();
        one.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(one.send(b"x").is_err());
        assert!(one.send_bufs(&bufs).is_err());
        assert!(one.send_fds(&bufs, &[file.as_fd()]).is_err());
    });
}
