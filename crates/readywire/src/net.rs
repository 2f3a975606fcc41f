//! Sockets that can be registered with a [`Poll`](crate::Poll).

pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;
#[cfg(feature = "udp")]
pub use udp_socket::UdpSocket;

/// What goes with [`UdpSocket`]: the details of a datagram and, where the
/// system has them, several datagrams a call.
#[cfg(feature = "udp")]
pub mod udp {
    pub use udp_socket::*;
}
