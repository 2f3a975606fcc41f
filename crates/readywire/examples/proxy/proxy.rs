//! The loop: accepts, and gives each pair its turn.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use anyhow::Result;
use indicatif::{HumanBytes, HumanCount};
use readywire::net::TcpStream;
use readywire::{Event, Events, Poll, Token};
use slab::Slab;

use crate::acceptor::Acceptor;
use crate::flow::Buffers;
use crate::pair::{Failure, Pair, Side, Turn, abort};
use crate::stop::Stop;
use crate::system::is_out_of_descriptors;

// Pairs have tokens made of their slot; these stand at the other end.
const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

/// How many clients are accepted before those that are there have their turn.
const ACCEPTS: usize = 64;

pub(crate) struct Proxy {
    poll: Poll,
    acceptor: Acceptor,
    target: SocketAddr,
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
        target: SocketAddr,
        buffer: usize,
        verbose: bool,
    ) -> Result<Proxy> {
        let acceptor = Acceptor::bind(&poll, LISTENER, listen)?;
        Ok(Proxy {
            poll,
            acceptor,
            target,
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
            self.poll.poll(&mut events, None)?;
            for event in &events {
                match event.token() {
                    STOP => {} // the loop's condition looks at it
                    LISTENER => self.accept()?,
                    _ => self.react(event)?,
                }
            }
        }
        for (_, pair) in &self.pairs {
            self.totals.count(pair);
        }
        Ok(self.totals)
    }

    fn accept(&mut self) -> Result<()> {
        for _ in 0..ACCEPTS {
            let others = !self.pairs.is_empty();
            let Some(client) = self.acceptor.accept(&self.poll, others)? else {
                break;
            };
            self.totals.clients += 1;
            self.take_in(client)?;
            if self.waiting.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn take_in(&mut self, client: TcpStream) -> Result<()> {
        let server = match TcpStream::connect(&self.target) {
            Ok(server) => server,
            Err(error) if is_out_of_descriptors(&error) && !self.pairs.is_empty() => {
                self.waiting = Some(client);
                self.acceptor.pause(&self.poll)?;
                return Ok(());
            }
            Err(error) => {
                abort(&client);
                self.complain(&Failure::Connect(error));
                return Ok(());
            }
        };
        let slot = self.pairs.insert(Pair::new(client, server));
        self.totals.most = self.totals.most.max(self.pairs.len());
        match self.pairs[slot].register(&self.poll, slot) {
            Ok(()) => Ok(()),
            Err(error) => self.fail(slot, &Failure::Broken(error)),
        }
    }

    fn react(&mut self, event: Event) -> Result<()> {
        let (slot, side) = Side::of(event.token());
        // The pair may have ended earlier in this batch. Its slot may be another's by now, but no
        // event of a stream that is gone comes out of the batch.
        let Some(pair) = self.pairs.get_mut(slot) else {
            return Ok(());
        };
        pair.note(side, event);
        match pair.drive(&mut self.buffers) {
            Ok(Turn::Blocked) => Ok(()),
            Ok(Turn::Busy) => Ok(pair.queue_up(&self.poll, slot)?),
            Ok(Turn::Over) => self.end(slot),
            Err(failure) => self.fail(slot, &failure),
        }
    }

    fn fail(&mut self, slot: usize, failure: &Failure) -> Result<()> {
        self.pairs[slot].abort();
        self.complain(failure);
        self.end(slot)
    }

    /// Closes both connections of a pair; their registrations end with them.
    fn end(&mut self, slot: usize) -> Result<()> {
        let mut pair = self.pairs.remove(slot);
        pair.give_back(&mut self.buffers);
        self.totals.count(&pair);
        drop(pair);
        if let Some(client) = self.waiting.take() {
            self.take_in(client)?;
        }
        if self.waiting.is_none() {
            self.acceptor.resume(&self.poll)?;
        }
        Ok(())
    }

    fn complain(&mut self, failure: &Failure) {
        let (count, error) = match failure {
            Failure::Connect(error) => (&mut self.totals.refused, error),
            Failure::Broken(error) => (&mut self.totals.broken, error),
        };
        *count += 1;
        if self.verbose {
            eprintln!("a connection to {} failed: {error}", self.target);
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
