//! Medians, and how sure they are; how samples are spread.

use hdrhistogram::Histogram;

use crate::results::Spread;

/// The median of some values, with its confidence interval of 95 % by their order alone, whatever
/// their distribution.
pub(crate) fn spread(mut values: Vec<f64>) -> Option<Spread> {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    let last = count.checked_sub(1)?;
    // How many of the values lie below the true median is binomial, and for more than a few close to
    // normal.
    let half_width = (1.96 * (count as f64).sqrt() / 2.0).ceil() as usize;
    Some(Spread {
        median: values[count / 2],
        low: values[(count / 2).saturating_sub(half_width)],
        high: values[(count / 2 + half_width).min(last)],
    })
}

/// All samples of one contestant, in seconds.
pub(crate) struct Samples {
    /// In nanoseconds, good to a thousandth.
    histogram: Histogram<u64>,
}

impl Samples {
    pub(crate) fn new() -> Samples {
        Samples {
            histogram: Histogram::new(3).expect("a valid precision"),
        }
    }

    /// Takes a sample in; what is below zero, being early, counts as zero.
    pub(crate) fn record(&mut self, seconds: f64) {
        // The cast rounds what is below zero up to it.
        let recorded = self.histogram.record((seconds * 1e9) as u64);
        recorded.expect("the histogram grows with its values");
    }

    /// Some shares of all samples, and what those do not exceed; nothing without samples.
    pub(crate) fn percentiles(&self) -> Vec<(f64, f64)> {
        const SHARES: [f64; 5] = [0.0, 0.5, 0.9, 0.99, 1.0];

        if self.histogram.is_empty() {
            return Vec::new();
        }
        let at = |share| self.histogram.value_at_quantile(share) as f64 / 1e9;
        SHARES.map(|share| (share, at(share))).to_vec()
    }
}
