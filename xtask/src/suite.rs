//! Tests that ran, counted: a run of none proves nothing.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use xshell::Cmd;

/// Runs `cargo test` and passes its output on.
///
/// # Errors
/// If a test fails, and if none ran: a filter that matches nothing, or a package whose tests are
/// all for another system, would look like a success.
pub(crate) fn run(cargo: Cmd<'_>) -> Result<()> {
    let shown = cargo.to_string();
    eprintln!("$ {shown}");
    let mut child = Command::from(cargo)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{shown}`"))?;
    let output = child.stdout.take().context("the output is not piped")?;
    let mut passed = 0;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        passed += passed_by(&line).unwrap_or(0);
    }
    let status = child.wait()?;
    ensure!(status.success(), "`{shown}`: {status}");
    ensure!(passed > 0, "`{shown}` ran no test");
    Ok(())
}

/// How many tests have passed by the closing line of one test program.
fn passed_by(line: &str) -> Option<u32> {
    let counts = line.strip_prefix("test result: ok. ")?;
    let (passed, _) = counts.split_once(" passed")?;
    passed.parse().ok()
}

#[cfg(test)]
mod tests {
    use xshell::{Shell, cmd};

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
}
