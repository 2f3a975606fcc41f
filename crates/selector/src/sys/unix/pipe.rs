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

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    /// How many bytes are in the pipe, each of which a wake has written.
    fn len(wake: &WakeFd) -> usize {
        testkit::drain(&wake.reader)
    }

    #[test]
    fn a_full_pipe_stays_readable() {
        let wake = WakeFd::new().unwrap();
        let write = || (&wake.writer).write(&[1]);
        let full = std::iter::repeat_with(write)
            .take_while(io::Result::is_ok)
            .count();
        wake.set().unwrap();
        assert_eq!(len(&wake), full);
        wake.set().unwrap();
        assert_eq!(len(&wake), 1);
    }

    #[test]
    fn a_pipe_without_a_reader_is_an_error() {
        let (_, writer) = system_call::pipe().unwrap();
        let (reader, _) = system_call::pipe().unwrap();
        let wake = WakeFd {
            reader: reader.into(),
            writer: writer.into(),
        };
        assert_eq!(wake.set().unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn clearing_takes_every_byte() {
        let wake = WakeFd::new().unwrap();
        for count in [0, 1, 63, 64, 65, 128, 1000] {
            for _ in 0..count {
                wake.set().unwrap();
            }
            wake.clear();
            assert_eq!(len(&wake), 0, "{count}");
        }
    }
}
