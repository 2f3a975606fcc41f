//! Storage that grows and never moves, so that it can be read while it grows, and the numbers by which
//! its parts are known.

use std::sync::OnceLock;

/// Blocks by number, made as they are needed: the first `NEAR` are one step away, the others in tiers
/// that double.
pub(crate) struct Blocks<B, const NEAR: usize> {
    near: Box<[OnceLock<B>; NEAR]>,
    tiers: Box<[Tier<B>]>,
}

type Tier<B> = OnceLock<Box<[OnceLock<B>]>>;

const FIRST: u32 = 64;
const TIERS: usize = 18;

impl<B, const NEAR: usize> Default for Blocks<B, NEAR> {
    fn default() -> Blocks<B, NEAR> {
        Blocks {
            near: array(unset(NEAR)),
            tiers: unset(TIERS),
        }
    }
}

fn unset<T>(len: usize) -> Box<[OnceLock<T>]> {
    (0..len).map(|_| OnceLock::new()).collect()
}

/// Takes a slice on the heap, made of so many elements, for an array: to make the array itself would
/// take its size in stack.
pub(crate) fn array<S, A: TryFrom<S>>(slice: S) -> A {
    slice
        .try_into()
        .unwrap_or_else(|_| unreachable!("the slice has the array's length"))
}

impl<B, const NEAR: usize> Blocks<B, NEAR> {
    /// The tier of a block that is not near, and its place there.
    fn place(number: u32) -> (usize, usize) {
        let shifted = number - NEAR as u32 + FIRST;
        let tier = shifted.ilog2();
        (
            (tier - FIRST.ilog2()) as usize,
            (shifted - (1 << tier)) as usize,
        )
    }

    /// Returns where a block is or will be, if it is near.
    #[inline]
    pub(crate) fn near(&self, number: u32) -> Option<&OnceLock<B>> {
        self.near.get(number as usize)
    }

    /// Returns a block that has been made.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&B> {
        match self.near(number) {
            Some(block) => block.get(),
            None => self.get_far(number),
        }
    }

    #[inline(never)]
    fn get_far(&self, number: u32) -> Option<&B> {
        let (tier, at) = Blocks::<B, NEAR>::place(number);
        self.tiers.get(tier)?.get()?.get(at)?.get()
    }

    /// Returns a block, made by `make` if it is not there yet.
    #[inline]
    pub(crate) fn get_or_make(&self, number: u32, make: impl FnOnce() -> B) -> &B {
        match self.near(number).and_then(OnceLock::get) {
            Some(block) => block,
            None => self.make(number, make),
        }
    }

    #[cold]
    fn make(&self, number: u32, make: impl FnOnce() -> B) -> &B {
        if let Some(block) = self.near(number) {
            return block.get_or_init(make);
        }
        let (tier, at) = Blocks::<B, NEAR>::place(number);
        let blocks = self.tiers[tier].get_or_init(|| unset((FIRST as usize) << tier));
        blocks[at].get_or_init(make)
    }

    /// The blocks that have been made, with their numbers; one may be there without those before it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &B)> {
        let near = (0..).zip(self.near.iter());
        let far = (0..).zip(self.tiers.iter()).flat_map(|(tier, blocks)| {
            let first = NEAR as u32 + (FIRST << tier) - FIRST;
            (first..).zip(blocks.get().into_iter().flatten())
        });
        let blocks = near.chain(far);
        blocks.filter_map(|(number, block)| Some((number, block.get()?)))
    }
}

/// Numbers that are given out and taken back.
#[derive(Default)]
pub(crate) struct Numbers {
    next: u32,
    free: Vec<u32>,
}

impl Numbers {
    pub(crate) fn give(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }

    pub(crate) fn take_back(&mut self, number: u32) {
        self.free.push(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: u32 = 16;

    #[test]
    fn every_number_has_a_place_of_its_own() {
        let blocks = Blocks::<u32, { NEAR as usize }>::default();
        let last_of_first = NEAR + FIRST - 1;
        let last_of_second = NEAR + 3 * FIRST - 1;
        let numbers = [
            0,
            1,
            NEAR - 1,
            NEAR,
            last_of_first,
            last_of_first + 1,
            last_of_second,
            last_of_second + 1,
            10_000,
        ];
        for number in numbers {
            assert_eq!(blocks.get(number), None);
            assert_eq!(blocks.get_or_make(number, || number), &number);
        }
        for number in numbers {
            assert_eq!(blocks.get(number), Some(&number));
            assert_eq!(blocks.get_or_make(number, || 0), &number);
        }
        assert!(
            blocks
                .iter()
                .eq(numbers.iter().map(|number| (*number, number)))
        );
    }

    #[test]
    fn a_number_is_given_out_once_at_a_time() {
        let mut numbers = Numbers::default();
        assert_eq!([numbers.give(), numbers.give(), numbers.give()], [0, 1, 2]);
        numbers.take_back(1);
        assert_eq!([numbers.give(), numbers.give()], [1, 3]);
    }

    #[test]
    fn what_is_beyond_all_tiers_is_not_there() {
        let blocks = Blocks::<(), { NEAR as usize }>::default();
        let most = NEAR + (FIRST << TIERS) - FIRST;
        assert_eq!(blocks.get(most - 1), None);
        assert_eq!(blocks.get(most), None);
        assert_eq!(blocks.get(u32::MAX - FIRST), None);
    }
}
