//! Helpers of the tests of readywire.
//!
//! What lives here: pairs of connected sockets, waiting for events under a deadline, threads that
//! are waited for under a deadline, waiting for what is on its way, tests in a process of their own,
//! descriptors and system calls counted, system calls refused, and tests skipped, with the reason, that this
//! machine cannot run.
//! A test that hangs ends its process with its name: after 15 minutes, or as many seconds as the
//! environment variable `READYWIRE_TEST_LIMIT` says.
//! Helpers panic at their caller's line and say what they saw.
//! No test lives here, and no wait for the clock: silence is proved by a later event ([`Sentinel`]).

#![allow(
    clippy::missing_const_for_thread_local,
    reason = "they are const; clippy does not see it on systems without native thread locals"
)]

mod arrival;
mod backends;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod budget;
mod moments;
pub mod platform;
mod random;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod sandbox;
mod skip;
mod sockets;
mod stand_ins;
mod tasks;
#[cfg(unix)]
mod unix;
mod wait;
mod watchdog;

pub use crate::arrival::{end_is_told_behind_data, until_over, until_read_closed, until_readable};
pub use crate::backends::{Test, all_backends};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use crate::budget::{expect_calls, measure};
pub use crate::moments::{Moment, expect_data_around_urgent_data, expect_end};
pub use crate::random::Random;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use crate::sandbox::{Call, Refusal, refuse};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use crate::skip::lacks_strace;
pub use crate::skip::{
    lacks_file, lacks_ipv6, lacks_ipv6_sockets, lacks_option, lacks_urgent_data, loopbacks, skip,
};
pub use crate::sockets::{
    Blackhole, blackhole, drain, fill, refused_address, reset, tcp_pair, tcp_pair_on,
};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use crate::sockets::{Reservation, reserve};
pub use crate::stand_ins::{on_qemu, on_wine};
pub use crate::tasks::{Task, spawn};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use crate::unix::in_child_with_faults;
#[cfg(target_os = "linux")]
pub use crate::unix::in_child_with_preload;
#[cfg(unix)]
pub use crate::unix::{
    Interruptions, descriptors, expect_ended, expect_ended_despite_duplicates, in_child,
    interrupt_every, interrupt_every_with, is_close_on_exec, limit_descriptors,
    lower_descriptor_limit, nonblocking, pipe, restore_sigpipe, runner, unix_pair,
};
pub use crate::wait::{
    DEADLINE, Sentinel, collect, expect_edges, expect_evented, expect_events, expect_nothing_now,
    expect_readiness, expect_silence, until,
};
