//! What a `Poll` shares with its batches of events and with those who set readiness by hand.
//!
//! It may outlive the `Poll`: nothing of the operating system lives here.

use crate::queue::{Queue, Sleep};
use crate::stats::Counters;
use crate::table::Table;

/// In this order, so that what every poll touches lies together.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) sleep: Sleep,
    pub(crate) table: Table,
    pub(crate) counters: Counters,
}
