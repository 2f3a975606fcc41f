//! The end that is read from.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::process::{ChildStderr, ChildStdout};

use selector::{Evented, IoSource, Poll};
use token_ready::{PollOpt, Ready, Token};

use crate::os;

/// The end of a pipe that is read from, to be registered with a [`Poll`].
///
/// Reading never blocks: `WouldBlock` says that there is nothing yet, `Ok(0)` that every writer is
/// gone. That is also reported, as a hang-up or as `READ_CLOSED`. A vectored read skips empty buffers in
/// front and takes 1,024 buffers at most. Dropping it ends its registration
/// and closes the descriptor.
///
/// # Examples
/// What a child process writes:
///
/// ```
/// use readywire::unix::PipeReader;
/// use readywire::{Events, Poll, PollOpt, Ready, Token};
/// use std::io::{ErrorKind, Read};
/// use std::process::{Command, Stdio};
///
/// let mut child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
/// let mut output = PipeReader::try_from(child.stdout.take().unwrap())?;
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(4);
/// poll.register(&output, Token(0), Ready::READABLE, PollOpt::LEVEL)?;
///
/// let mut text = Vec::new();
/// loop {
///     poll.poll(&mut events, None)?;
///     let mut buf = [0; 64];
///     match output.read(&mut buf) {
///         Ok(0) => break,
///         Ok(n) => text.extend_from_slice(&buf[..n]),
///         Err(error) if error.kind() == ErrorKind::WouldBlock => {}
///         Err(error) => return Err(error),
///     }
/// }
/// assert_eq!(text, b"hello\n");
/// child.wait()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct PipeReader {
    io: IoSource<File>,
}

impl PipeReader {
    pub(crate) fn new(io: IoSource<File>) -> PipeReader {
        PipeReader { io }
    }

    /// Takes over the reading end of a pipe of the standard library, and sets it to non-blocking: also for
    /// those who have duplicates of it, but not for the other end.
    ///
    /// That is a child's, a FIFO as a [`File`], or, since Rust 1.87, one that `std::io::pipe` made. An
    /// [`OwnedFd`] is the way back to any of them.
    ///
    /// # Errors
    /// Any error from `fcntl(2)`; the descriptor is closed then.
    ///
    /// # Examples
    /// ```
    /// use readywire::unix::PipeReader;
    /// use std::process::{Command, Stdio};
    ///
    /// let mut child = Command::new("true").stdout(Stdio::piped()).spawn()?;
    /// let reader = PipeReader::from_std(child.stdout.take().unwrap())?;
    /// child.wait()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_std(reader: impl Into<OwnedFd>) -> io::Result<PipeReader> {
        let reader = reader.into();
        os::set_nonblocking(reader.as_fd(), true)?;
        Ok(PipeReader::from(reader))
    }

    /// Sets whether this end is non-blocking (`O_NONBLOCK`); if not, reads wait for data.
    ///
    /// It applies to each duplicate of this end, but not to the other end. It is for an end of
    /// [`pipe`](crate::pipe) that a child process gets, which expects to block.
    ///
    /// # Errors
    /// Any error from `fcntl(2)`.
    ///
    /// # Examples
    /// ```
    /// use std::process::{Command, Stdio};
    ///
    /// let (reader, writer) = readywire::unix::pipe()?;
    /// reader.set_nonblocking(false)?; // as a program expects its standard input
    /// let mut cat = Command::new("cat").stdin(Stdio::from(std::os::fd::OwnedFd::from(reader))).spawn()?;
    /// drop(writer); // the end
    /// assert!(cat.wait()?.success());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "O_NONBLOCK")]
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        os::set_nonblocking(self.io.get_sole().as_fd(), nonblocking)
    }

    /// Makes another handle of the same end (`F_DUPFD_CLOEXEC`).
    ///
    /// They are sources of their own: the clone is not registered, and can be registered anywhere.
    /// An edge comes again whichever of them was drained.
    ///
    /// # Errors
    /// Any error from duplicating the descriptor, for example because the process has too many open.
    ///
    /// # Examples
    /// ```
    /// let (reader, writer) = readywire::unix::pipe()?;
    /// let clone = reader.try_clone()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "dup")]
    pub fn try_clone(&self) -> io::Result<PipeReader> {
        Ok(PipeReader {
            io: self.io.try_clone_with(File::try_clone)?,
        })
    }

    /// Runs `operation` on this end of the pipe as a [`File`], for I/O that goes through the
    /// borrowed descriptor, such as `libc::read` or `splice(2)`.
    ///
    /// `direction` is `READABLE`. After `WouldBlock` an edge can be reported again; other errors leave
    /// the pipe as it was. A backend that emulates edges (poll(2)) cannot see I/O that was done in any
    /// other way, and reports no further edge after it. Nor can it see that a read was short: go on
    /// until `WouldBlock`, or call [`mark_drained`](PipeReader::mark_drained).
    ///
    /// The operation may duplicate the descriptor. So, from the first call on, dropping the reader while it is
    /// registered takes one more system call on epoll and kqueue.
    ///
    /// # Errors
    /// Any error from `operation`.
    ///
    /// # Examples
    /// ```
    /// use readywire::Ready;
    /// use std::io::{Read, Write};
    ///
    /// let (reader, mut writer) = readywire::unix::pipe()?;
    /// writer.write_all(b"hello")?;
    /// let count = reader.try_io(Ready::READABLE, |mut reader| reader.read(&mut [0; 16]))?;
    /// assert_eq!(count, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn try_io<R>(
        &self,
        direction: Ready,
        operation: impl FnOnce(&File) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(direction, |_| operation(self.io.get_ref()))
    }

    /// Lets an edge be reported again, after a short read in
    /// [`try_io`](PipeReader::try_io).
    ///
    /// # Platform-specific behaviour
    /// epoll and kqueue need no help: there it does nothing.
    ///
    /// # Examples
    /// ```
    /// use readywire::Ready;
    /// use std::io::{Read, Write};
    ///
    /// let (reader, mut writer) = readywire::unix::pipe()?;
    /// writer.write_all(b"hello")?;
    /// let mut buf = [0; 16];
    /// let count = reader.try_io(Ready::READABLE, |mut reader| reader.read(&mut buf))?;
    /// if count < buf.len() {
    ///     reader.mark_drained(Ready::READABLE); // an event reports when to read on
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn mark_drained(&self, direction: Ready) {
        self.io.mark_drained(direction);
    }
}

impl Read for PipeReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl Read for &PipeReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = self.io.get_sole().read(buf);
        self.io.note_transfer(Ready::READABLE, result, || buf.len())
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let Some(span) = socket_calls::span(bufs) else {
            return Ok(0);
        };
        let bufs = &mut bufs[span];
        let result = self.io.get_sole().read_vectored(bufs);
        self.io
            .note_transfer(Ready::READABLE, result, || socket_calls::total(bufs))
    }
}

impl Evented for PipeReader {
    #[inline]
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.io.register(poll, token, interest, opts)
    }

    #[inline]
    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.io.reregister(poll, token, interest, opts)
    }

    #[inline]
    fn rearm(&self, poll: &Poll) -> io::Result<()> {
        self.io.rearm(poll)
    }

    #[inline]
    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.io.deregister(poll)
    }
}

impl fmt::Debug for PipeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](PipeReader::try_io): otherwise a backend
/// that emulates edges (poll(2)) reports no further edge after it.
///
/// From the first call on, dropping the reader while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on.
impl AsFd for PipeReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.get_ref().as_fd()
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](PipeReader::try_io): otherwise a backend
/// that emulates edges (poll(2)) reports no further edge after it.
///
/// From the first call on, dropping the reader while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on.
impl AsRawFd for PipeReader {
    fn as_raw_fd(&self) -> RawFd {
        self.io.get_ref().as_raw_fd()
    }
}

impl FromRawFd for PipeReader {
    /// Takes over a descriptor as it is.
    ///
    /// # Safety
    /// The descriptor must be open, nobody else may own it, and it must be of the reading end of a pipe. It should be
    /// non-blocking already: on one that blocks, so does what is done here.
    unsafe fn from_raw_fd(fd: RawFd) -> PipeReader {
        // SAFETY: the caller guarantees that the descriptor is open and gives up its ownership.
        PipeReader::from(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl IntoRawFd for PipeReader {
    fn into_raw_fd(self) -> RawFd {
        OwnedFd::from(self).into_raw_fd()
    }
}

/// Takes over a descriptor as it is. It must be of the reading end of a pipe, and non-blocking already.
impl From<OwnedFd> for PipeReader {
    fn from(fd: OwnedFd) -> PipeReader {
        PipeReader::new(IoSource::new(fd.into()))
    }
}

/// Ends the registration, if there is one. The descriptor stays non-blocking.
impl From<PipeReader> for OwnedFd {
    fn from(reader: PipeReader) -> OwnedFd {
        reader.io.into_inner().into()
    }
}

/// Takes over the pipe that a child writes its output to and sets it to non-blocking, like [`PipeReader::from_std`].
impl TryFrom<ChildStdout> for PipeReader {
    type Error = io::Error;

    fn try_from(reader: ChildStdout) -> io::Result<PipeReader> {
        PipeReader::from_std(reader)
    }
}

/// Takes over the pipe that a child writes its error output to and sets it to non-blocking, like
/// [`PipeReader::from_std`].
impl TryFrom<ChildStderr> for PipeReader {
    type Error = io::Error;

    fn try_from(reader: ChildStderr) -> io::Result<PipeReader> {
        PipeReader::from_std(reader)
    }
}
