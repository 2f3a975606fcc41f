//! Overlapped operations, whose completions the system's thread pool delivers.
//!
//! All calls of the system are here. What they mean for a pipe is in `named_pipe`.

use std::cell::UnsafeCell;
use std::ffi::OsStr;
use std::io;
use std::iter;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr;
use std::sync::Arc;

use windows_sys::Win32::Foundation::{ERROR_IO_PENDING, ERROR_MORE_DATA, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, FILE_TYPE_PIPE, GetFileType,
    PIPE_ACCESS_DUPLEX, ReadFile, WriteFile,
};
use windows_sys::Win32::System::IO::{
    BindIoCompletionCallback, CancelIoEx, GetOverlappedResult, OVERLAPPED,
};
use windows_sys::Win32::System::Pipes::{
    ConnectNamedPipe, CreateNamedPipeW, DisconnectNamedPipe, PIPE_TYPE_BYTE,
    PIPE_UNLIMITED_INSTANCES,
};

use super::named_pipe::Pipe;

/// A handle that was opened for overlapped operations.
#[derive(Debug)]
pub(super) struct File(OwnedHandle);

impl File {
    pub(super) fn new(handle: OwnedHandle) -> File {
        File(handle)
    }

    /// Makes the first instance of a pipe, with buffers of `size` bytes.
    pub(super) fn create_pipe(name: &OsStr, size: u32) -> io::Result<File> {
        let name: Vec<u16> = name.encode_wide().chain(iter::once(0)).collect();
        // SAFETY: the name ends with a zero and outlives the call.
        let handle = unsafe {
            CreateNamedPipeW(
                name.as_ptr(),
                PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE | FILE_FLAG_OVERLAPPED,
                PIPE_TYPE_BYTE,
                PIPE_UNLIMITED_INSTANCES,
                size,
                size,
                0,
                ptr::null(),
            )
        };
        if handle == INVALID_HANDLE_VALUE {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle has just been made and nobody else knows it.
        Ok(File(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }

    pub(super) fn as_raw_handle(&self) -> RawHandle {
        self.0.as_raw_handle()
    }

    /// Returns whether it is a pipe, and not a serial port for example.
    pub(super) fn is_pipe(&self) -> bool {
        // SAFETY: the handle is open.
        unsafe { GetFileType(self.as_raw_handle()) == FILE_TYPE_PIPE }
    }

    /// Has the system's thread pool deliver completions, from now on and for good.
    pub(super) fn bind(&self) -> io::Result<()> {
        // SAFETY: the handle is open. Its operations are those that `Operation` begins: the callback takes
        // back each of them, and no others.
        check(unsafe { BindIoCompletionCallback(self.as_raw_handle(), Some(completed), 0) })
    }

    /// Makes an operation complete soon, unless it has already.
    pub(super) fn cancel(&self, operation: Id) {
        let overlapped = ptr::without_provenance(operation.0);
        // SAFETY: the operation is found by its address, which is not read through.
        let _found = check(unsafe { CancelIoEx(self.as_raw_handle(), overlapped) }).is_ok();
    }

    /// Ends the connection with the client.
    pub(super) fn disconnect(&self) -> io::Result<()> {
        // SAFETY: the handle is open.
        check(unsafe { DisconnectNamedPipe(self.as_raw_handle()) })
    }
}

/// Identifies an operation that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(usize);

/// An overlapped operation with its buffer. The system owns it while it is under way.
#[repr(C)]
pub(super) struct Operation {
    /// The first field, so that both have one address.
    overlapped: UnsafeCell<OVERLAPPED>,
    /// Keeps the handle open while the operation is under way.
    pipe: Option<Arc<Pipe>>,
    /// Where a read puts the bytes, or the bytes to write.
    pub(super) buf: Vec<u8>,
}

// SAFETY: the pointers in the system's structure are null, or the system's own while it has the operation.
unsafe impl Send for Operation {}

impl Operation {
    pub(super) fn new() -> Box<Operation> {
        Box::new(Operation {
            overlapped: UnsafeCell::default(),
            pipe: None,
            buf: Vec::new(),
        })
    }

    /// Returns the identity of the operation. No other operation has the same one while this box lives.
    pub(super) fn id(&self) -> Id {
        Id(ptr::from_ref(self).addr())
    }

    /// Begins to wait for a client.
    pub(super) fn connect(self: Box<Self>, pipe: &Arc<Pipe>) -> Begun {
        let handle = pipe.file.as_raw_handle();
        self.begin(pipe, |_, overlapped| {
            // SAFETY: `begin` keeps the structure until the operation is over.
            unsafe { ConnectNamedPipe(handle, overlapped) }
        })
    }

    /// Begins to read as much as the buffer is long.
    pub(super) fn read(self: Box<Self>, pipe: &Arc<Pipe>) -> Begun {
        let handle = pipe.file.as_raw_handle();
        self.begin(pipe, |buf, overlapped| {
            let room = length(buf.len());
            // SAFETY: `begin` keeps the structure, and the buffer with so much room, until the operation is
            // over.
            unsafe { ReadFile(handle, buf.cast(), room, ptr::null_mut(), overlapped) }
        })
    }

    /// Begins to write what is in the buffer from `start` on.
    pub(super) fn write(self: Box<Self>, pipe: &Arc<Pipe>, start: usize) -> Begun {
        let handle = pipe.file.as_raw_handle();
        assert!(start <= self.buf.len(), "the rest of the buffer is in it");
        self.begin(pipe, |buf, overlapped| {
            let (rest, count) = (
                buf.cast::<u8>().wrapping_add(start),
                length(buf.len() - start),
            );
            // SAFETY: `begin` keeps the structure, and the buffer with so many bytes from there on, until the
            // operation is over.
            unsafe { WriteFile(handle, rest, count, ptr::null_mut(), overlapped) }
        })
    }

    /// Gives the operation to the system, and has `start` begin it. It comes back by [`Pipe::complete`], or
    /// with the error if it could not begin.
    fn begin(
        mut self: Box<Self>,
        pipe: &Arc<Pipe>,
        start: impl FnOnce(*mut [u8], *mut OVERLAPPED) -> i32,
    ) -> Begun {
        self.overlapped = UnsafeCell::default();
        self.pipe = Some(Arc::clone(pipe));
        let id = self.id();
        // The bytes stay where they are when the box becomes a pointer. Nobody refers to either until it is a
        // box again, which may be before `start` returns.
        let buf: *mut [u8] = self.buf.as_mut_slice();
        let operation = Box::into_raw(self);
        let started = check(start(buf, operation.cast()));
        let error = match started {
            Ok(()) => return Ok(id),
            Err(error) => error,
        };
        // With these two there is a completion to come.
        let under_way = [ERROR_IO_PENDING, ERROR_MORE_DATA].map(|code| Some(code as i32));
        if under_way.contains(&error.raw_os_error()) {
            return Ok(id);
        }
        // SAFETY: the system queues no completion for an operation that fails at once with an error. It does
        // for one that ends with a warning: the only warning of a named pipe is the one above, and
        // `from_raw_handle` demands the same of other handles. So the operation is still ours.
        let mut operation = unsafe { Box::from_raw(operation) };
        operation.pipe = None;
        Err((operation, error))
    }
}

/// The operation that was begun, or what could not be begun and why.
pub(super) type Begun = Result<Id, (Box<Operation>, io::Error)>;

/// Takes back the operation that has completed.
///
/// # Safety
/// `overlapped` is that of an operation which `Operation::begin` gave to the system, and this is its only
/// completion.
unsafe extern "system" fn completed(_status: u32, count: u32, overlapped: *mut OVERLAPPED) {
    // SAFETY: the pointer is the one to the whole operation that `begin` made of its box, and the system
    // is done with it.
    let mut operation = unsafe { Box::from_raw(overlapped.cast::<Operation>()) };
    let Some(pipe) = operation.pipe.take() else {
        return;
    };
    let mut moved = 0;
    // SAFETY: both the structure and the number outlive the call, which does not wait.
    let succeeded = check(unsafe {
        GetOverlappedResult(
            pipe.file.as_raw_handle(),
            operation.overlapped.get(),
            &mut moved,
            0,
        )
    });
    let result = match succeeded {
        Ok(()) => Ok(moved as usize),
        // The rest of a message that was longer than the buffer is for the next read.
        Err(error) if error.raw_os_error() == Some(ERROR_MORE_DATA as i32) => Ok(count as usize),
        Err(error) => Err(error),
    };
    pipe.complete(operation, result);
}

/// How much of a buffer one call takes.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Turns zero into the error of the thread.
fn check(result: i32) -> io::Result<()> {
    if result == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
