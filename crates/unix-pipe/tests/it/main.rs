//! The pipe's behaviour, on every backend of the machine.
#![cfg(unix)]

mod child;
mod pipe;

#[cfg(all(target_os = "linux", not(readywire_libkqueue)))]
mod budget;
