//! A client's connection and the one that was made for it.

use std::io;
use std::mem;
use std::time::{Duration, Instant};

use readywire::net::TcpStream;
use readywire::{Event, Poll, PollOpt, Ready, Token};

use crate::flow::{Buffers, Can, Flow};
use crate::system::attempt;

/// How many buffers a pair may move each way in one turn, before the others have theirs.
const ROUNDS: usize = 16;

const BOTH: Ready = Ready::READABLE.union(Ready::WRITABLE);
const EDGE: PollOpt = PollOpt::EDGE;

/// Which of the two streams a token means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    /// The token of a stream: the pair's slot, and which of the two streams it is.
    fn token(self, slot: usize) -> Token {
        Token(slot * 2 + usize::from(self == Side::Server))
    }

    pub(crate) fn of(token: Token) -> (usize, Side) {
        let side = if token.0 % 2 == 0 {
            Side::Client
        } else {
            Side::Server
        };
        (token.0 / 2, side)
    }
}

pub(crate) struct Pair {
    client: End,
    server: End,
    connected: bool,
    /// Why the addresses before the current one could not be connected to.
    pub(crate) tried: Vec<io::Error>,
    /// Until when the current address has to answer; the proxy keeps it.
    pub(crate) deadline: Option<Instant>,
    up: Flow,
    down: Flow,
}

struct End {
    stream: TcpStream,
    can: Can,
    /// An error was reported, which no read or write has told so far.
    failed: bool,
}

/// What becomes of a pair after a turn.
pub(crate) enum Turn {
    /// An event will come.
    Blocked,
    /// There may be more to do, but others are waiting too: see [`Pair::queue_up`].
    Busy,
    Over,
}

/// Why a pair ended early.
pub(crate) enum Failure {
    Connect(io::Error),
    Broken(io::Error),
}

impl Pair {
    /// Joins a client with a connection to the server that has just been asked for.
    pub(crate) fn new(client: TcpStream, server: TcpStream, tried: Vec<io::Error>) -> Pair {
        Pair {
            client: End::new(client),
            server: End::new(server),
            connected: false,
            tried,
            deadline: None,
            up: Flow::default(),
            down: Flow::default(),
        }
    }

    pub(crate) fn register(&self, poll: &Poll, slot: usize) -> io::Result<()> {
        for (end, side) in self.ends() {
            end.register(poll, side.token(slot))?;
        }
        Ok(())
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    /// Goes on with a connection to another address. Dropping the last one ended its registration.
    pub(crate) fn reconnect(
        &mut self,
        server: TcpStream,
        poll: &Poll,
        slot: usize,
    ) -> io::Result<()> {
        self.server = End::new(server);
        self.server.register(poll, Side::Server.token(slot))
    }

    /// Asks for another turn: an edge is reported once, but after this call the stream's readiness is reported again,
    /// behind that of the other streams.
    pub(crate) fn queue_up(&self, poll: &Poll) -> io::Result<()> {
        for (end, _) in self.ends().into_iter().filter(|(end, _)| end.can.read) {
            poll.rearm(&end.stream)?;
        }
        Ok(())
    }

    fn ends(&self) -> [(&End, Side); 2] {
        [(&self.client, Side::Client), (&self.server, Side::Server)]
    }

    /// Notes the kinds of an event.
    pub(crate) fn note(&mut self, side: Side, event: Event) {
        match side {
            Side::Client => self.client.note(event),
            Side::Server => self.server.note(event),
        }
    }

    /// Moves what can be moved.
    pub(crate) fn drive(&mut self, buffers: &mut Buffers) -> Result<Turn, Failure> {
        if !self.connected {
            match attempt(|| self.server.stream.finish_connect()) {
                Ok(Some(())) => self.connected = true,
                Ok(None) => return self.blocked(),
                Err(error) => return Err(Failure::Connect(error)),
            }
        }
        let (client, server) = (&mut self.client, &mut self.server);
        let more_up = self
            .up
            .pump(client.source(), server.source(), buffers, ROUNDS)
            .map_err(Failure::Broken)?;
        let more_down = self
            .down
            .pump(server.source(), client.source(), buffers, ROUNDS)
            .map_err(Failure::Broken)?;
        if self.up.is_over() && self.down.is_over() {
            Ok(Turn::Over)
        } else if more_up || more_down {
            Ok(Turn::Busy)
        } else {
            self.blocked()
        }
    }

    /// Nothing more can be moved. An end that is broken would go unnoticed while its data waits for
    /// the other end to read, so it is looked at here.
    fn blocked(&mut self) -> Result<Turn, Failure> {
        for end in [&mut self.client, &mut self.server] {
            if mem::take(&mut end.failed) {
                match end.stream.take_error() {
                    Ok(None) => {}
                    Ok(Some(error)) | Err(error) => return Err(Failure::Broken(error)),
                }
            }
        }
        Ok(Turn::Blocked)
    }

    /// Has a pair that failed end by a reset on both sides, so that nobody takes what came for all
    /// there was.
    pub(crate) fn abort(&self) {
        abort(&self.client.stream);
        abort(&self.server.stream);
    }

    /// Returns the bytes moved: to the server, and to the client.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.up.bytes(), self.down.bytes())
    }

    pub(crate) fn give_back(&mut self, buffers: &mut Buffers) {
        self.up.give_back(buffers);
        self.down.give_back(buffers);
    }
}

impl End {
    fn new(stream: TcpStream) -> End {
        End {
            stream,
            can: Can::default(),
            failed: false,
        }
    }

    fn register(&self, poll: &Poll, token: Token) -> io::Result<()> {
        // What is small goes on at once.
        self.stream.set_nodelay(true)?;
        poll.register(&self.stream, token, BOTH, EDGE)
    }

    fn note(&mut self, event: Event) {
        // Edges come once: their kinds are kept until a call would block. On a broken stream neither direction
        // blocks, and each returns the error.
        let over = event.is_error() || event.is_hup();
        self.can.read |= event.is_readable() || event.is_read_closed() || over;
        self.can.write |= event.is_writable() || event.is_write_closed() || over;
        self.failed |= event.is_error();
    }

    fn source(&mut self) -> (&TcpStream, &mut Can) {
        (&self.stream, &mut self.can)
    }
}

/// Has a stream end by a reset when it is dropped.
pub(crate) fn abort(stream: &TcpStream) {
    // Refused where the connection is gone already, which is as good.
    let _gone = stream.set_linger(Some(Duration::ZERO)).is_err();
}
