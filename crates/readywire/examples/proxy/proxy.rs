//! The loop: accepts, and gives each pair its turn.

use std::fmt;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{HumanBytes, HumanCount};
use readywire::net::TcpStream;
use readywire::{Event, Events, Poll, Token};
use slab::Slab;

use crate::acceptor::Acceptor;
use crate::deadlines::Deadlines;
use crate::flow::Buffers;
use crate::pair::{Failure, Pair, Side, Turn, abort};
use crate::stop::Stop;
use crate::system::is_out_of_descriptors;
use crate::targets::Targets;

// Pairs have tokens made of their slot; these stand at the other end.
const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

/// How many clients are accepted before those that are there have their turn.
const ACCEPTS: usize = 64;

pub(crate) struct Proxy {
    poll: Poll,
    acceptor: Acceptor,
    targets: Targets,
    /// How long each of them has to answer.
    timeout: Duration,
    /// Those of the connection attempts that are under way.
    deadlines: Deadlines,
    pairs: Slab<Pair>,
    /// A client for whose connection to the server there was no descriptor.
    waiting: Option<TcpStream>,
    buffers: Buffers,
    totals: Totals,
    verbose: bool,
}

/// What a proxy did.
#[derive(Default)]
pub(crate) struct Totals {
    clients: u64,
    refused: u64,
    broken: u64,
    most: usize,
    up: u64,
    down: u64,
}

impl Proxy {
    pub(crate) fn new(
        poll: Poll,
        listen: SocketAddr,
        (targets, timeout): (Targets, Duration),
        buffer: usize,
        verbose: bool,
    ) -> Result<Proxy> {
        let acceptor = Acceptor::bind(&poll, LISTENER, listen)?;
        Ok(Proxy {
            poll,
            acceptor,
            targets,
            timeout,
            deadlines: Deadlines::default(),
            pairs: Slab::new(),
            waiting: None,
            buffers: Buffers::new(buffer),
            totals: Totals::default(),
            verbose,
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.acceptor.local_addr()
    }

    /// Passes connections on until `stop` is asked for.
    pub(crate) fn run(mut self, stop: &Stop) -> Result<Totals> {
        stop.watch(&self.poll, STOP)?;
        let mut events = Events::with_capacity(1024);
        while !stop.is_asked() {
            let timeout = self.deadlines.timeout(Instant::now());
            self.acceptor.poll(&self.poll, &mut events, timeout)?;
            for event in &events {
                match event.token() {
                    STOP => {} // the loop's condition looks at it
                    LISTENER => self.accept()?,
                    _ => self.react(event),
                }
            }
            let now = Instant::now();
            while let Some(slot) = self.deadlines.expired(now) {
                self.pairs[slot].deadline = None;
                self.try_next(slot, io::ErrorKind::TimedOut.into());
            }
        }
        for (_, pair) in &self.pairs {
            self.totals.count(pair);
        }
        Ok(self.totals)
    }

    fn accept(&mut self) -> Result<()> {
        if let Some(client) = self.waiting.take() {
            self.take_in(client);
        }
        for _ in 0..ACCEPTS {
            if self.waiting.is_some() {
                break;
            }
            let Some(client) = self.acceptor.accept(&self.poll)? else {
                break;
            };
            self.totals.clients += 1;
            self.take_in(client);
        }
        Ok(())
    }

    fn take_in(&mut self, client: TcpStream) {
        let mut tried = Vec::new();
        let Some(server) = self.targets.connect(&mut tried) else {
            if tried.iter().any(is_out_of_descriptors) && !self.pairs.is_empty() {
                self.waiting = Some(client);
                self.acceptor.pause(&self.poll);
            } else {
                abort(&client);
                self.refuse(&tried);
            }
            return;
        };
        let slot = self.pairs.insert(Pair::new(client, server, tried));
        self.totals.most = self.totals.most.max(self.pairs.len());
        self.limit(slot);
        if let Err(error) = self.pairs[slot].register(&self.poll, slot) {
            self.break_off(slot, &error);
        }
    }

    /// Goes on with the next address, as the current one failed with `error`.
    fn try_next(&mut self, slot: usize, error: io::Error) {
        let mut tried = mem::take(&mut self.pairs[slot].tried);
        tried.push(error);
        let Some(server) = self.targets.connect(&mut tried) else {
            self.refuse(&tried);
            return self.abort(slot);
        };
        let pair = &mut self.pairs[slot];
        pair.tried = tried;
        match pair.reconnect(server, &self.poll, slot) {
            Ok(()) => self.limit(slot),
            Err(error) => self.break_off(slot, &error),
        }
    }

    /// Limits how long the current address has to answer.
    fn limit(&mut self, slot: usize) {
        let (pair, until) = (&mut self.pairs[slot], Instant::now() + self.timeout);
        pair.deadline = Some(self.deadlines.set(slot, pair.deadline, until));
    }

    fn react(&mut self, event: Event) {
        let (slot, side) = Side::of(event.token());
        // The pair may have ended earlier in this batch. Its slot may be another's by now, but no
        // event of a stream that is gone comes out of the batch.
        let Some(pair) = self.pairs.get_mut(slot) else {
            return;
        };
        pair.note(side, event);
        let turn = pair.drive(&mut self.buffers);
        if pair.is_connected() {
            self.deadlines.clear(slot, pair.deadline.take());
        }
        match turn {
            Ok(Turn::Blocked) => {}
            Ok(Turn::Busy) => {
                if let Err(error) = pair.queue_up(&self.poll) {
                    self.break_off(slot, &error);
                }
            }
            Ok(Turn::Over) => self.end(slot),
            Err(Failure::Connect(error)) => self.try_next(slot, error),
            Err(Failure::Broken(error)) => self.break_off(slot, &error),
        }
    }

    fn break_off(&mut self, slot: usize, error: &io::Error) {
        self.totals.broken += 1;
        if self.verbose {
            eprintln!("a connection broke off: {error}");
        }
        self.abort(slot);
    }

    fn abort(&mut self, slot: usize) {
        self.pairs[slot].abort();
        self.end(slot);
    }

    /// Closes both connections of a pair; their registrations end with them.
    fn end(&mut self, slot: usize) {
        let mut pair = self.pairs.remove(slot);
        self.deadlines.clear(slot, pair.deadline);
        pair.give_back(&mut self.buffers);
        self.totals.count(&pair);
        drop(pair);
        if let Some(client) = self.waiting.take() {
            self.take_in(client);
        }
        if self.waiting.is_none() {
            self.acceptor.resume(&self.poll);
        }
    }

    /// Notes that no address could be connected to, and why, an error for each.
    fn refuse(&mut self, errors: &[io::Error]) {
        self.totals.refused += 1;
        if self.verbose {
            eprintln!("{}", self.targets.failures(errors));
        }
    }
}

impl Totals {
    fn count(&mut self, pair: &Pair) {
        let (up, down) = pair.bytes();
        self.up += up;
        self.down += down;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "clients  {}, at most {} at once, {} could not be connected, {} broke off",
            HumanCount(self.clients),
            HumanCount(self.most as u64),
            HumanCount(self.refused),
            HumanCount(self.broken),
        )?;
        write!(
            f,
            "bytes    {} to the server, {} to clients",
            HumanBytes(self.up),
            HumanBytes(self.down),
        )
    }
}
