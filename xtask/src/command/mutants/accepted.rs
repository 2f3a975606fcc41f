//! The mutants that may survive, each with its reason.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

/// A list of mutants without their lines, which change.
pub(super) struct Accepted<'a>(BTreeSet<&'a str>);

/// How the results of a run differ from the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// As cargo-mutants reports them.
    pub(super) survivors: Vec<String>,
    /// Entries of the list that were tested and noticed.
    pub(super) stale: Vec<String>,
}

impl<'a> Accepted<'a> {
    /// Reads the list: groups between empty lines, each of which begins with its reason behind `#`.
    pub(super) fn parse(text: &'a str) -> Result<Self> {
        let mut entries = BTreeSet::new();
        for group in text.split("\n\n").filter(|group| !group.trim().is_empty()) {
            ensure!(group.trim_start().starts_with('#'), "no reason: {group}");
            let mutants = group.lines().filter(|line| !line.starts_with('#'));
            entries.extend(mutants.map(str::trim_end).filter(|line| !line.is_empty()));
        }
        Ok(Self(entries))
    }

    pub(super) fn compare(&self, survivors: &str, noticed: &str) -> Difference {
        let survived: BTreeSet<String> = survivors.lines().map(without_place).collect();
        let noticed: BTreeSet<String> = noticed.lines().map(without_place).collect();
        let new = survivors
            .lines()
            .filter(|line| !self.0.contains(&*without_place(line)));
        let stale = noticed
            .difference(&survived)
            .filter(|mutant| self.0.contains(&***mutant));
        Difference {
            survivors: new.map(str::to_owned).collect(),
            stale: stale.cloned().collect(),
        }
    }
}

/// Removes line and column: `src/a.rs:12:5: replace + with -` becomes `src/a.rs: replace + with -`.
fn without_place(mutant: &str) -> String {
    let Some((place, change)) = mutant.split_once(": ") else {
        return mutant.to_owned();
    };
    let file = place.split(':').next().unwrap_or(place);
    format!("{file}: {change}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
# The list.

# Both are the same number.
src/a.rs: replace + with - in f
src/a.rs: replace * with / in f

# Only a log line.
src/b.rs: replace g with ()
";

    #[test]
    fn survivors_off_the_list_and_entries_that_are_noticed_are_reported() {
        let list = Accepted::parse(LIST).expect("a list");
        let survivors =
            "src/a.rs:1:2: replace + with - in f\nsrc/a.rs:9:9: replace == with != in h";
        let noticed = "src/a.rs:3:4: replace + with - in f\nsrc/b.rs:5:6: replace g with ()";
        let expected = Difference {
            survivors: vec!["src/a.rs:9:9: replace == with != in h".into()],
            stale: vec!["src/b.rs: replace g with ()".into()],
        };
        assert_eq!(list.compare(survivors, noticed), expected);
    }

    #[test]
    fn an_entry_without_a_reason_is_refused() {
        assert!(Accepted::parse("src/a.rs: replace g with ()\n").is_err());
    }
}
