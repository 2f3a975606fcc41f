//! A million random operations on eight threads, checked against a model: no ghost, no event
//! lost, no oneshot reported twice.
//!
//! Each thread owns a few sources, and alone knows how they stand. Every registration gets a token
//! that never comes again, so that an event tells which one it belongs to. Whoever polls (the
//! threads themselves, and some that do nothing else) checks each event at the moment it is handed
//! out; the owner of a source waits for the events that must come.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use selector::{
    Backend, Evented, Events, IoSource, Poll, PollOpt, Ready, Registration, SetReadiness, Token,
    Waker,
};
use testkit::{DEADLINE, Random, spawn, tcp_pair};

use super::clause01_registering::refused;
use crate::setup;

testkit::on_each_backend! { a_million_operations_agree_with_a_model }

const THREADS: usize = 8;
/// Sources of a thread: sockets, then user-space ones.
const SOCKETS: usize = 5;
const SOURCES: usize = 8;
const STOP: Token = Token(usize::MAX);

/// Of each thread. Wine, which stands in for Windows here, asks another process for most of them, and
/// under qemu each takes ten times as long.
fn operations() -> usize {
    if cfg!(windows) {
        2_500
    } else if testkit::on_qemu() {
        12_500
    } else {
        125_000
    }
}

const MODES: [PollOpt; 4] = [
    PollOpt::LEVEL,
    PollOpt::EDGE,
    PollOpt::ONESHOT,
    PollOpt::EDGE.union(PollOpt::ONESHOT),
];

/// The contents of a token: the source, the number of its registration, and whether it is a oneshot. A
/// oneshot that was reregistered may be reported again: by each batch that held an event.
#[derive(Clone, Copy, Debug)]
struct Label {
    turn: usize,
    once: bool,
    source: usize,
}

impl Label {
    fn token(self) -> Token {
        Token(self.turn << 7 | usize::from(self.once) << 6 | self.source)
    }

    fn of(token: Token) -> Label {
        Label {
            turn: token.0 >> 7,
            once: token.0 >> 6 & 1 == 1,
            source: token.0 & 0x3f,
        }
    }
}

/// What all threads know of one source.
#[derive(Default)]
struct Shared {
    /// The last turn that has ended: nothing of it or before may be handed out.
    ended: AtomicUsize,
    /// The last turn that an event was seen of, and how many events there were in all.
    seen: AtomicUsize,
    events: AtomicUsize,
    /// Whether the owner sleeps until there is one.
    awaited: AtomicBool,
    /// The last turn that was reported as one that is reported once.
    shot: AtomicUsize,
}

struct World {
    poll: Poll,
    shared: [Shared; THREADS * SOURCES],
    owners: [OnceLock<Thread>; THREADS],
    stopped: AtomicBool,
}

impl World {
    /// Checks what a poll has brought.
    fn check(&self, events: &Events) {
        let mut batch = events.iter();
        loop {
            // What has ended by now must not come after now.
            let ended = self
                .shared
                .each_ref()
                .map(|at| at.ended.load(Ordering::SeqCst));
            let Some(event) = batch.next() else { return };
            if event.token() == STOP {
                continue;
            }
            let label = Label::of(event.token());
            let shared = &self.shared[label.source];
            let ended = ended[label.source];
            assert!(
                label.turn > ended,
                "a ghost: {label:?} after the end of {ended}"
            );
            assert_eq!(event.readiness(), Ready::READABLE, "{label:?}");
            if label.once {
                // A later turn may have overtaken this one on another thread.
                let before = shared.shot.fetch_max(label.turn, Ordering::SeqCst);
                assert_ne!(before, label.turn, "{label:?} was reported twice");
            }
            shared.seen.fetch_max(label.turn, Ordering::SeqCst);
            shared.events.fetch_add(1, Ordering::SeqCst);
            if shared.awaited.load(Ordering::SeqCst) {
                self.owners[label.source / SOURCES]
                    .get()
                    .expect("the owner waits")
                    .unpark();
            }
        }
    }

    /// Polls until stopped.
    fn run_poller(&self, capacity: usize) {
        let mut events = Events::with_capacity(capacity);
        while !self.stopped.load(Ordering::SeqCst) {
            self.poll.poll(&mut events, None).unwrap();
            self.check(&events);
        }
    }
}

/// A source of either kind, as its owner knows it.
enum Source {
    Socket {
        source: IoSource<TcpStream>,
        peer: TcpStream,
        /// Bytes that were written and not yet read.
        pending: usize,
    },
    User {
        source: Registration,
        set: SetReadiness,
    },
}

impl Source {
    fn socket(sole: bool) -> Source {
        let (stream, peer) = tcp_pair();
        let source = if sole {
            IoSource::new_sole(stream)
        } else {
            IoSource::new(stream)
        };
        Source::Socket {
            source,
            peer,
            pending: 0,
        }
    }

    fn user() -> Source {
        let (source, set) = Registration::new();
        Source::User { source, set }
    }

    fn evented(&self) -> &dyn Evented {
        match self {
            Source::Socket { source, .. } => source,
            Source::User { source, .. } => source,
        }
    }

    fn is_ready(&self) -> bool {
        match self {
            Source::Socket { pending, .. } => *pending > 0,
            Source::User { set, .. } => set.readiness().is_readable(),
        }
    }

    /// Makes the source ready, again if it is ready already.
    fn arouse(&mut self) {
        match self {
            Source::Socket { peer, pending, .. } => {
                peer.write_all(b"x").expect("a byte has room");
                *pending += 1;
            }
            Source::User { set, .. } => set.set_readiness(Ready::READABLE).unwrap(),
        }
    }

    /// Makes the source ready for nothing, as whoever handles an edge has to.
    fn settle(&mut self) {
        match self {
            Source::Socket {
                source, pending, ..
            } => {
                let mut buffer = [0; 512];
                while *pending > 0 {
                    let read = |mut stream: &TcpStream| stream.read(&mut buffer);
                    match source.try_io(Ready::READABLE, read) {
                        Ok(count) => *pending -= count,
                        // On its way still.
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::WouldBlock);
                            testkit::until_readable(source.get_sole());
                        }
                    }
                }
                let read = |mut stream: &TcpStream| stream.read(&mut buffer);
                let error = source
                    .try_io(Ready::READABLE, read)
                    .expect_err("nothing is left");
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
            }
            // An interest in reading alone makes this as good as nothing.
            Source::User { set, .. } => set.set_readiness(Ready::WRITABLE).unwrap(),
        }
    }
}

struct Owned {
    number: usize,
    source: Source,
    /// The last registration there was, and how it stands if it still does.
    turn: usize,
    mode: Option<PollOpt>,
}

/// A thread with its sources.
struct Worker {
    world: Arc<World>,
    random: Random,
    owned: Vec<Owned>,
    events: Events,
    /// Duplicates of descriptors that outlive their sources.
    clones: Vec<TcpStream>,
    polls_while_waiting: bool,
}

impl Worker {
    fn new(world: &Arc<World>, number: usize, seed: u64) -> Worker {
        let mut random = Random::new(seed ^ number as u64);
        let owned = (0..SOURCES)
            .map(|at| Owned {
                number: number * SOURCES + at,
                source: if at < SOCKETS {
                    Source::socket(at % 2 == 0)
                } else {
                    Source::user()
                },
                turn: 0,
                mode: None,
            })
            .collect();
        Worker {
            world: Arc::clone(world),
            owned,
            events: Events::with_capacity(1 + random.below(16)),
            random,
            clones: Vec::new(),
            polls_while_waiting: number % 2 == 0,
        }
    }

    fn run(mut self) {
        let number = self.owned[0].number / SOURCES;
        self.world.owners[number]
            .set(thread::current())
            .expect("one thread each");
        for _ in 0..operations() {
            let at = self.random.below(SOURCES);
            match self.random.below(32) {
                0..8 => self.toggle(at),
                8..13 => self.reregister(at),
                13..20 => self.owned[at].source.arouse(),
                20..26 => self.owned[at].source.settle(),
                26..28 => self.poll(),
                28 => self.replace(at),
                29 => self.misuse(at),
                30 => self.expect_after_reregister(at),
                _ => self.expect_after_settling(at),
            }
            // Whatever is written has to fit into a socket.
            if let Source::Socket { pending: 64.., .. } = self.owned[at].source {
                self.owned[at].source.settle();
            }
        }
        for at in 0..SOURCES {
            self.expect_after_reregister(at);
            self.end(at);
        }
    }

    fn poll(&mut self) {
        self.world
            .poll
            .poll(&mut self.events, Some(Duration::ZERO))
            .unwrap();
        self.world.check(&self.events);
    }

    /// Registers a source, or ends its registration.
    fn toggle(&mut self, at: usize) {
        if self.owned[at].mode.is_some() {
            self.end(at)
        } else {
            self.register(at)
        }
    }

    fn next(&mut self, at: usize) -> (Token, PollOpt) {
        let opts = self.random.pick(&MODES);
        let owned = &mut self.owned[at];
        owned.turn += 1;
        let label = Label {
            turn: owned.turn,
            once: opts.is_oneshot() && owned.mode.is_none(),
            source: owned.number,
        };
        owned.mode = Some(opts);
        (label.token(), opts)
    }

    fn register(&mut self, at: usize) {
        let (token, opts) = self.next(at);
        let source = self.owned[at].source.evented();
        self.world
            .poll
            .register(source, token, Ready::READABLE, opts)
            .unwrap();
    }

    fn reregister(&mut self, at: usize) {
        if self.owned[at].mode.is_none() {
            return self.register(at);
        }
        let before = self.owned[at].turn;
        let (token, opts) = self.next(at);
        let source = self.owned[at].source.evented();
        self.world
            .poll
            .reregister(source, token, Ready::READABLE, opts)
            .unwrap();
        if self.random.below(2) == 0 {
            self.world.poll.rearm(source).unwrap();
        }
        self.has_ended(at, before);
    }

    fn end(&mut self, at: usize) {
        if self.owned[at].mode.take().is_some() {
            self.world
                .poll
                .deregister(self.owned[at].source.evented())
                .unwrap();
        }
        self.has_ended(at, self.owned[at].turn);
    }

    fn has_ended(&self, at: usize, turn: usize) {
        let owned = &self.owned[at];
        self.world.shared[owned.number]
            .ended
            .store(turn, Ordering::SeqCst);
    }

    /// Drops a source as it stands, and makes another, often of the same descriptor number.
    fn replace(&mut self, at: usize) {
        let sole = self.random.below(2) == 0;
        if let Source::Socket { source, .. } = &self.owned[at].source {
            if self.random.below(4) == 0 {
                self.clones.push(source.get_ref().try_clone().unwrap());
            }
        }
        if self.clones.len() > 4 || self.random.below(4) == 0 {
            self.clones.clear();
        }
        let new = match self.owned[at].source {
            Source::Socket { .. } => Source::socket(sole),
            Source::User { .. } => Source::user(),
        };
        let owned = &mut self.owned[at];
        owned.mode = None;
        owned.source = new;
        self.has_ended(at, self.owned[at].turn);
    }

    /// Does what must be refused and change nothing.
    fn misuse(&self, at: usize) {
        let owned = &self.owned[at];
        let (poll, source) = (&self.world.poll, owned.source.evented());
        if owned.mode.is_some() {
            let result = poll.register(source, STOP, Ready::all(), PollOpt::LEVEL);
            let reason = selector::RegistrationError::AlreadyRegistered;
            refused(result, ErrorKind::AlreadyExists, reason);
        } else {
            let reason = selector::RegistrationError::NotRegistered;
            refused(poll.deregister(source), ErrorKind::NotFound, reason);
            refused(poll.rearm(source), ErrorKind::NotFound, reason);
            let result = poll.reregister(source, STOP, Ready::all(), PollOpt::LEVEL);
            refused(result, ErrorKind::NotFound, reason);
        }
    }

    /// A source that is ready is reported again when it is reregistered, whatever its state was.
    fn expect_after_reregister(&mut self, at: usize) {
        if !self.owned[at].source.is_ready() {
            self.owned[at].source.arouse();
        }
        self.reregister(at);
        let turn = self.owned[at].turn;
        self.wait(at, |shared| shared.seen.load(Ordering::SeqCst) >= turn);
    }

    /// A source that becomes ready is reported, unless it is a oneshot and has been.
    fn expect_after_settling(&mut self, at: usize) {
        let owned = &mut self.owned[at];
        match owned.mode {
            Some(opts) if !opts.is_oneshot() => {}
            _ => return,
        }
        owned.source.settle();
        let before = self.world.shared[owned.number]
            .events
            .load(Ordering::SeqCst);
        owned.source.arouse();
        self.wait(at, |shared| shared.events.load(Ordering::SeqCst) > before);
    }

    fn wait(&mut self, at: usize, done: impl Fn(&Shared) -> bool) {
        let number = self.owned[at].number;
        let world = Arc::clone(&self.world);
        let shared = &world.shared[number];
        let start = Instant::now();
        shared
            .awaited
            .store(!self.polls_while_waiting, Ordering::SeqCst);
        while !done(shared) {
            if self.polls_while_waiting {
                self.poll();
            } else {
                thread::park_timeout(DEADLINE);
            }
            assert!(
                start.elapsed() < DEADLINE,
                "an event of source {number} is lost: turn {} as {:?}, ready: {}, of {:?}",
                self.owned[at].turn,
                self.owned[at].mode,
                self.owned[at].source.is_ready(),
                self.world.poll,
            );
        }
        shared.awaited.store(false, Ordering::SeqCst);
    }
}

fn a_million_operations_agree_with_a_model(backend: Backend) {
    let seed = Random::seed();
    let world = Arc::new(World {
        poll: setup(backend).0,
        shared: [(); THREADS * SOURCES].map(|()| Shared::default()),
        owners: [(); THREADS].map(|()| OnceLock::new()),
        stopped: AtomicBool::new(false),
    });
    let stop = Waker::new(&world.poll, STOP).unwrap();
    let pollers = [1, 64].map(|capacity| {
        let world = Arc::clone(&world);
        let stop = stop.clone();
        spawn(move || {
            world.run_poller(capacity);
            // For the next one.
            stop.wake().unwrap();
        })
    });
    let workers: Vec<_> = (0..THREADS)
        .map(|number| {
            let worker = Worker::new(&world, number, seed);
            spawn(move || worker.run())
        })
        .collect();
    for worker in workers {
        // An event that is lost fails much earlier, where it is waited for.
        worker.join_within(3 * DEADLINE);
    }
    world.stopped.store(true, Ordering::SeqCst);
    stop.wake().unwrap();
    for poller in pollers {
        poller.join();
    }
    println!("{:?}", world.poll.stats());
    // All that is left is what stops the pollers, and its last wake.
    drop(stop);
    let mut events = Events::with_capacity(1);
    world.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(
        !format!("{:?}", world.poll).contains("Token"),
        "{:?}",
        world.poll
    );
}
