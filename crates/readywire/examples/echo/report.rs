//! What a person sees: a bar while it runs, a summary when it is done.

use std::fmt;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::client::Outcome;

/// How far the program is, on stderr; nothing is shown where that is not a terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// For clients that exchange so many bytes.
    pub(crate) fn of(bytes: u64) -> Progress {
        Progress::new(
            ProgressBar::new(bytes),
            "{bar:40} {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left",
        )
    }

    /// For a server, which does not know when it is done.
    pub(crate) fn serving() -> Progress {
        Progress::new(ProgressBar::no_length(), "{spinner} {msg}, {elapsed}")
    }

    /// For a side that is not to be seen.
    pub(crate) fn none() -> Progress {
        Progress(ProgressBar::with_draw_target(
            None,
            ProgressDrawTarget::hidden(),
        ))
    }

    fn new(bar: ProgressBar, template: &str) -> Progress {
        let style = ProgressStyle::with_template(template).expect("the template is well-formed");
        Progress(bar.with_style(style))
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.0.inc(bytes as u64);
    }

    pub(crate) fn served(&self, open: usize, bytes: u64) {
        if !self.0.is_hidden() {
            self.0.set_message(format!(
                "{open} connections, {} sent back",
                HumanBytes(bytes)
            ));
            self.0.tick();
        }
    }
}

impl Drop for Progress {
    /// Clears the line for the summary, or for an error.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        // A rate for people: the fraction of a byte does not matter.
        let rate = (self.bytes as f64 / seconds) as u64;
        writeln!(
            f,
            "connections  {}, all closed in order",
            HumanCount(self.connections as u64)
        )?;
        writeln!(
            f,
            "bytes        {}, all came back right",
            HumanBytes(self.bytes)
        )?;
        writeln!(
            f,
            "messages     {} of {}",
            HumanCount(self.round_trips.len()),
            HumanBytes(self.message)
        )?;
        writeln!(
            f,
            "throughput   {}/s each way, in {:.2?}",
            HumanBytes(rate),
            self.elapsed
        )?;
        writeln!(
            f,
            "round trip   p50 {:.1?}, p99 {:.1?}, longest {:.1?}",
            self.quantile(0.50),
            self.quantile(0.99),
            Duration::from_nanos(self.round_trips.max()),
        )?;
        write!(
            f,
            "clients      backend {}, {} polls, {} events",
            self.backend,
            HumanCount(self.stats.polls as u64),
            HumanCount(self.stats.events as u64),
        )
    }
}

impl Outcome {
    fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.round_trips.value_at_quantile(quantile))
    }
}
