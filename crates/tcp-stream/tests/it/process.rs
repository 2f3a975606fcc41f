//! What concerns the whole process: its descriptors, its limits, its signals.

use std::collections::BTreeSet;
use std::io::{ErrorKind, IoSlice, Write};
use std::net::{self, Shutdown};
use std::process::Command;

use selector::Ready;
use socket2::{Domain, Socket, Type};
use tcp_stream::TcpStream;
use testkit::{descriptors, in_child, is_close_on_exec, limit_descriptors, restore_sigpipe};

use crate::support::{fails, listener, pair, wait};

#[test]
fn without_a_descriptor_left_nothing_is_made_and_nothing_leaks() {
    in_child(|| {
        let (_listener, address) = listener();
        let stream = TcpStream::connect(&address).unwrap();
        wait(&stream, Ready::WRITABLE);
        let before = descriptors();
        let room_for_the_list = std::fs::File::open("/dev/null").unwrap();
        limit_descriptors(0);

        let full = |result: std::io::Result<TcpStream>| {
            let error = result.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        };
        full(TcpStream::connect(&address));
        full(stream.try_clone());
        #[cfg(any(target_os = "linux", target_os = "android"))]
        full(TcpStream::connect_fast_open(&address));
        // These need no descriptor.
        let stream = TcpStream::from_stream(stream.into()).unwrap();
        stream.finish_connect().unwrap();
        drop(room_for_the_list);
        assert_eq!(descriptors(), before);
    });
}

#[test]
fn a_constructor_that_fails_closes_what_it_had() {
    in_child(|| {
        let before = descriptors();
        let v6 = "[::1]:1".parse().unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        TcpStream::connect_stream(socket.into(), &v6).unwrap_err();
        // A connection to a broadcast address fails at once.
        let everybody = "255.255.255.255:1".parse().unwrap();
        TcpStream::connect(&everybody).unwrap_err();
        #[cfg(any(target_os = "linux", target_os = "android"))]
        TcpStream::connect_fast_open(&everybody).unwrap_err();
        let (stream, peer) = pair();
        let address = peer.local_addr().unwrap();
        TcpStream::connect_stream(stream.into(), &address).unwrap_err();
        drop(peer);
        assert_eq!(descriptors(), before);
    });
}

#[test]
fn no_descriptor_survives_exec() {
    if testkit::lacks_file("/dev/fd") {
        return;
    }
    in_child(|| {
        let inherited = |during: &str| -> BTreeSet<String> {
            let list = Command::new("ls").arg("/dev/fd/").output().unwrap();
            assert!(list.status.success(), "{during}: {list:?}");
            let list = String::from_utf8(list.stdout).unwrap();
            list.lines().map(str::to_owned).collect()
        };
        let before = inherited("before");
        let (listener, address) = listener();
        let connected = TcpStream::connect(&address).unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let streams = [
            connected.try_clone().unwrap(),
            connected,
            TcpStream::connect_stream(socket.into(), &address).unwrap(),
            TcpStream::from_stream(net::TcpStream::connect(address).unwrap()).unwrap(),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            TcpStream::connect_fast_open(&address).unwrap_or_else(|error| {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                TcpStream::connect(&address).unwrap()
            }),
        ];
        for stream in &streams {
            assert!(is_close_on_exec(std::os::fd::AsRawFd::as_raw_fd(stream)));
        }
        assert_eq!(inherited("during"), before);
        drop((streams, listener));
    });
}

type WriteCall = fn(&TcpStream) -> std::io::Result<usize>;

/// Every way to write, with something to write.
const WRITES: [(&str, WriteCall); 3] = [
    ("write", |mut stream| stream.write(b"x")),
    ("write_vectored", |mut stream| {
        stream.write_vectored(&[IoSlice::new(b"x"), IoSlice::new(b"y")])
    }),
    ("write_bufs", |stream| {
        stream.write_bufs(&[IoSlice::new(b"x"), IoSlice::new(b"y")])
    }),
];

#[test]
fn no_write_raises_sigpipe() {
    in_child(|| {
        restore_sigpipe();
        for (name, write) in WRITES {
            println!("{name}:");
            let (stream, peer) = pair();
            stream.shutdown(Shutdown::Write).unwrap();
            fails(write(&stream), ErrorKind::BrokenPipe);
            drop(peer);

            // The first write to a peer that is gone draws a reset, the next one meets it.
            let (stream, peer) = pair();
            drop(peer);
            let broken = loop {
                match write(&stream) {
                    Ok(_) => wait(&stream, Ready::WRITABLE),
                    Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                    Err(error) => break error,
                }
            };
            assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
        }
    });
}

/// The plain call of the system has no flag against the signal: so the test above can fail.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
#[should_panic = "signal: 13"]
fn a_bare_vectored_write_would_raise_it() {
    in_child(|| {
        restore_sigpipe();
        let (stream, _peer) = pair();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut bare = net::TcpStream::from(stream);
        let _killed = bare.write_vectored(&[IoSlice::new(b"x")]);
    });
}
