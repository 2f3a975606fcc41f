//! Counts the forks of this process: each child has a duplicate of every descriptor.

use std::ffi::c_int;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static FORKS: AtomicU32 = AtomicU32::new(0);

/// Returns how often the process has forked since the first call of this function.
#[inline]
pub(super) fn forks() -> u32 {
    static COUNTED: Once = Once::new();
    COUNTED.call_once(|| {
        // SAFETY: the handler touches an atomic number alone, which is safe in any context.
        let failed = unsafe { pthread_atfork(Some(count), None, None) };
        // Fails only if there is no memory; then forks go unnoticed.
        debug_assert_eq!(failed, 0);
    });
    FORKS.load(Ordering::Relaxed)
}

/// Runs in the parent before the child exists.
extern "C" fn count() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

type Handler = Option<extern "C" fn()>;

unsafe extern "C" {
    fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> c_int;
}
