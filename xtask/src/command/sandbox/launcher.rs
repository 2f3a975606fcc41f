//! What a process does to itself, or suffers, before it is a test program.

use std::ffi::{c_int, c_uint};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;
use std::{env, fs, io, mem, ptr, thread};

use anyhow::{Context, Result};

use super::environment::Setup;
use super::refusals::Refusals;

/// How often each thread gets a signal.
const STORM_INTERVAL: Duration = Duration::from_millis(1);

/// Becomes `command` in an environment; `root` is the folder for [`Setup::Chroot`].
///
/// Returns where the program runs as a child.
pub(super) fn launch(
    setup: Setup,
    root: Option<&Path>,
    mut command: Command,
) -> Result<ExitStatus> {
    match setup {
        Setup::Nothing => {}
        Setup::Kernel(version) => Refusals::of_kernel(version)?.install()?,
        Setup::Gvisor => Refusals::of_gvisor()?.install()?,
        Setup::Refuse(calls, refusal) => Refusals::of_calls(calls, refusal)?.install()?,
        Setup::NoIpv6 => Refusals::of_ipv6()?.install()?,
        Setup::NoStandardStreams => close_standard_streams(),
        Setup::Descriptors(limit) => set_limit(libc::RLIMIT_NOFILE, limit)?,
        Setup::Stack(bytes) => {
            set_limit(libc::RLIMIT_STACK, bytes)?;
            command.env("RUST_MIN_STACK", bytes.to_string());
        }
        Setup::Chroot => {
            std::os::unix::fs::chroot(root.context("a folder for the root")?)?;
            env::set_current_dir("/")?;
        }
        Setup::BlockSignals => block_signals()?,
        Setup::Storm => {
            die_with_parent(&mut command);
            return storm(command.spawn()?);
        }
    }
    Err(command.exec()).with_context(|| format!("cannot run {command:?}"))
}

fn close_standard_streams() {
    for descriptor in 0..=2 {
        // SAFETY: nothing in this process uses them any more.
        unsafe { libc::close(descriptor) };
    }
}

fn set_limit(resource: c_uint, limit: u32) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: limit.into(),
        rlim_max: limit.into(),
    };
    // SAFETY: the limit is whole.
    check(unsafe { libc::setrlimit(resource, &raw const limit) })
}

fn block_signals() -> io::Result<()> {
    // SAFETY: a set is bits, all of which may be zero.
    let mut signals: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: the set is this function's own.
    check(unsafe { libc::sigfillset(&raw mut signals) })?;
    // SAFETY: as above; where the old set would go to is no place.
    check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const signals, ptr::null_mut()) })
}

/// Makes the kernel kill the program when the thread that starts it ends: one that hangs does not outlive this process,
/// which is killed then.
fn die_with_parent(command: &mut Command) {
    // SAFETY: the call has no pointers.
    let die = || check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) });
    // SAFETY: the closure makes one system call and neither allocates nor locks.
    unsafe { command.pre_exec(die) };
}

/// Sends signals to all threads of a child until it ends.
fn storm(mut child: Child) -> Result<ExitStatus> {
    let process = child.id().cast_signed();
    let mut handled = false;
    loop {
        // Until it has ended and was waited for, its number is its own.
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        handled = handled || handles_signals(process);
        if handled {
            for thread in threads(process) {
                // SAFETY: has no effect on this process's memory. A thread may have ended since.
                unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGRTMIN()) };
            }
        }
        thread::park_timeout(STORM_INTERVAL);
    }
}

fn threads(process: libc::pid_t) -> Vec<libc::pid_t> {
    let folder = fs::read_dir(format!("/proc/{process}/task"));
    let threads = folder.into_iter().flatten().flatten();
    threads
        .filter_map(|thread| thread.file_name().to_str()?.parse().ok())
        .collect()
}

/// Whether a process would survive the signal: what is preloaded into it has run.
fn handles_signals(process: libc::pid_t) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask >> (libc::SIGRTMIN() - 1) & 1 == 1)
}

fn check(result: c_int) -> io::Result<()> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_program_dies_with_the_thread_that_started_it() {
        let start = || {
            let mut command = Command::new("sleep");
            command.arg("20");
            die_with_parent(&mut command);
            command.spawn().expect("a program")
        };
        let started = Instant::now();
        let mut child = thread::spawn(start).join().expect("it is started");
        let status = child.wait().expect("it ends");
        assert_eq!(status.signal(), Some(libc::SIGKILL), "{status}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}
