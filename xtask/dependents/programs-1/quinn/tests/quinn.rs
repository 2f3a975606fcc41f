//! quinn: QUIC over UDP, with a certificate made here.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, IdleTimeout, ReadError, ReadExactError,
    RecvStream, SendStream, ServerConfig, TransportConfig, VarInt, WriteError,
};
use rustls::RootCertStore;
use rustls::pki_types::PrivatePkcs8KeyDer;
use support::{assert_bytes, on_each_runtime, pattern};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const LARGE: usize = 1 << 20;

/// Two endpoints, the second of which trusts the certificate of the first.
struct Pair {
    server: Endpoint,
    client: Endpoint,
}

impl Pair {
    fn new() -> Pair {
        Pair::bind((Ipv4Addr::LOCALHOST, 0).into(), None)
    }

    fn bind(address: SocketAddr, idle: Option<Duration>) -> Pair {
        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
        let issued = issued.expect("a certificate");
        let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
        let certificate = issued.cert.der().clone();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("add the certificate");

        let mut transport = TransportConfig::default();
        if let Some(idle) = idle {
            let idle = IdleTimeout::try_from(idle).expect("a timeout");
            transport.max_idle_timeout(Some(idle));
        }
        let transport = Arc::new(transport);
        let server = ServerConfig::with_single_cert(vec![certificate], key.into());
        let mut server = server.expect("a configuration");
        server.transport_config(Arc::clone(&transport));
        let server = Endpoint::server(server, address).expect("bind");
        let mut client = Endpoint::client(address).expect("bind");
        let config = ClientConfig::with_root_certificates(Arc::new(roots));
        let mut config = config.expect("a configuration");
        config.transport_config(transport);
        client.set_default_client_config(config);
        Pair { server, client }
    }

    async fn accept(&self) -> Connection {
        let incoming = self.server.accept().await.expect("a client");
        incoming.await.expect("accept")
    }

    async fn connect(&self) -> Connection {
        let address = self.server.local_addr().expect("its address");
        let connecting = self.client.connect(address, "localhost").expect("connect");
        connecting.await.expect("connect")
    }

    /// Both ends of a new connection.
    async fn connected(&self) -> (Connection, Connection) {
        tokio::join!(self.accept(), self.connect())
    }

    async fn finish(&self) {
        for endpoint in [&self.server, &self.client] {
            endpoint.close(VarInt::from_u32(0), b"done");
            endpoint.wait_idle().await;
        }
    }
}

async fn send(mut stream: SendStream, bytes: Vec<u8>) {
    stream.write_all(&bytes).await.expect("write");
    stream.finish().expect("finish");
    assert_eq!(stream.stopped().await.expect("all acknowledged"), None);
}

async fn receive(mut stream: RecvStream) -> Vec<u8> {
    stream.read_to_end(LARGE).await.expect("read")
}

/// Sends everything back on each stream the other end opens, until it closes.
async fn echo(connection: Connection) -> ConnectionError {
    let mut streams = JoinSet::new();
    loop {
        match connection.accept_bi().await {
            Ok((mut sender, mut receiver)) => streams.spawn(async move {
                while let Some(chunk) = receiver.read_chunk(10_000, true).await.expect("read") {
                    sender.write_chunk(chunk.bytes).await.expect("write");
                }
                sender.finish().expect("finish");
                assert_eq!(sender.stopped().await.expect("all acknowledged"), None);
            }),
            Err(error) => {
                streams.join_all().await;
                break error;
            }
        };
    }
}

fn closed_with(error: &ConnectionError, code: u32, reason: &[u8]) -> bool {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            close.error_code == VarInt::from_u32(code) && close.reason == reason
        }
        _ => false,
    }
}

#[test]
fn streams_of_one_direction_carry_bytes_both_ways() {
    on_each_runtime(async || {
        let pair = Pair::new();
        let (server, client) = pair.connected().await;
        for (seed, length) in [0, 1, 1200, 70_000, LARGE].into_iter().enumerate() {
            let bytes = pattern(seed as u64, length);
            for (from, to) in [(&server, &client), (&client, &server)] {
                let sending =
                    async { send(from.open_uni().await.expect("open"), bytes.clone()).await };
                let receiving = async { receive(to.accept_uni().await.expect("accept")).await };
                let ((), found) = tokio::join!(sending, receiving);
                assert_bytes(&found, &bytes);
            }
        }
        pair.finish().await;
    });
}

#[test]
fn streams_of_both_directions_are_echoed() {
    const STREAMS: u64 = 60;
    on_each_runtime(async || {
        let pair = Pair::new();
        let (server, client) = pair.connected().await;
        let server = tokio::spawn(echo(server));
        let mut streams = JoinSet::new();
        for seed in 0..STREAMS {
            let client = client.clone();
            streams.spawn(async move {
                let (sender, receiver) = client.open_bi().await.expect("open");
                let bytes = pattern(seed, 10_000 + 331 * seed as usize);
                let ((), found) = tokio::join!(send(sender, bytes.clone()), receive(receiver));
                assert_bytes(&found, &bytes);
            });
        }
        streams.join_all().await;
        client.close(VarInt::from_u32(3), b"enough");
        let error = server.await.expect("the server");
        assert!(closed_with(&error, 3, b"enough"), "{error:?}");
        pair.finish().await;
    });
}

#[test]
fn a_large_stream_is_echoed_while_it_is_sent() {
    on_each_runtime(async || {
        let pair = Pair::new();
        let (server, client) = pair.connected().await;
        let server = tokio::spawn(echo(server));
        let (sender, receiver) = client.open_bi().await.expect("open");
        let bytes = pattern(77, LARGE);
        let ((), found) = tokio::join!(send(sender, bytes.clone()), receive(receiver));
        assert_bytes(&found, &bytes);
        client.close(VarInt::from_u32(0), b"");
        server.await.expect("the server");
        pair.finish().await;
    });
}

#[test]
fn many_connections_work_at_once() {
    const CONNECTIONS: u64 = 40;
    on_each_runtime(async || {
        let pair = Arc::new(Pair::new());
        let endpoint = pair.server.clone();
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            for _ in 0..CONNECTIONS {
                let incoming = endpoint.accept().await.expect("a client");
                connections.spawn(async { echo(incoming.await.expect("accept")).await });
            }
            connections.join_all().await
        });
        // More at once overflow the socket's buffer: the loss costs seconds of retransmission.
        let at_once = Arc::new(Semaphore::new(6));
        let mut clients = JoinSet::new();
        for seed in 0..CONNECTIONS {
            let (pair, at_once) = (Arc::clone(&pair), Arc::clone(&at_once));
            clients.spawn(async move {
                let permit = at_once.acquire().await.expect("a turn");
                let client = pair.connect().await;
                for round in 0..3 {
                    let (sender, receiver) = client.open_bi().await.expect("open");
                    let bytes = pattern(seed * 10 + round, 10_000);
                    let ((), found) = tokio::join!(send(sender, bytes.clone()), receive(receiver));
                    assert_bytes(&found, &bytes);
                }
                drop(permit);
                (client, seed)
            });
        }
        for (client, seed) in clients.join_all().await {
            client.close(VarInt::from_u32(seed as u32), b"enough");
        }
        let mut codes: Vec<_> = server.await.expect("the server").iter().map(code).collect();
        codes.sort_unstable();
        assert_eq!(codes, (0..CONNECTIONS).collect::<Vec<_>>());
        pair.finish().await;
    });
}

fn code(error: &ConnectionError) -> u64 {
    match error {
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn datagrams_arrive_whole_both_ways() {
    on_each_runtime(async || {
        let pair = Pair::new();
        let (server, client) = pair.connected().await;
        for seed in 0..200 {
            let bytes = pattern(seed, 900);
            for (from, to) in [(&server, &client), (&client, &server)] {
                // One at a time: none is lost where the receiver's buffer is empty.
                from.send_datagram(bytes.clone().into()).expect("send");
                assert_bytes(&to.read_datagram().await.expect("receive"), &bytes);
            }
        }
        let largest = client.max_datagram_size().expect("datagrams");
        let error = client
            .send_datagram(vec![0; largest + 1].into())
            .expect_err("too large");
        assert_eq!(error, quinn::SendDatagramError::TooLarge);
        pair.finish().await;
    });
}

#[test]
fn streams_work_by_ipv6() {
    on_each_runtime(async || {
        let pair = Pair::bind((Ipv6Addr::LOCALHOST, 0).into(), None);
        let (server, client) = pair.connected().await;
        assert!(client.remote_address().is_ipv6());
        let server = tokio::spawn(echo(server));
        let (sender, receiver) = client.open_bi().await.expect("open");
        let bytes = pattern(6, 200_000);
        let ((), found) = tokio::join!(send(sender, bytes.clone()), receive(receiver));
        assert_bytes(&found, &bytes);
        client.close(VarInt::from_u32(0), b"");
        server.await.expect("the server");
        pair.finish().await;
    });
}

#[test]
fn a_reset_and_a_stop_reach_the_other_end() {
    on_each_runtime(async || {
        let pair = Pair::new();
        let (server, client) = pair.connected().await;
        let (mut sender, mut receiver) = client.open_bi().await.expect("open");
        sender.write_all(b"some").await.expect("write");
        let (mut answers, mut received) = server.accept_bi().await.expect("accept");
        let mut some = [0; 4];
        received.read_exact(&mut some).await.expect("read");
        assert_eq!(&some, b"some");

        sender.reset(VarInt::from_u32(5)).expect("reset");
        let error = received.read_exact(&mut some).await.expect_err("a reset");
        let reset = ReadError::Reset(VarInt::from_u32(5));
        assert_eq!(error, ReadExactError::ReadError(reset));

        receiver.stop(VarInt::from_u32(8)).expect("stop");
        assert_eq!(answers.stopped().await, Ok(Some(VarInt::from_u32(8))));
        let error = answers.write(b"more").await.expect_err("stopped");
        assert_eq!(error, WriteError::Stopped(VarInt::from_u32(8)));
        pair.finish().await;
    });
}

#[test]
fn a_silent_peer_is_given_up() {
    on_each_runtime(async || {
        let idle = Duration::from_millis(300);
        let pair = Pair::bind((Ipv4Addr::LOCALHOST, 0).into(), Some(idle));
        let (server, client) = pair.connected().await;
        let (server, client) = tokio::join!(server.closed(), client.closed());
        assert_eq!(server, ConnectionError::TimedOut);
        assert_eq!(client, ConnectionError::TimedOut);
        pair.finish().await;
    });
}

#[test]
fn an_unknown_certificate_is_refused() {
    on_each_runtime(async || {
        let [pair, stranger] = [Pair::new(), Pair::new()];
        let address = stranger.server.local_addr().expect("its address");
        let accepting = async {
            let incoming = stranger.server.accept().await.expect("a client");
            incoming.await.expect_err("refused by the client")
        };
        let connecting = async {
            let connecting = pair.client.connect(address, "localhost").expect("connect");
            connecting.await.expect_err("refused")
        };
        let (server, client) = tokio::join!(accepting, connecting);
        assert!(
            matches!(server, ConnectionError::ConnectionClosed(_)),
            "{server:?}"
        );
        assert!(
            matches!(client, ConnectionError::TransportError(_)),
            "{client:?}"
        );
        pair.finish().await;
        stranger.finish().await;
    });
}
