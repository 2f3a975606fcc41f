//! tokio-tungstenite: WebSockets.

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::{SinkExt, StreamExt};
use support::{assert_bytes, on_each_runtime, pattern};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, accept_async, client_async, connect_async,
};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Server = WebSocketStream<TcpStream>;

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("bind");
    let address = listener.local_addr().expect("its address");
    (listener, address)
}

async fn accept(listener: &TcpListener) -> Server {
    let (stream, _) = listener.accept().await.expect("accept");
    accept_async(stream).await.expect("a handshake")
}

async fn connect(address: SocketAddr) -> Client {
    let (client, _) = connect_async(format!("ws://{address}"))
        .await
        .expect("a handshake");
    client
}

async fn pair() -> (Server, Client) {
    let (listener, address) = listen().await;
    tokio::join!(accept(&listener), connect(address))
}

/// Sends data back until the client closes.
async fn echo(mut server: Server) {
    while let Some(message) = server.next().await {
        let message = message.expect("a message");
        if message.is_binary() || message.is_text() {
            server.send(message).await.expect("send");
        }
    }
}

async fn receive(client: &mut Client) -> Message {
    client.next().await.expect("a message").expect("no error")
}

async fn close(mut client: Client) {
    client.close(None).await.expect("close");
    while let Some(message) = client.next().await {
        assert!(message.expect("no error").is_close());
    }
}

#[test]
fn many_messages_are_echoed_in_order() {
    on_each_runtime(async || {
        let (server, mut client) = pair().await;
        let server = tokio::spawn(echo(server));
        for seed in 0..1000 {
            let bytes = Bytes::from(pattern(seed, 7 * seed as usize));
            let message = Message::Binary(bytes.clone());
            client.send(message).await.expect("send");
            assert_bytes(&receive(&mut client).await.into_data(), &bytes);
            let text = format!("number {seed} ✓");
            client
                .send(Message::text(text.clone()))
                .await
                .expect("send");
            assert_eq!(receive(&mut client).await, Message::text(text));
        }
        close(client).await;
        server.await.expect("the server");
    });
}

#[test]
fn messages_stream_both_ways_at_once() {
    const MESSAGES: u64 = 500;
    on_each_runtime(async || {
        let (server, client) = pair().await;
        let server = tokio::spawn(echo(server));
        let (mut sender, mut receiver) = client.split();
        let sending = async {
            for seed in 0..MESSAGES {
                let message = Message::binary(pattern(seed, 11_000));
                sender.feed(message).await.expect("send");
            }
            sender.flush().await.expect("flush");
        };
        let receiving = async {
            for seed in 0..MESSAGES {
                let message = receiver.next().await.expect("a message").expect("no error");
                assert_bytes(&message.into_data(), &pattern(seed, 11_000));
            }
        };
        tokio::join!(sending, receiving);
        close(sender.reunite(receiver).expect("two halves")).await;
        server.await.expect("the server");
    });
}

#[test]
fn a_large_message_arrives_whole() {
    on_each_runtime(async || {
        let (server, mut client) = pair().await;
        let server = tokio::spawn(echo(server));
        let bytes = Bytes::from(pattern(3, 6 << 20));
        client
            .send(Message::Binary(bytes.clone()))
            .await
            .expect("send");
        assert_bytes(&receive(&mut client).await.into_data(), &bytes);
        close(client).await;
        server.await.expect("the server");
    });
}

#[test]
fn fragments_become_one_message() {
    on_each_runtime(async || {
        let (server, mut client) = pair().await;
        let server = tokio::spawn(echo(server));
        for seed in 0..20 {
            let bytes = Bytes::from(pattern(seed, 30_000));
            let pieces = (0..30_000)
                .step_by(1000)
                .map(|from| bytes.slice(from..from + 1000));
            for (number, piece) in pieces.enumerate() {
                let kind = if number == 0 {
                    Data::Binary
                } else {
                    Data::Continue
                };
                let frame = Frame::message(piece, OpCode::Data(kind), number == 29);
                client.send(Message::Frame(frame)).await.expect("send");
                if number == 15 {
                    // A control frame may come between fragments.
                    client
                        .send(Message::Ping(Bytes::from_static(b"between")))
                        .await
                        .expect("send");
                    let pong = Message::Pong(Bytes::from_static(b"between"));
                    assert_eq!(receive(&mut client).await, pong);
                }
            }
            assert_bytes(&receive(&mut client).await.into_data(), &bytes);
        }
        close(client).await;
        server.await.expect("the server");
    });
}

#[test]
fn the_code_and_the_reason_of_a_close_arrive() {
    let frame = || CloseFrame {
        code: CloseCode::Library(4321),
        reason: "enough".into(),
    };
    on_each_runtime(async || {
        let (mut server, mut client) = pair().await;
        // The server closes the connection: that is when the client's stream ends.
        let closing = async move {
            server.close(Some(frame())).await.expect("close");
            let answer = server.next().await.expect("an answer").expect("no error");
            assert_eq!(answer, Message::Close(Some(frame())));
            assert!(server.next().await.is_none());
        };
        let closed = async {
            assert_eq!(receive(&mut client).await, Message::Close(Some(frame())));
            assert!(client.next().await.is_none());
            let error = client
                .send(Message::text("late"))
                .await
                .expect_err("closed");
            assert!(matches!(error, Error::AlreadyClosed), "{error:?}");
        };
        tokio::join!(closing, closed);
    });
}

#[test]
fn a_client_that_goes_away_is_an_error() {
    on_each_runtime(async || {
        let (mut server, mut client) = pair().await;
        client.send(Message::text("last")).await.expect("send");
        drop(client);
        let last = server.next().await.expect("a message").expect("no error");
        assert_eq!(last, Message::text("last"));
        let error = server
            .next()
            .await
            .expect("an end")
            .expect_err("no handshake");
        let cut = Error::Protocol(ProtocolError::ResetWithoutClosingHandshake);
        assert_eq!(error.to_string(), cut.to_string());
        assert!(server.next().await.is_none());
    });
}

#[test]
fn a_reset_connection_is_an_error() {
    on_each_runtime(async || {
        let (mut server, client) = pair().await;
        let MaybeTlsStream::Plain(stream) = client.get_ref() else {
            panic!("no TLS");
        };
        stream.set_zero_linger().expect("set linger");
        drop(client);
        let error = server.next().await.expect("an end").expect_err("a reset");
        let Error::Io(error) = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_handshake_that_is_cut_short_is_an_error() {
    on_each_runtime(async || {
        let (listener, address) = listen().await;
        let cutting = async { drop(listener.accept().await.expect("accept")) };
        let connecting = async {
            let stream = TcpStream::connect(address).await.expect("connect");
            client_async("ws://localhost/", stream)
                .await
                .expect_err("cut short")
        };
        let ((), error) = tokio::join!(cutting, connecting);
        assert!(
            matches!(error, Error::Protocol(_) | Error::Io(_)),
            "{error:?}"
        );
    });
}

#[test]
fn messages_reach_every_client() {
    const CLIENTS: u64 = 50;
    const ROUNDS: u64 = 4;
    on_each_runtime(async || {
        let (listener, address) = listen().await;
        let (messages, _) = broadcast::channel::<Message>((CLIENTS * ROUNDS) as usize);
        let server = tokio::spawn({
            let messages = messages.clone();
            async move {
                let mut connections = JoinSet::new();
                for _ in 0..CLIENTS {
                    let server = accept(&listener).await;
                    connections.spawn(relay(server, messages.clone(), messages.subscribe()));
                }
                connections.join_all().await;
            }
        });
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let mut client = connect(address).await;
            // The relay subscribed before it greeted.
            assert_eq!(receive(&mut client).await, Message::text("welcome"));
            clients.push(client);
        }
        let mut tasks = JoinSet::new();
        for (number, mut client) in clients.into_iter().enumerate() {
            tasks.spawn(async move {
                let number = number as u64;
                for round in 0..ROUNDS {
                    let bytes = pattern(number * ROUNDS + round, 3000);
                    client.send(Message::binary(bytes)).await.expect("send");
                }
                let mut found = Vec::new();
                for _ in 0..CLIENTS * ROUNDS {
                    found.push(receive(&mut client).await.into_data());
                }
                found.sort_unstable();
                let mut expected: Vec<_> = (0..CLIENTS * ROUNDS)
                    .map(|seed| Bytes::from(pattern(seed, 3000)))
                    .collect();
                expected.sort_unstable();
                assert!(found == expected, "every message, once");
                close(client).await;
            });
        }
        tasks.join_all().await;
        server.await.expect("the server");
    });
}

/// Hands messages of the client to all, and those of all to the client.
async fn relay(
    server: Server,
    all: broadcast::Sender<Message>,
    mut messages: broadcast::Receiver<Message>,
) {
    let (mut sender, mut receiver) = server.split();
    sender.send(Message::text("welcome")).await.expect("send");
    let relaying = tokio::spawn(async move {
        for _ in 0..200 {
            let message = messages.recv().await.expect("a message");
            sender.send(message).await.expect("send");
        }
        sender
    });
    while let Some(message) = receiver.next().await {
        let message = message.expect("no error");
        if message.is_binary() {
            all.send(message).expect("a client");
        }
    }
    drop(relaying.await.expect("the other half"));
}
