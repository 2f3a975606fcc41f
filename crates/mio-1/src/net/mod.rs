//! Non-blocking TCP, UDP and Unix sockets.

mod tcp;
mod udp;
#[cfg(unix)]
mod uds;

pub use self::tcp::{TcpListener, TcpStream};
pub use self::udp::UdpSocket;
#[cfg(unix)]
pub use self::uds::{UnixDatagram, UnixListener, UnixStream};
