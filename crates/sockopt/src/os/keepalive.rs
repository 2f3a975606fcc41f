//! Keepalive as a whole: several options of the system that change together or not at all.

use std::io;
use std::time::Duration;

use super::Sock;
use crate::option::{Info, ReadWrite, Value, plain_values};

/// When a silent connection is probed, and when it is given up.
///
/// # Examples
///
/// ```
/// # #[cfg(unix)] // Wine does not have it.
/// # fn main() -> std::io::Result<()> {
/// use readywire::sockopt::{self, Keepalive};
/// use std::time::Duration;
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
/// // Dead after 60 s of silence and 4 probes, 10 s apart.
/// let keepalive = Keepalive::new(Duration::from_secs(60))
///     .with_interval(Duration::from_secs(10))
///     .with_retries(4);
/// sockopt::KEEPALIVE_PROBES.set(&stream, Some(keepalive))?;
/// assert_eq!(sockopt::KEEPALIVE_PROBES.get(&stream)?, Some(keepalive));
/// # Ok(())
/// # }
/// # #[cfg(windows)]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keepalive {
    /// How long the connection is silent before the first probe.
    pub idle: Duration,
    /// How long to wait between probes; `None` leaves it as it is.
    pub interval: Option<Duration>,
    /// How many probes go unanswered before the connection is given up; `None` leaves it as it is.
    pub retries: Option<u32>,
}

impl Keepalive {
    /// Probes after `idle`; the interval and the number of probes stay as they are.
    ///
    /// # Examples
    ///
    /// See [`Keepalive`].
    #[must_use]
    pub const fn new(idle: Duration) -> Self {
        Self {
            idle,
            interval: None,
            retries: None,
        }
    }

    /// Waits `interval` between two probes.
    ///
    /// # Examples
    ///
    /// See [`Keepalive`].
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Gives the connection up after `retries` probes without an answer.
    ///
    /// # Examples
    ///
    /// See [`Keepalive`].
    #[must_use]
    pub const fn with_retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }
}

impl From<Duration> for Keepalive {
    fn from(idle: Duration) -> Self {
        Self::new(idle)
    }
}

plain_values!(Option<Keepalive>);

/// The four options of the system, as those constants describe them.
const ENABLED: &ReadWrite<bool> = &crate::KEEPALIVE_ENABLED;
const IDLE: &ReadWrite<Duration> = &crate::KEEPALIVE_IDLE;
const INTERVAL: &ReadWrite<Duration> = &crate::KEEPALIVE_INTERVAL;
const RETRIES: &ReadWrite<u32> = &crate::KEEPALIVE_RETRIES;

#[inline]
pub(super) fn get_idle(_: &Info, sock: Sock<'_>) -> io::Result<Option<Duration>> {
    if ENABLED.get(&sock)? {
        IDLE.get(&sock).map(Some)
    } else {
        Ok(None)
    }
}

#[inline]
pub(super) fn set_idle(_: &Info, sock: Sock<'_>, idle: Option<Duration>) -> io::Result<()> {
    let Some(idle) = idle else {
        return ENABLED.set(&sock, false);
    };
    // Enabled last: until then nothing acts on the time.
    change(IDLE, sock, Some(idle), || ENABLED.set(&sock, true))
}

pub(super) fn get_probes(info: &Info, sock: Sock<'_>) -> io::Result<Option<Keepalive>> {
    let Some(idle) = get_idle(info, sock)? else {
        return Ok(None);
    };
    let interval = INTERVAL.get(&sock).map(Some)?;
    let retries = RETRIES.get(&sock).map(Some)?;
    Ok(Some(Keepalive {
        idle,
        interval,
        retries,
    }))
}

pub(super) fn set_probes(_: &Info, sock: Sock<'_>, keepalive: Option<Keepalive>) -> io::Result<()> {
    let Some(Keepalive {
        idle,
        interval,
        retries,
    }) = keepalive
    else {
        return ENABLED.set(&sock, false);
    };
    // Enabled last, as above.
    change(IDLE, sock, Some(idle), || {
        change(INTERVAL, sock, interval, || {
            change(RETRIES, sock, retries, || ENABLED.set(&sock, true))
        })
    })
}

/// Sets `option` and goes on with `rest`; if that fails, restores the old value and returns the error.
fn change<T>(
    option: &ReadWrite<T>,
    sock: Sock<'_>,
    value: Option<T>,
    rest: impl FnOnce() -> io::Result<()>,
) -> io::Result<()>
where
    T: for<'a> Value<Arg<'a> = T>,
{
    let Some(value) = value else { return rest() };
    // Some systems let these options be set but not read: then there is nothing to restore.
    let old = option.get(&sock);
    option.set(&sock, value)?;
    rest().inspect_err(|_| {
        // The caller learns the first error; nothing is left to try if this fails too.
        let _restored = old.and_then(|old| option.set(&sock, old)).is_ok();
    })
}
