//! `cargo xtask bench`

mod against;
mod calls;
mod charts;
mod format;
mod goals;
mod instructions;
mod machine;
mod program;
mod report;
mod results;
mod tokio;
mod verdict;

use std::env::consts;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use xshell::Shell;

use self::against::Comparison;
use self::goals::GOALS;
use self::machine::Machine;
use self::program::{Counted, Program};
use self::report::{Explanations, Report};
use self::results::{Case, Contestant, Run};
use crate::{debian, workspace};

/// Where the report is that belongs to the checkout.
const REPORT: &str = "benches/report";

/// What is written by hand about goals that are not met: a section for each, `## ` and the goal's id.
const NOTES: &str = "benches/report/notes.md";

/// Measure readywire beside raw system calls and its peers, and write a report with charts
///
/// Measures times first, with all contestants taking turns; then counts the system calls of each, by
/// strace, and the instructions, by valgrind. What comes of it is one report: README.md, with a table of
/// every case and contestant, charts, and results.json, which a later run can be compared with.
///
/// Then tokio on the real mio is compared with tokio on readywire, in a report of its own, tokio.md. The
/// filter `tokio` measures nothing else.
///
/// `--quick` takes some three minutes, the whole several times that. Times are good only where nothing
/// else runs, and the report tells how good; counts do not depend on that.
///
/// Needs, on Linux (installed if missing): strace and valgrind. Elsewhere only times are measured.
#[derive(Args)]
pub(crate) struct Bench {
    /// Only the cases whose `group/case` contains this: `dispatch`, `churn/connection`
    filter: Option<String>,

    /// Fewer rounds, for a first look
    #[arg(long)]
    quick: bool,

    /// Also compare with an earlier run, by its results.json
    #[arg(long, value_name = "BASELINE")]
    against: Option<PathBuf>,

    /// Fail if readywire has become slower by more than that, beyond the noise, in any case
    #[arg(long, value_name = "PERCENT", requires = "against")]
    fail_above: Option<f64>,

    /// Write the report into this folder [default: benches/report, or target/bench for a quick run or a part]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

impl Bench {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        // Before anything is written: it may be the file that the run replaces.
        let baseline: Option<Run> = match &self.against {
            Some(path) => Some(results::read(path)?),
            None => None,
        };
        let explanations = explanations()?;
        let counting = consts::OS == "linux";
        if counting {
            let programs = [("strace", "strace"), ("valgrind", "valgrind")];
            debian::install(sh, &debian::missing(&programs))?;
        }

        if self.filter.as_deref() == Some("tokio") {
            ensure!(
                baseline.is_none(),
                "tokio's figures are not part of results.json: there is nothing to compare with"
            );
            return self.compare_tokio(sh);
        }

        let program = Program::build(sh)?;
        let mut machine = Machine::look(sh);
        let mut cases = program.measure(sh, self.filter.as_deref(), self.quick)?;
        ensure!(!cases.is_empty(), "no case contains what was asked for");
        machine.look_again();
        let notes = match counting {
            true => self.count(&program, &mut cases)?,
            false => vec![format!("Nothing was counted: {} has no strace", consts::OS)],
        };
        let run = Run {
            machine,
            quick: self.quick,
            notes,
            cases,
        };
        self.write(&run, &explanations)?;
        if self.filter.is_none() && counting {
            self.compare_tokio(sh)?;
        }

        if let Some(baseline) = baseline {
            let comparison = Comparison::new(&baseline, &run);
            println!("\n{comparison}");
            if let Some(percent) = self.fail_above {
                let slower = comparison.above(percent / 100.0);
                ensure!(slower.is_empty(), "slower: {}", slower.join(", "));
            }
        }
        Ok(())
    }

    /// Adds system calls and instructions to the cases; returns what could not be counted.
    fn count(&self, program: &Program, cases: &mut [Case]) -> Result<Vec<String>> {
        // A group at a time, so that what goes wrong in one is not missing of all.
        let filters: Vec<String> = match &self.filter {
            Some(filter) => vec![filter.clone()],
            None => {
                let groups = results::groups(cases);
                groups.iter().map(|group| format!("{group}/")).collect()
            }
        };
        let style =
            ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}").expect("a valid template");
        let bar = ProgressBar::new(2 * filters.len() as u64).with_style(style);
        let mut notes = Vec::new();
        let mut note = |what: &str, filter: &str, failure: Option<String>| {
            notes
                .extend(failure.map(|why| format!("{what} of `{filter}` are not complete: {why}")));
            bar.inc(1);
        };
        for filter in &filters {
            bar.set_message(format!("system calls: {filter}"));
            let calls = calls::count(program, filter)?;
            take_in(cases, calls.counts, |contestant, calls| {
                contestant.calls = Some(calls);
            });
            note("System calls", filter, calls.failure);

            bar.set_message(format!("instructions: {filter}"));
            let instructions = instructions::count(program, filter)?;
            take_in(cases, instructions.counts, |contestant, instructions| {
                contestant.instructions = Some(instructions);
            });
            note("Instructions", filter, instructions.failure);
        }
        bar.finish_and_clear();
        Ok(notes)
    }

    fn compare_tokio(&self, sh: &Shell) -> Result<()> {
        let report = tokio::compare(sh, self.quick)?;
        println!("\n{report}");
        let path = self.folder()?.join("tokio.md");
        fs::write(&path, report)?;
        println!("written: {}", path.display());
        Ok(())
    }

    /// The folder for what this run writes.
    fn folder(&self) -> Result<PathBuf> {
        let dir = match (&self.output, self.filter.as_deref()) {
            (Some(output), _) => output.clone(),
            (None, None | Some("tokio")) if !self.quick => workspace::root().join(REPORT),
            // A part of all cases, or fewer rounds, do not take the place of the whole.
            (None, _) => workspace::root().join("target/bench"),
        };
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(dir)
    }

    fn write(&self, run: &Run, explanations: &Explanations) -> Result<()> {
        let dir = self.folder()?;
        let charts = charts::draw(run, &dir)?;
        let report = Report {
            run,
            charts: &charts,
            explanations,
        };
        run.write(&dir.join("results.json"))?;
        fs::write(dir.join("README.md"), report.to_string())?;
        println!("\nwritten: {}", dir.join("README.md").display());
        Ok(())
    }
}

/// What the notes say, by the goal.
fn explanations() -> Result<Explanations> {
    let path = workspace::root().join(NOTES);
    if !path.exists() {
        return Ok(Explanations::new());
    }
    let explanations = report::sections(&fs::read_to_string(path)?);
    for id in explanations.keys() {
        let known = GOALS.iter().any(|goal| goal.id == id);
        ensure!(known, "{NOTES} explains `{id}`, which is no goal");
    }
    Ok(explanations)
}

/// Gives what was counted to those who did the work; it is lost where no time was measured of them.
fn take_in<T>(
    cases: &mut [Case],
    counts: Vec<(Counted, T)>,
    mut give: impl FnMut(&mut Contestant, T),
) {
    for (counted, count) in counts {
        let contestant = cases
            .iter_mut()
            .filter(|case| case.title() == counted.title)
            .flat_map(|case| &mut case.contestants)
            .find(|contestant| contestant.name == counted.contestant);
        if let Some(contestant) = contestant {
            give(contestant, count);
        }
    }
}
