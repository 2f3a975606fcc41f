//! A test that hangs ends its process, with the test's name and where it hangs.
//!
//! Every helper calls [`watch`], so that a test is watched from its first helper until its thread ends.
//! A limit per wait ([`DEADLINE`](crate::DEADLINE)) covers only the waits of this crate; this covers a
//! call that blocks and a loop that never ends. A test that calls no helper is covered by a limit for
//! the program as a whole.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::panic::Location;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};
use std::{env, process};

/// Sets how many seconds a test may take.
const LIMIT: &str = "READYWIRE_TEST_LIMIT";

/// How many seconds a test may take otherwise, under an emulator and a sanitizer too.
const DEFAULT_LIMIT: u64 = 900;

/// How many times as long all tests of a program may take, from the first helper that one of them calls.
const PROGRAM: u32 = 4;

/// A test that runs.
struct Watched {
    thread: ThreadId,
    name: String,
    since: Instant,
    /// The last helper that the test called.
    helper: &'static Location<'static>,
    #[cfg(unix)]
    handle: libc::pthread_t,
}

// SAFETY: a `pthread_t` names a thread and may be used from any; on some systems it is a pointer.
#[cfg(unix)]
unsafe impl Send for Watched {}

static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new());

thread_local! {
    static ENTRY: RefCell<Option<Entry>> = const { RefCell::new(None) };
    static HELPS: Cell<bool> = const { Cell::new(false) };
}

/// Ends the watch when its thread ends.
struct Entry(ThreadId);

impl Drop for Entry {
    fn drop(&mut self) {
        watched().retain(|test| test.thread != self.0);
    }
}

fn watched() -> MutexGuard<'static, Vec<Watched>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches the test of this thread, if it is a test's: the test runner names the thread after it.
#[track_caller]
pub(crate) fn watch() {
    let helper = Location::caller();
    let this = thread::current();
    let name = match this.name() {
        // With `--test-threads=1` all tests share the main thread.
        Some(name) if name != "main" && !HELPS.get() => name,
        _ => return,
    };
    let mut watched = watched();
    if let Some(test) = watched.iter_mut().find(|test| test.thread == this.id()) {
        test.helper = helper;
        return;
    }
    watched.push(Watched {
        thread: this.id(),
        name: name.to_owned(),
        since: Instant::now(),
        helper,
        #[cfg(unix)]
        handle: unix::this_thread(),
    });
    drop(watched);
    ENTRY.set(Some(Entry(this.id())));
    start();
}

/// Starts the thread that watches, unless it runs.
fn start() {
    static START: Once = Once::new();
    START.call_once(|| {
        let watchdog = thread::Builder::new().name("watchdog".into());
        watchdog.spawn(run).expect("start the watchdog");
    });
}

/// Leaves this thread, which has a test's name, to the test that started it.
pub(crate) fn leave() {
    HELPS.set(true);
}

fn run() {
    #[cfg(unix)]
    unix::block_signals();
    let limit = env::var(LIMIT).map_or(DEFAULT_LIMIT, |limit| {
        limit.parse().expect("the limit is a number of seconds")
    });
    let limit = Duration::from_secs(limit);
    let (start, program) = (Instant::now(), limit * PROGRAM);
    loop {
        if start.elapsed() >= program {
            report(&format!(
                "error: this program's tests have not ended within {program:?}; the test runner has named \
                 those that run for long\n"
            ));
            process::abort();
        }
        let longest = {
            let watched = watched();
            let oldest = watched.iter().min_by_key(|test| test.since);
            match oldest {
                Some(test) if test.since.elapsed() >= limit => end(test, limit),
                Some(test) => test.since.elapsed(),
                None => Duration::ZERO,
            }
        };
        let left = program.saturating_sub(start.elapsed());
        thread::park_timeout(limit.saturating_sub(longest).min(left));
    }
}

/// Ends the process, past the output that the test runner captures.
fn end(test: &Watched, limit: Duration) -> ! {
    let mut text = String::new();
    writeln!(
        text,
        "error: test `{}` has not ended within {limit:?}; the last helper it called: {}",
        test.name, test.helper
    )
    .expect("a string takes all");
    report(&text);
    #[cfg(unix)]
    unix::report_backtrace(test.handle);
    process::abort();
}

fn report(text: &str) {
    io::stderr()
        .write_all(text.as_bytes())
        .expect("write to the standard error");
}

#[cfg(unix)]
mod unix {
    use std::backtrace::Backtrace;
    use std::ffi::c_int;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};
    use std::{io, mem, ptr, thread};

    /// How long the thread may take to find the names of its functions.
    const PATIENCE: Duration = Duration::from_secs(60);

    static REPORTED: AtomicBool = AtomicBool::new(false);

    pub(super) fn this_thread() -> libc::pthread_t {
        // SAFETY: takes nothing and touches no memory of ours.
        unsafe { libc::pthread_self() }
    }

    /// Leaves the signals of the process to the threads of the tests.
    pub(super) fn block_signals() {
        // SAFETY: all zeroes is a valid set of signals on every system.
        let mut all: libc::sigset_t = unsafe { mem::zeroed() };
        // SAFETY: the set is whole and outlives the call.
        let filled = unsafe { libc::sigfillset(&mut all) };
        assert_eq!(filled, 0, "{}", io::Error::last_os_error());
        // SAFETY: the set is whole and outlives the call; the old one is not asked for.
        let blocked = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &all, ptr::null_mut()) };
        assert_eq!(blocked, 0, "{}", io::Error::from_raw_os_error(blocked));
    }

    /// Has a thread report where it is; the process is about to end.
    pub(super) fn report_backtrace(thread: libc::pthread_t) {
        // It allocates and locks, which may hang where the thread was interrupted: nobody waits long.
        extern "C" fn report(_signal: c_int) {
            super::report(&format!("{}\n", Backtrace::force_capture()));
            REPORTED.store(true, Ordering::Release);
        }

        // SAFETY: all zeroes is a valid `sigaction`: no flags and an empty mask.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = report as extern "C" fn(c_int) as libc::sighandler_t;
        // SAFETY: the structure is whole; if the handler hangs, the process is aborted all the same.
        let handled = unsafe { libc::sigaction(libc::SIGUSR2, &action, ptr::null_mut()) };
        assert_eq!(handled, 0, "{}", io::Error::last_os_error());
        // SAFETY: the thread lives: it cannot remove itself from the list, which the caller holds locked.
        let sent = unsafe { libc::pthread_kill(thread, libc::SIGUSR2) };
        assert_eq!(sent, 0, "{}", io::Error::from_raw_os_error(sent));
        let start = Instant::now();
        while !REPORTED.load(Ordering::Acquire) && start.elapsed() < PATIENCE {
            thread::park_timeout(Duration::from_millis(10));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::mpsc::channel;
    use std::{env, thread};

    /// Set in the process whose test hangs.
    const HANGS: &str = "READYWIRE_TEST_HANGS";

    fn hang() {
        let (_sender, receiver) = channel::<()>();
        receiver.recv().expect("nothing is ever sent");
    }

    /// Runs the test of this thread in a process of its own, in which it hangs; returns its name and what
    /// the process has said.
    #[track_caller]
    fn hung(limit: &str) -> (String, String) {
        let name = thread::current().name().expect("a test").to_owned();
        let output = Command::new(env::current_exe().expect("the path of this program"))
            .args([&*name, "--exact", "--test-threads=2"])
            .env(HANGS, "yes")
            .env(super::LIMIT, limit)
            .output()
            .expect("start the program");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        (name, said)
    }

    #[test]
    fn a_test_that_is_not_watched_ends_the_process_later() {
        if env::var_os(HANGS).is_some() {
            // No helper: a slow machine may exceed the limit of a test before the watch of this one could end.
            super::start();
            hang();
        }
        if crate::skip::lacks_processes() {
            return;
        }
        let (_, said) = hung("1");
        let line = "error: this program's tests have not ended within 4s";
        assert!(said.contains(line), "{said}");
    }

    #[test]
    fn a_test_that_hangs_ends_the_process_with_its_name() {
        if env::var_os(HANGS).is_some() {
            let _pair = crate::tcp_pair();
            hang();
        }
        if crate::skip::lacks_processes() {
            return;
        }
        let (name, said) = hung("4");
        let line = format!("error: test `{name}` has not ended within 4s");
        assert!(said.contains(&line) && said.contains(file!()), "{said}");
        // A backtrace of the thread that hangs, where there are signals.
        assert!(!cfg!(unix) || said.contains("recv"), "{said}");
    }
}
