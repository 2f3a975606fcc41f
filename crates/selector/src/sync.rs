//! The atomics that the wake-up protocol is made of, so that a model checker can stand in for them.

// Some processors of 32 bits have no atomics of 64; there these take a lock of their own.
#[cfg(not(loom))]
pub(crate) use portable_atomic::AtomicU64;
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

/// Stands between two sequentially consistent operations whose order matters.
///
/// The memory model orders them as they are, and a real fence would cost as much as both. Loom
/// knows sequential consistency of fences alone, and so gets one.
#[inline]
pub(crate) fn between_sequential() {
    #[cfg(loom)]
    loom::sync::atomic::fence(Ordering::SeqCst);
}
