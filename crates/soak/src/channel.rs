//! A source that is registered, and what it has received and sent.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use readywire::{Event, Poll, PollOpt, Ready, Token};
use testkit::Random;

use crate::arena::{Arena, Target};
use crate::pattern::Pattern;
use crate::source::{Source, Via};

/// The largest transfer.
pub(crate) const MOST: usize = 64 * 1024;

/// Shared by the driver that has made it and the threads that poll.
pub(crate) struct Channel {
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) source: Option<Box<dyn Source>>,
    /// Does the reading and writing instead, if there is one.
    pub(crate) clone: Option<Box<dyn Source>>,
    /// Nothing while it is not registered with the arena's `Poll`.
    token: Option<Token>,
    interest: Ready,
    opts: PollOpt,
    pub(crate) connecting: bool,
    pub(crate) incoming: Pattern,
    pub(crate) outgoing: Pattern,
    pub(crate) received: u64,
    pub(crate) written: u64,
    /// How much is to be written.
    pub(crate) goal: u64,
    /// How the stream has ended.
    pub(crate) end: Option<String>,
    /// Nothing more can be written.
    is_broken: bool,
    /// The last event, to help find a lost one.
    last: Option<Event>,
}

/// When a thread that drains a source stops.
#[derive(Clone, Copy, PartialEq)]
enum Drain {
    UntilBlocked,
    /// Or until a transfer is shorter than what was offered.
    UntilShort,
    /// After one transfer: for sources that report again.
    Once,
}

impl Drain {
    /// Chooses a handle that allows this: of transfers by the descriptor nobody knows whether they are short.
    fn via(self, random: &mut Random) -> Via {
        match random.below(4) {
            0 if self != Drain::UntilShort => Via::Descriptor,
            _ => Via::Source,
        }
    }
}

impl Channel {
    pub(crate) fn new(source: Box<dyn Source>, id: u64, connecting: bool) -> Arc<Channel> {
        let state = State {
            source: Some(source),
            clone: None,
            token: None,
            interest: Ready::empty(),
            opts: PollOpt::EDGE,
            connecting,
            incoming: Pattern(id),
            outgoing: Pattern(!id),
            received: 0,
            written: 0,
            goal: 0,
            end: None,
            is_broken: false,
            last: None,
        };
        Arc::new(Channel {
            state: Mutex::new(state),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// Registers the source under a new token, in a way that lets it do what it has to do.
    pub(crate) fn register(self: &Arc<Channel>, arena: &Arena, random: &mut Random) {
        let mut state = self.lock();
        let token = arena.new_token();
        arena.route(token, self.clone());
        state.choose(token, random);
        let source = state.source();
        let registered = arena
            .poll
            .register(source, token, state.interest, state.opts);
        arena.tally.registrations.add(1);
        if let Err(error) = registered {
            arena.fail(&format!("register: {error}; {}", state.describe()));
        }
    }

    /// Registers the source again without a gap, under a new token and in another way.
    pub(crate) fn reregister(self: &Arc<Channel>, arena: &Arena, random: &mut Random) {
        let mut state = self.lock();
        let token = arena.new_token();
        arena.route(token, self.clone());
        let before = state.token.expect("a registered source");
        state.choose(token, random);
        state.renew(arena, token);
        arena.retire(before);
    }

    pub(crate) fn deregister(&self, arena: &Arena) {
        let mut state = self.lock();
        let deregistered = arena.poll.deregister(state.source());
        deregistered.expect("deregister");
        state.retire(arena);
    }

    /// Registers the source with another `Poll`; to be called while it is not registered.
    pub(crate) fn visit(&self, other: &Poll, token: Token) {
        let state = self.lock();
        let (source, opts) = (state.source(), PollOpt::LEVEL);
        let registered = other.register(source, token, source.directions(), opts);
        registered.expect("register with another Poll");
    }

    /// Ends the registration by dropping the source, and leaves the clone.
    pub(crate) fn drop_source(&self, arena: &Arena) {
        let mut state = self.lock();
        drop(state.source.take());
        state.retire(arena);
    }
}

impl State {
    fn choose(&mut self, token: Token, random: &mut Random) {
        let directions = self.source().directions();
        let must_write = self.connecting || self.written < self.goal;
        self.token = Some(token);
        self.interest = directions;
        if !must_write && random.below(2) == 0 {
            self.interest -= Ready::WRITABLE;
        }
        self.opts = random.pick(&[
            PollOpt::EDGE,
            PollOpt::EDGE,
            PollOpt::LEVEL,
            PollOpt::EDGE | PollOpt::ONESHOT,
            PollOpt::LEVEL | PollOpt::ONESHOT,
        ]);
    }

    fn retire(&mut self, arena: &Arena) {
        if let Some(token) = self.token.take() {
            arena.retire(token);
        }
    }

    pub(crate) fn source(&self) -> &dyn Source {
        &**self.source.as_ref().expect("a source")
    }

    fn renew(&self, arena: &Arena, token: Token) {
        let renewed = arena
            .poll
            .reregister(self.source(), token, self.interest, self.opts);
        arena.tally.registrations.add(1);
        if let Err(error) = renewed {
            arena.fail(&format!("reregister: {error}; {}", self.describe()));
        }
    }

    /// Has so many more bytes sent to the peer.
    pub(crate) fn send(&mut self, arena: &Arena, count: u64, random: &mut Random) {
        self.goal += count;
        if !self.interest.is_writable() {
            self.interest |= Ready::WRITABLE;
            self.renew(arena, self.token.expect("a registered source"));
        }
        // The source may be writable already, which is not reported again.
        let drain = random.pick(&[Drain::UntilBlocked, Drain::UntilShort]);
        self.write(arena, drain, random);
    }

    pub(crate) fn io(&self) -> &dyn Source {
        let source = self.clone.as_ref().or(self.source.as_ref());
        &**source.expect("a source")
    }

    fn read(&mut self, arena: &Arena, drain: Drain, random: &mut Random) {
        let mut buffer = [0; MOST];
        // A shorter datagram than the buffer does not mean that there is no other.
        let (drain, size) = match drain {
            Drain::UntilShort if self.io().is_datagram() => (Drain::UntilBlocked, MOST),
            drain if self.io().is_datagram() => (drain, MOST),
            drain => (drain, random.pick(&[500, 4096, MOST])),
        };
        let buffer = &mut buffer[..size];
        let via = drain.via(random);
        while self.end.is_none() {
            match self.io().read(buffer, via) {
                Ok(0) => self.end = Some("end of stream".to_owned()),
                Ok(count) => {
                    let data = &buffer[..count];
                    if let Some(at) = self.incoming.first_wrong(self.received, data) {
                        arena.fail(&format!("wrong byte at {at}; {}", self.describe()));
                    }
                    self.received += count as u64;
                    arena.tally.bytes.add(count as u64);
                    let short = count < buffer.len();
                    if drain == Drain::Once || (drain == Drain::UntilShort && short) {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => self.end = Some(error.to_string()),
            }
        }
    }

    fn write(&mut self, arena: &Arena, drain: Drain, random: &mut Random) {
        let mut buffer = [0; MOST];
        let most = random.pick(&[500, 4096, MOST]);
        let via = drain.via(random);
        while !self.is_broken && self.written < self.goal {
            let count = most.min(usize::try_from(self.goal - self.written).unwrap_or(most));
            let data = &mut buffer[..count];
            self.outgoing.fill(self.written, data);
            match self.io().write(data, via) {
                Ok(count) => {
                    self.written += count as u64;
                    arena.tally.bytes.add(count as u64);
                    let short = count < data.len();
                    if drain == Drain::Once || (drain == Drain::UntilShort && short) {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.is_broken = true;
                    self.end.get_or_insert(error.to_string());
                }
            }
        }
    }

    fn connect(&mut self) {
        match self.io().finish_connect() {
            Ok(()) => self.connecting = false,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => self.end = Some(error.to_string()),
        }
    }

    pub(crate) fn describe(&self) -> String {
        format!(
            "{:?} {:?} {:?}{}{}: received {}, wrote {} of {}, end {:?}, last event {:?}",
            self.token,
            self.interest,
            self.opts,
            if self.clone.is_some() {
                " by clone"
            } else {
                ""
            },
            if self.connecting { " connecting" } else { "" },
            self.received,
            self.written,
            self.goal,
            self.end,
            self.last,
        )
    }
}

impl Target for Channel {
    /// Does what the event allows, and nothing else.
    fn handle(&self, arena: &Arena, event: Event, random: &mut Random) {
        let mut state = self.lock();
        // Its registration may have changed since the event was handed out; it is reported again then.
        if state.token != Some(event.token()) {
            return;
        }
        state.last = Some(event);
        let over = Ready::READ_CLOSED | Ready::HUP | Ready::ERROR;
        let is_over = event.readiness().intersects(over);
        let reports_again = state.opts.is_level() || state.opts.is_oneshot();
        let drain = match random.below(3) {
            0 if !is_over => Drain::UntilShort,
            1 if reports_again => Drain::Once,
            _ => Drain::UntilBlocked,
        };
        let directions = state.io().directions();
        if state.connecting && state.end.is_none() && (event.is_writable() || is_over) {
            state.connect();
        }
        if !state.connecting {
            if directions.is_readable() && (event.is_readable() || is_over) {
                state.read(arena, drain, random);
            }
            if event.is_writable() || is_over {
                state.write(arena, drain, random);
            }
            if !directions.is_readable() && event.is_error() {
                state.is_broken = true;
                state.end.get_or_insert("broken".to_owned());
            }
        }
        state.settle(arena, event.token());
    }
}

impl State {
    /// Registers the source again if it has become silent, or would report the same for ever.
    fn settle(&mut self, arena: &Arena, token: Token) {
        let is_over = self.end.is_some();
        let is_done = (self.written == self.goal || self.is_broken) && !self.connecting;
        if self.opts.is_edge() && !self.opts.is_oneshot() {
            return;
        }
        if is_over {
            self.opts = PollOpt::EDGE;
            self.renew(arena, token);
        } else if is_done && self.interest.is_writable() {
            self.interest -= Ready::WRITABLE;
            self.renew(arena, token);
        } else if self.opts.is_oneshot() {
            self.renew(arena, token);
        }
    }
}

/// A pair of a source to register and its peer.
pub(crate) type Pair = (Box<dyn Source>, Box<dyn Source>);

/// Boxes the two ends.
pub(crate) fn pair<A: Source + 'static, B: Source + 'static>(
    ends: io::Result<(A, B)>,
) -> io::Result<Pair> {
    let (one, other) = ends?;
    Ok((Box::new(one), Box::new(other)))
}
