//! The same programs on this crate and on mio itself: what they see must be equal.
//!
//! With `--cfg mio_backend_from_environment` and `MIO_BACKEND=poll`, this crate runs on poll(2).

#![cfg(unix)]

use std::fmt::Debug;
use std::io;
use std::net;
use std::os::fd::RawFd;
use std::time::Duration;

use socket2::SockRef;

const DEADLINE: Duration = Duration::from_secs(20);

/// A module of programs for one of the two crates, each returning what it saw as text.
macro_rules! programs {
    ($module:ident, $mio:ident) => {
        mod $module {
            use std::fmt::Write as _;
            use std::io::{self, Read, Write};
            use std::net::{self, Shutdown};
            use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
            use std::time::{Duration, Instant};

            use $mio::event::Source;
            use $mio::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixStream};
            use $mio::unix::{SourceFd, pipe};
            use $mio::{Events, Interest, Poll, Token, Waker};

            use super::{DEADLINE, expect_end, reset, seen, tcp_pair};

            const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

            #[cfg(any(target_os = "linux", target_os = "android"))]
            const INTERESTS: [Interest; 5] = [
                Interest::READABLE,
                Interest::WRITABLE,
                Interest::PRIORITY,
                BOTH,
                BOTH.add(Interest::PRIORITY),
            ];
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            const INTERESTS: [Interest; 3] = [Interest::READABLE, Interest::WRITABLE, BOTH];

            fn error<T>(result: io::Result<T>) -> String {
                let error = result
                    .err()
                    .map(|error| (error.kind(), error.raw_os_error()));
                format!("{error:?}")
            }

            fn stream(stream: net::TcpStream) -> TcpStream {
                stream.set_nonblocking(true).unwrap();
                TcpStream::from_std(stream)
            }

            fn pair() -> (TcpStream, net::TcpStream) {
                let (one, other) = tcp_pair();
                (stream(one), other)
            }

            /// Does something to a source with its peer, and returns the peer if it is to live on.
            type Change<S, K> = dyn Fn(&mut S, K) -> Option<K>;

            fn close<S, K>(_source: &mut S, peer: K) -> Option<K> {
                drop(peer);
                None
            }

            /// Registers a source once for each interest: `make` makes it, and what has to live as long.
            /// Returns the first events, those that `change` causes, and what `after` returns.
            fn watch<S: Source + AsRawFd, K>(
                make: impl Fn() -> (S, K),
                change: Option<&Change<S, K>>,
                after: impl Fn(&mut S) -> String,
            ) -> String {
                let mut text = String::new();
                for interest in INTERESTS {
                    let (mut source, kept) = make();
                    let mut poll = Poll::new().unwrap();
                    let mut events = Events::with_capacity(8);
                    let registry = poll.registry();
                    registry.register(&mut source, Token(7), interest).unwrap();
                    // What a source is ready for is known when it is registered.
                    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
                    writeln!(text, "{interest:?}: {events:?}").unwrap();
                    let mut kept = Some(kept);
                    if let Some(change) = change {
                        let mut witness = super::Witness::new(source.as_raw_fd());
                        kept = kept.and_then(|kept| change(&mut source, kept));
                        witness.wait();
                        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
                        writeln!(text, "  changed: {}", changed(&events)).unwrap();
                    }
                    // It is an edge.
                    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
                    writeln!(text, "  again: {events:?}\n  {}", after(&mut source)).unwrap();
                    poll.registry()
                        .reregister(&mut source, Token(8), interest)
                        .unwrap();
                    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
                    writeln!(text, "  reregistered: {events:?}").unwrap();
                    drop(kept);
                }
                text
            }

            /// Where epoll has an event to report, it reports again that the source is writable; poll(2) does not.
            fn changed(events: &Events) -> String {
                if !super::on_poll() {
                    return format!("{events:?}");
                }
                let others = events.iter().filter_map(|event| {
                    let all = format!("{event:?}");
                    let others = all.replace("writable: true", "writable: false");
                    others.contains("true").then_some(others)
                });
                format!("{:?}", others.collect::<Vec<_>>())
            }

            fn nothing<S>(_source: &mut S) -> String {
                String::new()
            }

            fn transfer(stream: &mut (impl Read + Write)) -> String {
                let read = seen(stream.read(&mut [0; 8]));
                let written = seen(stream.write(b"abc"));
                format!("{read} {written} {}", seen(stream.read(&mut [0; 8])))
            }

            fn empty_read(source: &mut impl Read) -> String {
                let (mut one, mut other) = ([], []);
                let mut bufs = [&mut one, &mut other].map(|buf| io::IoSliceMut::new(buf));
                let scattered = seen(source.read_vectored(&mut bufs));
                format!("read {} {scattered}\n", seen(source.read(&mut [])))
            }

            fn empty_write(source: &mut impl Write) -> String {
                let bufs = [&[][..], &[]].map(io::IoSlice::new);
                let gathered = seen(source.write_vectored(&bufs));
                format!("write {} {gathered}\n", seen(source.write(&[])))
            }

            fn empty_transfers(stream: &mut (impl Read + Write)) -> String {
                let mut once = || empty_read(stream) + &empty_write(stream);
                once() + &once()
            }

            pub(super) fn an_idle_stream() -> String {
                watch(pair, None, transfer)
            }

            pub(super) fn a_peer_that_sends() -> String {
                let send = |_: &mut _, mut peer: net::TcpStream| {
                    peer.write_all(b"hello").unwrap();
                    Some(peer)
                };
                watch(pair, Some(&send), transfer)
            }

            pub(super) fn a_peer_that_closed() -> String {
                let make = || {
                    let (one, other) = tcp_pair();
                    drop(other);
                    expect_end(&one);
                    (stream(one), ())
                };
                watch(make, None, transfer)
            }

            pub(super) fn a_peer_that_closes() -> String {
                watch(pair, Some(&close), transfer)
            }

            pub(super) fn a_peer_that_closes_its_half() -> String {
                let close = |_: &mut _, peer: net::TcpStream| {
                    peer.shutdown(Shutdown::Write).unwrap();
                    Some(peer)
                };
                watch(pair, Some(&close), transfer)
            }

            pub(super) fn a_peer_that_resets() -> String {
                watch(pair, Some(&|_, peer| reset(peer)), transfer)
            }

            pub(super) fn a_peer_that_has_reset() -> String {
                let make = || {
                    let (one, other) = pair();
                    reset(other);
                    (one, ())
                };
                watch(make, None, transfer)
            }

            pub(super) fn both_halves_closed() -> String {
                let close_both = |stream: &mut TcpStream, peer: net::TcpStream| {
                    stream.shutdown(Shutdown::Write).unwrap();
                    close(stream, peer)
                };
                watch(pair, Some(&close_both), transfer)
            }

            pub(super) fn a_local_shutdown() -> String {
                let mut text = String::new();
                for how in [Shutdown::Read, Shutdown::Write, Shutdown::Both] {
                    for interest in INTERESTS {
                        let (mut one, _other) = pair();
                        one.shutdown(how).unwrap();
                        let mut poll = Poll::new().unwrap();
                        let mut events = Events::with_capacity(8);
                        let registry = poll.registry();
                        registry.register(&mut one, Token(7), interest).unwrap();
                        // The peer's acknowledgement may bring the same event once more.
                        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
                        writeln!(text, "{how:?}, {interest:?}: {events:?}").unwrap();
                    }
                }
                text
            }

            #[cfg(any(target_os = "linux", target_os = "android"))]
            pub(super) fn urgent_data() -> String {
                let urgent: &Change<TcpStream, net::TcpStream> = &|_, peer| {
                    socket2::SockRef::from(&peer)
                        .send_out_of_band(b"!")
                        .unwrap();
                    Some(peer)
                };
                watch(pair, Some(urgent), transfer)
            }

            pub(super) fn pipes_without_their_other_end() -> String {
                let reader = || {
                    let (sender, receiver) = pipe::new().unwrap();
                    drop(sender);
                    (receiver, ())
                };
                let writer = || {
                    let (sender, receiver) = pipe::new().unwrap();
                    drop(receiver);
                    (sender, ())
                };
                let read = |receiver: &mut pipe::Receiver| {
                    empty_read(receiver) + &seen(receiver.read(&mut [0; 8]))
                };
                let write =
                    |sender: &mut pipe::Sender| empty_write(sender) + &seen(sender.write(b"x"));
                watch(reader, None, read) + &watch(writer, None, write)
            }

            pub(super) fn pipes_that_lose_their_other_end() -> String {
                let reader = || {
                    let (sender, receiver) = pipe::new().unwrap();
                    (receiver, sender)
                };
                let read = watch(reader, Some(&close), nothing);
                let write = watch(|| pipe::new().unwrap(), Some(&close), nothing);
                read + &write
            }

            pub(super) fn unix_streams() -> String {
                let pair = || UnixStream::pair().unwrap();
                let closed = watch(pair, Some(&close), transfer);
                let reset = |stream: &mut UnixStream, peer: UnixStream| {
                    // It closes with data that it has not read.
                    stream.write_all(b"abc").unwrap();
                    close(stream, peer)
                };
                closed + &watch(pair, Some(&reset), transfer)
            }

            pub(super) fn unix_datagrams() -> String {
                let transfer = |socket: &mut UnixDatagram| {
                    let received = seen(socket.recv(&mut [0; 8]));
                    received + &seen(socket.send(b"abc"))
                };
                let send = |_: &mut _, peer: UnixDatagram| {
                    peer.send(b"hello").unwrap();
                    Some(peer)
                };
                let pair = || UnixDatagram::pair().unwrap();
                let alone = || (pair().0, ());
                watch(pair, Some(&send), transfer) + &watch(alone, None, transfer)
            }

            /// The port of the peer is closed, so that the answer to a datagram is an error.
            pub(super) fn a_refused_datagram() -> String {
                let make = || {
                    let [one, other] = [0; 2].map(|_| net::UdpSocket::bind("127.0.0.1:0").unwrap());
                    one.connect(other.local_addr().unwrap()).unwrap();
                    one.set_nonblocking(true).unwrap();
                    (UdpSocket::from_std(one), other)
                };
                let refuse = |socket: &mut UdpSocket, peer| {
                    drop(peer);
                    socket.send(b"abc").unwrap();
                    None
                };
                let receive = |socket: &mut UdpSocket| {
                    let received = [0; 2].map(|_| seen(socket.recv(&mut [0; 8])));
                    format!("{received:?}")
                };
                watch(make, Some(&refuse), receive)
            }

            pub(super) fn misuse() -> String {
                let mut seen = String::new();
                let mut poll = Poll::new().unwrap();
                let (mut one, mut other) = UnixStream::pair().unwrap();
                let registry = poll.registry();
                registry.register(&mut one, Token(1), BOTH).unwrap();
                // In debug builds mio finds these itself, so that there is no number.
                for result in [
                    registry.register(&mut one, Token(1), BOTH),
                    registry.reregister(&mut other, Token(2), BOTH),
                    registry.deregister(&mut other),
                ] {
                    writeln!(seen, "{:?}", result.map_err(|error| error.kind())).unwrap();
                }
                let number = other.as_raw_fd();
                for result in [
                    registry.reregister(&mut SourceFd(&number), Token(2), BOTH),
                    registry.deregister(&mut SourceFd(&number)),
                    registry.register(&mut SourceFd(&number), Token(2), BOTH),
                    registry.register(&mut SourceFd(&number), Token(2), BOTH),
                    registry.deregister(&mut SourceFd(&number)),
                    registry.register(&mut SourceFd(&-1), Token(3), BOTH),
                    poll.poll(&mut Events::with_capacity(0), Some(Duration::ZERO)),
                ] {
                    writeln!(seen, "{}", error(result)).unwrap();
                }
                seen
            }

            /// Returns, for what the README lists as different, whether it is as with mio.
            pub(super) fn listed() -> [bool; 3] {
                let poll = Poll::new().unwrap();
                let registry = poll.registry();
                let (mut one, mut other) = UnixStream::pair().unwrap();
                registry.register(&mut one, Token(1), BOTH).unwrap();
                registry.register(&mut other, Token(2), BOTH).unwrap();
                let by_number = registry.deregister(&mut SourceFd(&one.as_raw_fd()));
                let number = other.into_raw_fd();
                let after_into = registry.deregister(&mut SourceFd(&number));
                // SAFETY: the number was given up, above.
                drop(unsafe { OwnedFd::from_raw_fd(number) });
                let clone = registry.try_clone().unwrap();
                [
                    by_number.is_ok(),
                    after_into.is_ok(),
                    clone.as_raw_fd() != registry.as_raw_fd(),
                ]
            }

            /// A registry's clone registers with the same `Poll`, and works without it.
            pub(super) fn the_clone_of_a_registry() -> String {
                let mut poll = Poll::new().unwrap();
                let clone = poll.registry().try_clone().unwrap();
                let (mut one, mut other) = UnixStream::pair().unwrap();
                clone
                    .register(&mut one, Token(1), Interest::WRITABLE)
                    .unwrap();
                let mut events = Events::with_capacity(8);
                poll.poll(&mut events, Some(DEADLINE)).unwrap();
                drop(poll);
                let registered = error(clone.register(&mut other, Token(2), BOTH));
                let changed = error(clone.reregister(&mut one, Token(2), BOTH));
                let ended = error(clone.deregister(&mut one));
                format!("{events:?} {registered} {changed} {ended}")
            }

            pub(super) fn empty_transfers_on_a_closed_stream() -> String {
                let (one, other) = tcp_pair();
                drop(other);
                expect_end(&one);
                empty_transfers(&mut stream(one))
            }

            pub(super) fn empty_transfers_on_a_reset_stream() -> String {
                let (mut one, other) = pair();
                reset(other);
                empty_transfers(&mut one)
            }

            pub(super) fn empty_transfers_without_an_end() -> String {
                let (mut stream, _other) = pair();
                let (mut one, _peer) = UnixStream::pair().unwrap();
                let (mut sender, mut receiver) = pipe::new().unwrap();
                [
                    empty_transfers(&mut stream),
                    empty_transfers(&mut one),
                    empty_read(&mut receiver),
                    empty_write(&mut sender),
                ]
                .concat()
            }

            pub(super) fn a_refused_connection() -> String {
                let address = TcpListener::bind("127.0.0.1:0".parse().unwrap());
                let address = address.unwrap().local_addr().unwrap();
                let mut stream = TcpStream::connect(address).unwrap();
                let mut poll = Poll::new().unwrap();
                let mut events = Events::with_capacity(8);
                poll.registry()
                    .register(&mut stream, Token(1), BOTH)
                    .unwrap();
                poll.poll(&mut events, Some(DEADLINE)).unwrap();
                let taken = stream.take_error().unwrap().map(|error| error.kind());
                format!("{events:?} {taken:?} {}", error(stream.peer_addr()))
            }

            /// Linux tells it of a listener.
            #[cfg(target_os = "linux")]
            pub(super) fn the_backlog_of_a_listener() -> String {
                let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
                let accepted = seen(listener.accept().map(drop));
                let reuse = socket2::SockRef::from(&listener).reuse_address();
                let info = ::readywire::sockopt::TCP_INFO.get(&listener).unwrap();
                format!("{} {accepted} {reuse:?}", info.selectively_acknowledged)
            }

            pub(super) fn wakes_become_one_event() -> String {
                let mut poll = Poll::new().unwrap();
                let waker = Waker::new(poll.registry(), Token(usize::MAX)).unwrap();
                let mut events = Events::with_capacity(8);
                for _ in 0..3 {
                    waker.wake().unwrap();
                }
                poll.poll(&mut events, None).unwrap();
                let first = format!("{events:?}");
                poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
                assert!(poll.as_raw_fd() >= 0);
                format!("{first} then {events:?}")
            }

            /// Whether timeouts ended early, and how many events there were.
            pub(super) fn timeouts() -> String {
                let mut poll = Poll::new().unwrap();
                let mut events = Events::with_capacity(8);
                let ended = [0, 1, 999_999, 1_000_000, 1_500_000].map(|nanoseconds| {
                    let timeout = Duration::from_nanos(nanoseconds);
                    let start = Instant::now();
                    poll.poll(&mut events, Some(timeout)).unwrap();
                    (start.elapsed() < timeout, events.iter().count())
                });
                format!("{ended:?}")
            }

            pub(super) fn values_look_the_same() -> String {
                let poll = Poll::new().unwrap();
                let (registry, token) = (poll.registry(), Token(3));
                format!("{INTERESTS:?} {poll:?} {registry:?} {token:?}")
            }
        }
    };
}

programs!(readywire, mio);
programs!(real, real);

/// Makes a test of each program, which runs on both.
macro_rules! compare {
    ($($(#[$attribute:meta])* $program:ident,)*) => {$(
        #[test]
        $(#[$attribute])*
        fn $program() {
            let (ours, theirs) = (readywire::$program(), real::$program());
            assert!(ours == theirs, "ours:\n{ours}\n\nmio's:\n{theirs}");
        }
    )*};
}

compare! {
    an_idle_stream,
    a_peer_that_sends,
    a_peer_that_closed,
    a_peer_that_closes,
    a_peer_that_closes_its_half,
    a_peer_that_resets,
    a_peer_that_has_reset,
    both_halves_closed,
    a_local_shutdown,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    urgent_data,
    pipes_without_their_other_end,
    pipes_that_lose_their_other_end,
    unix_streams,
    unix_datagrams,
    a_refused_datagram,
    a_refused_connection,
    misuse,
    the_clone_of_a_registry,
    empty_transfers_on_a_closed_stream,
    empty_transfers_on_a_reset_stream,
    empty_transfers_without_an_end,
    #[cfg(target_os = "linux")]
    the_backlog_of_a_listener,
    wakes_become_one_event,
    timeouts,
    values_look_the_same,
}

#[test]
fn what_the_readme_lists_as_different_is_all_that_is() {
    assert_eq!(real::listed(), [true; 3]);
    assert_eq!(readywire::listed(), [false; 3]);
}

/// Sees that a change has arrived, whatever a source is registered for.
struct Witness {
    poll: ::real::Poll,
    events: ::real::Events,
}

impl Witness {
    fn new(number: RawFd) -> Witness {
        let poll = ::real::Poll::new().unwrap();
        let mut source = ::real::unix::SourceFd(&number);
        let interest = ::real::Interest::READABLE | ::real::Interest::WRITABLE;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let interest = interest | ::real::Interest::PRIORITY;
        poll.registry()
            .register(&mut source, ::real::Token(0), interest)
            .unwrap();
        let events = ::real::Events::with_capacity(1);
        Witness { poll, events }
    }

    /// Waits for more than that the source is writable.
    fn wait(&mut self) {
        loop {
            self.poll.poll(&mut self.events, Some(DEADLINE)).unwrap();
            let event = self.events.iter().next().expect("an event of the change");
            if event.is_readable()
                || event.is_error()
                || event.is_read_closed()
                || event.is_write_closed()
            {
                return;
            }
        }
    }
}

/// Whether this crate is tested on poll(2).
fn on_poll() -> bool {
    cfg!(mio_backend_from_environment)
        && std::env::var("MIO_BACKEND").is_ok_and(|backend| backend == "poll")
}

/// What a transfer came to.
fn seen<T: Debug>(result: io::Result<T>) -> String {
    format!("{:?}", result.map_err(|error| error.kind()))
}

fn tcp_pair() -> (net::TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let one = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (one, listener.accept().unwrap().0)
}

/// Waits until the end of the peer has arrived.
fn expect_end(stream: &net::TcpStream) {
    assert_eq!(stream.peek(&mut [0]).unwrap(), 0);
}

fn reset(stream: net::TcpStream) -> Option<net::TcpStream> {
    let now = Some(Duration::ZERO);
    SockRef::from(&stream).set_linger(now).unwrap();
    None
}
