//! How the token and the interest of a registration are read without a lock while they change.
//!
//! They are two words: the token, and a word with the [`Meta`] that also counts the changes. Readers
//! get both as they were set together, or nothing. A reader takes an old value for a new one only if
//! 4,096 changes, or a multiple of that, fall between its first and its last load.

use token_ready::Token;

use crate::key::Meta;
use crate::sync::{AtomicUsize, Ordering};

/// The bits of the word that count changes; those below are the [`Meta`].
const CHANGES: u32 = !(u32::MAX >> 12);
const CHANGE: u32 = 1 << 20;

/// Returns the bits of the next change, after the bits `before`: those to be seen while it is made,
/// which let nothing be reported, and those to be seen afterwards.
#[inline]
pub(crate) fn next(before: u32, meta: Meta) -> [u32; 2] {
    let changes = (before & CHANGES).wrapping_add(CHANGE);
    [changes, changes | meta.to_bits()]
}

/// Sets the token, and the word by `store`. The caller makes sure that nobody else does meanwhile.
#[inline]
pub(crate) fn set<W>(
    store: impl Fn(W, Ordering),
    token: &AtomicUsize,
    [during, afterwards]: [W; 2],
    new: Token,
) {
    store(during, Ordering::Relaxed);
    // A reader of the new token sees that there is a change, since this releases the store before.
    token.store(new.0, Ordering::Release);
    store(afterwards, Ordering::Release);
}

/// Returns the token, and the word that `load` loads; nothing if a change falls between the loads.
///
/// What the caller loads afterwards is at least as new.
#[inline]
pub(crate) fn get<W: PartialEq>(
    load: impl Fn(Ordering) -> W,
    token: &AtomicUsize,
) -> Option<(Token, W)> {
    let before = load(Ordering::Acquire);
    let token = token.load(Ordering::Acquire);
    let after = load(Ordering::Relaxed);
    (before == after).then_some((Token(token), after))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::Cell;
    use std::collections::HashSet;

    use token_ready::{PollOpt, Ready};

    use super::*;

    const META: Meta = Meta {
        interest: Ready::READABLE,
        opts: PollOpt::EDGE,
        owned: true,
    };

    #[test]
    fn changes_to_the_same_terms_differ_until_their_count_wraps() {
        let first = META.to_bits();
        let (mut bits, mut seen) = (first, HashSet::new());
        for _ in 0..4096 {
            assert!(seen.insert(bits), "{bits:#x} came before");
            let [during, afterwards] = next(bits, META);
            assert!(Meta::mask(during).is_empty(), "{during:#x}");
            assert_eq!(Meta::from_bits(afterwards), META);
            bits = afterwards;
        }
        assert_eq!(bits, first);
    }

    #[test]
    fn nothing_is_read_of_what_changes_meanwhile() {
        let token = AtomicUsize::new(7);
        assert_eq!(get(|_| 1, &token), Some((Token(7), 1)));
        let loads = Cell::new(0);
        let load = |_| loads.replace(loads.get() + 1);
        assert_eq!(get(load, &token), None);
    }
}
