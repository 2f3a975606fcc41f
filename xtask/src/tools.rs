//! Cargo's extensions, each in a version of its own in the cache.

use std::path::PathBuf;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::workspace;

/// A program of crates.io.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

impl Tool {
    /// Installs the program if it is missing, and returns its path.
    pub(crate) fn install(&self, sh: &Shell) -> Result<PathBuf> {
        let Self { name, version } = self;
        let kept = workspace::cache_dir()?.join(format!("{name}-{version}"));
        if !kept.is_dir() {
            let partial = workspace::partial(sh, &kept)?;
            cmd!(
                sh,
                "cargo install --locked --root {partial} --version ={version} {name}"
            )
            .run()?;
            workspace::keep(sh, &partial, &kept)?;
        }
        Ok(kept.join("bin").join(name))
    }
}
