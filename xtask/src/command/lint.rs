//! `cargo xtask lint`

mod examples;
mod imports;
mod layers;
mod top_level;

use anyhow::{Result, bail};
use clap::Args;
use xshell::{Cmd, Shell, cmd};

use crate::command::public_api;
use crate::summary::Summary;
use crate::workspace::{self, LAYERS};

/// Check formatting, clippy, documentation, the top level, who may import whom, what the layers share with the
/// workspace, examples and the public API
///
/// Clippy also checks what the workspace's build leaves out: the fuzz targets and loom's models.
///
/// Needs: the components rustfmt and clippy of the toolchain in use, and what `public-api` needs.
#[derive(Args)]
pub(crate) struct Lint {}

impl Lint {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let mut summary = Summary::default();
        summary.step("top level", || refuse(top_level::violations(sh)?));
        summary.step("imports", || refuse(imports::violations(sh)?));
        summary.step("layers", || refuse(layers::violations(sh)?));
        summary.step("examples", || refuse(examples::violations(sh)?));
        summary.step("format", || {
            cmd!(sh, "cargo fmt --all --check").run()?;
            // They are no members of the workspace.
            let layers = LAYERS.iter().map(|layer| format!("crates/{}", layer.name));
            for folder in ["xtask/fuzz", "xtask/public-api"]
                .map(String::from)
                .into_iter()
                .chain(layers)
            {
                let manifest = format!("{folder}/Cargo.toml");
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
            for features in ["", "pipe", "udp", "uds", "use-libc"] {
                cmd!(
                    sh,
                    "cargo clippy --package readywire --lib --no-default-features --features {features} -- --deny warnings"
                )
                .run()?;
            }
            Ok(())
        });
        summary.step("clippy, fuzz targets", || {
            let manifest = "xtask/fuzz/Cargo.toml";
            let cargo = cmd!(
                sh,
                "cargo clippy --manifest-path {manifest} -- --deny warnings"
            );
            // Nothing is linked: libFuzzer need not be built.
            let cargo = cargo.env("CUSTOM_LIBFUZZER_PATH", "/libfuzzer.a");
            Ok(under(cargo, "fuzzing").run()?)
        });
        summary.step("clippy, loom models", || {
            let cargo = cmd!(
                sh,
                "cargo clippy --package selector --lib --profile test -- --deny warnings"
            );
            Ok(under(cargo, "loom").run()?)
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

/// Sets a `--cfg`, which rebuilds everything: in a folder of its own.
fn under<'a>(cargo: Cmd<'a>, cfg: &str) -> Cmd<'a> {
    cargo
        .env("RUSTFLAGS", format!("--cfg {cfg}"))
        .env("CARGO_TARGET_DIR", workspace::target_dir().join("lint"))
}

fn refuse(violations: Vec<String>) -> Result<()> {
    if violations.is_empty() {
        return Ok(());
    }
    bail!("\n    {}", violations.join("\n    "))
}
