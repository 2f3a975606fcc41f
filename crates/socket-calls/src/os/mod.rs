//! What differs by system. Nothing outside this folder names one.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

cfg_if::cfg_if! {
    if #[cfg(unix)] {
        pub use self::unix::{MAX_BUFS, pair, silence};
        pub(crate) use self::unix::{
            SEND_FLAGS, accept, accept_blocking, connecting, recv, recv_vectored, send,
            send_vectored, socket,
        };
    } else if #[cfg(windows)] {
        pub use self::windows::{MAX_BUFS, silence};
        pub(crate) use self::windows::{
            SEND_FLAGS, accept, accept_blocking, connecting, recv, recv_vectored, send,
            send_vectored, socket,
        };
    } else {
        compile_error!("readywire needs the sockets of a Unix or of Windows");
    }
}
