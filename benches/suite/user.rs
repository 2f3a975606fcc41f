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

/// Both have the names of mio 0.6, so that it is one program.
macro_rules! user_space {
    ($name:ident, $library:ident) => {
        struct $name {
            poll: $library::Poll,
            events: $library::Events,
            registrations: Vec<($library::Registration, $library::SetReadiness)>,
        }

        impl UserSpace for $name {
            const NAME: &'static str = contestants::$name::NAME;

            fn new(registrations: usize) -> io::Result<$name> {
                use $library::{Events, Poll, PollOpt, Ready, Registration, Token};

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
                Ok($name {
                    poll,
                    events: Events::with_capacity(CAPACITY),
                    registrations,
                })
            }

            fn set(&self, index: usize) -> io::Result<()> {
                let (_, set_readiness) = &self.registrations[index];
                set_readiness.set_readiness($library::Ready::readable())
            }

            fn clear(&self, index: usize) -> io::Result<()> {
                let (_, set_readiness) = &self.registrations[index];
                set_readiness.set_readiness($library::Ready::empty())
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
    };
}

user_space!(Readywire, readywire);
#[cfg(target_os = "linux")]
user_space!(Mio06, mio_06);
