//! The atomics that the wake-up protocol is made of, so that a model checker can stand in for them.

// Some 32-bit processors have no 64-bit atomics: there each of these takes a lock.
#[cfg(all(not(loom), not(target_pointer_width = "64")))]
pub(crate) use portable_atomic::AtomicU64;
#[cfg(all(not(loom), target_pointer_width = "64"))]
pub(crate) use std::sync::atomic::AtomicU64;
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
};

#[cfg(loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

/// Reads an atomic by `access`, which is given `ordering`.
///
/// The memory model puts all `SeqCst` accesses into one order, but loom does so for fences alone. Under
/// loom there is a fence between a write by [`write()`] and the next access of the same thread, if both
/// are `SeqCst`. If either is weakened there is none, and a model can fail.
#[inline(always)]
pub(crate) fn read<R>(ordering: Ordering, access: impl FnOnce(Ordering) -> R) -> R {
    #[cfg(loom)]
    fences::before(ordering);
    access(ordering)
}

/// Writes an atomic, or reads and writes it, by `access`, as [`read`] does.
#[inline(always)]
pub(crate) fn write<R>(ordering: Ordering, access: impl FnOnce(Ordering) -> R) -> R {
    #[cfg(loom)]
    fences::before(ordering);
    let result = access(ordering);
    #[cfg(loom)]
    fences::after(ordering);
    result
}

#[cfg(loom)]
mod fences {
    use std::cell::Cell;

    use loom::sync::atomic::{Ordering, fence};

    loom::thread_local! {
        /// Whether the last write was `SeqCst`.
        static WRITTEN: Cell<bool> = Cell::new(false);
    }

    pub(super) fn before(ordering: Ordering) {
        if ordering == Ordering::SeqCst && WRITTEN.with(|written| written.replace(false)) {
            fence(Ordering::SeqCst);
        }
    }

    pub(super) fn after(ordering: Ordering) {
        WRITTEN.with(|written| written.set(ordering == Ordering::SeqCst));
    }
}
