//! A `Poll` as a descriptor, and as a source of another `Poll`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

use token_ready::{PollOpt, Ready, Token};

use crate::{Evented, Poll, RegistrationError};

impl AsFd for Poll {
    /// Lends the descriptor, which is readable when a poll would return something, for another event loop
    /// to wait on.
    ///
    /// From the first call on, every wake that finds none pending writes to it, also while no thread polls,
    /// when it would otherwise cost no system call. [`Poll::reclaim_fd`] ends that. A program whose other
    /// loop is a `Poll` registers an [`EventedPoll`] instead, which lends the descriptor only as long as it is
    /// registered.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.lend();
        self.inner.selector.as_fd()
    }
}

impl AsRawFd for Poll {
    /// Lends the descriptor as [`as_fd`](AsFd::as_fd) does, with the same cost for each wake.
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Poll {
    /// Ends what `AsFd` and `AsRawFd` began: wakes cost no system call again while no thread polls.
    ///
    /// It is for a program that handed the descriptor to another event loop, such as a toolkit's, and
    /// polls by itself again. As it takes `&mut self`, no `BorrowedFd` of the descriptor is left. Numbers and
    /// duplicates may be: whoever still waits on one may miss wakes from now on, while polls return them all.
    /// A registration as an [`EventedPoll`] goes on.
    ///
    /// # Examples
    /// ```
    /// use readywire::{Poll, Token, Waker};
    /// use std::os::fd::AsFd;
    ///
    /// let mut poll = Poll::new()?;
    /// let waker = Waker::new(&poll, Token(0))?;
    ///
    /// let _other_loop_waits_on = poll.as_fd();
    /// waker.wake()?;
    /// assert_eq!(poll.stats().wakes_sent, 1);
    ///
    /// poll.reclaim_fd();
    /// # poll.poll(&mut readywire::Events::with_capacity(1), None)?;
    /// waker.wake()?;
    /// assert_eq!(poll.stats().wakes_sent, 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reclaim_fd(&mut self) {
        let mut is_nested = true;
        self.place.unless_registered(|| is_nested = false);
        self.inner.shared.sleep.reclaim(is_nested);
    }
}

/// The options for a `Poll` as a source.
fn driven(outer: &Poll, opts: PollOpt) -> io::Result<PollOpt> {
    if opts.is_exclusive() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "EXCLUSIVE is for descriptors other than a Poll's: epoll refuses it for its own",
        ));
    }
    // Nothing tells an outer `Poll` that emulates edges when an inner one has been drained, so that
    // an edge has to be reported as a level would be.
    if outer.inner.emulates_edges() {
        Ok(opts - PollOpt::EDGE)
    } else {
        Ok(opts)
    }
}

/// A [`Poll`] as a source of another one: readable when polling it would return something.
///
/// While it is registered, each wake of the inner `Poll` that finds none pending costs a system call, as
/// the outer one waits for it; see [`Poll::as_fd`](AsFd::as_fd). Deregistering ends that; after the outer one
/// was dropped instead, [`Poll::reclaim_fd`] does.
///
/// A `Poll` is no source by itself: through an `Arc` the call `inner.register(…)` would then mean
/// registering the `Poll`, not registering with it.
///
/// # Errors
/// `InvalidInput` with a [`RegistrationError`] if a `Poll` is registered with itself: as an
/// `EventedPoll`, by its descriptor, or on epoll by a duplicate of its descriptor.
///
/// # Platform-specific behaviour
/// A `Poll` on the poll(2) backend cannot be registered: it is `Unsupported`.
///
/// `Poll`s must not be registered with each other in a cycle. epoll refuses that, and more than five
/// inside each other, with [`RegistrationError::Cycle`]. Not every kqueue does: a cycle can stop the
/// whole system there, as can a `Poll` that is registered with itself by a duplicate.
///
/// # Examples
/// ```
/// use readywire::unix::EventedPoll;
/// use readywire::{Events, Poll, PollOpt, Ready, Token, Waker};
///
/// let (outer, inner) = (Poll::new()?, Poll::new()?);
/// outer.register(&EventedPoll(&inner), Token(0), Ready::READABLE, PollOpt::LEVEL)?;
/// let waker = Waker::new(&inner, Token(1))?;
///
/// waker.wake()?;
/// let mut events = Events::with_capacity(8);
/// outer.poll(&mut events, None)?;
/// assert_eq!(events.get(0).unwrap().token(), Token(0));
/// inner.poll(&mut events, None)?;
/// assert_eq!(events.get(0).unwrap().token(), Token(1));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct EventedPoll<'a>(pub &'a Poll);

impl Evented for EventedPoll<'_> {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        if Arc::ptr_eq(&self.0.inner, &poll.inner) {
            return Err(RegistrationError::Itself.into());
        }
        let descriptor = self.0.inner.selector.nested()?.as_raw_fd();
        let opts = driven(poll, opts)?;
        self.0
            .place
            .register(descriptor, &poll.inner, token, interest, opts)?;
        // A wake that came meanwhile is passed on.
        self.0.inner.enter_outer();
        Ok(())
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let opts = driven(poll, opts)?;
        let result = self.0.place.reregister(&poll.inner, token, interest, opts);
        if result.is_err() {
            self.leave_outer_if_ended();
        }
        result
    }

    fn rearm(&self, poll: &Poll) -> io::Result<()> {
        let result = self.0.place.rearm(&poll.inner);
        if result.is_err() {
            self.leave_outer_if_ended();
        }
        result
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        let result = self.0.place.deregister(&poll.inner);
        self.leave_outer_if_ended();
        result
    }
}

impl EventedPoll<'_> {
    /// Elides wakes again if the registration has ended, as it may have by a call that failed. Another thread
    /// may have registered it since.
    fn leave_outer_if_ended(&self) {
        let sleep = &self.0.inner.shared.sleep;
        self.0.place.unless_registered(|| sleep.leave_outer());
    }
}
