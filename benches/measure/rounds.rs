//! The contestants take turns.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::results::{CaseResult, ContestantResult, Kind, Results, Spread};
use crate::statistics::{Samples, spread};
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
        name.contains(&self.filter) || self.filter.starts_with(name)
    }

    fn visit(&mut self, mut case: Case) {
        self.bar.set_length(self.rounds.count as u64);
        self.bar.set_position(0);
        self.bar
            .set_message(format!("{}/{}", case.group, case.name));
        let mut measured: Vec<_> = case.contestants.iter().map(|_| Measured::new()).collect();
        let mut order: Vec<usize> = (0..case.contestants.len()).collect();
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..self.rounds.count {
            // Nobody comes after the same one all the time, nor in step with what else runs.
            random.shuffle(&mut order);
            for &at in &order {
                let work = &mut case.contestants[at].work;
                let Measured { values, samples } = &mut measured[at];
                values.push(self.rounds.turn(work, samples));
            }
            self.bar.inc(1);
        }
        let result = result(&case, &measured);
        self.bar.suspend(|| print(&result));
        self.cases.push(result);
    }
}

/// What was measured of one contestant.
struct Measured {
    /// The value of each round.
    values: Vec<f64>,
    samples: Samples,
}

impl Measured {
    fn new() -> Measured {
        Measured {
            values: Vec::new(),
            samples: Samples::new(),
        }
    }
}

impl Rounds {
    /// One contestant's turn: the value of one time of its work, of samples their median.
    fn turn(self, work: &mut Work, samples: &mut Samples) -> f64 {
        match work {
            Work::Time(work) => {
                let start = Instant::now();
                let mut times = 0;
                loop {
                    // A look at the clock costs as much as a short poll: not after each time, but
                    // before the turn is an eighth too long.
                    let more = times / 8 + 1;
                    work(more);
                    times += more;
                    let taken = start.elapsed();
                    if taken >= self.slice {
                        return taken.as_secs_f64() / times as f64;
                    }
                }
            }
            Work::Sample(work) => {
                let start = Instant::now();
                let mut values = Vec::new();
                loop {
                    let value = work();
                    samples.record(value);
                    values.push(value);
                    if start.elapsed() >= self.slice {
                        let spread = spread(values);
                        return spread.expect("one sample at least").median;
                    }
                }
            }
            Work::Figure(figure) => *figure,
        }
    }
}

fn result(case: &Case, measured: &[Measured]) -> CaseResult {
    let kind = match case.contestants.first().map(|first| &first.work) {
        Some(Work::Sample(_)) => Kind::Sample,
        Some(Work::Figure(_)) => Kind::Figure,
        _ => Kind::Time,
    };
    let of_readywire = case
        .contestants
        .iter()
        .zip(measured)
        .find(|(contestant, _)| contestant.name == "readywire")
        .map(|(_, measured)| &measured.values);
    let first = measured.first().map_or(&[][..], |first| &first.values);
    let contestants = case
        .contestants
        .iter()
        .zip(measured)
        .filter_map(|(contestant, Measured { values, samples })| {
            Some(ContestantResult {
                name: contestant.name,
                value: spread(values.clone())?,
                to_first: ratio(values, first),
                to_readywire: of_readywire.and_then(|base| ratio(values, base)),
                percentiles: samples.percentiles(),
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

/// The ratios within each round; there is none to nothing.
fn ratio(values: &[f64], base: &[f64]) -> Option<Spread> {
    if base.contains(&0.0) {
        return None;
    }
    spread(values.iter().zip(base).map(|(v, b)| v / b).collect())
}

/// The line of a table: the first contestant's value, and the others' ratios to it; or values alone,
/// where they may be zero or less.
fn print(case: &CaseResult) {
    let Some((first, others)) = case.contestants.split_first() else {
        return;
    };
    let name = format!("{}, {}", case.group, case.name);
    let text = |value: f64| match case.kind {
        Kind::Time => format!("{:.1?}", Duration::from_secs_f64(value)),
        Kind::Sample => format!("{:.1} µs", value * 1e6),
        Kind::Figure => format!("{value:.1} {}", case.unit),
    };
    print!("{name:<34} {} {:>9}", first.name, text(first.value.median));
    for other in others {
        match (case.kind, other.to_first) {
            (Kind::Time, Some(ratio)) => print!("   {} {:.3}", other.name, ratio.median),
            _ => print!("   {} {}", other.name, text(other.value.median)),
        }
    }
    println!();
}
