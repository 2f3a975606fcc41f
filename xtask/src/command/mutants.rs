//! `cargo xtask mutants`

mod accepted;

use std::fs;

use anyhow::{Context, Result, ensure};
use clap::Args;
use xshell::{Shell, cmd};

use self::accepted::Accepted;
use crate::tools::Tool;
use crate::{cross, suite, workspace};

const CARGO_MUTANTS: Tool = Tool {
    name: "cargo-mutants",
    version: "27.1.0",
};

/// What this machine does not compile, and code that only tests run.
///
/// cargo-mutants does not look into macros: modules that this machine compiles are declared outside of `cfg_if!`.
const EXCLUDED: &[&str] = &[
    "**/windows.rs",
    "**/windows/**",
    "**/kqueue.rs",
    "**/kevent.rs",
    "**/library.rs",
    "**/cloexec_after.rs",
    "**/no_abstract_names.rs",
    "crates/testkit/**",
    "crates/soak/**",
    "crates/*/examples/**",
    "benches/**",
    "xtask/**",
];

/// How many seconds the tests of a mutant may take altogether, with a busy machine in mind.
const LIMIT: &str = "600";

/// Check that the tests notice when the code is broken, by breaking it in every way that cargo-mutants knows
///
/// A mutant that the tests do not notice has to be listed in `xtask/mutants.txt`, with the reason. A package
/// takes from minutes to an hour.
///
/// Needs: what `test` does, and cargo-mutants (installed if missing).
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Mutants {
    /// Break this package; may be repeated
    #[arg(short, long = "package", value_name = "PACKAGE")]
    packages: Vec<String>,

    /// Break only what differs from this revision
    #[arg(long, value_name = "REVISION")]
    diff: Option<String>,
}

impl Mutants {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        suite::install_programs(sh)?;
        let list = sh.read_file("xtask/mutants.txt")?;
        let accepted = Accepted::parse(&list)?;
        let program = CARGO_MUTANTS.install(sh)?;
        let folder = workspace::target_dir().join("mutants");
        sh.create_dir(&folder)?;

        let mut mutants = cmd!(
            sh,
            "{program} mutants --no-shuffle --jobs 1 --timeout {LIMIT} --output {folder}"
        )
        .args(cross::select(&self.packages))
        .args(EXCLUDED.iter().flat_map(|glob| ["--exclude", glob]))
        // Modules of these names are compiled for fuzzing, for loom or for tests alone.
        .args(["--exclude-re", r"\b(fuzzing|fences|model|tests)::"]);
        if let Some(revision) = &self.diff {
            let diff = folder.join("diff");
            sh.write_file(&diff, cmd!(sh, "git diff {revision}").read()?)?;
            mutants = mutants.arg("--in-diff").arg(diff);
        }
        // A test that hangs has noticed its mutant, and half of the mutants make one hang.
        let mutants = mutants
            .args(["--", "--lib", "--tests"])
            .env("CARGO_TARGET_DIR", folder.join("target"))
            .env("READYWIRE_TEST_LIMIT", "40")
            .ignore_status();
        let results = folder.join("mutants.out");
        sh.remove_path(&results)?;
        mutants.run()?;

        let read = |name: &str| {
            let path = results.join(name);
            fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))
        };
        let survivors = read("missed.txt")?;
        let noticed = read("caught.txt")? + &read("timeout.txt")?;
        ensure!(
            self.diff.is_some() || !(survivors.is_empty() && noticed.is_empty()),
            "no mutant was tested: cargo-mutants has reported why"
        );
        let new = accepted.compare(&survivors, &noticed);
        for stale in &new.stale {
            println!("xtask/mutants.txt: the tests notice it now, remove it: {stale}");
        }
        ensure!(
            new.survivors.is_empty(),
            "the tests do not notice {} mutants:\n    {}",
            new.survivors.len(),
            new.survivors.join("\n    ")
        );
        Ok(())
    }
}
