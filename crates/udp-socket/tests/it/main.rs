//! The socket's behaviour, on every backend of the machine.

mod datagrams;
mod edges;
mod events;
mod identity;
mod options;
mod support;

#[cfg(target_os = "linux")]
mod budget;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod many;
#[cfg(unix)]
mod process;
