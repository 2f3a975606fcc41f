//! Windows: sources are sockets.

use std::io;
use std::os::windows::io::{AsRawSocket, AsSocket, RawSocket};
use std::time::Duration;

use token_ready::{PollOpt, Ready};
use windows_sys::Win32::Networking::WinSock::{WSAEHOSTDOWN, WSAEMSGSIZE, WSAENETRESET};

use crate::BusyPoll;
use crate::RegistrationError;
use crate::backend::Backend;
use crate::key::{Index, Key};
use crate::sys::{Drained, Driver};
use crate::table::Table;

mod device;
mod driver;
mod endpoint;
mod flags;
mod port;
#[path = "../raw_event.rs"]
mod raw_event;
mod socket;
#[cfg(test)]
mod tests;

use self::driver::AfdDriver;
pub(crate) use self::driver::Scratch;
pub(crate) use self::raw_event::RawEvent;

pub(crate) const BACKENDS: &[Backend] = &[Backend::Afd];

/// The system's handle of a source.
pub(crate) type RawSource = RawSocket;

/// Here `connect` fails with `WouldBlock` when it has begun.
pub(crate) const CONNECTING: &[i32] = &[];

/// Errors without an `ErrorKind` after which what was received is gone: a datagram that was too long for
/// the buffer, and those that ICMP caused.
pub(crate) const PENDING: &[i32] = &[WSAEMSGSIZE, WSAENETRESET, WSAEHOSTDOWN];

/// What an [`IoSource`](crate::IoSource) can hold: on Windows anything that lends a socket.
pub trait AsSource: AsSocket {
    /// Returns the number by which the system knows the source.
    #[doc(hidden)]
    fn as_source(&self) -> RawSocket {
        self.as_socket().as_raw_socket()
    }
}

impl<T: AsSocket> AsSource for T {}

/// Sets what is about to become a source to non-blocking.
pub(crate) fn set_nonblocking(source: &impl AsSource) -> io::Result<()> {
    socket::set_nonblocking(source.as_source())
}

/// The code of a misuse: AFD knows no registrations.
pub(crate) fn code(_error: &RegistrationError) -> Option<i32> {
    None
}

/// The slot of a source in the table: sockets have no small numbers, so that each registration
/// gets one.
pub(crate) fn index(_source: RawSource, table: &Table) -> io::Result<Index> {
    Ok(table.give())
}

/// The backend of one `Poll`.
pub(crate) struct Selector {
    driver: AfdDriver,
}

impl Selector {
    pub(crate) fn new(backend: Backend) -> io::Result<Selector> {
        if !BACKENDS.contains(&backend) {
            return Err(backend.unavailable());
        }
        Ok(Selector {
            driver: AfdDriver::new()?,
        })
    }

    pub(crate) fn use_millisecond_timeouts() {
        AfdDriver::use_millisecond_timeouts();
    }

    pub(crate) fn forks() -> u32 {
        AfdDriver::forks()
    }

    pub(crate) fn backend(&self) -> Backend {
        BACKENDS[0]
    }

    pub(crate) fn emulates_edges(&self) -> bool {
        AfdDriver::EMULATES_EDGES
    }

    pub(crate) fn register(
        &self,
        source: RawSource,
        key: Key,
        interest: Ready,
        opts: PollOpt,
        adopt: bool,
        clone_of: Option<Key>,
    ) -> io::Result<()> {
        self.driver
            .register(source, key, interest, opts, adopt, clone_of)
    }

    pub(crate) fn reregister(
        &self,
        source: RawSource,
        key: Key,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.driver.reregister(source, key, interest, opts)
    }

    pub(crate) fn deregister(&self, source: RawSource, key: Key) -> io::Result<()> {
        self.driver.deregister(source, key)
    }

    pub(crate) fn forget(&self, source: RawSource, key: Key) {
        self.driver.forget(source, key);
    }

    pub(crate) fn mark_drained(
        &self,
        source: RawSource,
        key: Key,
        direction: Ready,
        drained: Drained,
    ) -> bool {
        self.driver.mark_drained(source, key, direction, drained)
    }

    pub(crate) fn wait(
        &self,
        events: &mut Vec<RawEvent>,
        room: usize,
        scratch: &mut Scratch,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        self.driver.wait(events, room, scratch, timeout)
    }

    pub(crate) fn slack(&self) -> Duration {
        self.driver.slack()
    }

    pub(crate) fn wake(&self) -> io::Result<()> {
        self.driver.wake()
    }

    pub(crate) fn set_busy_poll(&self, params: BusyPoll) -> io::Result<()> {
        self.driver.set_busy_poll(params)
    }

    pub(crate) fn busy_poll(&self) -> io::Result<BusyPoll> {
        self.driver.busy_poll()
    }
}
