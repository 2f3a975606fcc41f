//! tokio on the real mio against tokio on readywire: the program `xtask/dependents/tokio-bench`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use xshell::{Shell, cmd};

use super::format;
use crate::command::dependents::suite::{self, Mio};
use crate::workspace;

/// What one run of a case measured.
struct Measured {
    /// Operations a second.
    rate: f64,
    /// Processor seconds an operation.
    processor: f64,
}

/// Measures all cases with both, in turn, and returns a report.
pub(super) fn compare(sh: &Shell, quick: bool) -> Result<String> {
    let real = build(sh, Mio::Real)?;
    let readywire = build(sh, Mio::Readywire)?;
    let rounds = if quick { 3 } else { 9 };
    let cases = cmd!(sh, "{real}").quiet().read()?;
    ensure!(!cases.is_empty(), "tokio-bench has no case");
    let mut report = "\
# tokio on readywire, beside tokio on mio 1

Processor time of all threads for each operation, and operations a second: the median of the ratios of pairs of
runs, which took turns, and the middle half of them. Of the time less is better, of the rate more.

| case | mio 1 | readywire, processor time | readywire, rate |
| --- | --- | --- | --- |
"
    .to_owned();
    for case in cases.lines() {
        let mut pairs = Vec::new();
        for round in 0..rounds {
            let run = |program| measure(sh, program, case);
            // Each goes first every other time.
            pairs.push(if round % 2 == 0 {
                let first = run(&real)?;
                (first, run(&readywire)?)
            } else {
                let first = run(&readywire)?;
                (run(&real)?, first)
            });
        }
        let of = |value: &dyn Fn(&(Measured, Measured)) -> f64| {
            let mut values: Vec<f64> = pairs.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            let at = |quarter: usize| values[(values.len() - 1) * quarter / 4];
            [at(1), at(2), at(3)]
        };
        let [_, time, _] = of(&|(real, _)| real.processor);
        let ratio = |value: &dyn Fn(&(Measured, Measured)) -> f64| {
            let [low, middle, high] = of(value);
            format!("**{middle:.3}** ({low:.3} to {high:.3})")
        };
        writeln!(
            report,
            "| {case} | {} | {} | {} |",
            format::seconds(time),
            ratio(&|(real, ours)| ours.processor / real.processor),
            ratio(&|(real, ours)| ours.rate / real.rate)
        )?;
    }
    Ok(report)
}

/// Builds the program and returns where it is.
fn build(sh: &Shell, mio: Mio) -> Result<PathBuf> {
    let folder = suite::copy(sh, "tokio-bench", "tokio-bench", mio)?;
    suite::patch(sh, &folder, "mio-1", mio)?;
    let manifest = folder.join("Cargo.toml");
    let target = workspace::target_dir().join("dependents/target");
    cmd!(
        sh,
        "cargo build --quiet --release --manifest-path {manifest} --target-dir {target}"
    )
    .run()?;
    // The next build replaces it.
    let program = folder.join("tokio-bench");
    sh.copy_file(target.join("release/tokio-bench"), &program)?;
    Ok(program)
}

fn measure(sh: &Shell, program: &Path, case: &str) -> Result<Measured> {
    let output = cmd!(sh, "{program} {case} 0.5").quiet().read()?;
    let numbers: Result<Vec<f64>, _> = output.split_whitespace().map(str::parse).collect();
    let Ok(&[operations, seconds, processor]) = numbers.as_deref() else {
        bail!("not what `{case}` should print: {output}");
    };
    ensure!(operations > 0.0 && processor > 0.0, "`{case}` did nothing");
    Ok(Measured {
        rate: operations / seconds,
        processor: processor / operations,
    })
}
