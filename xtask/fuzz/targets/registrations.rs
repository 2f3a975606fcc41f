//! Registrations against a model: any sequence of operations, on every backend.
//!
//! A pair of sockets has several handles on one end, each of which may be registered. The other end writes and
//! closes. What has to be reported follows from a few facts of each handle; see [`Registered::due`].
#![no_main]

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use selector::{Backend, Event, Events, Poll, PollOpt, Ready, Token};
use unix_socket::UnixStream;

const PAIRS: usize = 2;
const HANDLES: usize = 4;
/// The most operations of one run: small enough that no buffer is ever full.
const OPERATIONS: usize = 64;

/// Errors and hang-ups are reported outside the interest.
const UNASKED: Ready = Ready::ERROR.union(Ready::HUP);

#[derive(Clone, Copy, Debug)]
enum Operation {
    Register(u8, Terms),
    Reregister(u8, Terms),
    Deregister(u8),
    /// Clones a handle into the place of another.
    Clone(u8, u8),
    Drop(u8),
    /// Opens a place again, on a new pair.
    Renew(u8),
    /// Reads a byte.
    Read(u8),
    /// Reads until there is nothing more.
    Drain(u8),
    Write(u8),
    Close(u8),
    Poll,
    /// Polls, and ends a registration while its event may be in the batch.
    PollAndDeregister(u8),
    PollAndDrop(u8),
}

#[derive(Clone, Copy, Debug)]
struct Terms {
    readable: bool,
    writable: bool,
    edge: bool,
    oneshot: bool,
}

impl Operation {
    /// Two bytes: what, and in one the place, another place and the terms.
    fn new([what, how]: [u8; 2]) -> Operation {
        let (place, other) = (how & 3, how >> 2 & 3);
        let bit = |bit: u8| how >> bit & 1 != 0;
        let terms = Terms {
            readable: bit(4),
            writable: bit(5),
            edge: bit(6),
            oneshot: bit(7),
        };
        match what % 13 {
            0 => Operation::Register(place, terms),
            1 => Operation::Reregister(place, terms),
            2 => Operation::Deregister(place),
            3 => Operation::Clone(place, other),
            4 => Operation::Drop(place),
            5 => Operation::Renew(place),
            6 => Operation::Read(place),
            7 => Operation::Drain(place),
            8 => Operation::Write(place),
            9 => Operation::Close(place),
            10 => Operation::Poll,
            11 => Operation::PollAndDeregister(place),
            _ => Operation::PollAndDrop(place),
        }
    }
}

impl Terms {
    fn interest(self) -> Ready {
        let mut interest = Ready::empty();
        interest.set(Ready::READABLE, self.readable);
        interest.set(Ready::WRITABLE, self.writable);
        interest
    }

    fn opts(self) -> PollOpt {
        let mut opts = if self.edge {
            PollOpt::EDGE
        } else {
            PollOpt::LEVEL
        };
        opts.set(PollOpt::ONESHOT, self.oneshot);
        opts
    }
}

/// What is known of one registration.
struct Registered {
    token: Token,
    terms: Terms,
    /// A oneshot that has reported stays silent.
    silent: bool,
    /// What an edge has reported, and has not come again since.
    reported: Ready,
}

impl Registered {
    /// What the next poll has to report, of a source that is ready for `ready`.
    fn due(&self, ready: Ready) -> Ready {
        let ready = ready & (self.terms.interest() | Ready::HUP);
        match self {
            Registered { silent: true, .. } => Ready::empty(),
            Registered {
                terms: Terms { edge: true, .. },
                ..
            } => ready - self.reported,
            _ => ready,
        }
    }
}

struct Handle {
    stream: UnixStream,
    pair: usize,
    registered: Option<Registered>,
}

struct Pair {
    peer: Option<std::os::unix::net::UnixStream>,
    unread: usize,
}

impl Pair {
    fn new() -> (Pair, UnixStream) {
        let (stream, peer) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let stream = UnixStream::from_std(stream).expect("set to non-blocking");
        let pair = Pair {
            peer: Some(peer),
            unread: 0,
        };
        (pair, stream)
    }

    fn ready(&self) -> Ready {
        let mut ready = Ready::WRITABLE;
        ready.set(Ready::READABLE, self.unread > 0 || self.peer.is_none());
        ready.set(Ready::HUP, self.peer.is_none());
        ready
    }
}

struct Machine {
    poll: Poll,
    events: Events,
    pairs: Vec<Pair>,
    handles: [Option<Handle>; HANDLES],
    tokens: usize,
}

fuzz_target!(|bytes: &[u8]| {
    for &backend in Backend::available() {
        let mut machine = Machine::new(backend);
        let (operations, _) = bytes.as_chunks();
        for operation in operations.iter().take(OPERATIONS) {
            machine.apply(Operation::new(*operation));
        }
        machine.apply(Operation::Poll);
    }
});

impl Machine {
    fn new(backend: Backend) -> Machine {
        let mut machine = Machine {
            poll: Poll::with_backend(backend).expect("a poll"),
            events: Events::with_capacity(64),
            pairs: Vec::new(),
            handles: [const { None }; HANDLES],
            tokens: 0,
        };
        for place in 0..PAIRS {
            machine.renew(place);
        }
        machine
    }

    fn renew(&mut self, place: usize) {
        let (pair, stream) = Pair::new();
        self.pairs.push(pair);
        let pair = self.pairs.len() - 1;
        self.handles[place] = Some(Handle {
            stream,
            pair,
            registered: None,
        });
    }

    fn apply(&mut self, operation: Operation) {
        let place = |number: u8| usize::from(number) % HANDLES;
        match operation {
            Operation::Register(at, terms) => self.register(place(at), terms, false),
            Operation::Reregister(at, terms) => self.register(place(at), terms, true),
            Operation::Deregister(at) => self.deregister(place(at)),
            Operation::Clone(from, to) => {
                let Some(Handle { stream, pair, .. }) = &self.handles[place(from)] else {
                    return;
                };
                let stream = stream.try_clone().expect("clone");
                self.handles[place(to)] = Some(Handle {
                    stream,
                    pair: *pair,
                    registered: None,
                });
            }
            Operation::Drop(at) => self.handles[place(at)] = None,
            Operation::Renew(at) => self.renew(place(at)),
            Operation::Read(at) => self.read(place(at), 1),
            Operation::Drain(at) => self.read(place(at), usize::MAX),
            Operation::Write(at) => {
                let Some(handle) = &self.handles[place(at)] else {
                    return;
                };
                let pair = &mut self.pairs[handle.pair];
                if let Some(peer) = &mut pair.peer {
                    peer.write_all(b"x").expect("write");
                    pair.unread += 1;
                }
            }
            Operation::Close(at) => {
                let Some(handle) = &self.handles[place(at)] else {
                    return;
                };
                self.pairs[handle.pair].peer = None;
            }
            Operation::Poll => self.poll(|_| {}),
            Operation::PollAndDeregister(at) => self.poll(|machine| machine.deregister(place(at))),
            Operation::PollAndDrop(at) => self.poll(|machine| machine.handles[place(at)] = None),
        }
    }

    fn register(&mut self, place: usize, terms: Terms, again: bool) {
        let Some(handle) = &mut self.handles[place] else {
            return;
        };
        self.tokens += 1;
        let token = Token(self.tokens);
        let (result, refusal) = if again {
            let result =
                self.poll
                    .reregister(&handle.stream, token, terms.interest(), terms.opts());
            (
                result,
                handle.registered.is_none().then_some(ErrorKind::NotFound),
            )
        } else {
            let result = self
                .poll
                .register(&handle.stream, token, terms.interest(), terms.opts());
            (
                result,
                handle
                    .registered
                    .is_some()
                    .then_some(ErrorKind::AlreadyExists),
            )
        };
        assert_eq!(result.err().map(|error| error.kind()), refusal);
        if refusal.is_none() {
            handle.registered = Some(Registered {
                token,
                terms,
                silent: false,
                reported: Ready::empty(),
            });
        }
    }

    fn deregister(&mut self, place: usize) {
        let Some(handle) = &mut self.handles[place] else {
            return;
        };
        let result = self.poll.deregister(&handle.stream);
        let refusal = handle.registered.is_none().then_some(ErrorKind::NotFound);
        assert_eq!(result.err().map(|error| error.kind()), refusal);
        handle.registered = None;
    }

    fn read(&mut self, place: usize, most: usize) {
        let Some(handle) = &mut self.handles[place] else {
            return;
        };
        let number = handle.pair;
        let pair = &mut self.pairs[number];
        for _ in 0..most {
            match handle.stream.read(&mut [0]) {
                Ok(0) => {
                    assert!(pair.peer.is_none() && pair.unread == 0);
                    return;
                }
                Ok(_) => pair.unread -= 1,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    assert!(pair.peer.is_some() && pair.unread == 0);
                    break;
                }
            }
        }
        if pair.unread == 0 && most > 1 {
            // Through whichever handle it was drained.
            let handles = self.handles.iter_mut().flatten();
            for registered in handles
                .filter(|handle| handle.pair == number)
                .filter_map(|handle| handle.registered.as_mut())
            {
                registered.reported -= Ready::READABLE;
            }
        }
    }

    fn poll(&mut self, meanwhile: impl FnOnce(&mut Machine)) {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(1));
        self.poll
            .poll(&mut events, Some(Duration::ZERO))
            .expect("poll");
        let mut seen = Vec::new();
        let mut batch = events.iter();
        seen.extend(batch.next());
        self.observe(&seen);
        meanwhile(self);
        for event in batch {
            self.observe(&[event]);
            seen.push(event);
        }
        self.events = events;

        for handle in self.handles.iter_mut().flatten() {
            let Some(registered) = &mut handle.registered else {
                continue;
            };
            let ready = self.pairs[handle.pair].ready();
            let mut reports = seen
                .iter()
                .filter(|event| event.token() == registered.token);
            let report = reports.next().map_or(Ready::empty(), Event::readiness);
            assert!(
                reports.next().is_none(),
                "two events of one source: {seen:?}"
            );
            assert!(
                report.contains(registered.due(ready)),
                "{:?} of {ready:?}, saw {seen:?}",
                registered.terms
            );
            registered.reported |= report;
            registered.silent |= registered.terms.oneshot && !report.is_empty();
        }
    }

    /// Checks that events are of registrations as they are at this moment.
    fn observe(&self, events: &[Event]) {
        for event in events {
            let mut registered = self
                .handles
                .iter()
                .flatten()
                .filter_map(|handle| handle.registered.as_ref());
            let Some(registered) = registered.find(|registered| registered.token == event.token())
            else {
                panic!("a stale event: {event:?}");
            };
            assert!(!registered.silent, "a oneshot reports twice: {event:?}");
            let closed = Ready::READ_CLOSED | Ready::WRITE_CLOSED;
            let allowed = registered.terms.interest() | UNASKED | closed;
            assert!(
                allowed.contains(event.readiness()),
                "{event:?} of {:?}",
                registered.terms
            );
        }
    }
}
