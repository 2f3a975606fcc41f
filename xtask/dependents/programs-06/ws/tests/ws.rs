//! ws 0.9: an echo server and clients, each in a loop of its own on mio-extras' channel and timer.
//! Messages of every kind and size come back unchanged and in order, and close codes, reasons, pings and timeouts arrive on the other side.

#[path = "../../support.rs"]
mod support;

use std::net::SocketAddr;
use std::sync::mpsc::{channel, Sender as Results};
use std::thread::{self, JoinHandle};

use support::{assert_same, bytes, within_deadline, Refusing};
use ws::util::Token;
use ws::{
    Builder, CloseCode, Error, ErrorKind, Frame, Handler, Handshake, Message, OpCode, Result,
    Sender, Settings, WebSocket,
};

/// Reports how a connection closed, and echoes until then.
struct Echo {
    out: Sender,
    closed: Results<(CloseCode, String)>,
}

impl Handler for Echo {
    fn on_message(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Text(text) if text == "close" => {
                self.out.close_with_reason(CloseCode::Away, "as asked")
            }
            Message::Text(text) if text == "broadcast" => self.out.broadcast("to all"),
            message => self.out.send(message),
        }
    }

    fn on_close(&mut self, code: CloseCode, reason: &str) {
        self.closed.send((code, reason.to_owned())).unwrap();
    }
}

struct Server {
    address: SocketAddr,
    out: Sender,
    thread: JoinHandle<()>,
    closed: std::sync::mpsc::Receiver<(CloseCode, String)>,
}

/// Room for every message of the tests at once.
fn settings() -> Settings {
    Settings {
        max_connections: 100,
        queue_size: 200,
        ..Settings::default()
    }
}

impl Server {
    fn start() -> Self {
        let (closed, closes) = channel();
        let (started, start) = channel();
        let thread = thread::spawn(move || {
            let echo = move |out| Echo {
                out,
                closed: closed.clone(),
            };
            let socket = Builder::new()
                .with_settings(settings())
                .build(echo)
                .unwrap()
                .bind("127.0.0.1:0")
                .unwrap();
            started
                .send((socket.local_addr().unwrap(), socket.broadcaster()))
                .unwrap();
            socket.run().unwrap();
        });
        let (address, out) = start.recv().unwrap();
        Self {
            address,
            out,
            thread,
            closed: closes,
        }
    }

    fn client<F: FnMut(Sender) -> H, H: Handler>(&self, factory: F) {
        run_client(self.address, factory);
    }

    /// Ends the server and returns how its connections closed.
    fn stop(self) -> Vec<(CloseCode, String)> {
        self.out.shutdown().unwrap();
        self.thread.join().unwrap();
        self.closed.into_iter().collect()
    }
}

fn run_client<F: FnMut(Sender) -> H, H: Handler>(address: SocketAddr, factory: F) {
    let mut socket: WebSocket<F> = Builder::new()
        .with_settings(settings())
        .build(factory)
        .unwrap();
    socket
        .connect(format!("ws://{address}/").parse().unwrap())
        .unwrap();
    socket.run().unwrap();
}

/// Sends messages, a few in flight at a time, and checks each that comes back.
struct Exchange {
    out: Sender,
    messages: Vec<Message>,
    sent: usize,
    received: usize,
}

impl Exchange {
    const IN_FLIGHT: usize = 16;

    fn new(out: Sender, seed: u64, count: usize) -> Self {
        let messages = (0..count).map(|n| {
            let data = bytes(seed + n as u64, (n * n * 7) % 70_000);
            if n % 2 == 0 {
                Message::Binary(data)
            } else {
                Message::Text(
                    data.iter()
                        .map(|byte| char::from_u32(u32::from(*byte) + 0x20).unwrap())
                        .collect(),
                )
            }
        });
        Self {
            out,
            messages: messages.collect(),
            sent: 0,
            received: 0,
        }
    }

    fn send(&mut self) -> Result<()> {
        while self.sent < self.messages.len() && self.sent < self.received + Self::IN_FLIGHT {
            self.out.send(self.messages[self.sent].clone())?;
            self.sent += 1;
        }
        Ok(())
    }
}

impl Handler for Exchange {
    fn on_open(&mut self, _: Handshake) -> Result<()> {
        self.send()
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        let sent = &self.messages[self.received];
        assert_eq!(message.is_text(), sent.is_text());
        assert_same(message.into_data(), sent.clone().into_data());
        self.received += 1;
        if self.received == self.messages.len() {
            return self
                .out
                .close_with_reason(CloseCode::Other(4_001), "all came back");
        }
        self.send()
    }

    fn on_close(&mut self, code: CloseCode, _: &str) {
        assert_eq!(self.received, self.messages.len());
        assert_eq!(code, CloseCode::Other(4_001));
    }

    fn on_error(&mut self, error: Error) {
        panic!("{error:?}");
    }
}

#[test]
fn messages_of_every_size_come_back() {
    within_deadline(|| {
        let server = Server::start();
        server.client(|out| Exchange::new(out, 1, 150));
        assert_eq!(
            server.stop(),
            [(CloseCode::Other(4_001), "all came back".to_owned())]
        );
    });
}

#[test]
fn a_message_larger_than_the_buffers_comes_back() {
    within_deadline(|| {
        let server = Server::start();
        let sent = bytes(9, 3 << 20);
        server.client(|out: Sender| {
            out.send(sent.clone()).unwrap();
            let sent = sent.clone();
            move |message: Message| {
                assert_same(message.into_data(), &sent);
                out.close(CloseCode::Normal)
            }
        });
        assert_eq!(server.stop(), [(CloseCode::Normal, String::new())]);
    });
}

#[test]
fn many_clients_at_once() {
    const CLIENTS: u64 = 16;
    within_deadline(|| {
        let server = Server::start();
        let address = server.address;
        let clients = (0..CLIENTS).map(|n| {
            thread::spawn(move || run_client(address, |out| Exchange::new(out, n * 1_000, 40)))
        });
        clients
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|client| client.join().unwrap());
        let closed = server.stop();
        assert_eq!(closed.len() as u64, CLIENTS);
        assert!(closed
            .iter()
            .all(|(code, _)| *code == CloseCode::Other(4_001)));
    });
}

#[test]
fn one_loop_runs_many_clients() {
    const CLIENTS: usize = 40;
    within_deadline(|| {
        let server = Server::start();
        let mut socket = Builder::new()
            .with_settings(settings())
            .build(|out| Exchange::new(out, 7, 25))
            .unwrap();
        for _ in 0..CLIENTS {
            socket
                .connect(format!("ws://{}/", server.address).parse().unwrap())
                .unwrap();
        }
        socket.run().unwrap();
        assert_eq!(server.stop().len(), CLIENTS);
    });
}

/// Sends `question` and reports how the connection closed.
struct Ask {
    out: Sender,
    question: &'static str,
    closed: Results<(CloseCode, String)>,
}

impl Handler for Ask {
    fn on_open(&mut self, _: Handshake) -> Result<()> {
        self.out.send(self.question)
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        assert_eq!(message.as_text()?, "to all");
        self.out.close(CloseCode::Normal)
    }

    fn on_close(&mut self, code: CloseCode, reason: &str) {
        self.closed.send((code, reason.to_owned())).unwrap();
    }
}

#[test]
fn the_server_closes_with_code_and_reason() {
    within_deadline(|| {
        let server = Server::start();
        let (closed, closes) = channel();
        server.client(|out| Ask {
            out,
            question: "close",
            closed: closed.clone(),
        });
        drop(closed);
        assert_eq!(
            closes.into_iter().collect::<Vec<_>>(),
            [(CloseCode::Away, "as asked".to_owned())]
        );
        // The client's answer repeats the code alone.
        assert_eq!(server.stop(), [(CloseCode::Away, String::new())]);
    });
}

#[test]
fn a_broadcast_reaches_the_sender() {
    within_deadline(|| {
        let server = Server::start();
        let (closed, closes) = channel();
        server.client(|out| Ask {
            out,
            question: "broadcast",
            closed: closed.clone(),
        });
        drop(closed);
        assert_eq!(
            closes.into_iter().collect::<Vec<_>>(),
            [(CloseCode::Normal, String::new())]
        );
        server.stop();
    });
}

/// Waits for timeouts in order, then for the answer to a ping.
struct Clock {
    out: Sender,
    next: usize,
}

impl Handler for Clock {
    fn on_open(&mut self, _: Handshake) -> Result<()> {
        (1..=3)
            .rev()
            .try_for_each(|n| self.out.timeout(200 * n, Token(n as usize)))
    }

    fn on_timeout(&mut self, event: Token) -> Result<()> {
        assert_eq!(event, Token(self.next));
        self.next += 1;
        if event == Token(3) {
            self.out.ping(bytes(3, 100))
        } else {
            Ok(())
        }
    }

    fn on_frame(&mut self, frame: Frame) -> Result<Option<Frame>> {
        if frame.opcode() == OpCode::Pong {
            assert_same(frame.payload(), bytes(3, 100));
            self.out.close(CloseCode::Other(4_999))?;
        }
        Ok(Some(frame))
    }
}

#[test]
fn timeouts_and_pings() {
    within_deadline(|| {
        let server = Server::start();
        server.client(|out| Clock { out, next: 1 });
        assert_eq!(server.stop(), [(CloseCode::Other(4_999), String::new())]);
    });
}

#[test]
fn a_refused_connection_is_an_error() {
    within_deadline(|| {
        struct Refused(Results<bool>);
        impl Handler for Refused {
            fn on_error(&mut self, error: Error) {
                self.0.send(matches!(error.kind, ErrorKind::Io(ref error) if error.kind() == std::io::ErrorKind::ConnectionRefused)).unwrap();
            }
        }
        let refusing = Refusing::new();
        let (errors, refused) = channel();
        run_client(refusing.address(), |_| Refused(errors.clone()));
        drop(errors);
        assert_eq!(refused.into_iter().collect::<Vec<_>>(), [true]);
    });
}
