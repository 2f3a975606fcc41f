//! `cargo xtask sanitize`

use anyhow::Result;
use clap::{Args, ValueEnum};
use xshell::Shell;

use crate::cross;
use crate::debian;
use crate::suite;
use crate::summary::Summary;
use crate::sysroot::{Std, Sysroot};
use crate::toolchain::Toolchain;
use crate::workspace;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The run-time libraries of the LLVM that the second toolchain is built with.
const RUNTIME: &str = "libclang-rt-22-dev";

/// Run the tests under AddressSanitizer with LeakSanitizer, and under ThreadSanitizer
///
/// The standard library is built with the sanitizer too, so that what it does is seen.
///
/// Needs: an x86-64 machine, what `test` does, and Debian's rustc-web, cargo-web, rust-web-src,
/// rust-web-clippy and libclang-rt-22-dev (installed if missing).
#[derive(Args)]
pub(crate) struct Sanitize {
    /// Run under this one alone; may be repeated
    #[arg(long = "sanitizer", value_name = "SANITIZER")]
    sanitizers: Vec<Sanitizer>,

    /// Test this package alone; may be repeated
    #[arg(short, long = "package", value_name = "PACKAGE")]
    packages: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sanitizer {
    Address,
    Thread,
}

impl Sanitizer {
    /// As the compiler calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Thread => "thread",
        }
    }

    /// As the names of LLVM's libraries have it.
    fn short_name(self) -> &'static str {
        match self {
            Self::Address => "asan",
            Self::Thread => "tsan",
        }
    }

    fn rustflags(self) -> &'static [&'static str] {
        match self {
            Self::Address => &["-Zsanitizer=address"],
            Self::Thread => &["-Zsanitizer=thread"],
        }
    }
}

impl Sanitize {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let toolchain = Toolchain::install(sh)?;
        debian::install(sh, &[RUNTIME])?;
        suite::install_programs(sh)?;
        let sanitizers = match &*self.sanitizers {
            [] => Sanitizer::value_variants(),
            chosen => chosen,
        };
        let mut summary = Summary::default();
        for &sanitizer in sanitizers {
            summary.step(sanitizer.name(), || self.test(sh, &toolchain, sanitizer));
        }
        summary.finish()
    }

    fn test(&self, sh: &Shell, toolchain: &Toolchain, sanitizer: Sanitizer) -> Result<()> {
        let std = Std::Linkable {
            name: sanitizer.name(),
            rustflags: sanitizer.rustflags(),
        };
        let sysroot = Sysroot::ensure(sh, toolchain, std, &[TARGET])?;
        add_runtime(sh, &sysroot, sanitizer)?;
        let cargo = sysroot
            .apply(toolchain.cargo(sh)?, sanitizer.rustflags())?
            .env("RUSTC_BOOTSTRAP", "1")
            .args(["test", "--no-fail-fast", "--target", TARGET]);
        let packages = workspace::published_unless(sh, &self.packages)?;
        // A sanitizer sees what the C library's functions do with memory, and nothing of calls in place. The
        // feature holds for every package of a build.
        let mut cargo = cargo.args(cross::select(&packages)).args([
            "--package",
            "system-call",
            "--features",
            "system-call/use-libc",
        ]);
        // Its tests have to know.
        if packages.iter().any(|package| package == "readywire") {
            cargo = cargo.args(["--features", "readywire/use-libc"]);
        }
        suite::run(cargo)
    }
}

/// Puts the sanitizer's library where the compiler looks for it, under the name it expects.
fn add_runtime(sh: &Shell, sysroot: &Sysroot, sanitizer: Sanitizer) -> Result<()> {
    let name = sanitizer.short_name();
    let library = format!("/usr/lib/llvm-22/lib/clang/22/lib/linux/libclang_rt.{name}-x86_64.a");
    let expected = sysroot
        .lib_dir(TARGET)
        .join(format!("librustc-stable_rt.{name}.a"));
    sh.copy_file(library, expected)?;
    Ok(())
}
