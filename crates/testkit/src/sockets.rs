//! Sockets, ready made; all of them non-blocking.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener as StdListener, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::platform::BOUND_PORT_REFUSES;
use crate::watchdog;

/// Returns the two ends of a TCP connection over IPv4 loopback.
#[track_caller]
pub fn tcp_pair() -> (TcpStream, TcpStream) {
    tcp_pair_on(Ipv4Addr::LOCALHOST.into())
}

/// Returns the two ends of a TCP connection over one of the [loopback addresses](crate::loopbacks).
#[track_caller]
pub fn tcp_pair_on(address: IpAddr) -> (TcpStream, TcpStream) {
    watchdog::watch();
    let listener = StdListener::bind((address, 0)).expect("listen on loopback");
    let address = listener.local_addr().expect("the listener's address");
    let one = TcpStream::connect(address).expect("connect over loopback");
    let own = one.local_addr().expect("the stream's address");
    // Whoever scans ports meanwhile is not the one.
    let other = loop {
        let (other, peer) = listener.accept().expect("accept over loopback");
        if peer == own {
            break other;
        }
    };
    for stream in [&one, &other] {
        stream.set_nonblocking(true).expect("set to non-blocking");
        stream
            .set_nodelay(true)
            .expect("turn off Nagle's algorithm");
    }
    (one, other)
}

/// Returns the address of loopback that refuses connections.
#[track_caller]
pub fn refused_address() -> SocketAddr {
    // A socket keeps the port, so that no other program can listen there while the test runs.
    if BOUND_PORT_REFUSES {
        static BOUND: OnceLock<Socket> = OnceLock::new();
        let socket = BOUND.get_or_init(|| {
            let socket = tcp_socket();
            bind_to_loopback(&socket);
            socket
        });
        return address(socket);
    }
    static CONNECTED: OnceLock<(TcpStream, TcpStream)> = OnceLock::new();
    let (client, _) = CONNECTED.get_or_init(tcp_pair);
    client.local_addr().expect("the client's address")
}

/// An address of loopback that is kept for servers, one at a time. Connections are refused while
/// there is none.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Debug)]
pub struct Reservation {
    /// Where to listen.
    pub address: SocketAddr,
    _bound: Socket,
}

/// Reserves an address. Servers that set SO_REUSEADDR can listen there; nobody who lets the system
/// choose is given it. Only Linux lets two sockets have an address in turn.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[track_caller]
pub fn reserve() -> Reservation {
    let socket = tcp_socket();
    socket.set_reuse_address(true).expect("set SO_REUSEADDR");
    bind_to_loopback(&socket);
    Reservation {
        address: address(&socket),
        _bound: socket,
    }
}

#[track_caller]
fn tcp_socket() -> Socket {
    watchdog::watch();
    Socket::new(Domain::IPV4, Type::STREAM, None).expect("make a socket")
}

#[track_caller]
fn bind_to_loopback(socket: &Socket) {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).expect("bind to loopback");
}

#[track_caller]
fn address(socket: &Socket) -> SocketAddr {
    let address = socket.local_addr().expect("the socket's address");
    address.as_socket().expect("an IPv4 address")
}

/// A listener whose backlog is full, so that a connect to it stays in progress.
#[derive(Debug)]
pub struct Blackhole {
    /// Where to connect.
    pub address: SocketAddr,
    listener: Socket,
    fillers: Vec<Socket>,
}

impl Blackhole {
    /// Accepts what fills the backlog, so that connects in progress get through in the end.
    pub fn open(&mut self) -> Vec<TcpStream> {
        self.fillers.clear();
        self.listener
            .set_nonblocking(true)
            .expect("set to non-blocking");
        std::iter::from_fn(|| self.listener.accept().ok())
            .map(|(stream, _)| stream.into())
            .collect()
    }
}

/// Makes a listener on IPv4 loopback and fills its backlog.
#[track_caller]
pub fn blackhole() -> Blackhole {
    let listener = tcp_socket();
    bind_to_loopback(&listener);
    listener.listen(0).expect("listen");
    let address = address(&listener);
    let mut fillers = Vec::new();
    // The first that does not get through tells that the backlog is full. Over loopback a
    // connection that can be made is made within the call.
    for _ in 0..64 {
        let filler = tcp_socket();
        let connected = filler.connect_timeout(&address.into(), Duration::from_millis(100));
        // Who was kept from looking that long may be connected all the same.
        let full = connected.is_err() && filler.peer_addr().is_err();
        fillers.push(filler);
        if full {
            return Blackhole {
                address,
                listener,
                fillers,
            };
        }
    }
    panic!("64 connections did not fill a backlog of 0");
}

/// Closes a connection so that the peer sees a reset.
#[track_caller]
pub fn reset(stream: TcpStream) {
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .expect("set SO_LINGER to zero");
    drop(stream);
}

/// Reads until there is nothing more at the moment; returns how much there was.
#[track_caller]
pub fn drain(mut reader: impl Read) -> usize {
    watchdog::watch();
    let mut total = 0;
    let mut buffer = [0; 4096];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return total,
            Ok(count) => total += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return total,
            Err(error) => panic!("read failed after {total} bytes: {error}"),
        }
    }
}

/// Writes until there is no more room at the moment; returns how much there was.
#[track_caller]
pub fn fill(mut writer: impl Write) -> usize {
    watchdog::watch();
    let mut total = 0;
    loop {
        match writer.write(&[0xa5; 4096]) {
            Ok(count) => total += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return total,
            Err(error) => panic!("write failed after {total} bytes: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Shutdown;

    use super::*;
    use crate::DEADLINE;

    #[test]
    fn pairs_are_connected_and_do_not_block() {
        for (mut one, mut other) in crate::loopbacks().into_iter().map(tcp_pair_on) {
            assert_eq!(drain(&one), 0);
            one.write_all(b"x").unwrap();
            other.set_nonblocking(false).unwrap();
            other.set_read_timeout(Some(DEADLINE)).unwrap();
            other.read_exact(&mut [0]).unwrap();
            other.shutdown(Shutdown::Both).unwrap();
        }
    }

    #[test]
    fn a_refused_address_refuses() {
        refuses(refused_address());
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn a_reserved_address_refuses_before_and_after_a_server() {
        let reserved = reserve();
        refuses(reserved.address);
        for _ in 0..2 {
            let server = StdListener::bind(reserved.address).unwrap();
            TcpStream::connect(reserved.address).unwrap();
            drop(server);
            refuses(reserved.address);
        }
    }

    #[track_caller]
    fn refuses(address: SocketAddr) {
        let error = TcpStream::connect(address).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}
