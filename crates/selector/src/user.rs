//! Readiness that a program sets itself: `Registration` with its `SetReadiness`, and `Waker`.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use token_ready::{PollOpt, Ready, Token};

use crate::poll::Inner;
use crate::queue::{Node, Queue};
use crate::standing::Standing;
use crate::sync;
use crate::sys::RawEvent;
use crate::table::Meta;
use crate::{Evented, Poll};

/// A source whose readiness a program sets itself.
pub(crate) struct User {
    /// Readiness, and beside it interest and options as they stand: one word, so that each change
    /// is one step.
    state: AtomicU32,
    standing: Mutex<Place>,
}

/// What stands in a `Poll`'s queue for a source.
pub(crate) type Queued = Node<Arc<User>>;

/// Where the source is registered. Every registration has a node of its own, so that one which is
/// left behind in the queue of the `Poll` before says nothing of this one.
type Place = Option<Standing<sync::Arc<Queued>>>;

/// The word of a [`User`]: readiness, interest, options.
#[derive(Clone, Copy)]
struct State {
    readiness: Ready,
    interest: Ready,
    opts: PollOpt,
    /// Registered, and not a oneshot that was reported.
    armed: bool,
}

impl State {
    const ARMED: u32 = 1 << 24;

    fn from_bits(bits: u32) -> State {
        State {
            readiness: Ready::from_bits_truncate(bits as u8),
            interest: Ready::from_bits_truncate((bits >> 8) as u8),
            opts: PollOpt::from_bits_truncate((bits >> 16) as u8),
            armed: bits & State::ARMED != 0,
        }
    }

    fn to_bits(self) -> u32 {
        let armed = if self.armed { State::ARMED } else { 0 };
        u32::from(self.readiness.bits())
            | u32::from(self.interest.bits()) << 8
            | u32::from(self.opts.bits()) << 16
            | armed
    }

    /// What is to be reported.
    fn report(self) -> Ready {
        if self.armed {
            self.readiness & crate::table::reported(self.interest)
        } else {
            Ready::empty()
        }
    }
}

impl User {
    fn new(readiness: Ready) -> Arc<User> {
        let state = State {
            readiness,
            ..State::from_bits(0)
        };
        Arc::new(User {
            state: AtomicU32::new(state.to_bits()),
            standing: Mutex::new(None),
        })
    }

    fn state(&self) -> State {
        State::from_bits(self.state.load(Ordering::Acquire))
    }

    /// Changes the state in one step; returns how it was and how it is.
    fn update(&self, change: impl Fn(&mut State)) -> (State, State) {
        let mut bits = self.state.load(Ordering::Relaxed);
        loop {
            let before = State::from_bits(bits);
            let mut after = before;
            change(&mut after);
            match self.state.compare_exchange_weak(
                bits,
                after.to_bits(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return (before, after),
                Err(now) => bits = now,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Place> {
        self.standing.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Turns a node that was just taken from the queue into an event, if there is something to
    /// report.
    pub(crate) fn take(queue: &Queue<Arc<User>>, node: &sync::Arc<Queued>) -> Option<RawEvent> {
        // A registration is changed under this lock, so that key and state belong together.
        let standing = node.value.lock();
        let at = standing
            .as_ref()
            .filter(|at| sync::Arc::ptr_eq(&at.source, node))?;
        let (before, _) = node.value.update(|state| {
            if state.opts.is_oneshot() && !state.report().is_empty() {
                state.armed = false;
            }
        });
        let report = before.report();
        if report.is_empty() {
            return None;
        }
        // A level holds until it is cleared: it is reported at the next poll as well.
        let again = !before.opts.is_edge() && !before.opts.is_oneshot();
        if again && node.request() {
            queue.push(sync::Arc::clone(node));
        }
        Some(RawEvent::new(at.key, report))
    }

    /// Puts the source into the queue of the `Poll` it is registered with, if there is something
    /// to report and it is not queued already.
    fn enqueue_if(&self, report: Ready) {
        if report.is_empty() {
            return;
        }
        // Without a registration there is nothing to do: registering looks at the readiness anew.
        if let Some(at) = &*self.lock() {
            if at.source.request() {
                push(&at.poll, &at.source);
            }
        }
    }

    fn register(
        self: &Arc<User>,
        poll: &Arc<Inner>,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        check(poll, interest, opts)?;
        let mut standing = self.lock();
        Standing::vacant(standing.as_ref(), poll)?;
        self.stand(&mut standing, poll, token, interest, opts);
        let report = self.arm(interest, opts);
        drop(standing);
        self.enqueue_if(report);
        Ok(())
    }

    /// Makes a registration, which is not armed yet.
    fn stand(
        self: &Arc<User>,
        standing: &mut Place,
        poll: &Arc<Inner>,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> sync::Arc<Queued> {
        let node = Node::new(Arc::clone(self));
        let entry = poll.table.lock(poll.table.give());
        *standing = Some(Standing {
            poll: Arc::downgrade(poll),
            key: entry.publish(token, meta(interest, opts)),
            source: sync::Arc::clone(&node),
        });
        node
    }

    fn reregister(
        &self,
        poll: &Arc<Inner>,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        check(poll, interest, opts)?;
        let mut standing = self.lock();
        let at = Standing::with(standing.as_mut(), poll)?;
        let entry = poll.table.lock(at.key.index);
        at.key = entry.publish(token, meta(interest, opts));
        drop(entry);
        let report = self.arm(interest, opts);
        drop(standing);
        self.enqueue_if(report);
        Ok(())
    }

    fn deregister(&self, poll: &Arc<Inner>) -> io::Result<()> {
        let mut standing = self.lock();
        Standing::with(standing.as_mut(), poll)?;
        self.end(standing);
        Ok(())
    }

    /// Ends whatever registration there is.
    fn end(&self, mut standing: MutexGuard<'_, Place>) {
        self.update(|state| state.armed = false);
        let Some(at) = standing.take() else { return };
        if let Some(poll) = at.poll.upgrade() {
            poll.table.lock(at.key.index).retire();
            poll.table.take_back(at.key.index);
        }
    }

    /// Arms a new registration; returns what the source is ready for already.
    fn arm(&self, interest: Ready, opts: PollOpt) -> Ready {
        let (_, state) = self.update(|state| {
            state.interest = interest;
            state.opts = opts;
            state.armed = true;
        });
        state.report()
    }
}

/// Queues a node for which `request` has just returned true.
fn push(poll: &Weak<Inner>, node: &sync::Arc<Queued>) {
    if let Some(poll) = poll.upgrade() {
        poll.queue.push(sync::Arc::clone(node));
        poll.notify();
    }
}

fn meta(interest: Ready, opts: PollOpt) -> Meta {
    Meta {
        interest,
        opts,
        owned: true,
    }
}

fn check(poll: &Inner, interest: Ready, opts: PollOpt) -> io::Result<()> {
    if opts.is_exclusive() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "EXCLUSIVE is for descriptors, user-space readiness has none",
        ));
    }
    poll.check(interest, opts)
}

/// A source whose readiness the program sets, from any thread, through [`SetReadiness`].
///
/// It is how a channel, a timer or a pool of threads takes part in a [`Poll`]. All triggers work as
/// they do for descriptors; with an edge, every [`set_readiness`](SetReadiness::set_readiness) that
/// leaves something to report counts as the condition arising anew.
///
/// Dropping it ends the registration.
///
/// ```
/// use selector::{Events, Poll, Registration};
/// use std::thread;
/// use token_ready::{PollOpt, Ready, Token};
///
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// let (registration, set_readiness) = Registration::new();
/// poll.register(&registration, Token(5), Ready::READABLE, PollOpt::EDGE)?;
///
/// let worker = thread::spawn(move || set_readiness.set_readiness(Ready::READABLE));
/// poll.poll(&mut events, None)?;
/// assert_eq!(events.get(0).unwrap().token(), Token(5));
/// worker.join().unwrap()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Registration {
    user: Arc<User>,
}

impl Registration {
    /// Makes a source that is ready for nothing, and the handle that sets its readiness.
    pub fn new() -> (Registration, SetReadiness) {
        let user = User::new(Ready::empty());
        let set_readiness = SetReadiness {
            user: Arc::clone(&user),
        };
        (Registration { user }, set_readiness)
    }

    /// Does what [`new`](Registration::new) does, under the name that mio 0.6 used.
    pub fn new2() -> (Registration, SetReadiness) {
        Registration::new()
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
        self.user.register(&poll.inner, token, interest, opts)
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.user.reregister(&poll.inner, token, interest, opts)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.user.deregister(&poll.inner)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.user.end(self.user.lock());
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.user.state();
        f.debug_struct("Registration")
            .field("readiness", &state.readiness)
            .field("interest", &state.interest)
            .field("opts", &state.opts)
            .finish()
    }
}

/// Sets the readiness of a [`Registration`], from any thread.
///
/// ```
/// use selector::Registration;
/// use token_ready::Ready;
///
/// let (_registration, set_readiness) = Registration::new();
/// set_readiness.set_readiness(Ready::READABLE)?;
/// assert_eq!(set_readiness.readiness(), Ready::READABLE);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct SetReadiness {
    user: Arc<User>,
}

impl SetReadiness {
    /// Returns the readiness as it was set last.
    pub fn readiness(&self) -> Ready {
        self.user.state().readiness
    }

    /// Sets the readiness, and wakes a poller if there is something to report.
    ///
    /// It is remembered while the [`Registration`] stands with no `Poll`. What the calling thread
    /// wrote before is visible to who sees the event.
    ///
    /// # Errors
    /// None at present; the result is that of mio 0.6.
    pub fn set_readiness(&self, readiness: Ready) -> io::Result<()> {
        let (_, state) = self.user.update(|state| state.readiness = readiness);
        self.user.enqueue_if(state.report());
        Ok(())
    }
}

impl fmt::Debug for SetReadiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetReadiness")
            .field("readiness", &self.readiness())
            .finish()
    }
}

/// Wakes a [`Poll`] from any thread, with an event under its own token.
///
/// There can be any number for one `Poll`. Wakes that nobody has seen yet are one event, whose
/// readiness is `READABLE`. A wake costs no system call while a poller is awake or a wake is
/// pending. Dropping the last clone of a waker ends its registration, and takes along a wake that
/// nobody has seen.
///
/// ```
/// use selector::{Events, Poll, Waker};
/// use std::thread;
/// use token_ready::Token;
///
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// let waker = Waker::new(&poll, Token(10))?;
///
/// let remote = waker.clone();
/// let worker = thread::spawn(move || remote.wake());
/// poll.poll(&mut events, None)?;
/// assert_eq!(events.get(0).unwrap().token(), Token(10));
/// worker.join().unwrap()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Waker {
    handle: Arc<WakerHandle>,
}

struct WakerHandle {
    user: Arc<User>,
    node: sync::Arc<Queued>,
    poll: Weak<Inner>,
}

impl Waker {
    /// Makes a waker for `poll` whose events carry `token`.
    ///
    /// # Errors
    /// None at present; a `Result` because waking may need a resource of the system.
    pub fn new(poll: &Poll, token: Token) -> io::Result<Waker> {
        let user = User::new(Ready::READABLE);
        let (interest, opts) = (Ready::READABLE, PollOpt::EDGE);
        let mut standing = user.lock();
        let node = user.stand(&mut standing, &poll.inner, token, interest, opts);
        user.arm(interest, opts);
        drop(standing);
        let handle = WakerHandle {
            user,
            node,
            poll: Arc::downgrade(&poll.inner),
        };
        Ok(Waker {
            handle: Arc::new(handle),
        })
    }

    /// Makes a poll that waits, or the next one, return an event under the waker's token.
    ///
    /// What the calling thread wrote before is visible to who sees the event. Nothing happens if
    /// the `Poll` is gone.
    ///
    /// # Errors
    /// None at present; a `Result` because waking may fail on another system.
    #[inline]
    pub fn wake(&self) -> io::Result<()> {
        if self.handle.node.request() {
            push(&self.handle.poll, &self.handle.node);
        }
        Ok(())
    }
}

impl Drop for WakerHandle {
    fn drop(&mut self) {
        self.user.end(self.user.lock());
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}
