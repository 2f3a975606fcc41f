//! `cargo xtask ci`

use anyhow::{Result, bail};
use clap::{Args, Parser};
use xshell::Shell;

use crate::Cli;
use crate::summary::Summary;

/// Every check, cheap ones first.
const CHECKS: &[&str] = &[
    "lint",
    "msrv",
    "loom",
    "platforms",
    "wine --repeat 10",
    "emulated",
    "sanitize",
    "test",
    "test --rps",
    "netns",
    "sandbox",
    "soak --minutes 1",
    "dependents",
    "fuzz --seconds 60",
];

/// Run every check, one after the other, and sum up their results and times
///
/// Needs: what the checks need.
#[derive(Args)]
pub(crate) struct Ci {
    /// The commands to run, each one argument: `lint "wine --repeat 10" test`
    #[arg(value_name = "COMMAND", default_values = CHECKS)]
    checks: Vec<String>,
}

impl Ci {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let checks = self
            .checks
            .iter()
            .map(|check| parse(check))
            .collect::<Result<Vec<_>>>()?;
        let mut summary = Summary::default();
        for (name, cli) in self.checks.iter().zip(checks) {
            println!("---- {name}");
            summary.step(name, || cli.command.run(sh));
        }
        println!("\n{summary}");
        summary.finish()
    }
}

fn parse(check: &str) -> Result<Cli> {
    match Cli::try_parse_from(["xtask"].into_iter().chain(check.split_whitespace())) {
        Ok(cli) => Ok(cli),
        Err(error) => bail!("`{check}` is no command: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_check_is_a_command() {
        for check in CHECKS {
            assert!(parse(check).is_ok(), "{check}");
        }
        assert!(parse("no-such-check").is_err());
    }

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
