//! Readiness that the program sets itself: of the others, mio 0.6 alone has it.

use std::io;
use std::time::Duration;

use benches::EventLoop;

use super::{Case, Group};
use crate::contestants;

/// How often a readiness is set and cleared a poll.
const SETS: usize = 1000;

/// How many registrations are ready, of how many.
const READY: usize = 1000;
const ALL: usize = 10_000;

/// How many events are taken at a time.
const CAPACITY: usize = 1024;

pub(super) fn cases(group: &mut Group<'_>) {
    group.case("set and clear", 2 * SETS as u64, "call", |case| {
        #[cfg(target_os = "linux")]
        set_and_clear::<Mio06>(case);
        set_and_clear::<Readywire>(case);
    });
    group.case("1,000 of 10,000", READY as u64, "event", |case| {
        #[cfg(target_os = "linux")]
        some_of_many::<Mio06>(case);
        some_of_many::<Readywire>(case);
    });
}

/// Sets and clears one registration's readiness many times, then polls once: the first time queues it.
fn set_and_clear<U: UserSpace>(case: &mut Case) {
    let mut one = U::new(1).expect("make a registration");
    case.time(U::NAME, move || {
        for _ in 0..SETS {
            one.set(0).expect("set the readiness");
            one.clear(0).expect("clear the readiness");
        }
        assert_eq!(one.poll().expect("poll"), 0, "cleared before the poll");
    });
}

/// Sets some of many registrations ready, and polls until all of those are seen and cleared.
fn some_of_many<U: UserSpace>(case: &mut Case) {
    let mut many = U::new(ALL).expect("make the registrations");
    case.time(U::NAME, move || {
        // Spread over all, as they would be in life.
        for index in (0..ALL).step_by(ALL / READY) {
            many.set(index).expect("set the readiness");
        }
        let mut seen = 0;
        while seen < READY {
            let count = many.poll().expect("poll");
            assert_ne!(count, 0, "{} lost events", U::NAME);
            seen += count;
        }
    });
}

/// A loop with registrations that are numbered from zero.
trait UserSpace: Sized + 'static {
    const NAME: &'static str;

    /// Makes so many registrations, all on edges.
    fn new(registrations: usize) -> io::Result<Self>;

    /// Makes one readable.
    fn set(&self, index: usize) -> io::Result<()>;

    /// Makes one ready for nothing.
    fn clear(&self, index: usize) -> io::Result<()>;

    /// Polls without waiting, and clears what is reported; returns how many those were.
    fn poll(&mut self) -> io::Result<usize>;
}

struct Readywire {
    poll: readywire::Poll,
    events: readywire::Events,
    registrations: Vec<(readywire::Registration, readywire::SetReadiness)>,
}

impl UserSpace for Readywire {
    const NAME: &'static str = contestants::Readywire::NAME;

    fn new(registrations: usize) -> io::Result<Readywire> {
        use readywire::{Events, Poll, PollOpt, Ready, Registration, Token};

        let poll = Poll::new()?;
        let register = |index| {
            let (registration, set_readiness) = Registration::new();
            poll.register(&registration, Token(index), Ready::READABLE, PollOpt::EDGE)?;
            Ok((registration, set_readiness))
        };
        let registrations = (0..registrations)
            .map(register)
            .collect::<io::Result<_>>()?;
        Ok(Readywire {
            poll,
            events: Events::with_capacity(CAPACITY),
            registrations,
        })
    }

    fn set(&self, index: usize) -> io::Result<()> {
        let (_, set_readiness) = &self.registrations[index];
        set_readiness.set_readiness(readywire::Ready::READABLE)
    }

    fn clear(&self, index: usize) -> io::Result<()> {
        let (_, set_readiness) = &self.registrations[index];
        set_readiness.set_readiness(readywire::Ready::empty())
    }

    fn poll(&mut self) -> io::Result<usize> {
        self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        let mut count = 0;
        for event in &self.events {
            self.clear(event.token().0)?;
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(target_os = "linux")]
struct Mio06 {
    poll: mio_06::Poll,
    events: mio_06::Events,
    registrations: Vec<(mio_06::Registration, mio_06::SetReadiness)>,
}

#[cfg(target_os = "linux")]
impl UserSpace for Mio06 {
    const NAME: &'static str = contestants::Mio06::NAME;

    fn new(registrations: usize) -> io::Result<Mio06> {
        use mio_06::{Events, Poll, PollOpt, Ready, Registration, Token};

        let poll = Poll::new()?;
        let register = |index| {
            let (registration, set_readiness) = Registration::new2();
            let (token, edge) = (Token(index), PollOpt::edge());
            poll.register(&registration, token, Ready::readable(), edge)?;
            Ok((registration, set_readiness))
        };
        let registrations = (0..registrations)
            .map(register)
            .collect::<io::Result<_>>()?;
        Ok(Mio06 {
            poll,
            events: Events::with_capacity(CAPACITY),
            registrations,
        })
    }

    fn set(&self, index: usize) -> io::Result<()> {
        let (_, set_readiness) = &self.registrations[index];
        set_readiness.set_readiness(mio_06::Ready::readable())
    }

    fn clear(&self, index: usize) -> io::Result<()> {
        let (_, set_readiness) = &self.registrations[index];
        set_readiness.set_readiness(mio_06::Ready::empty())
    }

    fn poll(&mut self) -> io::Result<usize> {
        self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        let mut count = 0;
        for event in &self.events {
            self.clear(event.token().0)?;
            count += 1;
        }
        Ok(count)
    }
}
