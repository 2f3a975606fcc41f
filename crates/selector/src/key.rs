//! What names a registration, and what is known of it beside its token: plain values.

use token_ready::{PollOpt, Ready};

/// A registration, as the system and the batch of events name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) generation: u32,
    pub(crate) index: Index,
}

impl Key {
    /// What marks the kernel's own wake handle; no slot has this index.
    pub(crate) const WAKE: Key = Key {
        generation: 0,
        index: Index(u32::MAX),
    };

    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Key {
        Key {
            generation: (bits >> 32) as u32,
            index: Index(bits as u32),
        }
    }

    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index.0)
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
        unix,
        expect(dead_code, reason = "the system keeps the whole key there")
    )]
    pub(crate) fn number(self) -> usize {
        (self.0 & !Index::GIVEN) as usize
    }

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

/// What is known of a registration beside its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) interest: Ready,
    pub(crate) opts: PollOpt,
    /// The source owns its descriptor, so that the registration ends no later than that.
    pub(crate) owned: bool,
}

impl Meta {
    const OWNED: u32 = 1 << 24;

    #[inline]
    pub(crate) fn to_bits(self) -> u32 {
        let owned = if self.owned { Meta::OWNED } else { 0 };
        u32::from(self.interest.bits())
            | u32::from(self.opts.bits()) << 8
            | u32::from(reported(self.interest).bits()) << 16
            | owned
    }

    #[inline]
    pub(crate) fn from_bits(bits: u32) -> Meta {
        Meta {
            interest: Ready::from_bits_truncate(bits as u8),
            opts: PollOpt::from_bits_truncate((bits >> 8) as u8),
            owned: bits & Meta::OWNED != 0,
        }
    }

    /// What may be reported, of the bits as they are.
    #[inline]
    pub(crate) fn reported_bits(bits: u32) -> Ready {
        Ready::from_bits_retain((bits >> 16) as u8)
    }
}

/// What may be reported to who is interested in `interest`.
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
