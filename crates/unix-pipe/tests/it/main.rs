//! The pipe's behaviour, on every backend of the machine.
#![cfg(unix)]

mod child;
mod edges;
mod pipe;

#[cfg(target_os = "linux")]
mod budget;
