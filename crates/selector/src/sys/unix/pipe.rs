//! A wake handle made of a pipe, where there is nothing smaller.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::fd::check;

pub(super) struct WakeFd {
    reader: PipeReader,
    writer: PipeWriter,
}

impl WakeFd {
    pub(super) fn new() -> io::Result<WakeFd> {
        // Close-on-exec on both ends already.
        let (reader, writer) = io::pipe()?;
        set_nonblocking(reader.as_fd())?;
        set_nonblocking(writer.as_fd())?;
        Ok(WakeFd { reader, writer })
    }

    /// Makes the handle readable.
    pub(super) fn set(&self) -> io::Result<()> {
        match (&self.writer).write(&[1]) {
            // Full, so it is readable already.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result.map(drop),
        }
    }

    /// Makes the handle unreadable.
    pub(super) fn clear(&self) {
        while matches!((&self.reader).read(&mut [0; 64]), Ok(64)) {}
    }
}

impl AsFd for WakeFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: reads the flags of a descriptor that is borrowed, hence open.
    let flags = check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })?;
    // SAFETY: writes the flags of the same descriptor.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    Ok(())
}
