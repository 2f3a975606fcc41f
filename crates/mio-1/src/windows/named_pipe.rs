//! Named pipes: readiness, made of overlapped operations with buffers of their own.
//!
//! A read is always under way while the pipe is registered and connected; when it completes, the
//! pipe is readable. A write is copied and begun at once; the pipe is writable while none is under way. Each
//! direction is a `Registration`, which a thread of the system's pool sets ready.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem;
use std::ops::Range;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::sync::{Arc, Mutex, MutexGuard};

use readywire::{Ready, Registration, SetReadiness};
use windows_sys::Win32::Foundation::{
    ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_PIPE_CONNECTED, ERROR_PIPE_LISTENING,
};

use super::overlapped::{File, Id, Operation};
use crate::event::Source;
use crate::{Interest, Registry, Token};

/// The smallest number of bytes that a read asks for.
const LEAST: usize = 4 * 1024;

/// The size of the buffers of a pipe that is made here, and the largest number of bytes that a read of a pipe
/// asks for.
const MOST: usize = 64 * 1024;

/// A named pipe of Windows, which can be registered, read and written as a socket can.
///
/// [`connect`](NamedPipe::connect), reads and writes fail with `NotFound` as long as it is not registered.
/// Events report both directions, whatever the interest.
///
/// A client opens the pipe as a file with `FILE_FLAG_OVERLAPPED`, and gives the handle to
/// [`from_raw_handle`](FromRawHandle::from_raw_handle).
///
/// Completions come by the system's thread pool. So what was written before a drop goes out although
/// nobody polls, and a pipe may go from one `Poll` to another after it was deregistered.
pub struct NamedPipe {
    readable: Registration,
    writable: Registration,
    pipe: Arc<Pipe>,
}

/// The handle and the state of a [`NamedPipe`]. The operations under way share them, and so keep them alive after
/// the `NamedPipe` is dropped.
pub(super) struct Pipe {
    pub(super) file: File,
    /// The largest number of bytes that a read asks for. A read of something other than a pipe may wait until
    /// its buffer is full.
    most: usize,
    state: Mutex<State>,
}

struct State {
    /// Whether the thread pool delivers completions.
    bound: bool,
    registered: bool,
    /// Whether there is a client, or has been one, as far as is known; also whether the last `connect` failed.
    connected: bool,
    connecting: Option<Id>,
    connect_error: Option<io::Error>,
    reading: Reading,
    writing: Writing,
    /// How much the next read takes.
    read_size: usize,
    /// An operation that is over, with its buffer, for the next write.
    spare: Option<Box<Operation>>,
    readable: SetReadiness,
    writable: SetReadiness,
}

enum Reading {
    /// No read is under way: there is no client, or the pipe is not registered.
    Idle,
    UnderWay(Id),
    /// These bytes of the buffer have arrived and were not handed out yet.
    Arrived(Box<Operation>, Range<usize>),
    Failed(io::Error),
}

enum Writing {
    Idle,
    /// The bytes from there on are being written.
    UnderWay(Id, usize),
    Failed(io::Error),
}

impl State {
    /// Reports what the pipe has become ready for: what it was ready for before is no new event.
    fn publish(&self) {
        for (direction, ready) in self.readiness() {
            if direction.readiness() != ready {
                set(direction, ready);
            }
        }
    }

    /// Reports everything the pipe is ready for, also what it was ready for before.
    fn publish_all(&self) {
        for (direction, ready) in self.readiness() {
            set(direction, ready);
        }
    }

    fn readiness(&self) -> [(&SetReadiness, Ready); 2] {
        let readable = matches!(self.reading, Reading::Arrived(..) | Reading::Failed(_));
        let writable = self.connected && !matches!(self.writing, Writing::UnderWay(..));
        let when = |is_ready, kind| if is_ready { kind } else { Ready::empty() };
        [
            (&self.readable, when(readable, Ready::READABLE)),
            (&self.writable, when(writable, Ready::WRITABLE)),
        ]
    }

    /// Begins a read, if none is under way and nothing waits to be handed out.
    fn read_ahead(&mut self, pipe: &Arc<Pipe>, operation: Option<Box<Operation>>) {
        if !self.registered || !matches!(self.reading, Reading::Idle) {
            return;
        }
        let mut operation = operation.unwrap_or_else(Operation::new);
        operation.buf.resize(self.read_size, 0);
        match operation.read(pipe) {
            Ok(id) => self.reading = Reading::UnderWay(id),
            // There is no client yet.
            Err((_, error)) if is(&error, ERROR_PIPE_LISTENING) => return,
            Err((_, error)) => self.reading = Reading::Failed(error),
        }
        self.connected = true;
    }

    /// Begins to write what is in the buffer from `start` on.
    fn write(
        &mut self,
        pipe: &Arc<Pipe>,
        operation: Box<Operation>,
        start: usize,
    ) -> io::Result<()> {
        match operation.write(pipe, start) {
            Ok(id) => {
                self.writing = Writing::UnderWay(id, start);
                Ok(())
            }
            Err((operation, error)) => {
                self.keep(operation);
                Err(error)
            }
        }
    }

    /// Keeps an operation for the next write, unless its buffer is large.
    fn keep(&mut self, mut operation: Box<Operation>) {
        if operation.buf.capacity() <= MOST {
            operation.buf.clear();
            self.spare = Some(operation);
        }
    }

    fn has_written(
        &mut self,
        pipe: &Arc<Pipe>,
        operation: Box<Operation>,
        start: usize,
        result: io::Result<usize>,
    ) {
        let left = operation.buf.len() - start;
        let written = match result {
            Ok(count) if count == left => {
                self.keep(operation);
                Ok(())
            }
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => return self.go_on(pipe, operation, start + count),
            Err(error) => Err(error),
        };
        self.writing = match written {
            Ok(()) => Writing::Idle,
            Err(error) => Writing::Failed(error),
        };
    }

    /// Writes what a short write has left.
    fn go_on(&mut self, pipe: &Arc<Pipe>, operation: Box<Operation>, start: usize) {
        if let Err(error) = self.write(pipe, operation, start) {
            self.writing = Writing::Failed(error);
        }
    }
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Cancels what is under way of connecting and reading, and forgets what has arrived.
    fn stop_reading(&self, state: &mut State) {
        if let Some(id) = state.connecting.take() {
            self.file.cancel(id);
        }
        if let Reading::UnderWay(id) = mem::replace(&mut state.reading, Reading::Idle) {
            self.file.cancel(id);
        }
    }

    /// Takes back an operation that has completed, with how many bytes it moved. A thread of the system's pool
    /// calls this, once for each operation.
    pub(super) fn complete(self: &Arc<Pipe>, operation: Box<Operation>, result: io::Result<usize>) {
        let id = operation.id();
        let mut state = self.lock();
        let state = &mut *state;
        if state.connecting == Some(id) {
            state.connecting = None;
            if let Err(error) = result {
                state.connect_error = Some(error);
            }
            // Also after an error: the writable event makes the program call `take_error`.
            state.connected = true;
            state.read_ahead(self, Some(operation));
            state.publish_all();
            return;
        }
        if matches!(state.reading, Reading::UnderWay(reading) if reading == id) {
            state.reading = match result {
                Ok(count) => Reading::Arrived(operation, 0..count),
                Err(error) => Reading::Failed(error),
            };
        } else {
            match state.writing {
                Writing::UnderWay(writing, start) if writing == id => {
                    state.has_written(self, operation, start, result);
                }
                // It was cancelled.
                _ => return,
            }
        }
        state.publish();
    }
}

impl NamedPipe {
    /// Makes the first instance of the pipe with the name `addr`, such as `\\.\pipe\name`, for bytes in both
    /// directions.
    ///
    /// # Errors
    /// Any error from `CreateNamedPipeW`.
    pub fn new<A: AsRef<OsStr>>(addr: A) -> io::Result<NamedPipe> {
        File::create_pipe(addr.as_ref(), MOST as u32).map(NamedPipe::from_file)
    }

    fn from_file(file: File) -> NamedPipe {
        let (readable, set_readable) = Registration::new();
        let (writable, set_writable) = Registration::new();
        let most = if file.is_pipe() { MOST } else { LEAST };
        let state = Mutex::new(State {
            bound: false,
            registered: false,
            connected: false,
            connecting: None,
            connect_error: None,
            reading: Reading::Idle,
            writing: Writing::Idle,
            read_size: LEAST,
            spare: None,
            readable: set_readable,
            writable: set_writable,
        });
        NamedPipe {
            readable,
            writable,
            pipe: Arc::new(Pipe { file, most, state }),
        }
    }

    /// Waits for a client: the pipe becomes writable when there is one, or when
    /// [`take_error`](NamedPipe::take_error) has something to return.
    ///
    /// # Errors
    /// `WouldBlock` until there is a client; `NotFound` if the pipe is not registered; otherwise any error from
    /// `ConnectNamedPipe`.
    pub fn connect(&self) -> io::Result<()> {
        let mut state = self.pipe.lock();
        if state.connecting.is_some() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if !state.registered {
            return Err(not_registered());
        }
        match Operation::new().connect(&self.pipe) {
            Ok(id) => {
                state.connecting = Some(id);
                // There is no client, whatever an earlier connect reported.
                state.connected = false;
                state.publish();
                Err(io::ErrorKind::WouldBlock.into())
            }
            // A client came before, and may have gone again.
            Err((operation, error))
                if is(&error, ERROR_PIPE_CONNECTED) || is(&error, ERROR_NO_DATA) =>
            {
                state.read_ahead(&self.pipe, Some(operation));
                state.publish_all();
                Ok(())
            }
            Err((_, error)) => Err(error),
        }
    }

    /// Takes the error that a `connect` has ended with.
    ///
    /// # Errors
    /// None.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(self.pipe.lock().connect_error.take())
    }

    /// Ends the connection with the client. What is under way is cancelled, and what has arrived is
    /// dropped. Afterwards the pipe can [`connect`](NamedPipe::connect) again.
    ///
    /// # Errors
    /// Any error from `DisconnectNamedPipe`.
    pub fn disconnect(&self) -> io::Result<()> {
        let mut state = self.pipe.lock();
        self.pipe.file.disconnect()?;
        self.pipe.stop_reading(&mut state);
        if let Writing::UnderWay(id, _) = mem::replace(&mut state.writing, Writing::Idle) {
            self.pipe.file.cancel(id);
        }
        state.connect_error = None;
        state.connected = false;
        state.publish();
        Ok(())
    }

    /// Hands out what has arrived to `take`, which offers buffers of `offered` bytes.
    fn read_by(
        &self,
        offered: usize,
        take: impl FnOnce(&mut &[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut state = self.pipe.lock();
        let state = &mut *state;
        state.read_size = offered.clamp(LEAST, self.pipe.most);
        let (result, operation) = match mem::replace(&mut state.reading, Reading::Idle) {
            Reading::Idle if !state.registered => return Err(not_registered()),
            waiting @ (Reading::Idle | Reading::UnderWay(_)) => {
                state.reading = waiting;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Reading::Arrived(operation, mut left) => {
                let count = take(&mut &operation.buf[left.clone()])?;
                left.start += count;
                if !left.is_empty() {
                    state.reading = Reading::Arrived(operation, left);
                    return Ok(count);
                }
                (Ok(count), Some(operation))
            }
            Reading::Failed(error) if is(&error, ERROR_BROKEN_PIPE) => (Ok(0), None),
            Reading::Failed(error) => (Err(error), None),
        };
        // It is drained: what comes of the next read is a new event.
        state.publish();
        state.read_ahead(&self.pipe, operation);
        state.publish();
        result
    }

    /// Copies the buffers, and begins to write all of them.
    fn write_all_of<'a>(&self, bufs: impl Iterator<Item = &'a [u8]>) -> io::Result<usize> {
        let mut state = self.pipe.lock();
        match mem::replace(&mut state.writing, Writing::Idle) {
            Writing::Idle if !state.registered => return Err(not_registered()),
            Writing::Idle => {}
            Writing::Failed(error) => return Err(error),
            under_way @ Writing::UnderWay(..) => {
                state.writing = under_way;
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        let mut operation = state.spare.take().unwrap_or_else(Operation::new);
        bufs.for_each(|buf| operation.buf.extend_from_slice(buf));
        let count = operation.buf.len();
        state.write(&self.pipe, operation, 0)?;
        state.publish();
        Ok(count)
    }
}

fn set(direction: &SetReadiness, ready: Ready) {
    let _never_fails = direction.set_readiness(ready).is_ok();
}

fn is(error: &io::Error, code: u32) -> bool {
    error.raw_os_error() == Some(code as i32)
}

fn not_registered() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        "the pipe is not registered with a Registry",
    )
}

impl Source for NamedPipe {
    fn register(&mut self, registry: &Registry, token: Token, _: Interest) -> io::Result<()> {
        let mut state = self.pipe.lock();
        if !state.bound {
            self.pipe.file.bind()?;
            state.bound = true;
        }
        registry.begin(&self.readable, token, Interest::READABLE)?;
        registry.begin(&self.writable, token, Interest::WRITABLE)?;
        state.registered = true;
        state.read_ahead(&self.pipe, None);
        state.publish();
        Ok(())
    }

    fn reregister(&mut self, registry: &Registry, token: Token, _: Interest) -> io::Result<()> {
        let mut state = self.pipe.lock();
        registry.change(&self.readable, token, Interest::READABLE)?;
        registry.change(&self.writable, token, Interest::WRITABLE)?;
        state.read_ahead(&self.pipe, None);
        state.publish();
        Ok(())
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        let mut state = self.pipe.lock();
        registry.end(&self.readable)?;
        registry.end(&self.writable)?;
        state.registered = false;
        Ok(())
    }
}

impl Drop for NamedPipe {
    /// What is being written goes out all the same.
    fn drop(&mut self) {
        let mut state = self.pipe.lock();
        state.registered = false;
        self.pipe.stop_reading(&mut state);
    }
}

impl FromRawHandle for NamedPipe {
    /// Takes over a handle.
    ///
    /// # Safety
    /// The handle must be open, owned by nothing else, and opened with `FILE_FLAG_OVERLAPPED`. It must not
    /// belong to a completion port, nor leave out the completions of what succeeds at once.
    ///
    /// It must be a named pipe, or a device whose driver returns no warning for a read or a write except
    /// `STATUS_BUFFER_OVERFLOW` (`ERROR_MORE_DATA`). Windows reports a warning as a failure and still queues a
    /// completion. After any other failure this type frees the memory that the completion would refer to.
    unsafe fn from_raw_handle(handle: RawHandle) -> NamedPipe {
        // SAFETY: the caller guarantees that the handle is open and owned by nothing else.
        NamedPipe::from_file(File::new(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }
}

/// Lends the handle. Overlapped operations of the caller's own on it are undefined behaviour once the pipe was
/// registered.
impl AsRawHandle for NamedPipe {
    fn as_raw_handle(&self) -> RawHandle {
        self.pipe.file.as_raw_handle()
    }
}

impl Read for NamedPipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl Read for &NamedPipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_by(buf.len(), |arrived| arrived.read(buf))
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let offered = bufs.iter().map(|buf| buf.len()).sum();
        self.read_by(offered, |arrived| arrived.read_vectored(bufs))
    }
}

impl Write for NamedPipe {
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

impl Write for &NamedPipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_all_of([buf].into_iter())
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_all_of(bufs.iter().map(|buf| &**buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for NamedPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pipe.file.fmt(f)
    }
}
