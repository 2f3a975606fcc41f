//! Options of TCP: `IPPROTO_TCP`.

use std::time::Duration;

use cfg_if::cfg_if;

use super::{SYSTEM, sys};
use crate::codec::*;
use crate::option::{Id, ReadOnly, ReadWrite};

cfg_if! {
    if #[cfg(not(target_os = "openbsd"))] {
        use super::keepalive;
    }
}

cfg_if! {
    if #[cfg(target_vendor = "apple")] {
        const KEEPALIVE_IDLE_ID: Id = id!(IPPROTO_TCP, TCP_KEEPALIVE);
        // libc does not define it.
        const NOTSENT_LOWAT_ID: Id =
            Id { level: sys::IPPROTO_TCP, number: 0x201, text: "TCP_NOTSENT_LOWAT" };
    } else if #[cfg(any(target_os = "linux", target_os = "android"))] {
        const KEEPALIVE_IDLE_ID: Id = id!(IPPROTO_TCP, TCP_KEEPIDLE);
        const NOTSENT_LOWAT_ID: Id = id!(IPPROTO_TCP, TCP_NOTSENT_LOWAT);
    } else if #[cfg(not(target_os = "openbsd"))] {
        const KEEPALIVE_IDLE_ID: Id = id!(IPPROTO_TCP, TCP_KEEPIDLE);
    }
}

options! {
    on (unix, windows) {
        /// Whether small segments are sent at once, without waiting to fill them (`TCP_NODELAY`).
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
        /// sockopt::NODELAY.set(&stream, true)?;
        /// assert!(sockopt::NODELAY.get(&stream)?);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "TCP_NODELAY")]
        NODELAY: ReadWrite<bool> = flag(id!(IPPROTO_TCP, TCP_NODELAY));
    }

    on (
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        target_os = "ios",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "dragonfly",
        target_os = "illumos",
        target_os = "fuchsia",
        target_os = "windows",
    ) {
        /// Probes a connection that was silent for so long; `None` turns probing off
        /// (`SO_KEEPALIVE`, `TCP_KEEPIDLE`).
        ///
        /// An error changes nothing: the old time is read first, and restored if enabling fails, as it
        /// does on macOS once the connection is over. A fraction of a second is rounded up, zero is
        /// refused.
        ///
        /// Setting takes three system calls and reading two; `None` takes one.
        ///
        /// # Platform-specific behaviour
        ///
        /// Up to 32 767 s on Linux and Android, 2 147 483 s elsewhere. `TCP_KEEPALIVE` on macOS.
        /// Windows has it since Windows 10 1709. OpenBSD has no such time for one socket.
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        /// use std::time::Duration;
        ///
        /// # #[cfg(unix)] // Wine does not have it.
        /// # fn main() -> std::io::Result<()> {
        /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
        /// sockopt::KEEPALIVE.set(&stream, Some(Duration::from_secs(60)))?;
        /// assert_eq!(sockopt::KEEPALIVE.get(&stream)?, Some(Duration::from_secs(60)));
        ///
        /// sockopt::KEEPALIVE.set(&stream, None)?;
        /// assert_eq!(sockopt::KEEPALIVE.get(&stream)?, None);
        /// # Ok(())
        /// # }
        /// # #[cfg(windows)]
        /// # fn main() {}
        /// ```
        #[doc(alias = "SO_KEEPALIVE")]
        #[doc(alias = "TCP_KEEPIDLE")]
        KEEPALIVE: ReadWrite<Option<Duration>> = ReadWrite::new(
            id!(SOL_SOCKET, SO_KEEPALIVE),
            keepalive::get_idle,
            keepalive::set_idle,
        );

        /// Like [`KEEPALIVE`], with the interval and the number of probes (`SO_KEEPALIVE`,
        /// `TCP_KEEPIDLE`, `TCP_KEEPINTVL`, `TCP_KEEPCNT`): all change or none. Each old value is
        /// read first, and restored if a later part fails.
        ///
        /// # Examples
        ///
        /// See [`Keepalive`](crate::Keepalive).
        #[doc(alias = "SO_KEEPALIVE")]
        #[doc(alias = "TCP_KEEPIDLE")]
        #[doc(alias = "TCP_KEEPINTVL")]
        #[doc(alias = "TCP_KEEPCNT")]
        KEEPALIVE_PROBES: ReadWrite<Option<crate::Keepalive>> =
            ReadWrite::new(
                id!(SOL_SOCKET, SO_KEEPALIVE),
                keepalive::get_probes,
                keepalive::set_probes,
            );

        /// How long a connection is silent before the first probe (`TCP_KEEPIDLE`), whether or not
        /// probing is on; [`KEEPALIVE`] sets both.
        ///
        /// Whole seconds: a fraction is rounded up. The range is that of [`KEEPALIVE`].
        ///
        /// # Examples
        ///
        /// ```
        /// # #[cfg(unix)] // Wine does not have it.
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        /// use std::time::Duration;
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::KEEPALIVE_IDLE.set(&socket, Duration::from_secs(60))?;
        /// assert_eq!(sockopt::KEEPALIVE_IDLE.get(&socket)?, Duration::from_secs(60));
        /// # Ok(())
        /// # }
        /// # #[cfg(windows)]
        /// # fn main() {}
        /// ```
        #[doc(alias = "TCP_KEEPIDLE")]
        #[doc(alias = "TCP_KEEPALIVE")]
        KEEPALIVE_IDLE: ReadWrite<Duration> =
            seconds(KEEPALIVE_IDLE_ID, 1..=SYSTEM.keepalive_seconds);

        /// How long to wait between two probes (`TCP_KEEPINTVL`).
        ///
        /// Whole seconds: a fraction is rounded up. The range is that of [`KEEPALIVE`].
        ///
        /// # Examples
        ///
        /// ```
        /// # #[cfg(unix)] // Wine does not have it.
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        /// use std::time::Duration;
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::KEEPALIVE_INTERVAL.set(&socket, Duration::from_secs(10))?;
        /// assert_eq!(sockopt::KEEPALIVE_INTERVAL.get(&socket)?, Duration::from_secs(10));
        /// # Ok(())
        /// # }
        /// # #[cfg(windows)]
        /// # fn main() {}
        /// ```
        #[doc(alias = "TCP_KEEPINTVL")]
        KEEPALIVE_INTERVAL: ReadWrite<Duration> =
            seconds(id!(IPPROTO_TCP, TCP_KEEPINTVL), 1..=SYSTEM.keepalive_seconds);

        /// How many probes go unanswered before the connection is given up (`TCP_KEEPCNT`).
        ///
        /// # Platform-specific behaviour
        ///
        /// Up to 127 on Linux and Android, 255 on Windows.
        ///
        /// # Examples
        ///
        /// ```
        /// # #[cfg(unix)] // Wine does not have it.
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::KEEPALIVE_RETRIES.set(&socket, 4)?;
        /// assert_eq!(sockopt::KEEPALIVE_RETRIES.get(&socket)?, 4);
        /// # Ok(())
        /// # }
        /// # #[cfg(windows)]
        /// # fn main() {}
        /// ```
        #[doc(alias = "TCP_KEEPCNT")]
        KEEPALIVE_RETRIES: ReadWrite<u32> =
            number(id!(IPPROTO_TCP, TCP_KEEPCNT), 1..=SYSTEM.keepalive_retries);
    }

    on (unix) {
        /// The greatest segment to send, in bytes (`TCP_MAXSEG`); set before connecting.
        ///
        /// # Platform-specific behaviour
        ///
        /// 88 to 32 767 on Linux and Android. macOS and the BSDs take less than the present value
        /// only.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::MAX_SEGMENT_SIZE.set(&socket, 400)?;
        /// assert_eq!(sockopt::MAX_SEGMENT_SIZE.get(&socket)?, 400);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "TCP_MAXSEG")]
        MAX_SEGMENT_SIZE: ReadWrite<u32> = number(
            id!(IPPROTO_TCP, TCP_MAXSEG),
            SYSTEM.least_segment..=SYSTEM.greatest_segment,
        );
    }

    on (target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "illumos") {
        /// Which congestion control the connection uses, by its name (`TCP_CONGESTION`): 1 to 15
        /// bytes.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// # #[cfg(not(qemu))] // It takes it for a number.
        /// # {
        /// let name = sockopt::CONGESTION.get(&socket)?;
        /// sockopt::CONGESTION.set(&socket, &name)?;
        /// # }
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "TCP_CONGESTION")]
        CONGESTION: ReadWrite<String> = name(id!(IPPROTO_TCP, TCP_CONGESTION));
    }

    on (target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios") {
        /// How many unsent bytes may wait before the socket stops being writable
        /// (`TCP_NOTSENT_LOWAT`); 0 for the system's default.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::NOTSENT_LOWAT.set(&socket, 16 * 1024)?;
        /// assert_eq!(sockopt::NOTSENT_LOWAT.get(&socket)?, 16 * 1024);
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "TCP_NOTSENT_LOWAT")]
        NOTSENT_LOWAT: ReadWrite<u32> = number(NOTSENT_LOWAT_ID, 0..=INT_MAX);
    }

    on (target_os = "linux", target_os = "android", target_os = "illumos") {
        /// Whether only full segments are sent until it is off again (`TCP_CORK`). Linux sends a
        /// partial one after 200 ms all the same.
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
        /// sockopt::CORK.set(&stream, true)?;
        /// // … write the parts of one message …
        /// sockopt::CORK.set(&stream, false)?;
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "TCP_CORK")]
        CORK: ReadWrite<bool> = flag(id!(IPPROTO_TCP, TCP_CORK));
    }

    on (
        target_os = "macos",
        target_os = "ios",
        target_os = "freebsd",
        target_os = "openbsd",
        target_os = "dragonfly",
    ) {
        /// Whether only full segments are sent until it is off again (`TCP_NOPUSH`). Unlike
        /// `TCP_CORK`, turning it off may wait for the next write to send the rest.
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
        /// sockopt::NOPUSH.set(&stream, true)?;
        /// // … write the parts of one message …
        /// sockopt::NOPUSH.set(&stream, false)?;
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "TCP_NOPUSH")]
        NOPUSH: ReadWrite<bool> = flag(id!(IPPROTO_TCP, TCP_NOPUSH));
    }

    on (target_os = "linux", target_os = "android") {
        /// How long sent data may go unacknowledged before the connection is given up
        /// (`TCP_USER_TIMEOUT`); `None` is the system's default.
        ///
        /// Whole milliseconds: a fraction is rounded up, zero is refused, and so is what exceeds
        /// 2 147 483 647 ms.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        /// use std::time::Duration;
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// sockopt::USER_TIMEOUT.set(&socket, Some(Duration::from_secs(20)))?;
        /// assert_eq!(sockopt::USER_TIMEOUT.get(&socket)?, Some(Duration::from_secs(20)));
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "TCP_USER_TIMEOUT")]
        USER_TIMEOUT: ReadWrite<Option<Duration>> =
            optional_millis(id!(IPPROTO_TCP, TCP_USER_TIMEOUT), 1..=INT_MAX);

        /// Whether segments are acknowledged at once (`TCP_QUICKACK`). Not for good: the system
        /// goes back to delayed acknowledgements when it sees fit.
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
        /// sockopt::QUICKACK.set(&stream, true)?;
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "TCP_QUICKACK")]
        QUICKACK: ReadWrite<bool> = flag(id!(IPPROTO_TCP, TCP_QUICKACK));

        /// How long a listener waits for the first data of a connection before it hands the
        /// connection out (`TCP_DEFER_ACCEPT`); `None` hands it out at once.
        ///
        /// Whole seconds: a fraction is rounded up, zero is refused. The system keeps a number of
        /// retransmissions and answers with the time they take, which may be more than was set.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use std::time::Duration;
        ///
        /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// sockopt::DEFER_ACCEPT.set(&listener, Some(Duration::from_secs(1)))?;
        /// assert!(sockopt::DEFER_ACCEPT.get(&listener)? >= Some(Duration::from_secs(1)));
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "TCP_DEFER_ACCEPT")]
        DEFER_ACCEPT: ReadWrite<Option<Duration>> =
            optional_seconds(id!(IPPROTO_TCP, TCP_DEFER_ACCEPT), 1..=INT_MAX);

        /// Whether connecting waits for the first write, to carry its data
        /// (`TCP_FASTOPEN_CONNECT`).
        ///
        /// Since Linux 4.11. Setting it fails with `EOPNOTSUPP` if the administrator switched it off
        /// (`net.ipv4.tcp_fastopen`).
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> {
        /// use readywire::sockopt;
        /// use socket2::{Domain, Socket, Type};
        ///
        /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        /// // The system may have it switched off.
        /// if let Err(error) = sockopt::FASTOPEN_CONNECT.set(&socket, true) {
        ///     println!("connecting sends no data: {error}");
        /// }
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "TCP_FASTOPEN_CONNECT")]
        FASTOPEN_CONNECT: ReadWrite<bool> = flag(id!(IPPROTO_TCP, TCP_FASTOPEN_CONNECT));

        /// The kernel's state of the connection (`TCP_INFO`).
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
        /// # #[cfg(not(qemu))] // It takes it for a number.
        /// # {
        /// let info = sockopt::TCP_INFO.get(&stream)?;
        /// assert_eq!(info.state, sockopt::TcpState::Established);
        /// println!("{info}");
        /// # }
        /// # Ok(())
        /// # }
        /// ```
        TCP_INFO: ReadOnly<crate::TcpInfo> =
            ReadOnly::new(id!(IPPROTO_TCP, TCP_INFO), super::tcp_info::read);
    }

    on (
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        target_os = "ios",
        target_os = "freebsd",
        target_os = "windows",
    ) {
        /// How many connections of a listener may carry data in their first segment before they are
        /// accepted (`TCP_FASTOPEN`); 0 for none.
        ///
        /// # Platform-specific behaviour
        ///
        /// A number on Linux and Android; on or off on the others.
        ///
        /// # Examples
        ///
        /// ```
        /// use readywire::sockopt;
        ///
        /// # #[cfg(unix)] // Wine does not have it.
        /// # fn main() -> std::io::Result<()> {
        /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// sockopt::FASTOPEN.set(&listener, 1)?;
        /// assert_eq!(sockopt::FASTOPEN.get(&listener)?, 1);
        /// # Ok(())
        /// # }
        /// # #[cfg(windows)]
        /// # fn main() {}
        /// ```
        #[doc(alias = "TCP_FASTOPEN")]
        FASTOPEN: ReadWrite<u32> = number(id!(IPPROTO_TCP, TCP_FASTOPEN), 0..=INT_MAX);
    }
}
