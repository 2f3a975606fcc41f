//! `cargo xtask test`

use std::env::consts;

use anyhow::Result;
use clap::Args;
use xshell::{Shell, cmd};

use crate::debian;

/// Run every unit, integration and doc test, and each benchmark once
///
/// Needs, on Linux: strace, for the tests that count system calls (installed where it lacks).
#[derive(Args)]
pub(crate) struct Test {}

impl Test {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        if consts::OS == "linux" {
            debian::install_program(sh, "strace", "strace")?;
        }
        // As tests, criterion's benchmarks run once and measure nothing.
        cmd!(sh, "cargo test --package benches --benches").run()?;
        cmd!(sh, "cargo test --workspace").run()?;
        Ok(())
    }
}
