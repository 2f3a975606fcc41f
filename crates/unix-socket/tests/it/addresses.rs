//! Addresses: paths, abstract names, none, and bad ones.

use std::io::{ErrorKind, Read};
use std::os::unix::net::SocketAddr;

use unix_socket::{UnixDatagram, UnixListener, UnixStream};

use crate::support::{Folder, fails};

#[test]
fn paths_are_told_by_both_ends() {
    let folder = Folder::new();
    let (path, own) = (folder.path("listener"), folder.path("client"));
    let listener = UnixListener::bind(&path).unwrap();
    assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
    let client = UnixStream::connect(&path).unwrap();
    assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
    assert!(client.local_addr().unwrap().is_unnamed());

    // A client that is bound has a name at the other end.
    let (_, _) = listener.accept().unwrap();
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&socket2::SockAddr::unix(&own).unwrap())
        .unwrap();
    socket
        .connect(&socket2::SockAddr::unix(&path).unwrap())
        .unwrap();
    let (stream, peer) = listener.accept().unwrap();
    assert_eq!(peer.as_pathname(), Some(&*own));
    assert_eq!(stream.peer_addr().unwrap().as_pathname(), Some(&*own));
}

#[test]
fn addresses_of_std_work_as_paths_do() {
    let folder = Folder::new();
    let address = SocketAddr::from_pathname(folder.path("stream")).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    UnixStream::connect_addr(&address).unwrap();
    listener.accept().unwrap();

    let address = SocketAddr::from_pathname(folder.path("datagram")).unwrap();
    let server = UnixDatagram::bind_addr(&address).unwrap();
    let client = UnixDatagram::unbound().unwrap();
    client.send_to_addr(b"one", &address).unwrap();
    client.connect_addr(&address).unwrap();
    client.send(b"three").unwrap();
    let mut buf = [0; 8];
    assert_eq!(server.recv(&mut buf).unwrap(), 3);
    assert_eq!(server.recv(&mut buf).unwrap(), 5);
}

#[test]
fn a_path_that_exists_or_where_nobody_is_fails() {
    // In a process of its own: a child of another test may hold what is closed here, until it
    // executes its program.
    testkit::in_child(|| {
        let folder = Folder::new();
        let path = folder.path("socket");
        fails(UnixStream::connect(&path), ErrorKind::NotFound);
        let listener = UnixListener::bind(&path).unwrap();
        fails(UnixListener::bind(&path), ErrorKind::AddrInUse);
        fails(UnixDatagram::bind(&path), ErrorKind::AddrInUse);
        drop(listener);
        // The file is still there.
        fails(UnixStream::connect(&path), ErrorKind::ConnectionRefused);
        let datagram = UnixDatagram::unbound().unwrap();
        assert!(datagram.connect(&path).is_err());
        assert!(datagram.send_to(b"x", &path).is_err());
    });
}

#[test]
fn paths_that_are_no_addresses_are_refused() {
    let long = "x".repeat(200);
    for path in [&long[..], "with\0zero"] {
        fails(UnixListener::bind(path), ErrorKind::InvalidInput);
        fails(UnixStream::connect(path), ErrorKind::InvalidInput);
        fails(UnixDatagram::bind(path), ErrorKind::InvalidInput);
        let socket = UnixDatagram::unbound().unwrap();
        fails(socket.connect(path), ErrorKind::InvalidInput);
        fails(socket.send_to(b"x", path), ErrorKind::InvalidInput);
    }
}

#[test]
fn pairs_have_no_names() {
    let (one, other) = UnixStream::pair().unwrap();
    for address in [one.local_addr(), one.peer_addr(), other.local_addr()] {
        assert!(address.unwrap().is_unnamed());
    }
    let (one, other) = UnixDatagram::pair().unwrap();
    for address in [one.local_addr(), one.peer_addr(), other.local_addr()] {
        assert!(address.unwrap().is_unnamed());
    }
}

/// A path that fills the address, so that no NUL ends it. The kernel takes and reports it; std makes
/// none.
mod full_paths {
    use std::os::fd::OwnedFd;

    use socket2::{Domain, SockAddr, SockAddrStorage, SockRef, Socket, Type};

    use super::*;

    /// Whether std reports all of such a path. Elsewhere the kernel's length counts no NUL, and std cuts
    /// off the last byte in its place.
    const REPORTED_WHOLE: bool = cfg!(any(target_os = "linux", target_os = "android"));

    /// The address of a socket in `folder` whose path has as many bytes as there is room for.
    fn address(folder: &Folder) -> SockAddr {
        let mut storage = SockAddrStorage::zeroed();
        // SAFETY: any bytes are a `sockaddr_un`.
        let address = unsafe { storage.view_as::<libc::sockaddr_un>() };
        address.sun_family = libc::AF_UNIX as libc::sa_family_t;
        let path = folder.path("").into_os_string().into_encoded_bytes();
        address.sun_path.fill(b'x' as libc::c_char);
        for (to, from) in address.sun_path.iter_mut().zip(path) {
            *to = from as libc::c_char;
        }
        let len = size_of::<libc::sockaddr_un>() as libc::socklen_t;
        // SAFETY: the storage holds an address of this length.
        unsafe { SockAddr::new(storage, len) }
    }

    fn bound(kind: Type, address: &SockAddr) -> OwnedFd {
        let socket = Socket::new(Domain::UNIX, kind, None).unwrap();
        socket.bind(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.into()
    }

    #[track_caller]
    fn is_full(address: &SocketAddr) {
        let path = address.as_pathname().expect("a path").as_os_str();
        let room =
            size_of::<libc::sockaddr_un>() - std::mem::offset_of!(libc::sockaddr_un, sun_path);
        assert!(path.as_encoded_bytes().ends_with(b"xxx"), "{path:?}");
        assert_eq!(path.len(), room - usize::from(!REPORTED_WHOLE));
    }

    #[test]
    fn accept_returns_the_connection_and_its_address() {
        let folder = Folder::new();
        let listener = UnixListener::bind(folder.path("listener")).unwrap();
        let client = Socket::from(bound(Type::STREAM, &address(&folder)));
        client
            .connect(&SockAddr::unix(folder.path("listener")).unwrap())
            .unwrap();
        let (mut server, peer) = listener.accept().unwrap();
        is_full(&peer);
        is_full(&server.peer_addr().unwrap());
        client.send(b"hello").unwrap();
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 5);
    }

    #[test]
    fn a_listener_there_can_be_reached_by_the_address_it_reports() {
        let folder = Folder::new();
        let listener = bound(Type::STREAM, &address(&folder));
        SockRef::from(&listener).listen(4).unwrap();
        let listener = UnixListener::from(listener);
        let own = listener.local_addr().unwrap();
        is_full(&own);
        if !REPORTED_WHOLE {
            fails(UnixStream::connect_addr(&own), ErrorKind::NotFound);
            return;
        }
        let client = UnixStream::connect_addr(&own).unwrap();
        is_full(&client.peer_addr().unwrap());
        listener.accept().unwrap();
    }

    #[test]
    fn a_datagram_can_be_answered() {
        let folder = Folder::new();
        let server = UnixDatagram::bind(folder.path("server")).unwrap();
        let client = UnixDatagram::from(bound(Type::DGRAM, &address(&folder)));
        is_full(&client.local_addr().unwrap());
        client.send_to(b"hello", folder.path("server")).unwrap();
        let (len, from) = server.recv_from(&mut [0; 8]).unwrap();
        assert_eq!(len, 5);
        is_full(&from);
        if !REPORTED_WHOLE {
            fails(server.send_to_addr(b"answer", &from), ErrorKind::NotFound);
            return;
        }
        server.send_to_addr(b"answer", &from).unwrap();
        assert_eq!(client.recv(&mut [0; 8]).unwrap(), 6);
        server.connect_addr(&from).unwrap();
        is_full(&server.peer_addr().unwrap());
    }
}

#[test]
fn a_peer_with_an_address_of_another_family_is_accepted_without_a_name() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    testkit::until_readable(&listener);
    let listener = UnixListener::from(std::os::fd::OwnedFd::from(listener));
    let (_stream, peer) = listener.accept().unwrap();
    assert!(peer.is_unnamed());
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod abstract_names {
    #[cfg(target_os = "android")]
    use std::os::android::net::SocketAddrExt;
    #[cfg(target_os = "linux")]
    use std::os::linux::net::SocketAddrExt;

    use super::*;

    fn address(name: &str) -> SocketAddr {
        let name = format!("readywire-test-{}-{name}", std::process::id());
        SocketAddr::from_abstract_name(name).unwrap()
    }

    #[test]
    fn they_are_told_by_both_ends() {
        // In a process of its own: a child of another test may hold what is closed here, until it
        // executes its program.
        testkit::in_child(|| {
            let address = address("stream");
            fails(
                UnixStream::connect_addr(&address),
                ErrorKind::ConnectionRefused,
            );
            let listener = UnixListener::bind_addr(&address).unwrap();
            fails(UnixListener::bind_addr(&address), ErrorKind::AddrInUse);
            let client = UnixStream::connect_addr(&address).unwrap();
            listener.accept().unwrap();
            let name = address.as_abstract_name();
            assert!(name.is_some());
            assert_eq!(client.peer_addr().unwrap().as_abstract_name(), name);
            assert_eq!(listener.local_addr().unwrap().as_abstract_name(), name);
            drop(listener);
            // No file is left behind.
            UnixListener::bind_addr(&address).unwrap();
        });
    }

    #[test]
    fn they_may_be_of_any_length_and_hold_any_byte() {
        for len in [1, 106, 107] {
            let mut name = vec![0; len];
            let own = std::process::id().to_ne_bytes();
            let shared = len.min(own.len());
            name[..shared].copy_from_slice(&own[..shared]);
            let address = SocketAddr::from_abstract_name(&name).unwrap();
            let server = match UnixDatagram::bind_addr(&address) {
                Ok(server) => server,
                // Somebody else may have one of the few short names.
                Err(error) if len == 1 => {
                    assert_eq!(error.kind(), ErrorKind::AddrInUse);
                    continue;
                }
                Err(error) => panic!("{error}"),
            };
            let client = UnixDatagram::bind_addr(&self::address(&format!("to-{len}"))).unwrap();
            client.send_to_addr(b"x", &address).unwrap();
            let (count, from) = server.recv_from(&mut [0; 4]).unwrap();
            assert_eq!(count, 1);
            server.send_to_addr(b"answer", &from).unwrap();
            assert_eq!(client.recv(&mut [0; 8]).unwrap(), 6);
        }
    }

    #[test]
    fn the_peer_of_an_accepted_stream_has_one_if_it_is_bound() {
        let (listener_address, own) = (address("listener"), address("client"));
        let listener = UnixListener::bind_addr(&listener_address).unwrap();
        let socket =
            socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        let system = |address: &SocketAddr| {
            use std::os::unix::ffi::OsStrExt;
            let path = [b"\0", address.as_abstract_name().unwrap()].concat();
            socket2::SockAddr::unix(std::ffi::OsStr::from_bytes(&path)).unwrap()
        };
        socket.bind(&system(&own)).unwrap();
        socket.connect(&system(&listener_address)).unwrap();
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(peer.as_abstract_name(), own.as_abstract_name());
    }

    #[test]
    fn an_address_without_a_name_lets_the_system_choose_one() {
        let (one, _other) = UnixStream::pair().unwrap();
        let unnamed = one.local_addr().unwrap();
        let listener = UnixListener::bind_addr(&unnamed).unwrap();
        let address = listener.local_addr().unwrap();
        assert!(address.as_abstract_name().is_some());
        UnixStream::connect_addr(&address).unwrap();
        listener.accept().unwrap();
    }
}

#[test]
fn a_datagram_from_another_family_is_received_without_its_address() {
    let inet = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    inet.set_nonblocking(true).unwrap();
    let address = inet.local_addr().unwrap();
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(b"lost", address).unwrap();
    sender.send_to(b"ping", address).unwrap();
    testkit::until_readable(&inet);
    let socket = UnixDatagram::from(std::os::fd::OwnedFd::from(inet));
    fails(socket.recv_from(&mut [0; 8]), ErrorKind::InvalidInput);
    let mut buf = [0; 8];
    testkit::until_readable(&socket);
    assert_eq!(socket.recv(&mut buf).unwrap(), 4);
    assert_eq!(&buf[..4], b"ping");
}
