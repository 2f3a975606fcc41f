//! The facade as its users see it: programs in its names, and the example as a process.

mod chat;
mod echo;
mod executor;
#[cfg(target_os = "linux")]
mod faults;
mod httpd;
mod mio_06;
mod process;
mod program;
#[cfg(target_os = "linux")]
mod proofs;
mod proxy;
mod readme;
