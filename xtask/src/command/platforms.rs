//! `cargo xtask platforms`

use anyhow::Result;
use clap::Args;
use clap::builder::PossibleValuesParser;
use xshell::{Cmd, Shell};

use crate::cross;
use crate::debian;
use crate::summary::Summary;
use crate::sysroot::{Std, Sysroot};
use crate::toolchain::Toolchain;
use crate::workspace::{self, LAYERS, Layer};

/// Every target for which all packages are type-checked, with their tests and benchmarks.
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

/// Targets for which the libraries alone are type-checked: what tests and benchmarks depend on does not
/// build there. Among them are those whose C types have other widths.
const LIBRARY_TARGETS: &[&str] = &[
    "aarch64-apple-ios",
    "x86_64-unknown-dragonfly",
    "aarch64-unknown-fuchsia",
    "armv7-linux-androideabi",
    "i686-linux-android",
    "x86_64-linux-android",
    "armv7-unknown-linux-ohos",
    "mipsel-unknown-linux-gnu",
    "x86_64-unknown-linux-gnux32",
    TIME64,
];

/// glibc's 64-bit `time_t`: socket2 does not build with it, so that `selector` stands for all.
const TIME64: &str = "i686-unknown-linux-gnu";

/// Even to check for windows-gnu takes its `dlltool`.
const PACKAGES: &[&str] = &["binutils-mingw-w64-x86-64"];

/// Type-check and lint everything, with warnings denied, for every supported system
///
/// Tests, examples and benchmarks included, except for targets that they do not build for, and the layers
/// for programs written for mio, with their tests and without some of their features. The
/// standard library of each target is built once and kept in the user's cache folder.
///
/// Needs: Debian's rustc-web, cargo-web, rust-web-src, rust-web-clippy and
/// binutils-mingw-w64-x86-64 (installed if missing).
#[derive(Args)]
pub(crate) struct Platforms {
    /// Check this target alone; may be repeated
    #[arg(long = "target", value_name = "TARGET", value_parser = PossibleValuesParser::new(all_targets()))]
    targets: Vec<String>,

    /// Check this package alone; may be repeated
    #[arg(short, long = "package", value_name = "PACKAGE")]
    packages: Vec<String>,
}

fn all_targets() -> impl Iterator<Item = &'static str> {
    TARGETS.iter().chain(LIBRARY_TARGETS).copied()
}

impl Platforms {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let toolchain = Toolchain::install(sh)?;
        debian::install(sh, PACKAGES)?;
        let targets: Vec<&str> = match &*self.targets {
            [] => all_targets().collect(),
            chosen => chosen.iter().map(String::as_str).collect(),
        };
        let sysroot = Sysroot::ensure(sh, &toolchain, Std::Metadata, &targets)?;

        let mut summary = Summary::default();
        for target in targets {
            summary.step(target, || self.check(sh, &toolchain, &sysroot, target));
            if !self.packages.is_empty() || target == TIME64 {
                continue;
            }
            for layer in &LAYERS {
                summary.step(&format!("{target}, {}", layer.name), || {
                    check_layer(sh, &toolchain, &sysroot, target, layer)
                });
            }
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
        let cargo = clippy(sh, toolchain, sysroot, target)?
            // Nothing is linked, so what C the benchmarks bring need not be compiled.
            .env("TARGET_CC", "true")
            .env("TARGET_AR", "true");
        let cargo = match (&*self.packages, LIBRARY_TARGETS.contains(&target)) {
            _ if target == TIME64 => cargo
                .env("RUST_LIBC_UNSTABLE_GNU_TIME_BITS", "64")
                .args(["--package", "selector"]),
            // It depends on all the others.
            ([], true) => cargo.args(["--package", "readywire"]),
            ([], false) => cargo.args(["--workspace", "--all-targets"]),
            (chosen, false) => cargo.arg("--all-targets").args(cross::select(chosen)),
            (chosen, true) => cargo.args(cross::select(chosen)),
        };
        Ok(cargo.args(["--", "--deny", "warnings"]).quiet().run()?)
    }
}

/// Checks a layer with all its features and its tests, and with fewer features.
fn check_layer(
    sh: &Shell,
    toolchain: &Toolchain,
    sysroot: &Sysroot,
    target: &str,
    layer: &Layer,
) -> Result<()> {
    let _folder = sh.push_dir(workspace::root().join("crates").join(layer.name));
    let check = |arguments: &[&str]| -> Result<()> {
        let cargo = clippy(sh, toolchain, sysroot, target)?.args(arguments);
        Ok(cargo.args(["--", "--deny", "warnings"]).quiet().run()?)
    };
    if LIBRARY_TARGETS.contains(&target) {
        check(&["--all-features"])?;
    } else {
        check(&["--all-features", "--all-targets"])?;
    }
    for features in layer.features {
        check(&["--no-default-features", "--features", features])?;
    }
    Ok(())
}

fn clippy<'a>(
    sh: &'a Shell,
    toolchain: &Toolchain,
    sysroot: &Sysroot,
    target: &str,
) -> Result<Cmd<'a>> {
    let cargo = sysroot.apply(toolchain.cargo(sh)?, &[])?;
    Ok(cargo.args(["clippy", "--quiet", "--keep-going", "--target", target]))
}
