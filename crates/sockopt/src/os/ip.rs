//! Options of IPv4 and IPv6: `IPPROTO_IP`, `IPPROTO_IPV6`.

use super::sys;
use crate::codec::*;

options! {
    on (unix, windows) {
        /// How many routers an IPv4 packet may pass (`IP_TTL`): 1 to 255.
        ///
        /// On an IPv6 socket it acts on the packets to IPv4-mapped addresses alone, where the
        /// system lets it be set at all; [`HOP_LIMIT`] is the one for the others.
        ///
        /// # Platform-specific behaviour
        ///
        /// Linux and Android take it on IPv6 sockets. Where another system does not, its error is
        /// returned.
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        /// sockopt::TTL.set(&socket, 1)?;
        /// assert_eq!(sockopt::TTL.get(&socket)?, 1);
        ///
        /// let error = sockopt::TTL.set(&socket, 0).unwrap_err();
        /// assert_eq!(error.to_string(), "IP_TTL: 0 is outside 1..=255");
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "IP_TTL")]
        TTL: ReadWrite<u32> = number(id!(IPPROTO_IP, IP_TTL), 1..=255);

        /// How many routers an IPv6 packet may pass (`IPV6_UNICAST_HOPS`): 0, which stays on this
        /// host, to 255.
        ///
        /// # Platform-specific behaviour
        ///
        /// macOS and the BSDs answer `u32::MAX` where the socket follows the system's default.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// # if testkit::lacks_ipv6_sockets() { return Ok(()); }
        /// let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
        /// sockopt::HOP_LIMIT.set(&socket, 1)?;
        /// assert_eq!(sockopt::HOP_LIMIT.get(&socket)?, 1);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "IPV6_UNICAST_HOPS")]
        HOP_LIMIT: ReadWrite<u32> = number(id!(IPPROTO_IPV6, IPV6_UNICAST_HOPS), 0..=255);

        /// Whether an IPv6 socket leaves IPv4 alone (`IPV6_V6ONLY`). Set before the socket is
        /// bound.
        ///
        /// # Platform-specific behaviour
        ///
        /// On by default on Windows and OpenBSD; OpenBSD refuses to turn it off.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// # if testkit::lacks_ipv6_sockets() { return Ok(()); }
        /// let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
        /// sockopt::ONLY_V6.set(&socket, true)?;
        /// assert!(sockopt::ONLY_V6.get(&socket)?);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "IPV6_V6ONLY")]
        ONLY_V6: ReadWrite<bool> = flag(id!(IPPROTO_IPV6, IPV6_V6ONLY));

        /// The type of service of IPv4 packets (`IP_TOS`): the DSCP in the upper six bits, ECN in
        /// the lower two.
        ///
        /// # Platform-specific behaviour
        ///
        /// Linux and Android keep the ECN bits of a TCP socket to themselves. Windows ignores what
        /// is set unless its policy says otherwise.
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// // Expedited forwarding.
        /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        /// sockopt::TOS.set(&socket, 0xb8)?;
        /// assert_eq!(sockopt::TOS.get(&socket)?, 0xb8);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "IP_TOS")]
        TOS: ReadWrite<u32> = number(id!(IPPROTO_IP, IP_TOS), 0..=255);

        /// Whether this host hears its own IPv4 multicast (`IP_MULTICAST_LOOP`).
        ///
        /// # Platform-specific behaviour
        ///
        /// Windows asks the receiving socket, the others the sending one.
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        /// sockopt::MULTICAST_LOOP_V4.set(&socket, false)?;
        /// assert!(!sockopt::MULTICAST_LOOP_V4.get(&socket)?);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "IP_MULTICAST_LOOP")]
        MULTICAST_LOOP_V4: ReadWrite<bool> = multicast_flag(id!(IPPROTO_IP, IP_MULTICAST_LOOP));

        /// How many routers an IPv4 multicast packet may pass (`IP_MULTICAST_TTL`): 0, which stays
        /// on this host, to 255.
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        /// sockopt::MULTICAST_TTL_V4.set(&socket, 4)?;
        /// assert_eq!(sockopt::MULTICAST_TTL_V4.get(&socket)?, 4);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "IP_MULTICAST_TTL")]
        MULTICAST_TTL_V4: ReadWrite<u32> =
            multicast_number(id!(IPPROTO_IP, IP_MULTICAST_TTL), 0..=255);

        /// Whether this host hears its own IPv6 multicast (`IPV6_MULTICAST_LOOP`).
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// # if testkit::lacks_ipv6_sockets() { return Ok(()); }
        /// let socket = Socket::new(Domain::IPV6, Type::DGRAM, None)?;
        /// sockopt::MULTICAST_LOOP_V6.set(&socket, false)?;
        /// assert!(!sockopt::MULTICAST_LOOP_V6.get(&socket)?);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "IPV6_MULTICAST_LOOP")]
        MULTICAST_LOOP_V6: ReadWrite<bool> = flag(id!(IPPROTO_IPV6, IPV6_MULTICAST_LOOP));

        /// How many routers an IPv6 multicast packet may pass (`IPV6_MULTICAST_HOPS`): 0, which
        /// stays on this host, to 255.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// # if testkit::lacks_ipv6_sockets() { return Ok(()); }
        /// let socket = Socket::new(Domain::IPV6, Type::DGRAM, None)?;
        /// sockopt::MULTICAST_HOPS_V6.set(&socket, 4)?;
        /// assert_eq!(sockopt::MULTICAST_HOPS_V6.get(&socket)?, 4);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "IPV6_MULTICAST_HOPS")]
        MULTICAST_HOPS_V6: ReadWrite<u32> = number(id!(IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 0..=255);
    }

    on (unix) {
        /// The traffic class of IPv6 packets (`IPV6_TCLASS`), as [`TOS`] is of IPv4.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// # if testkit::lacks_ipv6_sockets() { return Ok(()); }
        /// let socket = Socket::new(Domain::IPV6, Type::DGRAM, None)?;
        /// sockopt::TCLASS_V6.set(&socket, 0xb8)?;
        /// assert_eq!(sockopt::TCLASS_V6.get(&socket)?, 0xb8);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "IPV6_TCLASS")]
        TCLASS_V6: ReadWrite<u32> = number(id!(IPPROTO_IPV6, IPV6_TCLASS), 0..=255);
    }
}
