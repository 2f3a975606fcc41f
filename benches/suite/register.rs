//! Registering and deregistering: by one thread while nobody polls, by two while a third does.

use std::io;
use std::net::TcpStream;

use benches::EventLoop;

use super::threads::{Poller, Team};
use super::{Case, Group, sockets};
use crate::contestants::each;

/// How many threads register at the same time.
const THREADS: usize = 2;

/// How often each of them does at a time.
const PAIRS: usize = 200;

pub(super) fn cases(group: &mut Group<'_>) {
    group.case("register and deregister", 2, "call", |case| {
        each!(register(case));
    });
    group.case("reregister", 1, "call", |case| {
        each!(reregister(case));
    });
    let calls = (2 * PAIRS * THREADS) as u64;
    group.case("2 threads during polls", calls, "call", |case| {
        case.on_threads();
        each!(during_polls(case));
    });
}

/// One thread registers a connected stream and deregisters it.
fn register<L: EventLoop>(case: &mut Case) {
    let mut alone = Alone::<L>::new().expect("make a connection");
    case.time(L::NAME, move || alone.register().expect("register"));
}

/// One thread reregisters a connected stream.
fn reregister<L: EventLoop>(case: &mut Case) {
    let mut alone = Alone::<L>::new().expect("make a connection");
    alone.start().expect("register");
    case.time(L::NAME, move || alone.reregister().expect("reregister"));
}

/// A loop that is never polled, and a stream for it: no more than its one event waits there.
struct Alone<L: EventLoop> {
    events: L,
    near: L::Stream,
    _far: TcpStream,
    token: usize,
}

impl<L: EventLoop> Alone<L> {
    fn new() -> io::Result<Alone<L>> {
        let (near, far) = sockets::pair()?;
        Ok(Alone {
            events: L::new(64)?,
            near: L::adopt(near)?,
            _far: far,
            token: 1,
        })
    }

    #[inline(always)]
    fn start(&mut self) -> io::Result<()> {
        self.events.register(&mut self.near, self.token)
    }

    #[inline(always)]
    fn register(&mut self) -> io::Result<()> {
        self.start()?;
        self.events.deregister(&mut self.near)
    }

    #[inline(always)]
    fn reregister(&mut self) -> io::Result<()> {
        // Another token each time, so that there is something to change.
        self.token ^= 1;
        self.events.reregister(&mut self.near, self.token)
    }
}

/// Threads register and deregister a stream each, which is writable, while another polls.
fn during_polls<L: EventLoop>(case: &mut Case) {
    let crowd = Crowd::<L>::new().expect("make the connections");
    case.time(L::NAME, move || crowd.turn());
}

struct Crowd<L: EventLoop> {
    team: Team,
    _far: Vec<TcpStream>,
    _poller: Poller<L>,
}

impl<L: EventLoop> Crowd<L> {
    fn new() -> io::Result<Crowd<L>> {
        let mut events = L::new(64)?;
        let waker = events.waker(0)?;
        let (mut works, mut ends) = (Vec::new(), Vec::new());
        for token in 1..=THREADS {
            let registrar = events.registrar()?;
            let (near, far) = sockets::pair()?;
            let mut near = L::adopt(near)?;
            works.push(move || {
                for _ in 0..PAIRS {
                    L::register_from(&registrar, &mut near, token).expect("register");
                    L::deregister_from(&registrar, &mut near).expect("deregister");
                }
            });
            ends.push(far);
        }
        Ok(Crowd {
            team: Team::new(works),
            _far: ends,
            _poller: Poller::new(events, waker, || ()),
        })
    }

    fn turn(&self) {
        self.team.start();
        self.team.finish();
    }
}
