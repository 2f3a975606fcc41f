//! `cargo xtask emulated`

mod musl;

use anyhow::Result;
use clap::Args;
use clap::builder::PossibleValuesParser;
use xshell::Shell;

use crate::cross::{self, Target};
use crate::debian;
use crate::suite;
use crate::summary::Summary;
use crate::sysroot::{Std, Sysroot};
use crate::toolchain::Toolchain;
use crate::workspace;

/// Examples in the documentation ask for it: qemu knows few options of sockets.
const QEMU: &[&str] = &["--cfg=qemu"];

/// The compiler of filters knows 64-bit processors alone.
const NO_FILTERS: &str = "no filters of system calls";

const QEMU_SKIPS: &[&str] = &[NO_FILTERS, "no strace", "no program that starts itself"];

/// Besides the machine's own processor, the one on which system calls are made in place.
const AARCH64: &str = "aarch64-unknown-linux-gnu";

const TARGETS: &[Target] = &[
    Target {
        triple: "i686-unknown-linux-gnu",
        packages: &["gcc-i686-linux-gnu", "libc6-dev-i386-cross"],
        linker: "i686-linux-gnu-gcc",
        runner: None,
        // The loader's usual place is empty; tests that run themselves need it in the program.
        rustflags: &[
            "-Clink-arg=-Wl,--dynamic-linker=/usr/i686-linux-gnu/lib/ld-linux.so.2",
            "-Clink-arg=-Wl,-rpath=/usr/i686-linux-gnu/lib",
        ],
        skips: &[NO_FILTERS],
    },
    Target {
        triple: musl::TRIPLE,
        packages: &["musl-tools", "libunwind-14-dev"],
        linker: "gcc",
        runner: None,
        rustflags: &[],
        skips: &[],
    },
    Target {
        triple: AARCH64,
        packages: &[
            "gcc-aarch64-linux-gnu",
            "libc6-dev-arm64-cross",
            "qemu-user",
        ],
        linker: "aarch64-linux-gnu-gcc",
        runner: Some("qemu-aarch64 -L /usr/aarch64-linux-gnu"),
        rustflags: QEMU,
        skips: QEMU_SKIPS,
    },
    Target {
        triple: "armv7-unknown-linux-gnueabihf",
        packages: &[
            "gcc-arm-linux-gnueabihf",
            "libc6-dev-armhf-cross",
            "qemu-user",
        ],
        linker: "arm-linux-gnueabihf-gcc",
        runner: Some("qemu-arm -L /usr/arm-linux-gnueabihf"),
        rustflags: QEMU,
        skips: QEMU_SKIPS,
    },
    Target {
        triple: "s390x-unknown-linux-gnu",
        packages: &["gcc-s390x-linux-gnu", "libc6-dev-s390x-cross", "qemu-user"],
        linker: "s390x-linux-gnu-gcc",
        runner: Some("qemu-s390x -L /usr/s390x-linux-gnu"),
        rustflags: QEMU,
        skips: QEMU_SKIPS,
    },
];

/// Run the tests on other Linux systems: i686 and musl as they are, aarch64, armv7 and s390x under qemu
///
/// Needs: what `test` does, and Debian's rustc-web, cargo-web, rust-web-src, rust-web-clippy, qemu-user,
/// musl-tools, libunwind-14-dev, and a C compiler and library for each processor (installed if missing).
#[derive(Args)]
pub(crate) struct Emulated {
    /// Test on this target alone; may be repeated
    #[arg(long = "target", value_name = "TARGET", value_parser = PossibleValuesParser::new(triples()))]
    targets: Vec<String>,

    /// Test this package alone; may be repeated
    #[arg(short, long = "package", value_name = "PACKAGE")]
    packages: Vec<String>,
}

fn triples() -> impl Iterator<Item = &'static str> {
    TARGETS.iter().map(|target| target.triple)
}

impl Emulated {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let toolchain = Toolchain::install(sh)?;
        let targets: Vec<&Target> = TARGETS
            .iter()
            .filter(|target| {
                self.targets.is_empty() || self.targets.iter().any(|chosen| chosen == target.triple)
            })
            .collect();
        let packages: Vec<&str> = targets
            .iter()
            .flat_map(|target| target.packages)
            .copied()
            .collect();
        debian::install(sh, &packages)?;
        suite::install_programs(sh)?;

        let triples: Vec<&str> = targets.iter().map(|target| target.triple).collect();
        let sysroot = Sysroot::ensure(sh, &toolchain, Std::PLAIN, &triples)?;
        if triples.contains(&musl::TRIPLE) {
            musl::complete(sh, &sysroot)?;
        }

        let packages = workspace::published_unless(sh, &self.packages)?;
        let mut summary = Summary::default();
        for target in targets {
            summary.step(target.triple, || {
                target.test(sh, &toolchain, &sysroot, cross::select(&packages))?;
                if target.triple == AARCH64 && packages.iter().any(|name| name == "system-call") {
                    target.test(sh, &toolchain, &sysroot, suite::OPTIMISED)?;
                }
                Ok(())
            });
        }
        summary.finish()
    }
}
