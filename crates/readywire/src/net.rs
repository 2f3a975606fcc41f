//! Sockets that can be registered with a [`Poll`](crate::Poll).

pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;
pub use udp_socket::UdpSocket;
