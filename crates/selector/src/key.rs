//! The identity of a registration, and its properties apart from the token: plain values.

use std::fmt;

use token_ready::{Kinds, PollOpt, Ready};

/// A registration, as the system and the batch of events name it.
///
/// The upper half is the generation, the lower half the index.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    /// What marks the kernel's own wake handle; no slot has this index.
    pub(crate) const WAKE: Key = Key(u32::MAX as u64);

    #[inline]
    pub(crate) fn new(generation: u32, index: Index) -> Key {
        Key(u64::from(generation) << 32 | u64::from(index.0))
    }

    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Key {
        Key(bits)
    }

    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline]
    pub(crate) fn index(self) -> Index {
        Index(self.0 as u32)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key")
            .field(&self.generation())
            .field(&self.index())
            .finish()
    }
}

/// Where a slot stands: a descriptor's own number, a number given out by the table, or that of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Index(pub(crate) u32);

impl Index {
    pub(crate) const GIVEN: u32 = 1 << 31;
    const CELL: u32 = 1 << 31 | 1 << 30;

    /// The slot of a descriptor; none for a negative number.
    #[cfg_attr(windows, expect(dead_code, reason = "descriptors are a Unix thing"))]
    #[inline]
    pub(crate) fn of_descriptor(descriptor: i32) -> Option<Index> {
        u32::try_from(descriptor).ok().map(Index)
    }

    /// The number, of whichever kind it is.
    #[cfg_attr(
        all(unix, not(test)),
        expect(dead_code, reason = "the system keeps the whole key there")
    )]
    pub(crate) fn number(self) -> usize {
        (self.0 & !Index::GIVEN) as usize
    }

    /// Marks an event that belongs to no slot any more: a wake, whose token the batch keeps at the
    /// place that the key has for a generation.
    pub(crate) const WAKE_IN_BATCH: Index = Index(u32::MAX - 1);

    /// The index of a cell.
    pub(crate) fn of_cell(number: u32) -> Index {
        Index(number | Index::CELL)
    }

    /// The number of a cell.
    #[inline]
    pub(crate) fn cell(self) -> Option<u32> {
        (self.0 & Index::CELL == Index::CELL).then_some(self.0 & !Index::CELL)
    }

    /// A number that the table gave out.
    #[inline]
    pub(crate) fn given(self) -> Option<u32> {
        let is_given = self.0 & Index::CELL == Index::GIVEN;
        is_given.then_some(self.0 & !Index::GIVEN)
    }

    /// The number of a descriptor.
    #[inline]
    pub(crate) fn descriptor(self) -> Option<u32> {
        (self.0 & Index::GIVEN == 0).then_some(self.0)
    }
}

/// The properties of a registration, apart from its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) interest: Ready,
    pub(crate) opts: PollOpt,
    /// The source owns its descriptor, so that the registration ends no later than that.
    pub(crate) owned: bool,
}

impl Meta {
    const OWNED: u32 = 1 << 19;

    /// Packs it into the lowest 20 bits.
    #[inline]
    pub(crate) fn to_bits(self) -> u32 {
        const { assert!(Ready::all().bits() < 1 << 7 && PollOpt::all().bits() < 1 << 4) };
        let (interest, opts) = (self.interest & Ready::all(), self.opts & PollOpt::all());
        let owned = if self.owned { Meta::OWNED } else { 0 };
        u32::from(reported(interest).bits())
            | u32::from(interest.bits()) << 8
            | u32::from(opts.bits()) << 15
            | owned
    }

    #[inline]
    pub(crate) fn from_bits(bits: u32) -> Meta {
        Meta {
            interest: Ready::from_bits_truncate((bits >> 8) as u16),
            opts: PollOpt::from_bits_truncate((bits >> 15) as u8),
            owned: bits & Meta::OWNED != 0,
        }
    }

    /// Returns what may be reported, from the stored bits: a mask for the readiness, and a mask for the implied
    /// kinds. The implied kinds are directions, so the interest is that mask.
    #[inline]
    pub(crate) fn mask(bits: u32) -> Kinds {
        Kinds::from_bits(bits as u16)
    }
}

/// Returns what may be reported to a registration with this `interest`.
#[inline]
pub(crate) fn reported(interest: Ready) -> Ready {
    let mut reported = interest | Ready::ERROR | Ready::HUP;
    if interest.is_readable() {
        reported |= Ready::READ_CLOSED;
    }
    if interest.is_writable() {
        reported |= Ready::WRITE_CLOSED;
    }
    reported
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_its_generation_and_its_index() {
        let key = Key::new(5, Index(7));
        assert_eq!((key.generation(), key.index()), (5, Index(7)));
        assert_eq!(Key::from_bits(key.to_bits()), key);
        assert_eq!(format!("{key:?}"), "Key(5, Index(7))");
    }

    #[test]
    fn every_index_is_of_one_kind() {
        // The last three are the numbers of a descriptor, of one that was given out, and of a cell.
        let table = [
            (Index(0), 0, Some(0), None, None),
            (Index(7), 7, Some(7), None, None),
            (Index(7 | Index::GIVEN), 7, None, Some(7), None),
            (Index::of_cell(0), 1 << 30, None, None, Some(0)),
            (Index::of_cell(7), 7 | 1 << 30, None, None, Some(7)),
        ];
        for (index, number, descriptor, given, cell) in table {
            assert_eq!(index.number(), number, "{index:?}");
            let kinds = (index.descriptor(), index.given(), index.cell());
            assert_eq!(kinds, (descriptor, given, cell), "{index:?}");
        }
    }

    #[test]
    fn no_cell_has_the_index_of_a_wake() {
        // Cells are numbered from zero, so that only the last numbers are free.
        for index in [Index::WAKE_IN_BATCH, Key::WAKE.index()] {
            assert!(index.cell().is_some_and(|number| number >= (1 << 30) - 2));
        }
        assert_ne!(Index::WAKE_IN_BATCH, Key::WAKE.index());
    }

    #[test]
    fn a_meta_is_the_same_after_packing() {
        let interests = (0..=Ready::all().bits()).map(Ready::from_bits_truncate);
        for interest in interests {
            for opts in (0..=PollOpt::all().bits()).map(PollOpt::from_bits_truncate) {
                for owned in [false, true] {
                    let meta = Meta {
                        interest,
                        opts,
                        owned,
                    };
                    let bits = meta.to_bits();
                    assert!(bits < 1 << 20, "{meta:?}");
                    assert_eq!(Meta::from_bits(bits), meta);
                    assert_eq!(Meta::mask(bits).readiness(), reported(interest));
                }
            }
        }
    }

    #[test]
    fn errors_and_the_ends_of_what_is_wanted_are_reported_too() {
        let always = Ready::ERROR | Ready::HUP;
        let table = [
            (Ready::empty(), always),
            (
                Ready::READABLE,
                always | Ready::READABLE | Ready::READ_CLOSED,
            ),
            (
                Ready::WRITABLE,
                always | Ready::WRITABLE | Ready::WRITE_CLOSED,
            ),
            (Ready::PRIORITY, always | Ready::PRIORITY),
            (always, always),
        ];
        for (interest, expected) in table {
            assert_eq!(reported(interest), expected, "{interest:?}");
        }
    }
}
