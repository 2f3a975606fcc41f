//! Busy polling of network devices by an epoll (`ioctl_eventpoll(2)`).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use crate::BusyPoll;
use crate::sys::unix::fd::check;

// Not libc's constants, which are wrong where a write is another bit, as on MIPS.
const SET: libc::Ioctl = libc::_IOW::<libc::epoll_params>(0x8a, 1);
const GET: libc::Ioctl = libc::_IOR::<libc::epoll_params>(0x8a, 2);

/// The longest time that the kernel takes, in microseconds.
const LONGEST: u32 = i32::MAX as u32;

pub(super) fn set(epoll: BorrowedFd<'_>, params: BusyPoll) -> io::Result<()> {
    let microseconds = params.time.as_nanos().div_ceil(1000);
    let Some(busy_poll_usecs) = u32::try_from(microseconds).ok().filter(|&t| t <= LONGEST) else {
        let error =
            format!("busy polling takes at most {LONGEST} microseconds, not {microseconds}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    };
    let params = libc::epoll_params {
        busy_poll_usecs,
        busy_poll_budget: params.budget,
        prefer_busy_poll: params.prefer.into(),
        __pad: 0,
    };
    // SAFETY: the kernel reads a structure of this type, which lives until the call returns.
    let result = unsafe { libc::ioctl(epoll.as_raw_fd(), SET, &raw const params) };
    check(result).map(drop).map_err(explain)
}

pub(super) fn get(epoll: BorrowedFd<'_>) -> io::Result<BusyPoll> {
    let mut params = libc::epoll_params {
        busy_poll_usecs: 0,
        busy_poll_budget: 0,
        prefer_busy_poll: 0,
        __pad: 0,
    };
    // SAFETY: the kernel writes a structure of this type, which lives until the call returns.
    let result = unsafe { libc::ioctl(epoll.as_raw_fd(), GET, &raw mut params) };
    check(result).map_err(explain)?;
    Ok(BusyPoll {
        time: Duration::from_micros(params.busy_poll_usecs.into()),
        budget: params.busy_poll_budget,
        prefer: params.prefer_busy_poll != 0,
    })
}

/// Says what is missing, where the kernel does not know the request.
fn explain(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        // Before 6.9 an epoll took no request at all.
        Some(libc::ENOTTY | libc::EOPNOTSUPP) => {
            let error = format!(
                "busy polling needs Linux 6.9 or later with CONFIG_NET_RX_BUSY_POLL, \
                 this kernel is {}: {error}",
                release()
            );
            io::Error::new(io::ErrorKind::Unsupported, error)
        }
        _ => error,
    }
}

/// The version of the kernel (`uname(2)`).
fn release() -> String {
    let mut name = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: the kernel writes a structure of this type, which lives until the call returns.
    let result = unsafe { libc::uname(name.as_mut_ptr()) };
    if result == -1 {
        return "unknown".to_owned();
    }
    // SAFETY: zeros are valid for it too, which holds numbers alone.
    let name = unsafe { name.assume_init() };
    let release = name.release.iter().take_while(|&&c| c != 0);
    release.map(|&c| char::from(c.to_ne_bytes()[0])).collect()
}
