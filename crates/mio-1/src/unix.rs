//! What only Unix has: descriptors as sources, and pipes.

use std::io;
use std::os::fd::RawFd;

use readywire::unix::EventedFd;

use crate::event::Source;
use crate::{Interest, Registry, Token};

/// A descriptor as a source. Its owner keeps it open as long as it is registered.
#[derive(Debug)]
pub struct SourceFd<'a>(
    /// The descriptor.
    pub &'a RawFd,
);

impl Source for SourceFd<'_> {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        registry.begin(&EventedFd(self.0), token, interests)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        registry.change(&EventedFd(self.0), token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.end(&EventedFd(self.0))
    }
}

pub mod pipe {
    //! Unix pipes.

    use std::io;
    use std::os::fd::OwnedFd;
    use std::process::{ChildStderr, ChildStdin, ChildStdout};

    use readywire::Ready;
    use readywire::unix::{PipeReader, PipeWriter};

    /// Makes a pipe, whose ends are non-blocking and closed on exec.
    ///
    /// # Errors
    /// Any error from `pipe2(2)`.
    pub fn new() -> io::Result<(Sender, Receiver)> {
        let (reader, writer) = readywire::unix::pipe()?;
        Ok((Sender { inner: writer }, Receiver { inner: reader }))
    }

    /// The writing end of a pipe.
    #[derive(Debug)]
    pub struct Sender {
        inner: PipeWriter,
    }

    impl Sender {
        /// Sets whether writes return `WouldBlock` instead of waiting (`O_NONBLOCK`).
        ///
        /// # Errors
        /// Any error from `fcntl(2)`.
        pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
            self.inner.set_nonblocking(nonblocking)
        }

        /// Runs I/O that the caller does on the descriptor, so that its `WouldBlock` is noticed.
        ///
        /// # Errors
        /// Any error from `f`.
        pub fn try_io<F, T>(&self, f: F) -> io::Result<T>
        where
            F: FnOnce() -> io::Result<T>,
        {
            self.inner.try_io(Ready::WRITABLE, |_| f())
        }
    }

    source!(Sender);
    descriptor!(Sender);
    writer!(Sender);

    impl From<ChildStdin> for Sender {
        fn from(stdin: ChildStdin) -> Sender {
            OwnedFd::from(stdin).into()
        }
    }

    /// The reading end of a pipe.
    #[derive(Debug)]
    pub struct Receiver {
        inner: PipeReader,
    }

    impl Receiver {
        /// Sets whether reads return `WouldBlock` instead of waiting (`O_NONBLOCK`).
        ///
        /// # Errors
        /// Any error from `fcntl(2)`.
        pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
            self.inner.set_nonblocking(nonblocking)
        }

        /// Runs I/O that the caller does on the descriptor, so that its `WouldBlock` is noticed.
        ///
        /// # Errors
        /// Any error from `f`.
        pub fn try_io<F, T>(&self, f: F) -> io::Result<T>
        where
            F: FnOnce() -> io::Result<T>,
        {
            self.inner.try_io(Ready::READABLE, |_| f())
        }
    }

    source!(Receiver);
    descriptor!(Receiver);
    reader!(Receiver);

    impl From<ChildStdout> for Receiver {
        fn from(stdout: ChildStdout) -> Receiver {
            OwnedFd::from(stdout).into()
        }
    }

    impl From<ChildStderr> for Receiver {
        fn from(stderr: ChildStderr) -> Receiver {
            OwnedFd::from(stderr).into()
        }
    }
}
