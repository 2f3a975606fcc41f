//! The suites: where their tests come from, and how they are built and run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::outcomes::{Outcomes, Test};
use crate::command::wine::Session;
use crate::workspace::{self, Package};

/// A workspace of Cargo's own, made from a folder under `xtask/dependents`.
pub(super) struct Suite {
    pub(super) name: &'static str,
    /// The layer that stands in for mio, a folder under `crates`.
    layer: &'static str,
    /// The folder under `xtask/dependents`.
    folder: &'static str,
    contents: Contents,
}

/// Where the tests of a suite come from.
enum Contents {
    /// From a package of the registry.
    Package {
        name: &'static str,
        version: &'static str,
        /// The part of the package that is copied, and where to.
        part: (&'static str, &'static str),
        /// Arguments of `cargo test` for the package and its features.
        arguments: &'static [&'static str],
        /// Those that choose the test programs for Windows; none if there is nothing to run there.
        on_windows: &'static [&'static str],
    },
    /// From this repository: each program has a folder with the tests of one dependent.
    Programs(Vec<String>),
}

/// The suites or programs of these names; all if there are no names.
pub(super) fn chosen(sh: &Shell, names: &[String]) -> Result<Vec<Suite>> {
    let mut suites = all(sh)?;
    if names.is_empty() {
        return Ok(suites);
    }
    let known: Vec<String> = suites.iter().flat_map(Suite::names).collect();
    for name in names {
        ensure!(
            known.contains(name),
            "`{name}` is no suite or program: there are {}",
            known.join(", ")
        );
    }
    suites.retain_mut(|suite| {
        if names.iter().any(|name| name == suite.name) {
            return true;
        }
        match &mut suite.contents {
            Contents::Package { .. } => false,
            Contents::Programs(programs) => {
                programs.retain(|program| names.contains(program));
                !programs.is_empty()
            }
        }
    });
    Ok(suites)
}

fn all(sh: &Shell) -> Result<Vec<Suite>> {
    let mio = |name, arguments| Suite {
        name,
        layer: "mio-06",
        folder: "mio-0.6-tests",
        contents: Contents::Package {
            name: "mio",
            version: "0.6.21",
            part: ("test", "test"),
            arguments,
            on_windows: &["--tests"],
        },
    };
    let tokio = Suite {
        name: "tokio",
        layer: "mio-1",
        folder: "tokio",
        contents: Contents::Package {
            name: "tokio",
            version: "1.54.1",
            part: ("", "tokio"),
            arguments: &["--package=tokio", "--features=full,test-util"],
            on_windows: &[
                "--test=io_copy_bidirectional",
                "--test=io_driver*",
                "--test=net_*",
                "--test=tcp_*",
                "--test=udp",
            ],
        },
    };
    let tokio_util = Suite {
        name: "tokio-util",
        layer: "mio-1",
        folder: "tokio-util",
        contents: Contents::Package {
            name: "tokio-util",
            version: "0.7.20",
            part: ("", "tokio-util"),
            arguments: &["--package=tokio-util", "--features=full"],
            on_windows: &[],
        },
    };
    Ok(vec![
        mio("mio-0.6", &[]),
        mio("mio-0.6-without-deprecated", &["--no-default-features"]),
        programs(sh, "programs-06", "mio-06")?,
        tokio,
        tokio_util,
        programs(sh, "programs-1", "mio-1")?,
    ])
}

/// The suite of the programs in a folder under `xtask/dependents`.
fn programs(sh: &Shell, folder: &'static str, layer: &'static str) -> Result<Suite> {
    let entries = sh.read_dir(template(folder))?;
    let programs = entries.iter().filter(|entry| entry.join("tests").is_dir());
    let names = programs.filter_map(|entry| Some(entry.file_name()?.to_str()?.to_owned()));
    Ok(Suite {
        name: folder,
        layer,
        folder,
        contents: Contents::Programs(names.collect()),
    })
}

fn template(folder: &str) -> PathBuf {
    workspace::root().join("xtask/dependents").join(folder)
}

impl Suite {
    fn names(&self) -> Vec<String> {
        let programs = match &self.contents {
            Contents::Package { .. } => &[],
            Contents::Programs(programs) => programs.as_slice(),
        };
        [&[self.name.to_owned()], programs].concat()
    }

    /// The row of the table that tests of this source file count for.
    pub(super) fn row(&self, source: &str) -> String {
        let name = match &self.contents {
            Contents::Package { .. } => self.name,
            Contents::Programs(_) => target(source).unwrap_or(source),
        };
        format!("{}: {name}", self.layer)
    }

    /// Whether its tests are ours: each has to pass on the real mio.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.contents, Contents::Programs(_))
    }

    /// Whether it has tests to run on Windows.
    pub(super) fn is_for_windows(&self) -> bool {
        matches!(self.contents, Contents::Package { on_windows, .. } if !on_windows.is_empty())
    }

    /// Arguments of `cargo test` that choose the packages.
    fn arguments(&self) -> Vec<String> {
        match &self.contents {
            Contents::Package { arguments, .. } => {
                arguments.iter().map(|&argument| argument.into()).collect()
            }
            Contents::Programs(programs) => {
                let package = |name| format!("--package={name}-program");
                programs.iter().map(package).collect()
            }
        }
    }
}

/// The name of the test program whose source file this is; nothing for a library's unit tests.
fn target(source: &str) -> Option<&str> {
    Path::new(source.strip_prefix("tests/")?)
        .file_stem()?
        .to_str()
}

/// What a copy of a workspace is built on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mio {
    Real,
    Readywire,
}

/// Copies a folder under `xtask/dependents` to one named `name` in the target folder.
pub(crate) fn copy(sh: &Shell, folder: &str, name: &str, mio: Mio) -> Result<PathBuf> {
    let builds = workspace::target_dir().join("dependents").join(match mio {
        Mio::Real => "mio",
        Mio::Readywire => "readywire",
    });
    sh.create_dir(&builds)?;
    let copy = builds.join(name);
    sh.remove_path(&copy)?;
    let template = template(folder);
    cmd!(sh, "cp -r {template} {copy}").quiet().run()?;
    Ok(copy)
}

/// Puts a layer in mio's place in the workspace in `folder`, unless it is built on the real mio.
pub(crate) fn patch(sh: &Shell, folder: &Path, layer: &str, mio: Mio) -> Result<()> {
    if mio == Mio::Real {
        return Ok(());
    }
    let layer = workspace::root().join("crates").join(layer);
    let version = version(sh, &layer)?;
    let manifest = folder.join("Cargo.toml");
    let contents = sh.read_file(&manifest)?;
    let header = "[patch.crates-io]";
    let header = if contents.contains(header) {
        ""
    } else {
        header
    };
    sh.write_file(
        &manifest,
        format!("{contents}\n{header}\nmio = {{ path = {layer:?} }}\n"),
    )?;
    cmd!(
        sh,
        "cargo update --quiet --package mio --precise {version} --manifest-path {manifest}"
    )
    .quiet()
    .run()?;
    let packages = resolve(sh, &manifest)?;
    let is_layer =
        |package: &Package| package.name == "mio" && package.manifest_path.starts_with(&layer);
    ensure!(
        packages.iter().any(is_layer),
        "{} does not depend on {}: cargo did not take the patch",
        manifest.display(),
        layer.display()
    );
    Ok(())
}

/// For how many seconds the tests of a suite may run: one that hangs would hang for ever.
const LIMIT: &str = "1200";

/// A build may take as long as it takes.
const NO_LIMIT: &str = "0";

/// A copy of a suite's workspace, with the real mio or with a layer in its place.
pub(super) struct Build<'a> {
    suite: &'a Suite,
    folder: PathBuf,
    wine: Option<&'a Session<'a>>,
}

impl<'a> Build<'a> {
    /// Makes the copy and builds its tests, for this system or for Wine.
    pub(super) fn new(
        sh: &Shell,
        suite: &'a Suite,
        mio: Mio,
        wine: Option<&'a Session<'a>>,
    ) -> Result<Build<'a>> {
        let folder = copy(sh, suite.folder, suite.name, mio)?;
        if let Contents::Package {
            name,
            version,
            part: (part, to),
            ..
        } = suite.contents
        {
            let part = fetch(sh, name, version)?.join(part);
            let copy = folder.join(to);
            cmd!(sh, "cp -r {part} {copy}").quiet().run()?;
        }
        patch(sh, &folder, suite.layer, mio)?;
        let build = Build {
            suite,
            folder,
            wine,
        };
        let mut tests = build.cargo_test("", NO_LIMIT)?;
        let status = tests.args(build.tests()).arg("--no-run").status()?;
        ensure!(status.success(), "cannot build the tests of {}", suite.name);
        Ok(build)
    }

    /// Runs all tests.
    pub(super) fn run(&self, backend: &str) -> Result<Outcomes> {
        let log = self.folder.join(format!("{backend}.log"));
        let output = File::create(&log)?;
        let mut tests = self.cargo_test(backend, LIMIT)?;
        tests.args(self.tests()).arg("--no-fail-fast");
        // Programs and their tests are told apart by the order of the lines.
        tests.stdout(output.try_clone()?).stderr(output);
        // Tests may fail with either mio: what they print is compared.
        tests.status()?;
        let outcomes = Outcomes::parse(&fs::read_to_string(&log)?);
        ensure!(!outcomes.is_empty(), "no test ran, see {}", log.display());
        println!("{} on {backend}: {outcomes}", self.suite.name);
        Ok(outcomes)
    }

    /// Runs one test.
    pub(super) fn run_alone(&self, test: &Test, backend: &str) -> Result<()> {
        let mut tests = self.cargo_test(backend, LIMIT)?;
        // Programs elsewhere are few: all of them run, and one has the test.
        if let Some(name) = target(&test.program) {
            tests.args(["--test", name]);
        } else if test.program == "src/lib.rs" {
            tests.arg("--lib");
        } else {
            tests.arg("--tests");
        }
        tests.args(["--no-fail-fast", "--", "--exact", &test.name]);
        let output = tests.output()?;
        let [outcomes, errors] =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        ensure!(
            output.status.success() && Outcomes::parse(&outcomes).have_passed(&test.name),
            "{test} did not pass:\n{outcomes}{errors}"
        );
        Ok(())
    }

    /// The arguments of `cargo test` that choose the test programs.
    fn tests(&self) -> &'static [&'static str] {
        match (self.wine, &self.suite.contents) {
            (Some(_), Contents::Package { on_windows, .. }) => on_windows,
            _ => &["--tests"],
        }
    }

    fn cargo_test(&self, backend: &str, limit: &str) -> Result<Command> {
        let mut tests = Command::new("timeout");
        tests.args(["--kill-after", "10", limit]);
        if let Some(wine) = self.wine {
            let cargo = Command::from(wine.cargo()?);
            tests.arg(cargo.get_program());
            // mio 0.6 breaks a rule on Windows that the standard library checks with these assertions.
            tests.env("CARGO_PROFILE_DEV_DEBUG_ASSERTIONS", "false");
            for (name, value) in cargo.get_envs() {
                match value {
                    Some(value) => tests.env(name, value),
                    None => tests.env_remove(name),
                };
            }
        } else {
            tests
                .arg("cargo")
                .env("RUSTFLAGS", "--cfg mio_backend_from_environment")
                .env("MIO_BACKEND", backend);
        }
        tests.arg("test");
        if self.wine.is_some() {
            tests.args(["--target", Session::TARGET]);
        }
        tests
            .args(self.suite.arguments())
            .current_dir(&self.folder)
            // With both mios the packages that do not depend on it are built once.
            .env(
                "CARGO_TARGET_DIR",
                workspace::target_dir().join("dependents/target"),
            );
        Ok(tests)
    }
}

/// The version of the package in a folder.
fn version(sh: &Shell, folder: &Path) -> Result<String> {
    let _folder = sh.push_dir(folder);
    let packages = workspace::packages(sh)?;
    let package = packages
        .into_iter()
        .find(|package| package.manifest_path.starts_with(folder));
    Ok(package
        .context("a package is among those of its workspace")?
        .version)
}

/// The packages of the workspace with this manifest, and all that they depend on.
fn resolve(sh: &Shell, manifest: &Path) -> Result<Vec<Package>> {
    workspace::metadata(cmd!(sh, "cargo metadata --manifest-path {manifest}"))
}

/// Downloads a package and returns where it is.
fn fetch(sh: &Shell, name: &str, version: &str) -> Result<PathBuf> {
    let folder = workspace::target_dir().join("dependents/fetch").join(name);
    sh.create_dir(&folder)?;
    let manifest = folder.join("Cargo.toml");
    sh.write_file(
        &manifest,
        format!(
            "[package]\nname = \"fetch\"\nedition = \"2024\"\n\n[lib]\npath = \"lib.rs\"\n\n\
             [dependencies]\n{name} = \"={version}\"\n\n[workspace]\n"
        ),
    )?;
    sh.write_file(folder.join("lib.rs"), "")?;
    let packages =
        resolve(sh, &manifest).with_context(|| format!("cannot fetch {name} {version}"))?;
    let is_asked_for = |package: &Package| package.name == name && package.version == version;
    let package = packages.into_iter().find(is_asked_for);
    let manifest = package
        .context("it is not among its packages")?
        .manifest_path;
    Ok(manifest
        .parent()
        .context("a manifest is in a folder")?
        .to_owned())
}
