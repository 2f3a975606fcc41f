//! The plain values of readiness-based I/O: [`Token`], [`Ready`], [`PollOpt`] and [`Event`].
//!
//! A [`Token`] names a source, a [`Ready`] says what it is ready for (or what one is interested
//! in), a [`PollOpt`] says when that is reported, and an [`Event`] is a token together with a
//! readiness. The crate is `no_std`, has no unsafe code and calls no operating system; the crate
//! `selector` fills these values with life.
//!
//! ```
//! use token_ready::{Event, PollOpt, Ready, Token};
//!
//! let event = Event::new(Ready::READABLE | Ready::READ_CLOSED, Token(7));
//! assert_eq!(event.token(), Token(7));
//! assert!(event.is_readable() && event.is_read_closed() && !event.is_writable());
//!
//! // What mio 0.6 wrote as functions reads the same here.
//! assert_eq!(Ready::readable() | Ready::writable(), Ready::READABLE | Ready::WRITABLE);
//! assert_eq!(format!("{:?}", Ready::readable() | Ready::writable()), "READABLE | WRITABLE");
//! assert!((PollOpt::edge() | PollOpt::oneshot()).is_oneshot());
//! ```

#![no_std]
#![forbid(unsafe_code)]

mod event;
mod poll_opt;
mod ready;
mod token;

pub use crate::event::Event;
pub use crate::poll_opt::PollOpt;
pub use crate::ready::Ready;
pub use crate::token::Token;
