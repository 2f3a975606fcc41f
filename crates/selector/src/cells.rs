//! Sources without a descriptor: what is set by hand, and where it stands in the queue.
//!
//! A cell is addressed by number, so that a queue of them owns nothing, and what a poll needs of a
//! source lies in one place. No system calls live here.

use std::sync::Arc;

use token_ready::{Kinds, PollOpt, Ready, Token};

use crate::blocks::{Blocks, Numbers, array};
use crate::key::{Index, Key, Meta, reported};
use crate::sync::{AtomicU32, AtomicU64, AtomicUsize, Mutex, Ordering};
use crate::terms;

/// Cells in a block; a model checker has room for few.
const BLOCK: u32 = if cfg!(loom) { 4 } else { 256 };

type Block = [Cell; BLOCK as usize];

/// A source without a descriptor.
///
/// The word says which registration stands, what the source is ready for, and what of that is to be
/// reported, so that each change is one step. A cell stands in the queue, or somebody is about to put
/// it there, exactly while `QUEUED` is set: whoever sets that bit pushes, and only a drain takes it
/// away. So a cell may change hands while it is queued.
///
/// Aligned so that no cell lies on two lines of a processor's cache.
#[derive(Default)]
#[repr(align(32))]
pub(crate) struct Cell {
    word: AtomicU64,
    token: AtomicUsize,
    /// How often wakers asked for it, and how often of that was counted: for statistics alone. Wakers
    /// write the one and who counts the other, so that neither takes a locked instruction.
    requests: AtomicU32,
    requests_seen: AtomicU32,
    /// The cell that was pushed before it, plus one.
    pub(crate) next: AtomicU32,
    /// The registration's [`Meta`], with a count of its changes: see [`terms`].
    meta: AtomicU32,
}

/// The bits of a cell's word; the lowest eight are the readiness.
mod bits {
    pub(super) const READINESS: u64 = 0xff;
    /// What would be reported, in the order of the readiness; nothing when no registration stands, or
    /// after a oneshot.
    pub(super) const MASK: u64 = 0xff00;
    pub(super) const EDGE: u64 = 1 << 16;
    pub(super) const ONESHOT: u64 = 1 << 17;
    pub(super) const QUEUED: u64 = 1 << 18;
    /// Queued by nobody's wake: by a poll, because a level goes on, or by the registration.
    pub(super) const AGAIN: u64 = 1 << 19;
    /// A waker's, whose readiness ends as it is reported.
    pub(super) const WAKER: u64 = 1 << 20;
    /// Registered with another `Poll` than the one whose cell this is.
    pub(super) const MOVED: u64 = 1 << 21;
    /// A waker's that was dropped while its wake was pending: it ends when that is taken.
    pub(super) const ABANDONED: u64 = 1 << 22;
    /// The lowest bit of the generation, which is odd while there is a registration.
    pub(super) const GENERATION: u64 = 1 << 32;
    /// All that a registration sets.
    pub(super) const ARMED: u64 = MASK | EDGE | ONESHOT | WAKER | ABANDONED;
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
    fn after(before: u64, after: u64) -> Next {
        Next {
            push: after & !before & bits::QUEUED != 0,
            forward: after & bits::MOVED != 0,
        }
    }
}

/// What a poll found in a cell.
pub(crate) struct Taken {
    pub(crate) event: Option<Found>,
    /// A waker asks the poll to end: where there is no event, one without a token.
    pub(crate) woken: bool,
    /// How many wakes brought the poll here.
    pub(crate) wakes: usize,
    /// Put the cell into the queue again.
    pub(crate) again: bool,
    /// Nobody has the cell any more: its number is to be taken back.
    pub(crate) abandoned: bool,
}

/// What is to be reported of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A source's readiness, as long as its registration does not end.
    Readiness(Key, Ready),
    /// A waker's wake, whatever becomes of the waker.
    Wake(Token),
}

impl Cell {
    /// Changes the word in one step; returns how it was and how it is.
    #[inline]
    fn update(&self, change: impl Fn(u64) -> u64) -> (u64, u64) {
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
        self.see_requests();
        let kept = !(bits::GENERATION - 1) | bits::QUEUED;
        self.update(|word| word & kept | bits(readiness));
    }

    /// Returns the readiness as it was set last.
    pub(crate) fn readiness(&self) -> Ready {
        readiness(self.word.load(Ordering::Acquire))
    }

    /// Sets the readiness.
    #[inline]
    pub(crate) fn set(&self, readiness: Ready) -> Next {
        let readiness = bits(readiness);
        let (before, after) =
            self.update(|word| queued_if_reporting(word & !bits::READINESS | readiness));
        Next::after(before, after)
    }

    /// Sets a waker's readiness; returns whether the caller has to put the cell into the queue.
    ///
    /// Whatever the calling thread wrote before is visible to who takes the cell out afterwards.
    #[inline]
    pub(crate) fn wake(&self) -> bool {
        const WOKEN: u64 = bits::QUEUED | Ready::READABLE.bits() as u64;

        // An estimate where threads ask by clones of one waker at the same moment.
        let requests = self.requests.load(Ordering::Relaxed);
        self.requests
            .store(requests.wrapping_add(1), Ordering::Relaxed);
        self.word.fetch_or(WOKEN, Ordering::AcqRel) & bits::QUEUED == 0
    }

    /// Begins a registration, in place of the one there is. The caller makes sure that nobody else
    /// changes the registration.
    pub(crate) fn register(&self, token: Token, interest: Ready, opts: PollOpt) -> Next {
        self.end();
        self.reregister(token, interest, opts)
    }

    /// Changes the registration; its key stays. The caller makes sure that nobody else does.
    pub(crate) fn reregister(&self, token: Token, interest: Ready, opts: PollOpt) -> Next {
        self.set_terms(token, interest, opts);
        self.rearm(interest, opts)
    }

    /// Arms the registration, whose interest and options are given, again. The caller makes sure that
    /// nobody else changes the registration.
    pub(crate) fn rearm(&self, interest: Ready, opts: PollOpt) -> Next {
        let armed = bits(reported(interest)) << 8
            | if opts.is_edge() { bits::EDGE } else { 0 }
            | if opts.is_oneshot() { bits::ONESHOT } else { 0 };
        self.arm(armed)
    }

    /// Makes the cell a waker's.
    fn register_waker(&self, token: Option<Token>) {
        // Without a token it has nothing to report.
        let interest = token.map_or(Ready::empty(), |_| Ready::READABLE);
        let armed = bits(interest) << 8 | bits::EDGE | bits::WAKER;
        self.set_terms(token.unwrap_or(Token(0)), interest, PollOpt::EDGE);
        self.arm(armed);
    }

    /// Sets the terms, before the cell is armed: what a poll takes out afterwards is within the terms.
    fn set_terms(&self, token: Token, interest: Ready, opts: PollOpt) {
        let meta = Meta {
            interest,
            opts,
            owned: true,
        };
        let bits = terms::next(self.meta.load(Ordering::Relaxed), meta);
        let store = |bits, order| self.meta.store(bits, order);
        terms::set(store, &self.token, bits, token);
    }

    fn arm(&self, armed: u64) -> Next {
        let (before, after) = self.update(|word| {
            // Odd from here on, if it was not before.
            let word = word & !bits::ARMED | armed | bits::GENERATION;
            if report(word) == 0 || word & bits::QUEUED != 0 {
                word
            } else {
                word | bits::QUEUED | bits::AGAIN
            }
        });
        Next::after(before, after)
    }

    /// Ends the registration, if there is one.
    pub(crate) fn end(&self) {
        self.update(ended);
    }

    #[inline]
    fn terms(&self) -> Option<(Token, u32)> {
        terms::get(|order| self.meta.load(order), &self.token)
    }

    /// Says that the source is registered with another `Poll`; returns its readiness.
    pub(crate) fn move_away(&self) -> Ready {
        readiness(self.update(|word| word | bits::MOVED).1)
    }

    /// Ends what [`move_away`](Cell::move_away) began.
    pub(crate) fn move_back(&self) {
        self.update(|word| word & !bits::MOVED);
    }

    /// Ends the registration of what is dropped, unless it is a waker whose wake is pending: then the
    /// poll that takes the wake ends it. Returns whether it has ended.
    pub(crate) fn abandon(&self) -> bool {
        let (_, after) = self.update(|word| {
            let is_pending = word & bits::WAKER != 0 && !readiness(word).is_empty();
            if is_pending {
                word | bits::ABANDONED
            } else {
                ended(word)
            }
        });
        after & bits::ABANDONED == 0
    }

    /// Takes out what is to be reported, the cell having just been taken out of the queue.
    #[inline]
    pub(crate) fn take(&self, index: Index) -> Taken {
        let mut word = self.word.load(Ordering::Acquire);
        // A waker's token changes only after its registration has ended, which changes the word: if the
        // word stays as it was, the token is the one of that registration.
        let (token, after) = loop {
            let token = Token(self.token.load(Ordering::Acquire));
            let after = taken(word);
            let exchanged =
                self.word
                    .compare_exchange_weak(word, after, Ordering::AcqRel, Ordering::Acquire);
            match exchanged {
                Ok(_) => break (token, after),
                Err(now) => word = now,
            }
        };
        // Nothing is reported of a cell whose registration has ended: its mask is empty.
        let ready = Ready::from_bits_truncate(report(word).into());
        let (wakes, event, woken) = if word & bits::WAKER != 0 {
            let woken = !readiness(word).is_empty();
            (self.see_requests(), Found::Wake(token), woken)
        } else {
            let key = Key::new(generation(word), index);
            let wakes = usize::from(word & bits::AGAIN == 0);
            (wakes, Found::Readiness(key, ready), false)
        };
        Taken {
            event: (!ready.is_empty()).then_some(event),
            woken,
            wakes,
            again: after & bits::QUEUED != 0,
            abandoned: word & bits::ABANDONED != 0,
        }
    }

    /// Returns how often wakers asked since this was called last.
    #[inline]
    fn see_requests(&self) -> usize {
        let requests = self.requests.load(Ordering::Relaxed);
        let seen = self.requests_seen.load(Ordering::Relaxed);
        self.requests_seen.store(requests, Ordering::Relaxed);
        // Negative after two clones of a waker overwrote each other's count.
        let since = requests.wrapping_sub(seen) as i32;
        usize::try_from(since).unwrap_or(0)
    }

    /// Returns the token and the readiness that may be reported, if the registration is still that of
    /// the generation `expected`.
    #[inline]
    fn resolve(&self, expected: u32) -> Option<(Token, Kinds)> {
        let (token, meta) = self.terms()?;
        // A later registration's terms are set after this generation has ended, which is seen here.
        let is_same = generation(self.word.load(Ordering::Relaxed)) == expected;
        is_same.then(|| (token, Meta::mask(meta)))
    }

    /// The registration there is, if there is one that has a token.
    fn registered(&self) -> Option<(Token, Meta)> {
        let word = self.word.load(Ordering::Acquire);
        let before = generation(word);
        let (token, meta) = self.terms()?;
        let same = generation(self.word.load(Ordering::Relaxed)) == before;
        let is_listed = before % 2 == 1 && !is_silent(word);
        let is_whole = is_listed && !Meta::mask(meta).is_empty();
        (same && is_whole).then(|| (token, Meta::from_bits(meta)))
    }
}

/// The readiness as a word has it: without unknown flags, which would reach the other bits.
fn bits(readiness: Ready) -> u64 {
    const { assert!(Ready::all().bits() < 1 << 8) };
    u64::from((readiness & Ready::all()).bits())
}

fn generation(word: u64) -> u32 {
    (word / bits::GENERATION) as u32
}

/// Returns whether it is a waker without a token.
fn is_silent(word: u64) -> bool {
    word & (bits::WAKER | bits::MASK) == bits::WAKER
}

fn readiness(word: u64) -> Ready {
    Ready::from_bits_truncate((word & bits::READINESS) as u16)
}

/// A word without a registration.
fn ended(word: u64) -> u64 {
    let to_even = word & bits::GENERATION;
    (word & !bits::ARMED).wrapping_add(to_even)
}

/// A word after what it has to report was taken out.
#[inline]
fn taken(word: u64) -> u64 {
    let mut after = word & !(bits::QUEUED | bits::AGAIN);
    if word & bits::ABANDONED != 0 {
        after = ended(after & !bits::READINESS);
    } else if word & bits::WAKER != 0 {
        after &= !bits::READINESS;
    } else if report(word) != 0 {
        if word & bits::ONESHOT != 0 {
            after &= !bits::MASK;
        } else if word & bits::EDGE == 0 {
            // A level holds until it is cleared: it is reported at the next poll as well.
            after |= bits::QUEUED | bits::AGAIN;
        }
    }
    after
}

/// What is to be reported by a word.
fn report(word: u64) -> u8 {
    (word & word >> 8) as u8
}

fn queued_if_reporting(word: u64) -> u64 {
    if report(word) == 0 {
        word
    } else {
        word | bits::QUEUED
    }
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
}

impl Cells {
    /// Gives out a cell, for a source that is ready for `readiness` and not registered.
    pub(crate) fn give(&self, readiness: Ready) -> Lease {
        let mut numbers = self.numbers.lock().unwrap_or_else(|e| e.into_inner());
        let number = numbers.give();
        drop(numbers);
        let make = || array((0..BLOCK).map(|_| Cell::default()).collect::<Arc<[_]>>());
        let block = self.blocks.get_or_make(number / BLOCK, make);
        let lease = Lease {
            block: Arc::clone(block),
            number,
        };
        lease.cell().begin(readiness);
        lease
    }

    /// Gives out a cell for a waker, registered under `token` if it has one.
    pub(crate) fn give_to_waker(&self, token: Option<Token>) -> Lease {
        let lease = self.give(Ready::empty());
        lease.cell().register_waker(token);
        lease
    }

    /// Takes back a cell by its number, its registration having ended.
    pub(crate) fn take_back(&self, number: u32) {
        let mut numbers = self.numbers.lock().unwrap_or_else(|e| e.into_inner());
        numbers.take_back(number);
    }

    /// Returns a cell that was given out at some time.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&Cell> {
        let block = self.blocks.get(number / BLOCK)?;
        Some(&block[(number % BLOCK) as usize])
    }

    /// Finds what a generation of a cell stands for.
    #[inline]
    pub(crate) fn resolve(&self, number: u32, generation: u32) -> Option<(Token, Kinds)> {
        self.get(number)?.resolve(generation)
    }

    /// Ends all registrations.
    pub(crate) fn end_all(&self) {
        let cells = self.blocks.iter().flat_map(|(_, cells)| cells.iter());
        cells.for_each(Cell::end);
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_waker_that_is_dropped_without_a_wake_gives_its_cell_to_the_next() {
        let cells = Cells::default();
        let old = cells.give_to_waker(Some(Token(1)));
        old.cell().wake();
        assert_eq!(old.cell().take(Index::of_cell(0)).wakes, 1);
        assert!(old.cell().abandon());
        cells.take_back(old.number());
        let new = cells.give_to_waker(Some(Token(2)));
        assert_eq!(new.number(), old.number());
        new.cell().wake();
        let taken = new.cell().take(Index::of_cell(0));
        assert_eq!(taken.event, Some(Found::Wake(Token(2))));
        assert_eq!((taken.wakes, taken.abandoned), (1, false));
    }

    #[test]
    fn a_waker_that_is_dropped_with_a_wake_keeps_its_cell_until_that_is_taken() {
        let cells = Cells::default();
        let old = cells.give_to_waker(Some(Token(1)));
        old.cell().wake();
        assert!(!old.cell().abandon());
        let new = cells.give_to_waker(Some(Token(2)));
        assert_ne!(new.number(), old.number());
        let taken = old.cell().take(Index::of_cell(0));
        assert_eq!(taken.event, Some(Found::Wake(Token(1))));
        assert!(taken.abandoned && !taken.again);
        assert_eq!(cells.list().count(), 1, "the new waker alone");
    }

    #[test]
    fn a_cell_begins_anew_under_another_generation() {
        let cells = Cells::default();
        let old = cells.give(Ready::empty());
        let index = Index::of_cell(old.number());
        old.cell()
            .register(Token(1), Ready::READABLE, PollOpt::LEVEL);
        old.cell().set(Ready::READABLE);
        let first = Key::new(1, index);
        let event = old.cell().take(index).event;
        assert_eq!(event, Some(Found::Readiness(first, Ready::READABLE)));
        // A level, which is in the queue again.
        old.cell().move_away();
        assert!(old.cell().abandon());
        cells.take_back(old.number());

        let new = cells.give(Ready::WRITABLE);
        assert_eq!(new.number(), old.number());
        assert_eq!(new.cell().readiness(), Ready::WRITABLE);
        let next = new
            .cell()
            .register(Token(2), Ready::WRITABLE, PollOpt::EDGE);
        assert!(!next.push && !next.forward, "{next:?}");
        let second = Key::new(3, index);
        let event = new.cell().take(index).event;
        assert_eq!(event, Some(Found::Readiness(second, Ready::WRITABLE)));
        assert_eq!(cells.resolve(new.number(), first.generation()), None);
    }

    #[test]
    fn the_end_of_an_abandoned_waker_is_the_end_of_its_generation() {
        let cells = Cells::default();
        let old = cells.give_to_waker(Some(Token(1)));
        old.cell().wake();
        assert!(!old.cell().abandon());
        assert!(old.cell().take(Index::of_cell(0)).abandoned);
        assert_eq!(old.cell().readiness(), Ready::empty());
        cells.take_back(old.number());
        let new = cells.give(Ready::empty());
        new.cell()
            .register(Token(2), Ready::READABLE, PollOpt::EDGE);
        assert_eq!(cells.resolve(new.number(), 1), None);
        assert!(cells.resolve(new.number(), 3).is_some());
    }

    #[test]
    fn a_source_ends_when_it_is_dropped_although_it_is_ready() {
        let cells = Cells::default();
        let lease = cells.give(Ready::empty());
        let register = |opts| lease.cell().register(Token(1), Ready::READABLE, opts);
        for opts in [PollOpt::LEVEL, PollOpt::EDGE, PollOpt::ONESHOT] {
            register(opts);
            lease.cell().set(Ready::READABLE);
            assert!(lease.cell().abandon(), "{opts:?}");
            let taken = lease.cell().take(Index::of_cell(0));
            assert_eq!((taken.event, taken.abandoned), (None, false), "{opts:?}");
        }
    }

    #[test]
    fn only_a_source_that_moved_away_is_forwarded() {
        let cells = Cells::default();
        let lease = cells.give(Ready::empty());
        let cell = lease.cell();
        cell.register(Token(1), Ready::READABLE, PollOpt::LEVEL);
        assert!(!cell.set(Ready::READABLE).forward);
        assert_eq!(cell.move_away(), Ready::READABLE);
        assert!(cell.set(Ready::WRITABLE).forward);
        cell.move_back();
        assert!(!cell.set(Ready::READABLE).forward);
    }

    #[test]
    fn every_registration_is_listed_under_its_number() {
        let cells = Cells::default();
        let count = 2 * BLOCK + 1;
        let leases: Vec<_> = (0..count).map(|_| cells.give(Ready::empty())).collect();
        for (lease, token) in leases.iter().zip((0..).map(Token)) {
            lease
                .cell()
                .register(token, Ready::READABLE, PollOpt::LEVEL);
        }
        let listed: Vec<_> = cells.list().map(|(at, token, _)| (at, token)).collect();
        let expected: Vec<_> = (0..count).zip((0..).map(Token)).collect();
        assert_eq!(listed, expected);
    }

    #[test]
    fn each_trigger_takes_the_place_of_each_other() {
        const TRIGGERS: [PollOpt; 4] = [
            PollOpt::LEVEL,
            PollOpt::EDGE,
            PollOpt::ONESHOT,
            PollOpt::EDGE.union(PollOpt::ONESHOT),
        ];
        for before in TRIGGERS {
            for after in TRIGGERS {
                let cells = Cells::default();
                let lease = cells.give(Ready::empty());
                let cell = lease.cell();
                cell.register(Token(1), Ready::READABLE, before);
                cell.reregister(Token(1), Ready::READABLE, after);
                assert!(cell.set(Ready::READABLE).push, "{before:?} {after:?}");
                let taken = cell.take(Index::of_cell(0));
                assert!(taken.event.is_some(), "{before:?} {after:?}");
                let is_level = !after.is_edge() && !after.is_oneshot();
                assert_eq!(taken.again, is_level, "{before:?} {after:?}");
                let again = cell.set(Ready::READABLE);
                assert_eq!(again.push, after == PollOpt::EDGE, "{before:?} {after:?}");
            }
        }
    }

    #[test]
    fn a_wake_is_what_somebody_set() {
        let cells = Cells::default();
        let lease = cells.give(Ready::empty());
        let cell = lease.cell();
        let wakes = || cell.take(Index::of_cell(0)).wakes;
        cell.register(Token(1), Ready::READABLE, PollOpt::LEVEL);
        cell.set(Ready::READABLE);
        assert_eq!(wakes(), 1);
        assert_eq!(wakes(), 0, "a level that goes on");
        cell.set(Ready::empty());
        assert_eq!(wakes(), 0);
        cell.set(Ready::READABLE);
        assert_eq!(wakes(), 1);
        cell.reregister(Token(1), Ready::READABLE, PollOpt::EDGE);
        assert_eq!(wakes(), 0, "a registration that finds it ready");
    }

    #[test]
    fn a_silent_waker_has_no_event_and_does_not_take_what_is_left_in_the_queue_for_its_wake() {
        let cells = Cells::default();
        let source = cells.give(Ready::READABLE);
        let (interest, opts) = (Ready::READABLE, PollOpt::EDGE);
        assert!(source.cell().register(Token(1), interest, opts).push);
        source.cell().end();
        cells.take_back(source.number());
        let waker = cells.give_to_waker(None);
        assert_eq!(waker.number(), source.number());
        let taken = waker.cell().take(Index::of_cell(0));
        assert!(taken.event.is_none() && !taken.woken);

        waker.cell().wake();
        let taken = waker.cell().take(Index::of_cell(0));
        assert!(taken.event.is_none() && taken.woken && !taken.again);
        assert_eq!(cells.list().count(), 0, "it has no token to list");
    }
}

#[cfg(all(test, loom))]
mod model {
    //! Cells that change hands while a poll takes them.

    use loom::thread;

    use super::*;

    fn is_queued(cell: &Cell) -> bool {
        cell.word.load(Ordering::Acquire) & bits::QUEUED != 0
    }

    /// Takes a cell out as a drain does; returns the token of its wake.
    fn take(cells: &Cells, number: u32) -> Option<Token> {
        let taken = cells.get(number).unwrap().take(Index::of_cell(number));
        if taken.abandoned {
            cells.take_back(number);
        }
        match taken.event {
            Some(Found::Wake(token)) => Some(token),
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    }

    #[test]
    fn a_wake_outlives_its_waker_and_is_not_mixed_up_with_the_next_wakers() {
        loom::model(|| {
            let cells = Arc::new(Cells::default());
            let old = cells.give_to_waker(Some(Token(1)));
            assert!(old.cell().wake());
            let other = thread::spawn({
                let cells = Arc::clone(&cells);
                move || {
                    // As dropping a waker does it.
                    if old.cell().abandon() {
                        cells.take_back(old.number());
                    }
                    let new = cells.give_to_waker(Some(Token(2)));
                    new.cell().wake();
                    new
                }
            });
            // A poll that has just taken the cell out of the queue.
            let mut tokens: Vec<_> = take(&cells, 0).into_iter().collect();
            let new = other.join().unwrap();
            if is_queued(new.cell()) {
                tokens.extend(take(&cells, new.number()));
            }
            assert_eq!(tokens, [Token(1), Token(2)]);
        });
    }

    #[test]
    fn a_wake_that_races_with_the_drop_of_another_handle_is_delivered() {
        loom::model(|| {
            let cells = Arc::new(Cells::default());
            let lease = Arc::new(cells.give_to_waker(Some(Token(1))));
            let handles = [Arc::clone(&lease), lease];
            let threads = handles.map(|handle| {
                let cells = Arc::clone(&cells);
                thread::spawn(move || {
                    let pushed = handle.cell().wake();
                    // The thread that drops the last handle.
                    if let Ok(last) = Arc::try_unwrap(handle) {
                        if last.cell().abandon() {
                            cells.take_back(last.number());
                        }
                    }
                    pushed
                })
            });
            let early = is_queued(cells.get(0).unwrap()).then(|| take(&cells, 0));
            let pushed: Vec<bool> = threads.map(|thread| thread.join().unwrap()).into();
            let late = is_queued(cells.get(0).unwrap()).then(|| take(&cells, 0));
            let seen: Vec<_> = [early.flatten(), late.flatten()]
                .into_iter()
                .flatten()
                .collect();
            let pushes = pushed.into_iter().filter(|pushed| *pushed).count();
            assert_eq!(seen.len(), pushes);
            assert!(pushes > 0 && seen.iter().all(|token| *token == Token(1)));
        });
    }

    #[test]
    fn an_event_is_within_the_terms_it_is_handed_out_with() {
        loom::model(|| {
            let cells = Arc::new(Cells::default());
            let lease = cells.give(Ready::READABLE | Ready::WRITABLE);
            let terms = [Ready::READABLE, Ready::WRITABLE, Ready::READABLE];
            let at = move |turn: usize| (Token(turn), terms[turn], PollOpt::EDGE);
            let (token, interest, opts) = at(0);
            lease.cell().register(token, interest, opts);
            let Some(Found::Readiness(key, _)) = lease.cell().take(Index::of_cell(0)).event else {
                panic!("it is ready");
            };
            let reader = thread::spawn(move || {
                if let Some((token, found)) = cells.resolve(0, key.generation()) {
                    let is_during = found.is_empty();
                    assert!(
                        is_during || found.readiness() == reported(terms[token.0]),
                        "{token:?}"
                    );
                }
            });
            for turn in [1, 2] {
                let (token, interest, opts) = at(turn);
                lease.cell().reregister(token, interest, opts);
            }
            reader.join().unwrap();
            // What was set for the last time is to be reported again.
            assert!(is_queued(lease.cell()));
            let again = lease.cell().take(Index::of_cell(0)).event;
            assert_eq!(again, Some(Found::Readiness(key, Ready::READABLE)));
        });
    }

    #[test]
    fn a_key_is_never_resolved_to_a_later_registration() {
        loom::model(|| {
            let cells = Arc::new(Cells::default());
            let (interest, opts) = (Ready::READABLE, PollOpt::EDGE);
            let lease = cells.give(interest);
            lease.cell().register(Token(1), interest, opts);
            let Some(Found::Readiness(key, _)) = lease.cell().take(Index::of_cell(0)).event else {
                panic!("it is ready");
            };
            let reader = thread::spawn(move || {
                let found = cells.resolve(0, key.generation());
                assert!(
                    found.is_none_or(|(token, _)| token == Token(1)),
                    "{found:?}"
                );
            });
            lease.cell().register(Token(2), interest, opts);
            reader.join().unwrap();
        });
    }

    #[test]
    fn a_wake_is_counted_once() {
        loom::model(|| {
            let cells = Arc::new(Cells::default());
            let lease = cells.give_to_waker(Some(Token(1)));
            lease.cell().wake();
            let waker = thread::spawn(move || {
                for _ in 0..2 {
                    lease.cell().wake();
                }
                lease
            });
            let index = Index::of_cell(0);
            let meanwhile = cells.get(0).unwrap().take(index).wakes;
            let lease = waker.join().unwrap();
            assert_eq!(meanwhile + lease.cell().take(index).wakes, 3);
        });
    }
}
