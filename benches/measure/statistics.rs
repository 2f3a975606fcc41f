//! Medians, and how sure they are.

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

/// The value below which a share of all values, from 0 to 1, lies.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((share * last as f64).round() as usize)
        .copied()
        .unwrap_or(f64::NAN)
}
