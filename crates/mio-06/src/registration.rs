//! Sources whose readiness a program sets.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use readywire::RegistrationError;

use crate::event::Evented;
use crate::poll::Link;
use crate::source::another_poll;
use crate::{Poll, PollOpt, Ready, Token};

/// A source whose readiness a program sets by its [`SetReadiness`].
///
/// It may be registered again, reregistered and deregistered whether it is registered or not.
pub struct Registration {
    inner: readywire::Registration,
    shared: Arc<Shared>,
}

/// Sets the readiness of a [`Registration`], from any thread.
#[derive(Clone)]
pub struct SetReadiness {
    shared: Arc<Shared>,
}

/// What a registration and its setters share.
///
/// readywire reports errors and hang-ups also to who has no interest in them, mio here only within the
/// interest: `inner` is told what is to be reported.
struct Shared {
    inner: readywire::SetReadiness,
    /// A [`State`].
    state: AtomicUsize,
    /// How many polls had returned when there was something to report last.
    polls: AtomicUsize,
    link: OnceLock<Arc<Link>>,
}

/// What was set, and what is reported of it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State(usize);

impl State {
    const INTEREST: usize = 8;
    const LEVEL: usize = 1 << 16;
    const DROPPED: usize = 1 << 17;

    /// The kinds that mio keeps.
    fn kinds(ready: Ready) -> Ready {
        ready & (Ready::READABLE | Ready::WRITABLE | Ready::ERROR | Ready::HUP)
    }

    fn readiness(self) -> Ready {
        State::kinds(Ready::from_usize(self.0))
    }

    fn interest(self) -> Ready {
        State::kinds(Ready::from_usize(self.0 >> State::INTEREST))
    }

    fn reported(self) -> Ready {
        self.readiness() & self.interest()
    }

    fn is_level(self) -> bool {
        self.0 & State::LEVEL != 0
    }

    fn with_readiness(self, readiness: Ready) -> State {
        State(self.0 - self.readiness().as_usize() + State::kinds(readiness).as_usize())
    }

    fn with_terms(self, interest: Ready, opts: readywire::PollOpt) -> State {
        let level = if opts.is_edge() { 0 } else { State::LEVEL };
        let dropped = self.0 & State::DROPPED;
        let interest = State::kinds(interest).as_usize() << State::INTEREST;
        State(self.readiness().as_usize() | interest | level | dropped)
    }
}

impl Shared {
    /// Changes the state; returns it as it was, or `None` if the registration was dropped.
    fn change(&self, change: impl Fn(State) -> State) -> Option<State> {
        let change = |state| (state & State::DROPPED == 0).then(|| change(State(state)).0);
        let changed = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
        changed.ok().map(State)
    }

    fn state(&self) -> State {
        State(self.state.load(Ordering::Acquire))
    }

    /// Has readywire report what the state says. Whoever comes last finds the state as it is in the end.
    fn publish(&self) -> io::Result<()> {
        loop {
            let reported = self.state().reported();
            if let Some(link) = self.link.get().filter(|_| !reported.is_empty()) {
                self.polls.store(link.polls(), Ordering::Relaxed);
            }
            self.inner.set_readiness(reported.into_readywire())?;
            if self.state().reported() == reported {
                return Ok(());
            }
        }
    }

    /// Ends a poll without an event, as mio does, if there was something to report, `before`, and there is no
    /// more: unless it was an edge that has been reported.
    fn end_poll_if_taken_back(&self, before: State) -> io::Result<()> {
        let Some(link) = self.link.get() else {
            return Ok(());
        };
        let is_taken_back = !before.reported().is_empty() && self.state().reported().is_empty();
        let is_pending = before.is_level() || self.polls.load(Ordering::Relaxed) == link.polls();
        if is_taken_back && is_pending {
            link.wake()?;
        }
        Ok(())
    }
}

impl Registration {
    /// Makes a source that is ready for nothing, and the handle that sets its readiness.
    pub fn new2() -> (Registration, SetReadiness) {
        let (inner, setter) = readywire::Registration::new();
        let shared = Arc::new(Shared {
            inner: setter,
            state: AtomicUsize::new(0),
            polls: AtomicUsize::new(0),
            link: OnceLock::new(),
        });
        let set_readiness = SetReadiness {
            shared: Arc::clone(&shared),
        };
        (Registration { inner, shared }, set_readiness)
    }

    /// Registers with `poll`, or changes the registration there is.
    fn set_terms(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let link = self.shared.link.get_or_init(|| Arc::clone(&poll.link));
        if !Arc::ptr_eq(link, &poll.link) {
            return Err(another_poll());
        }
        let opts = opts.for_registration();
        let Some(before) = self.shared.change(|state| state.with_terms(interest, opts)) else {
            return Ok(());
        };
        let terms = (token, State::kinds(interest).into_readywire(), opts);
        self.begin(poll, terms)?;
        self.shared.publish()?;
        self.shared.end_poll_if_taken_back(before)
    }

    fn begin(
        &self,
        poll: &Poll,
        (token, interest, opts): (Token, readywire::Ready, readywire::PollOpt),
    ) -> io::Result<()> {
        let poll = &poll.inner;
        let result = poll.reregister(&self.inner, token, interest, opts);
        match not_misused(result)? {
            Some(()) => Ok(()),
            None => {
                let result = poll.register(&self.inner, token, interest, opts);
                // Otherwise another thread has registered it meanwhile.
                not_misused(result).map(drop)
            }
        }
    }
}

/// Returns `None` for an error that says that a source is registered or that it is not.
fn not_misused(result: io::Result<()>) -> io::Result<Option<()>> {
    match result {
        Err(error) if RegistrationError::from_io(&error).is_some() => Ok(None),
        result => result.map(Some),
    }
}

#[cfg(feature = "with-deprecated")]
impl Registration {
    /// Makes a source that is registered already, and the handle that sets its readiness.
    ///
    /// # Panics
    /// If it cannot be registered, which is never so at present.
    #[deprecated(note = "use `Registration::new2`, and register it")]
    pub fn new(
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> (Registration, SetReadiness) {
        let (registration, set_readiness) = Registration::new2();
        let registered = registration.set_terms(poll, token, interest, opts);
        registered.expect("a new source can be registered");
        (registration, set_readiness)
    }

    /// Changes the registration.
    ///
    /// # Errors
    /// `Other` if it belongs to another `Poll`.
    #[deprecated(note = "use `Poll::reregister`")]
    pub fn update(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.set_terms(poll, token, interest, opts)
    }

    /// Ends the registration.
    ///
    /// # Errors
    /// `Other` if it belongs to another `Poll`.
    #[deprecated(note = "use `Poll::deregister`")]
    pub fn deregister(&self, poll: &Poll) -> io::Result<()> {
        Evented::deregister(self, poll)
    }
}

impl Evented for Registration {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.set_terms(poll, token, interest, opts)
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.set_terms(poll, token, interest, opts)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.set_terms(poll, Token(0), Ready::empty(), PollOpt::empty())
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared.state.fetch_or(State::DROPPED, Ordering::AcqRel);
        if let Some(link) = self.shared.link.get() {
            // Nobody is left to hear of an error.
            let _failed = link.wake().is_err();
        }
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").finish()
    }
}

impl SetReadiness {
    /// Returns the readiness as it was set last.
    pub fn readiness(&self) -> Ready {
        self.shared.state().readiness()
    }

    /// Sets the readiness, and has a poll report it if there is something to report.
    ///
    /// # Errors
    /// Any error from the system that waking a poll has.
    pub fn set_readiness(&self, ready: Ready) -> io::Result<()> {
        let Some(before) = self.shared.change(|state| state.with_readiness(ready)) else {
            return Ok(());
        };
        self.shared.publish()?;
        self.shared.end_poll_if_taken_back(before)
    }
}

impl fmt::Debug for SetReadiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetReadiness").finish()
    }
}
