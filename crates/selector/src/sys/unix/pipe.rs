//! A wake handle made of a pipe, where there is nothing smaller.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

pub(super) struct WakeFd {
    reader: File,
    writer: File,
}

impl WakeFd {
    pub(super) fn new() -> io::Result<WakeFd> {
        let (reader, writer) = system_call::pipe()?;
        Ok(WakeFd {
            reader: reader.into(),
            writer: writer.into(),
        })
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
