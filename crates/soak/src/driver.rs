//! A thread that does things to connections, and waits for what they cause.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use readywire::net::{TcpStream, UdpSocket};
use readywire::{Poll, PollOpt, Ready, Token, Waker};
use testkit::Random;

use crate::acceptor::Acceptor;
use crate::arena::Arena;
use crate::channel::{Channel, MOST, Pair, pair};
use crate::pattern::Pattern;
use crate::round::Rounds;
use crate::source::{Source, Via};
use crate::starvation::{is_starved, starve};

/// How many connections a driver has.
const LANES: usize = 8;
/// How much it does in a round at most.
const ACTIONS: usize = 6;

pub(crate) struct Driver<'a> {
    arena: &'a Arena,
    acceptor: &'a Acceptor,
    random: Random,
    lanes: Vec<Lane>,
}

/// A connection: the channel under test and its peer.
struct Lane {
    channel: Arc<Channel>,
    kind: Kind,
    peer: Option<Box<dyn Source>>,
    /// Where the peer's end of the connection will come from.
    client: Option<SocketAddr>,
    incoming: Pattern,
    outgoing: Pattern,
    sent: u64,
    received: u64,
    fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Tcp,
    Refused,
    Udp,
    #[cfg(unix)]
    Unix,
    #[cfg(unix)]
    PipeReader,
    #[cfg(unix)]
    PipeWriter,
}

const KINDS: &[Kind] = &[
    Kind::Tcp,
    Kind::Tcp,
    Kind::Tcp,
    Kind::Refused,
    Kind::Udp,
    #[cfg(unix)]
    Kind::Unix,
    #[cfg(unix)]
    Kind::Unix,
    #[cfg(unix)]
    Kind::PipeReader,
    #[cfg(unix)]
    Kind::PipeWriter,
];

/// What the peer did to end the connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    HalfClose,
    Vanish,
    Reset,
}

#[derive(Clone, Copy)]
enum Action {
    Receive,
    Send,
    Reregister,
    Again,
    Elsewhere,
    Clone,
    DropClone,
    SwapForClone,
    Fault(Fault),
    Drop,
    Starve,
}

const COMMON: &[Action] = &[
    Action::Receive,
    Action::Receive,
    Action::Receive,
    Action::Send,
    Action::Send,
    Action::Reregister,
    Action::Reregister,
    Action::Again,
    Action::Clone,
    Action::DropClone,
    Action::SwapForClone,
    Action::Fault(Fault::HalfClose),
    Action::Fault(Fault::Vanish),
    Action::Fault(Fault::Reset),
    Action::Drop,
];

const RARE: &[Action] = &[Action::Elsewhere, Action::Elsewhere, Action::Starve];

impl Driver<'_> {
    pub(crate) fn new<'a>(arena: &'a Arena, acceptor: &'a Acceptor, random: Random) -> Driver<'a> {
        Driver {
            arena,
            acceptor,
            random,
            lanes: Vec::new(),
        }
    }

    pub(crate) fn run(&mut self, rounds: &Rounds) {
        loop {
            self.open_lanes();
            for _ in 0..=self.random.below(ACTIONS) {
                if !self.lanes.is_empty() {
                    let lane = self.random.below(self.lanes.len());
                    self.act(lane);
                }
            }
            rounds.acted();
            self.settle();
            self.lanes.retain(|lane| {
                let over = lane.fault.is_some() || lane.kind == Kind::Refused;
                if over {
                    lane.channel.drop_source(self.arena);
                }
                !over
            });
            self.arena.tally.rounds.add(1);
            if !rounds.settled() {
                break;
            }
        }
        for lane in self.lanes.drain(..) {
            lane.channel.drop_source(self.arena);
        }
    }

    /// Opens what is missing; does without what no descriptor is left for.
    fn open_lanes(&mut self) {
        while self.lanes.len() < LANES {
            let kind = self.random.pick(KINDS);
            match self.open(kind) {
                Ok(lane) => self.lanes.push(lane),
                Err(error) => {
                    self.starved(&error, "open");
                    return;
                }
            }
        }
    }

    fn open(&mut self, kind: Kind) -> io::Result<Lane> {
        let id = self.random.number();
        let mut client = None;
        let (source, peer): (Box<dyn Source>, _) = match kind {
            Kind::Tcp => {
                let stream = TcpStream::connect(&self.acceptor.address)?;
                client = Some(stream.local_addr()?);
                (Box::new(stream), None)
            }
            Kind::Refused => {
                let stream = TcpStream::connect(&testkit::refused_address())?;
                (Box::new(stream), None)
            }
            Kind::Udp => with_peer(pair(udp_pair())?),
            #[cfg(unix)]
            Kind::Unix => with_peer(pair(readywire::unix::UnixStream::pair())?),
            #[cfg(unix)]
            Kind::PipeReader => with_peer(pair(readywire::unix::pipe())?),
            #[cfg(unix)]
            Kind::PipeWriter => {
                let (reader, writer) = pair(readywire::unix::pipe())?;
                (writer, Some(reader))
            }
        };
        self.arena.tally.connections.add(1);
        let channel = Channel::new(source, id, peer.is_none());
        channel.register(self.arena, &mut self.random);
        let (incoming, outgoing) = {
            let state = channel.lock();
            (state.incoming, state.outgoing)
        };
        Ok(Lane {
            channel,
            kind,
            peer,
            client,
            incoming,
            outgoing,
            sent: 0,
            received: 0,
            fault: None,
        })
    }

    fn act(&mut self, at: usize) {
        let action = match self.random.below(20) {
            0 => self.random.pick(RARE),
            _ => self.random.pick(COMMON),
        };
        let (arena, random) = (self.arena, &mut self.random);
        let lane = &mut self.lanes[at];
        if lane.kind == Kind::Refused {
            return;
        }
        match action {
            Action::Receive => lane.feed(arena, random),
            Action::Send => {
                let mut state = lane.channel.lock();
                // The peer's buffer would overflow with datagrams: it is not read before the round is over.
                let writes = state.source().directions().is_writable() && lane.kind != Kind::Udp;
                if writes && lane.fault.is_none() && !state.connecting {
                    let count = 1 + random.below(8 * MOST) as u64;
                    state.send(arena, count, random);
                }
            }
            Action::Reregister => lane.channel.reregister(arena, random),
            Action::Again => {
                lane.channel.deregister(arena);
                if random.below(2) == 0 {
                    lane.feed(arena, random);
                }
                lane.channel.register(arena, random);
            }
            Action::Elsewhere => self.elsewhere(at),
            Action::Clone => {
                let mut state = lane.channel.lock();
                let cloned = state.source().try_clone();
                match cloned {
                    Ok(clone) => {
                        state.clone = Some(clone);
                        arena.tally.clones.add(1);
                    }
                    Err(error) => {
                        drop(state);
                        self.starved(&error, "clone");
                    }
                }
            }
            Action::DropClone => drop(lane.channel.lock().clone.take()),
            Action::SwapForClone => {
                let clone = lane.channel.lock().clone.take();
                if let Some(clone) = clone {
                    // Its duplicate keeps the socket open: the registration must end nevertheless.
                    let keep = random.below(2) == 0;
                    let kept = lane.channel.lock().source().try_clone();
                    lane.channel.drop_source(arena);
                    lane.channel.lock().source = Some(clone);
                    lane.channel.register(arena, random);
                    if let Some(kept) = kept.ok().filter(|_| keep) {
                        lane.channel.lock().clone = Some(kept);
                    }
                }
            }
            Action::Fault(fault) => {
                if lane.fault.is_none() && lane.peer.is_some() && lane.kind != Kind::Udp {
                    lane.fail(fault);
                    arena.tally.faults.add(1);
                }
            }
            Action::Drop => {
                let lane = self.lanes.swap_remove(at);
                lane.channel.drop_source(arena);
            }
            Action::Starve => self.starve(at),
        }
    }

    /// Registers a source with a `Poll` that is dropped while a thread uses it, and then with its own
    /// `Poll` again.
    fn elsewhere(&mut self, at: usize) {
        let lane = &self.lanes[at];
        let (other, others) = match self.other_poll() {
            Ok(made) => made,
            Err(error) => return self.starved(&error, "make a Poll"),
        };
        let waker = Waker::new(&other, Token(0)).expect("make a waker");
        lane.channel.deregister(self.arena);
        lane.channel.visit(&other, Token(0));
        thread::scope(|scope| {
            let (started, start) = channel();
            scope.spawn(move || {
                started.send(()).expect("the driver waits");
                waker.wake().expect("wake");
                drop(others);
            });
            start.recv().expect("the thread starts");
            drop(other);
            lane.channel.register(self.arena, &mut self.random);
        });
    }

    /// Makes a `Poll` with some sources of its own.
    fn other_poll(&self) -> io::Result<(Poll, Vec<UdpSocket>)> {
        let poll = Poll::with_backend(self.arena.poll.backend())?;
        let mut sockets = Vec::new();
        for at in 1..=8 {
            let socket = UdpSocket::bind(&SocketAddr::from(([127, 0, 0, 1], 0)))?;
            poll.register(&socket, Token(at), Ready::READABLE, PollOpt::EDGE)?;
            sockets.push(socket);
        }
        Ok((poll, sockets))
    }

    /// Opens all descriptors there are, and tries what needs one.
    fn starve(&mut self, at: usize) {
        let lane = &self.lanes[at];
        starve(|| {
            let errors = [
                TcpStream::connect(&self.acceptor.address).err(),
                Poll::with_backend(self.arena.poll.backend()).err(),
                lane.channel.lock().io().try_clone().err(),
                #[cfg(unix)]
                readywire::unix::UnixStream::pair().err(),
                #[cfg(unix)]
                readywire::unix::pipe().err(),
            ];
            // Another thread may have closed a descriptor.
            for error in errors.into_iter().flatten() {
                self.starved(&error, "starve");
            }
        });
    }

    fn starved(&self, error: &io::Error, what: &str) {
        if !is_starved(error) {
            self.arena.fail(&format!("{what}: {error}"));
        }
        self.arena.tally.starved.add(1);
    }

    /// Waits until all that was caused has been reported.
    fn settle(&mut self) {
        let (acceptor, lanes) = (self.acceptor, &mut self.lanes);
        self.arena.wait(|| {
            let missing = lanes.iter_mut().filter_map(|lane| lane.missing(acceptor));
            missing.collect()
        });
    }
}

fn udp_pair() -> io::Result<(UdpSocket, UdpSocket)> {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let (one, other) = (UdpSocket::bind(&loopback)?, UdpSocket::bind(&loopback)?);
    one.connect(other.local_addr()?)?;
    other.connect(one.local_addr()?)?;
    Ok((one, other))
}

fn with_peer((source, peer): Pair) -> (Box<dyn Source>, Option<Box<dyn Source>>) {
    (source, Some(peer))
}

impl Lane {
    /// Has the peer send something, as far as there is room.
    fn feed(&mut self, arena: &Arena, random: &mut Random) {
        let Some(peer) = self.peer.as_ref().filter(|_| self.fault.is_none()) else {
            return;
        };
        if !peer.directions().is_writable() {
            return;
        }
        let mut buffer = [0; MOST];
        let most = if self.kind == Kind::Udp { 4096 } else { MOST };
        let data = &mut buffer[..random.pick(&[10, 500, 4096, MOST]).min(most)];
        self.incoming.fill(self.sent, data);
        match peer.write(data, Via::Source) {
            Ok(count) => self.sent += count as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => arena.fail(&format!("the peer cannot write: {error}")),
        }
    }

    fn fail(&mut self, fault: Fault) {
        let Some(peer) = &self.peer else { return };
        let done = match fault {
            Fault::HalfClose => peer.shutdown_write().expect("shut down"),
            Fault::Reset => peer.reset_at_drop().expect("set SO_LINGER"),
            Fault::Vanish => false,
        };
        self.fault = Some(match (fault, done) {
            (Fault::HalfClose, true) => Fault::HalfClose,
            (Fault::Reset, true) => Fault::Reset,
            _ => Fault::Vanish,
        });
        if self.fault != Some(Fault::HalfClose) {
            self.peer = None;
        }
    }

    /// Says what has not happened yet.
    fn missing(&mut self, acceptor: &Acceptor) -> Option<String> {
        if self.peer.is_none() && self.fault.is_none() {
            let accepted = self.client.and_then(|client| acceptor.take(client));
            self.peer = accepted.map(|stream| Box::new(stream) as Box<dyn Source>);
        }
        self.drain_peer();
        let state = self.channel.lock();
        let accepted = self.peer.is_some() || self.fault.is_some() || self.kind == Kind::Refused;
        let received = state.received == self.sent;
        let sent = state.goal == self.received;
        let over = state.end.is_some();
        let complete = match self.fault {
            _ if self.kind == Kind::Refused => over,
            None => accepted && !state.connecting && received && sent && !over,
            Some(Fault::HalfClose) => received && sent && over,
            Some(Fault::Vanish | Fault::Reset) => over,
        };
        (!complete).then(|| {
            format!(
                "{:?} {:?}{}: peer sent {}, received {}; {}",
                self.kind,
                self.fault,
                if accepted { "" } else { " not accepted" },
                self.sent,
                self.received,
                state.describe()
            )
        })
    }

    fn drain_peer(&mut self) {
        let Some(peer) = self.peer.as_ref().filter(|p| p.directions().is_readable()) else {
            return;
        };
        let mut buffer = [0; MOST];
        loop {
            match peer.read(&mut buffer, Via::Source) {
                Ok(0) => panic!("{:?}: the channel was closed", self.kind),
                Ok(count) => {
                    let wrong = self.outgoing.first_wrong(self.received, &buffer[..count]);
                    assert_eq!(wrong, None, "{:?}: a wrong byte", self.kind);
                    self.received += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{:?}: the peer cannot read: {error}", self.kind),
            }
        }
    }
}
