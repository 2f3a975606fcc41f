//! Work between marks, for tools that count what a process does.

use std::fs::File;
use std::hint::black_box;

use crate::suite::{Case, Visitor, Work};

/// Has everybody do their work a few times.
pub(crate) struct Counting {
    pub(crate) filter: String,
    pub(crate) times: u32,
}

/// Opened, though it does not exist, to leave a mark in a trace of system calls.
const MARK: &str = "/readywire-bench";

impl Visitor for Counting {
    fn wants(&self, name: &str) -> bool {
        name.contains(&self.filter)
    }

    /// Prints a line for each contestant: its case and name, and how many times it works.
    fn visit(&mut self, case: Case) {
        for mut contestant in case.contestants {
            if !contestant.countable {
                continue;
            }
            let work: &mut dyn FnMut() = match &mut contestant.work {
                Work::Time(work) => work,
                // What it tells is of no interest here.
                Work::Sample(work) => &mut || {
                    black_box(work());
                },
                Work::Figure(_) => continue,
            };
            // What is made at the first time only is not what a time costs.
            work();
            work();
            let (group, name) = (case.group, &case.name);
            println!("{group}/{name}\t{}\t{}", contestant.name, self.times);
            mark(&format!("{MARK}/begin"));
            readywire_counted(work, self.times);
            mark(&format!("{MARK}/end"));
        }
    }
}

fn mark(path: &str) {
    File::open(path).expect_err("there is no such file");
}

/// What callgrind is told to count, by this name.
#[inline(never)]
fn readywire_counted(work: &mut dyn FnMut(), times: u32) {
    for _ in 0..black_box(times) {
        work();
    }
}
