//! Which batches may still hold events of a registration that has ended.

use std::fmt;
use std::sync::Arc;

use crate::stats::Tally;

/// The batches of a [`Poll`](crate::Poll) at one moment, made by [`Poll::batches`](crate::Poll::batches).
///
/// Once `deregister` or drop has returned, no batch hands out an event of that registration. But another
/// thread may have taken one from its batch before, and still act on it. Whoever uses the address of
/// something as its token must not free it meanwhile. This tells when no thread can have such an event any
/// more: when every [`Events`](crate::Events) that had been polled into was polled into twice since, or was
/// dropped. A thread that has two must poll into both, or drop one.
///
/// It costs polls nothing: it compares how often each batch was polled, which is counted anyway. Asking takes
/// time in proportion to the number of batches, which is that of the threads that poll.
///
/// A program that uses an index as the token, and looks up what is there, needs none of this.
///
/// # Examples
/// ```
/// use readywire::{Batches, Events, Poll, PollOpt, Ready, Registration, Token};
/// use std::time::Duration;
///
/// struct Connection {
///     source: Registration, // or a TcpStream
/// }
///
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// let (source, _set_readiness) = Registration::new();
/// let connection = Box::new(Connection { source });
/// let token = Token(&raw const *connection as usize);
/// poll.register(&connection.source, token, Ready::READABLE, PollOpt::EDGE)?;
/// # poll.poll(&mut events, Some(Duration::ZERO))?;
///
/// // Any thread: end the registration, and keep the memory.
/// let mut ended: Vec<(Batches, Box<Connection>)> = Vec::new();
/// poll.deregister(&connection.source)?;
/// ended.push((poll.batches(), connection));
///
/// // Now and then, for example after each poll:
/// for _ in 0..2 {
///     poll.poll(&mut events, Some(Duration::ZERO))?;
///     ended.retain(|(batches, _)| !batches.are_over());
/// }
/// assert!(ended.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Batches {
    /// The batches, and how often each had been polled.
    polled: Vec<(Arc<Tally>, usize)>,
}

impl Batches {
    pub(crate) fn new(tallies: impl Iterator<Item = Arc<Tally>>) -> Batches {
        let polled = tallies.map(|tally| {
            let polls = tally.polls();
            (tally, polls)
        });
        Batches {
            polled: polled.collect(),
        }
    }

    /// Returns whether no thread can have an event any more that it took from a batch before
    /// [`Poll::batches`](crate::Poll::batches) was called, or that was of a registration which had ended before.
    ///
    /// Once true it stays so, on 32-bit targets until an `Events` was polled into 2³² times. What the
    /// threads did with those events is visible to the caller. A thread that sleeps in a poll, or does not
    /// poll again, holds it up: a [`Waker`](crate::Waker) ends the poll. It relies on a thread being done
    /// with the events of a batch when it polls into that batch again. It also relies on the registration having
    /// ended by `deregister` or by dropping the source while the descriptor was open: where another thread closed the
    /// descriptor before, it may become true one batch too early.
    ///
    /// Events of wakers are not covered: one that was pending when its waker was dropped is delivered by a later poll.
    pub fn are_over(&self) -> bool {
        // A poll that was under way may have taken an event before the registration ended: its batch is the
        // first that is counted after this was made, and is over when the second is counted. No later batch
        // has one.
        //
        // That needs the polls which its thread had counted before to be seen here. A lock of the backend orders
        // them: collecting events takes it, and so does the end of a registration, either in `deregister` or, where
        // `Driver::forget` leaves it to the kernel, in close(2). Nothing orders them if that end was no end for the
        // kernel: the descriptor had been closed by another thread (`EBADF`), or a source of `new_sole` has a
        // duplicate. Then this relies on a count becoming visible to other threads before the next poll ends.
        let is_over = |(tally, before): &(Arc<Tally>, usize)| {
            tally.is_closed() || tally.polls().wrapping_sub(*before) >= 2
        };
        self.polled.iter().all(is_over)
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches")
            .field("are_over", &self.are_over())
            .finish()
    }
}
