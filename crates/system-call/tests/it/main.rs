//! What the calls promise, against the system's own word: the same whether they are made in place or by
//! the C library (the feature `use-libc`).
#![cfg(unix)]

mod data;
mod errors;

cfg_if::cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android"))] {
        mod epoll;
        mod registers;
    }
}
