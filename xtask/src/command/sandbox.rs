//! `cargo xtask sandbox`

mod environment;
mod lab;
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    target_endian = "little"
))]
mod launcher;
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    target_endian = "little"
))]
mod refusals;
/// Elsewhere no filter is built, or the C library has other types.
#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    target_endian = "little"
)))]
mod launcher {
    use std::path::Path;
    use std::process::{Command, ExitStatus};

    use super::environment::Setup;

    pub(super) fn launch(_: Setup, _: Option<&Path>, _: Command) -> anyhow::Result<ExitStatus> {
        anyhow::bail!("these environments need 64-bit Linux with glibc");
    }
}

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use xshell::Shell;

use self::environment::Environment;
use self::lab::{Lab, Room, Tally};
use self::launcher::launch;
use crate::suite;

/// Run the tests of the selector, the options and the sockets, and `echo`, as on old kernels and in sandboxes
///
/// A filter of system calls (seccomp) refuses what Linux 3.17 to 5.10 or gVisor do not have, or one call at a time with
/// each error that sandboxes use. Other environments are processes with no descriptors, little stack, blocked or
/// endless signals or an empty root directory, and networks without IPv6, loopback or ports. `--list` says what
/// each stands for, and what it does not show. A filter sees the numbers of calls and their arguments alone: an
/// old kernel's behaviour is not shown, nor what lies in memory, such as the flags of an epoll registration.
///
/// In CI (`CI=true`) a skipped test is a failure unless its environment expects the reason.
///
/// Needs Linux on x86-64, aarch64 or riscv64; what `test` needs; root, iproute2 and nftables (installed if missing)
/// for the environments with a network or a root directory of their own.
#[derive(Args)]
pub(crate) struct Sandbox {
    /// The environments to run [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// List the environments
    #[arg(long)]
    list: bool,
}

/// Become a program in an environment
#[derive(Args)]
pub(crate) struct Launch {
    environment: String,
    /// The folder that is the root directory of an environment with its own
    #[arg(long)]
    root: Option<PathBuf>,
    /// A library to preload
    #[arg(long)]
    preload: Option<PathBuf>,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Sandbox {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let environments = self.chosen()?;
        if self.list {
            for Environment { name, about, .. } in &environments {
                println!("{name}\n    {about}");
            }
            return Ok(());
        }
        suite::install_programs(sh)?;
        let lab = Lab::new(sh)?;
        let mut told = String::new();
        for environment in &environments {
            let start = Instant::now();
            let tally = Room::new(sh, &lab, environment).and_then(|room| (environment.run)(&room));
            let mut tally = tally.unwrap_or_else(Tally::of_error);
            if suite::in_ci() {
                tally.expect_skips(environment.skips);
            }
            let row = Row {
                name: &environment.name,
                tally,
                took: start.elapsed(),
            };
            println!("{row}");
            if row.tally.failed > 0 {
                told.push_str(&format!("---- {}\n{}", row.name, row.tally.told));
            }
        }
        ensure!(told.is_empty(), "tests failed\n{told}");
        Ok(())
    }

    fn chosen(&self) -> Result<Vec<Environment>> {
        let mut all = environment::all();
        if self.names.is_empty() {
            return Ok(all);
        }
        for name in &self.names {
            let known = all.iter().any(|environment| environment.name == *name);
            ensure!(known, "there is no environment {name}; --list shows all");
        }
        all.retain(|environment| self.names.contains(&environment.name));
        Ok(all)
    }
}

impl Launch {
    pub(crate) fn run(&self) -> Result<()> {
        let mut environments = environment::all().into_iter();
        let environment = environments.find(|environment| environment.name == self.environment);
        let environment = environment.context("there is no such environment")?;
        let (program, arguments) = self.command.split_first().context("no program")?;
        let mut command = Command::new(program);
        command.args(arguments);
        if let Some(library) = &self.preload {
            command.env("LD_PRELOAD", library);
        }
        let status = launch(environment.setup, self.root.as_deref(), command)?;
        std::process::exit(status.code().unwrap_or(1));
    }
}

/// How one environment went.
struct Row<'a> {
    name: &'a str,
    tally: Tally,
    took: Duration,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            passed,
            failed,
            skips,
            ..
        } = &self.tally;
        let (name, took) = (self.name, self.took.as_secs_f64());
        write!(
            f,
            "{name:<20} {passed:>4} passed, {failed:>3} failed {took:>7.1} s  {skips}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_environment_has_a_name_of_its_own() {
        let mut names: Vec<_> = environment::all().into_iter().map(|one| one.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn an_unknown_name_is_refused() {
        let sandbox = |name: &str| Sandbox {
            names: vec![name.to_owned()],
            list: true,
        };
        assert_eq!(sandbox("gvisor").chosen().expect("a name").len(), 1);
        assert!(sandbox("linux-2.4").chosen().is_err());
    }
}
