//! Debian's Rust toolchain, the one that comes with the standard library's source.
//!
//! With that source a standard library can be built for any target, with nothing fetched from
//! anywhere but Debian and the registry.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result};
use xshell::{Cmd, Shell, cmd};

use crate::{debian, workspace};

/// Where Debian installs programs.
const BIN: &str = "/usr/bin";

const PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];

/// An installed toolchain.
pub(crate) struct Toolchain {
    version: String,
}

impl Toolchain {
    /// Installs the toolchain where it lacks.
    pub(crate) fn install(sh: &Shell) -> Result<Self> {
        debian::install(sh, PACKAGES)?;
        Ok(Self {
            version: debian::version(sh, PACKAGES[0])?,
        })
    }

    /// The version of its package: what it builds suits no other.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The source of the standard library.
    pub(crate) fn library(&self) -> &'static Path {
        Path::new("/usr/lib/rustlib/src/rust/library")
    }

    /// Its `cargo`, with nothing left of the toolchain that runs this program.
    pub(crate) fn cargo<'a>(&self, sh: &'a Shell) -> Result<Cmd<'a>> {
        Ok(cmd!(sh, "{BIN}/cargo")
            .env("PATH", path_with_debian_first()?)
            .env("RUSTC", format!("{BIN}/rustc"))
            .env("RUSTDOC", format!("{BIN}/rustdoc"))
            .env("CARGO_TARGET_DIR", workspace::target_dir())
            .env_remove("LD_LIBRARY_PATH")
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("RUSTC_WRAPPER"))
    }
}

fn path_with_debian_first() -> Result<OsString> {
    let path = env::var_os("PATH").context("PATH is not set")?;
    let folders = [BIN.into()].into_iter().chain(env::split_paths(&path));
    Ok(env::join_paths(folders)?)
}
