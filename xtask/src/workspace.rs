//! Where things are: the checkout, what is built from it, and what outlives it.

use std::path::{Path, PathBuf};
use std::{env, fs, process};

use anyhow::{Context, Result};
use serde::Deserialize;
use xshell::{Cmd, Shell, cmd};

/// A package named `mio`, which is not a member of the workspace: Cargo allows one package of a name.
pub(crate) struct Layer {
    /// The folder under `crates`.
    pub(crate) name: &'static str,
    /// Sets of features that build on their own, besides all together.
    pub(crate) features: &'static [&'static str],
}

/// The layers on which programs written for mio run.
pub(crate) const LAYERS: [Layer; 2] = [
    Layer {
        name: "mio-06",
        features: &["", "with-deprecated"],
    },
    Layer {
        name: "mio-1",
        features: &["", "os-poll", "net", "net,os-ext,log"],
    },
];

/// What of `cargo metadata` matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A package that `cargo metadata` lists.
#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) manifest_path: PathBuf,
    /// The oldest Rust that builds it.
    rust_version: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    /// The registries it may go to; nothing where it may go to any.
    #[serde(default)]
    publish: Option<Vec<String>>,
}

#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `dev` or `build`; nothing for an ordinary one.
    pub(crate) kind: Option<String>,
    /// Set where it is a package of this workspace.
    pub(crate) path: Option<String>,
}

/// The packages of the workspace in the shell's folder.
pub(crate) fn packages(sh: &Shell) -> Result<Vec<Package>> {
    metadata(cmd!(sh, "cargo metadata --no-deps"))
}

/// The packages that `cargo metadata` lists.
pub(crate) fn metadata(command: Cmd<'_>) -> Result<Vec<Package>> {
    let json = command.args(["--format-version", "1"]).quiet().read()?;
    Ok(serde_json::from_str::<Metadata>(&json)?.packages)
}

/// The packages whose tests run on every platform, unless the user has chosen some: what users
/// depend on, without tools and benches.
pub(crate) fn published_unless(sh: &Shell, chosen: &[String]) -> Result<Vec<String>> {
    if !chosen.is_empty() {
        return Ok(chosen.to_vec());
    }
    let published = packages(sh)?
        .into_iter()
        .filter(|package| package.publish.is_none());
    Ok(published.map(|package| package.name).collect())
}

/// The oldest Rust that builds every package that users depend on, such as `1.85`.
pub(crate) fn rust_version(sh: &Shell) -> Result<String> {
    let packages = packages(sh)?;
    let facade = packages.iter().find(|package| package.name == "readywire");
    facade
        .and_then(|facade| facade.rust_version.clone())
        .context("readywire declares no rust-version")
}

/// The top level of the checkout.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .parent()
        .expect("xtask lies one level below the top")
}

/// Where builds by the second toolchain go, apart from those of the toolchain in use.
pub(crate) fn target_dir() -> PathBuf {
    let shared = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(shared).join("xtask")
}

/// What is slow to make and the same for every checkout.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    let caches = match env::var_os("XDG_CACHE_HOME") {
        Some(caches) => PathBuf::from(caches),
        None => env::home_dir()
            .context("no home directory to keep a cache in")?
            .join(".cache"),
    };
    Ok(caches.join("readywire"))
}

/// Where to make what [`keep`] puts in the cache as `kept`: a folder of this process's own, and empty.
pub(crate) fn partial(sh: &Shell, kept: &Path) -> Result<PathBuf> {
    let mut name = kept.file_name().context("a folder has a name")?.to_owned();
    name.push(format!(".{}", process::id()));
    let partial = kept.with_file_name(name);
    sh.remove_path(&partial)?;
    Ok(sh.create_dir(partial)?)
}

/// Puts a folder in the cache, where it appears as a whole, or not at all if another run was faster.
pub(crate) fn keep(sh: &Shell, partial: &Path, kept: &Path) -> Result<()> {
    match fs::rename(partial, kept) {
        Err(_) if kept.is_dir() => Ok(sh.remove_path(partial)?),
        renamed => renamed.with_context(|| format!("cannot keep {}", kept.display())),
    }
}
