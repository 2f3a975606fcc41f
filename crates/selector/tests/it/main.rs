//! The tests of `selector`, in one program.

mod batch;
mod conformance;
mod filters;
mod insight;
#[cfg(windows)]
mod windows;

use selector::{Backend, Events, Poll};

/// A `Poll` on `backend`, and a batch with room for all that a test has.
#[track_caller]
fn setup(backend: Backend) -> (Poll, Events) {
    let poll = Poll::with_backend(backend).expect("a backend of this system");
    (poll, Events::with_capacity(64))
}

/// Whether the end of a stream is told while what came before it is unread. Windows tells it, but
/// Wine, which stands in for Windows here, does once that was read.
const END_SHOWS_BEHIND_DATA: bool = cfg!(not(windows));

/// Whether a connection whose halves are both closed hangs up. AFD says of it what it says of a
/// half-close: that reading has ended.
fn tells_both_halves_closed(backend: Backend) -> bool {
    backend != Backend::Afd
}
