//! The sockets' behaviour, on every backend of the machine.
#![cfg(unix)]

mod addresses;
mod datagram;
mod descriptors;
mod edges;
mod identity;
mod listener;
mod process;
mod stream;
mod support;

#[cfg(target_os = "linux")]
mod budget;
