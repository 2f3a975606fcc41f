//! An event in a batch, where the system's own structure is not used as it is.

use token_ready::Ready;

use crate::key::Key;

#[derive(Clone, Copy)]
pub(crate) struct RawEvent {
    key: u64,
    readiness: Ready,
}

impl RawEvent {
    pub(crate) fn new(key: Key, readiness: Ready) -> RawEvent {
        RawEvent {
            key: key.to_bits(),
            readiness,
        }
    }

    pub(crate) fn key(&self) -> Key {
        Key::from_bits(self.key)
    }

    pub(crate) fn readiness(&self) -> Ready {
        self.readiness
    }
}
