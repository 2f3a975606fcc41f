//! Steps that are run one after the other, each with its result and time.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// What ran so far. `Display` is a table for a person.
#[derive(Default)]
pub(crate) struct Summary {
    rows: Vec<Row>,
}

struct Row {
    name: String,
    failure: Option<String>,
    took: Duration,
}

impl Summary {
    /// Runs `step` and prints its row; a failure is printed and kept, so that the next step can run.
    pub(crate) fn step(&mut self, name: &str, step: impl FnOnce() -> Result<()>) {
        let start = Instant::now();
        let failure = step().err().map(|error| format!("{error:#}"));
        if let Some(failure) = &failure {
            eprintln!("error: {name}: {failure}");
        }
        let row = Row {
            name: name.to_owned(),
            failure,
            took: start.elapsed(),
        };
        println!("{row}");
        self.rows.push(row);
    }

    /// Fails if a step did, with the failure of each: who reads the end of a log alone knows them too.
    pub(crate) fn finish(&self) -> Result<()> {
        let failures: Vec<String> = self
            .rows
            .iter()
            .filter_map(|row| Some(format!("{}: {}", row.name, row.failure.as_deref()?)))
            .collect();
        if !failures.is_empty() {
            bail!(
                "{} of {} failed\n{}",
                failures.len(),
                self.rows.len(),
                failures.join("\n")
            );
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        let passed = self.rows.iter().filter(|row| row.failure.is_none()).count();
        write!(
            f,
            "checks: {passed} passed, {} failed",
            self.rows.len() - passed
        )
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let result = if self.failure.is_none() {
            "ok"
        } else {
            "FAILED"
        };
        // A check with the longest target triple has 47 characters; some are several words.
        write!(
            f,
            "{:<48} {result:<8}{:>7.1} s",
            self.name,
            self.took.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn table_lines_up_and_counts() {
        let row = |name: &str, failure: Option<&str>, millis| Row {
            name: name.to_owned(),
            failure: failure.map(str::to_owned),
            took: Duration::from_millis(millis),
        };
        let summary = Summary {
            rows: vec![
                row("lint", None, 1_230),
                row("test", Some("one test"), 75_000),
            ],
        };
        let expected = "\
lint                                             ok          1.2 s
test                                             FAILED     75.0 s
checks: 1 passed, 1 failed";
        assert_eq!(summary.to_string(), expected);
    }

    #[test]
    fn later_steps_run_after_a_failure_and_the_failure_is_kept() {
        let mut summary = Summary::default();
        let mut ran = false;
        summary.step("first", || Err(anyhow!("broken")));
        summary.step("second", || {
            ran = true;
            Ok(())
        });
        assert!(ran);
        let error = summary.finish().expect_err("the first step failed");
        assert_eq!(error.to_string(), "1 of 2 failed\nfirst: broken");
    }

    #[test]
    fn nothing_failed_is_a_success() {
        let mut summary = Summary::default();
        summary.step("only", || Ok(()));
        assert!(summary.finish().is_ok());
    }
}
