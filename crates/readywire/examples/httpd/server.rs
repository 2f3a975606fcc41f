//! The loop: accepts, gives each connection its turn, and ends those that take too long.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{HumanBytes, HumanCount};
use readywire::net::TcpStream;
use readywire::{Events, Poll, PollOpt, Ready, Token};
use slab::Slab;

use crate::acceptor::Acceptor;
use crate::connection::{Connection, Site, Turn};
use crate::deadlines::Deadlines;
use crate::files::Files;
use crate::stop::Stop;

// Connections have their slot as token; these stand at the other end.
const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);
/// The slot whose deadline is that of the server, once it is ending.
const END: usize = usize::MAX;

/// How many clients are accepted before those that are there have their turn.
const ACCEPTS: usize = 64;

const BOTH: Ready = Ready::READABLE.union(Ready::WRITABLE);
const EDGE: PollOpt = PollOpt::EDGE;

pub(crate) struct Server {
    poll: Poll,
    /// Gone when the server is ending: new clients are refused then.
    acceptor: Option<Acceptor>,
    address: SocketAddr,
    connections: Slab<Connection>,
    deadlines: Deadlines,
    timeout: Duration,
    site: Site,
    served: Served,
}

/// What a server did.
#[derive(Default)]
pub(crate) struct Served {
    connections: u64,
    requests: u64,
    bytes: u64,
    lost: u64,
    slow: u64,
}

impl Server {
    pub(crate) fn new(
        poll: Poll,
        listen: SocketAddr,
        files: Files,
        timeout: Duration,
    ) -> Result<Server> {
        let acceptor = Acceptor::bind(&poll, LISTENER, listen)?;
        Ok(Server {
            poll,
            address: acceptor.local_addr()?,
            acceptor: Some(acceptor),
            connections: Slab::new(),
            deadlines: Deadlines::default(),
            timeout,
            site: Site {
                files,
                ending: false,
                requests: 0,
                bytes: 0,
            },
            served: Served::default(),
        })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is asked for, and then to the end of the responses that are under way, as
    /// long as the timeout lasts.
    pub(crate) fn run(mut self, stop: &Stop) -> Result<Served> {
        stop.watch(&self.poll, STOP)?;
        let mut events = Events::with_capacity(1024);
        while !(self.site.ending && self.connections.is_empty()) {
            let timeout = self.deadlines.timeout(Instant::now());
            match &mut self.acceptor {
                Some(acceptor) => acceptor.poll(&self.poll, &mut events, timeout)?,
                None => self.poll.poll(&mut events, timeout).map(drop)?,
            }
            // The same time for all that is done in this round.
            let now = Instant::now();
            for event in &events {
                match event.token() {
                    STOP => {} // below, once for all
                    LISTENER => self.accept(now)?,
                    Token(slot) => self.turn(slot, now, Connection::drive),
                }
            }
            if stop.is_asked() && !self.site.ending {
                self.begin_to_end(now);
            }
            while let Some(slot) = self.deadlines.expired(now) {
                if slot == END {
                    return Ok(self.summary());
                }
                self.connections[slot].deadline = None;
                self.served.slow += 1;
                self.turn(slot, now, Connection::expire);
            }
        }
        Ok(self.summary())
    }

    fn summary(self) -> Served {
        Served {
            requests: self.site.requests,
            bytes: self.site.bytes,
            ..self.served
        }
    }

    fn begin_to_end(&mut self, now: Instant) {
        self.site.ending = true;
        self.acceptor = None;
        self.deadlines.set(END, None, now + self.timeout);
        let slots: Vec<usize> = self.connections.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.turn(slot, now, Connection::drive);
        }
    }

    fn accept(&mut self, now: Instant) -> Result<()> {
        for _ in 0..ACCEPTS {
            let Some(acceptor) = &mut self.acceptor else {
                break;
            };
            let Some(stream) = acceptor.accept(&self.poll)? else {
                break;
            };
            self.served.connections += 1;
            let slot = self.connections.vacant_key();
            if self.register(&stream, slot).is_err() {
                self.served.lost += 1;
                continue;
            }
            self.connections.insert(Connection::new(stream));
            // The first request may be there already.
            self.turn(slot, now, Connection::drive);
        }
        Ok(())
    }

    fn register(&self, stream: &TcpStream, slot: usize) -> io::Result<()> {
        // A response goes out at once, however short its end is.
        stream.set_nodelay(true)?;
        self.poll.register(stream, Token(slot), BOTH, EDGE)
    }

    /// Lets a connection do something, and sees to what becomes of it.
    fn turn(
        &mut self,
        slot: usize,
        now: Instant,
        act: impl FnOnce(&mut Connection, &mut Site) -> io::Result<Turn>,
    ) {
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        let mut turn = act(connection, &mut self.site);
        if connection.has_begun() {
            let deadline = now + self.timeout;
            let set = self.deadlines.set(slot, connection.deadline, deadline);
            connection.deadline = Some(set);
        }
        if let Ok(Turn::Busy) = turn {
            // What it is still ready for is reported again after this, by the next poll.
            let again = self.poll.rearm(&connection.stream);
            turn = again.map(|()| Turn::Blocked);
        }
        match turn {
            Ok(Turn::Blocked | Turn::Busy) => return,
            Ok(Turn::Over) => {}
            // One client's trouble, or one file's, is not the server's.
            Err(_reset) => {
                connection.abort();
                self.served.lost += 1;
            }
        }
        // Dropping the stream ends its registration.
        let connection = self.connections.remove(slot);
        self.deadlines.clear(slot, connection.deadline);
        drop(connection);
        if let Some(acceptor) = &mut self.acceptor {
            acceptor.resume(&self.poll);
        }
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "served   {} connections, {} requests, {} sent, {} lost, {} too slow",
            HumanCount(self.connections),
            HumanCount(self.requests),
            HumanBytes(self.bytes),
            HumanCount(self.lost),
            HumanCount(self.slow),
        )
    }
}
