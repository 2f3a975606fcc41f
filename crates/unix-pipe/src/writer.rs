//! The end that is written to.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::process::ChildStdin;

use selector::{Evented, IoSource, Poll};
use token_ready::{PollOpt, Ready, Token};

use crate::os;

/// The end of a pipe that is written to, to be registered with a [`Poll`].
///
/// Writing never blocks: `WouldBlock` says that there is no room. Up to `PIPE_BUF` bytes (512 at
/// least, 4,096 on Linux) are written whole or not at all; more may be written in part. Dropping it
/// ends its registration and closes the descriptor, which the reader sees as the end.
///
/// A vectored write skips empty buffers in front. More buffers than the system takes (1,024) are a
/// short write.
///
/// Once every reader is gone, a write is `BrokenPipe`. It raises SIGPIPE as well, which Rust
/// programs ignore unless they were told otherwise: unlike with sockets, a write to a pipe cannot
/// be made without it.
///
/// # Examples
/// ```
/// use std::io::{ErrorKind, Write};
///
/// let (reader, mut writer) = readywire::unix::pipe()?;
/// writer.write_all(b"hello")?;
/// drop(reader);
/// assert_eq!(writer.write(b"?").unwrap_err().kind(), ErrorKind::BrokenPipe);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct PipeWriter {
    io: IoSource<File>,
}

impl PipeWriter {
    pub(crate) fn new(io: IoSource<File>) -> PipeWriter {
        PipeWriter { io }
    }

    /// Takes over the writing end of a pipe of the standard library, and sets it to non-blocking: also for
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
    /// use readywire::unix::PipeWriter;
    /// use std::process::{Command, Stdio};
    ///
    /// let mut child = Command::new("true").stdin(Stdio::piped()).spawn()?;
    /// let writer = PipeWriter::from_std(child.stdin.take().unwrap())?;
    /// child.wait()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_std(writer: impl Into<OwnedFd>) -> io::Result<PipeWriter> {
        let writer = writer.into();
        os::set_nonblocking(writer.as_fd(), true)?;
        Ok(PipeWriter::from(writer))
    }

    /// Sets whether this end is non-blocking (`O_NONBLOCK`); if not, writes wait for room.
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
    /// writer.set_nonblocking(false)?; // as a program expects its standard output
    /// let mut child = Command::new("true").stdout(Stdio::from(std::os::fd::OwnedFd::from(writer))).spawn()?;
    /// assert!(child.wait()?.success());
    /// # drop(reader);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "O_NONBLOCK")]
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        os::set_nonblocking(self.io.get_sole().as_fd(), nonblocking)
    }

    /// Makes another handle of the same end (`F_DUPFD_CLOEXEC`).
    ///
    /// They are sources of their own: the clone is not registered, and can be registered anywhere.
    /// An edge comes again whichever of them was filled.
    ///
    /// # Errors
    /// Any error from duplicating the descriptor, for example because the process has too many open.
    ///
    /// # Examples
    /// ```
    /// let (reader, writer) = readywire::unix::pipe()?;
    /// let clone = writer.try_clone()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "dup")]
    pub fn try_clone(&self) -> io::Result<PipeWriter> {
        Ok(PipeWriter {
            io: self.io.try_clone_with(File::try_clone)?,
        })
    }

    /// Runs `operation` on this end of the pipe as a [`File`], for I/O that goes through the
    /// borrowed descriptor, such as `libc::write` or `splice(2)`.
    ///
    /// `direction` is `WRITABLE`. After `WouldBlock` an edge can be reported again; other errors leave
    /// the pipe as it was. A backend that emulates edges (poll(2)) cannot see I/O that was done in any
    /// other way, and reports no further edge after it. Nor can it see that a write was short: go on
    /// until `WouldBlock`, or call [`mark_drained`](PipeWriter::mark_drained).
    ///
    /// The operation may duplicate the descriptor. So, from the first call on, dropping the writer while it is
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
    /// let (mut reader, writer) = readywire::unix::pipe()?;
    /// writer.try_io(Ready::WRITABLE, |mut writer| writer.write(b"hello"))?;
    /// assert_eq!(reader.read(&mut [0; 16])?, 5);
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

    /// Lets an edge be reported again, after a short write in
    /// [`try_io`](PipeWriter::try_io).
    ///
    /// # Platform-specific behaviour
    /// epoll and kqueue need no help: there it does nothing.
    ///
    /// # Examples
    /// ```
    /// use readywire::Ready;
    /// use std::io::Write;
    ///
    /// let (_reader, writer) = readywire::unix::pipe()?;
    /// let message = [b'x'; 4096];
    /// let count = writer.try_io(Ready::WRITABLE, |mut writer| writer.write(&message))?;
    /// if count < message.len() {
    ///     writer.mark_drained(Ready::WRITABLE); // an event reports when to write the rest
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn mark_drained(&self, direction: Ready) {
        self.io.mark_drained(direction);
    }
}

impl Write for PipeWriter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for &PipeWriter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let result = self.io.get_sole().write(buf);
        self.io.note_transfer(Ready::WRITABLE, result, || buf.len())
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(span) = socket_calls::span(bufs) else {
            return Ok(0);
        };
        let bufs = &bufs[span];
        let result = self.io.get_sole().write_vectored(bufs);
        self.io
            .note_transfer(Ready::WRITABLE, result, || socket_calls::total(bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Evented for PipeWriter {
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

impl fmt::Debug for PipeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](PipeWriter::try_io): otherwise a backend
/// that emulates edges (poll(2)) reports no further edge after it.
///
/// From the first call on, dropping the writer while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on.
impl AsFd for PipeWriter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.get_ref().as_fd()
    }
}

/// Lends the descriptor. I/O through it belongs inside [`try_io`](PipeWriter::try_io): otherwise a backend
/// that emulates edges (poll(2)) reports no further edge after it.
///
/// From the first call on, dropping the writer while it is registered takes one more system call, which
/// removes it from epoll or kqueue: a duplicate of the descriptor may live on.
impl AsRawFd for PipeWriter {
    fn as_raw_fd(&self) -> RawFd {
        self.io.get_ref().as_raw_fd()
    }
}

impl FromRawFd for PipeWriter {
    /// Takes over a descriptor as it is.
    ///
    /// # Safety
    /// The descriptor must be open, nobody else may own it, and it must be of the writing end of a pipe. It should be
    /// non-blocking already: on one that blocks, so does what is done here.
    unsafe fn from_raw_fd(fd: RawFd) -> PipeWriter {
        // SAFETY: the caller guarantees that the descriptor is open and gives up its ownership.
        PipeWriter::from(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl IntoRawFd for PipeWriter {
    fn into_raw_fd(self) -> RawFd {
        OwnedFd::from(self).into_raw_fd()
    }
}

/// Takes over a descriptor as it is. It must be of the writing end of a pipe, and non-blocking already.
impl From<OwnedFd> for PipeWriter {
    fn from(fd: OwnedFd) -> PipeWriter {
        PipeWriter::new(IoSource::new(fd.into()))
    }
}

/// Ends the registration, if there is one. The descriptor stays non-blocking.
impl From<PipeWriter> for OwnedFd {
    fn from(writer: PipeWriter) -> OwnedFd {
        writer.io.into_inner().into()
    }
}

/// Takes over the pipe that a child reads its input from and sets it to non-blocking, like [`PipeWriter::from_std`].
impl TryFrom<ChildStdin> for PipeWriter {
    type Error = io::Error;

    fn try_from(writer: ChildStdin) -> io::Result<PipeWriter> {
        PipeWriter::from_std(writer)
    }
}
