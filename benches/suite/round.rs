//! Peers write, the loop polls, reads each until it would block, and answers: the life of a server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use benches::EventLoop;

use super::{Case, Group, sockets};
use crate::contestants::{self, each};

/// How many connections have something to say at a time, of how many, and what that is called.
const CROWDS: [(usize, usize, &str); 4] = [
    (1, 1, "1 connection"),
    (64, 64, "64 connections"),
    (64, 1024, "64 of 1,024 connections"),
    (64, 4096, "64 of 4,096 connections"),
];

const MESSAGE: [u8; 64] = [7; 64];

pub(super) fn cases(group: &mut Group<'_>) {
    for (active, all, name) in CROWDS {
        group.case(name, active as u64, "round", |case| {
            each!(add(case, active, all));
        });
    }
}

/// Whether one contestant more can have so many connections, both ends of them.
fn has_room(case: &Case, connections: usize) -> bool {
    // The loops themselves, and what a process has open anyway.
    const BESIDES: u64 = 100;

    let ends = (case.contestants.len() + 1) * 2 * connections;
    ends as u64 + BESIDES <= contestants::raise_descriptor_limit()
}

fn add<L: EventLoop>(case: &mut Case, active: usize, all: usize) {
    if !has_room(case, all) {
        let name = &case.name;
        eprintln!("round/{name}: without {}, for want of descriptors", L::NAME);
        return;
    }
    let mut server = Server::<L>::new(active, all).expect("make the connections");
    case.time(L::NAME, move || server.turn().expect("ask and answer"));
}

/// A loop with many connections, whose far ends nobody watches: their part is the same for all.
struct Server<L: EventLoop> {
    events: L,
    /// Before the near ends, so that they are closed first, which resets the connections.
    far: Vec<TcpStream>,
    near: Vec<L::Stream>,
    active: usize,
    /// The first one that has something to say.
    next: usize,
}

impl<L: EventLoop> Server<L> {
    /// Makes all connections, of which `active` have something to say at a time.
    fn new(active: usize, all: usize) -> io::Result<Server<L>> {
        let mut server = Server {
            events: L::new(1024)?,
            far: Vec::with_capacity(all),
            near: Vec::with_capacity(all),
            active,
            next: 0,
        };
        for (token, (near, far)) in sockets::connections(all)?.into_iter().enumerate() {
            let mut near = L::adopt(near)?;
            server.events.register(&mut near, token)?;
            server.near.push(near);
            server.far.push(far);
        }
        server.settle()?;
        Ok(server)
    }

    /// Polls until no event is left: each connection is writable at first.
    fn settle(&mut self) -> io::Result<()> {
        let mut settled = 0;
        while settled < self.near.len() {
            self.events.poll(None, |_| settled += 1)?;
        }
        Ok(())
    }

    /// Some far ends ask, the loop answers, the far ends take in the answer.
    fn turn(&mut self) -> io::Result<()> {
        // Spread over all, as they would be in life, and others each time.
        let stride = self.far.len() / self.active;
        let active = (self.next..self.far.len()).step_by(stride);
        self.next = (self.next + 1) % stride;

        for at in active.clone() {
            self.far[at].write_all(&MESSAGE)?;
        }
        let mut unanswered = self.active * MESSAGE.len();
        while unanswered > 0 {
            let mut result = Ok(());
            self.events.poll(None, |event| {
                if event.readable {
                    match answer(&mut self.near[event.token]) {
                        Ok(n) => unanswered -= n,
                        Err(error) => result = Err(error),
                    }
                }
            })?;
            result?;
        }
        for at in active {
            self.far[at].read_exact(&mut [0; MESSAGE.len()])?;
        }
        Ok(())
    }
}

/// Reads until that would block, and writes as much; returns how much.
fn answer(stream: &mut (impl Read + Write)) -> io::Result<usize> {
    let mut buffer = [0; 1024];
    let mut filled = 0;
    while let Some(n) = sockets::unblocked(stream.read(&mut buffer[filled..]))? {
        if n == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        filled += n;
    }
    stream.write_all(&buffer[..filled])?;
    Ok(filled)
}
