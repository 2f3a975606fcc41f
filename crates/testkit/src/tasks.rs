//! Threads that are waited for under a deadline.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::{DEADLINE, watchdog};

/// A thread of a test.
pub struct Task<T> {
    result: Receiver<thread::Result<T>>,
    id: ThreadId,
}

impl<T> Task<T> {
    /// Waits for the thread's result; its panic is the caller's.
    #[track_caller]
    pub fn join(self) -> T {
        self.join_within(DEADLINE)
    }

    /// Waits for the result of a thread that has much to do.
    #[track_caller]
    pub fn join_within(self, limit: Duration) -> T {
        self.join_or_else(limit, || panic!("the thread has not ended in {limit:?}"))
    }

    /// Waits for the thread's result; past the limit calls `late`, which makes it end.
    #[track_caller]
    pub fn join_or_else(self, limit: Duration, late: impl FnOnce()) -> T {
        watchdog::watch();
        let result = self.result.recv_timeout(limit).or_else(|error| {
            if error == RecvTimeoutError::Timeout {
                late();
            }
            self.result.recv_timeout(DEADLINE)
        });
        match result {
            Ok(Ok(value)) => value,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(error) => panic!("no result of the thread: {error}"),
        }
    }

    /// Waits until the thread sleeps in the system, for whatever reason.
    ///
    /// # Platform-specific behaviour
    /// Only Linux tells; elsewhere it gives the thread a chance to get there.
    #[track_caller]
    pub fn wait_until_asleep(&self) {
        self.id.wait_until_asleep();
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

/// Starts a thread; when this returns, it runs.
#[track_caller]
pub fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    watchdog::watch();
    let (sender, result) = channel();
    let (started, running) = channel();
    let name = thread::current().name().map(str::to_owned);
    // Output and panics of the thread carry the test's name.
    let builder = name
        .into_iter()
        .fold(thread::Builder::new(), thread::Builder::name);
    builder
        .spawn(move || {
            watchdog::leave();
            started
                .send(ThreadId::current())
                .expect("the test waits for the thread to start");
            let outcome = catch_unwind(AssertUnwindSafe(body));
            // Nobody waits any more if the test has failed.
            let _unheard = sender.send(outcome).is_err();
        })
        .expect("start a thread");
    let id = running.recv_timeout(DEADLINE).expect("the thread starts");
    Task { result, id }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
struct ThreadId(libc::pid_t);

#[cfg(any(target_os = "linux", target_os = "android"))]
impl ThreadId {
    fn current() -> Self {
        // SAFETY: takes nothing and touches no memory of ours.
        Self(unsafe { libc::gettid() })
    }

    #[track_caller]
    fn wait_until_asleep(&self) {
        // Without the list of threads nothing tells: the test goes on too early at worst.
        crate::until("the thread sleeps", || {
            let stat = format!("/proc/self/task/{}/stat", self.0);
            // A thread whose time was short may be over by now, on a busy machine: joining tells.
            let Ok(stat) = std::fs::read_to_string(stat) else {
                return true;
            };
            // The state follows the name, which stands in brackets and may hold any character.
            let state = stat
                .rsplit_once(") ")
                .and_then(|(_, rest)| rest.chars().next());
            state == Some('S')
        });
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
struct ThreadId;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl ThreadId {
    fn current() -> Self {
        Self
    }

    fn wait_until_asleep(&self) {
        for _ in 0..1000 {
            thread::yield_now();
        }
    }
}
