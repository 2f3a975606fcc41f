//! What a `Poll` shares with its batches of events and with those who set readiness by hand.
//!
//! It may outlive the `Poll`: nothing of the operating system lives here.

use crate::queue::{Queue, Sleep};
use crate::stats::Counters;
use crate::table::Table;

#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) table: Table,
    pub(crate) queue: Queue,
    pub(crate) sleep: Sleep,
    pub(crate) counters: Counters,
}
