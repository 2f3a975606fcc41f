//! Readiness-based, non-blocking TCP: one thread, thousands of connections, no runtime.
//!
//! A program registers its sockets with a [`Poll`], each under a [`Token`], with the readiness that it waits for
//! ([`Ready`]) and the trigger ([`PollOpt`]). [`Poll::poll`] then sleeps until a source is ready and
//! returns the ready ones as [`Events`]; reading and writing is up to the program. The
//! model and the names are those of mio 0.6, the guarantees go further: see
//! [below](#what-holds-everywhere).
//!
//! Connect, and wait until the connection stands:
//!
//! ```
//! use readywire::net::TcpStream;
//! use readywire::{Events, Poll, PollOpt, Ready, Token};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let address = listener.local_addr()?.to_string();
//! let stream = TcpStream::connect(&address.parse()?)?;
//!
//! let poll = Poll::new()?;
//! let mut events = Events::with_capacity(128);
//! poll.register(&stream, Token(0), Ready::writable(), PollOpt::edge())?;
//!
//! poll.poll(&mut events, Some(Duration::from_secs(10)))?;
//! for event in &events {
//!     if event.token() == Token(0) && event.is_writable() {
//!         stream.finish_connect()?;
//!         println!("connected to {}", stream.peer_addr()?);
//!     }
//! }
//! # assert_eq!(stream.peer_addr()?, listener.local_addr()?);
//! # Ok(())
//! # }
//! ```
//!
//! The [`guide`] explains how to write such a program well: triggers, connecting, waking,
//! back-pressure, sandboxes, how to come here from mio, and the decisions behind the API. The examples are
//! complete programs: `echo` (a server and its clients), `proxy`, `httpd` and `chat`.
//!
//! # What holds everywhere
//! On every [`Backend`], and each point has its tests:
//!
//! * **No stale events.** Once a source is deregistered or dropped, none of its events is returned:
//!   not from the batch in hand, not to a new socket with the same descriptor number.
//! * **No lost event.** Level, edge and oneshot mean the same everywhere; where a system does not have one
//!   it is emulated. Events may be spurious, but are never lost.
//! * **One source, one `Poll`.** Anything else is refused with a [`RegistrationError`].
//! * **Any token.** No value is reserved.
//! * **Any thread.** Register, deregister and wake while other threads poll.
//! * **Options are all or nothing**, and a refusal names the option and its range.
//!
//! # The crates below
//! This crate only puts together what may as well be used alone: `token-ready` (the plain values),
//! `selector` (`Poll` and the backends), `sockopt` (socket options, here [`sockopt`]), and a crate
//! for each kind of socket, such as `tcp-stream`.
//!
//! # Features
//! `udp`, `uds` (Unix sockets) and `pipe` add their types, and are on by default.
//!
//! `use-libc` makes every system call through the C library. Without it, 64-bit Linux and Android on x86-64
//! and ARM make those of each poll, registration and message in place, which a library loaded by `LD_PRELOAD`
//! does not see. torsocks and proxychains need no feature, as `socket`, `connect`, `accept` and options always go
//! through the C library. Enable it for libraries that replace all socket calls, such as Onload and VMA.
//! Nothing else changes.

pub use selector::{
    AsSource, Backend, Batches, BusyPoll, Evented, Events, IoSource, Poll, PollId, Registration,
    RegistrationError, SetReadiness, Stats, Waker,
};
pub use token_ready::{Event, PollOpt, Ready, Token};

#[doc(inline)]
pub use ::sockopt;

pub mod event;
pub mod guide;
pub mod net;
#[cfg(unix)]
pub mod unix;

/// The README's code is compiled and run as a doctest.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
