//! axum, and reqwest as its clients: HTTP/1 and HTTP/2.

use std::collections::HashSet;
use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use futures_util::Stream;
use futures_util::stream::{self, StreamExt};
use http_body_util::BodyExt;
use reqwest::{Client, ClientBuilder};
use support::{assert_bytes, on_each_runtime, pattern, unique_address};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

const LARGE: usize = 6 << 20;

/// What the handlers report, and what they wait for.
#[derive(Clone)]
struct Seen {
    /// What arrived at `/upload-slowly`, and the ends of its bodies and of those of `/endless`.
    ends: mpsc::UnboundedSender<String>,
    /// The requests to `/held` that arrived.
    arrived: Arc<Semaphore>,
    /// Lets requests to `/held` go.
    release: Arc<Semaphore>,
}

struct Server {
    address: SocketAddr,
    seen: Seen,
    ends: mpsc::UnboundedReceiver<String>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Server {
        let (ends_sender, ends) = mpsc::unbounded_channel();
        let seen = Seen {
            ends: ends_sender,
            arrived: Arc::new(Semaphore::new(0)),
            release: Arc::new(Semaphore::new(0)),
        };
        let router = Router::new()
            .route("/echo", post(async |body: Body| body))
            .route("/upload/{seed}", post(upload))
            .route("/download/{seed}/{length}", get(download))
            .route("/peer", get(peer))
            .route("/held/{seed}", get(held))
            .route("/upload-slowly", post(upload_slowly))
            .route("/endless", get(endless))
            .layer(DefaultBodyLimit::disable())
            .with_state(seen.clone())
            .into_make_service_with_connect_info::<SocketAddr>();
        let listener = TcpListener::bind(unique_address()).await.expect("bind");
        let address = listener.local_addr().expect("its address");
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let server = axum::serve(listener, router).with_graceful_shutdown(async {
                stopped.await.expect("a wish to stop");
            });
            server.await.expect("serve");
        });
        Server {
            address,
            seen,
            ends,
            stop,
            task,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn stop(self) {
        self.stop.send(()).expect("a running server");
        self.task.await.expect("the server");
    }
}

async fn upload(Path(seed): Path<u64>, body: Bytes) -> Result<String, StatusCode> {
    if body == pattern(seed, body.len()) {
        Ok(body.len().to_string())
    } else {
        Err(StatusCode::IM_A_TEAPOT)
    }
}

async fn download(Path((seed, length)): Path<(u64, usize)>) -> Body {
    let bytes = Bytes::from(pattern(seed, length));
    let pieces = (0..length).step_by(50_000);
    let pieces = pieces.map(move |from| bytes.slice(from..length.min(from + 50_000)));
    Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>)))
}

async fn peer(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> String {
    peer.to_string()
}

async fn held(State(seen): State<Seen>, Path(seed): Path<u64>) -> Vec<u8> {
    seen.arrived.add_permits(1);
    seen.release.acquire().await.expect("a release").forget();
    pattern(seed, 100_000)
}

async fn upload_slowly(State(seen): State<Seen>, mut body: Body) {
    while let Some(Ok(frame)) = body.frame().await {
        let data = frame.into_data().expect("data");
        seen.ends
            .send(format!("{data:?}"))
            .expect("a test that looks");
    }
    seen.ends
        .send("gone".to_owned())
        .expect("a test that looks");
}

/// Never ends, and reports when it is dropped.
struct Endless(mpsc::UnboundedSender<String>);

impl Stream for Endless {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(Ok(Bytes::from_static(&[7; 1000]))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0
            .send("dropped".to_owned())
            .expect("a test that looks");
    }
}

async fn endless(State(seen): State<Seen>) -> Body {
    Body::from_stream(Endless(seen.ends))
}

type Build = fn() -> ClientBuilder;

fn http1() -> ClientBuilder {
    Client::builder().no_proxy().http1_only()
}

fn http2() -> ClientBuilder {
    Client::builder().no_proxy().http2_prior_knowledge()
}

fn client(build: Build) -> Client {
    build().build().expect("a client")
}

/// Runs a test with each version of HTTP, on each runtime.
fn on_each_version<F: Future<Output = ()>>(test: impl Fn(Server, Build) -> F) {
    for build in [http1 as Build, http2] {
        on_each_runtime(async || test(Server::start().await, build).await);
    }
}

async fn get_bytes(client: &Client, url: String) -> Bytes {
    let response = client.get(url).send().await.expect("a response");
    assert_eq!(response.status(), StatusCode::OK);
    response.bytes().await.expect("a body")
}

#[test]
fn bodies_of_all_sizes_arrive_whole() {
    on_each_version(async |server, build| {
        let client = client(build);
        for (seed, length) in [0, 1, 1023, 16_384, 65_536, 300_001]
            .into_iter()
            .enumerate()
        {
            let seed = seed as u64;
            let body = pattern(seed, length);
            let url = server.url(&format!("/upload/{seed}"));
            let sent = client.post(url).body(body.clone()).send().await;
            let sent = sent.expect("a response").error_for_status();
            let counted = sent.expect("equal bytes").text().await.expect("a body");
            assert_eq!(counted, length.to_string());
            let url = server.url(&format!("/download/{seed}/{length}"));
            assert_bytes(&get_bytes(&client, url).await, &body);
        }
        server.stop().await;
    });
}

#[test]
fn large_uploads_and_downloads_arrive_whole() {
    on_each_version(async |server, build| {
        let client = client(build);
        let url = server.url("/upload/5");
        let sent = client.post(url).body(pattern(5, LARGE)).send().await;
        let sent = sent.expect("a response").error_for_status();
        let counted = sent.expect("equal bytes").text().await.expect("a body");
        assert_eq!(counted, LARGE.to_string());
        let url = server.url(&format!("/download/6/{LARGE}"));
        assert_bytes(&get_bytes(&client, url).await, &pattern(6, LARGE));
        server.stop().await;
    });
}

#[test]
fn large_bodies_are_echoed_while_they_are_sent() {
    on_each_version(async |server, build| {
        let client = client(build);
        let body = Bytes::from(pattern(9, LARGE));
        let pieces: Vec<_> = (0..LARGE).step_by(30_000).collect();
        let source = body.clone();
        let pieces = pieces
            .into_iter()
            .map(move |from| Ok::<_, Infallible>(source.slice(from..LARGE.min(from + 30_000))));
        let sent = client
            .post(server.url("/echo"))
            .body(reqwest::Body::wrap_stream(stream::iter(pieces)));
        let response = sent.send().await.expect("a response");
        let mut found = Vec::with_capacity(LARGE);
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            found.extend_from_slice(&piece.expect("a piece"));
        }
        assert_bytes(&found, &body);
        server.stop().await;
    });
}

#[test]
fn requests_of_http2_share_a_connection() {
    on_each_runtime(async || {
        let server = Server::start().await;
        let client = client(http2);
        let first = get_bytes(&client, server.url("/peer")).await;
        let mut requests = JoinSet::new();
        for _ in 0..100 {
            let client = client.clone();
            let url = server.url("/peer");
            requests.spawn(async move { get_bytes(&client, url).await });
        }
        for peer in requests.join_all().await {
            assert_eq!(peer, first);
        }
        server.stop().await;
    });
}

#[test]
fn http1_keeps_connections_alive() {
    on_each_runtime(async || {
        let server = Server::start().await;
        let mut stream = TcpStream::connect(server.address).await.expect("connect");
        let own = stream.local_addr().expect("its address").to_string();
        for _ in 0..300 {
            let request = "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n";
            stream.write_all(request.as_bytes()).await.expect("write");
            let mut response = Vec::new();
            while !response.ends_with(own.as_bytes()) {
                let mut piece = [0; 512];
                let length = stream.read(&mut piece).await.expect("read");
                assert_ne!(length, 0, "closed after {response:?}");
                response.extend_from_slice(&piece[..length]);
            }
            assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n"));
        }
        let last = "GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(last.as_bytes()).await.expect("write");
        let mut response = String::new();
        stream.read_to_string(&mut response).await.expect("read");
        assert!(response.ends_with(&own), "{response}");
        server.stop().await;
    });
}

#[test]
fn many_clients_are_served_at_once() {
    const CLIENTS: u64 = 48;
    on_each_version(async |server, build| {
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let urls = [server.url("/peer"), server.url("/echo")];
            clients.spawn(async move {
                let client = client(build);
                let [peer, echo] = urls;
                let peer = get_bytes(&client, peer).await;
                for round in 0..6 {
                    let body = pattern(number * 100 + round, 20_000 + 997 * round as usize);
                    let response = client.post(&echo).body(body.clone()).send().await;
                    let found = response.expect("a response").bytes().await;
                    assert_bytes(&found.expect("a body"), &body);
                }
                peer
            });
        }
        let peers: HashSet<_> = clients.join_all().await.into_iter().collect();
        assert_eq!(peers.len() as u64, CLIENTS, "a connection each");
        server.stop().await;
    });
}

#[test]
fn graceful_shutdown_finishes_what_began() {
    const HELD: u32 = 12;
    on_each_version(async |server, build| {
        let mut requests = JoinSet::new();
        for seed in 0..HELD {
            let url = server.url(&format!("/held/{seed}"));
            requests.spawn(async move {
                let found = get_bytes(&client(build), url).await;
                assert_bytes(&found, &pattern(seed.into(), 100_000));
            });
        }
        let arrived = server.seen.arrived.acquire_many(HELD).await;
        arrived.expect("all requests").forget();
        server.stop.send(()).expect("a running server");
        // Until the listener is gone, connections may still be made, which nobody accepts.
        while let Ok(mut stream) = TcpStream::connect(server.address).await {
            let _closed_or_reset = stream.read(&mut [0]).await;
        }
        assert!(!server.task.is_finished());
        assert_eq!(server.seen.arrived.available_permits(), 0);
        server.seen.release.add_permits(HELD as usize);
        requests.join_all().await;
        server.task.await.expect("the server");
    });
}

#[test]
fn a_client_that_goes_away_while_it_sends_is_noticed() {
    on_each_version(async |mut server, build| {
        let (pieces, body) = mpsc::channel::<Result<&'static str, Infallible>>(1);
        let body = stream::unfold(body, async |mut body| Some((body.recv().await?, body)));
        let url = server.url("/upload-slowly");
        let client = client(build);
        let sent = client.post(url).body(reqwest::Body::wrap_stream(body));
        let request = tokio::spawn(sent.send());
        pieces.send(Ok("some")).await.expect("a client");
        assert_eq!(server.ends.recv().await.expect("data"), "b\"some\"");
        request.abort();
        drop(client);
        assert!(request.await.expect_err("no response").is_cancelled());
        assert_eq!(server.ends.recv().await.expect("an end"), "gone");
        drop(pieces);
        server.stop().await;
    });
}

#[test]
fn a_client_that_goes_away_while_it_receives_is_noticed() {
    on_each_version(async |mut server, build| {
        let client = client(build);
        let response = client.get(server.url("/endless")).send().await;
        let mut pieces = response.expect("a response").bytes_stream();
        let mut received = 0;
        while received < 200_000 {
            let piece = pieces.next().await.expect("more").expect("a piece");
            assert!(piece.iter().all(|byte| *byte == 7));
            received += piece.len();
        }
        drop((pieces, client));
        assert_eq!(server.ends.recv().await.expect("an end"), "dropped");
        let other = self::client(build);
        let url = server.url("/download/3/70000");
        assert_bytes(&get_bytes(&other, url).await, &pattern(3, 70_000));
        drop(other);
        server.stop().await;
    });
}

#[test]
fn a_client_that_resets_its_connection_is_noticed() {
    on_each_runtime(async || {
        let mut server = Server::start().await;
        let mut stream = TcpStream::connect(server.address).await.expect("connect");
        let head = "POST /upload-slowly HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nsome";
        stream.write_all(head.as_bytes()).await.expect("write");
        assert_eq!(server.ends.recv().await.expect("data"), "b\"some\"");
        stream.set_zero_linger().expect("set linger");
        drop(stream);
        assert_eq!(server.ends.recv().await.expect("an end"), "gone");
        server.stop().await;
    });
}

#[test]
fn a_stopped_server_refuses_clients() {
    on_each_version(async |server, build| {
        let url = server.url("/peer");
        server.stop().await;
        let error = client(build).get(url).send().await.expect_err("no server");
        assert!(error.is_connect(), "{error:?}");
        let mut cause: &dyn Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let cause = cause.downcast_ref::<std::io::Error>().expect("an io error");
        assert_eq!(cause.kind(), std::io::ErrorKind::ConnectionRefused);
    });
}
