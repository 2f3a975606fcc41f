//! The I/O completion port.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::time::Duration;

use windows_sys::Win32::Foundation::{INVALID_HANDLE_VALUE, WAIT_TIMEOUT};
use windows_sys::Win32::System::IO::{
    CreateIoCompletionPort, GetQueuedCompletionStatusEx, OVERLAPPED_ENTRY,
    PostQueuedCompletionStatus,
};
use windows_sys::Win32::System::Threading::INFINITE;

/// Turns zero into the error of the thread.
pub(super) fn check(result: i32) -> io::Result<()> {
    if result == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

pub(super) struct Port(OwnedHandle);

impl Port {
    pub(super) fn new() -> io::Result<Port> {
        // Zero would mean as many as processors. A thread that has polled and now computes counts as
        // one: with few processors, packets would wait for it although other threads wait for
        // packets.
        const ANY_NUMBER_OF_THREADS: u32 = u32::MAX;
        // SAFETY: makes a port of its own, without a file; touches no memory of ours.
        let port = unsafe {
            CreateIoCompletionPort(
                INVALID_HANDLE_VALUE,
                ptr::null_mut(),
                0,
                ANY_NUMBER_OF_THREADS,
            )
        };
        if port.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle has just been made and nobody else knows it.
        Ok(Port(unsafe { OwnedHandle::from_raw_handle(port) }))
    }

    /// Lets the completions of a file's operations come here.
    pub(super) fn attach(&self, file: BorrowedHandle<'_>) -> io::Result<()> {
        let (file, port) = (file.as_raw_handle(), self.0.as_raw_handle());
        // SAFETY: both handles are open; touches no memory of ours.
        let attached = unsafe { CreateIoCompletionPort(file, port, 0, 0) };
        if attached.is_null() {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Waits for packets, and takes at most `room` of them; none if the time ran out.
    pub(super) fn take(
        &self,
        packets: &mut Packets,
        room: usize,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        packets.0.clear();
        packets.0.reserve(room);
        let room = u32::try_from(room).unwrap_or(u32::MAX);
        let buffer = packets.0.as_mut_ptr();
        let mut count = 0;
        // SAFETY: there is room for that many packets, and the count outlives the call.
        let taken = unsafe {
            GetQueuedCompletionStatusEx(
                self.0.as_raw_handle(),
                buffer,
                room,
                &mut count,
                milliseconds(timeout),
                0,
            )
        };
        match check(taken) {
            // SAFETY: the system has written so many packets.
            Ok(()) => unsafe { packets.0.set_len(count as usize) },
            Err(error) if error.raw_os_error() == Some(WAIT_TIMEOUT as i32) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Puts in a packet that belongs to no operation.
    pub(super) fn wake(&self) -> io::Result<()> {
        // SAFETY: the pointer is handed back as it is and never read through.
        check(unsafe { PostQueuedCompletionStatus(self.0.as_raw_handle(), 0, 0, ptr::null()) })
    }
}

/// Room for packets from a [`Port`], kept from wait to wait.
#[derive(Default)]
pub(crate) struct Packets(Vec<OVERLAPPED_ENTRY>);

// SAFETY: a packet is read by the call that took it; between calls this is room and nothing else.
unsafe impl Send for Packets {}
// SAFETY: through a shared reference nothing can be reached.
unsafe impl Sync for Packets {}

impl Packets {
    /// Takes the packets out: the context of each packet's operation, null for a wake.
    pub(super) fn drain(&mut self) -> impl ExactSizeIterator<Item = *mut c_void> {
        self.0.drain(..).map(|packet| packet.lpOverlapped.cast())
    }
}

/// A timeout in whole milliseconds: rounded up, never for ever unless it is `None`.
fn milliseconds(timeout: Option<Duration>) -> u32 {
    let Some(timeout) = timeout else {
        return INFINITE;
    };
    let milliseconds = timeout.as_nanos().div_ceil(1_000_000);
    u32::try_from(milliseconds).map_or(INFINITE - 1, |milliseconds| milliseconds.min(INFINITE - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_rounded_up_and_capped() {
        let table = [
            (None, INFINITE),
            (Some(Duration::ZERO), 0),
            (Some(Duration::from_nanos(1)), 1),
            (Some(Duration::from_millis(1)), 1),
            (Some(Duration::from_micros(1001)), 2),
            (Some(Duration::from_millis(INFINITE.into())), INFINITE - 1),
            (Some(Duration::MAX), INFINITE - 1),
        ];
        for (timeout, expected) in table {
            assert_eq!(milliseconds(timeout), expected, "{timeout:?}");
        }
    }

    #[test]
    fn a_wake_is_a_packet_without_an_operation() {
        let port = Port::new().unwrap();
        let mut packets = Packets::default();
        port.take(&mut packets, 4, Some(Duration::ZERO)).unwrap();
        assert_eq!(packets.drain().len(), 0);
        port.wake().unwrap();
        port.take(&mut packets, 4, None).unwrap();
        assert!(packets.drain().eq([ptr::null_mut()]));
    }
}
