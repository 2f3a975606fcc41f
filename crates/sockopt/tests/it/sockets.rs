//! Whose sockets the options take.

use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;

use crate::support::{connected, tcp};

#[test]
fn std_sockets_are_taken() {
    let (stream, _peer) = connected();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();

    sockopt::NODELAY.set(&stream, true).unwrap();
    assert!(stream.nodelay().unwrap());
    sockopt::TTL.set(&listener, 7).unwrap();
    assert_eq!(listener.ttl().unwrap(), 7);
    sockopt::BROADCAST.set(&datagrams, true).unwrap();
    assert!(datagrams.broadcast().unwrap());
}

#[test]
fn what_the_owner_sets_is_read() {
    let (stream, _peer) = connected();
    let socket = tcp();

    stream.set_nodelay(true).unwrap();
    assert!(sockopt::NODELAY.get(&stream).unwrap());
    socket.set_keepalive(true).unwrap();
    assert!(sockopt::KEEPALIVE_ENABLED.get(&socket).unwrap());
}

#[test]
fn references_and_shared_sockets_are_taken() {
    let socket = Arc::new(tcp());
    let reference = socket2::SockRef::from(&*socket);

    sockopt::NODELAY.set(&socket, true).unwrap();
    assert!(sockopt::NODELAY.get(&*reference).unwrap());
    assert!(sockopt::NODELAY.get(&&*socket).unwrap());
}

#[cfg(unix)]
#[test]
fn borrowed_descriptors_are_taken_as_trait_objects() {
    use std::os::fd::AsFd;

    let socket = tcp();
    let borrowed = socket.as_fd();
    let dynamic: &dyn AsFd = &borrowed;

    sockopt::NODELAY.set(dynamic, true).unwrap();
    assert!(sockopt::NODELAY.get(&borrowed).unwrap());
}

#[cfg(unix)]
#[test]
fn what_is_no_socket_gets_the_error_of_the_system() {
    let file = std::fs::File::open("/dev/null").unwrap();

    for error in [
        sockopt::NODELAY.get(&file).unwrap_err(),
        sockopt::NODELAY.set(&file, true).unwrap_err(),
        sockopt::LINGER.get(&file).unwrap_err(),
        sockopt::TYPE.get(&file).unwrap_err(),
        sockopt::take_error(&file).unwrap_err(),
    ] {
        assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
        assert_eq!(sockopt::OptionError::from_io(&error), None);
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn an_unknown_option_is_named_with_the_version_that_brought_it() {
    use std::io::ErrorKind;

    let datagrams = crate::support::udp();
    for (error, text) in [
        (
            sockopt::FASTOPEN_CONNECT.get(&datagrams).unwrap_err(),
            "TCP_FASTOPEN_CONNECT: unknown to this system (known since Linux 4.11) or to this kind of socket",
        ),
        (
            sockopt::NODELAY.set(&datagrams, true).unwrap_err(),
            "TCP_NODELAY: unknown to this system or to this kind of socket",
        ),
    ] {
        assert_eq!(error.to_string(), text);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn an_option_of_tcp_is_named_on_a_unix_socket() {
    let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
    for error in [
        sockopt::NODELAY.get(&socket).unwrap_err(),
        sockopt::NODELAY.set(&socket, true).unwrap_err(),
        sockopt::CONGESTION.set(&socket, "reno").unwrap_err(),
        sockopt::KEEPALIVE_IDLE
            .set(&socket, std::time::Duration::from_secs(1))
            .unwrap_err(),
    ] {
        let reason = sockopt::OptionError::from_io(&error);
        let named = matches!(reason, Some(sockopt::OptionError::Unknown { .. }));
        assert!(named, "{error}");
        assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
        assert_eq!(error.raw_os_error(), None);
    }
}

#[test]
fn a_fresh_socket_has_no_pending_error() {
    assert!(sockopt::take_error(&tcp()).unwrap().is_none());
}

#[cfg(unix)]
#[test]
fn the_pending_error_is_taken_once() {
    use std::net::SocketAddr;

    // Bound and never listening, so that nobody else gets the port.
    let silent = tcp();
    silent
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    let socket = tcp();
    socket.set_nonblocking(true).unwrap();

    let error = match socket.connect(&silent.local_addr().unwrap()) {
        Ok(()) => panic!("connected to a socket that does not listen"),
        // Some systems say it at once, and leave nothing pending.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => error,
        Err(_) => {
            wait_until_ready(&socket);
            sockopt::take_error(&socket)
                .unwrap()
                .expect("a pending error")
        }
    };

    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(sockopt::take_error(&socket).unwrap().is_none());
}

/// Waits until a connection is made or refused.
#[cfg(unix)]
#[track_caller]
fn wait_until_ready(socket: &socket2::Socket) {
    use std::os::fd::AsRawFd;

    let mut entry = libc::pollfd {
        fd: socket.as_raw_fd(),
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: `entry` is one live entry, as the count says.
    let ready = unsafe { libc::poll(&raw mut entry, 1, 30_000) };
    assert_eq!(ready, 1, "{}", std::io::Error::last_os_error());
}
