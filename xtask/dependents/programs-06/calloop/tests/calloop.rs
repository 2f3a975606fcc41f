//! calloop 0.4: an event loop of callbacks on mio, its channels, timers, wake-ups, sockets and raw descriptors.
//! Every message and byte reaches its callback in order, timeouts end in order, and a loop that waits without a limit is stopped from another thread.

#[path = "../../support.rs"]
mod support;

use std::io::{ErrorKind, Read, Write};
use std::net;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use calloop::channel::{channel, Event};
use calloop::generic::{EventedFd, Generic};
use calloop::timer::Timer;
use calloop::EventLoop;
use mio::net::TcpStream;
use mio::{PollOpt, Ready};
use support::{assert_same, bytes, within_deadline};

#[derive(Default)]
struct State {
    messages: Vec<u64>,
    closed: bool,
    timeouts: Vec<u64>,
}

#[test]
fn messages_arrive_in_order() {
    within_deadline(|| {
        let mut events = EventLoop::new().unwrap();
        let (sender, messages) = channel();
        let source =
            events
                .handle()
                .insert_source(messages, |event, state: &mut State| match event {
                    Event::Msg(message) => state.messages.push(message),
                    Event::Closed => state.closed = true,
                });
        let _source = source.map_err(std::io::Error::from).unwrap();
        let sending = thread::spawn(move || (0..20_000).for_each(|n| sender.send(n).unwrap()));
        let mut state = State::default();
        while !state.closed {
            events.dispatch(None, &mut state).unwrap();
        }
        assert_eq!(state.messages, (0..20_000).collect::<Vec<_>>());
        sending.join().unwrap();
    });
}

#[test]
fn timeouts_end_in_order() {
    within_deadline(|| {
        let mut events = EventLoop::new().unwrap();
        let timer = Timer::with_resolution(Duration::from_millis(1));
        let timeouts = timer.handle();
        let source = events
            .handle()
            .insert_source(timer, |(n, _), state: &mut State| state.timeouts.push(n));
        let _source = source.map_err(std::io::Error::from).unwrap();
        let start = Instant::now();
        for n in (0..30).rev() {
            timeouts.add_timeout(Duration::from_millis(5 * n), n);
        }
        let cancelled = timeouts.add_timeout(Duration::from_secs(3_600), 99);
        assert_eq!(timeouts.cancel_timeout(&cancelled), Some(99));
        let mut state = State::default();
        while state.timeouts.len() < 30 {
            events.dispatch(None, &mut state).unwrap();
        }
        assert_eq!(state.timeouts, (0..30).collect::<Vec<_>>());
        assert!(start.elapsed() >= Duration::from_millis(5 * 29 - 1));
    });
}

#[test]
fn sockets_and_raw_descriptors_deliver_every_byte() {
    within_deadline(|| {
        for level in [false, true] {
            let mut events = EventLoop::new().unwrap();
            let options = if level {
                PollOpt::level()
            } else {
                PollOpt::edge()
            };
            let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
            let mut tcp =
                Generic::new(TcpStream::connect(&listener.local_addr().unwrap()).unwrap());
            let (mut peer, _) = listener.accept().unwrap();
            tcp.set_interest(Ready::readable());
            tcp.set_pollopts(options);
            let tcp =
                events
                    .handle()
                    .insert_source(tcp, |event, state: &mut (Vec<u8>, Vec<u8>)| {
                        read(&mut *event.source.borrow_mut(), &mut state.0);
                    });
            let tcp = tcp.map_err(std::io::Error::from).unwrap();
            let (unix, mut unix_peer) = UnixStream::pair().unwrap();
            unix.set_nonblocking(true).unwrap();
            let mut unix = Generic::new(EventedFd(unix));
            unix.set_interest(Ready::readable());
            unix.set_pollopts(options);
            let unix =
                events
                    .handle()
                    .insert_source(unix, |event, state: &mut (Vec<u8>, Vec<u8>)| {
                        read(&mut event.source.borrow_mut().0, &mut state.1);
                    });
            let unix = unix.map_err(std::io::Error::from).unwrap();
            let writing = thread::spawn(move || {
                for n in 0..300 {
                    peer.write_all(&bytes(n, 10_000)).unwrap();
                    unix_peer.write_all(&bytes(1_000 + n, 7_000)).unwrap();
                }
                // Kept open: calloop polls until nothing is ready, and an ended stream always is.
                (peer, unix_peer)
            });
            let mut state = (Vec::new(), Vec::new());
            while state.0.len() < 300 * 10_000 || state.1.len() < 300 * 7_000 {
                events.dispatch(None, &mut state).unwrap();
            }
            assert_same(
                state.0,
                (0..300).flat_map(|n| bytes(n, 10_000)).collect::<Vec<_>>(),
            );
            assert_same(
                state.1,
                (0..300)
                    .flat_map(|n| bytes(1_000 + n, 7_000))
                    .collect::<Vec<_>>(),
            );
            let _peers = writing.join().unwrap();
            tcp.remove();
            unix.remove();
        }
    });
}

/// Reads all there is.
fn read(stream: &mut impl Read, received: &mut Vec<u8>) {
    assert_eq!(
        stream.read_to_end(received).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
}

#[test]
fn another_thread_stops_the_loop() {
    within_deadline(|| {
        let mut events = EventLoop::<u32>::new().unwrap();
        for round in 1..=50 {
            let signal = events.get_signal();
            let (started, start) = std::sync::mpsc::channel();
            let stopping = thread::spawn(move || {
                start.recv().unwrap();
                signal.stop();
                signal.wakeup();
            });
            // An idle callback runs after the first wait, which this wake-up ends.
            events
                .handle()
                .insert_idle(move |_| started.send(()).unwrap());
            events.get_signal().wakeup();
            let mut turns = 0;
            events.run(None, &mut turns, |turns| *turns += 1).unwrap();
            assert!(turns >= 1, "round {round}");
            stopping.join().unwrap();
        }
    });
}
