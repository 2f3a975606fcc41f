//! The contestants take turns.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::results::{CaseResult, ContestantResult, Kind, Results, Spread};
use crate::statistics::{percentile, spread};
use crate::suite::{Case, Visitor, Work};

/// How long everybody's turn is, and how many there are.
#[derive(Clone, Copy)]
pub(crate) struct Rounds {
    count: usize,
    slice: Duration,
}

impl Rounds {
    pub(crate) const WHOLE: Rounds = Rounds {
        count: 151,
        slice: Duration::from_millis(5),
    };
    pub(crate) const QUICK: Rounds = Rounds {
        count: 31,
        slice: Duration::from_millis(3),
    };
    /// Each does its work once.
    pub(crate) const TEST: Rounds = Rounds {
        count: 1,
        slice: Duration::ZERO,
    };
}

/// Measures cases by having their contestants take turns.
pub(crate) struct TakingTurns {
    filter: String,
    rounds: Rounds,
    bar: ProgressBar,
    cases: Vec<CaseResult>,
}

impl TakingTurns {
    pub(crate) fn new(filter: String, rounds: Rounds) -> TakingTurns {
        let style =
            ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}").expect("a valid template");
        TakingTurns {
            filter,
            rounds,
            bar: ProgressBar::new(0).with_style(style),
            cases: Vec::new(),
        }
    }

    pub(crate) fn results(self) -> Results {
        Results { cases: self.cases }
    }
}

impl Visitor for TakingTurns {
    fn wants(&self, name: &str) -> bool {
        name.contains(&self.filter)
    }

    fn visit(&mut self, mut case: Case) {
        self.bar.set_length(self.rounds.count as u64);
        self.bar.set_position(0);
        self.bar
            .set_message(format!("{}/{}", case.group, case.name));
        let mut values = vec![Vec::new(); case.contestants.len()];
        for round in 0..self.rounds.count {
            let count = case.contestants.len();
            for turn in 0..count {
                let at = (round + turn) % count;
                let work = &mut case.contestants[at].work;
                values[at].push(self.rounds.turn(work));
            }
            self.bar.inc(1);
        }
        let result = result(&case, &values);
        self.bar.suspend(|| print(&result));
        self.cases.push(result);
    }
}

impl Rounds {
    /// One contestant's turn: the value of one time of its work.
    fn turn(self, work: &mut Work) -> f64 {
        match work {
            Work::Time(work) => {
                let start = Instant::now();
                let mut times = 0_u32;
                loop {
                    work();
                    times += 1;
                    // A look at the clock costs as much as a short poll: not after each time.
                    if times.is_power_of_two() || times.is_multiple_of(16) {
                        let taken = start.elapsed();
                        if taken >= self.slice {
                            return taken.as_secs_f64() / f64::from(times);
                        }
                    }
                }
            }
            Work::Sample(work) => work(),
            Work::Figure(figure) => *figure,
        }
    }
}

fn result(case: &Case, values: &[Vec<f64>]) -> CaseResult {
    let kind = match case.contestants.first().map(|first| &first.work) {
        Some(Work::Sample(_)) => Kind::Sample,
        Some(Work::Figure(_)) => Kind::Figure,
        _ => Kind::Time,
    };
    let of_readywire = case
        .contestants
        .iter()
        .zip(values)
        .find(|(contestant, _)| contestant.name == "readywire")
        .map(|(_, values)| values);
    let first = values.first().map_or(&[][..], Vec::as_slice);
    let contestants = case
        .contestants
        .iter()
        .zip(values)
        .filter_map(|(contestant, values)| {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let percentiles = match kind {
                Kind::Sample => [0.0, 0.5, 0.9, 0.99, 1.0]
                    .map(|share| (share, percentile(&sorted, share)))
                    .to_vec(),
                _ => Vec::new(),
            };
            Some(ContestantResult {
                name: contestant.name,
                value: spread(sorted)?,
                to_first: ratio(values, first),
                to_readywire: of_readywire.and_then(|base| ratio(values, base)),
                percentiles,
            })
        })
        .collect();
    CaseResult {
        group: case.group,
        name: case.name.clone(),
        elements: case.elements,
        unit: case.unit,
        kind,
        contestants,
    }
}

/// The ratios within each round.
fn ratio(values: &[f64], base: &[f64]) -> Option<Spread> {
    spread(values.iter().zip(base).map(|(v, b)| v / b).collect())
}

/// The line of a table: the first contestant's value, and the others' ratios to it.
fn print(case: &CaseResult) {
    let Some((first, others)) = case.contestants.split_first() else {
        return;
    };
    let name = format!("{}, {}", case.group, case.name);
    let value = match case.kind {
        Kind::Time | Kind::Sample => {
            format!("{:.1?}", Duration::from_secs_f64(first.value.median))
        }
        Kind::Figure => format!("{:.1} {}", first.value.median, case.unit),
    };
    print!("{name:<34} {} {value:>9}", first.name);
    for other in others {
        if let Some(ratio) = other.to_first {
            print!("   {} {:.3}", other.name, ratio.median);
        }
    }
    println!();
}
