//! The tests of the workspace: the programs they need, how many ran, and which failed or were skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::env::{self, consts};
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};
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
        let mut packages = debian::missing(PROGRAMS);
        // Debian keeps its programs out of the path.
        if !Path::new("/usr/lib/postgresql").exists() {
            packages.push("postgresql");
        }
        debian::install(sh, &packages)?;
    }
    Ok(())
}

/// Runs `cargo test` and passes its output on; ends with one line that counts the tests.
///
/// # Errors
/// Any error of [`Tally::finish`]; in CI no test may be skipped.
pub(crate) fn run(cargo: Cmd<'_>) -> Result<()> {
    let mut tally = Tally::default();
    tally.run(cargo)?;
    tally.finish(&[])
}

/// What test programs have reported so far. `Display` is one line.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    skips: Skips,
    /// What the failed tests and cargo printed, for it is read at the end of a long log.
    failures: String,
}

impl Tally {
    /// Runs `cargo test`, or one test program, and passes its output on. Failures are kept for
    /// [`Tally::finish`], so that more tests can run.
    ///
    /// # Errors
    /// If the command cannot be run.
    pub(crate) fn run(&mut self, cargo: Cmd<'_>) -> Result<()> {
        let shown = cargo.to_string();
        eprintln!("$ {shown}");
        let sh = Shell::new()?;
        let temporary = sh.create_temp_dir()?;
        let list = temporary.path().join("skipped");
        let mut child = Command::from(cargo)
            .env("READYWIRE_SKIPPED", &list)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run `{shown}`"))?;
        let output = child.stdout.take().context("the output is not piped")?;
        let errors = child.stderr.take().context("the errors are not piped")?;

        let mut ran = Counts::default();
        let mut failures = Extract::new(
            |line| line == "failures:",
            |line| line.starts_with("test result:"),
        );
        // Cargo's report of a program that a signal ended, or that does not compile.
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
                ran.see(line);
                failures.see(line);
            })?;
            reader
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the reader of errors panicked")))
        })?;

        let status = child.wait()?;
        if !status.success() {
            self.failures += &format!("`{shown}`: {status}\n{}{}", failures.text, complaints.text);
        } else if ran.passed == 0 {
            // A filter that matches nothing, or a package whose tests are all for another system, would
            // look like a success.
            self.failures += &format!("`{shown}` ran no test\n");
        }
        self.passed += ran.passed;
        self.failed += ran.failed;
        if list.exists() {
            self.add_skipped(&sh.read_file(list)?);
        }
        Ok(())
    }

    /// Adds what `testkit::skip` has listed in one run. The test runner has counted these tests as passed.
    fn add_skipped(&mut self, list: &str) {
        let skipped = self.skips.add(list);
        self.passed = self.passed.saturating_sub(skipped);
    }

    /// Counts what was not even started.
    pub(crate) fn skip(&mut self, reason: &str, what: &str) {
        self.skips.add(&format!("{what}\t{reason}"));
    }

    /// Prints the skipped tests and the line that counts all.
    ///
    /// # Errors
    /// If a test failed, with what it printed, and if none ran. In CI also if one was skipped for a reason that is
    /// not `expected`.
    pub(crate) fn finish(&self, expected: &[&str]) -> Result<()> {
        self.finish_as(in_ci(), expected)
    }

    fn finish_as(&self, in_ci: bool, expected: &[&str]) -> Result<()> {
        let mut failures = self.failures.clone();
        for (reason, tests) in &self.skips.reasons {
            for test in tests.keys() {
                println!("skipped: {test}: {reason}");
            }
        }
        if in_ci {
            failures += &self.skips.unexpected(expected);
        }
        if !failures.is_empty() {
            bail!("{failures}{self}");
        }
        println!("{self}");
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skips,
            ..
        } = self;
        write!(f, "tests: {passed} passed, {failed} failed, {skips}")
    }
}

/// Whether this is CI (`CI=true`), where a test may be skipped for expected reasons alone.
pub(crate) fn in_ci() -> bool {
    env::var("CI").is_ok_and(|ci| ci == "true")
}

/// The tests that were skipped. `Display` is their number, and how many have each reason.
#[derive(Default)]
pub(crate) struct Skips {
    /// How many tests were skipped, in all runs; one with several reasons counts once a run.
    count: usize,
    /// In how many runs a test was skipped, by the reason and the test's name.
    reasons: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Skips {
    /// Adds the skips of one run: for each a test, a tab, and the reason. A test may be listed repeatedly. Returns how
    /// many tests were skipped.
    pub(crate) fn add(&mut self, list: &str) -> usize {
        let lines = list.lines().filter_map(|line| line.split_once('\t'));
        let skips: BTreeSet<_> = lines.collect();
        for &(test, reason) in &skips {
            let tests = self.reasons.entry(reason.to_owned()).or_default();
            *tests.entry(test.to_owned()).or_default() += 1;
        }
        let tests: BTreeSet<_> = skips.into_iter().map(|(test, _)| test).collect();
        self.count += tests.len();
        tests.len()
    }

    /// Returns the reasons that are not `expected`, with their tests; nothing if there are none.
    pub(crate) fn unexpected(&self, expected: &[&str]) -> String {
        let mut text = String::new();
        for (reason, tests) in &self.reasons {
            if !expected.contains(&&**reason) {
                let tests = Vec::from_iter(tests.keys().map(String::as_str)).join("\n  ");
                text += &format!("skipped, which CI does not allow: {reason}\n  {tests}\n");
            }
        }
        text
    }
}

impl fmt::Display for Skips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} skipped", self.count)?;
        for (at, (reason, tests)) in self.reasons.iter().enumerate() {
            let separator = if at == 0 { ": " } else { ", " };
            write!(f, "{separator}{reason} ({})", tests.values().sum::<usize>())?;
        }
        Ok(())
    }
}

/// How many tests have run by the closing lines of test programs.
#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
}

impl Counts {
    fn see(&mut self, line: &str) {
        let counts = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "));
        let Some((_, counts)) = counts else {
            return;
        };
        for (number, what) in counts.split("; ").filter_map(|part| part.split_once(' ')) {
            let number: usize = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                _ => {}
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use xshell::cmd;

    use super::*;

    #[test]
    fn only_closing_lines_count() {
        let closing = "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out";
        let failed =
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        let mut counts = Counts::default();
        for line in [
            closing,
            failed,
            "running 12 tests",
            "test it_says::12 passed ... ok",
        ] {
            counts.see(line);
        }
        assert_eq!((counts.passed, counts.failed), (13, 2));
    }

    #[test]
    fn a_skipped_test_counts_once_a_run_and_fails_in_ci_unless_expected() {
        let sh = Shell::new().expect("a shell");
        let script = "\
printf 'a x\\tno IPv6\\na y\\tno IPv6\\na x\\tno IPv6\\na y\\tno strace\\n' > $READYWIRE_SKIPPED
echo 'test result: ok. 12 passed; 0 failed'";
        let mut tally = Tally::default();
        tally.run(cmd!(sh, "sh -c {script}")).expect("it runs");
        let line = "tests: 10 passed, 0 failed, 2 skipped: no IPv6 (2), no strace (1)";
        assert_eq!(tally.to_string(), line);
        tally.run(cmd!(sh, "sh -c {script}")).expect("it runs");
        let line = "tests: 20 passed, 0 failed, 4 skipped: no IPv6 (4), no strace (2)";
        assert_eq!(tally.to_string(), line);
        tally.finish_as(false, &[]).expect("no failure");
        tally
            .finish_as(true, &["no IPv6", "no strace"])
            .expect("all is expected");
        let error = tally.finish_as(true, &["no strace"]).expect_err("in CI");
        let told = "skipped, which CI does not allow: no IPv6\n  a x\n  a y\n";
        assert_eq!(error.to_string(), format!("{told}{line}"));
    }

    #[test]
    fn a_run_without_a_test_fails() {
        let sh = Shell::new().expect("a shell");
        let of = |count: &str| {
            let line = format!("test result: ok. {count} passed; 0 failed");
            run(cmd!(sh, "echo {line}"))
        };
        let error = of("0").expect_err("no test ran").to_string();
        assert!(error.contains("ran no test"), "{error}");
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

tests: 1 passed, 1 failed, 0 skipped";
        assert_eq!(told, expected);
    }
}
