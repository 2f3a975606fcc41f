//! A wake handle made of an `eventfd(2)`, or of a pipe where that is refused.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd};

use crate::sys::unix::fd::check;
use crate::sys::unix::pipe;

pub(crate) enum WakeFd {
    Eventfd(File),
    Pipe(pipe::WakeFd),
}

impl WakeFd {
    pub(crate) fn new() -> io::Result<WakeFd> {
        // SAFETY: takes two numbers, touches no memory of ours.
        match check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) }) {
            // SAFETY: the descriptor has just been made and nobody else knows it.
            Ok(fd) => Ok(WakeFd::Eventfd(unsafe { File::from_raw_fd(fd) })),
            // If both fail, the reason of the pipe is the one that a caller can act on.
            Err(_) => pipe::WakeFd::new().map(WakeFd::Pipe),
        }
    }

    /// Makes the handle readable, which is a new edge also if it was readable before.
    pub(crate) fn set(&self) -> io::Result<()> {
        let eventfd = match self {
            WakeFd::Eventfd(eventfd) => eventfd,
            WakeFd::Pipe(pipe) => {
                // Some kernels report an edge for the first write into an empty pipe alone.
                pipe.clear();
                return pipe.set();
            }
        };
        let one = 1_u64.to_ne_bytes();
        match system_call::write(eventfd.as_fd(), &one) {
            // The counter is at its limit, after 2^64 - 2 wakes: drain it, and begin again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear();
                system_call::write(eventfd.as_fd(), &one).map(drop)
            }
            result => result.map(drop),
        }
    }

    /// Makes the handle unreadable.
    pub(crate) fn clear(&self) {
        match self {
            // Nothing to read is what is wanted, so that an error has nothing to tell.
            WakeFd::Eventfd(eventfd) => {
                let _unset = (&*eventfd).read(&mut [0; 8]).is_err();
            }
            WakeFd::Pipe(pipe) => pipe.clear(),
        }
    }
}

impl AsFd for WakeFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            WakeFd::Eventfd(eventfd) => eventfd.as_fd(),
            WakeFd::Pipe(pipe) => pipe.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most that the counter of an `eventfd(2)` holds.
    const FULL: u64 = u64::MAX - 1;

    /// What the counter holds.
    fn count(eventfd: &File) -> u64 {
        let mut count = [0; 8];
        (&*eventfd).read_exact(&mut count).unwrap();
        u64::from_ne_bytes(count)
    }

    #[test]
    fn a_full_counter_begins_again() {
        let wake = WakeFd::new().unwrap();
        let WakeFd::Eventfd(eventfd) = &wake else {
            return testkit::skip("no eventfd(2)");
        };
        system_call::write(eventfd.as_fd(), &FULL.to_ne_bytes()).unwrap();
        wake.set().unwrap();
        wake.set().unwrap();
        assert_eq!(count(eventfd), 2);
    }

    #[test]
    fn a_handle_that_cannot_be_written_is_an_error() {
        let unwritable = File::open("/dev/null").unwrap();
        let error = WakeFd::Eventfd(unwritable).set().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    }
}
