//! `cargo xtask bench`

use anyhow::Result;
use clap::Args;
use xshell::{Shell, cmd};

/// Run the benchmarks
///
/// Needs: nothing more.
#[derive(Args)]
pub(crate) struct Bench {
    /// Passed on to criterion, such as `--quick` or the name of a benchmark
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Bench {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let args = &self.args;
        cmd!(sh, "cargo bench --package benches -- {args...}").run()?;
        Ok(())
    }
}
