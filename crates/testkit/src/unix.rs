//! Unix: descriptors, signals, and tests in a process of their own.

use std::any::type_name;
use std::ffi::c_int;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;
use std::{env, fs, mem, ptr};

use selector::{Backend, Evented, Events, Poll, PollOpt, Ready, Token};

use crate::backends::{Test, without_crate};
use crate::{DEADLINE, Task, expect_nothing_now, expect_readiness, spawn, watchdog};

/// Names the one test that a child runs.
pub(crate) const CHILD: &str = "READYWIRE_TEST_CHILD";

/// Returns a connected pair of Unix streams.
#[track_caller]
pub fn unix_pair() -> (UnixStream, UnixStream) {
    watchdog::watch();
    let (one, other) = UnixStream::pair().expect("make a pair");
    for stream in [&one, &other] {
        stream.set_nonblocking(true).expect("set to non-blocking");
    }
    (one, other)
}

/// Returns the two ends of a pipe.
#[track_caller]
pub fn pipe() -> (File, File) {
    watchdog::watch();
    let (reader, writer) = system_call::pipe().expect("make a pipe");
    (reader.into(), writer.into())
}

/// Sets a descriptor to non-blocking.
#[track_caller]
pub fn nonblocking(descriptor: impl AsFd) {
    let fd = descriptor.as_fd().as_raw_fd();
    // SAFETY: reads the flags of a descriptor that is borrowed, hence open.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    // SAFETY: writes the flags of the same descriptor.
    let result = unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// Returns the descriptors that are open in this process, in order.
///
/// Threads of other tests open and close theirs meanwhile: compare two answers only in a process
/// of one's own, see [`in_child`].
#[track_caller]
pub fn descriptors() -> Vec<RawFd> {
    let mut open: Vec<RawFd> = match fs::read_dir("/dev/fd") {
        Ok(list) => list
            .map(|entry| entry.expect("an entry").file_name())
            .filter_map(|name| name.to_str()?.parse().ok())
            .collect(),
        // In a small root directory: more than a test opens.
        Err(_) => (0..1024).collect(),
    };
    // The list had a descriptor too, which is closed by now.
    open.retain(|fd| flags(*fd).is_some());
    open.sort_unstable();
    open
}

/// Returns whether a descriptor is closed when another program is executed.
///
/// # Panics
/// If the descriptor is not open.
#[track_caller]
pub fn is_close_on_exec(fd: RawFd) -> bool {
    flags(fd).expect("an open descriptor") & libc::FD_CLOEXEC != 0
}

/// The flags of a number, if it is an open descriptor's.
fn flags(fd: RawFd) -> Option<c_int> {
    // SAFETY: asks for the flags of a number, open or not; touches no memory of ours.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    (flags >= 0).then_some(flags)
}

/// Lets this process open no more than `spare` further descriptors (`RLIMIT_NOFILE`). Only in a
/// process of one's own, see [`in_child`].
#[track_caller]
pub fn limit_descriptors(spare: usize) {
    // The limit is on the number a descriptor may have, and there may be gaps.
    let limit = (0..)
        .filter(|fd| flags(*fd).is_none())
        .nth(spare)
        .expect("a number that is free");
    lower_descriptor_limit(limit as usize);
}

/// Sets how many descriptors this process may open (`RLIMIT_NOFILE`), which may be fewer than it has
/// open. Only in a process of one's own, see [`in_child`].
#[track_caller]
pub fn lower_descriptor_limit(limit: usize) {
    let mut limits = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure is whole and outlives the call.
    let read = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limits) };
    assert_eq!(read, 0, "{}", io::Error::last_os_error());
    limits.rlim_cur = limit as libc::rlim_t;
    // SAFETY: as above.
    let written = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limits) };
    assert_eq!(written, 0, "{}", io::Error::last_os_error());
}

/// Gives SIGPIPE its default action again, which Rust's runtime took away: the process dies. Only
/// in a process of one's own, see [`in_child`].
#[track_caller]
pub fn restore_sigpipe() {
    // SAFETY: the default action runs no code of ours.
    let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    assert_ne!(before, libc::SIG_ERR, "{}", io::Error::last_os_error());
    unblock(libc::SIGPIPE);
}

/// Lets a signal reach this thread: a process may be started with signals blocked.
fn unblock(signal: c_int) {
    // SAFETY: a set is bits, or numbers, all of which may be zero.
    let mut signals: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: the set is this function's own.
    let emptied = unsafe { libc::sigemptyset(&mut signals) };
    // SAFETY: as above.
    let added = unsafe { libc::sigaddset(&mut signals, signal) };
    assert_eq!((emptied, added), (0, 0), "{}", io::Error::last_os_error());
    // SAFETY: the set is whole; the old one is not asked for.
    let unblocked = unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &signals, ptr::null_mut()) };
    assert_eq!(unblocked, 0, "{}", io::Error::from_raw_os_error(unblocked));
}

/// A thread that is interrupted; see [`interrupt_every`]. Dropping ends it.
#[derive(Debug)]
#[must_use = "the interruptions end when it is dropped"]
pub struct Interruptions {
    stop: Option<Sender<()>>,
    sender: Option<Task<()>>,
}

impl Drop for Interruptions {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(sender) = self.sender.take() {
            sender.join();
        }
    }
}

/// Interrupts this thread with SIGALRM at an interval (`pthread_kill(3)`), without restarting
/// system calls, until the result is dropped on this thread. Only in a process of one's own, see
/// [`in_child`].
#[track_caller]
pub fn interrupt_every(interval: Duration) -> Interruptions {
    interrupt_every_with(interval, || ())
}

/// Interrupts this thread as [`interrupt_every`] does, and calls `action` in the signal handler. It must
/// do only what is safe there (`signal-safety(7)`). Only once in a process.
#[track_caller]
pub fn interrupt_every_with(
    interval: Duration,
    action: impl Fn() + Send + Sync + 'static,
) -> Interruptions {
    static ACTION: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();

    extern "C" fn act(_signal: c_int) {
        if let Some(action) = ACTION.get() {
            action();
        }
    }
    assert!(ACTION.set(Box::new(action)).is_ok(), "one storm a process");

    // SAFETY: all zeroes is a valid `sigaction`: no flags, so no restart, and an empty mask.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = act as extern "C" fn(c_int) as libc::sighandler_t;
    // SAFETY: the structure is whole, and the handler does what the caller says is safe in any context.
    let handled = unsafe { libc::sigaction(libc::SIGALRM, &action, ptr::null_mut()) };
    assert_eq!(handled, 0, "{}", io::Error::last_os_error());
    unblock(libc::SIGALRM);

    // SAFETY: takes nothing and touches no memory of ours.
    let this = unsafe { libc::pthread_self() };
    // A pointer on some systems, which would not go to another thread.
    let this = this as usize;
    let (stop, stopped) = channel();
    let sender = spawn(move || {
        while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            // SAFETY: that thread lives: it joins this one as it drops `Interruptions`.
            let sent = unsafe { libc::pthread_kill(this as libc::pthread_t, libc::SIGALRM) };
            assert_eq!(sent, 0, "{}", io::Error::from_raw_os_error(sent));
        }
    });
    Interruptions {
        stop: Some(stop),
        sender: Some(sender),
    }
}

/// Asserts that dropping a registered source ends its registration though a duplicate of its descriptor
/// lives on, whichever way the duplicate was made. Otherwise the kernel goes on reporting the source,
/// and polls go on dropping its stale events.
///
/// `make` returns a source that is ready for `interest`, and what keeps it so; `take_over` lists the
/// constructors that take a descriptor over.
#[track_caller]
pub fn expect_ended_despite_duplicates<S, P>(
    backend: Backend,
    interest: Ready,
    make: impl Fn() -> (S, P),
    try_clone: impl Fn(&S) -> io::Result<S>,
    take_over: &[&dyn Fn(OwnedFd) -> S],
) where
    S: Evented + AsFd + AsRawFd + FromRawFd + From<OwnedFd> + Into<OwnedFd>,
{
    let duplicate = |source: &dyn AsFd| source.as_fd().try_clone_to_owned().expect("duplicate");

    let (source, _peer) = make();
    expect_ended(backend, interest, "as_fd", source, |source| {
        duplicate(source)
    });
    let (source, _peer) = make();
    expect_ended(backend, interest, "as_raw_fd", source, |source| {
        // SAFETY: the source that gave the number out is borrowed, hence open.
        duplicate(&unsafe { BorrowedFd::borrow_raw(source.as_raw_fd()) })
    });
    let (source, _peer) = make();
    expect_ended(backend, interest, "try_clone", source, |source| {
        try_clone(source).expect("clone")
    });
    let (source, _peer) = make();
    let clone = try_clone(&source).expect("clone");
    expect_ended(backend, interest, "a clone", clone, |_| source);

    let from_raw = |fd: OwnedFd| {
        // SAFETY: the descriptor is given out here, and nobody else has it.
        unsafe { S::from_raw_fd(fd.into_raw_fd()) }
    };
    let own: [&dyn Fn(OwnedFd) -> S; 2] = [&S::from, &from_raw];
    for (at, take_over) in own.iter().chain(take_over).enumerate() {
        let (source, _peer) = make();
        let fd: OwnedFd = source.into();
        let source = take_over(duplicate(&fd));
        expect_ended(
            backend,
            interest,
            &format!("constructor {at}"),
            source,
            |_| fd,
        );
    }
}

/// Registers a source that becomes ready, makes a duplicate of it, drops the source, and asserts that
/// its registration has ended; `way` says how the duplicate came about.
#[track_caller]
pub fn expect_ended<S: Evented, D>(
    backend: Backend,
    interest: Ready,
    way: &str,
    source: S,
    duplicate: impl FnOnce(&S) -> D,
) {
    let poll = Poll::with_backend(backend).expect("a poll");
    let mut events = Events::with_capacity(4);
    poll.register(&source, Token(0), interest, PollOpt::LEVEL)
        .expect("register");
    expect_readiness(&poll, &mut events, Token(0), interest);
    let _duplicate = duplicate(&source);
    drop(source);
    expect_nothing_now(&poll, &mut events);
    assert_eq!(poll.stats().stale, 0, "{way}: the kernel still reports it");
}

/// Runs the rest of a test in a process of its own, in which there is no other test: for limits,
/// signals and counting descriptors.
///
/// To be called from the body of a test itself, or from a function under
/// [`on_each_backend!`](crate::on_each_backend), with all of the test's work in `body`.
///
/// # Panics
/// If the child does not succeed within the deadline, with what it wrote.
#[track_caller]
pub fn in_child<F: FnOnce()>(body: F) {
    in_child_of(|program| Some(command(program)), body);
}

/// Runs the rest of a test as [`in_child`] does, under strace(1), which makes system calls fail:
/// `faults` is the argument of its option `-e inject=`, such as `epoll_wait:error=EINTR:when=2+2`.
///
/// The test is [skipped](fn@crate::skip) where strace cannot trace it.
///
/// # Panics
/// If the test fails in the child, or the child cannot be started.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[track_caller]
pub fn in_child_with_faults<F: FnOnce()>(faults: &str, body: F) {
    in_child_of(
        |program| {
            if crate::lacks_strace() {
                return None;
            }
            let mut strace = Command::new("strace");
            strace
                .args(["-f", "-qq", "-e", "signal=none", "-o", "/dev/null", "-e"])
                .arg(format!("inject={faults}"))
                .arg(program)
                // LeakSanitizer cannot work in a process that is traced.
                .env("LSAN_OPTIONS", "detect_leaks=0");
            Some(strace)
        },
        body,
    );
}

/// The path of this program, also where there is no `/proc` to find it by.
fn this_program() -> PathBuf {
    let started_as = || Some(PathBuf::from(env::args_os().next()?));
    let program = env::current_exe().ok().or_else(started_as);
    program.expect("the path of this program")
}

/// Runs the rest of a test as [`in_child`] does, with a library in front of the C library (`LD_PRELOAD`) that is
/// compiled from `source`, by cc(1).
///
/// The test is [skipped](fn@crate::skip) where there is no C compiler.
///
/// # Panics
/// If the test fails in the child, the child cannot be started, or the library does not compile.
#[cfg(target_os = "linux")]
#[track_caller]
pub fn in_child_with_preload<F: FnOnce()>(source: &str, body: F) {
    // Removed also when this function panics.
    let mut folder = None;
    in_child_of(
        |program| {
            let folder = folder.insert(temporary("readywire-preload"));
            let library = compile(source, folder.path())?;
            let mut command = command(program);
            command.env("LD_PRELOAD", library);
            Some(command)
        },
        body,
    );
}

/// Makes a folder that is removed when it is dropped; `prefix` and the number of this process begin its name.
#[cfg(target_os = "linux")]
fn temporary(prefix: &str) -> tempfile::TempDir {
    let prefix = format!("{prefix}-{}-", std::process::id());
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir();
    folder.expect("make a folder")
}

/// Compiles a shared library into `folder`.
#[cfg(target_os = "linux")]
#[track_caller]
fn compile(source: &str, folder: &Path) -> Option<PathBuf> {
    if Command::new("cc").arg("--version").output().is_err() {
        crate::skip("no C compiler");
        return None;
    }
    let (code, library) = (folder.join("preload.c"), folder.join("preload.so"));
    std::fs::write(&code, source).expect("write the code");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &code])
        .arg("-ldl")
        .output()
        .expect("start cc");
    assert!(output.status.success(), "{output:?}");
    Some(library)
}

/// Runs nothing if there is no command, which the test's process alone asks for.
#[track_caller]
fn in_child_of<F: FnOnce()>(command: impl FnOnce(&Path) -> Option<Command>, body: F) {
    watchdog::watch();
    // A closure is named after the function it stands in.
    let function = without_crate(type_name::<F>()).trim_end_matches("::{{closure}}");
    let test = Test::current().unwrap_or(function);
    if env::var(CHILD).is_ok_and(|child| child == test) {
        return body();
    }
    let program = this_program();
    let Some(mut command) = command(&program) else {
        return;
    };
    let mut child = command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, test)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start the child");
    let output = spawn({
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        move || {
            let stderr = spawn(|| text(stderr));
            text(stdout) + &stderr.join()
        }
    });
    // Its output ends when it does.
    let output = output.join_or_else(DEADLINE, || {
        child.kill().expect("kill the child that hangs")
    });
    let status = child.wait().expect("wait for the child");
    assert!(
        status.success() && output.contains("1 passed"),
        "{test} in a child: {status}\n{output}"
    );
}

/// The command line that Cargo runs programs of this system with, where an emulator plays it.
///
/// Under an emulator a program cannot start itself.
pub fn runner() -> Option<String> {
    let processor = format!("CARGO_TARGET_{}", env::consts::ARCH.to_uppercase());
    let system = format!("_{}_", env::consts::OS.to_uppercase());
    env::vars()
        .find(|(name, _)| {
            name.starts_with(&processor) && name.contains(&system) && name.ends_with("_RUNNER")
        })
        .map(|(_, runner)| runner)
}

/// The command that runs a program built for this system.
fn command(program: &Path) -> Command {
    let runner = runner().unwrap_or_default();
    let mut words = runner.split_whitespace();
    let Some(first) = words.next() else {
        return Command::new(program);
    };
    let mut command = Command::new(first);
    command.args(words).arg(program);
    command
}

fn text(pipe: Option<impl Read>) -> String {
    let mut text = Vec::new();
    let mut pipe = pipe.expect("the output is piped");
    pipe.read_to_end(&mut text)
        .expect("read the child's output");
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_runs_the_test_alone() {
        in_child(|| {
            assert!(env::var(CHILD).is_ok());
            let before = descriptors();
            let pair = unix_pair();
            assert_eq!(descriptors().len(), before.len() + 2);
            drop(pair);
            assert_eq!(descriptors(), before);
        });
    }

    #[test]
    #[should_panic = "in a child"]
    fn a_child_that_fails_is_a_failure() {
        in_child(|| panic!("as it should"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_child_that_fails_leaves_no_preloaded_library() {
        let child = || in_child_with_preload("int nothing;", || std::process::exit(1));
        // Without a C compiler there is no child.
        let _failed = std::panic::catch_unwind(child).is_err();
        let prefix = format!("readywire-preload-{}", std::process::id());
        let files = std::fs::read_dir(env::temp_dir()).expect("the temporary folder");
        let names = files.map(|file| file.expect("a file").file_name());
        let left: Vec<_> = names
            .filter(|name| name.to_string_lossy().starts_with(&prefix))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn a_limit_leaves_room_for_so_many() {
        in_child(|| {
            limit_descriptors(2);
            let _pair = unix_pair();
            let error = File::open("/dev/null").unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        });
    }
}
