//! `cargo xtask public-api`

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Args;
use xshell::{Shell, cmd};

use crate::workspace;

/// Crates that promise nothing: the sockets share what is in them.
const INTERNAL: &[&str] = &["socket-calls", "system-call"];

/// Compare the public API of each crate with the list that is committed, `public-api.txt` next to its manifest
///
/// So every change of the API is seen in a diff. The lists are of Linux on x86-64, with the default
/// features; on another platform a few items differ.
///
/// Needs: a toolchain whose rustdoc writes the JSON that xtask/public-api reads.
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
