//! How the tests of a run ended.

use std::collections::BTreeMap;
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Ignored,
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
            }
        }
        outcomes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Returns the tests that ended otherwise than expected.
    ///
    /// # Errors
    /// Tests did not run that ran in the other run, or the other way round.
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
        let differs = |(test, outcome): (&Test, &Outcome)| {
            (expected.tests.get(test) != Some(outcome)).then(|| test.clone())
        };
        Ok(self.tests.iter().filter_map(differs).collect())
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.tests
            .values()
            .filter(|&&ended| ended == outcome)
            .count()
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tokio's tests: {} passed, {} failed, {} ignored",
            self.count(Outcome::Passed),
            self.count(Outcome::Failed),
            self.count(Outcome::Ignored)
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
   Compiling tokio v1.54.1
     Running unittests src/lib.rs (target/debug/deps/tokio-07b2)
running 2 tests
test fs::opens ... ok
test net::fails - should panic ... ok
test result: ok. 2 passed
     Running tests/tcp_echo.rs (target/debug/deps/tcp_echo-19d1)
test echo ... FAILED
test later ... ignored, slow
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
        assert_eq!(line, "tokio's tests: 2 passed, 1 failed, 1 ignored");
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
        let outcomes = Outcomes::parse(&OUTPUT.replace("echo ... FAILED", "echo ... ok"));
        let differences = outcomes.differences(&expected).unwrap();
        assert_eq!(differences, [test("tests/tcp_echo.rs", "echo")]);
        assert!(expected.differences(&expected).unwrap().is_empty());
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
