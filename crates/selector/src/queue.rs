//! The queue of user-space readiness, and the protocol by which it wakes a sleeping poller.
//!
//! Producers push cells from any thread, without a lock; a poll drains them. No events, no tokens
//! and no system calls live here: the caller turns cells into events and does the waking.

use crate::cells::{Cell, Cells, Lease};
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, read, write};

/// Cells in the order they were pushed, by their numbers plus one; zero is none.
#[derive(Default)]
struct Chain {
    first: u32,
    last: u32,
    len: usize,
}

impl Chain {
    fn pop<'a>(&mut self, cells: &'a Cells) -> Option<(u32, &'a Cell)> {
        let number = self.first.checked_sub(1)?;
        let cell = cells.get(number)?;
        self.first = cell.next.load(Ordering::Relaxed);
        if self.first == 0 {
            self.last = 0;
        }
        self.len -= 1;
        Some((number, cell))
    }

    fn last<'a>(&self, cells: &'a Cells) -> Option<&'a Cell> {
        cells.get(self.last.checked_sub(1)?)
    }

    fn add_first(&mut self, number: u32, cell: &Cell) {
        cell.next.store(self.first, Ordering::Relaxed);
        self.first = number + 1;
        if self.last == 0 {
            self.last = self.first;
        }
        self.len += 1;
    }

    fn add_last(&mut self, number: u32, cell: &Cell, cells: &Cells) {
        cell.next.store(0, Ordering::Relaxed);
        match self.last(cells) {
            Some(last) => last.next.store(number + 1, Ordering::Relaxed),
            None => self.first = number + 1,
        }
        self.last = number + 1;
        self.len += 1;
    }

    /// Puts another chain behind this one.
    fn extend(&mut self, other: Chain, cells: &Cells) {
        match self.last(cells) {
            Some(last) if other.len > 0 => {
                last.next.store(other.first, Ordering::Relaxed);
                self.last = other.last;
                self.len += other.len;
            }
            Some(_) => {}
            None => *self = other,
        }
    }
}

/// Cells as they were pushed, the newest first, by its number plus one; zero is none.
#[derive(Clone, Copy)]
struct Pushed {
    newest: u32,
    len: usize,
}

impl Pushed {
    /// How many cells wait is the upper half of the word, the newest the lower.
    fn from_bits(bits: u64) -> Pushed {
        Pushed {
            newest: bits as u32,
            len: (bits / Pushed::ONE) as usize,
        }
    }

    fn to_bits(self) -> u64 {
        Pushed::ONE * self.len as u64 + u64::from(self.newest)
    }

    const ONE: u64 = 1 << 32;

    fn pop<'a>(&mut self, cells: &'a Cells) -> Option<(u32, &'a Cell)> {
        let number = self.newest.checked_sub(1)?;
        let cell = cells.get(number)?;
        self.newest = cell.next.load(Ordering::Relaxed);
        Some((number, cell))
    }

    /// Turns the order round: oldest first.
    fn into_chain(mut self, cells: &Cells) -> Chain {
        let mut chain = Chain::default();
        while let Some((number, cell)) = self.pop(cells) {
            chain.add_first(number, cell);
        }
        chain
    }
}

/// Cells that wait to be drained, each at most once: see [`Cell`] for who may push.
#[derive(Default)]
pub(crate) struct Queue {
    /// What was pushed since the last drain, as [`Pushed`] has it, the backlog being counted, too.
    head: AtomicU64,
    /// What a drain had no room for, oldest first.
    backlog: Mutex<Chain>,
}

impl Queue {
    /// Returns how many cells there are to drain.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        Pushed::from_bits(self.head()).len
    }

    /// Returns whether there is nothing to drain.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head() == 0
    }

    #[inline]
    fn head(&self) -> u64 {
        read(Ordering::SeqCst, |ordering| self.head.load(ordering))
    }

    /// Queues a cell, of which a change has just said that it has to be pushed.
    #[inline]
    pub(crate) fn push(&self, lease: &Lease) {
        self.push_chain(lease.number() + 1, lease.cell(), 1);
    }

    /// Puts a chain of cells in front of what was pushed.
    #[inline]
    fn push_chain(&self, first: u32, last: &Cell, len: usize) {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let waiting = Pushed::from_bits(head);
            last.next.store(waiting.newest, Ordering::Relaxed);
            let pushed = Pushed {
                newest: first,
                len: waiting.len + len,
            };
            let exchanged = write(Ordering::SeqCst, |ordering| {
                self.head
                    .compare_exchange_weak(head, pushed.to_bits(), ordering, Ordering::Relaxed)
            });
            match exchanged {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Hands queued cells to `take`, until it has taken an event out of `room` of them, which is at
    /// least one; returns how many events were taken in the order in which their cells were pushed.
    /// All after those, if any, were taken in the opposite order.
    pub(crate) fn drain(
        &self,
        cells: &Cells,
        mut room: usize,
        mut take: impl FnMut(u32, &Cell) -> Outcome,
    ) -> usize {
        debug_assert!(room > 0);
        let before = room;
        // What is to be queued again, for the next drain, in the order it has now: newest first.
        let (mut again, mut again_newer) = (Chain::default(), Chain::default());
        let mut backlog = self.backlog.lock().unwrap_or_else(|e| e.into_inner());
        // What stays is there for all to see meanwhile.
        let counted = backlog.len;
        let stays = Pushed {
            newest: 0,
            len: counted,
        };
        let waiting = write(Ordering::SeqCst, |ordering| {
            self.head.swap(stays.to_bits(), ordering)
        });
        let mut pushed = Pushed::from_bits(waiting);
        pushed.len -= counted;
        let fits = backlog.len + pushed.len <= room;
        if !fits {
            backlog.extend(pushed.into_chain(cells), cells);
        }
        while room > 0 {
            let Some((number, cell)) = backlog.pop(cells) else {
                break;
            };
            let outcome = take(number, cell);
            room -= usize::from(outcome.event);
            if outcome.again {
                again.add_first(number, cell);
            }
        }
        let in_order = before - room;
        if fits {
            // There is room for all, so that nobody loses by their order: one walk is enough.
            while let Some((number, cell)) = pushed.pop(cells) {
                if take(number, cell).again {
                    again_newer.add_last(number, cell, cells);
                }
            }
        }
        if backlog.len != counted {
            // Also where it is less: what is added wraps around.
            let more = (backlog.len as u64).wrapping_sub(counted as u64);
            let more = Pushed::ONE.wrapping_mul(more);
            write(Ordering::SeqCst, |ordering| {
                self.head.fetch_add(more, ordering)
            });
        }
        again_newer.extend(again, cells);
        if let Some(last) = again_newer.last(cells) {
            self.push_chain(again_newer.first, last, again_newer.len);
        }
        in_order
    }
}

/// What became of a cell that was taken out of the queue.
pub(crate) struct Outcome {
    /// It had an event.
    pub(crate) event: bool,
    /// It is to be queued again.
    pub(crate) again: bool,
}

/// Who sleeps, and whether somebody is already on the way to wake them.
///
/// A poller says that it is about to sleep and then looks at the queue; a producer queues and then
/// looks for sleepers. All four steps are sequentially consistent, so that at least one of the two
/// sees the other.
///
/// One poller at a time has the seat: it alone writes there, so that it gets up without a locked
/// instruction. Who looks before the seat shows empty wakes nobody: the next poll takes that wake.
#[derive(Default)]
pub(crate) struct Sleep {
    /// Whether the poller that has the seat sleeps.
    seat: AtomicBool,
    /// How many of the others sleep.
    standing: AtomicUsize,
    /// A sleeper is being woken, or the next who looks will find the wake.
    waking: AtomicBool,
    /// Somebody else waits on the poll's own descriptor, so that nobody seems to sleep while
    /// somebody does: [`Sleep::LENT`] and [`Sleep::NESTED`].
    lent: AtomicUsize,
    /// Whether somebody has the seat.
    taken: AtomicBool,
}

/// How a poller sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    Seated,
    Standing,
}

impl Sleep {
    /// Set in `lent` while the descriptor may be in use anywhere.
    const LENT: usize = 1 << 1;
    /// Set in `lent` while the poll is registered with another, and after that was dropped.
    const NESTED: usize = 1;

    /// Takes the seat for the caller, if nobody has it.
    pub(crate) fn take_seat(&self) -> Rest {
        if self.taken.swap(true, Ordering::Acquire) {
            Rest::Standing
        } else {
            Rest::Seated
        }
    }

    /// Takes back what [`take_seat`](Sleep::take_seat) gave.
    pub(crate) fn give_back(&self, rest: Rest) {
        if rest == Rest::Seated {
            self.taken.store(false, Ordering::Release);
        }
    }

    /// Announces a sleeper, which must look at the queue once more before it sleeps.
    #[inline]
    pub(crate) fn enter(&self, rest: Rest) {
        match rest {
            Rest::Seated => {
                write(Ordering::SeqCst, |ordering| self.seat.swap(true, ordering));
            }
            Rest::Standing => {
                write(Ordering::SeqCst, |ordering| {
                    self.standing.fetch_add(1, ordering)
                });
            }
        }
    }

    /// Ends what [`enter`](Sleep::enter) began, and returns whether somebody was being woken; the
    /// caller must drain the queue afterwards.
    #[inline]
    pub(crate) fn leave(&self, rest: Rest) -> bool {
        match rest {
            Rest::Seated => self.seat.store(false, Ordering::Release),
            Rest::Standing => {
                self.standing.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.pass()
    }

    /// Lets wakes through even when nobody sleeps: the poll's descriptor is watched elsewhere.
    pub(crate) fn lend(&self) {
        write(Ordering::SeqCst, |ordering| {
            self.lent.fetch_or(Sleep::LENT, ordering)
        });
    }

    /// Lets wakes through for a registration with another `Poll`, until [`leave_outer`](Sleep::leave_outer).
    pub(crate) fn enter_outer(&self) {
        write(Ordering::SeqCst, |ordering| {
            self.lent.fetch_or(Sleep::NESTED, ordering)
        });
    }

    #[cfg_attr(windows, expect(dead_code, reason = "a Poll is no source there"))]
    pub(crate) fn leave_outer(&self) {
        self.lent.fetch_and(!Sleep::NESTED, Ordering::Relaxed);
    }

    /// Ends what [`lend`](Sleep::lend) began. The caller guarantees that no thread polls meanwhile; `is_nested` is
    /// whether the poll is registered with another one.
    #[cfg_attr(windows, expect(dead_code, reason = "a Poll has no descriptor there"))]
    pub(crate) fn reclaim(&self, is_nested: bool) {
        let nested = if is_nested { Sleep::NESTED } else { 0 };
        self.lent.store(nested, Ordering::Relaxed);
    }

    /// Ends a poll that did not sleep, and returns whether it may have taken a sleeper's wake: then
    /// the caller must drain the queue, which nobody else was told of.
    #[inline]
    pub(crate) fn pass(&self) -> bool {
        if !read(Ordering::SeqCst, |ordering| self.waking.load(ordering)) {
            return false;
        }
        // A swap and not a store: it sees all that was queued by whoever found a wake pending.
        write(Ordering::SeqCst, |ordering| {
            self.waking.swap(false, ordering)
        });
        true
    }

    /// Returns whether the caller, who has just queued something, has to wake a sleeper.
    #[inline]
    pub(crate) fn must_wake(&self) -> bool {
        let somebody = read(Ordering::SeqCst, |ordering| self.seat.load(ordering))
            || read(Ordering::SeqCst, |ordering| self.standing.load(ordering)) > 0
            || read(Ordering::SeqCst, |ordering| self.lent.load(ordering)) > 0;
        somebody
            && !write(Ordering::SeqCst, |ordering| {
                self.waking.swap(true, ordering)
            })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::VecDeque;

    use token_ready::Ready;

    use super::*;

    /// A queue, and the cells that wait in it as they should, oldest first.
    struct Checked {
        queue: Queue,
        cells: Cells,
        leases: Vec<Lease>,
        waiting: VecDeque<u32>,
    }

    impl Checked {
        fn new(count: u32) -> Checked {
            let cells = Cells::default();
            let leases = (0..count).map(|_| cells.give(Ready::empty())).collect();
            Checked {
                queue: Queue::default(),
                cells,
                leases,
                waiting: VecDeque::new(),
            }
        }

        #[track_caller]
        fn check(&self) {
            assert_eq!(self.queue.len(), self.waiting.len());
            assert_eq!(self.queue.is_empty(), self.waiting.is_empty());
        }

        #[track_caller]
        fn push(&mut self, number: u32) {
            if !self.waiting.contains(&number) {
                self.queue.push(&self.leases[number as usize]);
                self.waiting.push_back(number);
            }
            self.check();
        }

        /// Drains the queue; `outcome` says of each cell whether it has an event and whether it is to
        /// be queued again.
        #[track_caller]
        fn drain(&mut self, room: usize, outcome: impl Fn(u32) -> (bool, bool)) {
            let mut events = Vec::new();
            let in_order = self.queue.drain(&self.cells, room, |number, cell| {
                assert!(std::ptr::eq(cell, self.leases[number as usize].cell()));
                let (event, again) = outcome(number);
                events.extend(event.then_some(number));
                Outcome { event, again }
            });
            events[in_order..].reverse();

            let fits = self.waiting.len() <= room;
            let (mut expected, mut again) = (Vec::new(), Vec::new());
            while fits || expected.len() < room {
                let Some(number) = self.waiting.pop_front() else {
                    break;
                };
                expected.extend(outcome(number).0.then_some(number));
                again.extend(outcome(number).1.then_some(number));
            }
            self.waiting.extend(again);
            assert_eq!(events, expected);
            self.check();
        }
    }

    #[test]
    fn cells_are_drained_in_the_order_in_which_they_were_pushed() {
        for room in 1..=6 {
            let mut checked = Checked::new(5);
            for number in [3, 1, 4, 0, 2] {
                checked.push(number);
            }
            while !checked.waiting.is_empty() {
                checked.drain(room, |_| (true, false));
            }
            checked.drain(room, |_| unreachable!("the queue is empty"));
        }
    }

    #[test]
    fn one_poller_at_a_time_has_the_seat() {
        let sleep = Sleep::default();
        assert_eq!(sleep.take_seat(), Rest::Seated);
        assert_eq!(sleep.take_seat(), Rest::Standing);
        sleep.give_back(Rest::Standing);
        assert_eq!(sleep.take_seat(), Rest::Standing);
        sleep.give_back(Rest::Seated);
        assert_eq!(sleep.take_seat(), Rest::Seated);
    }

    #[test]
    fn any_mixture_of_pushes_and_drains_keeps_the_order() {
        const CELLS: u32 = 8;
        let mut checked = Checked::new(CELLS);
        let mut random = 1_u32;
        let mut next = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 16) % below
        };
        for _ in 0..20_000 {
            if next(3) > 0 {
                checked.push(next(CELLS));
            } else {
                let (events, again) = (next(1 << CELLS), next(1 << CELLS));
                let outcome = |number| (events >> number & 1 != 0, again >> number & 1 != 0);
                checked.drain(1 + next(CELLS) as usize, outcome);
            }
        }
    }
}

#[cfg(all(test, loom))]
mod model {
    //! Every interleaving of small programs, found by `cargo xtask loom`.

    use std::sync::Arc as StdArc;

    use loom::sync::{Arc, Condvar, Mutex};
    use loom::thread;
    use token_ready::{PollOpt, Ready, Token};

    use super::*;
    use crate::cells::Found;

    /// Stands for the kernel's handle: set by a wake, cleared by who sleeps on it.
    #[derive(Default)]
    struct Handle {
        set: Mutex<bool>,
        changed: Condvar,
    }

    impl Handle {
        fn set(&self) {
            *self.set.lock().unwrap() = true;
            self.changed.notify_all();
        }

        /// Sleeps for ever unless the handle is or will be set, which loom reports as a deadlock.
        fn sleep(&self) {
            let mut set = self.set.lock().unwrap();
            while !*set {
                set = self.changed.wait(set).unwrap();
            }
            *set = false;
        }

        /// Looks without sleeping, which clears it too.
        fn look(&self) {
            *self.set.lock().unwrap() = false;
        }
    }

    #[derive(Default)]
    struct Poll {
        cells: Cells,
        queue: Queue,
        sleep: Sleep,
        handle: Handle,
    }

    /// What a poll reported: number and readiness.
    type Seen = Vec<(u32, Ready)>;

    impl Poll {
        fn new() -> Arc<Poll> {
            Arc::new(Poll::default())
        }

        fn waker(&self) -> Lease {
            self.cells.give_to_waker(Some(Token(0)))
        }

        fn source(&self, opts: PollOpt) -> Lease {
            let lease = self.cells.give(Ready::empty());
            self.register(&lease, opts);
            lease
        }

        fn register(&self, lease: &Lease, opts: PollOpt) {
            let next = lease.cell().register(Token(0), Ready::READABLE, opts);
            if next.push {
                self.push(lease);
            }
        }

        fn wake(&self, lease: &Lease) {
            if lease.cell().wake() {
                self.push(lease);
            }
        }

        fn set(&self, lease: &Lease, readiness: Ready) {
            if lease.cell().set(readiness).push {
                self.push(lease);
            }
        }

        fn push(&self, lease: &Lease) {
            self.queue.push(lease);
            if self.sleep.must_wake() {
                self.handle.set();
            }
        }

        /// As `Inner::round` does it, with all the room for the queue.
        fn poll(&self, room: usize, rest: Rest) -> Seen {
            let mut seen = Vec::new();
            while seen.is_empty() {
                if self.queue.is_empty() {
                    self.sleep.enter(rest);
                    if self.queue.is_empty() {
                        self.handle.sleep();
                    }
                    self.sleep.leave(rest);
                    self.drain(room, &mut seen);
                } else {
                    self.handle.look();
                    self.sleep.pass();
                    self.drain(room, &mut seen);
                }
            }
            seen
        }

        fn drain(&self, room: usize, seen: &mut Seen) {
            let room = room.saturating_sub(seen.len());
            if room > 0 {
                let start = seen.len();
                let in_order = self.queue.drain(&self.cells, room, |number, cell| {
                    let taken = cell.take(crate::key::Index::of_cell(number));
                    if taken.abandoned {
                        self.cells.take_back(number);
                    }
                    seen.extend(taken.event.map(|found| match found {
                        Found::Readiness(_, readiness) => (number, readiness),
                        Found::Wake(_) => (number, Ready::READABLE),
                    }));
                    Outcome {
                        event: taken.event.is_some(),
                        again: taken.again,
                    }
                });
                seen[start + in_order..].reverse();
            }
            if !self.queue.is_empty() && self.sleep.must_wake() {
                self.handle.set();
            }
        }
    }

    /// For programs whose interleavings are too many: those that loom finds with up to two forced
    /// switches.
    fn bounded(program: impl Fn() + Send + Sync + 'static) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(program);
    }

    #[test]
    fn a_wake_reaches_a_poller_that_is_falling_asleep() {
        for rest in [Rest::Seated, Rest::Standing] {
            loom::model(move || {
                let poll = Poll::new();
                let lease = StdArc::new(poll.waker());
                let waker = thread::spawn({
                    let (poll, lease) = (Arc::clone(&poll), StdArc::clone(&lease));
                    move || poll.wake(&lease)
                });
                assert_eq!(poll.poll(8, rest), [(0, Ready::READABLE)]);
                waker.join().unwrap();
                assert!(poll.queue.is_empty());
            });
        }
    }

    #[test]
    fn two_wakers_reach_one_poller_whatever_is_elided() {
        bounded(|| {
            let poll = Poll::new();
            let wakers = [0, 1].map(|_| {
                let (poll, lease) = (Arc::clone(&poll), poll.waker());
                thread::spawn(move || poll.wake(&lease))
            });
            let mut seen = poll.poll(8, Rest::Seated);
            while seen.len() < 2 {
                seen.extend(poll.poll(8, Rest::Seated));
            }
            seen.sort_unstable();
            assert_eq!(seen, [(0, Ready::READABLE), (1, Ready::READABLE)]);
            for waker in wakers {
                waker.join().unwrap();
            }
        });
    }

    #[test]
    fn two_pollers_share_what_one_has_no_room_for() {
        bounded(|| {
            let poll = Poll::new();
            let leases = [poll.waker(), poll.waker()];
            let other = thread::spawn({
                let poll = Arc::clone(&poll);
                move || poll.poll(1, Rest::Standing)
            });
            let waker = thread::spawn({
                let poll = Arc::clone(&poll);
                move || leases.iter().for_each(|lease| poll.wake(lease))
            });
            let mut seen = poll.poll(1, Rest::Seated);
            seen.extend(other.join().unwrap());
            waker.join().unwrap();
            seen.sort_unstable();
            assert_eq!(seen, [(0, Ready::READABLE), (1, Ready::READABLE)]);
        });
    }

    /// The first drain after a wake was taken finds all whose wakes were elided because of it.
    #[test]
    fn an_elided_wake_is_found_by_the_poll_that_takes_the_other() {
        bounded(|| {
            let poll = Poll::new();
            let [one, other] = [poll.waker(), poll.waker()];
            // Not on the main thread, whose second load of a word loom does not let see everything.
            let poller = thread::spawn({
                let poll = Arc::clone(&poll);
                move || {
                    poll.sleep.enter(Rest::Seated);
                    if poll.queue.is_empty() {
                        poll.handle.sleep();
                    }
                    // It still counts as a sleeper, so that a wake after this sets the handle again.
                    poll.sleep.pass();
                    let mut seen = Vec::new();
                    // As `Inner::drain` does it.
                    if !poll.queue.is_empty() {
                        poll.drain(8, &mut seen);
                    }
                    seen
                }
            });
            let waker = thread::spawn({
                let poll = Arc::clone(&poll);
                move || poll.wake(&one)
            });
            poll.wake(&other);
            waker.join().unwrap();
            let seen = poller.join().unwrap();
            let is_set = *poll.handle.set.lock().unwrap();
            assert!(seen.len() == 2 || is_set, "{seen:?}");
        });
    }

    #[test]
    fn a_coalesced_wake_still_shows_what_was_written_before_it() {
        bounded(|| {
            let poll = Poll::new();
            let lease = StdArc::new(poll.waker());
            let written = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
            let wakers = [0, 1].map(|at| {
                let (poll, lease) = (Arc::clone(&poll), StdArc::clone(&lease));
                let written = Arc::clone(&written);
                thread::spawn(move || {
                    written[at].store(1, Ordering::Relaxed);
                    poll.wake(&lease);
                })
            });
            let mut first = Vec::new();
            poll.drain(1, &mut first);
            let seen = [0, 1].map(|at| written[at].load(Ordering::Relaxed));
            for waker in wakers {
                waker.join().unwrap();
            }
            let mut second = Vec::new();
            poll.drain(1, &mut second);
            match (first.len(), second.len()) {
                // Both wakes are one event, and both were seen with it.
                (1, 0) => assert_eq!(seen, [1, 1]),
                (1, 1) => assert_ne!(seen, [0, 0]),
                counts => assert_eq!(counts, (0, 1)),
            }
        });
    }

    #[test]
    fn the_readiness_that_was_set_last_is_reported() {
        bounded(|| {
            let poll = Poll::new();
            let lease = StdArc::new(poll.source(PollOpt::EDGE));
            let setter = thread::spawn({
                let (poll, lease) = (Arc::clone(&poll), StdArc::clone(&lease));
                move || {
                    poll.set(&lease, Ready::READABLE);
                    poll.set(&lease, Ready::READABLE | Ready::HUP);
                }
            });
            let mut last = poll.poll(8, Rest::Seated);
            while last != [(0, Ready::READABLE | Ready::HUP)] {
                last = poll.poll(8, Rest::Seated);
            }
            setter.join().unwrap();
        });
    }

    #[test]
    fn a_oneshot_is_reported_once_a_registration() {
        bounded(|| {
            let poll = Poll::new();
            let lease = StdArc::new(poll.source(PollOpt::ONESHOT));
            let setter = thread::spawn({
                let (poll, lease) = (Arc::clone(&poll), StdArc::clone(&lease));
                move || poll.set(&lease, Ready::READABLE)
            });
            let registrar = thread::spawn({
                let (poll, lease) = (Arc::clone(&poll), StdArc::clone(&lease));
                move || poll.register(&lease, PollOpt::ONESHOT)
            });
            let mut events = poll.poll(8, Rest::Seated).len();
            setter.join().unwrap();
            registrar.join().unwrap();
            let mut seen = Vec::new();
            poll.drain(8, &mut seen);
            events += seen.len();
            assert!((1..=2).contains(&events), "{events}");
            // Whatever came when: the later registration was reported, and is silent now.
            poll.set(&lease, Ready::READABLE);
            seen.clear();
            poll.drain(8, &mut seen);
            assert!(seen.is_empty(), "{seen:?}");
        });
    }

    #[test]
    fn a_lent_poll_is_woken_without_a_sleeper() {
        loom::model(|| {
            let poll = Poll::new();
            let lease = poll.waker();
            let waker = thread::spawn({
                let poll = Arc::clone(&poll);
                move || poll.wake(&lease)
            });
            // As `Inner::lend` does it.
            poll.sleep.lend();
            if !poll.queue.is_empty() && poll.sleep.must_wake() {
                poll.handle.set();
            }
            // Somebody else waits on the descriptor.
            poll.handle.sleep();
            poll.sleep.pass();
            let mut seen = Vec::new();
            poll.drain(1, &mut seen);
            assert_eq!(seen, [(0, Ready::READABLE)]);
            waker.join().unwrap();
        });
    }

    /// One look with a batch of `capacity`, as `Inner::look` does it where the system has nothing.
    fn look(poll: &Poll, capacity: usize) -> Seen {
        let mut seen = Vec::new();
        let mut room = capacity - poll.queue.len().min(capacity.div_ceil(2));
        loop {
            if room > 0 {
                poll.handle.look();
            }
            poll.sleep.pass();
            if !poll.queue.is_empty() {
                poll.drain(capacity, &mut seen);
            }
            if room > 0 || !seen.is_empty() {
                return seen;
            }
            room = capacity;
        }
    }

    #[test]
    fn a_look_leaves_to_the_sleeper_what_it_has_no_room_for() {
        for capacity in [1, 2] {
            bounded(move || {
                let poll = Poll::new();
                let leases: Vec<Lease> = (0..=capacity).map(|_| poll.waker()).collect();
                let looker = thread::spawn({
                    let poll = Arc::clone(&poll);
                    move || look(&poll, capacity)
                });
                let waker = thread::spawn({
                    let poll = Arc::clone(&poll);
                    move || {
                        leases.iter().for_each(|lease| poll.wake(lease));
                        leases
                    }
                });
                let mut seen = poll.poll(8, Rest::Seated);
                seen.extend(looker.join().unwrap());
                let leases = waker.join().unwrap();
                poll.drain(8, &mut seen);
                seen.sort_unstable();
                seen.dedup();
                assert_eq!(seen.len(), leases.len(), "{seen:?}");
            });
        }
    }

    #[test]
    fn the_seat_goes_to_another() {
        bounded(|| {
            let poll = Poll::new();
            let leases = StdArc::new([poll.waker(), poll.waker()]);
            let other = thread::spawn({
                let poll = Arc::clone(&poll);
                move || {
                    let rest = poll.sleep.take_seat();
                    let seen = poll.poll(1, rest);
                    poll.sleep.give_back(rest);
                    seen
                }
            });
            let waker = thread::spawn({
                let (poll, leases) = (Arc::clone(&poll), StdArc::clone(&leases));
                move || leases.iter().for_each(|lease| poll.wake(lease))
            });
            let rest = poll.sleep.take_seat();
            let mut seen = poll.poll(1, rest);
            poll.sleep.give_back(rest);
            seen.extend(other.join().unwrap());
            waker.join().unwrap();
            seen.sort_unstable();
            assert_eq!(seen, [(0, Ready::READABLE), (1, Ready::READABLE)]);
        });
    }

    #[test]
    fn a_level_is_cleared_and_set_again() {
        bounded(|| {
            let poll = Poll::new();
            let lease = StdArc::new(poll.source(PollOpt::LEVEL));
            poll.set(&lease, Ready::READABLE);
            let setter = thread::spawn({
                let (poll, lease) = (Arc::clone(&poll), StdArc::clone(&lease));
                move || {
                    poll.set(&lease, Ready::empty());
                    poll.set(&lease, Ready::READABLE | Ready::HUP);
                }
            });
            let mut seen = Vec::new();
            poll.drain(1, &mut seen);
            setter.join().unwrap();
            for _ in 0..3 {
                assert_eq!(
                    poll.poll(1, Rest::Seated),
                    [(0, Ready::READABLE | Ready::HUP)]
                );
            }
            poll.set(&lease, Ready::empty());
            let mut seen = Vec::new();
            poll.drain(1, &mut seen);
            assert!(seen.is_empty() && poll.queue.is_empty());
        });
    }

    #[test]
    fn a_source_changes_hands_while_it_is_queued() {
        for opts in [PollOpt::LEVEL, PollOpt::EDGE, PollOpt::ONESHOT] {
            bounded(move || {
                let poll = Poll::new();
                let old = poll.source(opts);
                poll.set(&old, Ready::HUP);
                let other = thread::spawn({
                    let poll = Arc::clone(&poll);
                    move || {
                        old.cell().end();
                        poll.cells.take_back(old.number());
                        let new = poll.source(opts);
                        assert_eq!(new.number(), 0);
                        poll.set(&new, Ready::READABLE);
                        new
                    }
                });
                let mut seen = Vec::new();
                poll.drain(1, &mut seen);
                let new = other.join().unwrap();
                seen.retain(|&(_, ready)| ready == Ready::READABLE);
                poll.drain(1, &mut seen);
                seen.retain(|&(_, ready)| ready == Ready::READABLE);
                assert!(!seen.is_empty());
                poll.set(&new, Ready::empty());
                let mut last = Vec::new();
                poll.drain(1, &mut last);
                assert!(last.is_empty() && poll.queue.is_empty(), "{last:?}");
                // Still intact: what is set next comes.
                poll.register(&new, opts);
                poll.set(&new, Ready::READABLE);
                poll.drain(1, &mut last);
                assert_eq!(last, [(0, Ready::READABLE)]);
            });
        }
    }
}
