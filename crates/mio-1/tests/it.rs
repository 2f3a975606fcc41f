//! The same programs on this crate and on mio itself: what they see must be equal.

#![cfg(unix)]

use std::net;
use std::os::fd::OwnedFd;

/// A module of programs for one of the two crates, each returning what it saw as text.
macro_rules! programs {
    ($module:ident, $mio:ident) => {
        mod $module {
            use std::fmt::Write as _;
            use std::io::{self, Read, Write};
            use std::net;
            use std::os::fd::AsRawFd;
            use std::time::Duration;

            use $mio::event::Source;
            use $mio::net::{TcpListener, TcpStream, UnixStream};
            use $mio::unix::{SourceFd, pipe};
            use $mio::{Events, Interest, Poll, Token, Waker};

            const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);
            const DEADLINE: Duration = Duration::from_secs(20);

            fn error<T>(result: io::Result<T>) -> String {
                let error = result
                    .err()
                    .map(|error| (error.kind(), error.raw_os_error()));
                format!("{error:?}")
            }

            /// Registers a source and returns its first events, or that there are none.
            pub(super) fn events(source: &mut impl Source, interest: Interest) -> String {
                let mut poll = Poll::new().unwrap();
                let mut events = Events::with_capacity(8);
                poll.registry()
                    .register(source, Token(7), interest)
                    .unwrap();
                // What a source is ready for is known when it is registered.
                poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
                format!("{events:?}")
            }

            pub(super) fn readable() -> Interest {
                Interest::READABLE
            }

            pub(super) fn both() -> Interest {
                BOTH
            }

            pub(super) fn stream(stream: net::TcpStream) -> TcpStream {
                stream.set_nonblocking(true).unwrap();
                TcpStream::from_std(stream)
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
                let result = registry.register(&mut SourceFd(&-1), Token(3), BOTH);
                writeln!(seen, "{}", error(result)).unwrap();
                let result = poll.poll(&mut Events::with_capacity(0), Some(Duration::ZERO));
                writeln!(seen, "{}", error(result)).unwrap();
                seen
            }

            pub(super) fn pipe_without_its_other_end() -> String {
                let (sender, mut receiver) = pipe::new().unwrap();
                drop(sender);
                let (mut sender, other) = pipe::new().unwrap();
                drop(other);
                let ends = events(&mut receiver, Interest::READABLE);
                ends + &events(&mut sender, Interest::WRITABLE)
            }

            pub(super) fn empty_transfers(mut stream: impl Read + Write) -> String {
                let mut seen = String::new();
                for _ in 0..2 {
                    writeln!(
                        seen,
                        "{:?}",
                        stream.read(&mut []).map_err(|error| error.kind())
                    )
                    .unwrap();
                    writeln!(
                        seen,
                        "{:?}",
                        stream.write(&[]).map_err(|error| error.kind())
                    )
                    .unwrap();
                }
                seen
            }

            pub(super) fn refused() -> String {
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

            pub(super) fn wake() -> String {
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

            pub(super) fn debug() -> String {
                #[cfg(any(target_os = "linux", target_os = "android"))]
                let most = Interest::PRIORITY | BOTH;
                #[cfg(not(any(target_os = "linux", target_os = "android")))]
                let most = BOTH;
                let interests = [BOTH, Interest::WRITABLE, most];
                let poll = Poll::new().unwrap();
                format!(
                    "{interests:?} {poll:?} {:?} {:?}",
                    poll.registry(),
                    Token(3)
                )
            }
        }
    };
}

programs!(readywire, mio);
programs!(real, real);

fn tcp_pair() -> (net::TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let one = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (one, listener.accept().unwrap().0)
}

/// Compares what both see of a stream after `fault`, which has the stream's descriptor and its peer.
#[track_caller]
fn compare(fault: impl Fn(&net::TcpStream, net::TcpStream) -> Option<OwnedFd>) {
    let run = || {
        let (one, other) = tcp_pair();
        let kept = fault(&one, other);
        (one, kept)
    };
    let ((ours, _one), (theirs, _other)) = (run(), run());
    let ours = readywire::events(&mut readywire::stream(ours), readywire::both());
    let theirs = real::events(&mut real::stream(theirs), real::both());
    assert_eq!(ours, theirs);

    let ((ours, _one), (theirs, _other)) = (run(), run());
    let ours = readywire::events(&mut readywire::stream(ours), readywire::readable());
    let theirs = real::events(&mut real::stream(theirs), real::readable());
    assert_eq!(ours, theirs);
}

/// Waits until the end or the reset of the peer has arrived.
fn expect_end(stream: &net::TcpStream) {
    let _end_or_reset = stream.peek(&mut [0]);
}

#[test]
fn an_idle_stream() {
    compare(|_, peer| Some(peer.into()));
}

#[test]
fn a_peer_that_closed() {
    compare(|stream, peer| {
        drop(peer);
        expect_end(stream);
        None
    });
}

#[test]
fn a_peer_that_closed_its_half() {
    compare(|stream, peer| {
        peer.shutdown(net::Shutdown::Write).unwrap();
        expect_end(stream);
        Some(peer.into())
    });
}

#[test]
fn both_halves_closed() {
    compare(|stream, peer| {
        stream.shutdown(net::Shutdown::Write).unwrap();
        drop(peer);
        expect_end(stream);
        None
    });
}

#[test]
fn a_local_shutdown() {
    compare(|stream, peer| {
        stream.shutdown(net::Shutdown::Read).unwrap();
        Some(peer.into())
    });
}

#[test]
fn misuse_has_the_same_errors() {
    assert_eq!(readywire::misuse(), real::misuse());
}

#[test]
fn pipes_without_their_other_end() {
    let ours = readywire::pipe_without_its_other_end();
    assert_eq!(ours, real::pipe_without_its_other_end());
}

#[test]
fn empty_transfers_ask_the_system() {
    let run = || {
        let (one, other) = tcp_pair();
        drop(other);
        expect_end(&one);
        one
    };
    let ours = readywire::empty_transfers(readywire::stream(run()));
    assert_eq!(ours, real::empty_transfers(real::stream(run())));
    let ((ours, _one), (theirs, _other)) = (tcp_pair(), tcp_pair());
    let ours = readywire::empty_transfers(readywire::stream(ours));
    assert_eq!(ours, real::empty_transfers(real::stream(theirs)));
}

#[test]
fn a_refused_connection() {
    assert_eq!(readywire::refused(), real::refused());
}

#[test]
fn wakes_become_one_event() {
    assert_eq!(readywire::wake(), real::wake());
}

#[test]
fn values_look_the_same() {
    assert_eq!(readywire::debug(), real::debug());
}
