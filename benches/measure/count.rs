//! Work between marks, for tools that count what a process does.

use std::fs::File;
use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::suite::{Case, Visitor, Work};

/// Has everybody do their work a few times.
pub(crate) struct Counting {
    pub(crate) filter: String,
    pub(crate) times: u64,
}

/// What the names of cases contain that take minutes to make under a tool, and do the same as smaller
/// ones, or no work at all.
const LEFT_OUT: [&str; 3] = ["(cap)", "(limit)", "memory among"];

/// How long all times of one contestant may take together, under a tool that slows it down: of much work
/// fewer times tell as much.
const LIMIT: Duration = Duration::from_millis(500);

impl Visitor for Counting {
    fn wants(&self, name: &str) -> bool {
        name.contains(&self.filter) && !LEFT_OUT.iter().any(|part| name.contains(part))
    }

    /// Prints a line for each contestant: its case and name, and how many times it works.
    fn visit(&mut self, case: Case) {
        for mut contestant in case.contestants {
            if !contestant.countable {
                continue;
            }
            let work: &mut dyn FnMut(u64) = match &mut contestant.work {
                Work::Time(work) => work,
                // What it tells is of no interest here.
                Work::Sample(work) => &mut |times| {
                    for _ in 0..times {
                        black_box(work());
                    }
                },
                Work::Figure(_) => continue,
            };
            // What is made at the first time only is not what a time costs.
            work(1);
            let start = Instant::now();
            work(1);
            let times = affordable(self.times, start.elapsed());
            let (group, name) = (case.group, &case.name);
            println!("{group}/{name}\t{}\t{times}", contestant.name);
            mark("/readywire-bench/begin");
            readywire_counted(work, times);
            readywire_done();
        }
    }
}

/// How many times of work the limit has room for, if one takes so long.
fn affordable(times: u64, one: Duration) -> u64 {
    let room = LIMIT.as_nanos() / one.as_nanos().max(1);
    times.min(u64::try_from(room).unwrap_or(u64::MAX).max(1))
}

/// Tries to open what does not exist, to leave a mark in a trace of system calls.
fn mark(path: &str) {
    File::open(path).expect_err("there is no such file");
}

/// What callgrind is told to count, by this name.
#[inline(never)]
fn readywire_counted(work: &mut dyn FnMut(u64), times: u64) {
    work(black_box(times));
}

/// Where callgrind is told, by this name, to write down what it has counted.
#[inline(never)]
fn readywire_done() {
    mark("/readywire-bench/end");
}
