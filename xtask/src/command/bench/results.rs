//! What one run of the benchmarks has found, as the report is made of it and as it is kept in a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::machine::Machine;

/// System calls: how many of each name.
pub(super) type Calls = BTreeMap<String, f64>;

/// The names that the report knows.
pub(super) const RAW: &str = "raw";
pub(super) const READYWIRE: &str = "readywire";
pub(super) const MIO: &str = "mio 1";

/// Who is no peer: they do the same for their users in another way.
const REFERENCES: [&str; 2] = ["tokio", "std"];

/// A whole run.
#[derive(Deserialize, Serialize)]
pub(super) struct Run {
    pub(super) machine: Machine,
    /// With few rounds, for a first look.
    pub(super) quick: bool,
    /// What could not be counted, and why.
    pub(super) notes: Vec<String>,
    pub(super) cases: Vec<Case>,
}

/// What `measure --json` writes.
#[derive(Deserialize)]
pub(super) struct Times {
    pub(super) cases: Vec<Case>,
}

/// Some work, and how each contestant did it; the first is the one that the others are compared with.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Case {
    pub(super) group: String,
    pub(super) name: String,
    /// How many of `unit` one time of the work comes to.
    pub(super) elements: u64,
    pub(super) unit: String,
    pub(super) kind: Kind,
    pub(super) contestants: Vec<Contestant>,
}

/// What the values of a case are.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// Seconds that one time of the work takes.
    Time,
    /// Seconds, as the work itself tells them.
    Sample,
    /// A number of the case's unit, the same each time.
    Figure,
}

#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Contestant {
    pub(super) name: String,
    pub(super) value: Spread,
    /// The ratio to the case's first contestant.
    pub(super) to_first: Option<Spread>,
    /// The ratio to readywire: below one, this contestant is ahead.
    pub(super) to_readywire: Option<Spread>,
    /// Of samples: shares, from 0 to 1, and the values that they lie below.
    #[serde(default)]
    pub(super) percentiles: Vec<(f64, f64)>,
    /// System calls of one time of the work, by their names; nothing where they were not counted.
    #[serde(default)]
    pub(super) calls: Option<Calls>,
    /// Instructions of one time of the work, those of the kernel aside.
    #[serde(default)]
    pub(super) instructions: Option<f64>,
}

/// A median, and between which values it lies with 95 % confidence.
#[derive(Clone, Copy, Deserialize, Serialize)]
pub(super) struct Spread {
    #[serde(deserialize_with = "number")]
    pub(super) median: f64,
    #[serde(deserialize_with = "number")]
    pub(super) low: f64,
    #[serde(deserialize_with = "number")]
    pub(super) high: f64,
}

/// JSON knows no infinity, which a ratio to nothing is: it has `null` there.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

impl Case {
    /// How it is named among all cases.
    pub(super) fn title(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }

    pub(super) fn contestant(&self, name: &str) -> Option<&Contestant> {
        self.contestants
            .iter()
            .find(|contestant| contestant.name == name)
    }

    /// Who stands beside readywire: all but itself, the bare system calls and the points of reference.
    pub(super) fn peers(&self) -> impl Iterator<Item = &Contestant> {
        self.contestants.iter().filter(|contestant| {
            let name = &&*contestant.name;
            ![RAW, READYWIRE].contains(name) && !REFERENCES.contains(name)
        })
    }

    /// What values and instructions are told by: how many of it one time of the work has, and its name.
    ///
    /// Bytes are told by the message, and what is no sum of elements as it is.
    pub(super) fn element(&self) -> (f64, &str) {
        match self.kind {
            Kind::Time if self.unit == "byte" => (1.0, "message"),
            Kind::Time => (self.elements as f64, &self.unit),
            Kind::Sample | Kind::Figure => (1.0, &self.unit),
        }
    }

    /// A contestant's value, by the element.
    pub(super) fn value(&self, contestant: &Contestant) -> f64 {
        contestant.value.median / self.element().0
    }

    /// A contestant's instructions, by the element.
    pub(super) fn instructions(&self, contestant: &Contestant) -> Option<f64> {
        Some(contestant.instructions? / self.element().0)
    }

    /// The number in its name, without the commas: `poll, 10,000` is of 10000.
    pub(super) fn size(&self) -> Option<f64> {
        let digits: String = self
            .name
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(|c| c.is_ascii_digit() || *c == ',')
            .filter(char::is_ascii_digit)
            .collect();
        digits.parse().ok()
    }
}

impl Contestant {
    /// How many system calls one time of the work takes.
    pub(super) fn call_count(&self) -> Option<f64> {
        Some(self.calls.as_ref()?.values().sum())
    }
}

impl Spread {
    /// Half of the interval's width, as a share of the median.
    pub(super) fn noise(self) -> f64 {
        (self.high - self.low) / 2.0 / self.median
    }
}

impl Run {
    pub(super) fn group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Case> {
        self.cases.iter().filter(move |case| case.group == group)
    }

    /// The names of the groups, in the order in which they were measured.
    pub(super) fn groups(&self) -> Vec<&str> {
        groups(&self.cases)
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        serde_json::to_writer_pretty(&mut file, self)?;
        writeln!(file)?;
        Ok(file.flush()?)
    }
}

/// The names of the groups, in the order of their cases.
pub(super) fn groups(cases: &[Case]) -> Vec<&str> {
    let mut groups: Vec<&str> = cases.iter().map(|case| &*case.group).collect();
    groups.dedup();
    groups
}

/// Reads what was written as JSON.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let open = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_reader(BufReader::new(open))
        .with_context(|| format!("{} holds something else", path.display()))
}

/// A small run for the tests of its users.
#[cfg(test)]
pub(super) mod fixture {
    use super::*;

    pub(in super::super) fn spread(median: f64, noise: f64) -> Spread {
        Spread {
            median,
            low: median * (1.0 - noise),
            high: median * (1.0 + noise),
        }
    }

    /// A case of 10 elements in which the contestants take so many nanoseconds, all with this noise.
    pub(in super::super) fn case(
        group: &str,
        name: &str,
        noise: f64,
        values: &[(&str, f64)],
    ) -> Case {
        let of = |wanted: &str| {
            values
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| *value)
        };
        let readywire = of(READYWIRE).expect("readywire takes part");
        let contestants = values.iter().map(|&(name, value)| Contestant {
            name: name.to_owned(),
            value: spread(value * 1e-9, noise),
            to_first: Some(spread(value / values[0].1, noise)),
            to_readywire: Some(spread(value / readywire, noise)),
            percentiles: Vec::new(),
            calls: Some(BTreeMap::from([("epoll_wait".to_owned(), 1.0)])),
            instructions: Some(value * 3.0),
        });
        Case {
            group: group.to_owned(),
            name: name.to_owned(),
            elements: 10,
            unit: "event".to_owned(),
            kind: Kind::Time,
            contestants: contestants.collect(),
        }
    }

    pub(in super::super) fn run(cases: Vec<Case>) -> Run {
        Run {
            machine: Machine::default(),
            quick: true,
            notes: Vec::new(),
            cases,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::case;
    use super::*;

    #[test]
    fn a_ratio_to_nothing_survives_the_file() {
        let spread = Spread {
            median: f64::INFINITY,
            low: 1.0,
            high: f64::NAN,
        };
        let json = serde_json::to_string(&spread).expect("write");
        let back: Spread = serde_json::from_str(&json).expect("read");
        assert!(back.median.is_nan() && back.high.is_nan());
        assert_eq!(back.low, 1.0);
    }

    #[test]
    fn bytes_are_told_by_the_message_and_all_else_by_the_element() {
        let mut case = case("throughput", "echo", 0.0, &[("readywire", 50.0)]);
        assert_eq!(case.element(), (10.0, "event"));
        assert!((case.value(&case.contestants[0]) - 5e-9).abs() < 1e-15);
        "byte".clone_into(&mut case.unit);
        assert_eq!(case.element(), (1.0, "message"));
    }

    #[test]
    fn a_size_is_the_first_number_of_a_name() {
        for (name, size) in [
            ("poll, 10,000", Some(10_000.0)),
            ("64 of 1024", Some(64.0)),
            ("plain", None),
        ] {
            let case = case("scale", name, 0.0, &[("readywire", 1.0)]);
            assert_eq!(case.size(), size, "{name}");
        }
    }
}
