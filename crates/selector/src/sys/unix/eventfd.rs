//! A wake handle made of an `eventfd(2)`.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd};

use super::fd::check;

pub(super) struct WakeFd(File);

impl WakeFd {
    pub(super) fn new() -> io::Result<WakeFd> {
        // SAFETY: takes two numbers, touches no memory of ours.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the descriptor has just been made and nobody else knows it.
        Ok(WakeFd(unsafe { File::from_raw_fd(fd) }))
    }

    /// Makes the handle readable.
    pub(super) fn set(&self) -> io::Result<()> {
        let one = 1_u64.to_ne_bytes();
        match system_call::write(self.0.as_fd(), &one) {
            // The counter is at its limit, after 2^64 - 2 wakes: drain it, and count anew.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear();
                system_call::write(self.0.as_fd(), &one).map(drop)
            }
            result => result.map(drop),
        }
    }

    /// Makes the handle unreadable.
    pub(super) fn clear(&self) {
        // Nothing to read is what is wanted, so that an error has nothing to tell.
        let _unset = (&self.0).read(&mut [0; 8]).is_err();
    }
}

impl AsFd for WakeFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
