//! How a `Poll` busy-polls network devices: plain values.

use std::io;
use std::time::Duration;

/// How long and how a [`Poll`](crate::Poll) asks the network device for packets before it sleeps, set with
/// [`Poll::set_busy_poll`](crate::Poll::set_busy_poll).
///
/// The default leaves it to the sysctl `net.core.busy_poll`, which is zero by default: no busy polling.
///
/// ```
/// use readywire::BusyPoll;
/// use std::time::Duration;
///
/// let mut params = BusyPoll::default();
/// params.time = Duration::from_micros(64);
/// params.budget = 16;
/// params.prefer = true;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BusyPoll {
    /// For how long to ask the device, in microseconds (fractions are rounded up); zero leaves it to the
    /// sysctl `net.core.busy_poll`, which is zero by default.
    pub time: Duration,
    /// The most packets that the device hands over at a time; zero is the kernel's default, 8.
    pub budget: u16,
    /// Leave the device's interrupts off while the program polls often enough (see
    /// `SO_PREFER_BUSY_POLL` in `socket(7)`).
    pub prefer: bool,
}

impl BusyPoll {
    /// The error of a backend that knows of no busy polling.
    pub(crate) fn unsupported() -> io::Error {
        io::Error::new(
            io::ErrorKind::Unsupported,
            "busy polling needs a Poll on epoll, and Linux 6.9 or later",
        )
    }
}
