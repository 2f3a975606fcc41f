#![doc = include_str!("../README.md")]

mod bufs;
mod os;
mod socket;

pub use crate::bufs::{skip_empty, span, total};
pub use crate::os::*;
pub use crate::socket::{
    Received, accept, accept_blocking, connect, connecting, ip_address, peek, peek_from, recv,
    recv_from, recv_from_vectored, recv_vectored, send, send_to, send_to_vectored, send_vectored,
    socket,
};
