//! What readywire is to reach, and whether it does: judged by the figures of a run alone.

use super::format;
use super::results::{Case, Contestant, Kind, MIO, RAW, READYWIRE, Run};
use super::verdict::{Verdict, judge_group};

/// A goal, and what shows whether it is met.
pub(super) struct Goal {
    /// What its explanation is headed by.
    pub(super) id: &'static str,
    pub(super) text: &'static str,
    check: fn(&Run) -> Vec<Evidence>,
}

/// What one case says of a goal.
struct Evidence {
    met: bool,
    /// The case's name, and the figures.
    figures: String,
}

/// How a run stands to a goal.
pub(super) struct Outcome {
    /// Nothing where no case of the run is about it.
    pub(super) met: Option<bool>,
    /// The figures, of those cases alone that do not meet it if there are any.
    pub(super) figures: Vec<String>,
}

pub(super) const GOALS: [Goal; 9] = [
    Goal {
        id: "dispatch-time",
        text: "An event handed out takes at most 3 % more than of a raw loop",
        check: |run| over(run, "dispatch", |case| to_raw(case, 1.03)),
    },
    Goal {
        id: "dispatch-instructions",
        text: "An event handed out takes no more instructions than mio 1",
        check: |run| over(run, "dispatch", instructions_to_mio),
    },
    Goal {
        id: "round-time",
        text: "A round of a server takes at most 2 % more than of a raw loop",
        check: |run| over(run, "round", |case| to_raw(case, 1.02)),
    },
    Goal {
        id: "churn-time",
        text: "A connection that comes and goes takes less time than with mio 1",
        check: |run| over(run, "churn", ahead_of_mio),
    },
    Goal {
        id: "churn-calls",
        text: "A connection that comes and goes takes no more system calls than with mio 1",
        check: |run| over(run, "churn", calls_to_mio),
    },
    Goal {
        id: "wake-time",
        text: "A wake that another one is pending for takes at most 5 ns, and a hundredth of mio 1's",
        check: |run| over(run, "wake", coalesced_wake),
    },
    Goal {
        id: "scale-flat",
        text: "However many connections are idle, a poll grows by at most a tenth more than raw's does",
        check: |run| flat(run).into_iter().collect(),
    },
    Goal {
        id: "scale-memory",
        text: "A registration among 1,000 or more takes at most 16 bytes",
        check: |run| over(run, "scale", memory),
    },
    Goal {
        id: "peers",
        text: "No peer is ahead in a group by more than the noise",
        check: |run| {
            let groups = run.groups().into_iter();
            groups
                .filter_map(|group| no_peer_ahead(run, group))
                .collect()
        },
    },
];

impl Goal {
    pub(super) fn judge(&self, run: &Run) -> Outcome {
        let evidence = (self.check)(run);
        let (met, missed): (Vec<_>, Vec<_>) = evidence.into_iter().partition(|one| one.met);
        let outcome = match () {
            () if !missed.is_empty() => Some(false),
            () if !met.is_empty() => Some(true),
            () => None,
        };
        let told = if missed.is_empty() { met } else { missed };
        Outcome {
            met: outcome,
            figures: told.into_iter().map(|one| one.figures).collect(),
        }
    }
}

fn over(run: &Run, group: &str, check: impl Fn(&Case) -> Option<Evidence>) -> Vec<Evidence> {
    run.cases
        .iter()
        .filter(|case| case.group == group)
        .filter_map(check)
        .collect()
}

fn evidence(case: &Case, met: bool, figures: &str) -> Option<Evidence> {
    Some(Evidence {
        met,
        figures: format!("{}: {figures}", case.name),
    })
}

fn pair<'a>(case: &'a Case, other: &str) -> Option<(&'a Contestant, &'a Contestant)> {
    Some((case.contestant(READYWIRE)?, case.contestant(other)?))
}

fn to_raw(case: &Case, limit: f64) -> Option<Evidence> {
    let (readywire, raw) = pair(case, RAW)?;
    // Raw is what all are compared with wherever it takes part.
    let ratio = readywire.to_first?;
    let figures = format!(
        "{} times raw's {} ± {}",
        format::ratio(ratio.median),
        format::seconds(case.value(raw)),
        format::percent(ratio.noise())
    );
    evidence(case, ratio.median <= limit, &figures)
}

fn instructions_to_mio(case: &Case) -> Option<Evidence> {
    let (readywire, mio) = pair(case, MIO)?;
    let (ours, theirs) = (case.instructions(readywire)?, case.instructions(mio)?);
    let figures = format!("{}, mio 1 {}", format::count(ours), format::count(theirs));
    evidence(case, ours <= theirs, &figures)
}

fn ahead_of_mio(case: &Case) -> Option<Evidence> {
    let ratio = case.contestant(MIO)?.to_readywire?;
    let figures = format!(
        "mio 1 takes {} times as long ± {}",
        format::ratio(ratio.median),
        format::percent(ratio.noise())
    );
    evidence(case, ratio.low > 1.0, &figures)
}

fn calls_to_mio(case: &Case) -> Option<Evidence> {
    let (readywire, mio) = pair(case, MIO)?;
    let (ours, theirs) = (readywire.call_count()?, mio.call_count()?);
    let figures = format!("{}, mio 1 {}", format::count(ours), format::count(theirs));
    evidence(case, ours <= theirs, &figures)
}

/// Of the case in which one thread wakes its own loop again and again before it polls.
fn coalesced_wake(case: &Case) -> Option<Evidence> {
    if !case.name.ends_with("a poll") {
        return None;
    }
    let (readywire, mio) = pair(case, MIO)?;
    let one = case.value(readywire);
    let ratio = mio.to_readywire?.median;
    let figures = format!(
        "{}, mio 1 {} times as long",
        format::seconds(one),
        format::ratio(ratio)
    );
    evidence(case, one <= 5e-9 && ratio >= 100.0, &figures)
}

/// Compares the polls among the fewest and the most connections; what the kernel itself needs more for
/// many is seen at raw.
fn flat(run: &Run) -> Option<Evidence> {
    let polls = || {
        run.group("scale")
            .filter(|case| case.kind == Kind::Time)
            .filter_map(|case| Some((case.size()?, case)))
    };
    let (_, fewest) = polls().min_by(|(a, _), (b, _)| a.total_cmp(b))?;
    let (_, most) = polls().max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    let growth = |name: &str| {
        let value = |case: &Case| Some(case.value(case.contestant(name)?));
        Some(value(most)? / value(fewest)?)
    };
    let ours = growth(READYWIRE)?;
    let raw = growth(RAW).unwrap_or(1.0);
    let figures = format!(
        "{} times that of {}, raw {} times",
        format::ratio(ours),
        fewest.name,
        format::ratio(raw)
    );
    evidence(most, ours <= 1.1 * raw.max(1.0), &figures)
}

fn memory(case: &Case) -> Option<Evidence> {
    // What a loop takes for its first few is shared by too few to tell.
    if case.kind != Kind::Figure || case.size()? < 1000.0 {
        return None;
    }
    let bytes = case.contestant(READYWIRE)?.value.median;
    let figures = format!("{} bytes", format::count(bytes));
    evidence(case, bytes <= 16.0, &figures)
}

fn no_peer_ahead(run: &Run, group: &str) -> Option<Evidence> {
    let judged = judge_group(run, group)?;
    Some(Evidence {
        met: judged.verdict != Verdict::Behind,
        figures: format!("{group}: {}", judged.describe()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::results::fixture;
    use super::*;

    #[track_caller]
    fn outcome(id: &str, run: &Run) -> Outcome {
        let goal = GOALS.iter().find(|goal| goal.id == id);
        goal.expect("there is such a goal").judge(run)
    }

    #[test]
    fn one_case_that_misses_a_goal_misses_it() {
        let case = |name: &str, ours: f64| {
            let values = [("raw", 100.0), ("readywire", ours), ("mio 1", 110.0)];
            fixture::case("dispatch", name, 0.01, &values)
        };
        let run = fixture::run(vec![case("few", 102.0), case("many", 104.0)]);
        let outcome = outcome("dispatch-time", &run);
        assert_eq!(outcome.met, Some(false));
        let expected = ["many: 1.040 times raw's 10.0 ns ± 1.0 %"];
        assert_eq!(outcome.figures, expected);
    }

    #[test]
    fn a_goal_that_nothing_was_measured_of_is_neither_met_nor_missed() {
        let run = fixture::run(Vec::new());
        for goal in &GOALS {
            let outcome = goal.judge(&run);
            assert_eq!(outcome.met, None, "{}", goal.id);
            assert!(outcome.figures.is_empty());
        }
    }

    #[test]
    fn wakes_are_judged_by_the_wake_and_by_the_distance_to_mio() {
        let run = |ours: f64, mio: f64| {
            let values = [("readywire", ours), ("mio 1", mio)];
            fixture::run(vec![fixture::case("wake", "1,000 a poll", 0.01, &values)])
        };
        // Ten elements: 40 ns are 4 ns a wake.
        assert_eq!(outcome("wake-time", &run(40.0, 5000.0)).met, Some(true));
        assert_eq!(outcome("wake-time", &run(60.0, 9000.0)).met, Some(false));
        assert_eq!(outcome("wake-time", &run(40.0, 3000.0)).met, Some(false));
    }

    #[test]
    fn growth_that_the_kernel_shows_too_is_not_readywires() {
        let case = |name: &str, raw: f64, ours: f64| {
            let values = [("raw", raw), ("readywire", ours)];
            fixture::case("scale", name, 0.01, &values)
        };
        let run = |ours| {
            fixture::run(vec![
                case("poll among 10", 100.0, 110.0),
                case("poll among 10,000", 150.0, ours),
            ])
        };
        assert_eq!(outcome("scale-flat", &run(165.0)).met, Some(true));
        assert_eq!(outcome("scale-flat", &run(220.0)).met, Some(false));
    }
}
