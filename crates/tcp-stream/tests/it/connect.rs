//! Connecting, and what is told of it.

use std::io::{ErrorKind, Read, Write};
use std::net::{self, SocketAddr};
use std::time::Duration;

use selector::{Backend, Event, Events, Poll, PollOpt, Ready};
use socket2::{Domain, Socket, Type};
use tcp_stream::TcpStream;
use testkit::platform::WRITE_SEES_END_BEFORE_ERROR;
use testkit::{Sentinel, blackhole, expect_readiness, expect_silence, refused_address};

use crate::support::{STREAM, fails, is_reset, listener, pair, wait};

testkit::on_each_backend! {
    a_connection_is_reported_and_confirmed,
    a_refused_connection_is_reported_and_told_every_time,
    events_cease_after_a_failed_attempt,
    a_connection_without_an_answer_stays_in_progress_until_there_is_one,
}

fn a_connection_is_reported_and_confirmed(backend: Backend) {
    for ip in testkit::loopbacks() {
        let listener = net::TcpListener::bind((ip, 0)).unwrap();
        let stream = TcpStream::connect(&listener.local_addr().unwrap()).unwrap();
        let poll = Poll::with_backend(backend).unwrap();
        let mut events = Events::with_capacity(4);
        poll.register(&stream, STREAM, Ready::WRITABLE, PollOpt::EDGE)
            .unwrap();
        let seen = expect_readiness(&poll, &mut events, STREAM, Ready::WRITABLE);
        assert_eq!(seen, Ready::WRITABLE);

        stream.finish_connect().unwrap();
        stream.finish_connect().unwrap();
        assert!(stream.take_error().unwrap().is_none());
        let (peer, from) = listener.accept().unwrap();
        assert_eq!(stream.local_addr().unwrap(), from);
        assert_eq!(stream.peer_addr().unwrap(), peer.local_addr().unwrap());
    }
}

fn a_refused_connection_is_reported_and_told_every_time(backend: Backend) {
    let stream = refused();
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(4);
    poll.register(&stream, STREAM, Ready::WRITABLE, PollOpt::EDGE)
        .unwrap();
    expect_readiness(&poll, &mut events, STREAM, Ready::WRITABLE);

    let first = fails(stream.finish_connect(), ErrorKind::ConnectionRefused);
    let second = fails(stream.finish_connect(), ErrorKind::ConnectionRefused);
    assert!(first.raw_os_error().is_some());
    assert_eq!(first.raw_os_error(), second.raw_os_error());

    let taken = stream.take_error().unwrap().expect("it is still owed");
    assert_eq!(taken.raw_os_error(), first.raw_os_error());
    assert!(stream.take_error().unwrap().is_none(), "told only once");
    fails(stream.finish_connect(), ErrorKind::ConnectionRefused);
}

/// The program asks for the outcome at each event.
fn events_cease_after_a_failed_attempt(backend: Backend) {
    let stream = refused();
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(4);
    poll.register(&stream, STREAM, Ready::WRITABLE, PollOpt::EDGE)
        .unwrap();
    expect_readiness(&poll, &mut events, STREAM, Ready::WRITABLE);
    fails(stream.finish_connect(), ErrorKind::ConnectionRefused);

    let mut sentinel = Sentinel::new();
    // The kernel may report the end of the attempt and its error one after the other.
    let ceased = (0..4).any(|_| {
        let strays = sentinel.events_before(&poll, &mut events);
        fails(stream.finish_connect(), ErrorKind::ConnectionRefused);
        strays.is_empty()
    });
    assert!(ceased, "events go on after the attempt has failed");
}

fn a_connection_without_an_answer_stays_in_progress_until_there_is_one(backend: Backend) {
    let mut hole = blackhole();
    let stream = TcpStream::connect(&hole.address).unwrap();
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(4);
    poll.register(&stream, STREAM, Ready::WRITABLE, PollOpt::EDGE)
        .unwrap();

    for _ in 0..2 {
        fails(stream.finish_connect(), ErrorKind::WouldBlock);
        assert!(stream.take_error().unwrap().is_none());
        expect_silence(&poll, &mut events);
    }
    fails(stream.peer_addr(), ErrorKind::NotConnected);
    assert!(stream.local_addr().unwrap().ip().is_loopback());

    let mut accepted = Vec::new();
    testkit::until("there is an answer", || {
        // One of those that filled the backlog may get through only now, and take the room.
        accepted.extend(hole.open());
        poll.poll(&mut events, Some(Duration::from_millis(10)))
            .unwrap()
            > 0
    });
    let batch: Vec<_> = events.iter().collect();
    assert_eq!(batch, [Event::new(Ready::WRITABLE, STREAM)]);
    stream.finish_connect().unwrap();
}

/// A connection attempt that is refused in a moment.
fn refused() -> TcpStream {
    TcpStream::connect(&refused_address()).unwrap()
}

/// One that was.
fn was_refused() -> TcpStream {
    let stream = refused();
    wait(&stream, Ready::WRITABLE);
    stream
}

#[test]
fn an_error_that_take_error_met_first_is_still_the_outcome() {
    let stream = was_refused();
    let taken = stream.take_error().unwrap().expect("the refusal");
    assert_eq!(taken.kind(), ErrorKind::ConnectionRefused);
    for _ in 0..2 {
        let told = fails(stream.finish_connect(), ErrorKind::ConnectionRefused);
        assert_eq!(told.raw_os_error(), taken.raw_os_error());
        assert!(stream.take_error().unwrap().is_none());
    }
}

/// Whether the first read or write meets the error of the attempt; Windows tells it apart from the
/// errors of a connection.
const MET_BY_READS_AND_WRITES: bool = cfg!(unix);

#[test]
fn an_error_that_a_read_or_a_write_met_first_is_still_the_outcome() {
    type Operation = fn(&TcpStream) -> std::io::Result<usize>;
    let operations: [(&str, Operation); 6] = [
        ("read", |mut stream| stream.read(&mut [0])),
        ("read in try_io", |stream| {
            stream.try_io(Ready::READABLE, |mut stream| stream.read(&mut [0]))
        }),
        ("peek", |stream| stream.peek(&mut [0])),
        ("read_bufs", |stream| {
            stream.read_bufs(&mut [std::io::IoSliceMut::new(&mut [0])])
        }),
        ("write", |mut stream| stream.write(b"x")),
        ("write_bufs", |stream| {
            stream.write_bufs(&[std::io::IoSlice::new(b"x")])
        }),
    ];
    for (name, operation) in operations {
        println!("{name}:");
        let stream = was_refused();
        let met = operation(&stream);
        // What follows a refusal, such as `BrokenPipe` for writes, does not become the outcome, neither
        // before that is asked for nor afterwards.
        let _after = (operation(&stream), operation(&stream));
        for _ in 0..2 {
            let told = fails(stream.finish_connect(), ErrorKind::ConnectionRefused);
            match &met {
                Err(met) if met.kind() == ErrorKind::ConnectionRefused => {
                    assert_eq!(told.raw_os_error(), met.raw_os_error());
                }
                _ if !MET_BY_READS_AND_WRITES => {}
                Err(met) if WRITE_SEES_END_BEFORE_ERROR && name.starts_with("write") => {
                    assert_eq!(met.kind(), ErrorKind::BrokenPipe);
                }
                met => panic!("met {met:?}"),
            }
        }
        let _after = (operation(&stream), operation(&stream));
        fails(stream.finish_connect(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn the_outcome_of_a_connection_stays_when_it_breaks() {
    let (listener, address) = listener();
    let stream = TcpStream::connect(&address).unwrap();
    wait(&stream, Ready::WRITABLE);
    stream.finish_connect().unwrap();
    testkit::reset(listener.accept().unwrap().0);
    wait(&stream, Ready::READABLE);
    is_reset((&stream).read(&mut [0]));
    stream.finish_connect().unwrap();
}

/// Whether the reset of a connection that nobody asked for is told as the outcome. Windows still
/// says that it was made, and Wine no more than that it is over.
const OUTCOME_IS_THE_RESET: bool = cfg!(unix);

#[test]
fn a_connection_that_was_reset_before_it_was_asked_for_has_failed() {
    let (listener, address) = listener();
    let stream = TcpStream::connect(&address).unwrap();
    testkit::reset(listener.accept().unwrap().0);
    wait(&stream, Ready::READABLE);
    if !OUTCOME_IS_THE_RESET {
        for _ in 0..2 {
            match stream.finish_connect() {
                Err(error) if testkit::on_wine() => {
                    assert_eq!(error.kind(), ErrorKind::NotConnected);
                }
                Err(error) => panic!("{error}"),
                Ok(()) => is_reset((&stream).read(&mut [0])),
            }
        }
        return;
    }
    fails(stream.finish_connect(), ErrorKind::ConnectionReset);
    let taken = stream.take_error().unwrap().expect("the reset");
    assert_eq!(taken.kind(), ErrorKind::ConnectionReset);
    fails(stream.finish_connect(), ErrorKind::ConnectionReset);
}

#[test]
fn threads_that_ask_at_once_hear_the_same() {
    for _ in 0..100 {
        let stream = std::sync::Arc::new(was_refused());
        let taker = std::sync::Arc::clone(&stream);
        let taker = testkit::spawn(move || taker.take_error().unwrap());
        fails(stream.finish_connect(), ErrorKind::ConnectionRefused);
        let taken = taker.join().or(stream.take_error().unwrap());
        assert_eq!(
            taken.map(|taken| taken.kind()),
            Some(ErrorKind::ConnectionRefused)
        );
        assert!(stream.take_error().unwrap().is_none());
    }
}

#[test]
fn threads_that_ask_hear_what_another_one_reads_meanwhile() {
    for _ in 0..1000 {
        let stream = std::sync::Arc::new(was_refused());
        let start = std::sync::Arc::new(std::sync::Barrier::new(2));
        let (reading, begin) = (stream.clone(), start.clone());
        let reader = testkit::spawn(move || {
            begin.wait();
            let _met = reading.peek(&mut [0]);
        });
        start.wait();
        fails(stream.finish_connect(), ErrorKind::ConnectionRefused);
        reader.join();
        fails(stream.finish_connect(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn clones_tell_the_same_whichever_met_the_error() {
    type Meeting = fn(&TcpStream) -> std::io::Result<()>;
    let meetings: [Meeting; 3] = [
        TcpStream::finish_connect,
        |stream| stream.take_error().map(drop),
        |stream| stream.peek(&mut [0]).map(drop),
    ];
    for meeting in meetings {
        let stream = was_refused();
        let before = stream.try_clone().unwrap();
        let _met = meeting(&stream);
        let after = stream.try_clone().unwrap();
        for stream in [&before, &stream, &after] {
            fails(stream.finish_connect(), ErrorKind::ConnectionRefused);
        }
    }
}

#[test]
fn clones_have_one_pending_error() {
    let stream = was_refused();
    let clone = stream.try_clone().unwrap();
    fails(stream.finish_connect(), ErrorKind::ConnectionRefused);
    assert!(clone.take_error().unwrap().is_some());
    assert!(stream.take_error().unwrap().is_none());
}

#[test]
fn moving_data_shows_that_the_connection_was_made() {
    let (listener, address) = listener();
    for writes in [false, true] {
        let stream = TcpStream::connect(&address).unwrap();
        wait(&stream, Ready::WRITABLE);
        let (mut peer, _) = listener.accept().unwrap();
        if writes {
            assert_eq!((&stream).write(b"x").unwrap(), 1);
            peer.read_exact(&mut [0]).unwrap();
        } else {
            peer.write_all(b"x").unwrap();
            wait(&stream, Ready::READABLE);
            assert_eq!((&stream).read(&mut [0]).unwrap(), 1);
        }
        testkit::reset(peer);
        wait(&stream, Ready::READABLE);
        stream.finish_connect().unwrap();
    }
}

#[test]
fn a_connection_stood_when_it_was_taken_over() {
    let (stream, peer) = pair();
    testkit::reset(peer);
    wait(&stream, Ready::READABLE);
    stream.finish_connect().unwrap();
    is_reset((&stream).read(&mut [0]));
}

/// Other systems refuse it, or shut down what will be connected.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn an_attempt_that_is_shut_down_is_given_up() {
    use std::net::Shutdown;
    let hole = blackhole();
    for how in [Shutdown::Read, Shutdown::Write, Shutdown::Both] {
        let stream = TcpStream::connect(&hole.address).unwrap();
        stream.shutdown(how).unwrap();
        for _ in 0..2 {
            fails(stream.finish_connect(), ErrorKind::ConnectionReset);
        }
    }
}

/// What a socket answers that was never told to connect: only Windows does not tell it from one
/// on its way.
const NEVER_CONNECTED: ErrorKind = if cfg!(windows) {
    ErrorKind::WouldBlock
} else {
    ErrorKind::NotConnected
};

fn socket() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()
}

#[test]
fn a_socket_that_never_connected_can_still_be_connected() {
    let stream = TcpStream::from_stream(socket().into()).unwrap();
    for _ in 0..2 {
        fails(stream.finish_connect(), NEVER_CONNECTED);
    }
    fails(stream.peer_addr(), ErrorKind::NotConnected);
    let (_listener, address) = listener();
    let stream = TcpStream::connect_stream(stream.into(), &address).unwrap();
    wait(&stream, Ready::WRITABLE);
    stream.finish_connect().unwrap();
}

#[test]
fn a_socket_made_and_configured_by_the_caller_is_connected() {
    let (listener, address) = listener();
    let socket = socket();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    sockopt::NODELAY.set(&socket, true).unwrap();
    let own = socket.local_addr().unwrap().as_socket().unwrap();

    let stream = TcpStream::connect_stream(socket.into(), &address).unwrap();
    wait(&stream, Ready::WRITABLE);
    stream.finish_connect().unwrap();
    assert_eq!(stream.local_addr().unwrap(), own);
    assert!(stream.nodelay().unwrap());
    // It would block for ever otherwise.
    fails((&stream).read(&mut [0]), ErrorKind::WouldBlock);
    assert_eq!(listener.accept().unwrap().1, own);
}

#[test]
fn a_stream_of_std_is_made_non_blocking() {
    let (_listener, address) = listener();
    type Conversion = fn(net::TcpStream) -> std::io::Result<TcpStream>;
    let conversions: [Conversion; 3] = [
        TcpStream::from_stream,
        TcpStream::from_std,
        TcpStream::try_from,
    ];
    for conversion in conversions {
        let stream = conversion(net::TcpStream::connect(address).unwrap()).unwrap();
        fails((&stream).read(&mut [0]), ErrorKind::WouldBlock);
        stream.finish_connect().unwrap();
    }
}

#[test]
fn connecting_what_is_connected_is_refused() {
    let (stream, peer) = pair();
    let error = TcpStream::connect_stream(stream.into(), &peer.local_addr().unwrap()).unwrap_err();
    assert!(error.raw_os_error().is_some());
    // The socket is gone.
    let stream = TcpStream::from_stream(peer).unwrap();
    wait(&stream, Ready::READABLE);
    assert_eq!((&stream).read(&mut [0]).unwrap(), 0);
}

#[test]
fn an_address_of_another_family_is_refused() {
    let address = "[::1]:1".parse().unwrap();
    let error = TcpStream::connect_stream(socket().into(), &address).unwrap_err();
    assert!(error.raw_os_error().is_some());
}
