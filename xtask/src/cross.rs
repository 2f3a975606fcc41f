//! Tests built by the second toolchain, for a target with a linker and a runner of its own.

use anyhow::Result;
use xshell::{Cmd, Shell};

use crate::suite::Tally;
use crate::sysroot::Sysroot;
use crate::toolchain::Toolchain;

/// A target that this machine can run, one way or another.
pub(crate) struct Target {
    pub(crate) triple: &'static str,
    /// Debian's packages that link and run it.
    pub(crate) packages: &'static [&'static str],
    pub(crate) linker: &'static str,
    /// What runs its programs, unless the machine itself does.
    pub(crate) runner: Option<&'static str>,
    pub(crate) rustflags: &'static [&'static str],
    /// Why tests are skipped there, in CI too: the reasons that tests give.
    pub(crate) skips: &'static [&'static str],
}

impl Target {
    /// Returns `cargo`, set up to link for the target and to run what it builds with `--target`.
    pub(crate) fn cargo<'a>(
        &self,
        sh: &'a Shell,
        toolchain: &Toolchain,
        sysroot: &Sysroot,
    ) -> Result<Cmd<'a>> {
        let triple = self.triple.to_uppercase().replace('-', "_");
        let setting = |name: &str| format!("CARGO_TARGET_{triple}_{name}");
        let mut cargo = sysroot
            .apply(toolchain.cargo(sh)?, self.rustflags)?
            .env(setting("LINKER"), self.linker);
        if let Some(runner) = self.runner {
            cargo = cargo.env(setting("RUNNER"), runner);
        }
        Ok(cargo)
    }

    /// Runs `cargo test` with `arguments`.
    pub(crate) fn test<'a>(
        &self,
        sh: &Shell,
        toolchain: &Toolchain,
        sysroot: &Sysroot,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<()> {
        let cargo = self.cargo(sh, toolchain, sysroot)?;
        let mut tally = Tally::default();
        let cargo = cargo.args(["test", "--no-fail-fast", "--target", self.triple]);
        tally.run(cargo.args(arguments))?;
        tally.finish(self.skips)
    }
}

/// The arguments that select `packages`.
pub(crate) fn select(packages: &[impl AsRef<str>]) -> impl Iterator<Item = &str> {
    packages
        .iter()
        .flat_map(|package| ["--package", package.as_ref()])
}
