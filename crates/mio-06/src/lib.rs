#![doc = include_str!("../README.md")]
#![allow(deprecated, reason = "the deprecated parts use each other")]

#[macro_use]
mod source;

mod bufs;
pub mod event;
pub mod net;
mod poll;
mod poll_opt;
mod ready;
mod registration;

#[cfg(unix)]
pub mod unix;

#[cfg(feature = "with-deprecated")]
#[deprecated(note = "mio-extras has channels")]
pub mod channel;
#[cfg(feature = "with-deprecated")]
#[deprecated(note = "write the loop around `Poll::poll`")]
pub mod deprecated;
#[cfg(feature = "with-deprecated")]
#[deprecated(note = "mio-extras has a timer")]
pub mod timer;
#[cfg(feature = "with-deprecated")]
#[deprecated(note = "`net` has a `UdpSocket`")]
pub mod udp;

#[cfg(feature = "with-deprecated")]
#[deprecated(note = "`net` has them")]
pub mod tcp {
    //! The types of [`net`](crate::net) under their first names.

    pub use crate::net::{TcpListener, TcpStream};
    pub use std::net::Shutdown;
}

pub use crate::event::Events;
#[cfg(feature = "with-deprecated")]
pub use crate::event::{Event, Evented, Iter as EventsIter};
pub use crate::poll::Poll;
pub use crate::poll_opt::PollOpt;
pub use crate::ready::Ready;
pub use crate::registration::{Registration, SetReadiness};
#[cfg(feature = "with-deprecated")]
pub use iovec::IoVec;
pub use readywire::Token;

/// Returns an error of the kind `WouldBlock`.
#[cfg(feature = "with-deprecated")]
#[deprecated(note = "use `std::io::ErrorKind::WouldBlock.into()`")]
pub fn would_block() -> std::io::Error {
    std::io::ErrorKind::WouldBlock.into()
}
