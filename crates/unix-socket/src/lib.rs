// Elsewhere there is nothing, so that the README has no tests there either.
#![cfg_attr(unix, doc = include_str!("../README.md"))]
#![cfg_attr(not(unix), doc = "Nothing: it is for Unix.")]
#![cfg(unix)]

mod addr;
mod datagram;
mod listener;
mod os;
mod rights;
mod stream;

pub use crate::datagram::UnixDatagram;
pub use crate::listener::UnixListener;
pub use crate::os::Credentials;
pub use crate::rights::{MAX_FDS, Received};
pub use crate::stream::UnixStream;
