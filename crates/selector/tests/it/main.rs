//! The tests of `selector`, in one program.

mod conformance;

use selector::{Backend, Events, Poll};

/// A `Poll` on `backend`, and a batch with room for all that a test has.
#[track_caller]
fn setup(backend: Backend) -> (Poll, Events) {
    let poll = Poll::with_backend(backend).expect("a backend of this system");
    (poll, Events::with_capacity(64))
}
