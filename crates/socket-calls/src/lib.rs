#![doc = include_str!("../README.md")]

mod bufs;
mod os;
mod socket;

pub use crate::bufs::{skip_empty, span};
pub use crate::os::*;
pub use crate::socket::{
    Received, accept, accept_blocking, connect, connecting, peek, recv, recv_from_vectored,
    recv_vectored, send, send_to, send_to_vectored, send_vectored, socket,
};
