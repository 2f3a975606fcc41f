//! The facade as its users see it: programs in its names, and the example as a process.

mod chat;
mod echo;
mod executor;
#[cfg(target_os = "linux")]
mod faults;
mod httpd;
mod mio_06;
// The compiler of this machine makes libraries for the processor of this machine.
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_arch = "x86_64",
    target_pointer_width = "64"
))]
mod preload;
mod process;
mod program;
#[cfg(target_os = "linux")]
mod proofs;
mod proxy;
mod readme;
