//! Readiness that a program sets itself: `Registration` with its `SetReadiness`, and `Waker`.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::task::{self, Wake};

use token_ready::{PollOpt, Ready, Token};

use crate::cells::{Cell, Cells, Lease, Next};
use crate::poll::Inner;
use crate::shared::Shared;
use crate::standing::Standing;
use crate::{Evented, Poll};

/// A source whose readiness a program sets itself.
///
/// It has a cell with the first `Poll` that it is registered with, for good. Should it be registered
/// with another later on, it has a second one there, and the first sends on what is set.
#[repr(C, align(64))]
struct User {
    home: OnceLock<Home>,
    place: Mutex<Place>,
}

/// What changes with each registration.
#[derive(Default)]
struct Place {
    /// The readiness as long as there is no cell.
    readiness: Ready,
    /// The cell with another `Poll` than the first.
    elsewhere: Option<Home>,
    standing: Option<Standing<(Ready, PollOpt)>>,
}

/// A cell, and what else it takes to have it reported.
struct Home {
    lease: Lease,
    shared: Arc<Shared>,
    poll: Weak<Inner>,
}

impl Home {
    fn new(poll: &Arc<Inner>, lease: impl FnOnce(&Cells) -> Lease) -> Home {
        Home {
            lease: lease(&poll.shared.table.cells),
            shared: Arc::clone(&poll.shared),
            poll: Arc::downgrade(poll),
        }
    }

    #[inline]
    fn cell(&self) -> &Cell {
        self.lease.cell()
    }

    /// Puts the cell into the queue, a change having said so, and wakes who sleeps.
    #[inline(always)]
    fn push(&self, notify: fn(&Inner)) {
        self.shared.queue.push(&self.lease);
        if self.shared.sleep.must_wake() {
            self.tell(notify);
        }
    }

    #[inline]
    fn request_wake(&self) {
        if self.cell().wake() {
            self.push(Inner::notify_of_wake);
        }
    }

    #[cold]
    fn tell(&self, notify: fn(&Inner)) {
        if let Some(poll) = self.poll.upgrade() {
            notify(&poll);
        }
    }

    fn register(&self, token: Token, interest: Ready, opts: PollOpt) {
        let next = self.cell().register(token, interest, opts);
        self.notify_if_ready(next);
    }

    fn reregister(&self, token: Token, interest: Ready, opts: PollOpt) {
        let next = self.cell().reregister(token, interest, opts);
        self.notify_if_ready(next);
    }

    fn rearm(&self, interest: Ready, opts: PollOpt) {
        let next = self.cell().rearm(interest, opts);
        self.notify_if_ready(next);
    }

    fn notify_if_ready(&self, next: Next) {
        if next.push {
            self.push(Inner::notify_of_registration);
        }
    }

    #[inline(always)]
    fn set(&self, readiness: Ready) -> Next {
        let next = self.cell().set(readiness);
        if next.push {
            self.push(Inner::notify_of_wake);
        }
        next
    }
}

/// The home of a [`Waker`].
impl Wake for Home {
    fn wake(self: Arc<Home>) {
        self.request_wake();
    }

    fn wake_by_ref(self: &Arc<Home>) {
        self.request_wake();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.cell().abandon() {
            self.shared.table.cells.take_back(self.lease.number());
        }
    }
}

impl User {
    fn new() -> Arc<User> {
        Arc::new(User {
            home: OnceLock::new(),
            place: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn readiness(&self) -> Ready {
        match self.home.get().map_or_else(|| self.lock_without_home(), Ok) {
            Ok(home) => home.cell().readiness(),
            Err(place) => place.readiness,
        }
    }

    #[inline(always)]
    fn set(&self, readiness: Ready) {
        match self.home.get() {
            Some(home) => self.set_cell(home, readiness),
            None => self.set_without_cell(readiness),
        }
    }

    #[inline(always)]
    fn set_cell(&self, home: &Home, readiness: Ready) {
        if home.set(readiness).forward {
            self.forward(home);
        }
    }

    #[cold]
    fn set_without_cell(&self, readiness: Ready) {
        match self.lock_without_home() {
            Ok(home) => self.set_cell(home, readiness),
            Err(mut place) => place.readiness = readiness & Ready::all(),
        }
    }

    /// Locks the place that holds the readiness of a source without a cell. Returns the home instead
    /// if the source got one since the caller looked: the readiness is in its cell then.
    fn lock_without_home(&self) -> Result<&Home, MutexGuard<'_, Place>> {
        let place = self.lock();
        self.home.get().ok_or(place)
    }

    /// Copies the readiness of the first cell to the cell of the current registration.
    #[cold]
    fn forward(&self, home: &Home) {
        if let Some(elsewhere) = &self.lock().elsewhere {
            // Who comes last by the first cell comes last here: it is read under the lock.
            elsewhere.set(home.cell().readiness());
        }
    }

    /// Returns the cell with `poll`, for a registration that begins.
    fn settle<'a>(&'a self, place: &'a mut Place, poll: &Arc<Inner>) -> &'a Home {
        let readiness = place.readiness;
        let home = self
            .home
            .get_or_init(|| Home::new(poll, |cells| cells.give(readiness)));
        if Arc::ptr_eq(&home.shared, &poll.shared) {
            if place.elsewhere.take().is_some() {
                home.cell().move_back();
            }
            return home;
        }
        let readiness = home.cell().move_away();
        place
            .elsewhere
            .take_if(|elsewhere| !Arc::ptr_eq(&elsewhere.shared, &poll.shared));
        let elsewhere = place
            .elsewhere
            .get_or_insert_with(|| Home::new(poll, |cells| cells.give(readiness)));
        elsewhere.cell().set(readiness);
        elsewhere
    }

    /// The cell of the registration that stands.
    fn current<'a>(&'a self, place: &'a Place) -> Option<&'a Home> {
        place.elsewhere.as_ref().or(self.home.get())
    }

    fn register(
        &self,
        poll: &Arc<Inner>,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        check(poll, interest, opts)?;
        let mut place = self.lock();
        Standing::vacant(place.standing.as_ref(), poll)?;
        let home = self.settle(&mut place, poll);
        home.register(token, interest, opts);
        place.standing = Some(Standing {
            poll: Arc::downgrade(poll),
            source: (interest, opts),
        });
        Ok(())
    }

    fn reregister(
        &self,
        poll: &Arc<Inner>,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        check(poll, interest, opts)?;
        let mut place = self.lock();
        Standing::with(place.standing.as_mut(), poll)?.source = (interest, opts);
        if let Some(home) = self.current(&place) {
            home.reregister(token, interest, opts);
        }
        Ok(())
    }

    fn rearm(&self, poll: &Arc<Inner>) -> io::Result<()> {
        let mut place = self.lock();
        let (interest, opts) = Standing::with(place.standing.as_mut(), poll)?.source;
        if let Some(home) = self.current(&place) {
            home.rearm(interest, opts);
        }
        Ok(())
    }

    fn deregister(&self, poll: &Arc<Inner>) -> io::Result<()> {
        let mut place = self.lock();
        Standing::with(place.standing.as_mut(), poll)?;
        self.end(&mut place);
        Ok(())
    }

    /// Ends whatever registration there is.
    fn end(&self, place: &mut Place) {
        if place.standing.take().is_some() {
            if let Some(home) = self.current(place) {
                home.cell().end();
            }
        }
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
/// leaves something to report counts as a new edge.
///
/// Dropping it ends the registration. It may go from one `Poll` to another; setting takes a lock from
/// then on, and some memory of the first `Poll` is kept as long as the source.
///
/// ```
/// use readywire::{Events, Poll, PollOpt, Ready, Registration, Token};
/// use std::thread;
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
        let user = User::new();
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

    fn rearm(&self, poll: &Poll) -> io::Result<()> {
        self.user.rearm(&poll.inner)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.user.deregister(&poll.inner)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.user.end(&mut self.user.lock());
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readiness = self.user.readiness();
        let standing = self.user.lock().standing.as_ref().map(|at| at.source);
        let (interest, opts) = standing.unwrap_or_default();
        f.debug_struct("Registration")
            .field("readiness", &readiness)
            .field("interest", &interest)
            .field("opts", &opts)
            .finish()
    }
}

/// Sets the readiness of a [`Registration`], from any thread.
///
/// ```
/// use readywire::{Ready, Registration};
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
        self.user.readiness()
    }

    /// Sets the readiness, and wakes a poller if there is something to report.
    ///
    /// It is remembered while the [`Registration`] is registered with no `Poll`, or its `Poll` was dropped: the
    /// next one that it is registered with reports it. What the calling thread
    /// wrote before is visible to who sees the event.
    ///
    /// # Errors
    /// None at present; the result is that of mio 0.6.
    #[inline]
    pub fn set_readiness(&self, readiness: Ready) -> io::Result<()> {
        self.user.set(readiness);
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

/// Wakes a [`Poll`] from any thread, with an event under its own token or, if it is
/// [`silent`](Waker::silent), without one.
///
/// There can be any number for one `Poll`. Wakes that no poll has returned yet are one event, whose
/// readiness is `READABLE`. A wake costs no system call while a poller is awake or a wake is
/// pending, unless the `Poll` has lent its descriptor (`AsFd`, until `Poll::reclaim_fd`).
///
/// A wake is delivered even if the last clone of its waker is dropped right afterwards: under the
/// waker's token, by the poll that is waiting or by the next one. It is lost only if the `Poll`
/// is dropped. Until it is delivered, such a wake takes some memory.
///
/// ```
/// use readywire::{Events, Poll, Token, Waker};
/// use std::thread;
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
    home: Arc<Home>,
}

impl Waker {
    /// Makes a waker for `poll` whose events carry `token`.
    ///
    /// # Errors
    /// None at present; a `Result` because waking may need a resource of the system.
    pub fn new(poll: &Poll, token: Token) -> io::Result<Waker> {
        Waker::with(poll, Some(token))
    }

    /// Makes a waker for `poll` that has no token: its wakes end a poll without an event.
    ///
    /// It is for a program that looks at a flag or a queue of its own after each poll, such as an
    /// executor. A poll that waits returns early, with no event or with those that are there; if none
    /// waits, the next one returns at once.
    ///
    /// # Errors
    /// None at present, as with [`new`](Waker::new).
    ///
    /// # Examples
    /// ```
    /// use readywire::{Events, Poll, Waker};
    /// use std::sync::mpsc;
    /// use std::thread;
    ///
    /// let poll = Poll::new()?;
    /// let mut events = Events::with_capacity(8);
    /// let waker = Waker::silent(&poll)?;
    /// let (sender, tasks) = mpsc::channel();
    /// let worker = thread::spawn(move || {
    ///     sender.send("run me").expect("the loop lives as long as this thread");
    ///     waker.wake()
    /// });
    ///
    /// poll.poll(&mut events, None)?;
    /// assert!(events.is_empty());
    /// assert_eq!(tasks.try_recv(), Ok("run me"));
    /// worker.join().unwrap()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias("notify", "unpark"))]
    pub fn silent(poll: &Poll) -> io::Result<Waker> {
        Waker::with(poll, None)
    }

    fn with(poll: &Poll, token: Option<Token>) -> io::Result<Waker> {
        let home = Home::new(&poll.inner, |cells| cells.give_to_waker(token));
        Ok(Waker {
            home: Arc::new(home),
        })
    }

    /// Makes a poll that waits, or the next one, return: with an event under the waker's token, unless
    /// the waker is [`silent`](Waker::silent).
    ///
    /// What the calling thread wrote before is visible to who sees the event. After the `Poll` was dropped
    /// it is `Ok` and does nothing: a `Poll` may be dropped at any moment by another thread, also right
    /// after a wake, and runtimes that stop go on waking.
    ///
    /// # Errors
    /// None at present; a `Result` because waking may fail on another system.
    #[inline]
    pub fn wake(&self) -> io::Result<()> {
        self.home.request_wake();
        Ok(())
    }
}

/// Makes the waker of a future, for an executor that sleeps in [`Poll::poll`].
///
/// Whatever wakes the future makes that poll return an event under the waker's token, which can stand for a
/// task: the `Poll` is the queue of tasks to run. It allocates nothing; clones of the waker are one waker
/// to [`will_wake`](task::Waker::will_wake). The example `executor` is built on this.
///
/// # Examples
/// ```
/// use readywire::{Events, Poll, Token, Waker};
/// use std::pin::pin;
/// use std::task::{self, Context};
///
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// let waker = task::Waker::from(Waker::new(&poll, Token(7))?);
///
/// let mut turns = 0;
/// let mut future = pin!(std::future::poll_fn(|context| {
///     turns += 1;
///     context.waker().wake_by_ref(); // another turn, please
///     if turns < 3 { task::Poll::Pending } else { task::Poll::Ready(turns) }
/// }));
/// let result = loop {
///     match future.as_mut().poll(&mut Context::from_waker(&waker)) {
///         task::Poll::Ready(result) => break result,
///         task::Poll::Pending => poll.poll(&mut events, None)?,
///     };
///     assert_eq!(events.get(0).unwrap().token(), Token(7));
/// };
/// assert_eq!(result, 3);
/// # Ok::<(), std::io::Error>(())
/// ```
impl From<Waker> for task::Waker {
    fn from(waker: Waker) -> task::Waker {
        task::Waker::from(waker.home)
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Events;

    #[test]
    fn readiness_set_as_the_source_gets_its_cell_is_reported() {
        let poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(1);
        let (registration, set) = Registration::new();
        poll.register(&registration, Token(1), Ready::READABLE, PollOpt::EDGE)
            .unwrap();
        // The setter found no cell, and got the lock after the registration.
        set.user.set_without_cell(Ready::READABLE);
        assert_eq!(set.readiness(), Ready::READABLE);
        assert_eq!(poll.poll(&mut events, Some(Duration::ZERO)).unwrap(), 1);
    }
}
