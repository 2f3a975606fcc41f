//! The poll itself: registrations, the loop that waits, and what ties backend, table and queue
//! together.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use token_ready::{PollOpt, Ready, Token};

use crate::cells::Found;
use crate::key::{Index, Key, Meta};
use crate::queue::Outcome;
use crate::shared::Shared;
use crate::source::Place;
use crate::stats::Stats;
use crate::sys::{self, Drained, RawEvent, RawSource, Selector};
use crate::table::Entry;
use crate::{Backend, Batches, BusyPoll, Evented, Events, RegistrationError};

/// Waits until one of many sources is ready.
///
/// Sources are [registered](Poll::register) with a [`Token`], an interest and a trigger;
/// [`poll`](Poll::poll) fills [`Events`] with what became ready.
///
/// # Triggers
/// * `PollOpt::LEVEL` (or none): reported at every poll while the condition holds.
/// * `PollOpt::EDGE`: reported when the condition arises. Drain the source before polling again;
///   what arrives after that is a new edge. Events may be spurious but are never lost.
/// * `PollOpt::ONESHOT`, with either: reported once, then silent until [rearmed](Poll::rearm) or
///   reregistered.
///
/// An empty interest reports errors and hang-ups alone.
///
/// # What drains a source
/// `WouldBlock` does, always. On a stream socket and a pipe, so does a read or a write of fewer
/// bytes than the buffers hold, with these exceptions, after which only `WouldBlock` or `Ok(0)` shows
/// that nothing is left:
///
/// * the event had `READ_CLOSED`, `HUP`, `ERROR` or `PRIORITY`;
/// * the read ended at the mark of urgent data, or behind descriptors that came on a Unix stream;
/// * there were more buffers than the OS takes in one call.
///
/// Neither a datagram nor a peek drains a source. The handle does not matter: the source, its clone
/// or, inside of the source's `try_io`, its borrowed descriptor. A backend that emulates edges
/// (poll(2), AFD) learns of it from these; after I/O that was done otherwise it reports no further
/// edge.
///
/// # Events
/// A source has at most one event in a batch, with all it is ready for. Nothing outside the
/// interest is reported but errors and hang-ups. Once `deregister` has returned or the source is
/// dropped, no event of that registration is handed out any more: not from a batch that was polled
/// before, not to another source that got the same descriptor number. Where one thread polls and
/// another drops, the first may still hold an event that it took from its batch before; [`Batches`] reports when that
/// is over. `reregister` does not end a registration: its event in a batch survives, with the new token and within
/// the new interest. Dropping the `Poll` ends all its registrations, so that a batch which outlives it holds wakes
/// alone.
///
/// # Threads
/// Every method may be called from any thread while others poll. Several threads may poll one
/// `Poll`: an edge or a oneshot reaches one of them, a level may reach several. What a thread wrote
/// before it called [`Waker::wake`](crate::Waker::wake),
/// [`SetReadiness::set_readiness`](crate::SetReadiness::set_readiness) or `register` is visible to
/// the thread that sees the resulting event.
///
/// # Platform-specific behaviour
/// A `Poll` and its sources belong to one process: after a fork, both processes would change the
/// same set of the kernel. The child must use neither, nor drop them: dropping a source of a poll(2)
/// `Poll` there may wait for a thread that only the parent has. Executing another program closes
/// them. As long as a child lives on without that, it keeps connections open that the parent
/// closes. On Linux the parent removes a source from before the fork with one system call more when
/// it is dropped, so that epoll does not report it any longer. A child that was made by a bare
/// `clone(2)` or `vfork(2)` goes unnoticed, as does a fork at the very moment at which a source is made or
/// dropped: polls then return as late as they should, but keep a processor busy until the child ends.
///
/// On Linux, where a sandbox or an old kernel fails `epoll_pwait2(2)`, `ppoll(2)` or `eventfd(2)`,
/// older calls take their place. Where a sandbox kills the process for one of the first two,
/// [`use_millisecond_timeouts`](Poll::use_millisecond_timeouts) leaves them out.
///
/// A `Poll` on epoll or kqueue lends its descriptor (`AsFd`, `AsRawFd`), which is readable when a
/// poll would return something, and can be registered with another `Poll` as an `EventedPoll`. The
/// descriptor of a `Poll` on the poll(2) backend is readable for wakes alone, and registering such a `Poll`
/// with another is `Unsupported`.
///
/// kqueue reports `PRIORITY` on Apple's systems, OpenBSD and DragonFly alone. An error that does not
/// end a connection, such as a datagram's, is reported there as readiness for the call that returns it.
///
/// The poll(2) backend reports a half-close as a hang-up on Apple's systems. On NetBSD, and for some
/// sockets on OpenBSD, it reports no hang-up and no error of a socket, since poll(2) has no `POLLHUP`
/// for them there: the end is `READABLE`.
///
/// On the poll(2) backend an edge on a FIFO is silent once its last writer has closed, until it is
/// registered again: there is no `WouldBlock` then that would arm it for the next writer. Who expects
/// further writers opens it for reading and writing, or uses a level.
///
/// On Windows a `Poll` has no descriptor, and sources are sockets alone. AFD reports a connection whose
/// halves are both closed as it reports a half-close, and reports nothing when the program itself shuts
/// down the reading half. A stream and its clones share one AFD poll if they are registered with the same
/// `Poll`. Do not register them with two: Windows mixes up two AFD polls of one socket, so that events
/// may be lost. A poll with a timeout of zero directly after `reregister` may come too early for
/// the event; the next one reports it.
///
/// # Examples
/// ```
/// use readywire::{Events, IoSource, Poll, PollOpt, Ready, Token};
/// use std::io::{Read, Write};
/// use std::time::Duration;
///
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let mut client = std::net::TcpStream::connect(listener.local_addr()?)?;
/// let (server, _) = listener.accept()?;
/// server.set_nonblocking(true)?;
///
/// let server = IoSource::new(server);
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(64);
/// poll.register(&server, Token(7), Ready::READABLE, PollOpt::EDGE)?;
///
/// client.write_all(b"ping")?;
/// poll.poll(&mut events, Some(Duration::from_secs(10)))?;
/// for event in &events {
///     assert_eq!(event.token(), Token(7));
///     let mut buf = [0; 16];
///     let n = server.try_io(Ready::READABLE, |mut stream| stream.read(&mut buf))?;
///     assert_eq!(&buf[..n], b"ping");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Poll {
    /// Where this `Poll` is registered itself; it must end before the descriptor is closed.
    #[cfg_attr(windows, expect(dead_code, reason = "a Poll is no source there"))]
    pub(crate) place: Place,
    pub(crate) inner: Arc<Inner>,
    /// Dropped last.
    _owner: Owner,
}

/// Identifies a [`Poll`], see [`Poll::id`].
///
/// # Examples
/// ```
/// use readywire::{Poll, PollId};
///
/// let (poll, other) = (Poll::new()?, Poll::new()?);
/// let id: PollId = poll.id();
/// assert_eq!(id, poll.id());
/// assert_ne!(id, other.id());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PollId(usize);

impl PollId {
    fn next() -> PollId {
        static NEXT: AtomicUsize = AtomicUsize::new(0);

        PollId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Closes the backend when its `Poll` is dropped, before the drop returns and on the thread that
/// drops.
///
/// Sources and wakers hold weak references, so that another thread may be using the backend at that
/// moment: for one call, which does not block.
struct Owner(Option<Arc<Inner>>);

impl Drop for Owner {
    fn drop(&mut self) {
        let Some(mut inner) = self.0.take() else {
            return;
        };
        let mut tries = 0;
        while let Err(shared) = Arc::try_unwrap(inner) {
            inner = shared;
            tries += 1;
            if tries <= 100 {
                thread::yield_now();
            } else {
                // The other thread cannot run while this one does, at a higher priority for example.
                pause();
            }
        }
    }
}

#[cold]
#[expect(
    clippy::disallowed_methods,
    reason = "no wake-up announces the end of a system call"
)]
fn pause() {
    thread::sleep(Duration::from_micros(50));
}

impl Poll {
    /// Makes a `Poll` on the system's best backend.
    ///
    /// # Errors
    /// Any error from creating the backend, for example because the process has too many open descriptors.
    pub fn new() -> io::Result<Poll> {
        Poll::with_backend(Backend::available()[0])
    }

    /// Makes a `Poll` on the given backend.
    ///
    /// # Errors
    /// `Unsupported` if the system does not have the backend, see [`Backend::available`]; otherwise any error from
    /// creating it, such as an error from `epoll_create1(2)`.
    ///
    /// ```
    /// use readywire::{Backend, Poll};
    ///
    /// # #[cfg(unix)]
    /// assert_eq!(Poll::with_backend(Backend::Poll)?.backend(), Backend::Poll);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn with_backend(backend: Backend) -> io::Result<Poll> {
        let inner = Arc::new(Inner {
            selector: Selector::new(backend)?,
            shared: Arc::default(),
            system_first: AtomicBool::new(false),
            id: PollId::next(),
        });
        Ok(Poll {
            _owner: Owner(Some(Arc::clone(&inner))),
            inner,
            place: Place::shared(),
        })
    }

    /// Makes every `Poll` of this process wait in whole milliseconds from now on, rounded up.
    ///
    /// It is for sandboxes that kill a process for a system call they do not know. Call it before the
    /// first `Poll` is made. A sandbox that fails such a call with an error needs no help: an older
    /// call takes its place.
    ///
    /// # Platform-specific behaviour
    /// On Linux no `epoll_pwait2(2)` and no `prctl(2)` is called afterwards, nor `ppoll(2)` if the kernel also has
    /// `poll(2)`. On other Unix systems it concerns the poll(2) backend; kqueue keeps its resolution. Windows waits
    /// in milliseconds anyway.
    ///
    /// # Examples
    /// ```
    /// use readywire::{Events, Poll};
    /// use std::time::{Duration, Instant};
    ///
    /// Poll::use_millisecond_timeouts();
    /// let poll = Poll::new()?;
    /// let mut events = Events::with_capacity(8);
    /// let start = Instant::now();
    /// poll.poll(&mut events, Some(Duration::from_micros(1500)))?;
    /// assert!(start.elapsed() >= Duration::from_micros(1500)); // usually two milliseconds
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias("seccomp", "epoll_pwait2", "PR_GET_TIMERSLACK"))]
    pub fn use_millisecond_timeouts() {
        Selector::use_millisecond_timeouts();
    }

    /// Returns the identity of this `Poll`, which no other one of the process has, not even one that is gone.
    ///
    /// It is for a runtime with a `Poll` for each thread, whose sources check that they are used with
    /// their own. A registered source needs no check: [`RegistrationError::OtherPoll`] reports it.
    ///
    /// # Examples
    /// ```
    /// use readywire::{Poll, PollId};
    ///
    /// /// A source that belongs to one thread of a runtime.
    /// struct Source {
    ///     home: PollId,
    /// }
    ///
    /// let (mine, other) = (Poll::new()?, Poll::new()?);
    /// let source = Source { home: mine.id() };
    /// assert_eq!(source.home, mine.id());
    /// assert_ne!(source.home, other.id());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn id(&self) -> PollId {
        self.inner.id
    }

    /// Returns the backend this `Poll` stands on.
    pub fn backend(&self) -> Backend {
        self.inner.selector.backend()
    }

    /// Registers a source under `token`; see [`Poll`] for what `interest` and `opts` mean.
    ///
    /// # Errors
    /// `AlreadyExists` if the source is registered already, here or with another `Poll`;
    /// `InvalidInput` if `opts` contradict each other, both with a
    /// [`RegistrationError`]; otherwise any error from `epoll_ctl(2)` or the like.
    #[inline]
    pub fn register<E: Evented + ?Sized>(
        &self,
        source: &E,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        source.register(self, token, interest, opts)
    }

    /// Replaces token, interest and options of a registration.
    ///
    /// What the source is ready for at this moment is reported again, edge or not; a oneshot is
    /// armed again. An event that a batch already holds stays there: it is handed out under the new
    /// token, without the kinds that the new interest leaves out. So the next poll may report the same
    /// readiness once more, also after a oneshot.
    ///
    /// # Errors
    /// `NotFound` if the source is not registered with this `Poll`; `InvalidInput` if `opts`
    /// contradict each other, both with a [`RegistrationError`]; otherwise any error from `epoll_ctl(2)` or the like.
    /// The registration is then as it was, or has ended if the system no longer watches the source, which can be
    /// registered again.
    ///
    /// ```
    /// use readywire::{Poll, PollOpt, Ready, Registration, Token};
    ///
    /// let poll = Poll::new()?;
    /// let (registration, _set_readiness) = Registration::new();
    /// poll.register(&registration, Token(0), Ready::READABLE, PollOpt::LEVEL)?;
    /// poll.reregister(&registration, Token(1), Ready::WRITABLE, PollOpt::EDGE)?;
    /// poll.deregister(&registration)?;
    /// assert!(poll.deregister(&registration).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn reregister<E: Evented + ?Sized>(
        &self,
        source: &E,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        source.reregister(self, token, interest, opts)
    }

    /// Arms a registration again, with the token, interest and options it has.
    ///
    /// It does what [`reregister`](Poll::reregister) with those three does: what the source is ready for
    /// at this moment is reported again, edge or not, and a oneshot is armed again. It takes as many
    /// system calls. Threads that share one `Poll` need it to give a oneshot source back, and so does a
    /// program that stopped before its source was drained, for fairness for example, and needs an event for the rest.
    /// Should another thread reregister the source meanwhile, its terms stay.
    ///
    /// # Errors
    /// `NotFound` with a [`RegistrationError`] if the source is not registered with this `Poll`;
    /// `Unsupported` if the source's type does not implement [`Evented::rearm`];
    /// otherwise any error from `epoll_ctl(2)` or the like. The registration is then as it was, or has ended if the
    /// system no longer watches the source, which can be registered again.
    ///
    /// # Examples
    /// ```
    /// use readywire::{Events, Poll, PollOpt, Ready, Registration, Token};
    ///
    /// let poll = Poll::new()?;
    /// let mut events = Events::with_capacity(8);
    /// let (registration, set_readiness) = Registration::new();
    /// poll.register(&registration, Token(0), Ready::READABLE, PollOpt::ONESHOT)?;
    /// for _job in 0..3 {
    ///     set_readiness.set_readiness(Ready::READABLE)?;
    ///     assert_eq!(poll.poll(&mut events, None)?, 1);
    ///     // Nothing more is reported, to no thread, until the job is done.
    ///     poll.rearm(&registration)?;
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias("modify", "EPOLL_CTL_MOD"))]
    #[inline]
    pub fn rearm<E: Evented + ?Sized>(&self, source: &E) -> io::Result<()> {
        source.rearm(self)
    }

    /// Ends a registration; the source may then be registered with any `Poll`.
    ///
    /// Once this has returned, no batch hands out an event of the registration. An event that another
    /// thread took from its batch before may still be in that thread's hands: if the token is an address, keep the
    /// object there until [`Batches::are_over`] returns `true`.
    ///
    /// # Errors
    /// `NotFound` with a [`RegistrationError`] if the source is not registered with this `Poll`;
    /// otherwise any error from `epoll_ctl(2)` or the like, and the registration has ended all the same.
    #[inline]
    pub fn deregister<E: Evented + ?Sized>(&self, source: &E) -> io::Result<()> {
        source.deregister(self)
    }

    /// Waits until a source is ready or `timeout` has passed, and returns how many events it put
    /// into `events`, in place of those from before. Reading them may yield fewer, see [`Events`],
    /// but at the return at least one was there to be read.
    ///
    /// `None` waits for ever, zero looks and returns at once; any other timeout never ends early
    /// without an event. A signal does not end the wait, but a [silent](crate::Waker::silent) waker
    /// does, without an event.
    ///
    /// # Errors
    /// Any error from `epoll_wait(2)` or the like but `Interrupted`; `events` is empty then.
    ///
    /// # Platform-specific behaviour
    /// On Linux timeouts have the resolution of nanoseconds (from 5.11 on; milliseconds, rounded
    /// up, before), on kqueue as well, with `Backend::Poll` where there is `ppoll`; on Windows they
    /// are milliseconds, rounded up.
    ///
    /// Time in which the process is stopped (SIGSTOP) counts. It does not count with the poll(2) backend on Linux if
    /// the kernel has `ppoll(2)` but not `poll(2)`, as on 64-bit ARM and RISC-V.
    ///
    /// How late a timeout may end is the system's choice. On Linux a thread sleeps up to its timer
    /// slack longer than asked, 50 µs unless `prctl(PR_SET_TIMERSLACK)` says otherwise, or up to a
    /// thousandth of the timeout if that is more. From 5.11 on a timeout below a thousand times the slack
    /// of the thread that made the `Poll` (50 ms) is shortened by that slack, so that it ends in time, or as
    /// late as the thread takes to wake up; should the kernel end it early, a second system call waits
    /// for the rest. A timeout of a second or more is rounded up to milliseconds.
    #[doc(alias("epoll_wait", "kevent", "ppoll", "GetQueuedCompletionStatusEx"))]
    #[inline(always)]
    pub fn poll(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        self.inner.poll(events, timeout, false)
    }

    /// Waits as [`poll`](Poll::poll) does, but returns when a signal interrupts the wait.
    ///
    /// # Errors
    /// `Interrupted` after a signal, if there is no event to return and no silent wake; otherwise any error from
    /// `epoll_wait(2)` or the like.
    ///
    /// # Platform-specific behaviour
    /// Where several threads poll one `Poll` on the poll(2) backend, one of them waits in the
    /// system; a signal that another of them handles does not interrupt that other one's wait.
    ///
    /// A process that was stopped (SIGSTOP) and goes on (SIGCONT) has handled no signal. On Linux epoll
    /// returns `Interrupted` all the same; the poll(2) backend waits for the rest of the time.
    ///
    /// # Examples
    /// ```
    /// use readywire::{Events, Poll};
    /// use std::io::ErrorKind;
    /// use std::time::Duration;
    ///
    /// let poll = Poll::new()?;
    /// let mut events = Events::with_capacity(8);
    /// match poll.poll_interruptible(&mut events, Some(Duration::from_millis(1))) {
    ///     Ok(count) => assert_eq!(count, 0),
    ///     Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted),
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "EINTR")]
    #[inline(always)]
    pub fn poll_interruptible(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        self.inner.poll(events, timeout, true)
    }

    /// Sets for how long a poll asks the network device for packets before it sleeps (`EPIOCSPARAMS`).
    ///
    /// It is for servers that give a processor to each `Poll` for lower latency, such as proxies on fast
    /// networks. All sources should belong to one queue of one device; those without a device, such as
    /// connections over the loopback interface, are not affected. For this `Poll` a time above
    /// zero takes the place of the sysctl `net.core.busy_poll`; zero leaves it to that, which is zero by default.
    ///
    /// # Errors
    /// `Unsupported` where there is no such thing, with what it needs and, on an older Linux, its version;
    /// `InvalidInput` for a time of more than 2,147,483,647 microseconds; `PermissionDenied` for a budget of
    /// more than 64 without `CAP_NET_ADMIN`.
    ///
    /// # Platform-specific behaviour
    /// Linux 6.9 and later, on the epoll backend.
    ///
    /// # Examples
    /// ```
    /// use readywire::{BusyPoll, Poll};
    /// use std::io::ErrorKind;
    /// use std::time::Duration;
    ///
    /// let poll = Poll::new()?;
    /// let mut params = BusyPoll::default();
    /// params.time = Duration::from_micros(64);
    /// match poll.set_busy_poll(params) {
    ///     Ok(()) => assert_eq!(poll.busy_poll()?, params),
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => eprintln!("{error}"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias("EPIOCSPARAMS", "epoll_params", "napi"))]
    pub fn set_busy_poll(&self, params: BusyPoll) -> io::Result<()> {
        self.inner.selector.set_busy_poll(params)
    }

    /// Returns what [`set_busy_poll`](Poll::set_busy_poll) has set, or the default (`EPIOCGPARAMS`).
    ///
    /// # Errors
    /// `Unsupported`, as with [`set_busy_poll`](Poll::set_busy_poll).
    ///
    /// # Examples
    /// See [`set_busy_poll`](Poll::set_busy_poll).
    #[doc(alias = "EPIOCGPARAMS")]
    pub fn busy_poll(&self) -> io::Result<BusyPoll> {
        self.inner.selector.busy_poll()
    }

    /// Returns the batches that this `Poll` fills, to learn when no thread has an event any more that it
    /// took from one before; see [`Batches`].
    ///
    /// # Examples
    /// ```
    /// use readywire::Poll;
    ///
    /// let poll = Poll::new()?;
    /// // No thread polls.
    /// assert!(poll.batches().are_over());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn batches(&self) -> Batches {
        self.inner.shared.counters.batches()
    }

    /// Returns what this `Poll` has done so far; it may be called at any time from any thread.
    pub fn stats(&self) -> Stats {
        self.inner.shared.counters.read()
    }
}

impl fmt::Debug for Poll {
    /// Lists the backend and the registrations: descriptor, token, interest and options.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let registrations: Vec<_> = self.inner.shared.table.list().collect();
        f.debug_struct("Poll")
            .field("backend", &self.backend())
            .field("registrations", &registrations)
            .finish()
    }
}

/// What the clones of a `Poll`'s reference share.
pub(crate) struct Inner {
    pub(crate) selector: Selector,
    pub(crate) shared: Arc<Shared>,
    /// Whose turn it is where there is room for one event alone.
    system_first: AtomicBool,
    id: PollId,
}

impl Drop for Inner {
    /// Ends the registrations: sources no longer find the table that a batch still reads.
    fn drop(&mut self) {
        self.shared.table.retire_all();
    }
}

impl Inner {
    #[inline]
    pub(crate) fn emulates_edges(&self) -> bool {
        self.selector.emulates_edges()
    }

    /// Registers a source; `owned` means that the caller owns it and will end the registration
    /// before the source is closed.
    #[inline(always)]
    pub(crate) fn register(
        &self,
        source: RawSource,
        token: Token,
        interest: Ready,
        opts: PollOpt,
        owned: bool,
        clone_of: Option<Key>,
    ) -> io::Result<Key> {
        self.check(interest, opts)?;
        let index = sys::index(source, &self.shared.table)?;
        let entry = self.shared.table.lock(index);
        let meta = Meta {
            interest,
            opts,
            owned,
        };
        if entry.current().is_some() {
            return self.register_over(entry, source, token, meta);
        }
        let key = entry.publish(token, meta);
        let opts = self.driven(opts, owned);
        let registered = self
            .selector
            .register(source, key, interest, opts, true, clone_of);
        if registered.is_err() {
            self.end(entry);
        }
        registered.map(|()| key)
    }

    /// Registers a source under whose number another registration stands.
    #[cold]
    fn register_over(
        &self,
        entry: Entry<'_>,
        source: RawSource,
        token: Token,
        meta: Meta,
    ) -> io::Result<Key> {
        // Either a second registration, or the number of a descriptor that was closed while it was registered and is
        // used again: the kernel knows which. No event may be returned until it has answered, so it is asked with a
        // key from a distant generation.
        let next = entry.next_key();
        let unsettled = Key::new(next.generation() ^ 1 << 31, next.index());
        let (interest, opts) = (meta.interest, self.driven(meta.opts, meta.owned));
        match self
            .selector
            .register(source, unsettled, interest, opts, false, None)
        {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(RegistrationError::AlreadyRegistered.into());
            }
            result => result?,
        }
        let key = entry.publish(token, meta);
        // Events from before the publication were dropped: make the kernel report the source again.
        if let Err(error) = self.selector.reregister(source, key, interest, opts) {
            // The first error says what is wrong; the source is as unregistered as can be.
            let _second = self.selector.deregister(source, key).is_err();
            self.end(entry);
            return Err(error);
        }
        Ok(key)
    }

    /// Changes the registration of the key `expected`, or with `None` the one there is of a source that
    /// nobody owns here. Its key stays, so that its events in a batch survive.
    #[inline(always)]
    pub(crate) fn reregister(
        &self,
        source: RawSource,
        index: Index,
        expected: Option<Key>,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.check(interest, opts)?;
        let entry = self.shared.table.lock(index);
        let (key, old_token, old) = standing(&entry, expected)?;
        let new = Meta {
            interest,
            opts,
            owned: old.owned,
        };
        // Before the source is watched in another way: events of the new interest are not masked by
        // the old one.
        entry.change(key, token, new);
        match self.watch(source, key, new) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.keep(error, entry, source, key, old_token, old)),
        }
    }

    /// Arms the registration of the key `expected` again, or with `None` the one there is of a source
    /// that nobody owns here: as [`reregister`](Inner::reregister) does, but nothing of it changes.
    #[inline]
    pub(crate) fn rearm(
        &self,
        source: RawSource,
        index: Index,
        expected: Option<Key>,
    ) -> io::Result<()> {
        let entry = self.shared.table.lock(index);
        let (key, token, meta) = standing(&entry, expected)?;
        match self.watch(source, key, meta) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.keep(error, entry, source, key, token, meta)),
        }
    }

    /// Restores a registration that could not be changed, or ends it if the source is gone; returns
    /// the error for the caller.
    #[cold]
    fn keep(
        &self,
        error: io::Error,
        entry: Entry<'_>,
        source: RawSource,
        key: Key,
        token: Token,
        meta: Meta,
    ) -> io::Error {
        entry.change(key, token, meta);
        // What came in meanwhile was masked by the new interest, so that the source is looked at again.
        let restored = error.kind() != io::ErrorKind::NotFound
            && (self.watch(source, key, meta).is_ok() || {
                // epoll had to end an exclusive watch before it could fail.
                let opts = self.driven(meta.opts, meta.owned);
                let added = self
                    .selector
                    .register(source, key, meta.interest, opts, true, None);
                added.is_ok()
            });
        if !restored {
            self.end(entry);
        }
        not_found(error)
    }

    /// Watches a registered source as `meta` says, and looks at it again.
    #[inline(always)]
    fn watch(&self, source: RawSource, key: Key, meta: Meta) -> io::Result<()> {
        let opts = self.driven(meta.opts, meta.owned);
        self.selector.reregister(source, key, meta.interest, opts)
    }

    /// Ends the registration that `expected` was given for, as with
    /// [`reregister`](Inner::reregister).
    #[inline(always)]
    pub(crate) fn deregister(
        &self,
        source: RawSource,
        index: Index,
        expected: Option<Key>,
    ) -> io::Result<()> {
        let entry = self.shared.table.lock(index);
        let (key, ..) = standing(&entry, expected)?;
        let ended = self.selector.deregister(source, key);
        self.end(entry);
        ended.map_err(not_found)
    }

    /// Returns whether the registration that `key` was given for has not ended.
    pub(crate) fn has(&self, key: Key) -> bool {
        let entry = self.shared.table.lock(key.index());
        entry.current().is_some_and(|(current, ..)| current == key)
    }

    /// Ends the registration of a source that is about to be closed; `shared` tells that a
    /// duplicate of it may live on.
    pub(crate) fn abandon(&self, source: RawSource, key: Key, shared: bool) {
        if shared {
            // Nobody is left to hear of an error, and the source is closed next in any case.
            let _closed_already = self.deregister(source, key.index(), Some(key)).is_err();
            return;
        }
        let entry = self.shared.table.lock(key.index());
        if entry.current().is_some_and(|(current, ..)| current == key) {
            self.selector.forget(source, key);
            self.end(entry);
        }
    }

    pub(crate) fn mark_drained(
        &self,
        source: RawSource,
        key: Key,
        direction: Ready,
        drained: Drained,
    ) {
        if self.selector.mark_drained(source, key, direction, drained) {
            self.shared.counters.edges_rearmed.add(1);
        }
    }

    /// Returns whether registering `source` makes no new room.
    #[cfg_attr(windows, expect(dead_code, reason = "descriptors are a Unix thing"))]
    pub(crate) fn has_slot(&self, source: RawSource) -> bool {
        sys::index(source, &self.shared.table).is_ok_and(|index| self.shared.table.has_slot(index))
    }

    /// The slot of a source that nobody owns here, if it can be registered.
    #[cfg_attr(windows, expect(dead_code, reason = "descriptors are a Unix thing"))]
    pub(crate) fn borrowed(&self, source: RawSource) -> io::Result<Index> {
        sys::index(source, &self.shared.table)
            .ok()
            .filter(|&index| self.shared.table.has_slot(index))
            .ok_or_else(|| RegistrationError::NotRegistered.into())
    }

    #[inline]
    fn end(&self, entry: Entry<'_>) {
        let index = entry.index;
        entry.retire();
        drop(entry);
        self.shared.table.take_back(index);
    }

    #[inline]
    pub(crate) fn check(&self, interest: Ready, opts: PollOpt) -> io::Result<()> {
        if opts.contains(PollOpt::LEVEL | PollOpt::EDGE) || opts.is_exclusive() {
            return self.check_closely(interest, opts);
        }
        Ok(())
    }

    #[cold]
    fn check_closely(&self, interest: Ready, opts: PollOpt) -> io::Result<()> {
        let contradiction = opts.contains(PollOpt::LEVEL | PollOpt::EDGE)
            || opts.contains(PollOpt::EXCLUSIVE | PollOpt::ONESHOT);
        if contradiction {
            return Err(RegistrationError::Options(opts).into());
        }
        let backend = self.selector.backend();
        if backend != Backend::Epoll {
            let error = format!("EXCLUSIVE needs epoll, this Poll is on {backend}");
            return Err(io::Error::new(io::ErrorKind::Unsupported, error));
        }
        let allowed = Ready::READABLE | Ready::WRITABLE | Ready::ERROR | Ready::HUP;
        if !allowed.contains(interest) {
            return Err(RegistrationError::ExclusiveInterest(interest - allowed).into());
        }
        Ok(())
    }

    /// The options for the driver: nobody tells it when a borrowed source is drained, so that an
    /// emulated edge would never come again.
    #[inline]
    fn driven(&self, opts: PollOpt, owned: bool) -> PollOpt {
        if !owned && self.emulates_edges() {
            opts - PollOpt::EDGE
        } else {
            opts
        }
    }

    // Inlined up to the system call of a poll that waits for ever: processors mispredict the returns
    // out of functions that were called before one. What comes before or after it otherwise would
    // only make each place that polls larger.
    #[inline(always)]
    fn poll(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
        interruptible: bool,
    ) -> io::Result<usize> {
        events.begin(&self.shared);
        let queued = self.shared.queue.len();
        match timeout {
            None if queued == 0 => {
                let (result, woken) = self.sleep(events, None);
                self.finish(events, woken, result, interruptible)
            }
            Some(timeout) if queued == 0 && !timeout.is_zero() => {
                self.poll_within(events, timeout, interruptible)
            }
            _ => self.poll_now(events, timeout, queued, interruptible),
        }
    }

    /// Ends a poll without a timeout whose first wait is over. This much is for the common case, in which
    /// it needs no frame of its own.
    #[inline(never)]
    fn finish(
        &self,
        events: &mut Events,
        woken: bool,
        result: io::Result<()>,
        interruptible: bool,
    ) -> io::Result<usize> {
        match result {
            Ok(()) if !woken && self.shared.queue.is_empty() && events.is_settled(&self.shared) => {
                events.count();
                Ok(events.len())
            }
            result => self.finish_closely(events, woken, result, interruptible),
        }
    }

    #[inline(never)]
    fn finish_closely(
        &self,
        events: &mut Events,
        woken: bool,
        result: io::Result<()>,
        interruptible: bool,
    ) -> io::Result<usize> {
        self.complete(events, woken);
        self.end_poll(events, None, None, interruptible, result)
    }

    /// Polls with a timeout.
    #[inline(never)]
    fn poll_within(
        &self,
        events: &mut Events,
        timeout: Duration,
        interruptible: bool,
    ) -> io::Result<usize> {
        let deadline = deadline(timeout);
        let first = shortened(timeout, self.selector.slack());
        let (result, woken) = self.sleep(events, Some(first));
        self.complete(events, woken);
        self.end_poll(events, Some(timeout), deadline, interruptible, result)
    }

    /// Polls without waiting at first.
    #[inline(never)]
    fn poll_now(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
        queued: usize,
        interruptible: bool,
    ) -> io::Result<usize> {
        let result = self.look(events, queued);
        let deadline = match timeout {
            Some(timeout) if events.is_empty() && !timeout.is_zero() => deadline(timeout),
            _ => None,
        };
        self.end_poll(events, timeout, deadline, interruptible, result)
    }

    /// Ends a poll after its first round.
    #[inline(always)]
    fn end_poll(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
        deadline: Option<Instant>,
        interruptible: bool,
        mut result: io::Result<()>,
    ) -> io::Result<usize> {
        if events.is_empty() {
            result = self.go_on(events, timeout, deadline, interruptible, result);
        } else {
            result = Ok(());
        }
        events.count();
        result.map(|()| events.len())
    }

    /// Goes on after a round that has brought no event, until one does or the time is over.
    #[inline(never)]
    fn go_on(
        &self,
        events: &mut Events,
        mut timeout: Option<Duration>,
        deadline: Option<Instant>,
        interruptible: bool,
        mut result: io::Result<()>,
    ) -> io::Result<()> {
        let mut last = false;
        loop {
            if events.woken {
                // An event outweighs an error, and so does a wake: it is consumed.
                return Ok(());
            }
            let interrupted = match result {
                Ok(()) => false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted && !interruptible => true,
                Err(error) => return Err(error),
            };
            if let Some(deadline) = deadline {
                timeout = Some(deadline.saturating_duration_since(Instant::now()));
            }
            if timeout == Some(Duration::ZERO) && !interrupted {
                // Stale events, or a wake, may have taken the room of a live event: look again, once.
                if last || !events.emptied {
                    return Ok(());
                }
                last = true;
            }
            result = self.round(events, timeout);
            if !events.is_empty() {
                return Ok(());
            }
        }
    }

    /// Waits once, and puts into `events` what is there.
    fn round(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let queued = self.shared.queue.len();
        if queued > 0 || timeout == Some(Duration::ZERO) {
            return self.look(events, queued);
        }
        let (result, woken) = self.sleep(events, timeout);
        self.complete(events, woken);
        result
    }

    /// Waits for the backend; returns also whether its own wake may be among the events.
    #[inline(always)]
    fn sleep(&self, events: &mut Events, timeout: Option<Duration>) -> (io::Result<()>, bool) {
        let (sleep, rest) = (&self.shared.sleep, events.rest());
        sleep.enter(rest);
        let timeout = if self.shared.queue.is_empty() {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        let result = self.wait(events, events.capacity(), timeout);
        (result, sleep.leave(rest))
    }

    /// Completes the batch that the backend has begun to fill.
    #[inline(always)]
    fn complete(&self, events: &mut Events, woken: bool) {
        events.settle(&self.shared, woken);
        self.drain(events);
    }

    /// Puts into `events` what is there at this moment; `queued` is how much is in the queue.
    #[inline(always)]
    fn look(&self, events: &mut Events, queued: usize) -> io::Result<()> {
        let capacity = events.capacity();
        // Half the room each if both sides have that much, so that neither starves the other. Where
        // there is room for one event alone, they take turns.
        let kept = if queued > 0 && capacity == 1 {
            usize::from(!self.system_first.fetch_xor(true, Ordering::Relaxed))
        } else {
            queued.min(capacity.div_ceil(2))
        };
        let mut room = capacity - kept;
        loop {
            let mut result = Ok(());
            if room > 0 {
                result = self.wait(events, room, Some(Duration::ZERO));
            }
            let passed = self.shared.sleep.pass();
            self.complete(events, passed);
            if room > 0 || !events.is_empty() {
                return result;
            }
            // What was queued came to nothing, so that it was not the queue's turn.
            room = capacity;
        }
    }

    /// Lets the backend fill `room`.
    #[inline(always)]
    fn wait(&self, events: &mut Events, room: usize, timeout: Option<Duration>) -> io::Result<()> {
        debug_assert!(room > 0, "no backend waits for nothing");
        let (raw, scratch) = (&mut events.raw, &mut events.scratch);
        self.selector.wait(raw, room, scratch, timeout)
    }

    /// Fills what room there is from the queue.
    #[inline]
    fn drain(&self, events: &mut Events) {
        if !self.shared.queue.is_empty() {
            self.drain_queued(events);
        }
    }

    #[inline(never)]
    fn drain_queued(&self, events: &mut Events) {
        let (start, capacity) = (events.len(), events.capacity());
        if start < capacity {
            let Shared { queue, table, .. } = &*self.shared;
            let mut wakes = 0;
            let in_order = queue.drain(&table.cells, capacity - start, |number, cell| {
                let taken = cell.take(Index::of_cell(number));
                wakes += taken.wakes;
                if taken.abandoned {
                    table.cells.take_back(number);
                }
                match taken.event {
                    Some(Found::Readiness(key, ready)) => {
                        events.raw.push(RawEvent::new(key, ready, Ready::empty()));
                    }
                    Some(Found::Wake(token)) => events.push_wake(token),
                    None => events.woken |= taken.woken,
                }
                Outcome {
                    event: taken.event.is_some(),
                    again: taken.again,
                }
            });
            events.raw[start + in_order..].reverse();
            self.shared.counters.see_wakes(wakes);
        }
        // What is left is for another poller, if one sleeps.
        self.pass_on();
    }

    /// Prepares for somebody else waiting on the descriptor of this `Poll`.
    #[cfg_attr(windows, expect(dead_code, reason = "a Poll has no descriptor there"))]
    pub(crate) fn lend(&self) {
        self.shared.sleep.lend();
        self.pass_on();
    }

    /// Prepares for this `Poll` becoming a source of another.
    #[cfg_attr(windows, expect(dead_code, reason = "a Poll is no source there"))]
    pub(crate) fn enter_outer(&self) {
        self.shared.sleep.enter_outer();
        self.pass_on();
    }

    /// Wakes a sleeper if there is something in the queue for it.
    fn pass_on(&self) {
        if !self.shared.queue.is_empty() && self.shared.sleep.must_wake() {
            self.shared.counters.wakes_sent.add(1);
            self.wake();
        }
    }

    /// Wakes a sleeper: a wake was queued.
    pub(crate) fn notify_of_wake(&self) {
        self.shared.counters.send_wake();
        self.wake();
    }

    /// Wakes a sleeper: a source was registered that is ready already.
    pub(crate) fn notify_of_registration(&self) {
        self.shared.counters.wakes_sent.add(1);
        self.wake();
    }

    fn wake(&self) {
        // The handle is open and a write of one to it cannot fail; should it all the same, the
        // event is still in the queue, and the next poll finds it there.
        if self.selector.wake().is_err() {
            self.shared.sleep.pass();
        }
    }
}

/// Returns when `timeout` ends; `None` if that is beyond the clock's range.
#[inline]
fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// Shortens `timeout` by the kernel's timer slack, so that it usually expires on time and sometimes early, after which
/// the caller waits for the rest. A long one stays as it is: the kernel lets it expire late by up to a thousandth of
/// its length anyway.
#[inline]
fn shortened(timeout: Duration, slack: Duration) -> Duration {
    if timeout >= slack.saturating_mul(1000) {
        return timeout;
    }
    match timeout.checked_sub(slack) {
        Some(rest) if rest >= slack => rest,
        rest => short(timeout, slack, rest),
    }
}

#[cold]
fn short(timeout: Duration, slack: Duration, rest: Option<Duration>) -> Duration {
    // Not as little as has passed when the system gets to its timer: that would be not to wait.
    let least = timeout.min(slack / 16);
    rest.unwrap_or_default().max(least)
}

/// Maps the OS's `NotFound` to `NotRegistered`.
#[cold]
fn not_found(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::NotFound {
        RegistrationError::NotRegistered.into()
    } else {
        error
    }
}

/// The registration that stands in a slot, if it is the expected one.
#[inline]
fn standing(entry: &Entry<'_>, expected: Option<Key>) -> io::Result<(Key, Token, Meta)> {
    entry
        .current()
        .filter(|&(key, _, meta)| expected.map_or(!meta.owned, |expected| expected == key))
        .ok_or_else(|| RegistrationError::NotRegistered.into())
}

#[cfg(test)]
mod tests {
    use super::shortened;
    use std::time::Duration;

    #[test]
    fn a_timeout_is_asked_for_less_the_slack_but_never_for_nothing() {
        let table = [
            // Timeout, slack and what is asked for, in nanoseconds.
            (0, 0, 0),
            (0, 50_000, 0),
            (1, 0, 1),
            (1, 50_000, 1),
            (50_000, 50_000, 3125),
            (52_000, 50_000, 3125),
            (100_000, 50_000, 50_000),
            (1_000_000, 50_000, 950_000),
            (49_999_999, 50_000, 49_949_999),
            (50_000_000, 50_000, 50_000_000),
            (1_000_000, 1_000_000_000, 1_000_000),
        ];
        for (timeout, slack, asked) in table {
            let shortened = shortened(Duration::from_nanos(timeout), Duration::from_nanos(slack));
            assert_eq!(shortened, Duration::from_nanos(asked), "{timeout} {slack}");
        }
        assert!(shortened(Duration::MAX, Duration::MAX) > Duration::ZERO);
    }
}
