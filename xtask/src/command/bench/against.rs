//! How a run differs from an earlier one.

use std::fmt::{self, Display};

use super::format;
use super::results::{Case, Kind, READYWIRE, Run, Spread};

/// What has become of readywire in one case.
struct Change {
    title: String,
    /// Ratios to the first contestant, or values where there is no ratio.
    then: Spread,
    now: Spread,
}

/// All cases that both runs have. `Display` is a table for a person.
pub(super) struct Comparison {
    changes: Vec<Change>,
}

impl Comparison {
    pub(super) fn new(then: &Run, now: &Run) -> Comparison {
        let changes = now.cases.iter().filter_map(|case| {
            let title = case.title();
            let before = then.cases.iter().find(|before| before.title() == title)?;
            Some(Change {
                then: judged(before)?,
                now: judged(case)?,
                title,
            })
        });
        Comparison {
            changes: changes.collect(),
        }
    }

    /// The cases that have grown by more than a share of what they were, and by more than the noise.
    pub(super) fn above(&self, share: f64) -> Vec<&str> {
        self.changes
            .iter()
            .filter(|change| change.share() > share && change.now.low > change.then.high)
            .map(|change| &*change.title)
            .collect()
    }
}

/// What is compared: ratios to the first contestant, which other machines' figures may be compared with,
/// too.
fn judged(case: &Case) -> Option<Spread> {
    let readywire = case.contestant(READYWIRE)?;
    match case.kind {
        Kind::Time => readywire.to_first,
        Kind::Sample | Kind::Figure => Some(readywire.value),
    }
}

impl Change {
    fn share(&self) -> f64 {
        self.now.median / self.then.median - 1.0
    }

    fn verdict(&self) -> &'static str {
        if self.now.low > self.then.high {
            "more"
        } else if self.now.high < self.then.low {
            "less"
        } else {
            "within the noise"
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<40}{:>12}{:>12}{:>10}  readywire, compared with the first contestant",
            "case", "then", "now", "change"
        )?;
        for change in &self.changes {
            writeln!(
                f,
                "{:<40}{:>12}{:>12}{:>10}  {}",
                change.title,
                number(change.then.median),
                number(change.now.median),
                format!("{:+.1} %", change.share() * 100.0),
                change.verdict()
            )?;
        }
        Ok(())
    }
}

/// A ratio, or seconds that are too few for one.
fn number(number: f64) -> String {
    match number.abs() {
        size if size > 0.0 && size < 1e-3 => format::seconds(number),
        _ => format::ratio(number),
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::fixture::{case, run};
    use super::*;

    fn of(noise: f64, ours: f64) -> Run {
        run(vec![case(
            "round",
            "64 connections",
            noise,
            &[("raw", 100.0), ("readywire", ours)],
        )])
    }

    #[test]
    fn only_what_exceeds_the_noise_has_changed() {
        let table = Comparison::new(&of(0.01, 102.0), &of(0.01, 112.0)).to_string();
        assert!(table.contains("+9.8 %  more"), "{table}");
        let table = Comparison::new(&of(0.2, 102.0), &of(0.2, 112.0)).to_string();
        assert!(table.contains("+9.8 %  within the noise"), "{table}");
        let table = Comparison::new(&of(0.01, 112.0), &of(0.01, 102.0)).to_string();
        assert!(table.contains("-8.9 %  less"), "{table}");
    }

    #[test]
    fn growth_is_told_above_a_limit_and_the_noise() {
        let grown = Comparison::new(&of(0.01, 102.0), &of(0.01, 112.0));
        assert_eq!(grown.above(0.05), ["round/64 connections"]);
        assert!(grown.above(0.10).is_empty());
        assert!(
            Comparison::new(&of(0.2, 102.0), &of(0.2, 112.0))
                .above(0.05)
                .is_empty()
        );
    }

    #[test]
    fn cases_that_only_one_run_has_are_left_out() {
        let now = run(vec![case("wake", "new", 0.0, &[("readywire", 1.0)])]);
        assert!(Comparison::new(&of(0.0, 1.0), &now).changes.is_empty());
    }
}
