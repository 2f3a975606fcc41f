//! The listener's behaviour, on every backend of the machine.

mod accept;
mod edges;
mod identity;
mod support;

#[cfg(target_os = "linux")]
mod budget;
#[cfg(unix)]
mod descriptors;
