//! Every contestant beside the others in one run, in turns, for machines that are busy with other things.
//!
//! Criterion measures one contestant after the other, so that a disturbance hits one of them alone. Here
//! they take turns in slices of a few milliseconds, in an order that changes from round to round; what
//! counts is the ratio within a round, and of those the median. With `--count` each does its work a few
//! times, between marks by which `strace` and `callgrind` tell what it cost.
//!
//! `cargo xtask bench` runs this program and writes the report.

#[path = "../contestants/mod.rs"]
mod contestants;
mod count;
mod results;
mod rounds;
mod statistics;
#[path = "../suite/mod.rs"]
mod suite;

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;

use clap::Parser;

use crate::count::Counting;
use crate::rounds::{Rounds, TakingTurns};

/// Measure every contestant beside the others
#[derive(Parser)]
struct Arguments {
    /// Only the cases whose `group/name` contains this
    filter: Option<String>,

    /// Fewer rounds: good to three per cent, where the whole is good to one
    #[arg(long)]
    quick: bool,

    /// Do everything once and measure nothing
    #[arg(long)]
    test: bool,

    /// Also write the results to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Rather than measure time, do the work so many times between marks, for strace and callgrind
    #[arg(long, value_name = "TIMES")]
    count: Option<u64>,

    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    contestants::raise_descriptor_limit();
    let filter = arguments.filter.unwrap_or_default();
    if let Some(times) = arguments.count {
        suite::run(&mut Counting { filter, times });
        return Ok(());
    }

    let rounds = match () {
        // `cargo test` runs benchmarks without saying so.
        () if arguments.test || !arguments.bench => Rounds::TEST,
        () if arguments.quick => Rounds::QUICK,
        () => Rounds::WHOLE,
    };
    let mut taking_turns = TakingTurns::new(filter, rounds);
    suite::run(&mut taking_turns);
    if let Some(file) = arguments.json {
        serde_json::to_writer_pretty(BufWriter::new(File::create(file)?), &taking_turns.results())?;
    }
    Ok(())
}
