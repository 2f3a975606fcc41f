//! `cargo xtask test`

use std::env::consts;
use std::path::Path;

use anyhow::Result;
use clap::Args;
use xshell::{Shell, cmd};

use crate::debian;
use crate::suite;

/// What the tests run, and the packages that bring it.
const PROGRAMS: [(&str, &str); 5] = [
    ("strace", "strace"),
    ("redis-server", "redis-server"),
    ("redis-benchmark", "redis-tools"),
    ("curl", "curl"),
    ("wrk", "wrk"),
];

/// Run every unit, integration and doc test, and each benchmark once
///
/// Needs, on Linux (installed where they lack): strace, for the tests that count system calls; and
/// real servers and their clients, between which the examples are proven: redis, PostgreSQL, curl, wrk.
#[derive(Args)]
pub(crate) struct Test {}

impl Test {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        if consts::OS == "linux" {
            for (program, package) in PROGRAMS {
                debian::install_program(sh, program, package)?;
            }
            // Debian keeps its programs out of the path.
            if !Path::new("/usr/lib/postgresql").exists() {
                debian::install(sh, &["postgresql"])?;
            }
        }
        // As tests, criterion's benchmarks run once and measure nothing.
        cmd!(sh, "cargo test --package benches --benches").run()?;
        suite::run(cmd!(sh, "cargo test --workspace --no-fail-fast"))
    }
}
