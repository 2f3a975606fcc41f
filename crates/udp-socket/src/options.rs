//! The options, each by the constant of its name in [`sockopt`], and multicast groups.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use sockopt::{GetOption, SetOption};

use crate::UdpSocket;

/// # Options
///
/// A call that fails changes nothing. An option that the system does not know fails with `Unsupported` and
/// [`sockopt::OptionError::Unknown`] inside. Options without a method are constants of [`sockopt`], for
/// [`get`](UdpSocket::get) and [`set`](UdpSocket::set).
///
/// ```
/// # let socket = readywire::net::UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
/// socket.set_broadcast(true)?;
/// assert!(socket.broadcast()?);
///
/// socket.set_multicast_ttl_v4(3)?;
/// assert_eq!(socket.multicast_ttl_v4()?, 3);
///
/// let error = socket.set_ttl(0).unwrap_err();
/// assert_eq!(error.to_string(), "IP_TTL: 0 is outside 1..=255");
/// # Ok::<(), std::io::Error>(())
/// ```
impl UdpSocket {
    /// Reads an option, one of the constants of [`sockopt`] (`getsockopt(2)`).
    ///
    /// It is for options without a method here. Prefer it to `option.get(&socket)`
    /// ([`ReadWrite::get`](sockopt::ReadWrite::get)), which borrows the descriptor: from then on dropping the socket
    /// may cost one more system call.
    ///
    /// # Errors
    /// `Unsupported` with [`sockopt::OptionError::Unknown`] inside, and without an error code, for an option that the
    /// system does not know; otherwise any error from `getsockopt(2)`.
    ///
    /// # Examples
    /// See [`set`](UdpSocket::set).
    #[doc(alias = "getsockopt")]
    #[inline]
    pub fn get<O: GetOption>(&self, option: O) -> io::Result<O::Value> {
        option.get(self.socket())
    }

    /// Sets an option, one of the constants of [`sockopt`] (`setsockopt(2)`).
    ///
    /// It is for options without a method here, such as the buffer size of a receiver that gets bursts.
    /// Prefer it to `option.set(&socket, value)` ([`ReadWrite::set`](sockopt::ReadWrite::set)), which borrows the
    /// descriptor: from then on dropping the socket may cost one more system call.
    ///
    /// # Errors
    /// With a [`sockopt::OptionError`] inside, and without an error code: `InvalidInput` for a value outside the
    /// option's range, `Unsupported` for an option that the system does not know. Otherwise any error from
    /// `setsockopt(2)`. A call that fails changes nothing.
    ///
    /// # Examples
    /// ```
    /// use readywire::sockopt;
    ///
    /// # let socket = readywire::net::UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// socket.set(sockopt::RECV_BUFFER_SIZE, 64 * 1024)?;
    /// assert!(socket.get(sockopt::RECV_BUFFER_SIZE)? >= 64 * 1024);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "setsockopt")]
    #[inline]
    pub fn set<O: SetOption>(&self, option: O, value: O::Value<'_>) -> io::Result<()> {
        option.set(self.socket(), value)
    }

    /// Sets whether datagrams may go to a broadcast address (`SO_BROADCAST`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    #[doc(alias = "SO_BROADCAST")]
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.set(sockopt::BROADCAST, on)
    }

    /// Returns whether datagrams may go to a broadcast address (`SO_BROADCAST`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    #[doc(alias = "SO_BROADCAST")]
    pub fn broadcast(&self) -> io::Result<bool> {
        self.get(sockopt::BROADCAST)
    }

    /// Sets whether this machine receives what it sends to IPv4 groups (`IP_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// On Windows it is the receiver's option, elsewhere the sender's.
    #[doc(alias = "IP_MULTICAST_LOOP")]
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.set(sockopt::MULTICAST_LOOP_V4, on)
    }

    /// Returns whether this machine receives what it sends to IPv4 groups (`IP_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    #[doc(alias = "IP_MULTICAST_LOOP")]
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.get(sockopt::MULTICAST_LOOP_V4)
    }

    /// Sets how many routers a datagram to an IPv4 group may pass (`IP_MULTICAST_TTL`); 1, the
    /// default, stays in the local network.
    ///
    /// # Errors
    /// `InvalidInput` above 255, naming the option and the range; otherwise any error from `setsockopt(2)`.
    #[doc(alias = "IP_MULTICAST_TTL")]
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.set(sockopt::MULTICAST_TTL_V4, ttl)
    }

    /// Returns how many routers a datagram to an IPv4 group may pass (`IP_MULTICAST_TTL`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    #[doc(alias = "IP_MULTICAST_TTL")]
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.get(sockopt::MULTICAST_TTL_V4)
    }

    /// Sets whether this machine receives what it sends to IPv6 groups (`IPV6_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`, for example because the socket is not an IPv6 socket.
    ///
    /// # Platform-specific behaviour
    /// On Windows it is the receiver's option, elsewhere the sender's.
    #[doc(alias = "IPV6_MULTICAST_LOOP")]
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.set(sockopt::MULTICAST_LOOP_V6, on)
    }

    /// Returns whether this machine receives what it sends to IPv6 groups (`IPV6_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`, for example because the socket is not an IPv6 socket.
    #[doc(alias = "IPV6_MULTICAST_LOOP")]
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.get(sockopt::MULTICAST_LOOP_V6)
    }

    /// Sets how many routers a datagram to an IPv6 group may pass (`IPV6_MULTICAST_HOPS`).
    ///
    /// # Errors
    /// `InvalidInput` above 255, naming the option and the range; otherwise any error from `setsockopt(2)`, for
    /// example because the socket is not an IPv6 socket.
    #[doc(alias = "IPV6_MULTICAST_HOPS")]
    pub fn set_multicast_hops_v6(&self, hops: u32) -> io::Result<()> {
        self.set(sockopt::MULTICAST_HOPS_V6, hops)
    }

    /// Returns how many routers a datagram to an IPv6 group may pass (`IPV6_MULTICAST_HOPS`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`, for example because the socket is not an IPv6 socket.
    #[doc(alias = "IPV6_MULTICAST_HOPS")]
    pub fn multicast_hops_v6(&self) -> io::Result<u32> {
        self.get(sockopt::MULTICAST_HOPS_V6)
    }

    /// Sets how many routers an IPv4 packet may pass (`IP_TTL`).
    ///
    /// # Errors
    /// `InvalidInput` outside 1 to 255, naming the option and the range; otherwise any error from `setsockopt(2)`.
    ///
    /// # Platform-specific behaviour
    /// On an IPv6 socket the call has no effect or fails, by system; set [`sockopt::HOP_LIMIT`] there.
    #[doc(alias = "IP_TTL")]
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.set(sockopt::TTL, ttl)
    }

    /// Returns how many routers an IPv4 packet may pass (`IP_TTL`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`.
    #[doc(alias = "IP_TTL")]
    pub fn ttl(&self) -> io::Result<u32> {
        self.get(sockopt::TTL)
    }

    /// Sets whether an IPv6 socket leaves IPv4 alone (`IPV6_V6ONLY`).
    ///
    /// # Errors
    /// Any error from `setsockopt(2)`, for example because the socket is already bound or is not an IPv6 socket.
    #[doc(alias = "IPV6_V6ONLY")]
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.set(sockopt::ONLY_V6, only_v6)
    }

    /// Returns whether an IPv6 socket leaves IPv4 alone (`IPV6_V6ONLY`).
    ///
    /// # Errors
    /// Any error from `getsockopt(2)`, for example because the socket is not an IPv6 socket.
    #[doc(alias = "IPV6_V6ONLY")]
    pub fn only_v6(&self) -> io::Result<bool> {
        self.get(sockopt::ONLY_V6)
    }

    /// Receives what is sent to an IPv4 group, on the network of the interface that has the address `interface`; with
    /// `0.0.0.0` the system chooses (`IP_ADD_MEMBERSHIP`).
    ///
    /// # Errors
    /// `AddrInUse` if the socket has joined already; otherwise any error from `setsockopt(2)`, for example because
    /// `multiaddr` is not the address of a group or there is no such interface.
    ///
    /// # Examples
    /// ```
    /// use std::net::Ipv4Addr;
    ///
    /// let socket = readywire::net::UdpSocket::bind(&"0.0.0.0:0".parse().unwrap())?;
    /// let group = Ipv4Addr::new(224, 0, 0, 123);
    /// socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
    /// socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "IP_ADD_MEMBERSHIP")]
    pub fn join_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket().join_multicast_v4(multiaddr, interface)
    }

    /// Receives what is sent to an IPv6 group, on the interface with the index `interface`; with 0 the system chooses
    /// (`IPV6_ADD_MEMBERSHIP`).
    ///
    /// # Errors
    /// `AddrInUse` if the socket has joined already; otherwise any error from `setsockopt(2)`, for example because
    /// `multiaddr` is not the address of a group or there is no such interface.
    #[doc(alias("IPV6_ADD_MEMBERSHIP", "IPV6_JOIN_GROUP"))]
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket().join_multicast_v6(multiaddr, interface)
    }

    /// Leaves a group that [`join_multicast_v4`](UdpSocket::join_multicast_v4) has joined (`IP_DROP_MEMBERSHIP`).
    ///
    /// # Errors
    /// `AddrNotAvailable` if the socket has not joined; otherwise any error from `setsockopt(2)`.
    #[doc(alias = "IP_DROP_MEMBERSHIP")]
    pub fn leave_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket().leave_multicast_v4(multiaddr, interface)
    }

    /// Leaves a group that [`join_multicast_v6`](UdpSocket::join_multicast_v6) has joined (`IPV6_DROP_MEMBERSHIP`).
    ///
    /// # Errors
    /// `AddrNotAvailable` if the socket has not joined; otherwise any error from `setsockopt(2)`.
    #[doc(alias("IPV6_DROP_MEMBERSHIP", "IPV6_LEAVE_GROUP"))]
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket().leave_multicast_v6(multiaddr, interface)
    }
}
