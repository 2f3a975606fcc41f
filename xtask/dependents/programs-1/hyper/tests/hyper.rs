//! hyper 1: its connections of HTTP/1 and HTTP/2, server and client, by TCP and by Unix socket.

use std::convert::Infallible;
use std::error::Error;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::channel::Sender;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Channel, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1 as client1, http2 as client2};
use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use support::{assert_bytes, on_each_runtime, pattern};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

const LARGE: usize = 4 << 20;

type Body = BoxBody<Bytes, Infallible>;

trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for T {}

async fn tcp() -> (Box<dyn Transport>, Box<dyn Transport>) {
    let (server, client) = tcp_streams().await;
    (Box::new(server), Box::new(client))
}

async fn tcp_streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("bind");
    let address = listener.local_addr().expect("its address");
    let (accepted, connected) = tokio::join!(listener.accept(), TcpStream::connect(address));
    (accepted.expect("accept").0, connected.expect("connect"))
}

async fn unix() -> (Box<dyn Transport>, Box<dyn Transport>) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).expect("bind");
    let (accepted, connected) = tokio::join!(listener.accept(), UnixStream::connect(&path));
    let (server, client) = (accepted.expect("accept").0, connected.expect("connect"));
    (Box::new(server), Box::new(client))
}

/// Runs a test by TCP and by Unix socket, on each runtime.
fn on_each_transport<F: Future<Output = ()>>(
    test: impl Fn(Box<dyn Transport>, Box<dyn Transport>) -> F,
) {
    on_each_runtime(async || {
        let (server, client) = tcp().await;
        test(server, client).await;
    });
    on_each_runtime(async || {
        let (server, client) = unix().await;
        test(server, client).await;
    });
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

fn empty() -> Body {
    Empty::new().boxed()
}

fn post(body: Body) -> Request<Body> {
    let request = Request::post("http://localhost/echo").header("host", "localhost");
    request.body(body).expect("a request")
}

/// Sends bodies and trailers back as they arrive; on a wish to upgrade, all bytes after it.
async fn echo(mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    if request.headers().contains_key(UPGRADE) {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async {
            let upgraded = TokioIo::new(upgrade.await.expect("an upgrade"));
            let (mut reader, mut writer) = tokio::io::split(upgraded);
            tokio::io::copy(&mut reader, &mut writer)
                .await
                .expect("echo");
            writer.shutdown().await.expect("shut down");
        });
        let response = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(CONNECTION, "upgrade")
            .header(UPGRADE, "echo");
        return Ok(response.body(empty()).expect("a response"));
    }
    assert_eq!(request.method(), Method::POST);
    let body = request.into_body();
    Ok(Response::new(
        body.map_err(|error| panic!("{error:?}")).boxed(),
    ))
}

fn serve1(stream: Box<dyn Transport>) -> tokio::task::JoinHandle<hyper::Result<()>> {
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(echo));
    tokio::spawn(connection.with_upgrades())
}

fn serve2(stream: Box<dyn Transport>) -> tokio::task::JoinHandle<hyper::Result<()>> {
    let server = http2::Builder::new(TokioExecutor::new());
    tokio::spawn(server.serve_connection(TokioIo::new(stream), service_fn(echo)))
}

async fn connect1(stream: Box<dyn Transport>) -> client1::SendRequest<Body> {
    let (sender, connection) = client1::handshake(TokioIo::new(stream))
        .await
        .expect("a client");
    tokio::spawn(connection.with_upgrades());
    sender
}

async fn connect2(stream: Box<dyn Transport>) -> client2::SendRequest<Body> {
    let handshake = client2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.expect("a client");
    tokio::spawn(connection);
    sender
}

async fn collect(response: Response<Incoming>) -> Bytes {
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await;
    body.expect("a body").to_bytes()
}

#[test]
fn http1_carries_many_requests_on_one_connection() {
    on_each_transport(async |server, client| {
        let server = serve1(server);
        let mut client = connect1(client).await;
        for seed in 0..400 {
            let body = pattern(seed, 17 * seed as usize);
            client.ready().await.expect("an open connection");
            let response = client.send_request(post(full(body.clone()))).await;
            assert_bytes(&collect(response.expect("a response")).await, &body);
        }
        drop(client);
        server.await.expect("the server").expect("a clean end");
    });
}

#[test]
fn http1_echoes_a_large_body_while_it_is_sent() {
    on_each_transport(async |server, client| {
        let server = serve1(server);
        let mut client = connect1(client).await;
        let body = pattern(1, LARGE);
        let response = client.send_request(post(full(body.clone()))).await;
        assert_bytes(&collect(response.expect("a response")).await, &body);
        drop(client);
        server.await.expect("the server").expect("a clean end");
    });
}

#[test]
fn http2_echoes_many_bodies_at_once() {
    on_each_transport(async |server, client| {
        let server = serve2(server);
        let client = connect2(client).await;
        let requests = (0..100).map(|seed| {
            let mut client = client.clone();
            async move {
                let body = pattern(seed, 1013 * seed as usize);
                let response = client.send_request(post(full(body.clone()))).await;
                assert_bytes(&collect(response.expect("a response")).await, &body);
            }
        });
        join_all(requests).await;
        drop(client);
        server.await.expect("the server").expect("a clean end");
    });
}

#[test]
fn http2_echoes_large_bodies_at_once() {
    on_each_transport(async |server, client| {
        let server = serve2(server);
        let client = connect2(client).await;
        let requests = (0..3).map(|seed| {
            let mut client = client.clone();
            async move {
                let body = pattern(seed, LARGE / 2);
                let response = client.send_request(post(full(body.clone()))).await;
                assert_bytes(&collect(response.expect("a response")).await, &body);
            }
        });
        join_all(requests).await;
        drop(client);
        server.await.expect("the server").expect("a clean end");
    });
}

/// Sends a body piece by piece, each after the one before came back, and reads the trailers where they come back.
async fn ping_pong(mut body: Sender<Bytes>, mut echoed: Incoming) -> Option<HeaderMap> {
    for seed in 0..150 {
        let piece = pattern(seed, 1 + 400 * seed as usize);
        let sending = async { body.send_data(piece.clone().into()).await.expect("send") };
        let receiving = async {
            let mut found = Vec::new();
            while found.len() < piece.len() {
                let frame = echoed.frame().await.expect("more").expect("a frame");
                found.extend_from_slice(&frame.into_data().expect("data"));
            }
            assert_bytes(&found, &piece);
        };
        tokio::join!(sending, receiving);
    }
    let checked = (
        HeaderName::from_static("checked"),
        HeaderValue::from_static("yes"),
    );
    let trailers = HeaderMap::from_iter([checked]);
    body.send_trailers(trailers).await.expect("send");
    drop(body);
    let rest = echoed.collect().await.expect("an end");
    let trailers = rest.trailers().cloned();
    assert_bytes(&rest.to_bytes(), b"");
    trailers
}

#[test]
fn http1_streams_piece_by_piece() {
    on_each_transport(async |server, client| {
        let server = serve1(server);
        let mut client = connect1(client).await;
        let (sender, body) = Channel::new(1);
        let response = client.send_request(post(body.boxed())).await;
        let echoed = response.expect("a response").into_body();
        // HTTP/1 sends only trailers that its head announced.
        assert_eq!(ping_pong(sender, echoed).await, None);
        drop(client);
        server.await.expect("the server").expect("a clean end");
    });
}

#[test]
fn http2_streams_piece_by_piece_and_carries_trailers() {
    on_each_transport(async |server, client| {
        let server = serve2(server);
        let mut client = connect2(client).await;
        let (sender, body) = Channel::new(1);
        let response = client.send_request(post(body.boxed())).await;
        let echoed = response.expect("a response").into_body();
        let trailers = ping_pong(sender, echoed).await.expect("trailers");
        assert_eq!(trailers["checked"], "yes");
        drop(client);
        server.await.expect("the server").expect("a clean end");
    });
}

#[test]
fn an_upgraded_connection_carries_bytes_both_ways() {
    on_each_transport(async |server, client| {
        let server = serve1(server);
        let mut client = connect1(client).await;
        let mut request = post(empty());
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("echo"));
        let response = client.send_request(request).await.expect("a response");
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let upgraded = TokioIo::new(hyper::upgrade::on(response).await.expect("an upgrade"));
        let (mut reader, mut writer) = tokio::io::split(upgraded);
        let bytes = pattern(4, LARGE);
        let sending = async {
            writer.write_all(&bytes).await.expect("write");
            writer.shutdown().await.expect("shut down");
        };
        let receiving = async {
            let mut found = Vec::new();
            reader.read_to_end(&mut found).await.expect("read");
            assert_bytes(&found, &bytes);
        };
        tokio::join!(sending, receiving);
        server.await.expect("the server").expect("a clean end");
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    on_each_transport(async |server, mut client| {
        let server = serve1(server);
        let mut requests = Vec::new();
        let mut bodies = Vec::new();
        for seed in 0..100 {
            let body = pattern(seed, 3000);
            let last = if seed == 99 {
                "Connection: close\r\n"
            } else {
                ""
            };
            let head =
                format!("POST /echo HTTP/1.1\r\nHost: x\r\n{last}Content-Length: 3000\r\n\r\n");
            requests.extend_from_slice(head.as_bytes());
            requests.extend_from_slice(&body);
            bodies.push(body);
        }
        let (mut reader, mut writer) = tokio::io::split(&mut client);
        let mut found = Vec::new();
        let sending = async { writer.write_all(&requests).await.expect("write") };
        let receiving = async { reader.read_to_end(&mut found).await.expect("read") };
        tokio::join!(sending, receiving);
        let mut rest = found.as_slice();
        for body in bodies {
            let head = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            let (head, after) = rest.split_at(head.expect("a head") + 4);
            assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));
            let (found, after) = after.split_at(3000);
            assert_bytes(found, &body);
            rest = after;
        }
        assert_eq!(rest, b"");
        server.await.expect("the server").expect("a clean end");
    });
}

#[test]
fn graceful_shutdown_answers_the_request_that_began() {
    on_each_transport(async |server, client| {
        let (arrived_sender, mut arrived) = mpsc::channel(1);
        let connection = http1::Builder::new().serve_connection(
            TokioIo::new(server),
            service_fn(move |request: Request<Incoming>| {
                let arrived = arrived_sender.clone();
                async move {
                    arrived.send(()).await.expect("a test that waits");
                    let body = request
                        .into_body()
                        .collect()
                        .await
                        .expect("a body")
                        .to_bytes();
                    Ok::<_, Infallible>(Response::new(full(body)))
                }
            }),
        );
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            let mut connection = pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => panic!("it ended by itself"),
                stopped = stopped => stopped.expect("a wish to stop"),
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        });
        let mut client = connect1(client).await;
        let (mut sender, body) = Channel::new(1);
        let response = client.send_request(post(body.boxed()));
        let finishing = async {
            arrived.recv().await.expect("a request");
            stop.send(()).expect("a running server");
            let data = pattern(2, 70_000).into();
            sender.send_data(data).await.expect("send");
            drop(sender);
        };
        let (response, ()) = tokio::join!(response, finishing);
        let response = response.expect("a response");
        assert_bytes(&collect(response).await, &pattern(2, 70_000));
        server.await.expect("the server").expect("a clean end");
        let error = client
            .send_request(post(empty()))
            .await
            .expect_err("closed");
        assert!(error.is_canceled() || error.is_closed(), "{error:?}");
    });
}

#[test]
fn a_head_that_never_ends_times_out() {
    on_each_transport(async |server, mut client| {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(100))
            .serve_connection(TokioIo::new(server), service_fn(echo));
        let server = tokio::spawn(connection);
        client.write_all(b"POST /echo HTT").await.expect("write");
        let error = server.await.expect("the server").expect_err("a timeout");
        assert!(error.is_timeout(), "{error:?}");
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.expect("an end");
    });
}

/// Sends a head and a part of its body, waits until the server read it, and lets `end` end the client; the error
/// that the server's handler read.
async fn error_of_body<S: Transport>(
    server: S,
    mut client: S,
    end: impl Fn(S),
) -> std::io::ErrorKind {
    let (sender, mut events) = mpsc::unbounded_channel();
    let connection = http1::Builder::new().serve_connection(
        TokioIo::new(server),
        service_fn(move |request: Request<Incoming>| {
            let sender = sender.clone();
            async move {
                let mut body = request.into_body();
                loop {
                    let frame = body.frame().await.expect("an error before its end");
                    let data = frame.map(|frame| frame.into_data().expect("data"));
                    let error = data.is_err();
                    sender.send(data).expect("a test that looks");
                    if error {
                        return Ok::<_, Infallible>(Response::new(empty()));
                    }
                }
            }
        }),
    );
    let server = tokio::spawn(connection);
    let head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nsome";
    client.write_all(head.as_bytes()).await.expect("write");
    let data = events.recv().await.expect("an event").expect("no error");
    assert_bytes(&data, b"some");
    end(client);
    let error = events.recv().await.expect("an event").expect_err("an end");
    let _end_of_the_connection = server.await.expect("the server");
    let cause = error.source().expect("a cause");
    let cause = cause.downcast_ref::<std::io::Error>().expect("an io error");
    cause.kind()
}

#[test]
fn a_body_that_is_cut_short_is_an_error() {
    on_each_transport(async |server, client| {
        let kind = error_of_body(server, client, drop).await;
        assert_eq!(kind, std::io::ErrorKind::UnexpectedEof);
    });
}

#[test]
fn a_reset_connection_is_an_error() {
    on_each_runtime(async || {
        let (server, client) = tcp_streams().await;
        let reset = |client: TcpStream| client.set_zero_linger().expect("set linger");
        let kind = error_of_body(server, client, reset).await;
        assert_eq!(kind, std::io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn many_clients_are_served_at_once() {
    const CLIENTS: u64 = 100;
    on_each_runtime(async || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("bind");
        let address = listener.local_addr().expect("its address");
        let mut servers = JoinSet::new();
        let mut clients = JoinSet::new();
        for seed in 0..CLIENTS {
            clients.spawn(async move {
                let stream = TcpStream::connect(address).await.expect("connect");
                let mut client = connect1(Box::new(stream)).await;
                for round in 0..5 {
                    let body = pattern(seed * 10 + round, 10_000);
                    client.ready().await.expect("an open connection");
                    let response = client.send_request(post(full(body.clone()))).await;
                    assert_bytes(&collect(response.expect("a response")).await, &body);
                }
            });
        }
        for _ in 0..CLIENTS {
            let (stream, _) = listener.accept().await.expect("accept");
            servers.spawn(async { serve1(Box::new(stream)).await.expect("the server") });
        }
        clients.join_all().await;
        for end in servers.join_all().await {
            end.expect("a clean end");
        }
    });
}
