//! The server: accepts, and sends back what it receives.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::ops::Range;

use anyhow::Result;
use indicatif::{HumanBytes, HumanCount};
use readywire::net::TcpStream;
use readywire::{Events, Poll, PollOpt, Ready, Token};

use crate::acceptor::Acceptor;
use crate::report::Progress;
use crate::stop::Stop;
use crate::system::attempt;

// Connections have their slot as token; any value can be used, so these stand at the other end.
const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

/// What a connection holds at most between reading and writing.
const BUFFER: usize = 64 * 1024;
/// How often a connection may go round before the others have their turn.
const ROUNDS: usize = 16;

const BOTH: Ready = Ready::READABLE.union(Ready::WRITABLE);
const EDGE: PollOpt = PollOpt::EDGE;

pub(crate) struct Server {
    poll: Poll,
    acceptor: Acceptor,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    served: Served,
}

/// What a server did.
#[derive(Default)]
pub(crate) struct Served {
    connections: u64,
    lost: u64,
    bytes: u64,
}

impl Server {
    pub(crate) fn new(poll: Poll, address: SocketAddr) -> Result<Server> {
        let acceptor = Acceptor::bind(&poll, LISTENER, address)?;
        Ok(Server {
            poll,
            acceptor,
            connections: Vec::new(),
            free: Vec::new(),
            served: Served::default(),
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.acceptor.local_addr()
    }

    /// Serves until `stop` is asked for.
    pub(crate) fn run(mut self, stop: &Stop, progress: &Progress) -> Result<Served> {
        stop.watch(&self.poll, STOP)?;
        let mut events = Events::with_capacity(1024);
        while !stop.is_asked() {
            self.acceptor.poll(&self.poll, &mut events, None)?;
            for event in &events {
                match event.token() {
                    STOP => {} // the loop's condition looks at it
                    LISTENER => self.accept()?,
                    // Slots are used again within a batch of events. That is safe: no event of a
                    // connection that is gone comes out of the batch.
                    Token(slot) => self.drive(slot),
                }
            }
            progress.served(self.open(), self.served.bytes);
        }
        Ok(self.served)
    }

    fn open(&self) -> usize {
        self.connections.len() - self.free.len()
    }

    fn accept(&mut self) -> Result<()> {
        for _ in 0..ROUNDS {
            match self.acceptor.accept(&self.poll)? {
                Some(stream) => self.take_in(stream),
                None => break,
            }
        }
        Ok(())
    }

    fn take_in(&mut self, stream: TcpStream) {
        self.served.connections += 1;
        // Some systems refuse an option if the client is gone already.
        let Ok(connection) = Connection::new(stream) else {
            self.served.lost += 1;
            return;
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        // One client's trouble is not the server's.
        if self
            .poll
            .register(&connection.stream, Token(slot), BOTH, EDGE)
            .is_err()
        {
            self.served.lost += 1;
            self.free.push(slot);
            return;
        }
        self.connections[slot] = Some(connection);
        // The first message may be there already.
        self.drive(slot);
    }

    fn drive(&mut self, slot: usize) {
        let Some(connection) = &mut self.connections[slot] else {
            return;
        };
        let mut state = connection.drive(&mut self.served.bytes);
        if let Ok(State::Busy) = state {
            // What it is still ready for is reported again after this, by the next poll.
            let again = self.poll.rearm(&connection.stream);
            state = again.map(|()| State::Blocked);
        }
        match state {
            Ok(State::Blocked | State::Busy) => return,
            Ok(State::Over) => {}
            Err(_reset) => self.served.lost += 1,
        }
        // Dropping the stream ends its registration.
        self.connections[slot] = None;
        self.free.push(slot);
        self.acceptor.resume(&self.poll);
    }
}

/// One client, as the server sees it.
struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    /// What was read and is not written yet.
    held: Range<usize>,
}

enum State {
    /// An event will come.
    Blocked,
    /// There is more to do, but others are waiting too.
    Busy,
    /// The client has sent all and got all.
    Over,
}

impl Connection {
    fn new(stream: TcpStream) -> io::Result<Connection> {
        // An answer goes out at once, however short it is.
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            buffer: vec![0; BUFFER].into(),
            held: 0..0,
        })
    }

    /// Writes what is held, and reads only when nothing is: a client that does not read is not read
    /// from, and takes no more memory than one buffer.
    fn drive(&mut self, bytes: &mut u64) -> io::Result<State> {
        for _ in 0..ROUNDS {
            while !self.held.is_empty() {
                let held = &self.buffer[self.held.clone()];
                let Some(n) = attempt(|| (&self.stream).write(held))? else {
                    return Ok(State::Blocked);
                };
                self.held.start += n;
                *bytes += n as u64;
            }
            match attempt(|| (&self.stream).read(&mut self.buffer))? {
                None => return Ok(State::Blocked),
                Some(0) => return Ok(State::Over),
                Some(n) => self.held = 0..n,
            }
        }
        Ok(State::Busy)
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "served       {} connections, {} sent back, {} lost",
            HumanCount(self.connections),
            HumanBytes(self.bytes),
            HumanCount(self.lost),
        )
    }
}
