//! Options whose values have a shape of their own, which socket2 knows for every system.

use std::io;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Type};

use crate::codec::{SECOND, get_int, whole};
use crate::option::{Info, plain_values};
use crate::os::{AsSock, Sock};

plain_values!(Domain, Type, Option<Protocol>);

/// Takes the pending error of `socket` (`SO_ERROR`): the one that a connection attempt or the
/// network left behind. The call clears it.
///
/// # Errors
///
/// Any error from `getsockopt(2)`, such as `ENOTSOCK`.
///
/// # Examples
///
/// ```
/// use readywire::sockopt;
///
/// # fn main() -> std::io::Result<()> {
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// assert!(sockopt::take_error(&socket)?.is_none());
/// # Ok(())
/// # }
/// ```
#[doc(alias = "SO_ERROR")]
pub fn take_error(socket: &(impl AsSock + ?Sized)) -> io::Result<Option<io::Error>> {
    SockRef::from(&crate::os::borrow(socket)).take_error()
}

pub(crate) fn get_linger(_: &Info, sock: Sock<'_>) -> io::Result<Option<Duration>> {
    SockRef::from(&sock).linger()
}

pub(crate) fn set_linger(info: &Info, sock: Sock<'_>, value: Option<Duration>) -> io::Result<()> {
    // socket2 cuts a fraction off, and half a second would turn into a reset.
    let seconds = value.map(|value| whole(value, SECOND));
    if let Some(seconds) = seconds {
        info.check(seconds)?;
    }
    SockRef::from(&sock).set_linger(seconds.map(Duration::from_secs))
}

#[allow(dead_code, reason = "some systems do not tell the protocol")]
pub(crate) fn get_protocol(info: &Info, sock: Sock<'_>) -> io::Result<Option<Protocol>> {
    let number: i32 = get_int(info, sock)?;
    Ok((number != 0).then(|| Protocol::from(number)))
}
