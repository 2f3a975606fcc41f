//! Readiness as a batch has it: with what of it is only implied.

use crate::Ready;

/// Readiness, with what of it is there only because an error or a hang-up implies it.
///
/// It is how a backend and an [`Event`](crate::Event) keep both in one word, so that a poll that does not ask
/// pays nothing for the difference. It is no part of the public API.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kinds(u16);

impl Kinds {
    const IMPLIED: u32 = 8;

    /// Packs both; what is not in `readiness` is not implied either.
    #[inline]
    pub const fn new(readiness: Ready, implied: Ready) -> Kinds {
        const { assert!(Ready::all().bits() < 1 << Kinds::IMPLIED) };
        let known = readiness.intersection(Ready::all());
        Kinds(known.bits() | implied.intersection(known).bits() << Kinds::IMPLIED)
    }

    #[inline]
    pub const fn from_bits(bits: u16) -> Kinds {
        Kinds(bits)
    }

    #[inline]
    pub const fn bits(self) -> u16 {
        self.0
    }

    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Keeps what `mask` has in the same place.
    #[inline]
    pub const fn masked(self, mask: Kinds) -> Kinds {
        Kinds(self.0 & mask.0)
    }

    #[inline]
    pub const fn readiness(self) -> Ready {
        Ready::from_bits_retain(self.0 & Ready::all().bits())
    }

    /// What the operating system reported itself.
    #[inline]
    pub const fn reported(self) -> Ready {
        self.readiness()
            .difference(Ready::from_bits_retain(self.0 >> Kinds::IMPLIED))
    }
}
