#![doc = include_str!("../README.md")]

mod backend;
mod batches;
mod blocks;
mod busy_poll;
mod cells;
mod error;
mod evented;
mod events;
mod key;
mod poll;
mod queue;
mod shared;
mod source;
mod standing;
mod stats;
mod sync;
mod sys;
mod table;
mod terms;
mod user;

pub use crate::backend::Backend;
pub use crate::batches::Batches;
pub use crate::busy_poll::BusyPoll;
pub use crate::error::RegistrationError;
pub use crate::evented::Evented;
pub use crate::events::{Events, IntoIter, Iter};
pub use crate::poll::{Poll, PollId};
pub use crate::source::IoSource;
pub use crate::stats::Stats;
pub use crate::sys::AsSource;
#[cfg(all(fuzzing, unix))]
#[doc(hidden)]
pub use crate::sys::fuzzing;
#[cfg(unix)]
pub use crate::sys::{EventedFd, EventedPoll};
pub use crate::user::{Registration, SetReadiness, Waker};
pub use token_ready::{Event, PollOpt, Ready, Token};
