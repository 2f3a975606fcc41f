#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod event;
mod kinds;
mod poll_opt;
mod ready;
mod token;

pub use crate::event::Event;
#[doc(hidden)]
pub use crate::kinds::Kinds;
pub use crate::poll_opt::PollOpt;
pub use crate::ready::Ready;
pub use crate::token::Token;
