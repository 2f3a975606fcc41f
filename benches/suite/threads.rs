//! Threads that take part in the work: started as a case is built, ended as it is dropped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};

use benches::EventLoop;

/// Threads that do one piece of work each whenever they are told to, all at the same time.
pub(super) struct Team {
    start: Arc<Barrier>,
    stop: Arc<AtomicBool>,
    members: Vec<Member>,
}

struct Member {
    thread: JoinHandle<()>,
    finished: Receiver<()>,
}

impl Team {
    /// Starts a thread for each piece of work.
    pub(super) fn new<W: FnMut() + Send + 'static>(works: Vec<W>) -> Team {
        let start = Arc::new(Barrier::new(works.len() + 1));
        let stop = Arc::new(AtomicBool::new(false));
        let member = |mut work: W| {
            let (start, stop) = (Arc::clone(&start), Arc::clone(&stop));
            let (finish, finished) = mpsc::sync_channel(1);
            let thread = thread::spawn(move || {
                loop {
                    start.wait();
                    if stop.load(Ordering::Acquire) {
                        return;
                    }
                    work();
                    // Nobody listens any more once the measuring thread has panicked.
                    if finish.send(()).is_err() {
                        return;
                    }
                }
            });
            Member { thread, finished }
        };
        let members = works.into_iter().map(member).collect();
        Team {
            start,
            stop,
            members,
        }
    }

    /// Lets all of them start.
    pub(super) fn start(&self) {
        self.start.wait();
    }

    /// Waits until all of them are done.
    pub(super) fn finish(&self) {
        for member in &self.members {
            member.finished.recv().expect("another thread has failed");
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        // Whoever has failed does not come to the barrier any more.
        if thread::panicking() {
            return;
        }
        self.stop.store(true, Ordering::Release);
        self.start.wait();
        for member in self.members.drain(..) {
            member.thread.join().expect("another thread has failed");
        }
    }
}

/// A thread that polls a loop all the time.
pub(super) struct Poller<L: EventLoop> {
    stop: Arc<AtomicBool>,
    waker: L::Waker,
    thread: Option<JoinHandle<()>>,
}

impl<L: EventLoop> Poller<L> {
    /// Starts the thread, which does `after` after each poll and is ended by `waker`.
    pub(super) fn new(
        mut events: L,
        waker: L::Waker,
        mut after: impl FnMut() + Send + 'static,
    ) -> Poller<L> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                events.poll(None, |_| ()).expect("poll");
                after();
            }
        });
        Poller {
            stop,
            waker,
            thread: Some(thread),
        }
    }
}

impl<L: EventLoop> Drop for Poller<L> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let woken = L::wake(&self.waker);
        if thread::panicking() {
            return;
        }
        woken.expect("wake");
        if let Some(thread) = self.thread.take() {
            thread.join().expect("another thread has failed");
        }
    }
}
