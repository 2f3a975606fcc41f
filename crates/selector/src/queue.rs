//! The queue of user-space readiness, and the protocol by which it wakes a sleeping poller.
//!
//! Producers push nodes from any thread, without a lock; a poll drains them. No events, no tokens
//! and no system calls live here: the caller turns nodes into events and does the waking.

use std::marker::PhantomData;
use std::ptr;

use crate::sync::{Arc, AtomicBool, AtomicPtr, AtomicUsize, Mutex, Ordering, between_sequential};

/// What can stand in a [`Queue`], once at a time.
pub(crate) struct Node<T> {
    next: AtomicPtr<Node<T>>,
    /// How often the node was asked for since it was last drained; it is queued unless zero.
    requests: AtomicUsize,
    pub(crate) value: T,
}

impl<T> Node<T> {
    pub(crate) fn new(value: T) -> Arc<Node<T>> {
        Arc::new(Node {
            next: AtomicPtr::new(ptr::null_mut()),
            requests: AtomicUsize::new(0),
            value,
        })
    }

    /// Counts a request; tells whether it is the first since the last drain, so that the caller
    /// has to put the node into its queue.
    ///
    /// Whatever the calling thread wrote before is visible to who drains the node afterwards.
    #[inline]
    pub(crate) fn request(&self) -> bool {
        let before = self.requests.fetch_add(1, Ordering::AcqRel);
        if before > usize::MAX / 2 {
            // Never let the count wrap to zero: the node would be queued twice.
            self.requests.fetch_sub(1, Ordering::Relaxed);
        }
        before == 0
    }
}

/// Nodes in the order they were pushed, owned by whoever holds the chain.
struct Chain<T> {
    first: *mut Node<T>,
    last: *mut Node<T>,
}

// SAFETY: a chain owns a reference count of each of its nodes, as a list of `Arc`s would.
unsafe impl<T: Send + Sync> Send for Chain<T> {}

impl<T> Chain<T> {
    const fn new() -> Chain<T> {
        Chain {
            first: ptr::null_mut(),
            last: ptr::null_mut(),
        }
    }

    fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    fn pop(&mut self) -> Option<Arc<Node<T>>> {
        if self.first.is_null() {
            return None;
        }
        // SAFETY: the pointer came from `Arc::into_raw` in `Queue::push`, whose count the chain
        // took over; unlinking it here gives that count to the caller, once.
        let node = unsafe { Arc::from_raw(self.first.cast_const()) };
        self.first = node.next.load(Ordering::Relaxed);
        if self.first.is_null() {
            self.last = ptr::null_mut();
        }
        Some(node)
    }

    fn append(&mut self, mut other: Chain<T>) {
        if self.last.is_null() {
            std::mem::swap(self, &mut other);
            return;
        }
        // SAFETY: the chain holds a count of its last node, so that it is alive.
        let last = unsafe { &*self.last };
        last.next.store(other.first, Ordering::Relaxed);
        if !other.last.is_null() {
            self.last = other.last;
        }
        (other.first, other.last) = (ptr::null_mut(), ptr::null_mut());
    }
}

impl<T> Drop for Chain<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

/// Nodes that wait to be drained.
pub(crate) struct Queue<T> {
    /// What was pushed since the last drain, newest first.
    head: AtomicPtr<Node<T>>,
    /// What a drain had no room for, oldest first.
    backlog: Mutex<Chain<T>>,
    has_backlog: AtomicBool,
    /// `head` owns nodes, which its type does not say.
    owns: PhantomData<Arc<Node<T>>>,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Queue<T> {
        Queue {
            head: AtomicPtr::new(ptr::null_mut()),
            backlog: Mutex::new(Chain::new()),
            has_backlog: AtomicBool::new(false),
            owns: PhantomData,
        }
    }

    /// Tells whether there is nothing to drain.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Ordering::SeqCst).is_null() && !self.has_backlog.load(Ordering::SeqCst)
    }

    /// Queues a node for which [`Node::request`] has just returned true.
    pub(crate) fn push(&self, node: Arc<Node<T>>) {
        let node = Arc::into_raw(node).cast_mut();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: `node` is alive, its count has just been taken over from an `Arc`.
            let next = unsafe { &(*node).next };
            next.store(head, Ordering::Relaxed);
            match self
                .head
                .compare_exchange_weak(head, node, Ordering::SeqCst, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Hands the queued nodes to `take`, oldest first, each with its number of requests, until
    /// `take` was true `room` times.
    ///
    /// A node may be queued again from within `take`; it then waits for the next drain.
    pub(crate) fn drain(
        &self,
        mut room: usize,
        mut take: impl FnMut(&Arc<Node<T>>, usize) -> bool,
    ) {
        let mut backlog = self.backlog.lock().unwrap_or_else(|e| e.into_inner());
        backlog.append(self.take_all());
        while room > 0 {
            let Some(node) = backlog.pop() else { break };
            // From here on the node may be queued anew.
            let requests = node.requests.swap(0, Ordering::AcqRel);
            if take(&node, requests) {
                room -= 1;
            }
        }
        self.has_backlog
            .store(!backlog.is_empty(), Ordering::SeqCst);
    }

    /// Takes what was pushed, in the order of pushing.
    fn take_all(&self) -> Chain<T> {
        let mut newest = self.head.swap(ptr::null_mut(), Ordering::SeqCst);
        let mut chain = Chain {
            first: ptr::null_mut(),
            last: newest,
        };
        while !newest.is_null() {
            // SAFETY: the swap took the whole list over, so that each node in it is alive.
            let node = unsafe { &*newest };
            let older = node.next.load(Ordering::Relaxed);
            node.next.store(chain.first, Ordering::Relaxed);
            chain.first = newest;
            newest = older;
        }
        chain
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        drop(self.take_all());
    }
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
    /// somebody does.
    lent: AtomicBool,
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
    /// Gives the seat to who asks, if nobody has it.
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
                self.seat.swap(true, Ordering::SeqCst);
            }
            Rest::Standing => {
                self.standing.fetch_add(1, Ordering::SeqCst);
            }
        }
        between_sequential();
    }

    /// Ends what [`enter`](Sleep::enter) began, and tells whether somebody was being woken; the
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
        self.lent.store(true, Ordering::SeqCst);
        between_sequential();
    }

    /// Ends a poll that did not sleep, and tells whether it may have taken a sleeper's wake: then
    /// the caller must drain the queue, which nobody else was told of.
    #[inline]
    pub(crate) fn pass(&self) -> bool {
        if !self.waking.load(Ordering::SeqCst) {
            return false;
        }
        // A swap and not a store: it sees all that was queued by whoever found a wake pending.
        self.waking.swap(false, Ordering::SeqCst);
        between_sequential();
        true
    }

    /// Tells whether the caller, who has just queued something, has to wake a sleeper.
    pub(crate) fn must_wake(&self) -> bool {
        between_sequential();
        let somebody = self.seat.load(Ordering::SeqCst)
            || self.standing.load(Ordering::SeqCst) > 0
            || self.lent.load(Ordering::SeqCst);
        somebody && !self.waking.swap(true, Ordering::SeqCst)
    }
}

#[cfg(all(test, loom))]
mod model {
    //! Every interleaving of small programs, found by `cargo xtask loom`.

    use std::sync::Arc as StdArc;

    use loom::sync::{Condvar, Mutex};
    use loom::thread;

    use super::*;

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

    struct Poll {
        queue: Queue<usize>,
        sleep: Sleep,
        handle: Handle,
    }

    impl Poll {
        fn new() -> Arc<Poll> {
            Arc::new(Poll {
                queue: Queue::new(),
                sleep: Sleep::default(),
                handle: Handle::default(),
            })
        }

        fn wake(&self, node: &Arc<Node<usize>>) {
            if node.request() {
                self.queue.push(Arc::clone(node));
                if self.sleep.must_wake() {
                    self.handle.set();
                }
            }
        }

        /// As `Inner::round` does it: returns the values of the nodes that were drained.
        fn poll(&self, room: usize, rest: Rest) -> Vec<usize> {
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
                    self.drain(room, &mut seen);
                    self.handle.look();
                    if self.sleep.pass() {
                        self.drain(0, &mut seen);
                    }
                }
            }
            seen
        }

        fn drain(&self, room: usize, seen: &mut Vec<usize>) {
            let room = room.saturating_sub(seen.len());
            if room > 0 {
                self.queue.drain(room, |node, _| {
                    seen.push(node.value);
                    true
                });
            }
            if !self.queue.is_empty() && self.sleep.must_wake() {
                self.handle.set();
            }
        }
    }

    /// For three threads with several fences each, whose interleavings are too many: all of those
    /// with up to two forced switches.
    fn bounded(program: impl Fn() + Send + Sync + 'static) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(program);
    }

    #[test]
    fn a_wake_reaches_a_poller_that_is_falling_asleep() {
        for rest in [Rest::Seated, Rest::Standing] {
            wake_who_falls_asleep(rest);
        }
    }

    fn wake_who_falls_asleep(rest: Rest) {
        loom::model(move || {
            let poll = Poll::new();
            let node = Node::new(1);
            let waker = thread::spawn({
                let (poll, node) = (Arc::clone(&poll), Arc::clone(&node));
                move || poll.wake(&node)
            });
            assert_eq!(poll.poll(8, rest), [1]);
            waker.join().unwrap();
            assert!(poll.queue.is_empty());
        });
    }

    #[test]
    fn two_wakers_reach_one_poller_whatever_is_elided() {
        bounded(|| {
            let poll = Poll::new();
            let wakers = [1, 2].map(|value| {
                let poll = Arc::clone(&poll);
                thread::spawn(move || poll.wake(&Node::new(value)))
            });
            let mut seen = poll.poll(8, Rest::Seated);
            while seen.len() < 2 {
                seen.extend(poll.poll(8, Rest::Seated));
            }
            seen.sort_unstable();
            assert_eq!(seen, [1, 2]);
            for waker in wakers {
                waker.join().unwrap();
            }
        });
    }

    #[test]
    fn two_pollers_share_what_one_has_no_room_for() {
        bounded(|| {
            let poll = Poll::new();
            let other = thread::spawn({
                let poll = Arc::clone(&poll);
                move || poll.poll(1, Rest::Standing)
            });
            let waker = thread::spawn({
                let poll = Arc::clone(&poll);
                move || {
                    poll.wake(&Node::new(1));
                    poll.wake(&Node::new(2));
                }
            });
            let mut seen = poll.poll(1, Rest::Seated);
            seen.extend(other.join().unwrap());
            waker.join().unwrap();
            seen.sort_unstable();
            assert_eq!(seen, [1, 2]);
        });
    }

    #[test]
    fn a_coalesced_wake_still_shows_what_was_written_before_it() {
        loom::model(|| {
            let poll = Poll::new();
            let node = Node::new(0);
            let written = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
            let wakers = [0, 1].map(|at| {
                let (poll, node) = (Arc::clone(&poll), Arc::clone(&node));
                let written = Arc::clone(&written);
                thread::spawn(move || {
                    written[at].store(1, Ordering::Relaxed);
                    poll.wake(&node);
                })
            });
            let mut requests = 0;
            poll.queue.drain(1, |_, count| {
                requests += count;
                true
            });
            let seen: usize = written.iter().map(|w| w.load(Ordering::Relaxed)).sum();
            assert!(seen >= requests, "{requests} wakes, but {seen} writes");
            for waker in wakers {
                waker.join().unwrap();
            }
            poll.queue.drain(1, |_, count| {
                requests += count;
                true
            });
            assert_eq!(requests, 2);
        });
    }

    #[test]
    fn a_lent_poll_is_woken_without_a_sleeper() {
        loom::model(|| {
            let poll = Poll::new();
            let waker = thread::spawn({
                let poll = Arc::clone(&poll);
                move || poll.wake(&Node::new(1))
            });
            // As `Inner::lend` does it.
            poll.sleep.lend();
            if !poll.queue.is_empty() && poll.sleep.must_wake() {
                poll.handle.set();
            }
            // Somebody else waits on the descriptor.
            poll.handle.sleep();
            poll.sleep.pass();
            let mut seen = 0;
            poll.queue.drain(1, |node, _| {
                seen += node.value;
                true
            });
            assert_eq!(seen, 1);
            waker.join().unwrap();
        });
    }

    #[test]
    fn what_is_left_in_a_queue_is_freed_with_it() {
        loom::model(|| {
            let value = StdArc::new(());
            let queue = Queue::new();
            for _ in 0..3 {
                let node = Node::new(StdArc::clone(&value));
                assert!(node.request());
                queue.push(node);
            }
            queue.drain(1, |_, _| true);
            drop(queue);
            assert_eq!(StdArc::strong_count(&value), 1);
        });
    }
}
