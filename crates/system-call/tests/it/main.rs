//! What the calls promise, against the system's own word: the same whether they are made in place or by
//! the C library (`--cfg readywire_libc`).
#![cfg(unix)]

mod data;
mod errors;
mod options;

cfg_if::cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android"))] {
        mod accept;
        mod epoll;
        mod registers;
    }
}

/// Stands where nothing may be written.
const UNTOUCHED: u8 = 0xa5;
