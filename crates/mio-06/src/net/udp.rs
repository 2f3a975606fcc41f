//! UDP sockets.

use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};

#[cfg(unix)]
use iovec::IoVec;

#[cfg(unix)]
use crate::bufs;
use crate::source::Home;

/// A non-blocking UDP socket.
pub struct UdpSocket {
    inner: readywire::net::UdpSocket,
    home: Home,
}

impl UdpSocket {
    /// Makes a socket that is bound to `addr`.
    ///
    /// # Errors
    /// Any error from `socket(2)` and `bind(2)`.
    pub fn bind(addr: &SocketAddr) -> io::Result<UdpSocket> {
        readywire::net::UdpSocket::bind(addr).map(UdpSocket::new)
    }

    /// Takes over a socket of the standard library, and sets it to non-blocking.
    ///
    /// # Errors
    /// Any error from `fcntl(2)`.
    pub fn from_socket(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        readywire::net::UdpSocket::from_socket(socket).map(UdpSocket::new)
    }

    /// Returns the address that the socket is bound to.
    ///
    /// # Errors
    /// Any error from `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Returns another handle of the same socket, which is a source of its own.
    ///
    /// # Errors
    /// Any error from the system, for example that no descriptor is left.
    pub fn try_clone(&self) -> io::Result<UdpSocket> {
        let inner = self.inner.try_clone()?;
        let home = self.home.clone();
        Ok(UdpSocket { inner, home })
    }

    /// Sends a datagram to `target`.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; otherwise any error from `send(2)`.
    pub fn send_to(&self, buf: &[u8], target: &SocketAddr) -> io::Result<usize> {
        self.inner.send_to(buf, target)
    }

    /// Receives a datagram and the address of its sender.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; otherwise any error from `recv(2)`.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.inner.recv_from(buf)
    }

    /// Sends a datagram to the connected address.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; otherwise any error from `send(2)`.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.inner.send(buf)
    }

    /// Receives a datagram from the connected address.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; otherwise any error from `recv(2)`.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.recv(buf)
    }

    /// Connects the socket: it sends to `addr` and receives from there alone.
    ///
    /// # Errors
    /// Any error from `connect(2)`.
    pub fn connect(&self, addr: SocketAddr) -> io::Result<()> {
        self.inner.connect(addr)
    }

    /// Sets whether datagrams may be sent to a broadcast address (`SO_BROADCAST`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.inner.set_broadcast(on)
    }

    /// Returns whether datagrams may be sent to a broadcast address (`SO_BROADCAST`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.inner.broadcast()
    }

    /// Sets whether this machine receives its own multicasts (`IP_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.inner.set_multicast_loop_v4(on)
    }

    /// Returns whether this machine receives its own multicasts (`IP_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.inner.multicast_loop_v4()
    }

    /// Sets how many hops multicasts may take (`IP_MULTICAST_TTL`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.inner.set_multicast_ttl_v4(ttl)
    }

    /// Returns how many hops multicasts may take (`IP_MULTICAST_TTL`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.inner.multicast_ttl_v4()
    }

    /// Sets whether this machine receives its own multicasts (`IPV6_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.inner.set_multicast_loop_v6(on)
    }

    /// Returns whether this machine receives its own multicasts (`IPV6_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.inner.multicast_loop_v6()
    }

    /// Sets how many hops packets may take (`IP_TTL`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.inner.set_ttl(ttl)
    }

    /// Returns how many hops packets may take (`IP_TTL`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn ttl(&self) -> io::Result<u32> {
        self.inner.ttl()
    }

    /// Joins a multicast group (`IP_ADD_MEMBERSHIP`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn join_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.inner.join_multicast_v4(multiaddr, interface)
    }

    /// Leaves a multicast group (`IP_DROP_MEMBERSHIP`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn leave_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.inner.leave_multicast_v4(multiaddr, interface)
    }

    /// Joins a multicast group (`IPV6_ADD_MEMBERSHIP`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.inner.join_multicast_v6(multiaddr, interface)
    }

    /// Leaves a multicast group (`IPV6_DROP_MEMBERSHIP`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.inner.leave_multicast_v6(multiaddr, interface)
    }

    /// Sets whether an IPv6 socket leaves out IPv4 (`IPV6_V6ONLY`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.inner.set_only_v6(only_v6)
    }

    /// Returns whether an IPv6 socket leaves out IPv4 (`IPV6_V6ONLY`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn only_v6(&self) -> io::Result<bool> {
        self.inner.only_v6()
    }

    /// Takes the pending error, which the call clears (`SO_ERROR`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }

    /// Receives a datagram into several buffers, from the connected address.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; `InvalidInput` if there are more buffers than the system takes;
    /// otherwise any error from `readv(2)`.
    #[cfg(unix)]
    pub fn recv_bufs(&self, bufs: &mut [&mut IoVec]) -> io::Result<usize> {
        bufs::read(bufs, |bufs| self.inner.recv_bufs(bufs))
    }

    /// Sends several buffers as one datagram to the connected address.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; `InvalidInput` if there are more buffers than the system takes;
    /// otherwise any error from `writev(2)`.
    #[cfg(unix)]
    pub fn send_bufs(&self, bufs: &[&IoVec]) -> io::Result<usize> {
        bufs::write(bufs, |bufs| self.inner.send_bufs(bufs))
    }
}

socket!(UdpSocket);
