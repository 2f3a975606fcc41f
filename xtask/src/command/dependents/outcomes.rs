//! How the tests of a run ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Result, ensure};

/// A test, by the source file of its program and its own name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Test {
    pub(super) program: String,
    pub(super) name: String,
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.name, self.program)
    }
}

/// The outcome of each test. `Display` is one line with the counts.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    tests: BTreeMap<Test, Outcome>,
    /// How long the tests of each program took, in seconds.
    took: BTreeMap<String, f64>,
    /// How many programs failed, also those that failed after their last test.
    failed_programs: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Ignored,
}

/// How many tests ended how. `Display` leaves out what is zero.
#[derive(Debug, Default)]
pub(super) struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
    seconds: f64,
}

impl Outcomes {
    /// Reads what `cargo test` printed.
    pub(super) fn parse(output: &str) -> Outcomes {
        let mut outcomes = Outcomes::default();
        let mut program = String::new();
        for line in output.lines() {
            if let Some(running) = line.trim_start().strip_prefix("Running ") {
                let source = running.strip_prefix("unittests ").unwrap_or(running);
                program = source.split(' ').next().unwrap_or_default().to_owned();
            } else if let Some((name, outcome)) = ended(line) {
                let test = Test {
                    program: program.clone(),
                    name: name.to_owned(),
                };
                outcomes.tests.insert(test, outcome);
            } else if let Some(seconds) = finished(line) {
                outcomes.took.insert(program.clone(), seconds);
            } else if let Some(count) = failed_programs(line) {
                outcomes.failed_programs = count;
            }
        }
        outcomes
    }

    /// Returns the tests that failed.
    pub(super) fn failed(&self) -> impl Iterator<Item = &Test> {
        let failed = self
            .tests
            .iter()
            .filter(|(_, outcome)| **outcome == Outcome::Failed);
        failed.map(|(test, _)| test)
    }

    /// Returns whether a test of this name ran and passed, and no test failed.
    pub(super) fn have_passed(&self, name: &str) -> bool {
        let passed =
            |(test, outcome): (&Test, &Outcome)| test.name == name && *outcome == Outcome::Passed;
        self.failed_programs == 0 && self.tests.iter().any(passed)
    }

    /// How many programs failed although their tests passed.
    fn crashes(&self) -> usize {
        let programs: BTreeSet<&String> = self.failed().map(|test| &test.program).collect();
        self.failed_programs.saturating_sub(programs.len())
    }

    /// Counts the tests by what `group` returns for the source file of their program.
    pub(super) fn counts(&self, group: impl Fn(&str) -> String) -> BTreeMap<String, Counts> {
        let mut groups = BTreeMap::<String, Counts>::new();
        for (test, outcome) in &self.tests {
            let counts = groups.entry(group(&test.program)).or_default();
            match outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::Failed => counts.failed += 1,
                Outcome::Ignored => counts.ignored += 1,
            }
        }
        for (program, seconds) in &self.took {
            if let Some(counts) = groups.get_mut(&group(program)) {
                counts.seconds += seconds;
            }
        }
        groups
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Returns the tests that ended otherwise than expected.
    ///
    /// # Errors
    /// Tests did not run that ran in the other run, or the other way round, or more programs failed whose tests
    /// had passed.
    pub(super) fn differences(&self, expected: &Outcomes) -> Result<Vec<Test>> {
        let missing: Vec<String> = expected
            .tests
            .keys()
            .filter(|test| !self.tests.contains_key(test))
            .map(Test::to_string)
            .collect();
        ensure!(missing.is_empty(), "did not run: {}", missing.join(", "));
        ensure!(
            self.tests.len() == expected.tests.len(),
            "{} tests ran instead of {}",
            self.tests.len(),
            expected.tests.len()
        );
        ensure!(
            self.crashes() <= expected.crashes(),
            "{} programs failed although their tests passed",
            self.crashes()
        );
        let differs = |(test, outcome): (&Test, &Outcome)| {
            (expected.tests.get(test) != Some(outcome)).then(|| test.clone())
        };
        Ok(self.tests.iter().filter_map(differs).collect())
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts(|_| String::new());
        counts.values().try_for_each(|counts| counts.fmt(f))
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed", self.passed)?;
        for (count, what) in [(self.failed, "failed"), (self.ignored, "ignored")] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        write!(f, " in {:.1} s", self.seconds)
    }
}

/// Reads a line of a test that has ended.
fn ended(line: &str) -> Option<(&str, Outcome)> {
    let (name, outcome) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let outcome = match outcome {
        "ok" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        ignored if ignored.starts_with("ignored") => Outcome::Ignored,
        _ => return None,
    };
    Some((name.trim_end_matches(" - should panic"), outcome))
}

/// Reads how many programs failed, which cargo prints at the end.
fn failed_programs(line: &str) -> Option<usize> {
    let (count, rest) = line.strip_prefix("error: ")?.split_once(' ')?;
    let is_end = rest == "target failed:" || rest == "targets failed:";
    count.parse().ok().filter(|_| is_end)
}

/// Reads how many seconds the tests of a program took.
fn finished(line: &str) -> Option<f64> {
    let (_, seconds) = line
        .strip_prefix("test result: ")?
        .split_once("finished in ")?;
    seconds.strip_suffix('s')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
   Compiling tokio v1.54.1
     Running unittests src/lib.rs (target/debug/deps/tokio-07b2)
running 2 tests
test fs::opens ... ok
test net::fails - should panic ... ok
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.25s
     Running tests/tcp_echo.rs (target/debug/deps/tcp_echo-19d1)
test echo ... FAILED
test later ... ignored, slow
test result: FAILED. 0 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.50s
error: 1 target failed:
    `--test tcp_echo`
";

    fn test(program: &str, name: &str) -> Test {
        Test {
            program: program.to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn tests_are_read_with_their_programs() {
        let outcomes = Outcomes::parse(OUTPUT);
        let line = outcomes.to_string();
        assert_eq!(line, "2 passed, 1 failed, 1 ignored in 1.8 s");
        let counts = outcomes.counts(str::to_owned);
        assert_eq!(counts["src/lib.rs"].to_string(), "2 passed in 0.2 s");
        for (program, name) in [
            ("src/lib.rs", "fs::opens"),
            ("src/lib.rs", "net::fails"),
            ("tests/tcp_echo.rs", "echo"),
            ("tests/tcp_echo.rs", "later"),
        ] {
            assert!(outcomes.tests.contains_key(&test(program, name)), "{name}");
        }
    }

    #[test]
    fn a_test_that_ended_otherwise_is_a_difference() {
        let expected = Outcomes::parse(OUTPUT);
        let output = OUTPUT.replace("echo ... FAILED", "echo ... ok");
        let outcomes = Outcomes::parse(&output.replace("error: 1 target failed:", ""));
        let differences = outcomes.differences(&expected).unwrap();
        assert_eq!(differences, [test("tests/tcp_echo.rs", "echo")]);
        assert!(expected.differences(&expected).unwrap().is_empty());
    }

    #[test]
    fn a_program_that_fails_after_its_tests_is_an_error() {
        let expected = Outcomes::parse(OUTPUT);
        let crashed = OUTPUT.replace("1 target failed:", "2 targets failed:");
        let crashed = Outcomes::parse(&crashed);
        assert!(crashed.differences(&expected).is_err());
        assert!(expected.differences(&crashed).unwrap().is_empty());
    }

    #[test]
    fn a_test_passes_alone_if_it_ran() {
        let alone = "     Running tests/tcp_echo.rs (x)\ntest echo ... ok\n";
        assert!(Outcomes::parse(alone).have_passed("echo"));
        assert!(!Outcomes::parse(alone).have_passed("later"));
        let ignored = alone.replace("... ok", "... ignored");
        assert!(!Outcomes::parse(&ignored).have_passed("echo"));
        let crashed = format!("{alone}error: 1 target failed:\n");
        assert!(!Outcomes::parse(&crashed).have_passed("echo"));
    }

    #[test]
    fn a_test_that_did_not_run_is_an_error() {
        let expected = Outcomes::parse(OUTPUT);
        let outcomes = Outcomes::parse(&OUTPUT.replace("test echo ... FAILED\n", ""));
        let error = outcomes.differences(&expected).unwrap_err().to_string();
        assert_eq!(error, "did not run: echo in tests/tcp_echo.rs");
        assert!(expected.differences(&outcomes).is_err());
    }
}
