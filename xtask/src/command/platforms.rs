//! `cargo xtask platforms`

use anyhow::Result;
use clap::Args;
use clap::builder::PossibleValuesParser;
use xshell::Shell;

use crate::cross;
use crate::debian;
use crate::summary::Summary;
use crate::sysroot::{Std, Sysroot};
use crate::toolchain::Toolchain;

/// Every target that is type-checked.
const TARGETS: &[&str] = &[
    "x86_64-pc-windows-gnu",
    "aarch64-apple-darwin",
    "x86_64-unknown-freebsd",
    "x86_64-unknown-netbsd",
    "x86_64-unknown-openbsd",
    "x86_64-unknown-illumos",
    "aarch64-linux-android",
    "x86_64-unknown-linux-musl",
    "armv7-unknown-linux-gnueabihf",
    "s390x-unknown-linux-gnu",
];

/// Even to check for windows-gnu takes its `dlltool`.
const PACKAGES: &[&str] = &["binutils-mingw-w64-x86-64"];

/// Type-check and lint everything, with warnings denied, for every supported system
///
/// Tests, examples and benchmarks included. The standard library of each target is built once and
/// kept in the user's cache folder.
///
/// Needs: Debian's rustc-web, cargo-web, rust-web-src, rust-web-clippy and
/// binutils-mingw-w64-x86-64 (installed where they lack).
#[derive(Args)]
pub(crate) struct Platforms {
    /// Check this target alone; may be repeated
    #[arg(long = "target", value_name = "TARGET", value_parser = PossibleValuesParser::new(TARGETS))]
    targets: Vec<String>,

    /// Check this package alone; may be repeated
    #[arg(short, long = "package", value_name = "PACKAGE")]
    packages: Vec<String>,
}

impl Platforms {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let toolchain = Toolchain::install(sh)?;
        debian::install(sh, PACKAGES)?;
        let targets: Vec<&str> = match &*self.targets {
            [] => TARGETS.to_vec(),
            chosen => chosen.iter().map(String::as_str).collect(),
        };
        let sysroot = Sysroot::ensure(sh, &toolchain, Std::Metadata, &targets)?;

        let mut summary = Summary::default();
        for target in targets {
            summary.step(target, || self.check(sh, &toolchain, &sysroot, target));
        }
        summary.finish()
    }

    fn check(
        &self,
        sh: &Shell,
        toolchain: &Toolchain,
        sysroot: &Sysroot,
        target: &str,
    ) -> Result<()> {
        let cargo = sysroot
            .apply(toolchain.cargo(sh)?, &[])?
            // Nothing is linked, so what C the benchmarks bring need not be compiled.
            .env("TARGET_CC", "true")
            .env("TARGET_AR", "true")
            .args(["clippy", "--quiet", "--keep-going"])
            .args(["--all-targets", "--target", target]);
        let cargo = match &*self.packages {
            [] => cargo.arg("--workspace"),
            chosen => cargo.args(cross::select(chosen)),
        };
        Ok(cargo.args(["--", "--deny", "warnings"]).quiet().run()?)
    }
}
