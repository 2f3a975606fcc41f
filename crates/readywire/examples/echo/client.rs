//! The clients: each sends messages of its own pattern and checks that they come back.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use hdrhistogram::Histogram;
use readywire::net::TcpStream;
use readywire::{Backend, Events, Poll, PollOpt, Ready, Stats, Token};

use crate::pattern::Pattern;
use crate::report::Progress;
use crate::stop::Stop;
use crate::system::{attempt, explain, is_out_of_descriptors};
use crate::targets::Targets;

const STOP: Token = Token(usize::MAX);

/// How many connections are under way at once: a listener's backlog is finite, and what does not fit
/// into it is tried again by the system only a second later.
const CONNECTING: usize = 64;
/// How much is written or read in one call at most.
const CHUNK: usize = 64 * 1024;
/// How often a connection may go round before the others have their turn.
const ROUNDS: usize = 16;

const BOTH: Ready = Ready::READABLE.union(Ready::WRITABLE);
const EDGE: PollOpt = PollOpt::EDGE;

/// What is to be done.
pub(crate) struct Plan {
    pub(crate) targets: Targets,
    pub(crate) connections: usize,
    pub(crate) bytes: u64,
    pub(crate) message: u64,
    pub(crate) patience: Duration,
}

/// What was done.
pub(crate) struct Outcome {
    pub(crate) connections: usize,
    pub(crate) bytes: u64,
    pub(crate) message: u64,
    pub(crate) elapsed: Duration,
    /// Nanoseconds from the first byte of a message sent to its last byte received.
    pub(crate) round_trips: Histogram<u64>,
    pub(crate) backend: Backend,
    pub(crate) stats: Stats,
}

/// Carries out a plan; any wrong byte or lost connection ends it with an error.
pub(crate) fn run(poll: Poll, plan: &Plan, stop: &Stop, progress: &Progress) -> Result<Outcome> {
    stop.watch(&poll, STOP)?;
    let mut events = Events::with_capacity(1024);
    let mut tally = Tally::new(&poll, plan, progress)?;
    let mut clients: Vec<Option<Client>> = Vec::new();
    let mut connecting = 0;
    let mut done = 0;
    let start = Instant::now();
    while done < plan.connections {
        while connecting < CONNECTING && clients.len() < plan.connections {
            let index = clients.len();
            let client = Client::connect(index, &tally)
                .with_context(|| format!("connection {index} to {}", plan.targets))?;
            clients.push(Some(client));
            connecting += 1;
        }
        let ready = poll.poll(&mut events, Some(plan.patience))?;
        if stop.is_asked() {
            bail!(
                "interrupted: {done} of {} connections were done",
                plan.connections
            );
        }
        if ready == 0 {
            let waited = plan.patience.as_secs();
            let left = plan.connections - done;
            bail!("nothing has happened for {waited} s, {left} connections are unfinished");
        }
        for event in &events {
            let Token(index) = event.token();
            let Some(client) = clients.get_mut(index).and_then(Option::as_mut) else {
                continue;
            };
            let was_connecting = client.is_connecting();
            let step = client
                .drive(&mut tally)
                .with_context(|| format!("connection {index} to {}", plan.targets))?;
            if was_connecting && !client.is_connecting() {
                connecting -= 1;
            }
            match step {
                Step::Blocked => {}
                // What it is still ready for is reported again after this, by the next poll.
                Step::Made => poll.rearm(&client.stream)?,
                // Dropping the stream ends its registration.
                Step::Over => {
                    clients[index] = None;
                    done += 1;
                }
            }
        }
    }
    Ok(Outcome {
        connections: plan.connections,
        bytes: plan.bytes,
        message: plan.message,
        elapsed: start.elapsed(),
        round_trips: tally.round_trips,
        backend: poll.backend(),
        stats: poll.stats(),
    })
}

/// What the clients share.
struct Tally<'a> {
    poll: &'a Poll,
    plan: &'a Plan,
    outgoing: Box<[u8]>,
    incoming: Box<[u8]>,
    round_trips: Histogram<u64>,
    progress: &'a Progress,
}

impl<'a> Tally<'a> {
    fn new(poll: &'a Poll, plan: &'a Plan, progress: &'a Progress) -> Result<Tally<'a>> {
        Ok(Tally {
            poll,
            plan,
            outgoing: vec![0; CHUNK].into(),
            incoming: vec![0; CHUNK].into(),
            round_trips: Histogram::new(3)?,
            progress,
        })
    }
}

/// One connection: connecting, then exchanging, then closing.
struct Client {
    index: usize,
    /// The errors of the addresses that were tried before.
    tried: Vec<io::Error>,
    stream: TcpStream,
    phase: Phase,
    pattern: Pattern,
    total: u64,
    sent: u64,
    received: u64,
    /// Where the message that is under way ends, and when it began.
    message_end: u64,
    message_start: Instant,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Connecting,
    Exchanging,
    Closing,
}

/// Whether a step could be made.
enum Step {
    Made,
    Blocked,
    Over,
}

impl Client {
    fn connect(index: usize, tally: &Tally<'_>) -> Result<Client> {
        let mut tried = Vec::new();
        let stream = begin(index, &mut tried, tally)?;
        let plan = tally.plan;
        let connections = plan.connections as u64;
        let one_more = u64::from((index as u64) < plan.bytes % connections);
        Ok(Client {
            index,
            tried,
            stream,
            phase: Phase::Connecting,
            pattern: Pattern::of_connection(index),
            total: plan.bytes / connections + one_more,
            sent: 0,
            received: 0,
            message_end: 0,
            message_start: Instant::now(),
        })
    }

    fn is_connecting(&self) -> bool {
        self.phase == Phase::Connecting
    }

    /// Gets on until it would block, or has had its turn; `Over` says that all was right.
    ///
    /// It does not look at what the event said. Each phase tries what it has to do, so that it makes
    /// no difference whether an event was one too many, or several were merged into one.
    fn drive(&mut self, tally: &mut Tally<'_>) -> Result<Step> {
        for _ in 0..ROUNDS {
            let step = match self.phase {
                Phase::Connecting => self.finish_connect(tally)?,
                Phase::Exchanging => self.exchange(tally)?,
                Phase::Closing => self.close(tally)?,
            };
            if !matches!(step, Step::Made) {
                return Ok(step);
            }
        }
        Ok(Step::Made)
    }

    fn finish_connect(&mut self, tally: &Tally<'_>) -> Result<Step> {
        match attempt(|| self.stream.finish_connect()) {
            Ok(None) => return Ok(Step::Blocked),
            Ok(Some(())) => {}
            Err(error) => {
                self.tried.push(error);
                self.stream = begin(self.index, &mut self.tried, tally)?;
                return Ok(Step::Blocked);
            }
        }
        self.stream.set_nodelay(true)?;
        self.next_message(tally.plan.message)?;
        Ok(Step::Made)
    }

    /// Writes what the message has left and reads what is back of it, in turn: if a message is larger
    /// than the buffers on the way, neither can wait for the other to be done.
    fn exchange(&mut self, tally: &mut Tally<'_>) -> Result<Step> {
        let wrote = self.sent < self.message_end && self.write(&mut tally.outgoing)?;
        let read = self.received < self.sent && self.read(tally)?;
        if self.received == self.message_end {
            let took = self.message_start.elapsed().as_nanos();
            tally.round_trips += u64::try_from(took)?;
            self.next_message(tally.plan.message)?;
            return Ok(Step::Made);
        }
        Ok(if wrote || read {
            Step::Made
        } else {
            Step::Blocked
        })
    }

    fn write(&mut self, buffer: &mut [u8]) -> Result<bool> {
        let left = self.message_end - self.sent;
        let len = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let chunk = &mut buffer[..len];
        self.pattern.fill(self.sent, chunk);
        let written = attempt(|| (&self.stream).write(chunk)).with_context(|| self.lost())?;
        self.sent += written.unwrap_or(0) as u64;
        Ok(written.is_some())
    }

    fn read(&mut self, tally: &mut Tally<'_>) -> Result<bool> {
        let buffer = &mut tally.incoming;
        let read = attempt(|| (&self.stream).read(buffer)).with_context(|| self.lost())?;
        let Some(n) = read else { return Ok(false) };
        if n == 0 {
            bail!("{}: closed by the server", self.lost());
        }
        if let Err(wrong) = self.pattern.check(self.received, &tally.incoming[..n]) {
            bail!(
                "wrong byte at {}: {:#04x} was sent, {:#04x} came back",
                wrong.position,
                wrong.sent,
                wrong.received
            );
        }
        self.received += n as u64;
        if self.received > self.sent {
            bail!(
                "{} bytes came back before they were sent",
                self.received - self.sent
            );
        }
        tally.progress.received(n);
        Ok(true)
    }

    fn lost(&self) -> String {
        format!("lost after {} of {} bytes", self.received, self.total)
    }

    fn next_message(&mut self, message: u64) -> Result<()> {
        if self.received == self.total {
            // The server sees the end of the stream, and closes when it has sent back all.
            self.stream
                .shutdown(Shutdown::Write)
                .context("cannot shut down")?;
            self.phase = Phase::Closing;
        } else {
            self.phase = Phase::Exchanging;
            self.message_end = self.total.min(self.message_end.saturating_add(message));
            self.message_start = Instant::now();
        }
        Ok(())
    }

    fn close(&mut self, tally: &mut Tally<'_>) -> Result<Step> {
        let buffer = &mut tally.incoming;
        match attempt(|| (&self.stream).read(buffer)).context("lost while closing")? {
            None => Ok(Step::Blocked),
            Some(0) => Ok(Step::Over),
            Some(n) => bail!("{n} bytes came back that were never sent"),
        }
    }
}

/// Begins to connect to the next address that was not tried yet.
fn begin(index: usize, tried: &mut Vec<io::Error>, tally: &Tally<'_>) -> Result<TcpStream> {
    let targets = &tally.plan.targets;
    let Some(stream) = targets.connect(tried) else {
        let shortage = tried.iter().position(is_out_of_descriptors);
        return Err(match shortage {
            Some(at) => explain(tried.swap_remove(at)),
            None => anyhow!(targets.failures(tried)),
        });
    };
    tally.poll.register(&stream, Token(index), BOTH, EDGE)?;
    Ok(stream)
}
