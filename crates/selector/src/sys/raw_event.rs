//! An event in a batch, where the system's own structure is not used as it is.

use token_ready::{Kinds, Ready};

use crate::key::Key;

#[derive(Clone, Copy)]
pub(crate) struct RawEvent {
    key: u64,
    kinds: Kinds,
}

impl RawEvent {
    /// An event of which `implied` was not reported by the system itself.
    pub(crate) fn new(key: Key, readiness: Ready, implied: Ready) -> RawEvent {
        RawEvent {
            key: key.to_bits(),
            kinds: Kinds::new(readiness, implied),
        }
    }

    pub(crate) fn key(&self) -> Key {
        Key::from_bits(self.key)
    }

    pub(crate) fn kinds(&self) -> Kinds {
        self.kinds
    }
}
