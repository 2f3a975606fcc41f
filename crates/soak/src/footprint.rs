//! What the process holds: descriptors and memory.

use std::fmt;

use anyhow::{Result, ensure};
use indicatif::HumanBytes;

/// The descriptors that are open.
pub(crate) struct Footprint {
    descriptors: Vec<i32>,
}

impl Footprint {
    pub(crate) fn take() -> Footprint {
        Footprint {
            descriptors: descriptors(),
        }
    }

    /// Fails unless `later` holds the same.
    pub(crate) fn compare(&self, later: &Footprint) -> Result<()> {
        ensure!(
            self.descriptors == later.descriptors,
            "descriptors at the start {:?}, at the end {:?}",
            self.descriptors,
            later.descriptors
        );
        Ok(())
    }
}

#[cfg(unix)]
fn descriptors() -> Vec<i32> {
    testkit::descriptors()
}

/// No list of handles can be had.
#[cfg(not(unix))]
fn descriptors() -> Vec<i32> {
    Vec::new()
}

/// How much memory was resident, second by second, where the system tells.
#[derive(Default)]
pub(crate) struct Memory(Vec<u64>);

impl Memory {
    /// Part of all samples that is warm-up.
    const WARM_UP: usize = 4;
    /// A run of fewer samples is all warm-up.
    const FEWEST: usize = 16;
    /// What the allocator may keep on top of the most that was in use after the warm-up.
    const SPARE: u64 = 8 << 20;

    pub(crate) fn sample(&mut self) {
        self.0.extend(resident());
    }

    /// Returns whether the last sample is above those of the end of the warm-up.
    pub(crate) fn has_grown(&self) -> bool {
        match (self.warm(), self.0.last()) {
            (Some(warm), Some(last)) if self.0.len() >= Memory::FEWEST => {
                *last > warm + warm / 4 + Memory::SPARE
            }
            _ => false,
        }
    }

    /// The most that was resident during the warm-up.
    fn warm(&self) -> Option<u64> {
        let samples = self.0.len().div_ceil(Memory::WARM_UP);
        self.0[..samples].iter().max().copied()
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.warm(), self.0.last()) {
            (Some(warm), Some(last)) => {
                write!(
                    f,
                    "{} after the warm-up, {} at the end",
                    HumanBytes(warm),
                    HumanBytes(*last)
                )
            }
            _ => write!(f, "unknown"),
        }
    }
}

/// The resident memory of this process in bytes. `None` where the system has no `/proc`, or while
/// no descriptor is left to read it with.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_may_grow_only_while_it_warms_up() {
        // Two seconds each.
        let memory =
            |mebibytes: &[u64]| Memory(mebibytes.iter().flat_map(|n| [n << 20; 2]).collect());
        assert!(!memory(&[]).has_grown());
        assert!(!memory(&[1, 80, 81, 82, 82, 83, 84, 90]).has_grown());
        assert!(memory(&[1, 80, 90, 100, 110, 120, 130, 140]).has_grown());
        assert!(!memory(&[1, 40, 80]).has_grown(), "all of it is warm-up");
    }
}
