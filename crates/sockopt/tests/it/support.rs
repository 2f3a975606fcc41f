//! Sockets to try options on, and the system's own calls to check them against.

use std::io;
use std::net::{TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};

#[cfg(unix)]
pub(crate) use libc as sys;
#[cfg(windows)]
pub(crate) use windows_sys::Win32::Networking::WinSock as sys;

#[track_caller]
pub(crate) fn tcp() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).expect("a TCP socket")
}

#[track_caller]
pub(crate) fn tcp_v6() -> Socket {
    Socket::new(Domain::IPV6, Type::STREAM, None).expect("a TCP socket of IPv6")
}

#[track_caller]
pub(crate) fn udp() -> Socket {
    Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a UDP socket")
}

#[track_caller]
pub(crate) fn udp_v6() -> Socket {
    Socket::new(Domain::IPV6, Type::DGRAM, None).expect("a UDP socket of IPv6")
}

/// Two ends of a connection.
#[track_caller]
pub(crate) fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("its address");
    let stream = TcpStream::connect(address).expect("a connection");
    let (peer, _) = listener.accept().expect("its other end");
    (stream, peer)
}

/// The bytes of an option, by the system's own call.
#[cfg(unix)]
pub(crate) fn raw_bytes(
    socket: &impl std::os::fd::AsRawFd,
    level: i32,
    number: i32,
) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0_u8; 512];
    let mut length = 512;
    // SAFETY: the buffer is live and 512 bytes long, as `length` says.
    let result = unsafe {
        sys::getsockopt(
            socket.as_raw_fd(),
            level,
            number,
            buffer.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    buffer.truncate(usize::try_from(length).expect("a length"));
    Ok(buffer)
}

/// The bytes of an option, by the system's own call.
#[cfg(windows)]
pub(crate) fn raw_bytes(
    socket: &impl std::os::windows::io::AsRawSocket,
    level: i32,
    number: i32,
) -> io::Result<Vec<u8>> {
    // Winsock wants the exact length of some options: 4 is that of all that are asked for here.
    let mut buffer = vec![0_u8; 4];
    let mut length = 4;
    let handle = usize::try_from(socket.as_raw_socket()).expect("a handle");
    // SAFETY: the buffer is live and 4 bytes long, as `length` says.
    let result =
        unsafe { sys::getsockopt(handle, level, number, buffer.as_mut_ptr(), &raw mut length) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    buffer.truncate(usize::try_from(length).expect("a length"));
    Ok(buffer)
}

/// The number that an option is, by the system's own call.
#[track_caller]
pub(crate) fn raw(socket: &Socket, level: i32, number: i32) -> i64 {
    let bytes = raw_bytes(socket, level, number)
        .unwrap_or_else(|error| panic!("option {number} of level {level}: {error}"));
    match bytes[..] {
        [byte] => i64::from(byte),
        [a, b, c, d, ..] => i64::from(i32::from_ne_bytes([a, b, c, d])),
        _ => panic!("option {number} of level {level}: {bytes:?}"),
    }
}
