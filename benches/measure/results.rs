//! What was measured, as it is written to a file.

use serde::Serialize;

/// All cases of a run.
#[derive(Serialize)]
pub(crate) struct Results {
    pub(crate) cases: Vec<CaseResult>,
}

#[derive(Serialize)]
pub(crate) struct CaseResult {
    pub(crate) group: &'static str,
    pub(crate) name: String,
    /// How many of `unit` one time comes to.
    pub(crate) elements: u64,
    pub(crate) unit: &'static str,
    pub(crate) kind: Kind,
    pub(crate) contestants: Vec<ContestantResult>,
}

/// What the values of a case are.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Seconds of one time.
    Time,
    /// Seconds, as the work itself tells them.
    Sample,
    /// A number of the case's unit.
    Figure,
}

#[derive(Serialize)]
pub(crate) struct ContestantResult {
    pub(crate) name: &'static str,
    /// The value of one time.
    pub(crate) value: Spread,
    /// The ratio to the case's first contestant.
    pub(crate) to_first: Option<Spread>,
    /// The ratio to `readywire` in the same rounds: below one, this contestant is ahead.
    pub(crate) to_readywire: Option<Spread>,
    /// Of samples: values in seconds at some percentiles.
    pub(crate) percentiles: Vec<(f64, f64)>,
}

/// A median, and between which values it lies with 95 % confidence.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}
