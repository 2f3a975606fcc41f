//! Options: how much of a value is written, and that it is the socket's.

use std::net::UdpSocket;
use std::os::fd::AsFd;

use crate::UNTOUCHED;

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

#[test]
fn a_value_shorter_than_the_room_leaves_the_rest_alone() {
    let socket = socket();
    let mut value = [UNTOUCHED; 12];
    let (level, name) = (libc::SOL_SOCKET, libc::SO_TYPE);
    // SAFETY: the kind of a socket is an `int`.
    let len = unsafe { system_call::getsockopt(socket.as_fd(), level, name, &mut value[..8]) };
    assert_eq!(len.unwrap(), 4);
    assert_eq!(value[..4], libc::SOCK_DGRAM.to_ne_bytes());
    assert_eq!(value[4..], [UNTOUCHED; 8]);
}

/// Some systems cut the value, others refuse.
#[test]
fn a_value_longer_than_the_room_is_not_written_past_it() {
    let socket = socket();
    let (level, name) = (libc::SOL_SOCKET, libc::SO_TYPE);
    let mut value = [UNTOUCHED; 8];
    // SAFETY: the kind of a socket is an `int`, of which there is room for a part.
    let len = unsafe { system_call::getsockopt(socket.as_fd(), level, name, &mut value[..2]) };
    assert!(len.as_ref().map_or(true, |len| *len <= 2), "{len:?}");
    assert_eq!(value[2..], [UNTOUCHED; 6]);
}

#[test]
fn a_value_that_is_set_is_the_sockets() {
    let socket = socket();
    let (level, name) = (libc::SOL_SOCKET, libc::SO_BROADCAST);
    for on in [true, false] {
        let value = i32::from(on).to_ne_bytes();
        // SAFETY: whether a socket may broadcast is an `int`.
        unsafe { system_call::setsockopt(socket.as_fd(), level, name, &value) }.unwrap();
        assert_eq!(socket.broadcast().unwrap(), on);
    }
}

#[test]
fn a_value_that_is_too_short_and_an_unknown_option_are_refused() {
    let socket = socket();
    let (level, name) = (libc::SOL_SOCKET, libc::SO_BROADCAST);
    // SAFETY: whether a socket may broadcast is an `int`; this is a part of one.
    let error = unsafe { system_call::setsockopt(socket.as_fd(), level, name, &[1, 0]) };
    assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::EINVAL));
    assert!(!socket.broadcast().unwrap());
    // SAFETY: no system has an option of this number.
    let error = unsafe { system_call::setsockopt(socket.as_fd(), level, 0x7654_3210, &[0; 4]) };
    assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::ENOPROTOOPT));
    // SAFETY: as above.
    let error = unsafe { system_call::getsockopt(socket.as_fd(), level, 0x7654_3210, &mut [0; 4]) };
    assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::ENOPROTOOPT));
}
