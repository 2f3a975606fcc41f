//! `cargo xtask lint`

mod examples;
mod imports;
mod top_level;

use anyhow::{Result, bail};
use clap::Args;
use xshell::{Shell, cmd};

use crate::command::public_api;
use crate::summary::Summary;

/// Check formatting, clippy, documentation, the top level, who may import whom, examples and the public API
///
/// Needs: the components rustfmt and clippy of the toolchain in use, and what `public-api` needs.
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
            // They are no members of the workspace.
            for package in ["fuzz", "public-api"] {
                let manifest = format!("xtask/{package}/Cargo.toml");
                cmd!(sh, "cargo fmt --manifest-path {manifest} --check").run()?;
            }
            Ok(())
        });
        summary.step("clippy", || {
            Ok(cmd!(
                sh,
                "cargo clippy --workspace --all-targets -- --deny warnings"
            )
            .run()?)
        });
        summary.step("features", || {
            for features in ["", "pipe", "udp", "uds"] {
                cmd!(
                    sh,
                    "cargo clippy --package readywire --lib --no-default-features --features {features} -- --deny warnings"
                )
                .run()?;
            }
            Ok(())
        });
        summary.step("documentation", || {
            let cargo = cmd!(
                sh,
                "cargo doc --workspace --no-deps --document-private-items"
            );
            Ok(cargo.env("RUSTDOCFLAGS", "--deny warnings").run()?)
        });
        summary.step("public API", || public_api::check(sh));
        summary.finish()
    }
}

fn refuse(violations: Vec<String>) -> Result<()> {
    if violations.is_empty() {
        return Ok(());
    }
    bail!("\n    {}", violations.join("\n    "))
}
