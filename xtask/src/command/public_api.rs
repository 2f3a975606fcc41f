//! `cargo xtask public-api`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::workspace;

/// The format of rustdoc's JSON that the crate `public-api` in xtask/public-api/Cargo.toml reads.
const FORMAT: u32 = 57;

/// A release of Rust that writes it.
const RUST: &str = "1.95";

/// Crates that promise nothing: the sockets share what is in them.
const INTERNAL: &[&str] = &["socket-calls", "system-call"];

/// Compare the public API of each crate with the list that is committed, `public-api.txt` next to its manifest
///
/// So every change of the API is seen in a diff. The lists are of Linux on x86-64, with the default
/// features; on another platform a few items differ.
///
/// Needs: a toolchain whose rustdoc writes the format of JSON that xtask/public-api reads, such as Rust 1.95.
#[derive(Args)]
pub(crate) struct PublicApi {
    /// Write the lists again
    #[arg(long)]
    bless: bool,
}

impl PublicApi {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        if !self.bless {
            return check(sh);
        }
        for list in differing(sh)? {
            sh.copy_file(list.found, list.committed)?;
        }
        Ok(())
    }
}

/// Compares the lists, and prints how they differ.
///
/// # Errors
/// If they do.
pub(super) fn check(sh: &Shell) -> Result<()> {
    let differing = differing(sh)?;
    for List { committed, found } in &differing {
        // It fails where the two differ, as they do; a list may also be missing.
        cmd!(sh, "git diff --no-index --unified=0 {committed} {found}")
            .quiet()
            .ignore_status()
            .run()?;
    }
    ensure!(
        differing.is_empty(),
        "the public API has changed; if it was meant to, run `cargo xtask public-api --bless` and \
         commit what it writes"
    );
    Ok(())
}

/// The list of a crate.
struct List {
    committed: String,
    /// What the list should be.
    found: PathBuf,
}

/// Returns the lists that are not as they are committed.
fn differing(sh: &Shell) -> Result<Vec<List>> {
    let folder = workspace::target_dir().join("public-api");
    let mut crates = workspace::published_unless(sh, &[])?;
    crates.retain(|name| !INTERNAL.contains(&name.as_str()));
    cmd!(
        sh,
        "cargo doc --quiet --no-deps --lib --target-dir {folder}"
    )
    .args(crates.iter().flat_map(|name| ["--package", name]))
    .env("RUSTDOCFLAGS", "-Zunstable-options --output-format json")
    // JSON is an unstable format.
    .env("RUSTC_BOOTSTRAP", "1")
    .run()?;
    let mut differing = Vec::new();
    for name in crates {
        let json = folder.join(format!("doc/{}.json", name.replace('-', "_")));
        check_format(&sh.read_file(&json)?)?;
        let manifest = "xtask/public-api/Cargo.toml";
        let new = cmd!(sh, "cargo run --quiet --manifest-path {manifest}")
            .args([Path::new("--target-dir"), &folder, Path::new("--"), &json])
            .read()?;
        let new = format!("{new}\n");
        let committed = format!("crates/{name}/public-api.txt");
        if sh.read_file(&committed).is_ok_and(|old| old == new) {
            continue;
        }
        let found = folder.join(format!("{name}.txt"));
        sh.write_file(&found, new)?;
        differing.push(List { committed, found });
    }
    Ok(differing)
}

/// Checks that xtask/public-api can read what rustdoc wrote.
fn check_format(json: &str) -> Result<()> {
    #[derive(Deserialize)]
    struct Rustdoc {
        format_version: u32,
    }

    let Rustdoc { format_version } =
        serde_json::from_str(json).context("rustdoc's JSON names no format")?;
    ensure!(
        format_version == FORMAT,
        "the list of the public API needs a rustdoc that writes format {FORMAT} of its JSON, such as that of Rust {RUST}; \
         this toolchain's writes format {format_version}. Run it with Rust {RUST} (`cargo +{RUST} xtask ...`), or move \
         to this toolchain: choose a release of `public-api` in xtask/public-api/Cargo.toml that reads its format, and \
         change FORMAT and RUST in xtask/src/command/public_api.rs"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_format_is_refused_with_the_release_that_is_needed() {
        let json = |version| format!(r#"{{"root":0,"index":{{}},"format_version":{version}}}"#);
        check_format(&json(FORMAT)).expect("the format that is read");
        let error = check_format(&json(FORMAT + 1)).expect_err("a newer format");
        let error = error.to_string();
        assert!(error.contains("such as that of Rust 1.95"), "{error}");
        assert!(error.contains("writes format 58"), "{error}");
        check_format("{}").expect_err("no format");
    }
}
