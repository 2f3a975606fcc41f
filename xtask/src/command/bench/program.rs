//! The program that measures: built once, so that times and counts are of the same code.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};
use serde::Deserialize;
use xshell::{Shell, TempDir, cmd};

use super::results::{self, Case, Times};

/// Puts an end to what counts one group, after so many seconds; what was counted until then is kept.
pub(super) const LIMITED: [&str; 3] = ["timeout", "--foreground", "60"];

/// What `timeout` ends with when it has put an end to something.
const TIMED_OUT: i32 = 124;

/// How often the work is done at most where it is counted.
const TIMES: &str = "20";

pub(super) struct Program {
    path: PathBuf,
    scratch: TempDir,
}

/// Work that was done between marks: by whom, and how many times.
#[derive(Debug, PartialEq)]
pub(super) struct Counted {
    /// The group's and the case's name.
    pub(super) title: String,
    pub(super) contestant: String,
    pub(super) times: f64,
}

/// What was counted of each one's work, by one time of it.
pub(super) struct Counts<T> {
    pub(super) counts: Vec<(Counted, T)>,
    /// Why there are no more, where it ended early, as where a tool lacks a system call.
    pub(super) failure: Option<String>,
}

/// What of cargo's messages matters here.
#[derive(Deserialize)]
struct Message {
    /// Of a program that was built.
    executable: Option<PathBuf>,
}

impl Program {
    pub(super) fn build(sh: &Shell) -> Result<Program> {
        let format = "json-render-diagnostics";
        let messages = cmd!(
            sh,
            "cargo bench --package benches --bench measure --no-run --message-format {format}"
        )
        .read()?;
        let path = messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Message>(line).ok()?.executable)
            .next_back()
            .context("cargo built no program")?;
        let scratch = sh.create_temp_dir()?;
        Ok(Program { path, scratch })
    }

    /// Measures times; the program prints them as they come, and shows how far it is.
    pub(super) fn measure(
        &self,
        sh: &Shell,
        filter: Option<&str>,
        quick: bool,
    ) -> Result<Vec<Case>> {
        let (path, json) = (&self.path, self.scratch("times.json"));
        let quick = quick.then_some("--quick");
        cmd!(sh, "{path} --bench --json {json} {quick...} {filter...}")
            .quiet()
            .run()?;
        Ok(results::read::<Times>(&json)?.cases)
    }

    /// Has the work of some cases done under a tool that counts; `counts` then reads what it wrote, in
    /// the order of the work.
    ///
    /// Of work that did not come to its end there need not be a count.
    pub(super) fn count<T>(
        &self,
        mut tool: Command,
        filter: &str,
        counts: impl FnOnce() -> Result<Vec<T>>,
    ) -> Result<Counts<T>> {
        let said = self.scratch("said");
        let output = tool
            .arg(&self.path)
            .args(["--count", TIMES, filter])
            .env("RUST_BACKTRACE", "0")
            .stderr(File::create(&said)?)
            .output()
            .with_context(|| format!("cannot run {}", tool.get_program().display()))?;
        let counted = String::from_utf8(output.stdout)?
            .lines()
            .map(|line| Counted::parse(line).with_context(|| format!("not understood: {line}")))
            .collect::<Result<Vec<_>>>()?;
        let said = fs::read(&said)?;
        Ok(Counts {
            counts: counted.into_iter().zip(counts()?).collect(),
            failure: failure(output.status, &String::from_utf8_lossy(&said)),
        })
    }

    /// The path of a file for a tool to write.
    pub(super) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }
}

impl Counted {
    /// Reads a line of `measure --count`.
    fn parse(line: &str) -> Option<Counted> {
        let mut fields = line.split('\t').map(str::to_owned);
        Some(Counted {
            title: fields.next()?,
            contestant: fields.next()?,
            times: fields.next()?.parse().ok()?,
        })
    }
}

/// Why a program did not end well, in a line.
fn failure(status: ExitStatus, said: &str) -> Option<String> {
    if status.success() {
        return None;
    }
    if status.code() == Some(TIMED_OUT) {
        return Some(format!("took more than {} s", LIMITED[2]));
    }
    // Neither what the tool says of its own end, nor what a panic says of backtraces.
    let last = said.lines().rfind(|line| {
        !line.trim().is_empty() && !line.starts_with("==") && !line.starts_with("note: ")
    });
    Some(match last {
        Some(line) => format!("{status}: {}", line.trim()),
        None => status.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_who_did_what_how_often() {
        let expected = Counted {
            title: "dispatch/64 of 1024".to_owned(),
            contestant: "mio 0.6".to_owned(),
            times: 20.0,
        };
        assert_eq!(
            Counted::parse("dispatch/64 of 1024\tmio 0.6\t20"),
            Some(expected)
        );
        assert_eq!(Counted::parse("thread 'main' panicked"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_failure_is_told_by_the_last_word_of_the_program() {
        use std::os::unix::process::ExitStatusExt;

        let said = "thread 'main' panicked at round.rs:47:52:\npoll: not implemented\n\
                    note: run with `RUST_BACKTRACE=1`\n==1== \n==1== Collected : 7\n";
        let ended = |code: i32| failure(ExitStatus::from_raw(code << 8), said);
        assert_eq!(ended(0), None);
        let expected = "exit status: 101: poll: not implemented";
        assert_eq!(ended(101).as_deref(), Some(expected));
        assert_eq!(ended(124).as_deref(), Some("took more than 60 s"));
    }
}
