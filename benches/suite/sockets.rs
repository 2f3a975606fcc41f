//! The sockets that the groups work on.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;

use readywire::sockopt;

/// Makes a connection over loopback whose buffers have the same, fixed size in every run.
pub(super) fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    for end in [&near, &far] {
        end.set_nonblocking(true)?;
        end.set_nodelay(true)?;
        sockopt::SEND_BUFFER_SIZE.set(end, 128 * 1024)?;
        sockopt::RECV_BUFFER_SIZE.set(end, 128 * 1024)?;
    }
    Ok((near, far))
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
