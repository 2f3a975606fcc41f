//! `cargo xtask test`

use anyhow::Result;
use clap::Args;
use xshell::{Shell, cmd};

use crate::suite;

/// Run every unit, integration and doc test, and each benchmark once
///
/// Needs, on Linux (installed where they lack): strace, for the tests that count system calls; and
/// real servers and clients, with which the examples are proven: redis, PostgreSQL, curl, wrk, socat, nc.
#[derive(Args)]
pub(crate) struct Test {}

impl Test {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        suite::install_programs(sh)?;
        // As tests, criterion's benchmarks run once and measure nothing.
        cmd!(sh, "cargo test --package benches --benches").run()?;
        suite::run(cmd!(sh, "cargo test --workspace --no-fail-fast"))
    }
}
