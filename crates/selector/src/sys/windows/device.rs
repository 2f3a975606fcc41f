//! The Ancillary Function Driver, which is what sockets are made of below Winsock.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::io;
use std::mem;
use std::os::windows::io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle};
use std::panic::RefUnwindSafe;
use std::ptr;

use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Wdk::Storage::FileSystem::{
    FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, NtCancelIoFileEx, NtCreateFile,
};
use windows_sys::Wdk::System::IO::NtDeviceIoControlFile;
use windows_sys::Win32::Foundation::{
    NTSTATUS, RtlNtStatusToDosError, STATUS_CANCELLED, STATUS_COMMITMENT_LIMIT,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_MEMORY, STATUS_PAGEFILE_QUOTA, STATUS_PENDING,
    STATUS_QUOTA_EXCEEDED, STATUS_SUCCESS, STATUS_WORKING_SET_QUOTA, UNICODE_STRING,
};
use windows_sys::Win32::Networking::WinSock::SOCKET;
use windows_sys::Win32::Storage::FileSystem::{
    FILE_SHARE_READ, FILE_SHARE_WRITE, SYNCHRONIZE, SetFileCompletionNotificationModes,
};
use windows_sys::Win32::System::IO::IO_STATUS_BLOCK;
use windows_sys::Win32::System::Threading::{INFINITE, WaitForSingleObject};
use windows_sys::Win32::System::WindowsProgramming::FILE_SKIP_SET_EVENT_ON_HANDLE;

use super::endpoint::{Answer, Failure};
use super::port::{Port, check};

/// A code of the buffered kind: the system copies what it is given before the call returns, and
/// writes the result when the operation completes.
const IOCTL_AFD_POLL: u32 = 0x0001_2024;

/// What a poll is asked and answers, for one socket.
#[repr(C)]
struct PollInfo {
    /// In units of 100 ns.
    timeout: i64,
    count: u32,
    exclusive: u32,
    socket: SOCKET,
    flags: u32,
    status: NTSTATUS,
}

impl PollInfo {
    const SIZE: u32 = size_of::<PollInfo>() as u32;

    fn question(socket: SOCKET, flags: u32, timeout: i64) -> PollInfo {
        PollInfo {
            timeout,
            count: 1,
            exclusive: 0,
            socket,
            flags,
            status: 0,
        }
    }

    /// An answer that reports nothing, until the system overwrites it.
    const fn nothing() -> PollInfo {
        PollInfo {
            timeout: 0,
            count: 0,
            exclusive: 0,
            socket: 0,
            flags: 0,
            status: 0,
        }
    }
}

/// The memory that the system writes when a poll completes.
struct Written {
    status: IO_STATUS_BLOCK,
    info: PollInfo,
}

impl Written {
    fn pending() -> Written {
        let mut status = IO_STATUS_BLOCK::default();
        status.Anonymous.Status = STATUS_PENDING;
        Written {
            status,
            info: PollInfo::nothing(),
        }
    }

    fn read(&self) -> Answer {
        // SAFETY: an integer is written here before each poll, and by the system another one.
        let status = unsafe { self.status.Anonymous.Status };
        if status == STATUS_CANCELLED {
            Answer::Cancelled
        } else if is_error(status) {
            Answer::Failed(failure(status))
        } else if self.info.count == 0 {
            Answer::Flags(0)
        } else {
            Answer::Flags(self.info.flags)
        }
    }
}

/// The memory of a poll that is under way.
///
/// The system writes to it until the completion's packet was taken from the port, or the port is
/// closed; the copying may well be done by the very call that takes the packet. Whoever begins a
/// poll lends the memory until then.
pub(super) struct Memory(UnsafeCell<Written>);

// SAFETY: the cell is written by the system while a poll is under way, and only the caller of the
// two unsafe methods touches it otherwise, who guarantees that none is and that it is alone.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}
// The system writes, and no panic ends that halfway.
impl RefUnwindSafe for Memory {}

impl Memory {
    pub(super) fn new() -> Memory {
        Memory(UnsafeCell::new(Written::pending()))
    }

    /// Reads the answer of a poll.
    ///
    /// # Safety
    /// No poll may be under way with this memory, and none may be begun meanwhile.
    pub(super) unsafe fn read(&self) -> Answer {
        // SAFETY: nobody writes, as the caller guarantees.
        unsafe { &*self.0.get() }.read()
    }
}

/// An open handle of the driver.
pub(super) struct Device(OwnedHandle);

impl Device {
    /// Opens the driver for polls whose completions come to `port`.
    pub(super) fn on_port(port: &Port) -> io::Result<Device> {
        let device = Device::open(0)?;
        port.attach(device.0.as_handle())?;
        let handle = device.0.as_raw_handle();
        // Nobody waits on the handle itself.
        let modes = FILE_SKIP_SET_EVENT_ON_HANDLE as u8;
        // SAFETY: the handle is open; touches no memory of ours.
        check(unsafe { SetFileCompletionNotificationModes(handle, modes) })?;
        Ok(device)
    }

    /// Opens the driver for [`look`](Device::look).
    pub(super) fn synchronous() -> io::Result<Device> {
        Device::open(FILE_SYNCHRONOUS_IO_NONALERT)
    }

    fn open(options: u32) -> io::Result<Device> {
        // What follows the driver's name is free.
        let name: Vec<u16> = r"\Device\Afd\readywire".encode_utf16().collect();
        let length = mem::size_of_val(name.as_slice()) as u16;
        let name = UNICODE_STRING {
            Length: length,
            MaximumLength: length,
            Buffer: name.as_ptr().cast_mut(),
        };
        // No attribute says that the handle be inherited.
        let attributes = OBJECT_ATTRIBUTES {
            Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
            RootDirectory: ptr::null_mut(),
            ObjectName: &raw const name,
            Attributes: 0,
            SecurityDescriptor: ptr::null(),
            SecurityQualityOfService: ptr::null(),
        };
        let mut handle = ptr::null_mut();
        let mut status_block = IO_STATUS_BLOCK::default();
        // SAFETY: every structure is whole and outlives the call, and so does the name's buffer,
        // which the system only reads.
        let status = unsafe {
            NtCreateFile(
                &mut handle,
                SYNCHRONIZE,
                &attributes,
                &mut status_block,
                ptr::null(),
                0,
                FILE_SHARE_READ | FILE_SHARE_WRITE,
                FILE_OPEN,
                options,
                ptr::null(),
                0,
            )
        };
        if is_error(status) {
            return Err(error(status));
        }
        // SAFETY: the handle has just been made and nobody else knows it.
        Ok(Device(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }

    /// Begins a poll. Unless this fails, a packet with `context` comes to the port when it
    /// completes, at once or later; if it fails none does.
    ///
    /// # Safety
    /// The memory must be lent to no other poll, and must stay valid until the packet was taken
    /// from the port; if it never is, for ever.
    pub(super) unsafe fn poll(
        &self,
        socket: SOCKET,
        flags: u32,
        memory: &Memory,
        context: *const c_void,
    ) -> Result<(), Failure> {
        let question = PollInfo::question(socket, flags, i64::MAX);
        let answer = memory.0.get();
        // SAFETY: the memory is nobody else's, as the caller guarantees.
        unsafe { answer.write(Written::pending()) };
        // SAFETY: the pointer is to a whole `Written`; no reference is made.
        let status_block = unsafe { &raw mut (*answer).status };
        // SAFETY: as above.
        let info = unsafe { &raw mut (*answer).info };
        // SAFETY: the call copies the question. The memory that the system writes to stays valid for as long as it may
        // write, as the caller guarantees. No event and no routine is passed.
        let status = unsafe {
            NtDeviceIoControlFile(
                self.0.as_raw_handle(),
                ptr::null_mut(),
                None,
                context,
                status_block,
                IOCTL_AFD_POLL,
                (&raw const question).cast(),
                PollInfo::SIZE,
                info.cast(),
                PollInfo::SIZE,
            )
        };
        // Success, pending and warnings have a packet; an error that the call returns has none.
        if is_error(status) {
            return Err(failure(status));
        }
        Ok(())
    }

    /// Makes the poll that was begun with `memory` complete, unless it has already. Its packet
    /// comes in either case.
    pub(super) fn cancel(&self, memory: &Memory) {
        let mut status_block = IO_STATUS_BLOCK::default();
        // SAFETY: the pointer is to a whole `Written`; no reference is made.
        let request = unsafe { &raw const (*memory.0.get()).status };
        // SAFETY: the poll to cancel is found by the address, which is not read through. The
        // call's own status outlives it.
        let _found =
            unsafe { NtCancelIoFileEx(self.0.as_raw_handle(), request, &mut status_block) };
        // It fails if the poll has completed, which is as good.
    }

    /// Returns for which of `flags` the socket is ready at this moment.
    pub(super) fn look(&self, socket: SOCKET, flags: u32) -> Result<u32, Failure> {
        let question = PollInfo::question(socket, flags, 0);
        let mut answer = Written::pending();
        // SAFETY: question and answer outlive the operation: the handle is a synchronous one, so
        // that it is over when the call returns, or else when the handle is signalled, below.
        let mut status = unsafe {
            NtDeviceIoControlFile(
                self.0.as_raw_handle(),
                ptr::null_mut(),
                None,
                ptr::null(),
                &raw mut answer.status,
                IOCTL_AFD_POLL,
                (&raw const question).cast(),
                PollInfo::SIZE,
                (&raw mut answer.info).cast(),
                PollInfo::SIZE,
            )
        };
        if status == STATUS_PENDING {
            // SAFETY: the handle is open.
            unsafe { WaitForSingleObject(self.0.as_raw_handle(), INFINITE) };
            status = STATUS_SUCCESS;
        }
        if is_error(status) {
            return Err(failure(status));
        }
        match answer.read() {
            Answer::Flags(flags) => Ok(flags),
            Answer::Failed(failure) => Err(failure),
            Answer::Cancelled => Err(Failure::Short(STATUS_CANCELLED)),
        }
    }
}

/// What an error means to the socket. Any other than of memory is one of the handle: it may be any
/// object's by now, and each kind of object refuses a poll in its own way.
fn failure(status: NTSTATUS) -> Failure {
    match status {
        STATUS_INSUFFICIENT_RESOURCES
        | STATUS_NO_MEMORY
        | STATUS_COMMITMENT_LIMIT
        | STATUS_QUOTA_EXCEEDED
        | STATUS_PAGEFILE_QUOTA
        | STATUS_WORKING_SET_QUOTA => Failure::Short(status),
        _ => Failure::Gone(status),
    }
}

/// Whether a status is of the severity "error"; informational ones and warnings are none.
fn is_error(status: NTSTATUS) -> bool {
    status as u32 >> 30 == 3
}

/// The error that a status stands for.
pub(super) fn error(status: NTSTATUS) -> io::Error {
    // SAFETY: translates a number.
    let code = unsafe { RtlNtStatusToDosError(status) };
    io::Error::from_raw_os_error(code as i32)
}
