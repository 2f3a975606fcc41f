//! Debian's Rust toolchain, the one that comes with the standard library's source.
//!
//! With that source a standard library can be built for any target, with nothing fetched from
//! anywhere but Debian and the registry.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::{debian, workspace};

/// Where Debian installs programs.
const BIN: &str = "/usr/bin";

const PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];

/// The oldest Rust that builds the workspace.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// An installed toolchain.
pub(crate) struct Toolchain {
    version: String,
}

impl Toolchain {
    /// Installs the toolchain if it is missing.
    ///
    /// # Errors
    /// If it is older than the workspace's code allows: Debian 12 itself has 1.85, and newer ones come
    /// as security updates of browsers that are built with them.
    pub(crate) fn install(sh: &Shell) -> Result<Self> {
        debian::install(sh, PACKAGES)?;
        let version = debian::version(sh, PACKAGES[0])?;
        ensure!(
            is_new_enough(&version),
            "{} is {version}, and {OLDEST} or newer is needed; bookworm-security of \
             http://deb.debian.org/debian-security has one: add it to apt's sources, and upgrade {}",
            PACKAGES[0],
            PACKAGES.join(" ")
        );
        Ok(Self { version })
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

/// Whether a package's version, such as `1.96.0+dfsg1-1`, is `OLDEST` or newer.
fn is_new_enough(version: &str) -> bool {
    let release = |version: &str| -> Option<(u32, u32)> {
        let mut numbers = version.split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    release(version) >= release(OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_toolchain_is_refused() {
        assert!(is_new_enough(OLDEST));
        assert!(is_new_enough("1.100.0+dfsg1-1~deb12u2"));
        assert!(is_new_enough("2.0.0"));
        assert!(!is_new_enough("1.85.0+dfsg3-1~deb12u3"));
        assert!(!is_new_enough("unknown"));
    }
}
