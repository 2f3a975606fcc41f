//! How to write a program on readiness. Docs only; all code in it is compiled and run.
//!
//! 1. [Readiness and the three triggers](triggers), with the classic mistakes
//! 2. [Connecting](connecting)
//! 3. [Waking](waking) a `Poll` from another thread
//! 4. [Back-pressure](back_pressure)
//! 5. [Sandboxes and old kernels](sandboxes)
//! 6. [Moving from mio 0.6](from_mio_06)
//! 7. [Moving from mio 1](from_mio_1)
//! 8. [I/O safety](io_safety): what registering a descriptor can do to its owner
//! 9. [Decisions](decisions) that later releases keep, with their reasons

#[doc = include_str!("guide/triggers.md")]
pub mod triggers {}

#[doc = include_str!("guide/connecting.md")]
pub mod connecting {}

#[doc = include_str!("guide/waking.md")]
pub mod waking {}

#[doc = include_str!("guide/back_pressure.md")]
pub mod back_pressure {}

#[doc = include_str!("guide/sandboxes.md")]
pub mod sandboxes {}

#[doc = include_str!("guide/from_mio_06.md")]
pub mod from_mio_06 {}

#[doc = include_str!("guide/from_mio_1.md")]
pub mod from_mio_1 {}

#[doc = include_str!("guide/io_safety.md")]
pub mod io_safety {}

#[doc = include_str!("guide/decisions.md")]
pub mod decisions {}
