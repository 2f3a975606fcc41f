//! Who a stream is: its addresses, its clones, its descriptor.

use std::io::{Read, Write};
use std::net;

use selector::{Backend, Events, Poll, PollOpt, Ready, Token};
use tcp_stream::TcpStream;
use testkit::{expect_events, expect_silence};

use crate::support::{STREAM, pair, wait};

testkit::on_each_backend! {
    a_clone_is_a_source_of_its_own,
    what_was_taken_out_is_no_longer_registered,
}

fn a_clone_is_a_source_of_its_own(backend: Backend) {
    const CLONE: Token = Token(8);
    let (stream, mut peer) = pair();
    let clone = stream.try_clone().unwrap();
    let poll = Poll::with_backend(backend).unwrap();
    let other = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(4);
    poll.register(&stream, STREAM, Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    poll.register(&clone, CLONE, Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    peer.write_all(b"x").unwrap();
    let both = [(STREAM, Ready::READABLE), (CLONE, Ready::READABLE)];
    expect_events(&poll, &mut events, &both);

    // One moves on to another poll, and the first is not told of it any more.
    poll.deregister(&clone).unwrap();
    other
        .register(&clone, CLONE, Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    expect_events(&poll, &mut events, &both[..1]);
    expect_events(&other, &mut events, &both[1..]);

    // The data are shared, and so is the connection, until the last one goes.
    drop(stream);
    expect_silence(&poll, &mut events);
    assert_eq!((&clone).read(&mut [0; 2]).unwrap(), 1);
    (&clone).write_all(b"y").unwrap();
    peer.set_nonblocking(false).unwrap();
    peer.read_exact(&mut [0]).unwrap();
    drop(clone);
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
}

fn what_was_taken_out_is_no_longer_registered(backend: Backend) {
    let (stream, mut peer) = pair();
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(4);
    poll.register(&stream, STREAM, Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    let mut taken = net::TcpStream::from(stream);
    peer.write_all(b"x").unwrap();
    expect_silence(&poll, &mut events);
    // It is non-blocking still, and has the byte.
    let stream = TcpStream::from_stream(taken.try_clone().unwrap()).unwrap();
    wait(&stream, Ready::READABLE);
    assert_eq!(taken.read(&mut [0; 2]).unwrap(), 1);
    let error = taken.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_clone_shares_the_options() {
    let (stream, _peer) = pair();
    let clone = stream.try_clone().unwrap();
    stream.set_nodelay(false).unwrap();
    assert!(!clone.nodelay().unwrap());
    clone.set_nodelay(true).unwrap();
    assert!(stream.nodelay().unwrap());
    assert_eq!(clone.peer_addr().unwrap(), stream.peer_addr().unwrap());
}

#[test]
fn addresses_are_those_of_both_ends() {
    for ip in testkit::loopbacks() {
        let (stream, peer) = testkit::tcp_pair_on(ip);
        let stream = TcpStream::from_stream(stream).unwrap();
        assert_eq!(stream.local_addr().unwrap(), peer.peer_addr().unwrap());
        assert_eq!(stream.peer_addr().unwrap(), peer.local_addr().unwrap());
    }
}

#[test]
fn debug_shows_both_addresses() {
    let (stream, _peer) = pair();
    let text = format!("{stream:?}");
    let addresses = [stream.local_addr(), stream.peer_addr()];
    for address in addresses.map(|address| address.unwrap().to_string()) {
        assert!(text.contains(&address), "{text}");
    }
}

#[test]
fn a_stream_can_be_sent_and_shared() {
    fn check<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    check::<TcpStream>();
}

#[cfg(unix)]
mod unix {
    use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

    use super::*;
    use crate::support::listener;

    testkit::on_each_backend! { a_dropped_stream_is_forgotten_though_a_duplicate_lives }

    fn a_dropped_stream_is_forgotten_though_a_duplicate_lives(backend: Backend) {
        let make = || {
            let (listener, address) = listener();
            let stream = TcpStream::connect(&address).unwrap();
            (stream, listener)
        };
        testkit::expect_ended_despite_duplicates(
            backend,
            Ready::WRITABLE,
            make,
            TcpStream::try_clone,
            &[&|fd| TcpStream::from_stream(fd.into()).unwrap(), &|fd| {
                TcpStream::from_std(fd.into()).unwrap()
            }],
        );

        let (_listener, address) = listener();
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        let duplicate = socket.try_clone().unwrap();
        let stream = TcpStream::connect_stream(socket.into(), &address).unwrap();
        let way = "connect_stream";
        testkit::expect_ended(backend, Ready::WRITABLE, way, stream, |_| duplicate);
    }

    #[test]
    fn a_descriptor_goes_out_and_comes_back() {
        let (stream, mut peer) = pair();
        let fd = stream.as_raw_fd();
        assert_eq!(stream.as_fd().as_raw_fd(), fd);
        assert!(format!("{stream:?}").contains(&fd.to_string()));

        let owned = OwnedFd::from(stream);
        assert_eq!(owned.as_raw_fd(), fd);
        let stream = TcpStream::from(owned);
        let raw = stream.into_raw_fd();
        assert_eq!(raw, fd);
        // SAFETY: the descriptor has just been given out, and is owned by nobody.
        let mut stream = unsafe { TcpStream::from_raw_fd(raw) };
        stream.write_all(b"x").unwrap();
        peer.set_nonblocking(false).unwrap();
        peer.read_exact(&mut [0]).unwrap();
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::ffi::c_int;
    use std::fs;
    use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
    use std::os::fd::AsRawFd;

    use socket2::{Domain, Socket, Type};

    use super::*;

    /// The IPv6 addresses of this machine that only count on one link, with the link's number.
    fn link_local() -> Vec<(Ipv6Addr, u32)> {
        // Address, number of the interface, length of the prefix, scope, flags, name.
        const TENTATIVE: u8 = 0x40;
        const DUPLICATE: u8 = 0x08;
        let table = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
        let hex = |text: &str| u32::from_str_radix(text, 16).unwrap();
        table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|line| line[3] == "20")
            .filter(|line| hex(line[4]) as u8 & (TENTATIVE | DUPLICATE) == 0)
            .map(|line| (u128::from_str_radix(line[0], 16).unwrap(), hex(line[1])))
            .map(|(address, link)| (Ipv6Addr::from(address), link))
            .collect()
    }

    #[test]
    fn scope_and_flow_are_kept_in_addresses() {
        if testkit::lacks_ipv6() {
            return;
        }
        // The traffic class of the flow field, as it is on the wire; a label would have to be
        // asked for beforehand.
        let flow = if testkit::on_qemu() {
            0 // qemu-user hands no option of the flow on
        } else {
            0x0040_0000_u32.to_be()
        };
        let mut addresses = vec![(Ipv6Addr::LOCALHOST, 0)];
        // qemu-user leaves the scope in the byte order of the machine it runs on.
        if !testkit::on_qemu() || cfg!(target_endian = "little") {
            addresses.extend(link_local());
        }
        for (ip, scope) in addresses {
            println!("{ip}%{scope}:");
            let any = SocketAddrV6::new(ip, 0, 0, scope);
            let listener = net::TcpListener::bind(any).unwrap();
            let port = listener.local_addr().unwrap().port();
            let address = SocketAddr::from(SocketAddrV6::new(ip, port, flow, scope));

            let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
            let on: c_int = 1;
            const IPV6_FLOWINFO_SEND: c_int = 33;
            // SAFETY: pointer and length are of one live integer.
            let set = unsafe {
                libc::setsockopt(
                    socket.as_raw_fd(),
                    libc::IPPROTO_IPV6,
                    IPV6_FLOWINFO_SEND,
                    (&raw const on).cast(),
                    size_of::<c_int>() as libc::socklen_t,
                )
            };
            assert_eq!(set == 0, flow != 0, "{}", std::io::Error::last_os_error());
            let (mut value, mut len): (c_int, _) = (0, size_of::<c_int>() as libc::socklen_t);
            // SAFETY: pointers and length are of live integers.
            let read = unsafe {
                libc::getsockopt(
                    socket.as_raw_fd(),
                    libc::IPPROTO_IPV6,
                    IPV6_FLOWINFO_SEND,
                    (&raw mut value).cast(),
                    &raw mut len,
                )
            };
            if set == 0 && read != 0 {
                return testkit::skip("no IPV6_FLOWINFO_SEND");
            }
            let stream = TcpStream::connect_stream(socket.into(), &address).unwrap();
            wait(&stream, Ready::WRITABLE);
            assert_eq!(stream.peer_addr().unwrap(), address);

            let (_, from) = listener.accept().unwrap();
            let own = stream.local_addr().unwrap();
            assert_eq!((own.ip(), own.port()), (from.ip(), from.port()));
            let SocketAddr::V6(own) = own else {
                panic!("{own}")
            };
            assert_eq!(own.scope_id(), scope);
        }
    }
}
