//! `cargo xtask dependents`

mod outcomes;
pub(crate) mod suite;

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, bail, ensure};
use clap::Args;
use xshell::{Shell, cmd};

use self::outcomes::Outcomes;
use self::suite::{Build, Mio, Suite};
use super::wine::Session;
use crate::summary::Summary;
use crate::workspace::{self, LAYERS, Layer};

/// How often a test that ended differently runs again, alone: a loaded machine makes some tests fail that
/// look at the clock.
const REPEATS: usize = 10;

/// Tests that end differently by a backend, each with its reason.
const EXCEPTIONS: &[((&str, &str, &str), &str)] = &[(
    (
        "poll",
        "tests/crossterm.rs",
        "a_change_of_size_is_read_between_keys",
    ),
    "signal-hook reads a registered socket by recv(2), and poll(2) does not learn that it is drained; mio's own poll(2) backend fails too",
)];

/// What the tests run on: the real mio, then readywire by each backend.
const HERE: &[&str] = &["mio", "epoll", "poll"];
const UNDER_WINE: &[&str] = &["mio", "afd"];

/// Run other people's programs and tests on readywire in mio's place, and compare each with the real mio
///
/// First the layers themselves, `crates/mio-06` and `crates/mio-1`, are checked. Then each suite runs on the
/// real mio, on readywire by epoll, and on readywire by poll(2), and every test has to end as it does on the
/// real mio. A test that ends differently runs ten times again with readywire, alone, and has to pass each
/// time. At the end comes a table of all suites and programs.
///
/// Needs: Debian's packages of redis-server and PostgreSQL (installed if missing). Downloads the packages
/// that are tested and what they depend on.
#[derive(Args)]
pub(crate) struct Dependents {
    /// The suites or single programs to run, such as `tokio` or `quinn` [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// How often each suite runs on readywire
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,

    /// Run mio 0.6's tests and tokio's tests of the network as Windows programs under Wine
    #[arg(long)]
    wine: bool,
}

impl Dependents {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let mut suites = suite::chosen(sh, &self.names)?;
        let mut summary = Summary::default();
        let wine = if self.wine {
            suites.retain(Suite::is_for_windows);
            ensure!(
                !suites.is_empty(),
                "none of these has tests to run on Windows"
            );
            Some(Session::start(sh)?)
        } else {
            crate::suite::install_programs(sh)?;
            None
        };
        for layer in &LAYERS {
            summary.step(layer.name, || match &wine {
                Some(wine) => check_on_windows(sh, wine, layer),
                None => check(sh, layer),
            });
        }
        let columns = if self.wine { UNDER_WINE } else { HERE };
        let mut table = Table::new(columns);
        for suite in &suites {
            summary.step(suite.name, || {
                self.compare(sh, suite, wine.as_ref(), &mut table)
            });
        }
        println!("\n{table}\n\n{summary}");
        summary.finish()
    }

    /// Runs a suite on the real mio and on readywire.
    fn compare(
        &self,
        sh: &Shell,
        suite: &Suite,
        wine: Option<&Session<'_>>,
        table: &mut Table,
    ) -> Result<()> {
        let [mio, backends @ ..] = table.columns else {
            bail!("a table without columns");
        };
        let real = Build::new(sh, suite, Mio::Real, wine)?;
        let expected = real.run(mio)?;
        table.add(suite, mio, &expected);
        for test in expected.failed() {
            println!("failed on the real mio: {test}");
            if suite.is_ours() {
                // It was the load of the machine if it passes alone.
                real.run_alone(test, mio)?;
            }
        }
        let readywire = Build::new(sh, suite, Mio::Readywire, wine)?;
        let mut failures = Vec::new();
        for backend in backends {
            for round in 0..self.repeat {
                let outcomes = readywire.run(backend)?;
                if round == 0 {
                    table.add(suite, backend, &outcomes);
                }
                for test in outcomes.differences(&expected)? {
                    let exception = (*backend, test.program.as_str(), test.name.as_str());
                    if let Some((_, reason)) =
                        EXCEPTIONS.iter().find(|(which, _)| *which == exception)
                    {
                        println!("{backend}: ended differently: {test}: {reason}");
                        continue;
                    }
                    println!("{backend}: ended differently, again {REPEATS} times alone: {test}");
                    let failure =
                        (0..REPEATS).find_map(|_| readywire.run_alone(&test, backend).err());
                    failures.extend(failure.map(|error| format!("{backend}: {error:#}")));
                }
            }
        }
        ensure!(failures.is_empty(), "{}", failures.join("\n"));
        Ok(())
    }
}

/// Checks a layer by itself: it is not a member of the workspace, where Cargo allows one package of a name. Its
/// format and its manifest are checked by `cargo xtask lint`.
fn check(sh: &Shell, layer: &Layer) -> Result<()> {
    let _folder = sh.push_dir(workspace::root().join("crates").join(layer.name));
    let _target = sh.push_env("CARGO_TARGET_DIR", workspace::target_dir().join("layers"));
    for features in layer.features {
        cmd!(
            sh,
            "cargo clippy --all-targets --no-default-features --features {features} -- --deny warnings"
        )
        .run()?;
    }
    let documentation = cmd!(sh, "cargo doc --no-deps --all-features");
    documentation.env("RUSTDOCFLAGS", "--deny warnings").run()?;
    cmd!(sh, "cargo test --all-features").run()?;
    let tests = cmd!(sh, "cargo test --all-features --test it");
    let tests = tests.env("RUSTFLAGS", "--cfg mio_backend_from_environment");
    Ok(tests.env("MIO_BACKEND", "poll").run()?)
}

/// Runs a layer's tests under Wine.
fn check_on_windows(sh: &Shell, wine: &Session<'_>, layer: &Layer) -> Result<()> {
    let _folder = sh.push_dir(workspace::root().join("crates").join(layer.name));
    let target = Session::TARGET;
    let tests = wine
        .cargo()?
        .args(["test", "--all-features", "--target", target]);
    Ok(tests.run()?)
}

/// How the tests of each suite or program ended, by what they ran on. `Display` is a table.
struct Table {
    columns: &'static [&'static str],
    rows: BTreeMap<String, BTreeMap<&'static str, String>>,
}

impl Table {
    fn new(columns: &'static [&'static str]) -> Table {
        Table {
            columns,
            rows: BTreeMap::new(),
        }
    }

    fn add(&mut self, suite: &Suite, column: &'static str, outcomes: &Outcomes) {
        for (name, counts) in outcomes.counts(|program| suite.row(program)) {
            let row = self.rows.entry(name).or_default();
            row.insert(column, counts.to_string());
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "| suite | {} |\n|{}",
            self.columns.join(" | "),
            " --- |".repeat(1 + self.columns.len())
        )?;
        for (name, row) in &self.rows {
            write!(f, "\n| {name} |")?;
            for column in self.columns {
                let counts = row.get(column).map_or("did not run", String::as_str);
                write!(f, " {counts} |")?;
            }
        }
        Ok(())
    }
}
