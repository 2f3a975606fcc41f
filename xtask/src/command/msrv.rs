//! `cargo xtask msrv`

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use clap::Args;
use xshell::{Cmd, Shell, cmd};

use crate::cross;
use crate::debian;
use crate::suite;
use crate::workspace;

/// The packages of the toolchain, unpacked apart from a newer one that may be installed.
const TOOLCHAIN: &[&str] = &["rustc-web", "cargo-web", "libstd-rust-web-dev"];

/// What the toolchain's programs load, besides what Debian's newer toolchain brings.
const LIBRARIES: &[&str] = &[
    "libcurl4",
    "libhttp-parser2.9",
    "libllvm19",
    "libpcre3",
    "libsqlite3-0",
    "libssh2-1",
];

/// Build and test with the oldest Rust that the workspace supports
///
/// Of every package that users depend on, the examples included. The examples in the docs are left out: Rust
/// 1.85's rustdoc cannot compile those that import the crate they document from another one.
///
/// Needs: an x86-64 machine with Debian 12, whose main archive has that Rust (downloaded if missing, and unpacked in
/// the user's cache folder: 300 MB), and what `test` does.
#[derive(Args)]
pub(crate) struct Msrv {
    /// Test this package alone; may be repeated
    #[arg(short, long = "package", value_name = "PACKAGE")]
    packages: Vec<String>,
}

impl Msrv {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let release = workspace::rust_version(sh)?;
        let toolchain = Toolchain::unpack(sh, &release)?;
        suite::install_programs(sh)?;
        let packages = workspace::published_unless(sh, &self.packages)?;
        let cargo = |arguments: &[&str]| -> Result<Cmd<'_>> {
            let cargo = toolchain.cargo(sh)?.args(arguments);
            Ok(cargo.arg("--locked").args(cross::select(&packages)))
        };
        // The tests run them, and tests alone do not build them.
        cargo(&["build", "--examples"])?.run()?;
        suite::run(cargo(&["test", "--lib", "--tests", "--no-fail-fast"])?)
    }
}

/// A toolchain unpacked in the cache.
struct Toolchain {
    root: PathBuf,
}

impl Toolchain {
    /// Unpacks the toolchain of a release, such as `1.85`, if it is not in the cache.
    fn unpack(sh: &Shell, release: &str) -> Result<Self> {
        debian::install(sh, LIBRARIES)?;
        let root = workspace::cache_dir()?.join(format!("rust-{release}"));
        if !root.is_dir() {
            let partial = workspace::partial(sh, &root)?;
            download(sh, release, &partial)?;
            workspace::keep(sh, &partial, &root)?;
        }
        let toolchain = Self { root };
        let version = toolchain.run(sh, "rustc")?.arg("--version").read()?;
        ensure!(
            version.starts_with(&format!("rustc {release}.")),
            "{version} instead of {release} in {}",
            toolchain.root.display()
        );
        Ok(toolchain)
    }

    /// Its `cargo`, with nothing left of the toolchain that runs this program.
    fn cargo<'a>(&self, sh: &'a Shell) -> Result<Cmd<'a>> {
        Ok(self
            .run(sh, "cargo")?
            .env("RUSTC", self.bin().join("rustc"))
            .env("CARGO_TARGET_DIR", workspace::target_dir())
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("RUSTC_WRAPPER"))
    }

    /// One of its programs, which finds the libraries that are not where they would be installed.
    fn run<'a>(&self, sh: &'a Shell, program: &str) -> Result<Cmd<'a>> {
        let libraries = self.root.join("usr/lib/x86_64-linux-gnu");
        let program = self.bin().join(program);
        Ok(cmd!(sh, "{program}")
            .env("LD_LIBRARY_PATH", libraries)
            .env("PATH", self.path()?))
    }

    fn bin(&self) -> PathBuf {
        self.root.join("usr/bin")
    }

    fn path(&self) -> Result<OsString> {
        let path = env::var_os("PATH").context("PATH is not set")?;
        let folders = [self.bin()].into_iter().chain(env::split_paths(&path));
        Ok(env::join_paths(folders)?)
    }
}

/// Downloads the packages and unpacks them in `root`.
fn download(sh: &Shell, release: &str, root: &Path) -> Result<()> {
    let packages = TOOLCHAIN.iter().map(|name| format!("{name}={release}.*"));
    let packages: Vec<String> = packages
        .chain([format!("libstd-rust-web-{release}")])
        .collect();
    let downloads = sh.create_temp_dir()?;
    let _there = sh.push_dir(downloads.path());
    let packages = &packages;
    let download = || cmd!(sh, "apt-get -qq download {packages...}").run();
    if download().is_err() {
        // The lists may be older than the packages.
        debian::update(sh)?;
        download().with_context(|| {
            format!("no Rust {release}: `deb http://deb.debian.org/debian bookworm main` has it")
        })?;
    }
    for file in sh.read_dir(downloads.path())? {
        cmd!(sh, "dpkg-deb --extract {file} {root}").quiet().run()?;
    }
    // Nothing but the toolchain: the manual and what describes the packages stay behind.
    Ok(fs::remove_dir_all(root.join("usr/share"))?)
}
