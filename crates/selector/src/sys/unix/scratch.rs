//! What a poller keeps from wait to wait, where the system's own backend needs nothing.

use super::poll::Copied;

#[derive(Default)]
pub(crate) struct Scratch {
    pub(super) poll: Copied,
}
