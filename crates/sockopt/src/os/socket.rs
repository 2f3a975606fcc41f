//! Options of any socket: `SOL_SOCKET`.

use std::time::Duration;

use cfg_if::cfg_if;

use super::{SYSTEM, sys};
use crate::codec::*;
use crate::option::{Id, ReadOnly, ReadWrite};
use crate::socket::*;

cfg_if! {
    if #[cfg(target_os = "android")] {
        // libc does not define it.
        const INCOMING_CPU_ID: Id =
            Id { level: sys::SOL_SOCKET, number: 49, text: "SO_INCOMING_CPU" };
    } else if #[cfg(target_os = "linux")] {
        const INCOMING_CPU_ID: Id = id!(SOL_SOCKET, SO_INCOMING_CPU);
    }
}

cfg_if! {
    if #[cfg(target_vendor = "apple")] {
        // The plain one counts in hundredths there.
        const LINGER_ID: Id = id!(SOL_SOCKET, SO_LINGER_SEC);
    } else {
        const LINGER_ID: Id = id!(SOL_SOCKET, SO_LINGER);
    }
}

options! {
    on (unix, windows) {
        /// Whether an address that is still in `TIME_WAIT` may be bound again (`SO_REUSEADDR`).
        ///
        /// # Platform-specific behaviour
        ///
        /// On Windows it also lets a second socket take over an address that is in use.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::REUSE_ADDRESS.set(&socket, true)?;
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_REUSEADDR")]
        REUSE_ADDRESS: ReadWrite<bool> = flag(id!(SOL_SOCKET, SO_REUSEADDR));

        /// Whether datagrams may go to a broadcast address (`SO_BROADCAST`).
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        /// sockopt::BROADCAST.set(&socket, true)?;
        /// assert!(sockopt::BROADCAST.get(&socket)?);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_BROADCAST")]
        BROADCAST: ReadWrite<bool> = flag(id!(SOL_SOCKET, SO_BROADCAST));

        /// Whether a silent connection is probed (`SO_KEEPALIVE`); `KEEPALIVE` also says when, on
        /// the systems that have it.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::KEEPALIVE_ENABLED.set(&socket, true)?;
        /// assert!(sockopt::KEEPALIVE_ENABLED.get(&socket)?);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_KEEPALIVE")]
        KEEPALIVE_ENABLED: ReadWrite<bool> = flag(id!(SOL_SOCKET, SO_KEEPALIVE));

        /// How long closing waits for unsent data (`SO_LINGER`); `None` closes in the background,
        /// zero resets the connection.
        ///
        /// Whole seconds: a fraction is rounded up, so that only zero is zero. Past 65 535 s it is
        /// refused.
        ///
        /// # Platform-specific behaviour
        ///
        /// The greatest value is the one that the system stores without truncating it: 32 767 s on OpenBSD and
        /// DragonFly, 327 s on macOS (`SO_LINGER_SEC`).
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        /// use std::time::Duration;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// sockopt::LINGER.set(&listener, Some(Duration::from_millis(1500)))?;
        /// assert_eq!(sockopt::LINGER.get(&listener)?, Some(Duration::from_secs(2)));
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_LINGER")]
        #[doc(alias = "SO_LINGER_SEC")]
        LINGER: ReadWrite<Option<Duration>> = ReadWrite::ranged(
            LINGER_ID,
            0..=SYSTEM.linger_seconds,
            " s",
            get_linger,
            set_linger,
        );

        /// How many bytes wait to be sent at most (`SO_SNDBUF`).
        ///
        /// # Platform-specific behaviour
        ///
        /// Linux and Android double what is set, for their own bookkeeping, and return the doubled
        /// number; they cut what exceeds `net.core.wmem_max` and raise what is too small. The BSDs
        /// refuse what exceeds `kern.ipc.maxsockbuf` (`ENOBUFS`).
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        /// sockopt::SEND_BUFFER_SIZE.set(&socket, 32 * 1024)?;
        /// assert!(sockopt::SEND_BUFFER_SIZE.get(&socket)? >= 32 * 1024);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_SNDBUF")]
        SEND_BUFFER_SIZE: ReadWrite<usize> = size(id!(SOL_SOCKET, SO_SNDBUF));

        /// How many received bytes wait to be read at most (`SO_RCVBUF`). To advertise a large
        /// window, a TCP socket sets it before it connects or listens.
        ///
        /// # Platform-specific behaviour
        ///
        /// Doubled and cut on Linux and Android as [`SEND_BUFFER_SIZE`] is, by `net.core.rmem_max`.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::RECV_BUFFER_SIZE.set(&socket, 64 * 1024)?;
        /// assert!(sockopt::RECV_BUFFER_SIZE.get(&socket)? >= 64 * 1024);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_RCVBUF")]
        RECV_BUFFER_SIZE: ReadWrite<usize> = size(id!(SOL_SOCKET, SO_RCVBUF));

        /// Whether the socket listens (`SO_ACCEPTCONN`).
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// assert!(sockopt::ACCEPTS_CONNECTIONS.get(&listener)?);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_ACCEPTCONN")]
        ACCEPTS_CONNECTIONS: ReadOnly<bool> = flag_to_read(id!(SOL_SOCKET, SO_ACCEPTCONN));

        /// What kind of socket it is: stream, datagram, … (`SO_TYPE`).
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        /// assert_eq!(sockopt::TYPE.get(&socket)?, socket2::Type::DGRAM);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_TYPE")]
        TYPE: ReadOnly<socket2::Type> = ReadOnly::new(id!(SOL_SOCKET, SO_TYPE), get_int);
    }

    on (
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        target_os = "ios",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
    ) {
        /// Whether several sockets that all say so may bind one address (`SO_REUSEPORT`).
        ///
        /// # Platform-specific behaviour
        ///
        /// Linux and DragonFly spread connections and datagrams over the sockets; the others give
        /// them to one.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::REUSE_PORT.set(&socket, true)?;
        /// assert!(sockopt::REUSE_PORT.get(&socket)?);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_REUSEPORT")]
        REUSE_PORT: ReadWrite<bool> = flag(id!(SOL_SOCKET, SO_REUSEPORT));
    }

    on (target_os = "freebsd") {
        /// Like [`REUSE_PORT`], and connections are spread over the sockets (`SO_REUSEPORT_LB`).
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::REUSE_PORT_BALANCED.set(&socket, true)?;
        /// assert!(sockopt::REUSE_PORT_BALANCED.get(&socket)?);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_REUSEPORT_LB")]
        REUSE_PORT_BALANCED: ReadWrite<bool> = flag(id!(SOL_SOCKET, SO_REUSEPORT_LB));

        /// Which routing table the socket uses (`SO_SETFIB`).
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::ROUTING_TABLE.set(&socket, 0)?;
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_SETFIB")]
        ROUTING_TABLE: WriteOnly<u32> = number_to_set(id!(SOL_SOCKET, SO_SETFIB), 0..=65_535);
    }

    on (target_os = "windows") {
        /// Whether nobody else may bind the address, not even by [`REUSE_ADDRESS`]
        /// (`SO_EXCLUSIVEADDRUSE`).
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::EXCLUSIVE_ADDRESS.set(&socket, true)?;
        /// assert!(sockopt::EXCLUSIVE_ADDRESS.get(&socket)?);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_EXCLUSIVEADDRUSE")]
        EXCLUSIVE_ADDRESS: ReadWrite<bool> = flag(id!(SOL_SOCKET, SO_EXCLUSIVEADDRUSE));
    }

    on (target_os = "linux", target_os = "android") {
        /// Sets [`SEND_BUFFER_SIZE`] past the limit of the system (`SO_SNDBUFFORCE`); needs
        /// `CAP_NET_ADMIN`.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        /// use std::io::ErrorKind;
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// match sockopt::SEND_BUFFER_SIZE_FORCED.set(&socket, 1 << 24) {
        ///     Ok(()) => {}
        ///     Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
        /// }
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_SNDBUFFORCE")]
        SEND_BUFFER_SIZE_FORCED: WriteOnly<usize> = size_to_set(id!(SOL_SOCKET, SO_SNDBUFFORCE));

        /// Sets [`RECV_BUFFER_SIZE`] past the limit of the system (`SO_RCVBUFFORCE`); needs
        /// `CAP_NET_ADMIN`.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        /// use std::io::ErrorKind;
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// match sockopt::RECV_BUFFER_SIZE_FORCED.set(&socket, 1 << 24) {
        ///     Ok(()) => {}
        ///     Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
        /// }
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_RCVBUFFORCE")]
        RECV_BUFFER_SIZE_FORCED: WriteOnly<usize> = size_to_set(id!(SOL_SOCKET, SO_RCVBUFFORCE));

        /// Which queue the socket's packets take on their way out (`SO_PRIORITY`). Past 6 it needs
        /// `CAP_NET_ADMIN`. Setting [`TOS`](crate::TOS) also sets it.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::PRIORITY.set(&socket, 6)?;
        /// assert_eq!(sockopt::PRIORITY.get(&socket)?, 6);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_PRIORITY")]
        PRIORITY: ReadWrite<u32> = number(id!(SOL_SOCKET, SO_PRIORITY), 0..=INT_MAX);

        /// The mark of the socket's packets, for routing and filters (`SO_MARK`); needs
        /// `CAP_NET_ADMIN`, or `CAP_NET_RAW` since Linux 5.17.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        /// use std::io::ErrorKind;
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// # #[cfg(not(qemu))] // qemu-user does not have it.
        /// match sockopt::MARK.set(&socket, 42) {
        ///     Ok(()) => {}
        ///     Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
        /// }
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_MARK")]
        MARK: ReadWrite<u32> = number(id!(SOL_SOCKET, SO_MARK), 0..=u32::MAX as u64);

        /// The CPU whose packets the socket prefers, or the one that last received a packet for it
        /// (`SO_INCOMING_CPU`); `None` for any.
        ///
        /// Readable since Linux 3.19, settable since Linux 4.4. Before that the call fails with
        /// [`OptionError::Unknown`](crate::OptionError::Unknown).
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// # #[cfg(not(qemu))] // qemu-user does not have it.
        /// # {
        /// sockopt::INCOMING_CPU.set(&socket, Some(0))?;
        /// assert_eq!(sockopt::INCOMING_CPU.get(&socket)?, Some(0));
        /// # }
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_INCOMING_CPU")]
        INCOMING_CPU: ReadWrite<Option<u32>> = optional_number(INCOMING_CPU_ID);

        /// The one network interface the socket uses, such as `eth0`, or `None` for any
        /// (`SO_BINDTODEVICE`). Rebinding needs `CAP_NET_RAW`.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        /// use std::io::ErrorKind;
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// match sockopt::BIND_DEVICE.set(&socket, Some("lo")) {
        ///     Ok(()) => {}
        ///     Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
        /// }
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_BINDTODEVICE")]
        BIND_DEVICE: ReadWrite<Option<String>> = optional_name(id!(SOL_SOCKET, SO_BINDTODEVICE));

        /// How long a blocking read polls the network card before it sleeps (`SO_BUSY_POLL`); whole
        /// microseconds, a fraction is rounded up. Raising it needs `CAP_NET_ADMIN`.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        /// use std::io::ErrorKind;
        /// use std::time::Duration;
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// # #[cfg(not(qemu))] // qemu-user does not have it.
        /// match sockopt::BUSY_POLL.set(&socket, Duration::from_micros(50)) {
        ///     Ok(()) => {}
        ///     Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
        /// }
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_BUSY_POLL")]
        BUSY_POLL: ReadWrite<Duration> = micros(id!(SOL_SOCKET, SO_BUSY_POLL), 0..=INT_MAX);
    }

    on (
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "openbsd",
        target_os = "illumos",
    ) {
        /// Which family of addresses the socket takes (`SO_DOMAIN`).
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        /// assert_eq!(sockopt::DOMAIN.get(&socket)?, socket2::Domain::IPV4);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_DOMAIN")]
        DOMAIN: ReadOnly<socket2::Domain> = ReadOnly::new(id!(SOL_SOCKET, SO_DOMAIN), get_int);
    }

    on (target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "openbsd") {
        /// Which protocol the socket speaks (`SO_PROTOCOL`); `None` for the only one of its domain.
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        /// assert_eq!(sockopt::PROTOCOL.get(&socket)?, Some(socket2::Protocol::UDP));
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "SO_PROTOCOL")]
        PROTOCOL: ReadOnly<Option<socket2::Protocol>> =
            ReadOnly::new(id!(SOL_SOCKET, SO_PROTOCOL), get_protocol);
    }
}
