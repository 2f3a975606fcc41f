//! The tests of the workspace: what they need, how many ran, and which failed, told at the end.

use std::env::consts;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Cmd, Shell};

use crate::debian;

/// What the tests run on Linux, and the packages that bring it.
const PROGRAMS: &[(&str, &str)] = &[
    ("strace", "strace"),
    ("socat", "socat"),
    ("nc.openbsd", "netcat-openbsd"),
    ("redis-server", "redis-server"),
    ("redis-benchmark", "redis-tools"),
    ("curl", "curl"),
    ("wrk", "wrk"),
];

/// The tests that run optimised too: only the optimiser keeps values where a system call that declares too
/// little would destroy them.
pub(crate) const OPTIMISED: [&str; 5] =
    ["--package", "system-call", "--lib", "--tests", "--release"];

/// Sees to it that the programs that tests run on Linux are there; elsewhere they run none.
pub(crate) fn install_programs(sh: &Shell) -> Result<()> {
    if consts::OS == "linux" {
        let mut packages = debian::lacking(PROGRAMS);
        // Debian keeps its programs out of the path.
        if !Path::new("/usr/lib/postgresql").exists() {
            packages.push("postgresql");
        }
        debian::install(sh, &packages)?;
    }
    Ok(())
}

/// Runs `cargo test` and passes its output on.
///
/// # Errors
/// If a test fails: the error tells what the failed tests printed, for it is read at the end of a
/// long log. And if none ran: a filter that matches nothing, or a package whose tests are all for
/// another system, would look like a success.
pub(crate) fn run(cargo: Cmd<'_>) -> Result<()> {
    let shown = cargo.to_string();
    eprintln!("$ {shown}");
    let mut child = Command::from(cargo)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{shown}`"))?;
    let output = child.stdout.take().context("the output is not piped")?;
    let errors = child.stderr.take().context("the errors are not piped")?;

    let mut passed = 0;
    let mut failures = Extract::new(
        |line| line == "failures:",
        |line| line.starts_with("test result:"),
    );
    // What cargo says of a program that a signal ended, or that does not compile.
    let mut complaints = Extract::new(|line| line.starts_with("error"), str::is_empty);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            each_line(errors, |line| {
                eprintln!("{line}");
                complaints.see(line);
            })
        });
        each_line(output, |line| {
            println!("{line}");
            passed += passed_by(line).unwrap_or(0);
            failures.see(line);
        })?;
        reader
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the reader of errors panicked")))
    })?;

    let status = child.wait()?;
    if !status.success() {
        bail!("`{shown}`: {status}\n{}{}", failures.text, complaints.text);
    }
    ensure!(passed > 0, "`{shown}` ran no test");
    Ok(())
}

fn each_line(output: impl Read, mut see: impl FnMut(&str)) -> io::Result<()> {
    for line in BufReader::new(output).split(b'\n') {
        see(&String::from_utf8_lossy(&line?));
    }
    Ok(())
}

/// The parts of an output from a line that opens one to the line that closes it.
struct Extract<O, C> {
    opens: O,
    closes: C,
    open: bool,
    text: String,
}

impl<O: Fn(&str) -> bool, C: Fn(&str) -> bool> Extract<O, C> {
    fn new(opens: O, closes: C) -> Self {
        Self {
            opens,
            closes,
            open: false,
            text: String::new(),
        }
    }

    fn see(&mut self, line: &str) {
        self.open = self.open || (self.opens)(line);
        if self.open {
            self.text.push_str(line);
            self.text.push('\n');
            self.open = !(self.closes)(line);
        }
    }
}

/// How many tests have passed by the closing line of one test program.
fn passed_by(line: &str) -> Option<u32> {
    let counts = line.strip_prefix("test result: ok. ")?;
    let (passed, _) = counts.split_once(" passed")?;
    passed.parse().ok()
}

#[cfg(test)]
mod tests {
    use xshell::cmd;

    use super::*;

    #[test]
    fn only_closing_lines_count() {
        let closing = "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out";
        assert_eq!(passed_by(closing), Some(12));
        assert_eq!(passed_by("running 12 tests"), None);
        assert_eq!(passed_by("test it_says::12 passed ... ok"), None);
    }

    #[test]
    fn a_run_without_a_test_fails() {
        let sh = Shell::new().expect("a shell");
        let of = |count: &str| {
            let line = format!("test result: ok. {count} passed; 0 failed");
            run(cmd!(sh, "echo {line}"))
        };
        let error = of("0").expect_err("no test ran").to_string();
        assert!(error.ends_with("ran no test"), "{error}");
        of("1").expect("a test ran");
        run(cmd!(sh, "false")).expect_err("the command failed");
    }

    #[test]
    fn a_failure_is_told_with_what_it_printed() {
        let sh = Shell::new().expect("a shell");
        let script = "\
echo 'test a ... ok'
echo 'failures:'
echo
echo '---- b stdout ----'
echo 'b panicked'
echo 'test result: FAILED. 1 passed; 1 failed'
echo 'running 1 test'
echo '   Compiling c' >&2
echo 'error: test failed' >&2
echo 'Caused by: a signal' >&2
echo >&2
echo '   Running d' >&2
exit 101";
        let error = run(cmd!(sh, "sh -c {script}"))
            .expect_err("the command failed")
            .to_string();
        let (_, told) = error.split_once('\n').expect("more than a line");
        let expected = "\
failures:

---- b stdout ----
b panicked
test result: FAILED. 1 passed; 1 failed
error: test failed
Caused by: a signal

";
        assert_eq!(told, expected);
    }
}
