//! The listener's behaviour, on every backend of the machine.

mod accept;
mod identity;
mod support;

#[cfg(all(target_os = "linux", not(readywire_libkqueue)))]
mod budget;
#[cfg(unix)]
mod descriptors;
