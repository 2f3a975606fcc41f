//! Standard libraries for other targets, built once and kept.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, Shell};

use crate::toolchain::Toolchain;
use crate::workspace;

/// Part of the cache's key: to be raised when what is built changes.
const RECIPE: u32 = 1;

/// What a standard library is built for.
#[derive(Clone, Copy)]
pub(crate) enum Std {
    /// To check, lint and document against.
    Metadata,
    /// To link and run, built with these flags of the compiler.
    Linkable {
        /// Tells this kind apart in the cache.
        name: &'static str,
        rustflags: &'static [&'static str],
    },
}

impl Std {
    /// To link and run.
    pub(crate) const PLAIN: Self = Self::Linkable {
        name: "plain",
        rustflags: &[],
    };
}

/// A folder that `--sysroot` takes, with a standard library for each target asked for.
pub(crate) struct Sysroot {
    dir: PathBuf,
}

impl Sysroot {
    /// Builds those of `targets` that are not in the cache.
    pub(crate) fn ensure(
        sh: &Shell,
        toolchain: &Toolchain,
        std: Std,
        targets: &[&str],
    ) -> Result<Self> {
        let kind = match std {
            Std::Metadata => "metadata",
            Std::Linkable { name, .. } => name,
        };
        let name = format!("std-{RECIPE}-{}-{kind}", toolchain.version());
        let sysroot = Self {
            dir: workspace::cache_dir()?.join(name),
        };

        let missing: Vec<&str> = targets
            .iter()
            .copied()
            .filter(|target| !sysroot.target_dir(target).is_dir())
            .collect();
        if !missing.is_empty() {
            eprintln!("building the standard library for {}", missing.join(", "));
            sysroot.build(sh, toolchain, std, &missing)?;
        }
        Ok(sysroot)
    }

    /// Lets a `cargo` command use this sysroot, with further flags of the compiler.
    pub(crate) fn apply<'a>(&self, cargo: Cmd<'a>, rustflags: &[&str]) -> Result<Cmd<'a>> {
        let dir = self.dir.to_str().context("the cache's path is not UTF-8")?;
        let flags = encode(&[&["--sysroot", dir], rustflags].concat());
        Ok(cargo
            .env("CARGO_ENCODED_RUSTFLAGS", &flags)
            .env("CARGO_ENCODED_RUSTDOCFLAGS", &flags))
    }

    /// Where the libraries of `target` lie.
    pub(crate) fn lib_dir(&self, target: &str) -> PathBuf {
        self.target_dir(target).join("lib")
    }

    fn target_dir(&self, target: &str) -> PathBuf {
        self.dir.join("lib/rustlib").join(target)
    }

    /// One run of `cargo` for all targets, so that it can keep every core busy.
    fn build(&self, sh: &Shell, toolchain: &Toolchain, std: Std, targets: &[&str]) -> Result<()> {
        let work = sh.create_temp_dir()?;
        let source = toolchain.library();
        sh.write_file(work.path().join("src/lib.rs"), "")?;
        sh.write_file(work.path().join("Cargo.toml"), manifest(std, source))?;

        let _in_work = sh.push_dir(work.path());
        let cargo = toolchain
            .cargo(sh)?
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", work.path().join("target"));
        let (cargo, extension) = match std {
            Std::Metadata => {
                sh.copy_file(source.join("Cargo.lock"), work.path())?;
                let vendor = format!(
                    "source.vendored.directory='{}'",
                    source.join("vendor").display()
                );
                // Lints capped at `allow` would hide the warning by which cargo learns that
                // musl has no dylibs.
                let flags = ["-Zforce-unstable-if-unmarked", "--cap-lints", "warn"];
                let cargo = cargo
                    .env("CARGO_ENCODED_RUSTFLAGS", encode(&flags))
                    .args(["check", "--offline"])
                    .args(["--config", "source.crates-io.replace-with='vendored'"])
                    .args(["--config", &vendor]);
                (cargo, "rmeta")
            }
            Std::Linkable { rustflags, .. } => {
                let cargo = cargo
                    .env("CARGO_ENCODED_RUSTFLAGS", encode(rustflags))
                    .args([
                        "build",
                        "-Zbuild-std=std,test,proc_macro,panic_unwind,panic_abort",
                    ]);
                (cargo, "rlib")
            }
        };
        let selection = targets.iter().flat_map(|target| ["--target", target]);
        cargo.arg("--quiet").args(selection).run()?;

        for target in targets {
            let built = work.path().join("target").join(target).join("debug/deps");
            self.keep(sh, target, &built, extension)?;
        }
        Ok(())
    }

    /// Copies the libraries into the cache, where they appear all at once or not at all.
    fn keep(&self, sh: &Shell, target: &str, built: &Path, extension: &str) -> Result<()> {
        let kept = self.target_dir(target);
        let partial = workspace::partial(sh, &kept)?;
        let lib = sh.create_dir(partial.join("lib"))?;
        let mut copied = 0;
        for file in sh.read_dir(built)? {
            let is_library = file.extension().is_some_and(|found| found == extension);
            let is_ours = file
                .file_stem()
                .is_some_and(|stem| stem.to_string_lossy().starts_with("libonly_std"));
            if is_library && !is_ours {
                sh.copy_file(&file, &lib)?;
                copied += 1;
            }
        }
        ensure!(
            copied > 0,
            "no .{extension} was built in {}",
            built.display()
        );
        workspace::keep(sh, &partial, &kept)
    }
}

/// The manifest of an empty crate that makes `cargo` build the standard library.
fn manifest(std: Std, source: &Path) -> String {
    let mut manifest = "\
[package]
name = 'only_std'
version = '0.0.0'
edition = '2021'

[workspace]

[profile.dev]
debug = 0
debug-assertions = false
overflow-checks = false
"
    .to_owned();
    if matches!(std, Std::Metadata) {
        let source = source.display();
        manifest += &format!(
            "
[dependencies]
std = {{ path = '{source}/std', features = ['panic-unwind', 'backtrace'] }}
test = {{ path = '{source}/test' }}
proc_macro = {{ path = '{source}/proc_macro' }}

[patch.crates-io]
rustc-std-workspace-core.path = '{source}/rustc-std-workspace-core'
rustc-std-workspace-alloc.path = '{source}/rustc-std-workspace-alloc'
rustc-std-workspace-std.path = '{source}/rustc-std-workspace-std'
"
        );
    }
    manifest
}

/// As `CARGO_ENCODED_RUSTFLAGS` wants it: flags may hold spaces.
fn encode(flags: &[&str]) -> String {
    flags.join("\x1f")
}
