//! The room: who is in, who may speak, and what is said.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::HumanCount;
use readywire::{Event, Events, Poll, Token, Waker};
use slab::Slab;

use crate::acceptor::Acceptor;
use crate::deadlines::Deadlines;
use crate::member::Member;
use crate::stop::Stop;

// Members have their slot as token; these stand at the other end.
const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);
const OPERATOR: Token = Token(usize::MAX - 2);

pub(crate) struct Room {
    poll: Poll,
    acceptor: Acceptor,
    members: Slab<Member>,
    /// Who is to leave, and why. Leaving is told to the others, of whom more may have to leave.
    leaving: Vec<(usize, Farewell)>,
    /// When those who have spoken are heard again.
    pauses: Deadlines,
    pause: Duration,
    queue: usize,
    announcements: Receiver<String>,
    /// Kept, as a wake that nobody has seen goes with the last one.
    _waker: Waker,
    totals: Totals,
}

/// Why a member leaves.
#[derive(Clone, Copy)]
enum Farewell {
    Gone,
    TooSlow,
    LineTooLong,
}

/// What happened in a room.
#[derive(Default)]
pub(crate) struct Totals {
    members: u64,
    lines: u64,
    slow: u64,
}

/// The other end of the room's ear for its operator, for another thread.
pub(crate) struct Operator {
    announcements: Sender<String>,
    waker: Waker,
}

impl Operator {
    pub(crate) fn announce(&self, line: String) -> io::Result<()> {
        // First the line, then the wake: who sees the event finds the line.
        self.announcements.send(line).map_err(io::Error::other)?;
        self.waker.wake()
    }
}

impl Room {
    /// `queue` is how many bytes may wait for a member, `pause` how long it is not heard after a
    /// line.
    pub(crate) fn new(
        poll: Poll,
        listen: SocketAddr,
        queue: usize,
        pause: Duration,
    ) -> Result<(Room, Operator)> {
        let acceptor = Acceptor::bind(&poll, LISTENER, listen)?;
        let waker = Waker::new(&poll, OPERATOR)?;
        let (sender, announcements) = mpsc::channel();
        let operator = Operator {
            announcements: sender,
            waker: waker.clone(),
        };
        let room = Room {
            poll,
            acceptor,
            members: Slab::new(),
            leaving: Vec::new(),
            pauses: Deadlines::default(),
            pause,
            queue,
            announcements,
            _waker: waker,
            totals: Totals::default(),
        };
        Ok((room, operator))
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.acceptor.local_addr()
    }

    /// Is open until `stop` is asked for.
    pub(crate) fn run(mut self, stop: &Stop) -> Result<Totals> {
        stop.watch(&self.poll, STOP)?;
        let mut events = Events::with_capacity(256);
        while !stop.is_asked() {
            let timeout = self.pauses.timeout(Instant::now());
            self.acceptor.poll(&self.poll, &mut events, timeout)?;
            for event in &events {
                match event.token() {
                    STOP => {} // the loop's condition looks at it
                    LISTENER => self.accept()?,
                    OPERATOR => self.announce(),
                    Token(slot) => self.react(slot, event),
                }
                self.see_off();
            }
            let now = Instant::now();
            while let Some(slot) = self.pauses.expired(now) {
                self.members[slot].pause = None;
                self.hear(slot);
                self.see_off();
            }
        }
        self.tell_all(None, "! the room closes");
        Ok(self.totals)
    }

    /// Accepts one client: the listener is a level, and reported again if there are more.
    fn accept(&mut self) -> Result<()> {
        let Some(stream) = self.acceptor.accept(&self.poll)? else {
            return Ok(());
        };
        let slot = self.members.insert(Member::new(stream));
        let registered = self.members[slot].register(&self.poll, Token(slot));
        self.or_leaves(slot, registered);
        self.tell(slot, "! your name?");
        Ok(())
    }

    /// Tells everybody what the operator has typed: one event may be many lines.
    fn announce(&mut self) {
        while let Ok(line) = self.announcements.try_recv() {
            self.tell_all(None, &format!("! {line}"));
        }
    }

    fn react(&mut self, slot: usize, event: Event) {
        let Some(member) = self.members.get_mut(slot) else {
            return;
        };
        member.disarm();
        if event.is_writable() {
            let flushed = member.flush();
            self.or_leaves(slot, flushed);
        }
        if event.is_readable() || event.is_hup() || event.is_error() {
            match self.members[slot].receive() {
                Ok(true) => {}
                Ok(false) | Err(_) => self.leaving.push((slot, Farewell::Gone)),
            }
        }
        self.hear(slot);
    }

    /// Takes the lines that a member may say now, and listens for more.
    fn hear(&mut self, slot: usize) {
        while self.members[slot].pause.is_none() && !self.is_leaving(slot) {
            let Some(line) = self.members[slot].line() else {
                break;
            };
            if !line.is_empty() {
                self.understand(slot, &line);
            }
        }
        if self.members[slot].says_too_much() {
            self.leaving.push((slot, Farewell::LineTooLong));
        }
        self.arm(slot);
    }

    fn understand(&mut self, slot: usize, line: &str) {
        let name = self.members[slot].name.clone();
        if name.is_empty() {
            return self.introduce(slot, line.trim());
        }
        match line.trim() {
            "/quit" => self.leaving.push((slot, Farewell::Gone)),
            "/who" => {
                let names: Vec<&str> = self.names().collect();
                let answer = format!("! here are {}", names.join(", "));
                self.tell(slot, &answer);
            }
            _ => {
                self.totals.lines += 1;
                self.tell_all(Some(slot), &format!("<{name}> {line}"));
            }
        }
        if !self.pause.is_zero() {
            let until = Instant::now() + self.pause;
            self.members[slot].pause = Some(self.pauses.set(slot, None, until));
        }
    }

    fn introduce(&mut self, slot: usize, name: &str) {
        let fits = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        if name.chars().count() > 20 || !name.chars().all(fits) {
            self.tell(slot, "! up to 20 letters and digits, please; your name?");
        } else if self.names().any(|taken| taken == name) {
            self.tell(slot, "! that one is here already; your name?");
        } else if !name.is_empty() {
            self.members[slot].name = name.to_owned();
            self.totals.members += 1;
            self.tell_all(None, &format!("* {name} has come"));
        }
    }

    /// The names of those who have told theirs.
    fn names(&self) -> impl Iterator<Item = &str> {
        let members = self.members.iter();
        members
            .map(|(_, member)| member.name.as_str())
            .filter(|name| !name.is_empty())
    }

    fn tell_all(&mut self, except: Option<usize>, line: &str) {
        let hearers = self.members.iter();
        let slots: Vec<usize> = hearers
            .filter(|(slot, member)| !member.name.is_empty() && Some(*slot) != except)
            .map(|(slot, _)| slot)
            .collect();
        for slot in slots {
            self.tell(slot, line);
        }
    }

    fn tell(&mut self, slot: usize, line: &str) {
        let member = &mut self.members[slot];
        let told = member.tell(line);
        if member.waiting() > self.queue {
            self.leaving.push((slot, Farewell::TooSlow));
        }
        self.or_leaves(slot, told);
        self.arm(slot);
    }

    fn arm(&mut self, slot: usize) {
        let armed = self.members[slot].arm(&self.poll, Token(slot));
        self.or_leaves(slot, armed);
    }

    /// A member with which something went wrong leaves; the room goes on.
    fn or_leaves(&mut self, slot: usize, result: io::Result<()>) {
        if result.is_err() {
            self.leaving.push((slot, Farewell::Gone));
        }
    }

    fn is_leaving(&self, slot: usize) -> bool {
        self.leaving.iter().any(|(leaving, _)| *leaving == slot)
    }

    /// Lets all leave who have to.
    fn see_off(&mut self) {
        while let Some((slot, why)) = self.leaving.pop() {
            // There may have been more than one reason.
            let Some(member) = self.members.try_remove(slot) else {
                continue;
            };
            self.pauses.clear(slot, member.pause);
            let how = match why {
                Farewell::Gone => "has left",
                Farewell::TooSlow => "was too slow and is put out",
                Farewell::LineTooLong => "says too much at once and is put out",
            };
            if matches!(why, Farewell::TooSlow) {
                self.totals.slow += 1;
                member.abort();
            }
            let name = member.name.clone();
            // Dropping the stream ends its registration.
            drop(member);
            self.acceptor.resume(&self.poll);
            if !name.is_empty() {
                self.tell_all(None, &format!("* {name} {how}"));
            }
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "members  {}, who said {} lines; {} were too slow",
            HumanCount(self.members),
            HumanCount(self.lines),
            HumanCount(self.slow),
        )
    }
}
