//! The contestants, a file each.
//!
//! Each is written as its documentation recommends, but for what would put it behind: polling watches edges and
//! levels rather than arm each event anew, and mio 1, which has edges alone, is given levels by hand. What a
//! benchmark does not use of them is dead code there, but not here.

#![allow(dead_code, reason = "each benchmark uses a part")]

mod mio;
#[cfg(target_os = "linux")]
mod mio_06;
mod polling;
#[cfg(target_os = "linux")]
pub(crate) mod raw;
mod readywire;

pub(crate) use self::mio::Mio;
#[cfg(target_os = "linux")]
pub(crate) use self::mio_06::Mio06;
pub(crate) use self::polling::Polling;
#[cfg(target_os = "linux")]
pub(crate) use self::raw::Raw;
pub(crate) use self::readywire::Readywire;

/// Calls a generic function for every contestant.
macro_rules! each {
    ($function:ident($($argument:expr),*)) => {
        #[cfg(target_os = "linux")]
        $function::<$crate::contestants::Raw>($($argument),*);
        $function::<$crate::contestants::Readywire>($($argument),*);
        $function::<$crate::contestants::Mio>($($argument),*);
        #[cfg(target_os = "linux")]
        $function::<$crate::contestants::Mio06>($($argument),*);
        $function::<$crate::contestants::Polling>($($argument),*);
    };
}
pub(crate) use each;

/// Lets this process have as many descriptors as it may, rather than the usual 1,024; returns how many.
pub(crate) fn raise_descriptor_limit() -> u64 {
    #[cfg(target_os = "linux")]
    return raw::raise_descriptor_limit().expect("raise the limit of descriptors");
    #[cfg(not(target_os = "linux"))]
    return 1024;
}

/// Starts a non-blocking connect, for loops that have no streams of their own.
fn connect(address: std::net::SocketAddr) -> std::io::Result<std::net::TcpStream> {
    use socket2::{Domain, Socket, Type};

    let domain = Domain::for_address(address);
    // In one call, as the loops that have streams do it there.
    #[cfg(target_os = "linux")]
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), None)?;
    #[cfg(not(target_os = "linux"))]
    let socket = Socket::new(domain, Type::STREAM, None)?;
    #[cfg(not(target_os = "linux"))]
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if !is_in_progress(&error) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// Unix says that the connection is in progress, Windows that it would block.
fn is_in_progress(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EINPROGRESS) {
        return true;
    }
    error.kind() == std::io::ErrorKind::WouldBlock
}
