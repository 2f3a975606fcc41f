//! Unix streams, which can pass descriptors, and pipes.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::process::{ChildStderr, ChildStdin, ChildStdout};

use readywire::IoSource;

use super::{TryAccept, none_if_blocked};

pub use std::net::Shutdown;

/// Anything with a descriptor.
#[derive(Debug)]
pub struct Io {
    inner: IoSource<File>,
}

impl Io {
    /// Returns another handle of the same, which is a source of its own.
    ///
    /// # Errors
    /// Any error from the system, for example that no descriptor is left.
    pub fn try_clone(&self) -> io::Result<Io> {
        let inner = self.inner.try_clone_with(File::try_clone)?;
        Ok(Io { inner })
    }
}

impl AsRawFd for Io {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.get_ref().as_raw_fd()
    }
}

impl IntoRawFd for Io {
    fn into_raw_fd(self) -> RawFd {
        self.inner.into_inner().into_raw_fd()
    }
}

impl FromRawFd for Io {
    /// Takes over a descriptor, which must be non-blocking already.
    ///
    /// # Safety
    /// The descriptor must be open and owned by nothing else.
    unsafe fn from_raw_fd(fd: RawFd) -> Io {
        // SAFETY: the caller guarantees that the descriptor is open and owned by nothing else.
        let file = unsafe { File::from_raw_fd(fd) };
        Io {
            inner: IoSource::new(file),
        }
    }
}

source!(Io);
reader!(Io);
writer!(Io);

/// A non-blocking Unix stream.
#[derive(Debug)]
pub struct UnixStream {
    inner: readywire::unix::UnixStream,
}

impl UnixStream {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// Any error from `connect(2)`; `InvalidInput` if the path is too long.
    pub fn connect<P: AsRef<Path> + ?Sized>(path: &P) -> io::Result<UnixStream> {
        let inner = readywire::unix::UnixStream::connect(path)?;
        Ok(UnixStream { inner })
    }

    /// Returns another handle of the same connection, which is a source of its own.
    ///
    /// # Errors
    /// Any error from the system, for example that no descriptor is left.
    pub fn try_clone(&self) -> io::Result<UnixStream> {
        let inner = self.inner.try_clone()?;
        Ok(UnixStream { inner })
    }

    /// Closes the reading half, the writing half, or both, and returns zero.
    ///
    /// # Errors
    /// Any error from `shutdown(2)`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<usize> {
        self.inner.shutdown(how).map(|()| 0)
    }

    /// Reads, and receives a descriptor if one was sent along.
    ///
    /// # Errors
    /// `WouldBlock` if no data is there; otherwise any error from `recvmsg(2)`.
    pub fn read_recv_fd(&mut self, buf: &mut [u8]) -> io::Result<(usize, Option<RawFd>)> {
        let mut fds = Vec::new();
        let received = self.inner.recv_fds(&mut [IoSliceMut::new(buf)], &mut fds)?;
        // mio has room for one; the others are closed.
        let first = fds.into_iter().next();
        Ok((received.len, first.map(OwnedFd::into_raw_fd)))
    }

    /// Reads as [`read_recv_fd`](UnixStream::read_recv_fd) does; `None` if no data is there.
    ///
    /// # Errors
    /// Any error from `recvmsg(2)`.
    pub fn try_read_recv_fd(
        &mut self,
        buf: &mut [u8],
    ) -> io::Result<Option<(usize, Option<RawFd>)>> {
        none_if_blocked(self.read_recv_fd(buf))
    }

    /// Writes, and sends a descriptor along.
    ///
    /// The descriptor is duplicated for the call.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; `EBADF` for a number that is no open descriptor; otherwise any error
    /// from `fcntl(2)` and `sendmsg(2)`.
    pub fn write_send_fd(&mut self, buf: &[u8], fd: RawFd) -> io::Result<usize> {
        let fd = duplicate(fd)?;
        self.inner.send_fds(&[IoSlice::new(buf)], &[fd.as_fd()])
    }

    /// Writes as [`write_send_fd`](UnixStream::write_send_fd) does; `None` if there is no room.
    ///
    /// # Errors
    /// The others of `write_send_fd`.
    pub fn try_write_send_fd(&mut self, buf: &[u8], fd: RawFd) -> io::Result<Option<usize>> {
        none_if_blocked(self.write_send_fd(buf, fd))
    }
}

/// Duplicates the descriptor of a number, which a caller without `unsafe` need not keep open.
fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers only; for one that is no open descriptor the kernel returns an error.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

source!(UnixStream);
descriptor!(UnixStream);
reader!(UnixStream);
writer!(UnixStream);

/// A socket that accepts Unix streams.
#[derive(Debug)]
pub struct UnixListener {
    inner: readywire::unix::UnixListener,
}

impl UnixListener {
    /// Listens at `path`.
    ///
    /// # Errors
    /// Any error from `bind(2)` and `listen(2)`; `InvalidInput` if the path is too long.
    pub fn bind<P: AsRef<Path> + ?Sized>(path: &P) -> io::Result<UnixListener> {
        let inner = readywire::unix::UnixListener::bind(path)?;
        Ok(UnixListener { inner })
    }

    /// Accepts a connection.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; otherwise any error from `accept(2)`.
    pub fn accept(&self) -> io::Result<UnixStream> {
        let (inner, _peer) = self.inner.accept()?;
        Ok(UnixStream { inner })
    }

    /// Returns another handle of the same listener, which is a source of its own.
    ///
    /// # Errors
    /// Any error from the system, for example that no descriptor is left.
    pub fn try_clone(&self) -> io::Result<UnixListener> {
        let inner = self.inner.try_clone()?;
        Ok(UnixListener { inner })
    }
}

impl TryAccept for UnixListener {
    type Output = UnixStream;

    fn accept(&self) -> io::Result<Option<UnixStream>> {
        none_if_blocked(UnixListener::accept(self))
    }
}

source!(UnixListener);
descriptor!(UnixListener);

/// Makes a pipe, whose ends are non-blocking and closed on exec.
///
/// # Errors
/// Any error from `pipe2(2)`.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = readywire::unix::pipe()?;
    Ok((PipeReader { inner: reader }, PipeWriter { inner: writer }))
}

/// The reading end of a pipe.
#[derive(Debug)]
pub struct PipeReader {
    inner: readywire::unix::PipeReader,
}

impl PipeReader {
    /// Takes over the standard output of a child, and sets it to non-blocking.
    ///
    /// # Errors
    /// Any error from `fcntl(2)`.
    pub fn from_stdout(stdout: ChildStdout) -> io::Result<PipeReader> {
        let inner = stdout.try_into()?;
        Ok(PipeReader { inner })
    }

    /// Takes over the standard error of a child, and sets it to non-blocking.
    ///
    /// # Errors
    /// Any error from `fcntl(2)`.
    pub fn from_stderr(stderr: ChildStderr) -> io::Result<PipeReader> {
        let inner = stderr.try_into()?;
        Ok(PipeReader { inner })
    }
}

impl From<Io> for PipeReader {
    fn from(io: Io) -> PipeReader {
        let fd = OwnedFd::from(io.inner.into_inner());
        PipeReader { inner: fd.into() }
    }
}

source!(PipeReader);
descriptor!(PipeReader);
reader!(PipeReader);

/// The writing end of a pipe.
#[derive(Debug)]
pub struct PipeWriter {
    inner: readywire::unix::PipeWriter,
}

impl PipeWriter {
    /// Takes over the standard input of a child, and sets it to non-blocking.
    ///
    /// # Errors
    /// Any error from `fcntl(2)`.
    pub fn from_stdin(stdin: ChildStdin) -> io::Result<PipeWriter> {
        let inner = stdin.try_into()?;
        Ok(PipeWriter { inner })
    }
}

impl From<Io> for PipeWriter {
    fn from(io: Io) -> PipeWriter {
        let fd = OwnedFd::from(io.inner.into_inner());
        PipeWriter { inner: fd.into() }
    }
}

source!(PipeWriter);
descriptor!(PipeWriter);
writer!(PipeWriter);
