//! The stream's behaviour, on every backend of the machine.

mod close;
mod connect;
mod edges;
mod identity;
mod options;
mod support;
mod transfer;

#[cfg(target_os = "linux")]
mod budget;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod fast_open;
#[cfg(unix)]
mod process;
