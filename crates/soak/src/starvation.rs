//! Running out of descriptors (`EMFILE`), for the whole process.

use std::io;

#[cfg(unix)]
pub(crate) use unix::{limit_descriptors, starve};

/// Returns whether the process has no descriptor left.
pub(crate) fn is_starved(error: &io::Error) -> bool {
    // `EMFILE` has this number on every Unix; Windows has no limit that is small enough to reach.
    cfg!(unix) && error.raw_os_error() == Some(24)
}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::sync::Mutex;

    use super::is_starved;

    /// Enough for all drivers, and few enough to open them all often.
    const SPARE: usize = 800;

    pub(crate) fn limit_descriptors() {
        testkit::limit_descriptors(SPARE);
    }

    /// Runs `attempt` while no descriptor is left, unless another thread is about to do the same.
    pub(crate) fn starve(attempt: impl FnOnce()) {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let Ok(_alone) = ONE_AT_A_TIME.try_lock() else {
            return;
        };
        let mut hoard = Vec::with_capacity(SPARE);
        let error = loop {
            match File::open("/dev/null") {
                Ok(file) => hoard.push(file),
                Err(error) => break error,
            }
        };
        assert!(is_starved(&error), "open /dev/null: {error}");
        attempt();
    }
}

#[cfg(not(unix))]
pub(crate) fn limit_descriptors() {}

#[cfg(not(unix))]
pub(crate) fn starve(attempt: impl FnOnce()) {
    attempt();
}
