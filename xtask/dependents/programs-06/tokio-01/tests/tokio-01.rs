//! tokio 0.1: its runtime of many threads and of one, TCP, UDP, Unix sockets and timers.
//! Every byte arrives in order and unchanged, closing and errors are reported as the kernel means them, and timers end in order and never early.

#[path = "../../support.rs"]
mod support;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{self, Shutdown};
use std::time::{Duration, Instant};

use futures::future::Either;
use futures::sync::{mpsc, oneshot};
use futures::{future, stream, Future, Sink, Stream};
use support::{assert_same, bytes, within_deadline, Folder, Refusing};
use tokio::io::{copy, flush, read_exact, read_to_end, write_all, AsyncRead};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use tokio::runtime::{current_thread, Runtime};
use tokio::timer::{Delay, Interval, Timeout};

fn run<T: Send + 'static>(test: impl Future<Item = T, Error = io::Error> + Send + 'static) -> T {
    let mut runtime = Runtime::new().unwrap();
    let result = runtime.block_on(test).unwrap();
    runtime.shutdown_now().wait().unwrap();
    result
}

/// Sends back what `stream` receives, until its end.
fn echo<S: AsyncRead + tokio::io::AsyncWrite>(
    stream: S,
) -> impl Future<Item = (), Error = io::Error> {
    let (reader, writer) = stream.split();
    copy(reader, writer).map(drop)
}

/// Writes `sent` in pieces while reading: all of it has to come back.
fn exchange<S>(stream: S, sent: Vec<u8>) -> impl Future<Item = (), Error = io::Error> + Send
where
    S: AsyncRead + tokio::io::AsyncWrite + Send + 'static,
{
    let (reader, writer) = stream.split();
    let pieces: Vec<_> = sent.chunks(9_001).map(<[u8]>::to_vec).collect();
    let write = stream::iter_ok(pieces).fold(writer, |writer, piece| {
        write_all(writer, piece).and_then(|(writer, _)| flush(writer))
    });
    read_exact(reader, vec![0; sent.len()])
        .join(write)
        .map(move |((_, received), _)| assert_same(received, sent))
}

#[test]
fn tcp_echoes_many_connections() {
    const CONNECTIONS: usize = 64;
    within_deadline(|| {
        run(future::lazy(|| {
            let listener = TcpListener::bind(&([127, 0, 0, 1], 0).into()).unwrap();
            let address = listener.local_addr().unwrap();
            let serve = listener
                .incoming()
                .take(CONNECTIONS as u64)
                .map(echo)
                .buffer_unordered(CONNECTIONS)
                .collect();
            let clients = (0..CONNECTIONS).map(move |n| {
                let sent = bytes(n as u64, 100_000 + n * 3_331);
                TcpStream::connect(&address).and_then(|stream| exchange(stream, sent))
            });
            serve.join(future::join_all(clients.collect::<Vec<_>>()))
        }));
    });
}

#[test]
fn tcp_on_spawned_tasks_of_both_runtimes() {
    const CONNECTIONS: usize = 32;
    within_deadline(|| {
        let mut server = Runtime::new().unwrap();
        let listener = TcpListener::bind(&([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        server.spawn(
            listener
                .incoming()
                .map_err(|error| panic!("{error}"))
                .for_each(|stream| tokio::spawn(echo(stream).map_err(|error| panic!("{error}")))),
        );
        let mut client = current_thread::Runtime::new().unwrap();
        let (done, results) = mpsc::channel(0);
        for n in 0..CONNECTIONS {
            let done = done.clone();
            let exchanged = TcpStream::connect(&address)
                .and_then(move |stream| exchange(stream, bytes(n as u64, 70_001)));
            client.spawn(
                exchanged
                    .then(|result| done.send(result))
                    .map(drop)
                    .map_err(drop),
            );
        }
        drop(done);
        let results = client.block_on(results.collect()).unwrap();
        assert_eq!(
            results
                .into_iter()
                .collect::<io::Result<Vec<_>>>()
                .unwrap()
                .len(),
            CONNECTIONS
        );
        server.shutdown_now().wait().unwrap();
    });
}

#[test]
fn tcp_writes_more_than_the_buffers_hold() {
    within_deadline(|| {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sent = bytes(5, 24 << 20);
        let expected = sent.clone();
        let reader = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut received = Vec::new();
            stream.read_to_end(&mut received).unwrap();
            assert_same(received, expected);
            stream.write_all(b"all of it").unwrap();
        });
        let answer = run(TcpStream::connect(&address)
            .and_then(|stream| write_all(stream, sent))
            .and_then(|(stream, _)| {
                stream.shutdown(Shutdown::Write)?;
                Ok(stream)
            })
            .and_then(|stream| read_to_end(stream, Vec::new())));
        assert_same(answer.1, b"all of it");
        reader.join().unwrap();
    });
}

#[test]
fn tcp_reports_refusal_and_reset() {
    within_deadline(|| {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (close, closed) = oneshot::channel::<()>();
        // Closing a socket with unread bytes resets the connection.
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
            closed.wait().unwrap();
        });
        let client = TcpStream::connect(&address)
            .and_then(|stream| write_all(stream, b"unread"))
            .and_then(|(stream, _)| {
                close.send(()).unwrap();
                read_exact(stream, [0]).then(|result| Ok(result.map(drop).unwrap_err().kind()))
            });
        assert_eq!(run(client), ErrorKind::ConnectionReset);
        server.join().unwrap();
        let refusing = Refusing::new();
        let refused = TcpStream::connect(&refusing.address())
            .then(|result| Ok(result.map(drop).unwrap_err().kind()));
        assert_eq!(run(refused), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn udp_datagrams_keep_their_bounds() {
    within_deadline(|| {
        let server = UdpSocket::bind(&([127, 0, 0, 1], 0).into()).unwrap();
        let client = UdpSocket::bind(&([127, 0, 0, 1], 0).into()).unwrap();
        let (to, from) = (server.local_addr().unwrap(), client.local_addr().unwrap());
        let rounds = stream::iter_ok(0..300);
        run(rounds.fold((server, client), move |(server, client), n| {
            let sent = bytes(n, (n as usize * 211) % 60_000);
            client
                .send_dgram(sent.clone(), &to)
                .and_then(move |(client, _)| {
                    server.recv_dgram(vec![0; 65_536]).map(|got| (client, got))
                })
                .and_then(move |(client, (server, mut datagram, len, peer))| {
                    assert_eq!(peer, from);
                    datagram.truncate(len);
                    assert_same(&datagram, &sent);
                    let answer = server.send_dgram(datagram, &peer);
                    answer
                        .join(client.recv_dgram(vec![0; 65_536]))
                        .map(|got| (got, sent))
                })
                .map(
                    move |(((server, _), (client, datagram, len, peer)), sent)| {
                        assert_eq!(peer, to);
                        assert_same(&datagram[..len], &sent);
                        (server, client)
                    },
                )
        }));
    });
}

#[test]
fn unix_streams_echo_many_connections() {
    const CONNECTIONS: usize = 32;
    within_deadline(|| {
        let folder = Folder::new();
        let path = folder.join("socket");
        run(future::lazy(|| {
            let listener = UnixListener::bind(&path).unwrap();
            let serve = listener
                .incoming()
                .take(CONNECTIONS as u64)
                .map(echo)
                .buffer_unordered(CONNECTIONS)
                .collect();
            let clients = (0..CONNECTIONS).map(move |n| {
                let sent = bytes(n as u64, 300_000 + n);
                UnixStream::connect(&path).and_then(|stream| exchange(stream, sent))
            });
            serve.join(future::join_all(clients.collect::<Vec<_>>()))
        }));
    });
}

#[test]
fn unix_pairs_and_datagrams() {
    within_deadline(|| {
        let folder = Folder::new();
        let path = folder.join("datagrams");
        run(future::lazy(move || {
            let (one, other) = UnixStream::pair().unwrap();
            let streams = echo(one).join(exchange(other, bytes(1, 1 << 20)));
            let server = UnixDatagram::bind(&path).unwrap();
            let client = UnixDatagram::unbound().unwrap();
            // More datagrams than the receiver's queue holds: sending has to wait for it.
            let send = stream::iter_ok(0..500).fold(client, move |client, n: u64| {
                client
                    .send_dgram(bytes(n, n as usize * 7), path.clone())
                    .map(|(client, _)| client)
            });
            let receive = stream::iter_ok(0..500).fold(server, |server, n: u64| {
                server
                    .recv_dgram(vec![0; 8_192])
                    .map(move |(server, datagram, len, _)| {
                        assert_same(&datagram[..len], bytes(n, n as usize * 7));
                        server
                    })
            });
            streams.join(send.join(receive))
        }));
    });
}

#[test]
fn timers_end_in_order_and_never_early() {
    within_deadline(|| {
        let timers =
            future::lazy(|| {
                let start = Instant::now();
                let (ended, order) = mpsc::unbounded();
                for n in (0..40_u64).rev() {
                    let ended = ended.clone();
                    let due = start + Duration::from_millis(5 * n);
                    tokio::spawn(Delay::new(due).map_err(|error| panic!("{error}")).map(
                        move |()| {
                            assert!(Instant::now() >= due);
                            ended.unbounded_send(n).unwrap();
                        },
                    ));
                }
                drop(ended);
                let ticks = Interval::new(start, Duration::from_millis(3))
                    .take(30)
                    .collect();
                let ticks = ticks.map_err(|error| panic!("{error}"));
                order.collect().join(ticks).map(move |(order, ticks)| {
                    assert_eq!(order, (0..40).collect::<Vec<_>>());
                    assert_eq!(ticks.len(), 30);
                    assert!(start.elapsed() >= Duration::from_millis(5 * 39));
                })
            });
        current_thread::Runtime::new()
            .unwrap()
            .block_on(timers)
            .unwrap();
    });
}

#[test]
fn a_timer_ends_first_and_leaves_the_read_whole() {
    within_deadline(|| {
        run(future::lazy(|| {
            let (one, other) = UnixStream::pair().unwrap();
            let due = Instant::now() + Duration::from_millis(50);
            read_exact(one, [0; 4])
                .select2(Delay::new(due))
                .then(move |first| {
                    let Ok(Either::B(((), read))) = first else {
                        panic!("nothing was sent")
                    };
                    assert!(Instant::now() >= due);
                    write_all(other, b"late").join(read)
                })
                .map(|(_, (_, received))| assert_same(received, b"late"))
        }));
    });
}

#[test]
fn a_deadline_ends_a_read() {
    within_deadline(|| {
        run(future::lazy(|| {
            let (one, other) = UnixStream::pair().unwrap();
            Timeout::new(read_exact(one, [0]), Duration::from_millis(20)).then(|result| {
                drop(other);
                assert!(result.map(drop).unwrap_err().is_elapsed());
                Ok(())
            })
        }));
    });
}
