//! The registration table: which registration an event from the system belongs to.
//!
//! The system keeps 64 bits with each source: a [`Key`], a slot's index together with the
//! generation of the slot. A registration has one generation from `register` to `deregister`: a key of
//! an earlier registration differs from the present one, and no token value needs to be reserved.
//! Reading takes no lock; changes to a slot are made under the lock of its shard. No system calls
//! live here.
//!
//! A generation comes again after 2^31 registrations of one descriptor. A batch that was held unread
//! all that time, several minutes of nothing else, could then hand out an event of the first
//! registration as a spurious event of the last, under its token and within its interest.

use std::fmt;

use token_ready::{Kinds, Token};

use crate::blocks::{Blocks, Numbers, array};
use crate::cells::Cells;
use crate::key::{Index, Key, Meta};
use crate::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering};
use crate::terms;

/// A slot: 16 bytes a registration.
#[derive(Default)]
struct Slot {
    /// The upper half is the generation, which is odd while there is a registration. The lower half is
    /// the registration's [`Meta`] and the count of changes, see [`terms`].
    word: AtomicU64,
    token: AtomicUsize,
}

impl Slot {
    #[inline]
    fn get(&self) -> Option<(Token, u64)> {
        terms::get(|order| self.word.load(order), &self.token)
    }

    /// Finds what a key of this slot stands for.
    #[inline]
    fn resolve(&self, key: Key) -> Option<(Token, Kinds)> {
        let (token, word) = self.get()?;
        let is_same = word ^ key.to_bits() <= u64::from(u32::MAX);
        is_same.then(|| (token, Meta::mask(word as u32)))
    }

    /// Ends the registration there is, if there is one. The caller makes sure that nobody else changes
    /// the slot.
    #[inline]
    fn retire(&self) {
        let word = self.word.load(Ordering::Relaxed);
        if generation(word) % 2 == 1 {
            // It publishes nothing that a reader would go on to read.
            self.word
                .store(word.wrapping_add(1 << 32), Ordering::Relaxed);
        }
    }

    /// The registration there is, if there is one and it is not being changed.
    fn current(&self) -> Option<(u32, Token, Meta)> {
        let (token, word) = self.get()?;
        let (generation, meta) = (generation(word), word as u32);
        let is_whole = generation % 2 == 1 && !Meta::mask(meta).is_empty();
        is_whole.then(|| (generation, token, Meta::from_bits(meta)))
    }
}

fn generation(word: u64) -> u32 {
    (word >> 32) as u32
}

type Block = [Slot; BLOCK as usize];

/// As many slots as a page of memory holds; a model checker has room for few.
const BLOCK: u32 = if cfg!(loom) { 4 } else { 256 };

fn make_block() -> Box<Block> {
    array((0..BLOCK).map(|_| Slot::default()).collect::<Box<[_]>>())
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
    /// the registration is not the one the key was made for, or is being changed. What a registration
    /// is ready for is reported again after a change, so that no event is lost by that.
    #[inline]
    pub(crate) fn resolve(&self, key: Key) -> Option<(Token, Kinds)> {
        // Only the numbers of descriptors are that small.
        match self.descriptors.near(key.index().0 / BLOCK) {
            Some(block) => block.get()?[(key.index().0 % BLOCK) as usize].resolve(key),
            None => match key.index().cell() {
                Some(number) => self.cells.resolve(number, key.generation()),
                None => self.resolve_far(key),
            },
        }
    }

    /// Resolves the key of a near descriptor, and finds nothing else.
    #[inline]
    pub(crate) fn resolve_near(&self, key: Key) -> Option<(Token, Kinds)> {
        let block = self.descriptors.near(key.index().0 / BLOCK)?;
        block.get()?[(key.index().0 % BLOCK) as usize].resolve(key)
    }

    /// Resolves the key of what is neither a near descriptor nor a cell.
    #[inline(never)]
    fn resolve_far(&self, key: Key) -> Option<(Token, Kinds)> {
        self.slot(key.index())?.resolve(key)
    }

    /// Returns whether there is room for `index` already.
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
    #[cfg_attr(
        all(unix, any(loom, not(test))),
        expect(dead_code, reason = "descriptors are small numbers")
    )]
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

    /// Ends all registrations, of cells as well. The caller makes sure that no slot is locked any more.
    pub(crate) fn retire_all(&self) {
        let slots = slots(self.descriptors.iter()).chain(slots(self.given.iter()));
        slots.for_each(|(_, slot)| slot.retire());
        self.cells.end_all();
    }

    /// Lists what is registered at the moment; `Err` holds the number of a source without a
    /// descriptor.
    pub(crate) fn list(&self) -> impl Iterator<Item = Registered> {
        let descriptors = slots(self.descriptors.iter()).map(|(at, slot)| (Ok(at), slot));
        let given = slots(self.given.iter()).map(|(at, slot)| (Err(at), slot));
        let slots = descriptors.chain(given).filter_map(|(source, slot)| {
            let (_, token, meta) = slot.current()?;
            Some(Registered {
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
    /// The registration there is, if there is one.
    #[inline]
    pub(crate) fn current(&self) -> Option<(Key, Token, Meta)> {
        let (generation, token, meta) = self.slot.current()?;
        Some((self.key(generation), token, meta))
    }

    /// Returns the key that the next [`publish`](Entry::publish) will give.
    #[inline]
    pub(crate) fn next_key(&self) -> Key {
        let before = generation(self.word());
        self.key((before | 1).wrapping_add(if before % 2 == 1 { 2 } else { 0 }))
    }

    /// Begins a new registration, in place of the one there is.
    #[inline]
    pub(crate) fn publish(&self, token: Token, meta: Meta) -> Key {
        let key = self.next_key();
        self.set(key, token, meta);
        key
    }

    /// Changes the registration of the key, which is the one there is. The key stays.
    #[inline]
    pub(crate) fn change(&self, key: Key, token: Token, meta: Meta) {
        self.set(key, token, meta);
    }

    /// Ends the registration there is.
    #[inline]
    pub(crate) fn retire(&self) {
        self.slot.retire();
    }

    #[inline]
    fn set(&self, key: Key, token: Token, meta: Meta) {
        let bits = terms::next(self.word() as u32, meta);
        let words = bits.map(|bits| u64::from(key.generation()) << 32 | u64::from(bits));
        let store = |word, order| self.slot.word.store(word, order);
        terms::set(store, &self.slot.token, words, token);
    }

    #[inline]
    fn word(&self) -> u64 {
        self.slot.word.load(Ordering::Relaxed)
    }

    #[inline]
    fn key(&self, generation: u32) -> Key {
        Key::new(generation, self.index)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use token_ready::{PollOpt, Ready};

    use super::*;
    use crate::key::reported;

    const META: Meta = Meta {
        interest: Ready::READABLE,
        opts: PollOpt::EDGE,
        owned: true,
    };

    fn resolve(table: &Table, key: Key) -> Option<(Token, Ready)> {
        let (token, mask) = table.resolve(key)?;
        Some((token, mask.readiness()))
    }

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
            let found = resolve(&table, *key);
            assert_eq!(found, Some((*token, reported(META.interest))), "{key:?}");
        }
        let listed = table.list().map(|line| line.source);
        let expected = numbers.map(Ok).into_iter().chain(numbers.map(Err));
        assert_eq!(
            listed.collect::<Vec<_>>(),
            expected.collect::<Vec<Result<u32, u32>>>()
        );

        table.lock(keys[0].0.index()).retire();
        assert!(table.resolve(keys[0].0).is_none());
        let mut others = keys[1..].iter();
        assert!(others.all(|(key, _)| table.resolve(*key).is_some()));
        assert_eq!(table.list().count(), keys.len() - 1);
    }

    #[test]
    fn an_index_that_is_taken_back_is_given_out_again() {
        let table = Table::default();
        let given = [table.give(), table.give(), table.give()];
        assert_eq!(given, [0, 1, 2].map(|number| Index(number | Index::GIVEN)));
        table.take_back(given[1]);
        table.take_back(Index(1));
        assert_eq!(table.give(), given[1]);
        assert_eq!(table.give().given(), Some(3), "a descriptor is not taken");
    }

    #[test]
    fn a_number_that_was_never_registered_has_no_slot() {
        let table = Table::default();
        for number in [0, 1 << 16, (1 << 30) - 1] {
            for index in [Index(number), Index(number | Index::GIVEN)] {
                assert!(!table.has_slot(index), "{index:?}");
            }
        }
        assert!(table.resolve(Key::WAKE).is_none());
    }

    #[test]
    fn a_key_ends_with_its_registration() {
        let table = Table::default();
        let index = Index(7);
        let publish = |token| table.lock(index).publish(token, META);
        let token = |key| table.resolve(key).map(|(token, _)| token);
        let first = publish(Token(1));
        let second = publish(Token(2));
        assert_eq!([first, second].map(token), [None, Some(Token(2))]);
        table.lock(index).retire();
        assert_eq!([first, second].map(token), [None, None]);
        let third = publish(Token(3));
        let found = [first, second, third].map(token);
        assert_eq!(found, [None, None, Some(Token(3))]);
    }

    #[test]
    fn a_key_outlives_every_change_of_its_terms() {
        const INTERESTS: [Ready; 2] = [Ready::READABLE, Ready::WRITABLE];
        let table = Table::default();
        let index = Index(7);
        let key = table.lock(index).publish(Token(0), META);
        // More than the counter of changes holds.
        for (at, interest) in (0..10_000).zip(INTERESTS.into_iter().cycle()) {
            let meta = Meta { interest, ..META };
            table.lock(index).change(key, Token(at), meta);
            let found = resolve(&table, key);
            assert_eq!(found, Some((Token(at), reported(interest))));
            let current = table.lock(index).current();
            assert_eq!(current, Some((key, Token(at), meta)));
        }
    }
}

#[cfg(all(test, loom))]
mod model {
    //! Every interleaving of one thread that changes a slot and one that reads it, found by
    //! `cargo xtask loom`. The reader is the thread that is spawned: loom does not try all that the main
    //! thread can see in two loads of one word.

    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU64;
    use loom::thread;
    use token_ready::{PollOpt, Ready};

    use super::*;
    use crate::key::reported;

    const INDEX: Index = Index(1);
    const FIRST: Found = (Token(1), Ready::READABLE);
    const SECOND: Found = (Token(2), Ready::WRITABLE);
    /// With the interest of the first.
    const THIRD: Found = (Token(3), Ready::READABLE);

    /// A token, and the interest that it was set with.
    type Found = (Token, Ready);

    fn meta(interest: Ready) -> Meta {
        Meta {
            interest,
            opts: PollOpt::EDGE,
            owned: true,
        }
    }

    fn publish(table: &Table, (token, interest): Found) -> Key {
        table.lock(INDEX).publish(token, meta(interest))
    }

    fn change(table: &Table, key: Key, (token, interest): Found) {
        table.lock(INDEX).change(key, token, meta(interest));
    }

    /// Checks that what was found is nothing, with nothing to report or one of `expected`.
    #[track_caller]
    fn is_one_of(found: Option<(Token, Kinds)>, expected: &[Found]) {
        let found = found
            .filter(|(_, mask)| !mask.is_empty())
            .map(|(token, mask)| (token, mask.readiness()));
        let mut expected = expected
            .iter()
            .map(|&(token, interest)| Some((token, reported(interest))));
        assert!(
            found.is_none() || expected.any(|expected| expected == found),
            "{found:?}"
        );
    }

    /// Resolves the key of a first registration while `program` runs.
    fn resolve_during(program: fn(&Table, Key), expected: &'static [Found]) {
        loom::model(move || {
            let table = Arc::new(Table::default());
            let key = publish(&table, FIRST);
            let reader = thread::spawn({
                let table = Arc::clone(&table);
                move || is_one_of(table.resolve(key), expected)
            });
            program(&table, key);
            reader.join().unwrap();
        });
    }

    #[test]
    fn token_and_interest_are_of_one_change() {
        resolve_during(
            |table, key| {
                change(table, key, SECOND);
                change(table, key, THIRD);
            },
            &[FIRST, SECOND, THIRD],
        );
    }

    #[test]
    fn a_key_is_never_resolved_to_a_later_registration() {
        resolve_during(
            |table, _| {
                table.lock(INDEX).retire();
                publish(table, SECOND);
            },
            &[FIRST],
        );
    }

    #[test]
    fn a_key_is_never_resolved_to_a_registration_that_took_its_place() {
        resolve_during(
            |table, _| {
                publish(table, SECOND);
            },
            &[FIRST],
        );
    }

    #[test]
    fn a_key_that_the_system_returns_is_resolved_to_the_change_before() {
        loom::model(|| {
            let table = Arc::new(Table::default());
            let key = publish(&table, FIRST);
            // Stands for the system, which keeps the key and returns it with an event.
            let system = Arc::new(AtomicU64::new(0));
            let other = thread::spawn({
                let (table, system) = (Arc::clone(&table), Arc::clone(&system));
                move || {
                    change(&table, key, SECOND);
                    system.store(key.to_bits(), Ordering::Release);
                }
            });
            let event = system.load(Ordering::Acquire);
            if event != 0 {
                let (token, interest) = SECOND;
                let found = table.resolve(Key::from_bits(event));
                let found = found.map(|(token, mask)| (token, mask.readiness()));
                assert_eq!(found, Some((token, reported(interest))));
            }
            other.join().unwrap();
        });
    }

    #[test]
    fn a_list_shows_each_registration_as_it_was_set() {
        loom::model(|| {
            let table = Arc::new(Table::default());
            let key = publish(&table, FIRST);
            let reader = thread::spawn({
                let table = Arc::clone(&table);
                move || {
                    for line in table.list() {
                        let found = (line.token, line.meta.interest);
                        assert!([FIRST, SECOND, THIRD].contains(&found), "{found:?}");
                        assert_eq!(line.source, Ok(INDEX.0));
                    }
                }
            });
            change(&table, key, SECOND);
            table.lock(INDEX).retire();
            publish(&table, THIRD);
            reader.join().unwrap();
        });
    }
}
