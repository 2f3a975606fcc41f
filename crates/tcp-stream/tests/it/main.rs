//! The stream's behaviour, on every backend of the machine.

mod close;
mod connect;
mod edges;
mod identity;
mod options;
mod support;
mod transfer;

#[cfg(target_os = "linux")]
mod budget;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod fast_open;
#[cfg(unix)]
mod process;

/// All memory that a stream costs a server, except for its socket: an accepted stream allocates nothing for its
/// attempt.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[test]
fn a_stream_is_no_larger_than_the_guide_says() {
    assert!(
        size_of::<tcp_stream::TcpStream>() <= 72,
        "{}",
        size_of::<tcp_stream::TcpStream>()
    );
}
