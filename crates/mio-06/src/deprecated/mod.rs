//! The event loop that mio had before 0.6.5, with its Unix sockets and pipes.

mod event_loop;
#[cfg(unix)]
pub mod unix;

use std::io::{self, Read, Write};

pub use self::event_loop::{EventLoop, EventLoopBuilder, Handler, NotifyError, Sender};
#[cfg(unix)]
pub use self::unix::{PipeReader, PipeWriter, Shutdown, UnixListener, UnixStream, pipe};

/// Reads that return `None` where they would block.
pub trait TryRead {
    /// Reads into `buf`; `None` if there is nothing to be read.
    ///
    /// # Errors
    /// Any error from the read but `WouldBlock`.
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>>;
}

impl<T: Read> TryRead for T {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        none_if_blocked(self.read(buf))
    }
}

/// Writes that return `None` where they would block.
pub trait TryWrite {
    /// Writes `buf`; `None` if there is no room.
    ///
    /// # Errors
    /// Any error from the write but `WouldBlock`.
    fn try_write(&mut self, buf: &[u8]) -> io::Result<Option<usize>>;
}

impl<T: Write> TryWrite for T {
    fn try_write(&mut self, buf: &[u8]) -> io::Result<Option<usize>> {
        none_if_blocked(self.write(buf))
    }
}

/// Listeners that return `None` where they would block.
pub trait TryAccept {
    /// What is accepted.
    type Output;

    /// Accepts a connection; `None` if there is none.
    ///
    /// # Errors
    /// Any error from the listener but `WouldBlock`.
    fn accept(&self) -> io::Result<Option<Self::Output>>;
}

/// Turns `WouldBlock` into `None`.
pub(crate) fn none_if_blocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}
