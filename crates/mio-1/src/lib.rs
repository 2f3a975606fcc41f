#![doc = include_str!("../README.md")]

/// Logs what a registry is asked to do, as mio does.
#[cfg(feature = "log")]
macro_rules! trace {
    ($($message:tt)*) => { log::trace!($($message)*) };
}

#[cfg(not(feature = "log"))]
macro_rules! trace {
    ($($message:tt)*) => {};
}

#[cfg(any(feature = "net", feature = "os-ext"))]
#[macro_use]
mod source;

pub mod event;
mod interest;
#[cfg(feature = "net")]
pub mod net;
mod poll;
mod waker;

#[cfg(all(unix, feature = "os-ext"))]
pub mod unix;
#[cfg(all(windows, feature = "os-ext"))]
pub mod windows;

pub use crate::event::Events;
pub use crate::interest::Interest;
pub use crate::poll::{Poll, Registry};
pub use crate::waker::Waker;
pub use readywire::Token;
