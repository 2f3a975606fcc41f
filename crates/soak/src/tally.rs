//! Counters, and how they are shown while the program runs.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::arena::Kind;

/// A counter that many threads raise.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn get(&self) -> HumanCount {
        HumanCount(self.0.load(Ordering::Relaxed))
    }
}

/// What has been done to one backend.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) rounds: Counter,
    pub(crate) events: Counter,
    pub(crate) bytes: Counter,
    pub(crate) connections: Counter,
    pub(crate) registrations: Counter,
    pub(crate) wakes: Counter,
    pub(crate) clones: Counter,
    pub(crate) faults: Counter,
    /// Calls that failed because no descriptor was left.
    pub(crate) starved: Counter,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rounds, {} events, {}, {} connections, {} registrations, {} wakes, {} clones, {} faults, {} EMFILE",
            self.rounds.get(),
            self.events.get(),
            HumanBytes(self.bytes.0.load(Ordering::Relaxed)),
            self.connections.get(),
            self.registrations.get(),
            self.wakes.get(),
            self.clones.get(),
            self.faults.get(),
            self.starved.get(),
        )
    }
}

/// Shows all counters: in place on a terminal, elsewhere a line at a time.
pub(crate) struct Board {
    bar: ProgressBar,
    tallies: Mutex<Vec<(Kind, Arc<Tally>)>>,
}

impl Board {
    pub(crate) fn new() -> Board {
        let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
        let bar = ProgressBar::no_length().with_style(style.expect("a valid template"));
        Board {
            bar,
            tallies: Mutex::default(),
        }
    }

    pub(crate) fn add(&self, kind: Kind) -> Arc<Tally> {
        let tally = Arc::<Tally>::default();
        let mut tallies = self.tallies.lock().expect("no panic");
        tallies.push((kind, Arc::clone(&tally)));
        tally
    }

    pub(crate) fn show(&self) {
        let lines = self.lines();
        if self.bar.is_hidden() {
            let seconds = self.bar.elapsed().as_secs();
            for line in lines {
                println!("{seconds:>4} s {line}");
            }
        } else {
            self.bar.set_message(lines.join("\n"));
            self.bar.tick();
        }
    }

    /// Shows the counters for the last time.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
        for line in self.lines() {
            println!("{line}");
        }
    }

    fn lines(&self) -> Vec<String> {
        let tallies = self.tallies.lock().expect("no panic");
        let line = |(kind, tally): &(Kind, Arc<Tally>)| format!("{kind}: {tally}");
        tallies.iter().map(line).collect()
    }
}
