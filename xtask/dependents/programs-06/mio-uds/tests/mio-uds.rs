//! mio-uds 0.6: Unix streams, listeners and datagrams in a `Poll` loop, which register through `EventedFd`.
//! Every byte arrives in order and unchanged, a full queue becomes writable again, and the end of a stream is reported.

#[path = "../../support.rs"]
mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net;
use std::time::Duration;

use mio::{Events, Poll, PollOpt, Ready, Token};
use mio_uds::{UnixDatagram, UnixListener, UnixStream};
use support::{assert_same, bytes, within_deadline, Folder};

const BOTH: fn() -> Ready = || Ready::readable() | Ready::writable();

/// Writes the rest of `sent` until the kernel takes no more.
fn write(stream: &mut UnixStream, sent: &[u8], written: &mut usize) {
    while *written < sent.len() {
        match stream.write(&sent[*written..]) {
            Ok(len) => *written += len,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return;
            }
        }
    }
}

/// Reads all there is and returns whether the stream has ended.
fn read(stream: &mut UnixStream, received: &mut Vec<u8>) -> bool {
    match stream.read_to_end(received) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            false
        }
    }
}

#[test]
fn a_pair_exchanges_more_than_its_buffers_hold() {
    within_deadline(|| {
        for options in [PollOpt::edge(), PollOpt::level()] {
            let poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(4);
            let (one, other) = UnixStream::pair().unwrap();
            let mut streams = [one, other];
            let sent = [bytes(1, 3 << 20), bytes(2, 2 << 20)];
            let (mut written, mut received, mut ended) =
                ([0; 2], [Vec::new(), Vec::new()], [false; 2]);
            for (n, stream) in streams.iter().enumerate() {
                poll.register(stream, Token(n), BOTH(), options).unwrap();
            }
            while ended != [true; 2] {
                poll.poll(&mut events, None).unwrap();
                for event in &events {
                    let Token(n) = event.token();
                    if event.readiness().is_writable() && written[n] < sent[n].len() {
                        write(&mut streams[n], &sent[n], &mut written[n]);
                        if written[n] == sent[n].len() {
                            streams[n].shutdown(Shutdown::Write).unwrap();
                        }
                    }
                    if event.readiness().is_readable() {
                        ended[n] = read(&mut streams[n], &mut received[n]);
                    }
                }
            }
            assert_same(&received[0], &sent[1]);
            assert_same(&received[1], &sent[0]);
            streams
                .iter()
                .for_each(|stream| poll.deregister(stream).unwrap());
        }
    });
}

#[test]
fn a_listener_accepts_every_client() {
    const CLIENTS: usize = 50;
    const LISTENER: Token = Token(CLIENTS);
    within_deadline(|| {
        let folder = Folder::new();
        let path = folder.join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        poll.register(&listener, LISTENER, Ready::readable(), PollOpt::edge())
            .unwrap();
        let clients = std::thread::spawn(move || {
            let clients = (0..CLIENTS).map(|n| {
                let path = path.clone();
                std::thread::spawn(move || {
                    let mut stream = net::UnixStream::connect(path).unwrap();
                    stream.write_all(&bytes(n as u64, 10_000)).unwrap();
                    stream.shutdown(Shutdown::Write).unwrap();
                    let mut answer = Vec::new();
                    stream.read_to_end(&mut answer).unwrap();
                    assert_same(answer, bytes(n as u64, 10_000));
                })
            });
            clients
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|client| client.join().unwrap());
        });
        let mut streams: Vec<Option<(UnixStream, Vec<u8>)>> = Vec::new();
        let mut answered = 0;
        while answered < CLIENTS {
            poll.poll(&mut events, None).unwrap();
            for event in &events {
                if event.token() == LISTENER {
                    while let Some((stream, _)) = listener.accept().unwrap() {
                        poll.register(
                            &stream,
                            Token(streams.len()),
                            Ready::readable(),
                            PollOpt::edge(),
                        )
                        .unwrap();
                        streams.push(Some((stream, Vec::new())));
                    }
                } else if let Some((mut stream, mut received)) = streams[event.token().0].take() {
                    if read(&mut stream, &mut received) {
                        // Far less than the buffer holds.
                        stream.write_all(&received).unwrap();
                        answered += 1;
                    } else {
                        streams[event.token().0] = Some((stream, received));
                    }
                }
            }
        }
        assert_eq!(streams.len(), CLIENTS);
        clients.join().unwrap();
    });
}

#[test]
fn datagrams_wait_for_a_full_queue() {
    const DATAGRAMS: u64 = 2_000;
    within_deadline(|| {
        let folder = Folder::new();
        let path = folder.join("datagrams");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect(&path).unwrap();
        let poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(4);
        poll.register(&sender, Token(0), Ready::writable(), PollOpt::edge())
            .unwrap();
        poll.register(&receiver, Token(1), Ready::readable(), PollOpt::edge())
            .unwrap();
        let (mut sent, mut received, mut refused) = (0, 0, 0);
        let mut buffer = [0; 4_096];
        while received < DATAGRAMS {
            poll.poll(&mut events, None).unwrap();
            for event in &events {
                if event.token() == Token(0) {
                    while sent < DATAGRAMS {
                        match sender.send(&bytes(sent, sent as usize % 3_000)) {
                            Ok(len) => assert_eq!(len, sent as usize % 3_000),
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                                refused += 1;
                                break;
                            }
                        }
                        sent += 1;
                    }
                } else {
                    while let Ok(len) = receiver.recv(&mut buffer) {
                        assert_same(&buffer[..len], bytes(received, received as usize % 3_000));
                        received += 1;
                    }
                }
            }
        }
        assert!(refused > 0, "the queue never filled");
    });
}

#[test]
fn oneshot_stays_silent_until_reregistered() {
    within_deadline(|| {
        let poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(4);
        let (one, mut other) = UnixStream::pair().unwrap();
        let once = PollOpt::edge() | PollOpt::oneshot();
        poll.register(&one, Token(1), Ready::readable(), once)
            .unwrap();
        other.write_all(b"x").unwrap();
        poll.poll(&mut events, None).unwrap();
        assert_eq!(
            events.iter().map(|event| event.token()).collect::<Vec<_>>(),
            [Token(1)]
        );
        other.write_all(b"y").unwrap();
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty());
        poll.reregister(&one, Token(2), Ready::readable(), once)
            .unwrap();
        poll.poll(&mut events, None).unwrap();
        assert_eq!(
            events.iter().map(|event| event.token()).collect::<Vec<_>>(),
            [Token(2)]
        );
    });
}
