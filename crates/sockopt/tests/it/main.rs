//! What the options do, on real sockets.

mod catalogue;
mod keepalive;
mod ranges;
mod round_trip;
mod sockets;
mod support;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod tcp_info;
