//! `cargo xtask lint`

mod examples;
mod imports;
mod top_level;

use anyhow::{Result, bail};
use clap::Args;
use xshell::{Shell, cmd};

use crate::summary::Summary;

/// Check formatting, clippy, documentation, the top level, who may import whom and examples
///
/// Needs: the components rustfmt and clippy of the toolchain in use.
#[derive(Args)]
pub(crate) struct Lint {}

impl Lint {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let mut summary = Summary::default();
        summary.step("top level", || refuse(top_level::violations(sh)?));
        summary.step("imports", || refuse(imports::violations(sh)?));
        summary.step("examples", || refuse(examples::violations(sh)?));
        summary.step("format", || {
            cmd!(sh, "cargo fmt --all --check").run()?;
            // It is no member of the workspace.
            Ok(cmd!(
                sh,
                "cargo fmt --manifest-path xtask/fuzz/Cargo.toml --check"
            )
            .run()?)
        });
        summary.step("clippy", || {
            Ok(cmd!(
                sh,
                "cargo clippy --workspace --all-targets -- --deny warnings"
            )
            .run()?)
        });
        summary.step("documentation", || {
            let cargo = cmd!(
                sh,
                "cargo doc --workspace --no-deps --document-private-items"
            );
            Ok(cargo.env("RUSTDOCFLAGS", "--deny warnings").run()?)
        });
        summary.finish()
    }
}

fn refuse(violations: Vec<String>) -> Result<()> {
    if violations.is_empty() {
        return Ok(());
    }
    bail!("\n    {}", violations.join("\n    "))
}
