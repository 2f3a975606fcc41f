//! Code as it was written for mio 0.6: the names, the signatures and the traits it relied on.

use std::fmt::Debug;
use std::hash::Hash;
use std::io::{IoSlice, IoSliceMut, Read, Result, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::ops::{
    BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Not, Sub, SubAssign,
};
use std::sync::Arc;
use std::time::Duration;

use readywire as mio;

use mio::event::{Event, Evented, Events, Iter};
use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Poll, PollOpt, Ready, Registration, SetReadiness, Token};

fn same<T>(_: T, _: T) {}

#[test]
fn poll_has_its_signatures() {
    type Any = dyn Evented + 'static;
    let _: fn() -> Result<Poll> = Poll::new;
    let _: fn(&Poll, &Any, Token, Ready, PollOpt) -> Result<()> = Poll::register;
    let _: fn(&Poll, &Any, Token, Ready, PollOpt) -> Result<()> = Poll::reregister;
    let _: fn(&Poll, &Any) -> Result<()> = Poll::deregister;
    let _: fn(&Poll, &mut Events, Option<Duration>) -> Result<usize> = Poll::poll;
    let _: fn(&Poll, &mut Events, Option<Duration>) -> Result<usize> = Poll::poll_interruptible;
    fn is<T: Debug + Send + Sync>() {}
    is::<Poll>();
}

#[test]
fn values_have_their_signatures_and_traits() {
    let _: fn(usize) -> Ready = Ready::from_usize;
    let _: fn(&Ready) -> usize = Ready::as_usize;
    for (make, is) in [
        (
            Ready::readable as fn() -> Ready,
            Ready::is_readable as fn(&Ready) -> bool,
        ),
        (Ready::writable, Ready::is_writable),
        (Ready::empty, Ready::is_empty),
    ] {
        assert!(is(&make()));
    }
    for (make, is) in [
        (
            PollOpt::edge as fn() -> PollOpt,
            PollOpt::is_edge as fn(&PollOpt) -> bool,
        ),
        (PollOpt::level, PollOpt::is_level),
        (PollOpt::oneshot, PollOpt::is_oneshot),
    ] {
        assert!(is(&make()));
    }
    let mut ready = Ready::all();
    ready.remove(Ready::writable());
    ready.insert(Ready::writable());
    assert!(ready.contains(Ready::readable() | Ready::writable()));
    let mut opts = PollOpt::empty();
    opts.insert(PollOpt::edge());
    opts.remove(PollOpt::edge());
    assert!(!opts.contains(PollOpt::edge()));

    fn value<T: Copy + Debug + Ord>() {}
    fn set<T>()
    where
        T: Copy + BitAnd<Output = T> + BitOr<Output = T> + BitXor<Output = T>,
        T: Not<Output = T> + Sub<Output = T>,
    {
    }
    fn assigned<T: BitAndAssign + BitOrAssign + BitXorAssign + SubAssign>() {}
    fn hashed<T: Hash + From<usize> + Into<usize>>() {}
    value::<Ready>();
    value::<PollOpt>();
    value::<Token>();
    set::<Ready>();
    set::<PollOpt>();
    assigned::<Ready>();
    hashed::<Token>();
}

#[test]
fn events_have_their_signatures_and_traits() {
    let _: fn(usize) -> Events = Events::with_capacity;
    let _: fn(&Events) -> usize = Events::capacity;
    let _: fn(&Events) -> bool = Events::is_empty;
    let _: fn(&mut Events) = Events::clear;
    let _: fn(Ready, Token) -> Event = Event::new;
    let _: fn(&Event) -> Ready = Event::readiness;
    let _: fn(&Event) -> Token = Event::token;

    let events = Events::with_capacity(8);
    let iter: Iter<'_> = events.iter();
    assert_eq!(iter.clone().count(), (&events).into_iter().count());
    same::<mio::Event>(
        Event::new(Ready::empty(), Token(0)),
        Event::new(Ready::empty(), Token(0)),
    );
    fn is<T: Debug>(_: T) {}
    is(iter);
    is(&events);
    assert!(events.into_iter().next().is_none());
}

#[test]
fn user_space_readiness_works_as_it_did() {
    fn shared<T: Debug + Send + Sync>() {}
    shared::<Registration>();
    shared::<SetReadiness>();

    let poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let (registration, set_readiness) = Registration::new2();
    let boxed: Box<dyn Evented> = Box::new(registration);
    poll.register(&boxed, Token(4), Ready::readable(), PollOpt::edge())
        .unwrap();
    set_readiness
        .clone()
        .set_readiness(Ready::readable())
        .unwrap();
    assert_eq!(set_readiness.readiness(), Ready::readable());
    poll.poll(&mut events, None).unwrap();
    let event = events.iter().next().unwrap();
    assert_eq!(
        (event.token(), event.readiness()),
        (Token(4), Ready::readable())
    );
}

#[test]
fn a_stream_has_its_signatures() {
    let _: fn(&SocketAddr) -> Result<TcpStream> = TcpStream::connect;
    let _: fn(std::net::TcpStream, &SocketAddr) -> Result<TcpStream> = TcpStream::connect_stream;
    let _: fn(std::net::TcpStream) -> Result<TcpStream> = TcpStream::from_stream;
    let _: fn(&TcpStream) -> Result<SocketAddr> = TcpStream::peer_addr;
    let _: fn(&TcpStream) -> Result<SocketAddr> = TcpStream::local_addr;
    let _: fn(&TcpStream) -> Result<TcpStream> = TcpStream::try_clone;
    let _: fn(&TcpStream, Shutdown) -> Result<()> = TcpStream::shutdown;
    let _: fn(&TcpStream, bool) -> Result<()> = TcpStream::set_nodelay;
    let _: fn(&TcpStream) -> Result<bool> = TcpStream::nodelay;
    let _: fn(&TcpStream, usize) -> Result<()> = TcpStream::set_recv_buffer_size;
    let _: fn(&TcpStream) -> Result<usize> = TcpStream::recv_buffer_size;
    let _: fn(&TcpStream, usize) -> Result<()> = TcpStream::set_send_buffer_size;
    let _: fn(&TcpStream) -> Result<usize> = TcpStream::send_buffer_size;
    // OpenBSD has no option for the idle time.
    #[cfg(not(target_os = "openbsd"))]
    {
        let _: fn(&TcpStream, Option<Duration>) -> Result<()> = TcpStream::set_keepalive;
        let _: fn(&TcpStream) -> Result<Option<Duration>> = TcpStream::keepalive;
    }
    let _: fn(&TcpStream, u32) -> Result<()> = TcpStream::set_ttl;
    let _: fn(&TcpStream) -> Result<u32> = TcpStream::ttl;
    let _: fn(&TcpStream, bool) -> Result<()> = TcpStream::set_only_v6;
    let _: fn(&TcpStream) -> Result<bool> = TcpStream::only_v6;
    let _: fn(&TcpStream, Option<Duration>) -> Result<()> = TcpStream::set_linger;
    let _: fn(&TcpStream) -> Result<Option<Duration>> = TcpStream::linger;
    let _: fn(&TcpStream) -> Result<Option<std::io::Error>> = TcpStream::take_error;
    let _: fn(&TcpStream, &mut [u8]) -> Result<usize> = TcpStream::peek;
    let _: fn(&TcpStream, &mut [IoSliceMut<'_>]) -> Result<usize> = TcpStream::read_bufs;
    let _: fn(&TcpStream, &[IoSlice<'_>]) -> Result<usize> = TcpStream::write_bufs;

    fn is<T: Debug + Evented + Read + Write + Send + Sync>()
    where
        for<'a> &'a T: Read + Write + Evented,
    {
    }
    is::<TcpStream>();
    fn evented<T: Evented>() {}
    evented::<Arc<TcpStream>>();
    evented::<Box<TcpStream>>();
    evented::<Box<dyn Evented>>();
}

#[test]
fn a_listener_has_its_signatures() {
    let _: fn(&SocketAddr) -> Result<TcpListener> = TcpListener::bind;
    let _: fn(std::net::TcpListener) -> Result<TcpListener> = TcpListener::from_std;
    let _: fn(&TcpListener) -> Result<(TcpStream, SocketAddr)> = TcpListener::accept;
    let _: fn(&TcpListener) -> Result<(std::net::TcpStream, SocketAddr)> = TcpListener::accept_std;
    let _: fn(&TcpListener) -> Result<SocketAddr> = TcpListener::local_addr;
    let _: fn(&TcpListener) -> Result<TcpListener> = TcpListener::try_clone;
    let _: fn(&TcpListener, u32) -> Result<()> = TcpListener::set_ttl;
    let _: fn(&TcpListener) -> Result<u32> = TcpListener::ttl;
    let _: fn(&TcpListener, bool) -> Result<()> = TcpListener::set_only_v6;
    let _: fn(&TcpListener) -> Result<bool> = TcpListener::only_v6;
    let _: fn(&TcpListener) -> Result<Option<std::io::Error>> = TcpListener::take_error;

    fn is<T: Debug + Evented + Send + Sync>() {}
    is::<TcpListener>();
}

#[test]
fn a_datagram_socket_has_its_signatures() {
    let _: fn(&SocketAddr) -> Result<UdpSocket> = UdpSocket::bind;
    let _: fn(std::net::UdpSocket) -> Result<UdpSocket> = UdpSocket::from_socket;
    let _: fn(&UdpSocket) -> Result<SocketAddr> = UdpSocket::local_addr;
    let _: fn(&UdpSocket) -> Result<UdpSocket> = UdpSocket::try_clone;
    let _: fn(&UdpSocket, &[u8], &SocketAddr) -> Result<usize> = UdpSocket::send_to;
    type From = Result<(usize, SocketAddr)>;
    let _: fn(&UdpSocket, &mut [u8]) -> From = UdpSocket::recv_from;
    let _: fn(&UdpSocket, &[u8]) -> Result<usize> = UdpSocket::send;
    let _: fn(&UdpSocket, &mut [u8]) -> Result<usize> = UdpSocket::recv;
    let _: fn(&UdpSocket, SocketAddr) -> Result<()> = UdpSocket::connect;
    let _: [fn(&UdpSocket, bool) -> Result<()>; 4] = [
        UdpSocket::set_broadcast,
        UdpSocket::set_multicast_loop_v4,
        UdpSocket::set_multicast_loop_v6,
        UdpSocket::set_only_v6,
    ];
    let _: [fn(&UdpSocket) -> Result<bool>; 4] = [
        UdpSocket::broadcast,
        UdpSocket::multicast_loop_v4,
        UdpSocket::multicast_loop_v6,
        UdpSocket::only_v6,
    ];
    let _: fn(&UdpSocket, u32) -> Result<()> = UdpSocket::set_multicast_ttl_v4;
    let _: fn(&UdpSocket) -> Result<u32> = UdpSocket::multicast_ttl_v4;
    let _: fn(&UdpSocket, u32) -> Result<()> = UdpSocket::set_ttl;
    let _: fn(&UdpSocket) -> Result<u32> = UdpSocket::ttl;
    let _: fn(&UdpSocket, &Ipv4Addr, &Ipv4Addr) -> Result<()> = UdpSocket::join_multicast_v4;
    let _: fn(&UdpSocket, &Ipv6Addr, u32) -> Result<()> = UdpSocket::join_multicast_v6;
    let _: fn(&UdpSocket, &Ipv4Addr, &Ipv4Addr) -> Result<()> = UdpSocket::leave_multicast_v4;
    let _: fn(&UdpSocket, &Ipv6Addr, u32) -> Result<()> = UdpSocket::leave_multicast_v6;
    let _: fn(&UdpSocket) -> Result<Option<std::io::Error>> = UdpSocket::take_error;
    let _: fn(&UdpSocket, &mut [IoSliceMut<'_>]) -> Result<usize> = UdpSocket::recv_bufs;
    let _: fn(&UdpSocket, &[IoSlice<'_>]) -> Result<usize> = UdpSocket::send_bufs;

    fn is<T: Debug + Evented + Send + Sync>() {}
    is::<UdpSocket>();
}

/// An echo server in the style of old code: generic sources, a level loop, `UnixReady`.
#[test]
fn an_old_program_runs() {
    struct Connection {
        socket: TcpStream,
        interest: Ready,
    }

    impl Evented for Connection {
        fn register(
            &self,
            poll: &Poll,
            token: Token,
            interest: Ready,
            opts: PollOpt,
        ) -> Result<()> {
            self.socket.register(poll, token, interest, opts)
        }

        fn reregister(
            &self,
            poll: &Poll,
            token: Token,
            interest: Ready,
            opts: PollOpt,
        ) -> Result<()> {
            poll.reregister(&self.socket, token, interest, opts)
        }

        fn deregister(&self, poll: &Poll) -> Result<()> {
            self.socket.deregister(poll)
        }
    }

    let (near, mut far) = testkit::tcp_pair();
    let mut connection = Connection {
        socket: TcpStream::from_stream(near).unwrap(),
        interest: Ready::readable(),
    };
    let poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1024);
    poll.register(&connection, Token(1), connection.interest, PollOpt::level())
        .unwrap();

    let peer = testkit::spawn(move || {
        far.set_nonblocking(false)?;
        far.write_all(b"as it was")?;
        far.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        far.read_to_string(&mut answer)?;
        Result::Ok(answer)
    });

    let mut buffer = [0; 4];
    'polling: loop {
        poll.poll(&mut events, Some(testkit::DEADLINE)).unwrap();
        assert!(!events.is_empty(), "no event before the deadline");
        for event in events.iter() {
            assert_eq!(event.token(), Token(1));
            if event.kind().is_readable() {
                let n = connection.socket.read(&mut buffer).unwrap();
                if n == 0 {
                    break 'polling;
                }
                connection.socket.write_all(&buffer[..n]).unwrap();
            }
        }
    }
    connection.interest.insert(Ready::writable());
    poll.reregister(
        &connection,
        Token(2),
        connection.interest,
        PollOpt::oneshot(),
    )
    .unwrap();
    poll.deregister(&connection).unwrap();
    drop(connection);
    assert_eq!(peer.join().unwrap(), "as it was");
}

#[cfg(unix)]
#[test]
#[expect(clippy::useless_conversion, reason = "mio 0.6 had two types there")]
fn the_unix_parts_are_there() {
    use mio::unix::{EventedFd, UnixReady};
    use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd};

    fn raw<T: AsRawFd + FromRawFd + IntoRawFd>() {}
    raw::<TcpStream>();
    raw::<TcpListener>();
    raw::<UdpSocket>();
    let _: fn(&Poll) -> RawFd = Poll::as_raw_fd;

    let (reader, writer) = testkit::pipe();
    let poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let interest = Ready::readable() | UnixReady::hup();
    poll.register(
        &EventedFd(&reader.as_raw_fd()),
        Token(0),
        interest,
        PollOpt::level(),
    )
    .unwrap();
    drop(writer);
    poll.poll(&mut events, None).unwrap();
    let ready = UnixReady::from(events.iter().next().unwrap().readiness());
    assert!(ready.is_hup() && !ready.is_error() && !ready.is_priority());
    assert!(Ready::from(UnixReady::error() | UnixReady::priority()).contains(UnixReady::error()));
}
