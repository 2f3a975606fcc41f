//! `cargo xtask dependents`

mod outcomes;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Deserialize;
use xshell::{Shell, cmd};

use self::outcomes::Outcomes;
use crate::summary::Summary;
use crate::workspace;

/// The package whose tests run.
const TOKIO: &str = "1.54.1";

/// How often a test that ended differently runs again, alone: a loaded machine makes some of tokio's tests
/// fail that look at the clock.
const REPEATS: usize = 10;

/// Run tokio's own tests on readywire in mio's place, and compare each with the real mio
///
/// Before that the layer, `crates/mio-1`, is checked by itself.
///
/// A test that ends differently runs ten times again with readywire, and has to pass each time.
///
/// Needs: nothing more. Downloads tokio and what its tests need.
#[derive(Args)]
pub(crate) struct Dependents {}

/// What stands in for mio.
#[derive(Clone, Copy)]
enum Mio {
    Real,
    Readywire,
}

impl Dependents {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let package = fetch(sh)?;
        let mut summary = Summary::default();
        summary.step("mio-1", || check(sh));
        let mut expected = None;
        summary.step("tokio on mio", || {
            let outcomes = Suite::prepare(sh, &package, Mio::Real)?.run("mio", &[])?;
            println!("{outcomes}");
            expected = Some(outcomes);
            Ok(())
        });
        let Some(expected) = expected else {
            return summary.finish();
        };
        for (name, backend) in [("epoll", "epoll"), ("poll(2)", "poll")] {
            summary.step(&format!("tokio on readywire, {name}"), || {
                let suite = Suite::prepare(sh, &package, Mio::Readywire)?;
                let environment = [("MIO_BACKEND", backend)];
                let outcomes = suite.run(backend, &environment)?;
                println!("{outcomes}");
                for test in outcomes.differences(&expected)? {
                    println!("ended differently, again {REPEATS} times alone: {test}");
                    for _ in 0..REPEATS {
                        suite.run_alone(&test.program, &test.name, &environment)?;
                    }
                }
                Ok(())
            });
        }
        summary.finish()
    }
}

/// Checks the layer by itself: it is no member of the workspace, where Cargo allows one package of a name.
fn check(sh: &Shell) -> Result<()> {
    let _folder = sh.push_dir("crates/mio-1");
    let _target = sh.push_env("CARGO_TARGET_DIR", workspace::target_dir().join("mio-1"));
    cmd!(sh, "cargo fmt --check").run()?;
    for features in ["", "os-poll", "net", "net,os-ext,log"] {
        cmd!(
            sh,
            "cargo clippy --all-targets --no-default-features --features {features} -- --deny warnings"
        )
        .run()?;
    }
    let documentation = cmd!(sh, "cargo doc --no-deps --all-features");
    documentation.env("RUSTDOCFLAGS", "--deny warnings").run()?;
    Ok(cmd!(sh, "cargo test --all-features").run()?)
}

/// Downloads the package and returns where it is.
fn fetch(sh: &Shell) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }

    #[derive(Deserialize)]
    struct Package {
        name: String,
        manifest_path: PathBuf,
    }

    let folder = workspace::target_dir().join("dependents/fetch");
    sh.create_dir(&folder)?;
    let manifest = folder.join("Cargo.toml");
    sh.write_file(
        &manifest,
        format!(
            "[package]\nname = \"fetch\"\nedition = \"2024\"\n\n[lib]\npath = \"lib.rs\"\n\n\
             [dependencies]\ntokio = \"={TOKIO}\"\n\n[workspace]\n"
        ),
    )?;
    sh.write_file(folder.join("lib.rs"), "")?;
    let json = cmd!(
        sh,
        "cargo metadata --format-version 1 --manifest-path {manifest}"
    )
    .quiet()
    .read()
    .with_context(|| format!("cannot fetch tokio {TOKIO}"))?;
    let packages = serde_json::from_str::<Metadata>(&json)?.packages;
    let tokio = packages.into_iter().find(|package| package.name == "tokio");
    let manifest = tokio
        .context("tokio is not among its packages")?
        .manifest_path;
    Ok(manifest
        .parent()
        .context("a manifest is in a folder")?
        .to_owned())
}

/// A copy of tokio with one mio.
struct Suite {
    folder: PathBuf,
    mio: Mio,
}

impl Suite {
    fn prepare(sh: &Shell, package: &Path, mio: Mio) -> Result<Suite> {
        let name = match mio {
            Mio::Real => "mio",
            Mio::Readywire => "readywire",
        };
        let folder = workspace::target_dir().join("dependents").join(name);
        sh.create_dir(&folder)?;
        let copy = folder.join("tokio");
        sh.remove_path(&copy)?;
        cmd!(sh, "cp -r {package} {copy}").quiet().run()?;
        let mut manifest = sh.read_file("xtask/dependents/tokio/Cargo.toml")?;
        if let Mio::Readywire = mio {
            let ours = workspace::root().join("crates/mio-1");
            manifest += &format!("mio = {{ path = {ours:?} }}\n");
        }
        sh.write_file(folder.join("Cargo.toml"), manifest)?;
        sh.copy_file(
            "xtask/dependents/tokio/Cargo.lock",
            folder.join("Cargo.lock"),
        )?;
        Ok(Suite { folder, mio })
    }

    /// Runs all tests.
    fn run(&self, log: &str, environment: &[(&str, &str)]) -> Result<Outcomes> {
        let log = self.folder.join(format!("{log}.log"));
        let output = File::create(&log)?;
        let mut tests = self.cargo_test(environment);
        tests.args(["--lib", "--tests", "--no-fail-fast"]);
        // Programs and their tests are told apart by the order of the lines.
        tests.stdout(output.try_clone()?).stderr(output);
        // Tests may fail with either mio: what they print is compared.
        tests.status()?;
        let outcomes = Outcomes::parse(&std::fs::read_to_string(&log)?);
        ensure!(!outcomes.is_empty(), "no test ran, see {}", log.display());
        Ok(outcomes)
    }

    /// Runs one test.
    fn run_alone(&self, program: &str, test: &str, environment: &[(&str, &str)]) -> Result<()> {
        let mut tests = self.cargo_test(environment);
        match program
            .strip_prefix("tests/")
            .and_then(|file| file.strip_suffix(".rs"))
        {
            Some(name) => tests.args(["--test", name]),
            None => tests.arg("--lib"),
        };
        tests.args(["--quiet", "--", "--exact", test]);
        let output = tests.output()?;
        if !output.status.success() {
            bail!(
                "{test} in {program} failed:\n{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    fn cargo_test(&self, environment: &[(&str, &str)]) -> Command {
        // A test that hangs would hang for ever.
        let mut tests = Command::new("timeout");
        tests
            .args([
                "--kill-after",
                "10",
                "1200",
                "cargo",
                "test",
                "--package",
                "tokio",
            ])
            .args(["--features", "full,test-util"])
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            .envs(environment.iter().copied());
        if let Mio::Readywire = self.mio {
            tests.env("RUSTFLAGS", "--cfg mio_backend_from_environment");
        }
        tests
    }
}
