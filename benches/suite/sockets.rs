//! The sockets that the groups work on.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use readywire::sockopt;

/// Makes a connection over loopback whose buffers have the same, fixed size in every run.
pub(super) fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = listener()?;
    let (near, far) = connection(&listener)?;
    for end in [&near, &far] {
        end.set_nonblocking(true)?;
        sockopt::SEND_BUFFER_SIZE.set(end, 128 * 1024)?;
        sockopt::RECV_BUFFER_SIZE.set(end, 128 * 1024)?;
    }
    Ok((near, far))
}

/// Makes `count` connections over loopback, the far ends of which block.
pub(super) fn connections(count: usize) -> io::Result<Vec<(TcpStream, TcpStream)>> {
    // Each listener has a port of its own, and with it all ports for the other ends.
    let listener = listener()?;
    let connect = |_| {
        let (near, far) = connection(&listener)?;
        near.set_nonblocking(true)?;
        Ok((near, far))
    };
    (0..count).map(connect).collect()
}

/// Connects, and accepts the connection.
fn connection(listener: &TcpListener) -> io::Result<(TcpStream, TcpStream)> {
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

/// Makes a listener whose connections are reset when they are closed, lest their ports stay taken for a
/// minute: a benchmark makes more than there are ports.
pub(super) fn listener() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // What it accepts inherits this.
    sockopt::LINGER.set(&listener, Some(Duration::ZERO))?;
    Ok(listener)
}

/// Makes `all` datagram sockets, `ready` of them readable.
pub(super) fn datagrams(all: usize, ready: usize) -> io::Result<Vec<Arc<UdpSocket>>> {
    let socket = |index| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        // Spread over all, as they would be in life.
        if index * ready / all != (index + 1) * ready / all {
            socket.send_to(b"x", socket.local_addr()?)?;
        }
        Ok(Arc::new(socket))
    };
    (0..all).map(socket).collect()
}

/// Turns that a call would block into `None`.
#[inline]
pub(super) fn unblocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}
