//! The registration table: which registration an event from the system belongs to.
//!
//! The system keeps 64 bits with each source: a [`Key`], a slot's index together with the
//! generation the slot had. A slot's generation moves on with every registration, reregistration
//! and deregistration, so that a key out of the past is told from today's by one comparison and no
//! token value needs to be reserved. Reading takes no lock; changes to a slot are made under the
//! lock of its shard. The table knows nothing of systems calls.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard};

use token_ready::{Ready, Token};

use crate::blocks::{Blocks, Numbers};
use crate::cells::Cells;
use crate::key::{Index, Key, Meta};

/// A slot: 16 bytes a registration on a 64-bit system.
#[derive(Default)]
struct Slot {
    /// Odd while a registration stands.
    generation: AtomicU32,
    meta: AtomicU32,
    token: AtomicUsize,
}

/// As many slots as a page of memory holds.
type Block = [Slot; BLOCK as usize];

const BLOCK: u32 = 256;

fn make_block() -> Box<Block> {
    Box::new(std::array::from_fn(|_| Slot::default()))
}

/// The slots of blocks, with their indices.
fn slots<'a>(
    blocks: impl Iterator<Item = (u32, &'a Box<Block>)>,
) -> impl Iterator<Item = (u32, &'a Slot)> {
    blocks.flat_map(|(number, block)| (number * BLOCK..).zip(block.iter()))
}

/// All registrations of one `Poll`.
#[derive(Default)]
pub(crate) struct Table {
    /// The first 65,536 are near.
    descriptors: Blocks<Box<Block>, 256>,
    /// The sources that are known by a number which the table gave out.
    given: Blocks<Box<Block>, 16>,
    /// The sources that are set by hand.
    pub(crate) cells: Cells,
    numbers: Mutex<Numbers>,
    shards: [Mutex<()>; 16],
}

impl Table {
    /// Finds what a key stands for: the token, and the readiness that may be reported; nothing if
    /// the registration is not the one the key was made for.
    #[inline]
    pub(crate) fn resolve(&self, key: Key) -> Option<(Token, Ready)> {
        // Only the numbers of descriptors are that small.
        match self.descriptors.near(key.index.0 / BLOCK) {
            Some(block) => resolve(&block.get()?[(key.index.0 % BLOCK) as usize], key),
            None => match key.index.cell() {
                // What is to be reported of a cell was told apart as it was taken out of the queue.
                Some(number) => {
                    let token = self.cells.resolve(number, key.generation)?;
                    Some((token, Ready::all()))
                }
                None => self.resolve_far(key),
            },
        }
    }

    /// Does as [`resolve`](Table::resolve) for what is neither a near descriptor nor a cell.
    #[inline(never)]
    fn resolve_far(&self, key: Key) -> Option<(Token, Ready)> {
        resolve(self.slot(key.index)?, key)
    }

    /// Tells whether the registration that a key was made for still stands.
    #[inline]
    pub(crate) fn is_live(&self, key: Key) -> bool {
        self.resolve(key).is_some()
    }

    /// Tells whether there is room for `index` already.
    pub(crate) fn has_slot(&self, index: Index) -> bool {
        self.slot(index).is_some()
    }

    fn slot(&self, index: Index) -> Option<&Slot> {
        let (number, block) = match index.descriptor() {
            Some(descriptor) => (descriptor, self.descriptors.get(descriptor / BLOCK)?),
            None => {
                let number = index.given()?;
                (number, self.given.get(number / BLOCK)?)
            }
        };
        Some(&block[(number % BLOCK) as usize])
    }

    #[inline]
    fn slot_or_make(&self, index: Index) -> &Slot {
        let (number, block) = match index.descriptor() {
            Some(descriptor) => {
                let block = self.descriptors.get_or_make(descriptor / BLOCK, make_block);
                (descriptor, block)
            }
            None => {
                let number = index.0 & !Index::GIVEN;
                (number, self.given.get_or_make(number / BLOCK, make_block))
            }
        };
        &block[(number % BLOCK) as usize]
    }

    /// Locks a slot for a change.
    #[inline]
    pub(crate) fn lock(&self, index: Index) -> Entry<'_> {
        let shard = &self.shards[index.0 as usize % self.shards.len()];
        Entry {
            slot: self.slot_or_make(index),
            index,
            _shard: shard.lock().unwrap_or_else(|e| e.into_inner()),
        }
    }

    /// Gives out an index for a source whose own number is no use as one.
    #[cfg_attr(unix, expect(dead_code, reason = "descriptors are small numbers"))]
    pub(crate) fn give(&self) -> Index {
        let mut numbers = self.numbers.lock().unwrap_or_else(|e| e.into_inner());
        Index(numbers.give() | Index::GIVEN)
    }

    /// Takes back what [`give`](Table::give) gave out, its registration having been retired; a
    /// descriptor's index is nobody's to give out.
    #[inline]
    pub(crate) fn take_back(&self, index: Index) {
        let Some(number) = index.given() else { return };
        let mut numbers = self.numbers.lock().unwrap_or_else(|e| e.into_inner());
        numbers.take_back(number);
    }

    /// Lists what is registered at the moment; `Err` holds the number of a source without a
    /// descriptor.
    pub(crate) fn list(&self) -> impl Iterator<Item = Registered> {
        let descriptors = slots(self.descriptors.iter()).map(|(at, slot)| (Ok(at), slot));
        let given = slots(self.given.iter()).map(|(at, slot)| (Err(at), slot));
        let slots = descriptors.chain(given).filter_map(|(source, slot)| {
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
        });
        let cells = self.cells.list().map(|(number, token, meta)| Registered {
            source: Err(number),
            token,
            meta,
        });
        slots.chain(cells)
    }
}

/// Finds what a key stands for in its slot.
#[inline]
fn resolve(slot: &Slot, key: Key) -> Option<(Token, Ready)> {
    let token = slot.token.load(Ordering::Acquire);
    let meta = slot.meta.load(Ordering::Acquire);
    // Whoever has the key has seen its generation published, with this token or a later one.
    // A later one is written behind a change of the generation, which would be seen here.
    if slot.generation.load(Ordering::Relaxed) != key.generation {
        return None;
    }
    Some((Token(token), Meta::reported_bits(meta)))
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
    _shard: MutexGuard<'a, ()>,
}

impl Entry<'_> {
    /// The registration that stands here, if one does.
    #[inline]
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
    #[inline]
    pub(crate) fn next_key(&self) -> Key {
        let generation = self.slot.generation.load(Ordering::Relaxed);
        self.key((generation | 1).wrapping_add(if generation % 2 == 1 { 2 } else { 0 }))
    }

    /// Lets a new registration stand here, in place of the one that did.
    #[inline]
    pub(crate) fn publish(&self, token: Token, meta: Meta) -> Key {
        let key = self.next_key();
        self.write(key.generation, token, meta);
        key
    }

    /// Ends the registration that stands here.
    #[inline]
    pub(crate) fn retire(&self) {
        let generation = self.slot.generation.load(Ordering::Relaxed);
        if generation % 2 == 1 {
            let next = generation.wrapping_add(1);
            self.slot.generation.store(next, Ordering::Release);
        }
    }

    #[inline]
    fn write(&self, generation: u32, token: Token, meta: Meta) {
        // An even generation first, so that no reader takes the new values for the old ones'.
        let before = self.slot.generation.load(Ordering::Relaxed);
        let between = (before | 1).wrapping_add(1);
        self.slot.generation.store(between, Ordering::Relaxed);
        fence(Ordering::Release);
        self.slot.meta.store(meta.to_bits(), Ordering::Relaxed);
        self.slot.token.store(token.0, Ordering::Relaxed);
        self.slot.generation.store(generation, Ordering::Release);
    }

    #[inline]
    fn key(&self, generation: u32) -> Key {
        Key {
            generation,
            index: self.index,
        }
    }
}

#[cfg(test)]
mod tests {
    use token_ready::PollOpt;

    use super::*;
    use crate::key::reported;

    const META: Meta = Meta {
        interest: Ready::READABLE,
        opts: PollOpt::EDGE,
        owned: true,
    };

    #[test]
    fn every_index_has_a_slot_of_its_own() {
        let near = 1 << 16;
        let numbers = [0, 1, BLOCK - 1, BLOCK, near - 1, near, 1 << 20];
        let table = Table::default();
        let indices = numbers.map(|number| [Index(number), Index(number | Index::GIVEN)]);
        let keys: Vec<(Key, Token)> = (0..)
            .map(Token)
            .zip(indices.as_flattened())
            .map(|(token, &index)| (table.lock(index).publish(token, META), token))
            .collect();
        for (key, token) in &keys {
            let found = table.resolve(*key);
            assert_eq!(found, Some((*token, reported(META.interest))), "{key:?}");
        }
        assert_eq!(table.list().count(), keys.len());

        table.lock(keys[0].0.index).retire();
        assert!(table.resolve(keys[0].0).is_none());
        assert!(keys[1..].iter().all(|(key, _)| table.is_live(*key)));
        assert_eq!(table.list().count(), keys.len() - 1);
    }

    #[test]
    fn what_was_never_registered_has_no_slot() {
        let table = Table::default();
        for number in [0, 1 << 16, (1 << 30) - 1] {
            for index in [Index(number), Index(number | Index::GIVEN)] {
                assert!(!table.has_slot(index), "{index:?}");
            }
        }
        assert!(!table.is_live(Key::WAKE));
    }

    #[test]
    fn a_key_ends_with_its_generation() {
        let table = Table::default();
        let index = Index(7);
        let first = table.lock(index).publish(Token(1), META);
        let second = table.lock(index).publish(Token(2), META);
        assert!(!table.is_live(first));
        assert_eq!(
            table.resolve(second).map(|(token, _)| token),
            Some(Token(2))
        );
        table.lock(index).retire();
        assert!(!table.is_live(second));
        let third = table.lock(index).publish(Token(3), META);
        assert!(!table.is_live(first) && !table.is_live(second) && table.is_live(third));
    }
}
