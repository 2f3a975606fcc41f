//! Descriptors: none leaks, all are close-on-exec.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use udp_socket::UdpSocket;

use crate::support::socket;

#[test]
fn no_constructor_that_fails_leaks_a_descriptor() {
    testkit::in_child(|| {
        let (socket, address) = socket();
        let before = testkit::descriptors();
        assert!(UdpSocket::bind(&address).is_err());
        assert!(UdpSocket::bind(&"192.0.2.1:0".parse().unwrap()).is_err());
        assert_eq!(testkit::descriptors(), before);
        testkit::limit_descriptors(0);
        for result in [
            UdpSocket::bind(&"127.0.0.1:0".parse().unwrap()),
            socket.try_clone(),
        ] {
            assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EMFILE));
        }
    });
}

#[test]
fn every_descriptor_is_closed_on_exec() {
    let (socket, _) = socket();
    let clone = socket.try_clone().unwrap();
    assert!(testkit::is_close_on_exec(socket.as_raw_fd()));
    assert!(testkit::is_close_on_exec(clone.as_raw_fd()));
}

#[test]
fn a_descriptor_goes_in_and_out_as_it_is() {
    let (socket, address) = socket();
    let number = socket.as_raw_fd();
    assert_eq!(socket.as_fd().as_raw_fd(), number);
    let fd = OwnedFd::from(socket);
    assert_eq!(fd.as_raw_fd(), number);
    let number = UdpSocket::from(fd).into_raw_fd();
    // SAFETY: the descriptor was given out by the line above, and nobody else has it.
    let socket = unsafe { UdpSocket::from_raw_fd(number) };
    assert_eq!(socket.local_addr().unwrap(), address);
}
