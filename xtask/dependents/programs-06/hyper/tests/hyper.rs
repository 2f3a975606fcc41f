//! hyper 0.12, server and client, on its runtime, tokio 0.1.
//! Bodies of all sizes arrive whole in both directions: with and without a length, one after another on a kept connection, and on many connections at once.

#[path = "../../support.rs"]
mod support;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use futures::sync::oneshot;
use futures::{future, stream, Future, Stream};
use hyper::client::conn;
use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::server::conn::AddrStream;
use hyper::service::{make_service_fn, service_fn};
use hyper::{Body, Client, Request, Response, Server};
use support::{assert_same, bytes, within_deadline, Refusing};
use tokio::runtime::{current_thread, Runtime};

/// Collects a body. (`concat2` takes seconds per megabyte in a debug build.)
fn whole(body: Body) -> impl Future<Item = Vec<u8>, Error = hyper::Error> {
    body.fold(Vec::new(), |mut whole, chunk| {
        whole.extend_from_slice(&chunk);
        Ok::<_, hyper::Error>(whole)
    })
}

/// A server that sends each body back: with its length at `/sized`, frame by frame at `/streamed`.
struct Echo {
    runtime: Runtime,
    address: SocketAddr,
    peers: Arc<Mutex<Vec<SocketAddr>>>,
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<Result<(), hyper::Error>>,
}

fn echo(
    request: Request<Body>,
) -> Box<dyn Future<Item = Response<Body>, Error = hyper::Error> + Send> {
    match request.uri().path() {
        "/sized" => {
            Box::new(whole(request.into_body()).map(|body| Response::new(Body::from(body))))
        }
        "/streamed" => Box::new(future::ok(Response::new(Body::wrap_stream(
            request.into_body(),
        )))),
        path => panic!("{path}"),
    }
}

impl Echo {
    fn start() -> Self {
        let mut runtime = Runtime::new().unwrap();
        let peers = Arc::new(Mutex::new(Vec::new()));
        let accepted = peers.clone();
        let service = make_service_fn(move |stream: &AddrStream| {
            accepted.lock().unwrap().push(stream.remote_addr());
            service_fn(echo)
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        // Binding needs the reactor of the runtime.
        let server = runtime.block_on(future::lazy(move || {
            Ok::<_, ()>(
                Server::bind(&([127, 0, 0, 1], 0).into())
                    .tcp_nodelay(true)
                    .serve(service),
            )
        }));
        let server = server.unwrap();
        let address = server.local_addr();
        let stopped = stopped.map_err(|_| ());
        runtime.spawn(
            server
                .with_graceful_shutdown(stopped)
                .then(|result| end.send(result).map_err(drop)),
        );
        Self {
            runtime,
            address,
            peers,
            stop,
            ended,
        }
    }

    fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Ends the server and returns the address of each connection it accepted.
    fn stop(self) -> Vec<SocketAddr> {
        self.stop.send(()).unwrap();
        self.ended.wait().unwrap().unwrap();
        self.runtime.shutdown_now().wait().unwrap();
        Arc::try_unwrap(self.peers).unwrap().into_inner().unwrap()
    }
}

#[test]
fn requests_share_a_kept_connection() {
    within_deadline(|| {
        let server = Echo::start();
        let mut runtime = current_thread::Runtime::new().unwrap();
        let connect = tokio::net::TcpStream::connect(&server.address);
        let stream = runtime.block_on(connect).unwrap();
        let (mut sender, connection) = runtime.block_on(conn::handshake(stream)).unwrap();
        runtime.spawn(connection.map_err(|error| panic!("{error}")));
        for round in 0..300 {
            let sent = bytes(round, round as usize * 97);
            runtime
                .block_on(future::poll_fn(|| sender.poll_ready()))
                .unwrap();
            let request = Request::post("/sized")
                .header("host", "echo")
                .body(Body::from(sent.clone()))
                .unwrap();
            let response = runtime.block_on(sender.send_request(request)).unwrap();
            assert_eq!(
                response.headers()[CONTENT_LENGTH],
                sent.len().to_string().as_str()
            );
            assert_same(runtime.block_on(whole(response.into_body())).unwrap(), sent);
        }
        drop(sender);
        runtime.run().unwrap();
        assert_eq!(server.stop().len(), 1);
    });
}

#[test]
fn large_bodies_arrive_whole() {
    within_deadline(|| {
        let mut server = Echo::start();
        for path in ["/sized", "/streamed"] {
            let sent = bytes(7, 12 << 20);
            let client = Client::new();
            let request = Request::post(server.uri(path))
                .body(Body::from(sent.clone()))
                .unwrap();
            let received = client
                .request(request)
                .and_then(|response| whole(response.into_body()));
            assert_same(server.runtime.block_on(received).unwrap(), sent);
        }
        server.stop();
    });
}

#[test]
fn chunked_bodies_arrive_whole() {
    within_deadline(|| {
        let mut server = Echo::start();
        let client = Client::new();
        for round in 0..20 {
            let chunks: Vec<_> = (0..50)
                .map(|n| bytes(round * 50 + n, 1 + (round * n * 13) as usize))
                .collect();
            let sent = chunks.concat();
            let body = Body::wrap_stream(stream::iter_ok::<_, hyper::Error>(chunks));
            let request = Request::post(server.uri("/streamed")).body(body).unwrap();
            let response = server.runtime.block_on(client.request(request)).unwrap();
            assert_eq!(response.headers()[TRANSFER_ENCODING], "chunked");
            assert!(!response.headers().contains_key(CONTENT_LENGTH));
            assert_same(
                server
                    .runtime
                    .block_on(whole(response.into_body()))
                    .unwrap(),
                sent,
            );
        }
        drop(client);
        server.stop();
    });
}

#[test]
fn many_connections_at_once() {
    const CONNECTIONS: u64 = 100;
    within_deadline(|| {
        let mut server = Echo::start();
        let client = Client::builder().keep_alive(false).build_http::<Body>();
        let uri = server.uri("/sized");
        let exchanges = (0..CONNECTIONS).map(move |n| {
            let sent = bytes(n, 20_000 + n as usize * 501);
            let request = Request::post(&uri).body(Body::from(sent.clone())).unwrap();
            let received = client
                .request(request)
                .and_then(|response| whole(response.into_body()));
            received.map(move |received| assert_same(received, sent))
        });
        server
            .runtime
            .block_on(future::join_all(exchanges.collect::<Vec<_>>()))
            .unwrap();
        let peers = server.stop();
        assert_eq!(peers.len() as u64, CONNECTIONS);
        assert_eq!(
            peers.iter().collect::<HashSet<_>>().len() as u64,
            CONNECTIONS
        );
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    within_deadline(|| {
        let server = Echo::start();
        let mut stream = TcpStream::connect(server.address).unwrap();
        let mut expected = Vec::new();
        let mut requests = Vec::new();
        for n in 0..100 {
            let body = bytes(n, 5 + n as usize);
            let closing = if n == 99 { "connection: close\r\n" } else { "" };
            write!(
                requests,
                "POST /sized HTTP/1.1\r\nhost: echo\r\n{closing}content-length: {}\r\n\r\n",
                body.len()
            )
            .unwrap();
            requests.extend_from_slice(&body);
            expected.push(body);
        }
        stream.write_all(&requests).unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        let mut rest = received.as_slice();
        for body in expected {
            assert!(rest.starts_with(b"HTTP/1.1 200 OK\r\n"));
            let head = rest.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
            let length = format!("\r\ncontent-length: {}\r\n", body.len()).into_bytes();
            assert!(rest[..head]
                .windows(length.len())
                .any(|line| line == length));
            assert_same(&rest[head..][..body.len()], &body);
            rest = &rest[head + body.len()..];
        }
        assert!(rest.is_empty());
        server.stop();
    });
}

#[test]
fn a_refused_connection_and_a_cut_response_are_errors() {
    within_deadline(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut runtime = Runtime::new().unwrap();
        let client = Client::new();
        let request = client.get(format!("http://{address}/").parse().unwrap());
        let cut = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
                .unwrap();
        });
        let response = runtime.block_on(request).unwrap();
        runtime
            .block_on(whole(response.into_body()))
            .expect_err("half a body");
        cut.join().unwrap();
        let refusing = Refusing::new();
        let refused = client.get(format!("http://{}/", refusing.address()).parse().unwrap());
        let error = runtime.block_on(refused).unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        runtime.shutdown_now().wait().unwrap();
    });
}
