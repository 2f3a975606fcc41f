//! `cargo xtask soak`

use anyhow::Result;
use clap::Args;
use xshell::{Shell, cmd};

/// Hammer every backend from several threads, and detect events that are lost or stale
///
/// Connections, registrations, wakes, clones and faults at random; at the end descriptors, memory and
/// registrations must be as at the start. To repeat a run: READYWIRE_SEED, which it prints.
///
/// Needs: nothing more.
#[derive(Args)]
pub(crate) struct Soak {
    /// How long
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
}

impl Soak {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let minutes = self.minutes.to_string();
        let soak = cmd!(sh, "cargo run --release --package soak --");
        Ok(soak.args(["--minutes", &minutes]).run()?)
    }
}
