//! What the calls promise, against the system's own word.

mod calls;
