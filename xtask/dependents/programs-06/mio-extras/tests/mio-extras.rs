//! mio-extras 2: its channels and its timer in a `Poll` loop, together with a socket.
//! No message is lost or reordered, the end of a channel is reported, timeouts end in order and never early, and a cancelled one stays silent.

#[path = "../../support.rs"]
mod support;

use std::io::{ErrorKind, Read, Write};
use std::net;
use std::sync::mpsc::TryRecvError;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Poll, PollOpt, Ready, Token};
use mio_extras::channel::{channel, sync_channel, TrySendError};
use mio_extras::timer::Builder;
use support::{assert_same, bytes, within_deadline};

const CHANNEL: Token = Token(1);
const TIMER: Token = Token(2);
const SOCKET: Token = Token(3);

#[test]
fn messages_of_many_threads_arrive_in_order() {
    const THREADS: usize = 8;
    const MESSAGES: usize = 20_000;
    for options in [
        PollOpt::edge(),
        PollOpt::level(),
        PollOpt::edge() | PollOpt::oneshot(),
    ] {
        within_deadline(move || {
            let poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(16);
            let (sender, receiver) = channel();
            poll.register(&receiver, CHANNEL, Ready::readable(), options)
                .unwrap();
            for thread in 0..THREADS {
                let sender = sender.clone();
                thread::spawn(move || {
                    (0..MESSAGES).for_each(|n| sender.send((thread, n)).unwrap())
                });
            }
            drop(sender);
            let mut next = [0; THREADS];
            loop {
                poll.poll(&mut events, None).unwrap();
                assert!(events
                    .iter()
                    .all(|event| event.token() == CHANNEL && event.readiness().is_readable()));
                let end = loop {
                    match receiver.try_recv() {
                        Ok((thread, n)) => {
                            assert_eq!(n, next[thread]);
                            next[thread] += 1;
                        }
                        Err(error) => break error,
                    }
                };
                if end == TryRecvError::Disconnected {
                    break;
                }
                if options.is_oneshot() {
                    poll.reregister(&receiver, CHANNEL, Ready::readable(), options)
                        .unwrap();
                }
            }
            assert_eq!(next, [MESSAGES; THREADS]);
        });
    }
}

#[test]
fn a_bounded_channel_fills_and_empties() {
    within_deadline(|| {
        let poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(16);
        let (sender, receiver) = sync_channel(3);
        (0..3).for_each(|n| sender.send(n).unwrap());
        assert!(matches!(sender.try_send(3), Err(TrySendError::Full(3))));
        // Sent before the registration: reported all the same.
        poll.register(&receiver, CHANNEL, Ready::readable(), PollOpt::edge())
            .unwrap();
        let blocked = thread::spawn(move || (3..5_000).for_each(|n| sender.send(n).unwrap()));
        let mut next = 0;
        loop {
            poll.poll(&mut events, None).unwrap();
            let end = loop {
                match receiver.try_recv() {
                    Ok(n) => {
                        assert_eq!(n, next);
                        next += 1;
                    }
                    Err(error) => break error,
                }
            };
            if end == TryRecvError::Disconnected {
                break;
            }
        }
        assert_eq!(next, 5_000);
        blocked.join().unwrap();
    });
}

#[test]
fn timeouts_end_in_order_and_never_early() {
    within_deadline(|| {
        let poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(16);
        let mut timer = Builder::default()
            .tick_duration(Duration::from_millis(5))
            .build();
        poll.register(&timer, TIMER, Ready::readable(), PollOpt::edge())
            .unwrap();
        let start = Instant::now();
        let mut cancelled = Vec::new();
        for n in (0..30_u64).rev() {
            // Two ticks apart, so that no two end in the same tick.
            let timeout = timer.set_timeout(Duration::from_millis(10 * n), n);
            if n % 3 == 1 {
                cancelled.push((timeout, n));
            }
        }
        for (timeout, n) in cancelled {
            assert_eq!(timer.cancel_timeout(&timeout), Some(n));
            assert_eq!(timer.cancel_timeout(&timeout), None);
        }
        let mut ended = Vec::new();
        while ended.last() != Some(&29) {
            poll.poll(&mut events, None).unwrap();
            while let Some(n) = timer.poll() {
                // The timer rounds to its tick.
                assert!(
                    start.elapsed() + Duration::from_millis(5) >= Duration::from_millis(10 * n)
                );
                ended.push(n);
            }
        }
        assert_eq!(ended, (0..30).filter(|n| n % 3 != 1).collect::<Vec<_>>());
        assert_eq!(timer.poll(), None);
    });
}

#[test]
fn channel_timer_and_socket_share_a_poll() {
    within_deadline(|| {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut socket = TcpStream::connect(&listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let (sender, receiver) = channel::<Vec<u8>>();
        let mut timer = Builder::default()
            .tick_duration(Duration::from_millis(1))
            .build();
        let poll = Poll::new().unwrap();
        poll.register(&socket, SOCKET, Ready::readable(), PollOpt::edge())
            .unwrap();
        poll.register(&receiver, CHANNEL, Ready::readable(), PollOpt::edge())
            .unwrap();
        poll.register(&timer, TIMER, Ready::readable(), PollOpt::edge())
            .unwrap();
        let producer = thread::spawn(move || {
            for n in 0..200 {
                sender.send(bytes(n, 5_000)).unwrap();
                peer.write_all(&bytes(1_000 + n, 5_000)).unwrap();
            }
        });
        for n in 0..10 {
            timer.set_timeout(Duration::from_millis(2 * n), n);
        }
        let mut events = Events::with_capacity(2);
        let (mut messages, mut timeouts, mut received) = (0, 0, Vec::new());
        let (mut all_sent, mut closed) = (false, false);
        while !(all_sent && closed && timeouts == 10) {
            poll.poll(&mut events, None).unwrap();
            for event in &events {
                match event.token() {
                    CHANNEL => loop {
                        match receiver.try_recv() {
                            Ok(message) => {
                                assert_same(message, bytes(messages, 5_000));
                                messages += 1;
                            }
                            Err(TryRecvError::Empty) => break,
                            Err(TryRecvError::Disconnected) => {
                                all_sent = true;
                                break;
                            }
                        }
                    },
                    TIMER => timeouts += std::iter::from_fn(|| timer.poll()).count(),
                    SOCKET => match socket.read_to_end(&mut received) {
                        Ok(_) => closed = true,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                    },
                    Token(token) => panic!("{token}"),
                }
            }
        }
        assert_eq!(messages, 200);
        assert_same(
            received,
            (0..200)
                .flat_map(|n| bytes(1_000 + n, 5_000))
                .collect::<Vec<_>>(),
        );
        producer.join().unwrap();
    });
}

#[test]
fn a_receiver_moves_to_another_token() {
    within_deadline(|| {
        let poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(16);
        let (sender, receiver) = channel();
        poll.register(&receiver, CHANNEL, Ready::readable(), PollOpt::edge())
            .unwrap();
        sender.send(1).unwrap();
        poll.reregister(&receiver, SOCKET, Ready::readable(), PollOpt::edge())
            .unwrap();
        poll.poll(&mut events, None).unwrap();
        assert_eq!(
            events.iter().map(|event| event.token()).collect::<Vec<_>>(),
            [SOCKET]
        );
        assert_eq!(receiver.try_recv(), Ok(1));
        poll.deregister(&receiver).unwrap();
        sender.send(2).unwrap();
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty());
        assert_eq!(receiver.try_recv(), Ok(2));
        drop(receiver);
        sender.send(3).unwrap_err();
    });
}
