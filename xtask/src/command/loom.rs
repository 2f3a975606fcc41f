//! `cargo xtask loom`

use anyhow::Result;
use clap::Args;
use xshell::{Shell, cmd};

use crate::{suite, workspace};

/// Check the lock-free code under every interleaving that loom finds
///
/// Needs: nothing more.
#[derive(Args)]
pub(crate) struct Loom {}

impl Loom {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        // Modules named `model` hold these tests; loom explores too much for a debug build.
        let cargo = cmd!(sh, "cargo test --package selector --lib --release model::")
            .env("RUSTFLAGS", "--cfg loom")
            // Other flags rebuild everything, so they get a folder of their own.
            .env("CARGO_TARGET_DIR", workspace::target_dir().join("loom"));
        suite::run(cargo)
    }
}
