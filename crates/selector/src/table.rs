//! The registration table: which registration an event from the system belongs to.
//!
//! The system keeps 64 bits with each source: a [`Key`], a slot's index together with the
//! generation the slot had. A slot's generation moves on with every registration, reregistration
//! and deregistration, so that a key out of the past is told from today's by one comparison and no
//! token value needs to be reserved. Reading takes no lock; changes to a slot are made under the
//! lock of its shard. The table knows nothing of systems calls.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, OnceLock};

use token_ready::{PollOpt, Ready, Token};

use crate::stats::Counters;

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

/// Where a slot stands: a descriptor's own number, or a number given out by the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Index(u32);

impl Index {
    const GIVEN: u32 = 1 << 31;

    /// The slot of a descriptor; none for a negative number.
    #[cfg_attr(windows, expect(dead_code, reason = "descriptors are a Unix thing"))]
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

    fn descriptor(self) -> Option<u32> {
        (self.0 & Index::GIVEN == 0).then_some(self.0)
    }
}

/// A slot: 16 bytes a registration on a 64-bit system.
#[derive(Default)]
struct Slot {
    /// Odd while a registration stands.
    generation: AtomicU32,
    meta: AtomicU32,
    token: AtomicUsize,
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

    fn to_bits(self) -> u32 {
        let owned = if self.owned { Meta::OWNED } else { 0 };
        u32::from(self.interest.bits())
            | u32::from(self.opts.bits()) << 8
            | u32::from(reported(self.interest).bits()) << 16
            | owned
    }

    fn from_bits(bits: u32) -> Meta {
        Meta {
            interest: Ready::from_bits_truncate(bits as u8),
            opts: PollOpt::from_bits_truncate((bits >> 8) as u8),
            owned: bits & Meta::OWNED != 0,
        }
    }

    fn reported_bits(bits: u32) -> Ready {
        Ready::from_bits_retain((bits >> 16) as u8)
    }
}

/// What may be reported to who is interested in `interest`.
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

/// Slots by index, in blocks that double, so that none ever moves.
#[derive(Default)]
struct Slots {
    blocks: [OnceLock<Box<[Slot]>>; Slots::BLOCKS],
}

impl Slots {
    const FIRST: u32 = 64;
    const BLOCKS: usize = (31 - Slots::FIRST.ilog2() + 1) as usize;

    #[inline]
    fn place(index: u32) -> (usize, usize) {
        let shifted = index + Slots::FIRST;
        let block = shifted.ilog2();
        (
            (block - Slots::FIRST.ilog2()) as usize,
            (shifted - (1 << block)) as usize,
        )
    }

    #[inline]
    fn get(&self, index: u32) -> Option<&Slot> {
        let (block, offset) = Slots::place(index);
        self.blocks.get(block)?.get()?.get(offset)
    }

    fn get_or_make(&self, index: u32) -> &Slot {
        let (block, offset) = Slots::place(index);
        let slots = self.blocks[block].get_or_init(|| {
            let len = (Slots::FIRST as usize) << block;
            (0..len).map(|_| Slot::default()).collect()
        });
        &slots[offset]
    }

    fn iter(&self) -> impl Iterator<Item = (u32, &Slot)> {
        // A block may be there without the ones before it.
        let blocks = (0..).zip(&self.blocks);
        blocks.flat_map(|(block, slots)| {
            let first = (Slots::FIRST << block) - Slots::FIRST;
            (first..).zip(slots.get().into_iter().flatten())
        })
    }
}

/// Numbers for registrations that have no descriptor.
#[derive(Default)]
struct Numbers {
    next: u32,
    free: Vec<u32>,
}

/// All registrations of one `Poll`.
#[derive(Default)]
pub(crate) struct Table {
    descriptors: Slots,
    given: Slots,
    numbers: Mutex<Numbers>,
    shards: [Mutex<()>; 16],
    /// How often a registration was ended or replaced: while it stays the same, what was found
    /// live stays so.
    ends: AtomicUsize,
    pub(crate) counters: Counters,
}

impl Table {
    /// Finds what a key stands for: the token, and the readiness that may be reported; nothing if
    /// the registration is not the one the key was made for.
    #[inline]
    pub(crate) fn resolve(&self, key: Key) -> Option<(Token, Ready)> {
        let slot = self.slot(key.index)?;
        // The second look makes sure that token and meta are of the generation the first one saw.
        if slot.generation.load(Ordering::Acquire) != key.generation {
            return None;
        }
        let meta = slot.meta.load(Ordering::Relaxed);
        let token = slot.token.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if slot.generation.load(Ordering::Relaxed) != key.generation {
            return None;
        }
        Some((Token(token), Meta::reported_bits(meta)))
    }

    /// Tells whether the registration that a key was made for still stands.
    #[inline]
    pub(crate) fn is_live(&self, key: Key) -> bool {
        self.slot(key.index)
            .is_some_and(|slot| slot.generation.load(Ordering::Acquire) == key.generation)
    }

    /// Returns how often a registration was ended or replaced so far.
    #[inline]
    pub(crate) fn ends(&self) -> usize {
        self.ends.load(Ordering::Acquire)
    }

    /// Tells whether there is room for `index` already.
    pub(crate) fn has_slot(&self, index: Index) -> bool {
        self.slot(index).is_some()
    }

    #[inline]
    fn slot(&self, index: Index) -> Option<&Slot> {
        match index.descriptor() {
            Some(descriptor) => self.descriptors.get(descriptor),
            None => self.given.get(index.0 & !Index::GIVEN),
        }
    }

    /// Locks a slot for a change.
    pub(crate) fn lock(&self, index: Index) -> Entry<'_> {
        let number = index.0 & !Index::GIVEN;
        let slots = match index.descriptor() {
            Some(_) => &self.descriptors,
            None => &self.given,
        };
        let shard = &self.shards[number as usize % self.shards.len()];
        Entry {
            slot: slots.get_or_make(number),
            index,
            ends: &self.ends,
            _shard: shard.lock().unwrap_or_else(|e| e.into_inner()),
        }
    }

    /// Gives out an index for a registration without a descriptor.
    pub(crate) fn give(&self) -> Index {
        let mut numbers = self.numbers.lock().unwrap_or_else(|e| e.into_inner());
        let number = numbers.free.pop().unwrap_or_else(|| {
            numbers.next += 1;
            numbers.next - 1
        });
        Index(number | Index::GIVEN)
    }

    /// Takes back what [`give`](Table::give) gave out, its registration having been retired; a
    /// descriptor's index is nobody's to give out.
    pub(crate) fn take_back(&self, index: Index) {
        if index.descriptor().is_some() {
            return;
        }
        let mut numbers = self.numbers.lock().unwrap_or_else(|e| e.into_inner());
        numbers.free.push(index.0 & !Index::GIVEN);
    }

    /// Lists what is registered at the moment; `Err` holds the number of a source without a
    /// descriptor.
    pub(crate) fn list(&self) -> impl Iterator<Item = Registered> {
        let descriptors = self.descriptors.iter().map(|(at, slot)| (Ok(at), slot));
        let given = self.given.iter().map(|(at, slot)| (Err(at), slot));
        descriptors.chain(given).filter_map(|(source, slot)| {
            let generation = slot.generation.load(Ordering::Acquire);
            let meta = Meta::from_bits(slot.meta.load(Ordering::Relaxed));
            let token = Token(slot.token.load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            let same = slot.generation.load(Ordering::Relaxed) == generation;
            (same && generation % 2 == 1).then_some(Registered {
                source,
                token,
                meta,
            })
        })
    }
}

/// One line of the list of registrations.
pub(crate) struct Registered {
    source: Result<u32, u32>,
    token: Token,
    meta: Meta,
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Registration");
        match self.source {
            Ok(descriptor) => debug.field("descriptor", &descriptor),
            Err(number) => debug.field("number", &number),
        };
        debug
            .field("token", &self.token)
            .field("interest", &self.meta.interest)
            .field("opts", &self.meta.opts)
            .finish()
    }
}

/// A slot, locked for a change.
pub(crate) struct Entry<'a> {
    slot: &'a Slot,
    pub(crate) index: Index,
    ends: &'a AtomicUsize,
    _shard: MutexGuard<'a, ()>,
}

impl Entry<'_> {
    /// The registration that stands here, if one does.
    pub(crate) fn current(&self) -> Option<(Key, Token, Meta)> {
        let generation = self.slot.generation.load(Ordering::Relaxed);
        (generation % 2 == 1).then(|| {
            (
                self.key(generation),
                Token(self.slot.token.load(Ordering::Relaxed)),
                Meta::from_bits(self.slot.meta.load(Ordering::Relaxed)),
            )
        })
    }

    /// Returns the key that the next [`publish`](Entry::publish) will give.
    pub(crate) fn next_key(&self) -> Key {
        let generation = self.slot.generation.load(Ordering::Relaxed);
        self.key((generation | 1).wrapping_add(if generation % 2 == 1 { 2 } else { 0 }))
    }

    /// Lets a new registration stand here, in place of the one that did.
    pub(crate) fn publish(&self, token: Token, meta: Meta) -> Key {
        let key = self.next_key();
        self.write(key.generation, token, meta);
        key
    }

    /// Ends the registration that stands here.
    pub(crate) fn retire(&self) {
        let generation = self.slot.generation.load(Ordering::Relaxed);
        if generation % 2 == 1 {
            let next = generation.wrapping_add(1);
            self.slot.generation.store(next, Ordering::Release);
            self.ends.fetch_add(1, Ordering::Release);
        }
    }

    fn write(&self, generation: u32, token: Token, meta: Meta) {
        // An even generation first, so that no reader takes the new values for the old ones'.
        let before = self.slot.generation.load(Ordering::Relaxed);
        let between = (before | 1).wrapping_add(1);
        self.slot.generation.store(between, Ordering::Relaxed);
        fence(Ordering::Release);
        self.slot.meta.store(meta.to_bits(), Ordering::Relaxed);
        self.slot.token.store(token.0, Ordering::Relaxed);
        self.slot.generation.store(generation, Ordering::Release);
        if before % 2 == 1 {
            self.ends.fetch_add(1, Ordering::Release);
        }
    }

    fn key(&self, generation: u32) -> Key {
        Key {
            generation,
            index: self.index,
        }
    }
}
