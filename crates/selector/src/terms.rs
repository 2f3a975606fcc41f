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
