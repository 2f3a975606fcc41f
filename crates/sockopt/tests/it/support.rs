//! Sockets to try options on, and the system's own calls to check them against.

use std::io;
use std::net::{TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};

#[cfg(unix)]
pub(crate) use libc as sys;
#[cfg(windows)]
pub(crate) use windows_sys::Win32::Networking::WinSock as sys;

/// What the idle time of keepalive is to the system.
#[cfg(target_vendor = "apple")]
pub(crate) const KEEPALIVE_IDLE: i32 = sys::TCP_KEEPALIVE;
#[cfg(not(any(target_vendor = "apple", target_os = "openbsd")))]
pub(crate) const KEEPALIVE_IDLE: i32 = sys::TCP_KEEPIDLE;

/// Wine 8 and the first releases of Windows 10 know neither the times of keepalive nor fast open.
#[cfg(windows)]
pub(crate) const LACKS_SOME: bool = true;
#[cfg(all(unix, not(target_os = "openbsd")))]
pub(crate) const LACKS_SOME: bool = false;

/// Says whether the system knows the times of keepalive; if not, asserts that it says so and that
/// keepalive stays off.
#[cfg(not(target_os = "openbsd"))]
#[track_caller]
pub(crate) fn keepalive_has_times() -> bool {
    use std::time::Duration;

    let socket = tcp();
    let Err(missing) = raw_bytes(&socket, sys::IPPROTO_TCP, KEEPALIVE_IDLE) else {
        return true;
    };
    if !LACKS_SOME {
        panic!("{missing}");
    }
    let second = Duration::from_secs(1);
    let keepalive = sockopt::Keepalive::new(second);
    for result in [
        sockopt::KEEPALIVE.set(&socket, Some(second)),
        sockopt::KEEPALIVE_PROBES.set(&socket, Some(keepalive)),
        sockopt::KEEPALIVE_IDLE.set(&socket, second),
        sockopt::KEEPALIVE_IDLE.get(&socket).map(drop),
        sockopt::KEEPALIVE_INTERVAL.set(&socket, second),
        sockopt::KEEPALIVE_INTERVAL.get(&socket).map(drop),
        sockopt::KEEPALIVE_RETRIES.set(&socket, 1),
        sockopt::KEEPALIVE_RETRIES.get(&socket).map(drop),
    ] {
        let error = result.expect_err("one time is missing, another is there");
        let reason = sockopt::OptionError::from_io(&error);
        let unknown = matches!(reason, Some(sockopt::OptionError::Unknown { .. }));
        assert!(unknown, "{error}, after {missing}");
    }
    assert!(!sockopt::KEEPALIVE_ENABLED.get(&socket).unwrap());
    false
}

/// Whether the system is one that qemu-user plays: it hands on the options it knows, refuses some
/// others, and takes the rest of TCP for an `int`.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn is_emulated() -> bool {
    raw_bytes(&tcp(), sys::IPPROTO_TCP, sys::TCP_INFO).map_or(true, |bytes| bytes.len() == 4)
}

#[track_caller]
pub(crate) fn tcp() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).expect("a TCP socket")
}

/// A socket of IPv6, unless the machine has none: the test is skipped then.
#[track_caller]
pub(crate) fn tcp_v6() -> Option<Socket> {
    v6(Type::STREAM)
}

#[track_caller]
pub(crate) fn udp() -> Socket {
    Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a UDP socket")
}

/// A socket of IPv6, unless the machine has none: the test is skipped then.
#[track_caller]
pub(crate) fn udp_v6() -> Option<Socket> {
    v6(Type::DGRAM)
}

#[track_caller]
fn v6(kind: Type) -> Option<Socket> {
    (!testkit::lacks_ipv6_sockets())
        .then(|| Socket::new(Domain::IPV6, kind, None).expect("a socket of IPv6"))
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
