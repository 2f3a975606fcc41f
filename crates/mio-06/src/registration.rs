//! Sources whose readiness a program sets.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

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
/// readywire reports errors and hang-ups also without an interest in them, mio reports only what the
/// interest includes: `inner` has only the readiness that is to be reported.
struct Shared {
    inner: readywire::SetReadiness,
    state: Mutex<State>,
}

/// The state that mio has in a registration.
struct State {
    /// The `Poll` that the registration belongs to.
    link: Option<Arc<Link>>,
    /// As it was set last.
    readiness: Ready,
    interest: Ready,
    opts: readywire::PollOpt,
    /// The number of drains when there last was something to report; `None` if nothing waits for a poll.
    queued: Option<usize>,
    /// Whether a oneshot has fired since the registration was changed last.
    is_spent: bool,
    is_dropped: bool,
}

impl State {
    fn reported(&self) -> Ready {
        self.readiness & self.interest
    }

    /// Returns whether the next poll would find something to report.
    ///
    /// A poll that drained the queue since the last change has reported an edge; a level stays.
    fn is_pending(&mut self) -> bool {
        let is_reported = match (&self.link, self.queued) {
            (Some(link), Some(drains)) => self.opts.is_edge() && link.drains() != drains,
            _ => false,
        };
        if is_reported {
            self.queued = None;
            self.is_spent = self.opts.is_oneshot();
        }
        self.queued.is_some()
    }
}

/// The kinds that mio keeps.
fn kinds(ready: Ready) -> Ready {
    ready & (Ready::READABLE | Ready::WRITABLE | Ready::ERROR | Ready::HUP)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Has readywire report what the state says.
    ///
    /// If something was pending and nothing is left to report, a poll ends without an event, as in mio.
    fn publish(&self, state: &mut State, was_pending: bool) -> io::Result<()> {
        let reported = state.reported();
        let link = state.link.as_ref();
        let queueing = link.filter(|_| !reported.is_empty() && !state.is_spent);
        state.queued = queueing.map(|link| link.drains());
        self.inner.set_readiness(reported.into_readywire())?;
        match link {
            Some(link) if was_pending && reported.is_empty() => link.wake(),
            _ => Ok(()),
        }
    }
}

impl Registration {
    /// Makes a source that is ready for nothing, and the handle that sets its readiness.
    pub fn new2() -> (Registration, SetReadiness) {
        let (inner, setter) = readywire::Registration::new();
        let shared = Arc::new(Shared {
            inner: setter,
            state: Mutex::new(State {
                link: None,
                readiness: Ready::empty(),
                interest: Ready::empty(),
                opts: readywire::PollOpt::LEVEL,
                queued: None,
                is_spent: false,
                is_dropped: false,
            }),
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
        let (interest, opts) = (kinds(interest), opts.for_registration());
        let terms = interest.into_readywire();
        // Held to the end: threads that change the registration at once do so one after the other.
        let mut state = self.shared.lock();
        match &state.link {
            None => poll.inner.register(&self.inner, token, terms, opts)?,
            Some(link) if Arc::ptr_eq(link, &poll.link) => {
                poll.inner.reregister(&self.inner, token, terms, opts)?;
            }
            Some(_) => return Err(another_poll()),
        }
        let was_pending = state.is_pending();
        state.link = Some(Arc::clone(&poll.link));
        state.interest = interest;
        state.opts = opts;
        state.is_spent = false;
        self.shared.publish(&mut state, was_pending)
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
        let mut state = self.shared.lock();
        state.is_dropped = true;
        if let Some(link) = &state.link {
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
        self.shared.lock().readiness
    }

    /// Sets the readiness, and has a poll report it if there is something to report.
    ///
    /// # Errors
    /// Any error from the system that waking a poll has.
    pub fn set_readiness(&self, ready: Ready) -> io::Result<()> {
        let mut state = self.shared.lock();
        if state.is_dropped {
            return Ok(());
        }
        let was_pending = state.is_pending();
        state.readiness = kinds(ready);
        self.shared.publish(&mut state, was_pending)
    }
}

impl fmt::Debug for SetReadiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetReadiness").finish()
    }
}
