//! Sources without a descriptor: what is set by hand, and where it stands in the queue.
//!
//! A cell is addressed by number, so that a queue of them owns nothing, and what a poll needs of a
//! source lies in one place. No system calls live here.

use std::sync::Arc;

use token_ready::{PollOpt, Ready, Token};

use crate::blocks::{Blocks, Numbers};
use crate::sync::{AtomicU32, AtomicUsize, Mutex, Ordering};
use crate::table::{Index, Key, Meta, reported};

/// Cells in a block; a model checker has room for few.
const BLOCK: u32 = if cfg!(loom) { 4 } else { 256 };

type Block = [Cell; BLOCK as usize];

/// A source without a descriptor.
///
/// The word says what it is ready for and what of that is to be reported. A cell stands in the queue,
/// or somebody is about to put it there, exactly while `QUEUED` is set: whoever sets that bit pushes,
/// and only a drain takes it away. So a cell may change hands while it is queued.
#[derive(Default)]
pub(crate) struct Cell {
    /// Odd while a registration stands.
    generation: AtomicU32,
    word: AtomicU32,
    /// How often its waker asked for it since a poll last came across it.
    requests: AtomicU32,
    /// The cell that was pushed before it, plus one.
    pub(crate) next: AtomicU32,
    token: AtomicUsize,
    /// For lists of what is registered.
    meta: AtomicU32,
}

/// The bits of a cell's word beside the readiness, which are the lowest eight.
mod bits {
    /// What would be reported, in the order of the readiness; nothing when no registration stands, or
    /// after a oneshot.
    pub(super) const MASK: u32 = 0xff00;
    pub(super) const EDGE: u32 = 1 << 16;
    pub(super) const ONESHOT: u32 = 1 << 17;
    pub(super) const QUEUED: u32 = 1 << 18;
    /// Queued by a poll, because a level goes on.
    pub(super) const AGAIN: u32 = 1 << 19;
    /// A waker's: it is reported for its requests.
    pub(super) const WAKER: u32 = 1 << 20;
    /// Registered with another `Poll` than the one whose cell this is.
    pub(super) const MOVED: u32 = 1 << 21;
    /// Counts registrations, so that a poll can tell whether one ended under its hands. It wraps, but
    /// not within a poll's few steps.
    pub(super) const EPOCH: u32 = 1 << 24;
}

/// What is to be done after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// Put the cell into the queue.
    pub(crate) push: bool,
    /// Tell the cell it moved to.
    pub(crate) forward: bool,
}

impl Next {
    fn after(before: u32, after: u32) -> Next {
        Next {
            push: after & !before & bits::QUEUED != 0,
            forward: after & bits::MOVED != 0,
        }
    }
}

/// What a poll found in a cell.
pub(crate) struct Taken {
    pub(crate) event: Option<(Key, Ready)>,
    /// How many wakes brought the poll here.
    pub(crate) wakes: usize,
    /// Put the cell into the queue again.
    pub(crate) again: bool,
}

impl Cell {
    /// Changes the word in one step; returns how it was and how it is.
    fn update(&self, change: impl Fn(u32) -> u32) -> (u32, u32) {
        let mut before = self.word.load(Ordering::Relaxed);
        loop {
            let after = change(before);
            match self.word.compare_exchange_weak(
                before,
                after,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return (before, after),
                Err(now) => before = now,
            }
        }
    }

    /// Prepares a cell for a source that is ready for `readiness` and not registered.
    fn begin(&self, readiness: Ready) {
        let readiness = u32::from(readiness.bits());
        self.update(|word| next_epoch(word & bits::QUEUED | word & !(bits::EPOCH - 1)) | readiness);
    }

    /// Returns the readiness as it was set last.
    pub(crate) fn readiness(&self) -> Ready {
        readiness(self.word.load(Ordering::Acquire))
    }

    /// Sets the readiness.
    #[inline]
    pub(crate) fn set(&self, readiness: Ready) -> Next {
        let readiness = u32::from(readiness.bits());
        let (before, after) = self.update(|word| queued_if_reporting(word & !0xff | readiness));
        Next::after(before, after)
    }

    /// Counts a wake; tells whether the caller has to put the cell into the queue.
    ///
    /// Whatever the calling thread wrote before is visible to who takes the cell out afterwards.
    #[inline]
    pub(crate) fn wake(&self) -> bool {
        let before = self.requests.fetch_add(1, Ordering::AcqRel);
        if before > u32::MAX / 2 {
            // Never let the count wrap to zero: what it stands for would be forgotten.
            self.requests.fetch_sub(1, Ordering::Relaxed);
        }
        before == 0 && self.word.fetch_or(bits::QUEUED, Ordering::AcqRel) & bits::QUEUED == 0
    }

    /// Lets a registration stand, in place of the one that did; the caller sees to it that nobody else
    /// changes the registration. Returns its key, and what is to be done.
    pub(crate) fn register(
        &self,
        index: Index,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> (Key, Next) {
        let generation = self.end();
        let meta = Meta {
            interest,
            opts,
            owned: true,
        };
        // Whoever sees these sees that the generation before has ended.
        self.meta.store(meta.to_bits(), Ordering::Release);
        self.token.store(token.0, Ordering::Release);
        let generation = generation.wrapping_add(1);
        self.generation.store(generation, Ordering::Release);

        let mut armed = u32::from(reported(interest).bits()) << 8;
        armed |= if opts.is_edge() { bits::EDGE } else { 0 };
        armed |= if opts.is_oneshot() { bits::ONESHOT } else { 0 };
        let (before, after) = self.update(|word| queued_if_reporting(word | armed));
        (Key { generation, index }, Next::after(before, after))
    }

    /// Makes the cell a waker's.
    fn register_waker(&self, index: Index, token: Token) -> Key {
        let (key, _) = self.register(index, token, Ready::READABLE, PollOpt::EDGE);
        self.update(|word| word & !bits::MASK | bits::WAKER);
        key
    }

    /// Ends the registration, if one stands; returns the generation, which is an even one.
    pub(crate) fn end(&self) -> u32 {
        // Nothing is reported any more from here on, and a poll that is about to notices.
        self.update(|word| next_epoch(word & !(bits::MASK | bits::EDGE | bits::ONESHOT)));
        let generation = self.generation.load(Ordering::Relaxed);
        let even = generation.wrapping_add(generation % 2);
        self.generation.store(even, Ordering::Release);
        self.requests.swap(0, Ordering::AcqRel);
        even
    }

    /// Says that the source is registered with another `Poll`; returns its readiness.
    pub(crate) fn move_away(&self) -> Ready {
        readiness(self.update(|word| word | bits::MOVED).1)
    }

    /// Ends what [`move_away`](Cell::move_away) began.
    pub(crate) fn move_back(&self) {
        self.update(|word| word & !bits::MOVED);
    }

    /// Takes out what is to be reported, the cell having just been taken out of the queue.
    pub(crate) fn take(&self, index: Index) -> Taken {
        let (word, after) = self.update(|word| {
            let mut after = word & !(bits::QUEUED | bits::AGAIN);
            if report(word) != 0 {
                if word & bits::ONESHOT != 0 {
                    after &= !bits::MASK;
                } else if word & bits::EDGE == 0 {
                    // A level holds until it is cleared: it is reported at the next poll as well.
                    after |= bits::QUEUED | bits::AGAIN;
                }
            }
            after
        });
        let (readiness, wakes) = if word & bits::WAKER == 0 {
            let wakes = usize::from(word & bits::AGAIN == 0);
            (Ready::from_bits_truncate(report(word)), wakes)
        } else {
            let requests = self.requests.swap(0, Ordering::AcqRel);
            let ready = requests > 0;
            let readable = if ready {
                Ready::READABLE
            } else {
                Ready::empty()
            };
            (readable, requests as usize)
        };
        let generation = self.generation.load(Ordering::Acquire);
        // If the generation is a later one than the word was of, so is the epoch by now; what is to be
        // reported of the later registration is queued anew.
        let same = (self.word.load(Ordering::Relaxed) ^ word) / bits::EPOCH == 0;
        let live = same && generation % 2 == 1 && !readiness.is_empty();
        Taken {
            event: live.then_some((Key { generation, index }, readiness)),
            wakes,
            again: after & bits::QUEUED != 0,
        }
    }

    /// Returns the token, if the registration that a key was made for still stands.
    fn resolve(&self, generation: u32) -> Option<Token> {
        // As in `Table::resolve`.
        let token = self.token.load(Ordering::Acquire);
        let stands = self.generation.load(Ordering::Relaxed) == generation;
        stands.then_some(Token(token))
    }

    /// The registration that stands, if one does.
    fn registered(&self) -> Option<(Token, Meta)> {
        let generation = self.generation.load(Ordering::Acquire);
        let meta = Meta::from_bits(self.meta.load(Ordering::Acquire));
        let token = self.resolve(generation)?;
        (generation % 2 == 1).then_some((token, meta))
    }
}

fn readiness(word: u32) -> Ready {
    Ready::from_bits_truncate(word as u8)
}

/// What is to be reported by a word.
fn report(word: u32) -> u8 {
    (word & word >> 8) as u8
}

fn queued_if_reporting(word: u32) -> u32 {
    if report(word) == 0 {
        word
    } else {
        word | bits::QUEUED
    }
}

fn next_epoch(word: u32) -> u32 {
    word.wrapping_add(bits::EPOCH)
}

/// The cells of one `Poll`.
#[derive(Default)]
pub(crate) struct Cells {
    blocks: Blocks<Arc<Block>, 64>,
    numbers: Mutex<Numbers>,
}

/// A cell that is given out, with its number.
pub(crate) struct Lease {
    block: Arc<Block>,
    number: u32,
}

impl Lease {
    #[inline]
    pub(crate) fn cell(&self) -> &Cell {
        &self.block[(self.number % BLOCK) as usize]
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn index(&self) -> Index {
        Index::of_cell(self.number)
    }
}

impl Cells {
    /// Gives out a cell, for a source that is ready for `readiness` and not registered.
    pub(crate) fn give(&self, readiness: Ready) -> Lease {
        let mut numbers = self.numbers.lock().unwrap_or_else(|e| e.into_inner());
        let number = numbers.give();
        drop(numbers);
        let make = || Arc::new(std::array::from_fn(|_| Cell::default()));
        let block = self.blocks.get_or_make(number / BLOCK, make);
        let lease = Lease {
            block: Arc::clone(block),
            number,
        };
        lease.cell().begin(readiness);
        lease
    }

    /// Gives out a cell for a waker, registered under `token`.
    pub(crate) fn give_to_waker(&self, token: Token) -> Lease {
        let lease = self.give(Ready::empty());
        lease.cell().register_waker(lease.index(), token);
        lease
    }

    /// Takes back what was given out, its registration having ended.
    pub(crate) fn take_back(&self, lease: &Lease) {
        let mut numbers = self.numbers.lock().unwrap_or_else(|e| e.into_inner());
        numbers.take_back(lease.number);
    }

    /// Returns a cell that was given out at some time.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&Cell> {
        let block = self.blocks.get(number / BLOCK)?;
        Some(&block[(number % BLOCK) as usize])
    }

    /// Finds what a key stands for, as [`Table::resolve`](crate::table::Table::resolve) does.
    pub(crate) fn resolve(&self, number: u32, generation: u32) -> Option<Token> {
        self.get(number)?.resolve(generation)
    }

    /// Lists what is registered at the moment, by number.
    pub(crate) fn list(&self) -> impl Iterator<Item = (u32, Token, Meta)> {
        self.blocks.iter().flat_map(|(block, cells)| {
            let cells = (block * BLOCK..).zip(cells.iter());
            cells.filter_map(|(number, cell)| {
                let (token, meta) = cell.registered()?;
                Some((number, token, meta))
            })
        })
    }
}
