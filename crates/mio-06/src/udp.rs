//! A UDP socket whose calls return `None` where they would block.

use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::deprecated::none_if_blocked;
use crate::event::Evented;

/// A non-blocking UDP socket.
#[derive(Debug)]
pub struct UdpSocket {
    inner: crate::net::UdpSocket,
}

impl UdpSocket {
    /// Makes a socket that is bound to `addr`.
    ///
    /// # Errors
    /// Any error from `socket(2)` and `bind(2)`.
    pub fn bind(addr: &SocketAddr) -> io::Result<UdpSocket> {
        let inner = crate::net::UdpSocket::bind(addr)?;
        Ok(UdpSocket { inner })
    }

    /// Takes over a socket of the standard library, and sets it to non-blocking.
    ///
    /// # Errors
    /// Any error from `fcntl(2)`.
    pub fn from_socket(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        let inner = crate::net::UdpSocket::from_socket(socket)?;
        Ok(UdpSocket { inner })
    }

    /// Returns another handle of the same socket, which is a source of its own.
    ///
    /// # Errors
    /// Any error from the system, for example that no descriptor is left.
    pub fn try_clone(&self) -> io::Result<UdpSocket> {
        let inner = self.inner.try_clone()?;
        Ok(UdpSocket { inner })
    }

    /// Sends a datagram to `target`; `None` if there is no room.
    ///
    /// # Errors
    /// Any error from `send(2)`.
    pub fn send_to(&self, buf: &[u8], target: &SocketAddr) -> io::Result<Option<usize>> {
        none_if_blocked(self.inner.send_to(buf, target))
    }

    /// Receives a datagram and the address of its sender; `None` if there is none.
    ///
    /// # Errors
    /// Any error from `recv(2)`.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        none_if_blocked(self.inner.recv_from(buf))
    }

    /// Sends a datagram to the connected address; `None` if there is no room.
    ///
    /// # Errors
    /// Any error from `send(2)`.
    pub fn send(&self, buf: &[u8]) -> io::Result<Option<usize>> {
        none_if_blocked(self.inner.send(buf))
    }

    /// Receives a datagram from the connected address; `None` if there is none.
    ///
    /// # Errors
    /// Any error from `recv(2)`.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        none_if_blocked(self.inner.recv(buf))
    }
}

/// Methods that [`net::UdpSocket`](crate::net::UdpSocket) has, too.
macro_rules! passed_on {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        impl UdpSocket {
            $(
                #[doc = concat!("Does what [`", stringify!($name), "`](crate::net::UdpSocket::", stringify!($name), ") of `net` does.")]
                ///
                /// # Errors
                /// The same.
                pub fn $name(&self, $($argument: $type),*) -> io::Result<$result> {
                    self.inner.$name($($argument),*)
                }
            )*
        }
    };
}

passed_on! {
    local_addr() -> SocketAddr;
    connect(addr: SocketAddr) -> ();
    broadcast() -> bool;
    set_broadcast(on: bool) -> ();
    multicast_loop_v4() -> bool;
    set_multicast_loop_v4(on: bool) -> ();
    multicast_ttl_v4() -> u32;
    set_multicast_ttl_v4(ttl: u32) -> ();
    multicast_loop_v6() -> bool;
    set_multicast_loop_v6(on: bool) -> ();
    ttl() -> u32;
    set_ttl(ttl: u32) -> ();
    join_multicast_v4(multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    join_multicast_v6(multiaddr: &Ipv6Addr, interface: u32) -> ();
    leave_multicast_v4(multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    leave_multicast_v6(multiaddr: &Ipv6Addr, interface: u32) -> ();
    take_error() -> Option<io::Error>;
}

impl Evented for UdpSocket {
    by_inner!(|socket| socket.inner);
}

#[cfg(unix)]
mod descriptor {
    use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd};

    use super::UdpSocket;

    impl AsRawFd for UdpSocket {
        fn as_raw_fd(&self) -> RawFd {
            self.inner.as_raw_fd()
        }
    }

    impl IntoRawFd for UdpSocket {
        fn into_raw_fd(self) -> RawFd {
            self.inner.into_raw_fd()
        }
    }

    impl FromRawFd for UdpSocket {
        /// Takes over a descriptor, which must be non-blocking already.
        ///
        /// # Safety
        /// The descriptor must be open, owned by nothing else, and a UDP socket's.
        unsafe fn from_raw_fd(fd: RawFd) -> UdpSocket {
            // SAFETY: the caller guarantees what `net::UdpSocket` asks for, which is the same.
            let inner = unsafe { crate::net::UdpSocket::from_raw_fd(fd) };
            UdpSocket { inner }
        }
    }
}
