//! tokio-core 0.1: the loop of one thread before tokio 0.1's runtimes, with its TCP, UDP, timers and remote handles.
//! Every byte arrives in order and unchanged, keepalive options read back, and tasks and timers of other threads run.

#[path = "../../support.rs"]
mod support;

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use futures::sync::oneshot;
use futures::{future, stream, Future, Stream};
use support::{assert_same, bytes, within_deadline};
use tokio_core::net::{TcpListener, TcpStream, UdpCodec, UdpSocket};
use tokio_core::reactor::{Core, Interval, Timeout};
use tokio_io::io::{copy, read_exact, write_all};
use tokio_io::AsyncRead;

#[test]
fn tcp_echoes_many_connections() {
    const CONNECTIONS: u64 = 64;
    within_deadline(|| {
        let mut core = Core::new().unwrap();
        let handle = core.handle();
        let listener = TcpListener::bind(&([127, 0, 0, 1], 0).into(), &handle).unwrap();
        let address = listener.local_addr().unwrap();
        let spawn = handle.clone();
        handle.spawn(
            listener
                .incoming()
                .map_err(|error| panic!("{error}"))
                .for_each(move |(stream, _)| {
                    let (reader, writer) = stream.split();
                    spawn.spawn(
                        copy(reader, writer)
                            .map(drop)
                            .map_err(|error| panic!("{error}")),
                    );
                    Ok(())
                }),
        );
        let clients = (0..CONNECTIONS).map(|n| {
            let sent = bytes(n, 100_000 + n as usize * 3_331);
            TcpStream::connect(&address, &handle).and_then(move |stream| {
                let (reader, writer) = stream.split();
                let read = read_exact(reader, vec![0; sent.len()]);
                write_all(writer, sent)
                    .join(read)
                    .map(|((_, sent), (_, received))| assert_same(received, sent))
            })
        });
        core.run(future::join_all(clients.collect::<Vec<_>>()))
            .unwrap();
    });
}

#[test]
fn options_read_back() {
    within_deadline(|| {
        let mut core = Core::new().unwrap();
        let listener = TcpListener::bind(&([127, 0, 0, 1], 0).into(), &core.handle()).unwrap();
        let connect = TcpStream::connect(&listener.local_addr().unwrap(), &core.handle());
        let stream = core.run(connect).unwrap();
        assert_eq!(stream.keepalive().unwrap(), None);
        stream.set_keepalive(Some(Duration::from_secs(7))).unwrap();
        assert_eq!(stream.keepalive().unwrap(), Some(Duration::from_secs(7)));
        stream.set_keepalive(None).unwrap();
        assert_eq!(stream.keepalive().unwrap(), None);
        stream.set_nodelay(true).unwrap();
        assert!(stream.nodelay().unwrap());
        stream.set_linger(Some(Duration::from_secs(3))).unwrap();
        assert_eq!(stream.linger().unwrap(), Some(Duration::from_secs(3)));
    });
}

/// Datagrams as they are, with their address.
struct Plain;

impl UdpCodec for Plain {
    type In = (SocketAddr, Vec<u8>);
    type Out = (SocketAddr, Vec<u8>);

    fn decode(&mut self, source: &SocketAddr, datagram: &[u8]) -> io::Result<Self::In> {
        Ok((*source, datagram.to_vec()))
    }

    fn encode(&mut self, (destination, datagram): Self::Out, buffer: &mut Vec<u8>) -> SocketAddr {
        buffer.extend(datagram);
        destination
    }
}

#[test]
fn udp_datagrams_keep_their_bounds() {
    use futures::Sink;
    within_deadline(|| {
        let mut core = Core::new().unwrap();
        let sockets =
            [0; 2].map(|_| UdpSocket::bind(&([127, 0, 0, 1], 0).into(), &core.handle()).unwrap());
        let [from, to] = [0, 1].map(|n: usize| sockets[n].local_addr().unwrap());
        let [(sink, _rest), (_sink, source)] = sockets.map(|socket| socket.framed(Plain).split());
        let rounds = stream::iter_ok::<_, io::Error>(0..300).fold(
            (sink, source),
            move |(sink, source), n| {
                let sent = bytes(n, n as usize * 180);
                let receive = source.into_future().map_err(|(error, _)| error);
                sink.send((to, sent.clone())).join(receive).map(
                    move |(sink, (received, source))| {
                        let (peer, received) = received.unwrap();
                        assert_eq!(peer, from);
                        assert_same(received, sent);
                        (sink, source)
                    },
                )
            },
        );
        core.run(rounds.map(drop)).unwrap();
    });
}

#[test]
fn other_threads_spawn_on_the_loop() {
    within_deadline(|| {
        let mut core = Core::new().unwrap();
        let (all_done, done) = oneshot::channel::<Vec<u64>>();
        let remote = core.remote();
        let thread = thread::spawn(move || {
            let results = (0..200).map(|n| {
                let (result, received) = oneshot::channel();
                remote.spawn(move |handle| {
                    let timeout = Timeout::new(Duration::from_millis(n % 7), handle).unwrap();
                    timeout
                        .map_err(|error| panic!("{error}"))
                        .map(move |()| result.send(n).unwrap())
                });
                received
            });
            let results = results
                .collect::<Vec<_>>()
                .into_iter()
                .map(|result| result.wait().unwrap());
            all_done.send(results.collect()).unwrap();
        });
        assert_eq!(core.run(done).unwrap(), (0..200).collect::<Vec<_>>());
        thread.join().unwrap();
    });
}

#[test]
fn timers_are_never_early() {
    within_deadline(|| {
        let mut core = Core::new().unwrap();
        let start = Instant::now();
        let ticks = Interval::new(Duration::from_millis(4), &core.handle()).unwrap();
        core.run(ticks.take(20).for_each(|()| Ok(()))).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(4 * 20));
        let timeout = Timeout::new(Duration::from_millis(30), &core.handle()).unwrap();
        let start = Instant::now();
        core.run(timeout).unwrap();
        // The constructor read the clock a little before.
        assert!(start.elapsed() >= Duration::from_millis(29));
    });
}
