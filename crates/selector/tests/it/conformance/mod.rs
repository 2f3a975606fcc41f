//! The contract, one module a clause, each test on every backend of the system.
//!
//! Clauses 8 and 9 are the socket crates' alone.

mod clause01_registering;
mod clause02_rearming;
mod clause02_triggers;
mod clause03_events;
mod clause04_ghosts;
mod clause05_time;
mod clause06_threads;
// On Windows a `Poll` has no descriptor and is no `Evented`.
#[cfg(unix)]
mod clause07_nesting;
mod clause07_waking;
#[cfg(unix)]
mod clause10_descriptors;
mod model;
