//! Every option that this system has, set and read against the system's own call.

use std::collections::BTreeSet;
use std::time::Duration;

use socket2::Socket;
use sockopt::ReadWrite;

use crate::support::{raw, sys, tcp, tcp_v6, udp, udp_v6};

/// Defines a test for each option, under the name of its constant, and lists them.
macro_rules! options {
    ($($name:ident => $body:expr;)+) => {
        pub(super) const COVERED: &[&str] = &[$(stringify!($name)),+];
        $(
            #[test]
            fn $name() {
                $body
            }
        )+
    };
}

#[test]
fn every_option_of_this_system_has_a_test_here() {
    let mut covered = BTreeSet::new();
    let mut cover = |names: &[&str]| {
        covered.extend(
            names
                .iter()
                .map(|name| name.trim_start_matches("r#").to_uppercase()),
        )
    };
    cover(everywhere::COVERED);
    #[cfg(not(target_os = "openbsd"))]
    cover(keepalive::COVERED);
    #[cfg(unix)]
    cover(unix::COVERED);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    cover(linux::COVERED);
    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "openbsd",
        target_os = "illumos",
    ))]
    cover(domain::COVERED);
    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "openbsd",
    ))]
    cover(protocol::COVERED);
    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "illumos",
    ))]
    cover(congestion::COVERED);
    #[cfg(all(unix, not(target_os = "illumos")))]
    cover(reuse_port::COVERED);
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "illumos"))]
    cover(cork::COVERED);
    #[cfg(any(
        target_os = "macos",
        target_os = "freebsd",
        target_os = "openbsd",
        target_os = "dragonfly",
    ))]
    cover(nopush::COVERED);
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
    cover(low_water::COVERED);
    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        target_os = "freebsd",
        windows,
    ))]
    cover(fast_open::COVERED);
    #[cfg(target_os = "freebsd")]
    cover(freebsd::COVERED);
    #[cfg(windows)]
    cover(windows::COVERED);

    let present: BTreeSet<String> = sockopt::catalogue()
        .filter(|option| option.os_name.is_some())
        .map(|option| option.name.to_owned())
        .collect();
    assert_eq!(covered, present);
}

#[track_caller]
fn flag(option: &ReadWrite<bool>, socket: &Socket, level: i32, number: i32) {
    if testkit::lacks_option(&option.get(socket)) {
        return;
    }
    for value in [true, false, true] {
        option
            .set(socket, value)
            .unwrap_or_else(|error| panic!("{option:?} = {value}: {error}"));
        assert_eq!(
            raw(socket, level, number) != 0,
            value,
            "{option:?} as the system has it"
        );
        assert_eq!(option.get(socket).unwrap(), value, "{option:?}");
    }
}

#[track_caller]
fn number(option: &ReadWrite<u32>, socket: &Socket, level: i32, number: i32, values: &[u32]) {
    if testkit::lacks_option(&option.get(socket)) {
        return;
    }
    for &value in values {
        option
            .set(socket, value)
            .unwrap_or_else(|error| panic!("{option:?} = {value}: {error}"));
        assert_eq!(
            raw(socket, level, number),
            i64::from(value),
            "{option:?} as the system has it"
        );
        assert_eq!(option.get(socket).unwrap(), value, "{option:?}");
    }
}

/// Calls [`flag`] on an IPv6 socket, unless the machine has no IPv6.
#[track_caller]
fn flag_v6(option: &ReadWrite<bool>, socket: Option<Socket>, number: i32) {
    if let Some(socket) = socket {
        flag(option, &socket, sys::IPPROTO_IPV6, number);
    }
}

/// Calls [`number`] on an IPv6 socket, unless the machine has no IPv6.
#[track_caller]
fn number_v6(option: &ReadWrite<u32>, socket: Option<Socket>, name: i32, values: &[u32]) {
    if let Some(socket) = socket {
        number(option, &socket, sys::IPPROTO_IPV6, name, values);
    }
}

mod everywhere {
    use super::*;

    options! {
        reuse_address =>
            flag(&sockopt::REUSE_ADDRESS, &tcp(), sys::SOL_SOCKET, sys::SO_REUSEADDR);
        broadcast => flag(&sockopt::BROADCAST, &udp(), sys::SOL_SOCKET, sys::SO_BROADCAST);
        keepalive_enabled =>
            flag(&sockopt::KEEPALIVE_ENABLED, &tcp(), sys::SOL_SOCKET, sys::SO_KEEPALIVE);
        nodelay => flag(&sockopt::NODELAY, &tcp(), sys::IPPROTO_TCP, sys::TCP_NODELAY);
        only_v6 => flag_v6(&sockopt::ONLY_V6, tcp_v6(), sys::IPV6_V6ONLY);
        multicast_loop_v4 => flag(
            &sockopt::MULTICAST_LOOP_V4, &udp(), sys::IPPROTO_IP, sys::IP_MULTICAST_LOOP,
        );
        multicast_loop_v6 => flag_v6(
            &sockopt::MULTICAST_LOOP_V6, udp_v6(), sys::IPV6_MULTICAST_LOOP,
        );
        ttl => {
            number(&sockopt::TTL, &tcp(), sys::IPPROTO_IP, sys::IP_TTL, &[1, 64, 255]);
            number(&sockopt::TTL, &udp(), sys::IPPROTO_IP, sys::IP_TTL, &[1, 64, 255]);
        };
        hop_limit => number_v6(
            &sockopt::HOP_LIMIT, tcp_v6(), sys::IPV6_UNICAST_HOPS,
            &[0, 1, 64, 255],
        );
        tos => number(&sockopt::TOS, &udp(), sys::IPPROTO_IP, sys::IP_TOS, &[0xb8, 0x10, 0]);
        multicast_ttl_v4 => number(
            &sockopt::MULTICAST_TTL_V4, &udp(), sys::IPPROTO_IP, sys::IP_MULTICAST_TTL,
            &[0, 1, 255],
        );
        multicast_hops_v6 => number_v6(
            &sockopt::MULTICAST_HOPS_V6, udp_v6(), sys::IPV6_MULTICAST_HOPS,
            &[0, 1, 255],
        );
        send_buffer_size => {
            let socket = tcp();
            sockopt::SEND_BUFFER_SIZE.set(&socket, 40_000).unwrap();
            let size = sockopt::SEND_BUFFER_SIZE.get(&socket).unwrap();
            assert_eq!(size, if DOUBLES { 80_000 } else { 40_000 });
            assert_eq!(raw(&socket, sys::SOL_SOCKET, sys::SO_SNDBUF), i64::try_from(size).unwrap());
        };
        recv_buffer_size => {
            let socket = tcp();
            sockopt::RECV_BUFFER_SIZE.set(&socket, 40_000).unwrap();
            let size = sockopt::RECV_BUFFER_SIZE.get(&socket).unwrap();
            assert_eq!(size, if DOUBLES { 80_000 } else { 40_000 });
            assert_eq!(raw(&socket, sys::SOL_SOCKET, sys::SO_RCVBUF), i64::try_from(size).unwrap());
        };
        linger => {
            let socket = tcp();
            for seconds in [Some(0), Some(1), Some(300), None] {
                let value = seconds.map(Duration::from_secs);
                sockopt::LINGER.set(&socket, value).unwrap();
                assert_eq!(sockopt::LINGER.get(&socket).unwrap(), value);
                assert_eq!(socket.linger().unwrap(), value);
            }
        };
        accepts_connections => {
            let socket = tcp();
            assert!(!sockopt::ACCEPTS_CONNECTIONS.get(&socket).unwrap());
            socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
            socket.listen(1).unwrap();
            assert!(sockopt::ACCEPTS_CONNECTIONS.get(&socket).unwrap());
            assert_ne!(raw(&socket, sys::SOL_SOCKET, sys::SO_ACCEPTCONN), 0);
        };
        r#type => {
            assert_eq!(sockopt::TYPE.get(&tcp()).unwrap(), socket2::Type::STREAM);
            assert_eq!(sockopt::TYPE.get(&udp()).unwrap(), socket2::Type::DGRAM);
        };
    }

    /// Linux keeps as much again for its own bookkeeping, and says so.
    const DOUBLES: bool = cfg!(any(target_os = "linux", target_os = "android"));
}

#[cfg(not(target_os = "openbsd"))]
mod keepalive {
    use super::*;
    use crate::support::{KEEPALIVE_IDLE as IDLE, keepalive_has_times};

    #[track_caller]
    fn seconds(option: &ReadWrite<Duration>, number: i32) {
        if !keepalive_has_times() {
            return;
        }
        let socket = tcp();
        for value in [1, 75, 32_767] {
            option.set(&socket, Duration::from_secs(value)).unwrap();
            assert_eq!(
                raw(&socket, sys::IPPROTO_TCP, number),
                i64::try_from(value).unwrap()
            );
            assert_eq!(option.get(&socket).unwrap(), Duration::from_secs(value));
        }
    }

    options! {
        keepalive => {
            if !keepalive_has_times() {
                return;
            }
            let socket = tcp();
            assert_eq!(sockopt::KEEPALIVE.get(&socket).unwrap(), None);
            let idle = Some(Duration::from_secs(75));
            sockopt::KEEPALIVE.set(&socket, idle).unwrap();
            assert_eq!(sockopt::KEEPALIVE.get(&socket).unwrap(), idle);
            assert_ne!(raw(&socket, sys::SOL_SOCKET, sys::SO_KEEPALIVE), 0);
            assert_eq!(raw(&socket, sys::IPPROTO_TCP, IDLE), 75);
            sockopt::KEEPALIVE.set(&socket, None).unwrap();
            assert_eq!(sockopt::KEEPALIVE.get(&socket).unwrap(), None);
            assert_eq!(raw(&socket, sys::SOL_SOCKET, sys::SO_KEEPALIVE), 0);
        };
        keepalive_probes => {
            if !keepalive_has_times() {
                return;
            }
            let socket = tcp();
            assert_eq!(sockopt::KEEPALIVE_PROBES.get(&socket).unwrap(), None);
            let keepalive = sockopt::Keepalive::new(Duration::from_secs(75))
                .with_interval(Duration::from_secs(7))
                .with_retries(3);
            sockopt::KEEPALIVE_PROBES.set(&socket, Some(keepalive)).unwrap();
            assert_eq!(sockopt::KEEPALIVE_PROBES.get(&socket).unwrap(), Some(keepalive));
            assert_ne!(raw(&socket, sys::SOL_SOCKET, sys::SO_KEEPALIVE), 0);
            assert_eq!(raw(&socket, sys::IPPROTO_TCP, IDLE), 75);
            assert_eq!(raw(&socket, sys::IPPROTO_TCP, sys::TCP_KEEPINTVL), 7);
            assert_eq!(raw(&socket, sys::IPPROTO_TCP, sys::TCP_KEEPCNT), 3);
        };
        keepalive_idle => seconds(&sockopt::KEEPALIVE_IDLE, IDLE);
        keepalive_interval => seconds(&sockopt::KEEPALIVE_INTERVAL, sys::TCP_KEEPINTVL);
        keepalive_retries => {
            if !keepalive_has_times() {
                return;
            }
            let (socket, values) = (tcp(), [1, 9, 127]);
            let option = &sockopt::KEEPALIVE_RETRIES;
            number(option, &socket, sys::IPPROTO_TCP, sys::TCP_KEEPCNT, &values);
        };
    }
}

#[cfg(unix)]
mod unix {
    use super::*;

    options! {
        tclass_v6 => number_v6(
            &sockopt::TCLASS_V6, udp_v6(), sys::IPV6_TCLASS, &[0xb8, 0x10, 0],
        );
        max_segment_size => {
            let socket = tcp();
            // Below the default of every system: some only take less than they have.
            sockopt::MAX_SEGMENT_SIZE.set(&socket, 400).unwrap();
            assert_eq!(raw(&socket, sys::IPPROTO_TCP, sys::TCP_MAXSEG), 400);
            assert_eq!(sockopt::MAX_SEGMENT_SIZE.get(&socket).unwrap(), 400);
        };
    }
}

#[cfg(all(unix, not(target_os = "illumos")))]
mod reuse_port {
    use super::*;

    options! {
        reuse_port => flag(&sockopt::REUSE_PORT, &tcp(), sys::SOL_SOCKET, sys::SO_REUSEPORT);
    }
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "illumos",
))]
mod domain {
    use super::*;

    options! {
        domain => {
            assert_eq!(sockopt::DOMAIN.get(&tcp()).unwrap(), socket2::Domain::IPV4);
            assert_eq!(raw(&tcp(), sys::SOL_SOCKET, sys::SO_DOMAIN), i64::from(sys::AF_INET));
            if let Some(v6) = udp_v6() {
                assert_eq!(sockopt::DOMAIN.get(&v6).unwrap(), socket2::Domain::IPV6);
            }
        };
    }
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "openbsd",
))]
mod protocol {
    use super::*;

    options! {
        protocol => {
            assert_eq!(sockopt::PROTOCOL.get(&tcp()).unwrap(), Some(socket2::Protocol::TCP));
            let (local, _) = std::os::unix::net::UnixStream::pair().unwrap();
            assert_eq!(sockopt::PROTOCOL.get(&local).unwrap(), None);
        };
    }
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "illumos",
))]
mod congestion {
    use super::*;
    use crate::support::raw_bytes;

    /// What each system always has.
    const BUILT_IN: &str = if cfg!(any(target_os = "linux", target_os = "android")) {
        "reno"
    } else {
        "newreno"
    };

    options! {
        congestion => {
            let socket = tcp();
            #[cfg(any(target_os = "linux", target_os = "android"))]
            if crate::support::is_emulated() {
                // As long as a number this name passes for one; swapped, it is another name.
                let set = sockopt::CONGESTION.set(&socket, BUILT_IN);
                assert_eq!(set.is_ok(), cfg!(target_endian = "little"), "{set:?}");
                return;
            }
            sockopt::CONGESTION.set(&socket, BUILT_IN).unwrap();
            assert_eq!(sockopt::CONGESTION.get(&socket).unwrap(), BUILT_IN);
            let bytes = raw_bytes(&socket, sys::IPPROTO_TCP, sys::TCP_CONGESTION).unwrap();
            assert!(bytes.starts_with(BUILT_IN.as_bytes()), "{bytes:?}");

            sockopt::CONGESTION.set(&socket, "unheard-of").unwrap_err();
            assert_eq!(sockopt::CONGESTION.get(&socket).unwrap(), BUILT_IN);
        };
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "illumos"))]
mod cork {
    use super::*;

    options! {
        cork => flag(&sockopt::CORK, &tcp(), sys::IPPROTO_TCP, sys::TCP_CORK);
    }
}

#[cfg(any(
    target_os = "macos",
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "dragonfly",
))]
mod nopush {
    use super::*;

    options! {
        nopush => flag(&sockopt::NOPUSH, &tcp(), sys::IPPROTO_TCP, sys::TCP_NOPUSH);
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
mod low_water {
    use super::*;

    #[cfg(target_os = "macos")]
    const NUMBER: i32 = 0x201;
    #[cfg(not(target_os = "macos"))]
    const NUMBER: i32 = sys::TCP_NOTSENT_LOWAT;

    options! {
        notsent_lowat => number(
            &sockopt::NOTSENT_LOWAT, &tcp(), sys::IPPROTO_TCP, NUMBER, &[1, 16_384, 0],
        );
    }
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "freebsd",
    windows,
))]
mod fast_open {
    use super::*;
    use crate::support::{LACKS_SOME, raw_bytes};

    options! {
        fastopen => {
            let socket = tcp();
            socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
            socket.listen(16).unwrap();
            if LACKS_SOME && raw_bytes(&socket, sys::IPPROTO_TCP, sys::TCP_FASTOPEN).is_err() {
                sockopt::FASTOPEN.set(&socket, 1).unwrap_err();
                sockopt::FASTOPEN.get(&socket).unwrap_err();
                return;
            }
            number(&sockopt::FASTOPEN, &socket, sys::IPPROTO_TCP, sys::TCP_FASTOPEN, &[1]);
        };
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::io;
    use std::os::fd::AsFd;

    use super::*;
    use crate::support::{connected, is_emulated};

    #[cfg(target_os = "android")]
    const INCOMING_CPU: i32 = 49;
    #[cfg(target_os = "linux")]
    const INCOMING_CPU: i32 = sys::SO_INCOMING_CPU;

    /// Says whether the system let a privileged option be set: either way must leave it consistent.
    #[track_caller]
    fn allowed(result: io::Result<()>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                let denied = error.kind() == io::ErrorKind::PermissionDenied;
                assert!(denied || is_emulated(), "{error}");
                false
            }
        }
    }

    #[track_caller]
    fn buffer_past_the_limit(
        forced: &sockopt::WriteOnly<usize>,
        plain: &ReadWrite<usize>,
        limit: &str,
    ) {
        let socket = tcp();
        let before = plain.get(&socket).unwrap();
        if testkit::lacks_file(limit) {
            return;
        }
        let limit = std::fs::read_to_string(limit).unwrap();
        let size = limit.trim().parse::<usize>().unwrap() + 4096;
        if allowed(forced.set(&socket, size)) {
            if plain.get(&socket).unwrap() == before {
                return testkit::skip("no buffers past the limit, and no error");
            }
            assert_eq!(plain.get(&socket).unwrap(), 2 * size);
        } else {
            assert_eq!(plain.get(&socket).unwrap(), before);
        }
    }

    options! {
        send_buffer_size_forced => buffer_past_the_limit(
            &sockopt::SEND_BUFFER_SIZE_FORCED,
            &sockopt::SEND_BUFFER_SIZE,
            "/proc/sys/net/core/wmem_max",
        );
        recv_buffer_size_forced => buffer_past_the_limit(
            &sockopt::RECV_BUFFER_SIZE_FORCED,
            &sockopt::RECV_BUFFER_SIZE,
            "/proc/sys/net/core/rmem_max",
        );
        priority => {
            let socket = tcp();
            number(&sockopt::PRIORITY, &socket, sys::SOL_SOCKET, sys::SO_PRIORITY, &[0, 6]);
            let expected = if allowed(sockopt::PRIORITY.set(&socket, 7)) { 7 } else { 6 };
            let priority = sockopt::PRIORITY.get(&socket);
            if !testkit::lacks_option(&priority) {
                assert_eq!(priority.unwrap(), expected);
            }
        };
        mark => {
            let socket = tcp();
            if testkit::lacks_option(&sockopt::MARK.get(&socket)) {
                return;
            }
            // All 32 bits count.
            let expected = if allowed(sockopt::MARK.set(&socket, u32::MAX)) { u32::MAX } else { 0 };
            assert_eq!(sockopt::MARK.get(&socket).unwrap(), expected);
            let bits = i32::from_ne_bytes(expected.to_ne_bytes());
            assert_eq!(raw(&socket, sys::SOL_SOCKET, sys::SO_MARK), i64::from(bits));
        };
        incoming_cpu => {
            let socket = tcp();
            if is_emulated() {
                sockopt::INCOMING_CPU.set(&socket, Some(0)).unwrap_err();
                return;
            }
            let before = sockopt::INCOMING_CPU.get(&socket);
            if testkit::lacks_option(&before) {
                return;
            }
            assert_eq!(before.unwrap(), None);
            for (value, number) in [(Some(0), 0), (Some(3), 3), (None, -1)] {
                sockopt::INCOMING_CPU.set(&socket, value).unwrap();
                assert_eq!(raw(&socket, sys::SOL_SOCKET, INCOMING_CPU), number);
                assert_eq!(sockopt::INCOMING_CPU.get(&socket).unwrap(), value);
            }
        };
        bind_device => {
            let socket = tcp();
            assert_eq!(sockopt::BIND_DEVICE.get(&socket).unwrap(), None);
            let bound = allowed(sockopt::BIND_DEVICE.set(&socket, Some("lo")));
            if is_emulated() {
                // Handed on with room for an `int`, which holds no name.
                sockopt::BIND_DEVICE.get(&socket).unwrap_err();
                return;
            }
            let expected = bound.then_some("lo");
            assert_eq!(sockopt::BIND_DEVICE.get(&socket).unwrap().as_deref(), expected);
            // What anybody may do once, only the privileged may undo.
            let released = allowed(sockopt::BIND_DEVICE.set(&socket, None));
            let expected = if released { None } else { expected };
            assert_eq!(sockopt::BIND_DEVICE.get(&socket).unwrap().as_deref(), expected);
        };
        busy_poll => {
            let socket = tcp();
            let before = sockopt::BUSY_POLL.get(&socket);
            if testkit::lacks_option(&before) {
                return;
            }
            let before = before.unwrap();
            let longer = before + Duration::from_nanos(1);
            let expected = if allowed(sockopt::BUSY_POLL.set(&socket, longer)) {
                before + Duration::from_micros(1)
            } else {
                before
            };
            assert_eq!(sockopt::BUSY_POLL.get(&socket).unwrap(), expected);
            let micros = i64::try_from(expected.as_micros()).unwrap();
            assert_eq!(raw(&socket, sys::SOL_SOCKET, sys::SO_BUSY_POLL), micros);
        };
        user_timeout => {
            let socket = tcp();
            for millis in [Some(1), Some(90_000), Some(2_147_483_647), None] {
                let value = millis.map(Duration::from_millis);
                sockopt::USER_TIMEOUT.set(&socket, value).unwrap();
                assert_eq!(sockopt::USER_TIMEOUT.get(&socket).unwrap(), value);
                let number = i64::try_from(millis.unwrap_or(0)).unwrap();
                assert_eq!(raw(&socket, sys::IPPROTO_TCP, sys::TCP_USER_TIMEOUT), number);
            }
        };
        quickack => flag(&sockopt::QUICKACK, &tcp(), sys::IPPROTO_TCP, sys::TCP_QUICKACK);
        defer_accept => {
            let socket = tcp();
            for seconds in [1, 5, 60] {
                let value = Duration::from_secs(seconds);
                sockopt::DEFER_ACCEPT.set(&socket, Some(value)).unwrap();
                let kept = sockopt::DEFER_ACCEPT.get(&socket).unwrap().unwrap();
                assert!(kept >= value, "{kept:?} was kept of {value:?}");
                let number = raw(&socket, sys::IPPROTO_TCP, sys::TCP_DEFER_ACCEPT);
                assert_eq!(kept, Duration::from_secs(number.try_into().unwrap()));
            }
            sockopt::DEFER_ACCEPT.set(&socket, None).unwrap();
            assert_eq!(sockopt::DEFER_ACCEPT.get(&socket).unwrap(), None);
        };
        fastopen_connect => {
            const SETTINGS: &str = "/proc/sys/net/ipv4/tcp_fastopen";
            if testkit::lacks_file(SETTINGS) || testkit::lacks_option(&sockopt::FASTOPEN_CONNECT.get(&tcp())) {
                return;
            }
            let settings = std::fs::read_to_string(SETTINGS).unwrap();
            let enabled = settings.trim().parse::<u32>().unwrap() & 1 != 0;
            let socket = tcp();
            if enabled {
                let number = sys::TCP_FASTOPEN_CONNECT;
                flag(&sockopt::FASTOPEN_CONNECT, &socket, sys::IPPROTO_TCP, number);
            } else {
                let error = sockopt::FASTOPEN_CONNECT.set(&socket, true).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(sys::EOPNOTSUPP));
                assert!(!sockopt::FASTOPEN_CONNECT.get(&socket).unwrap());
            }
        };
        tcp_info => {
            let (stream, _peer) = connected();
            if is_emulated() {
                let error = sockopt::TCP_INFO.get(&stream).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                return;
            }
            let socket = Socket::from(stream.as_fd().try_clone_to_owned().unwrap());
            let state = raw(&socket, sys::IPPROTO_TCP, sys::TCP_INFO).to_ne_bytes();
            let first = if cfg!(target_endian = "little") { state[0] } else { state[4] };
            assert_eq!(first, 1);
            let info = sockopt::TCP_INFO.get(&stream).unwrap();
            assert_eq!(info.state, sockopt::TcpState::Established);
        };
    }
}

#[cfg(target_os = "freebsd")]
mod freebsd {
    use super::*;

    options! {
        reuse_port_balanced => flag(
            &sockopt::REUSE_PORT_BALANCED, &tcp(), sys::SOL_SOCKET, sys::SO_REUSEPORT_LB,
        );
        routing_table => sockopt::ROUTING_TABLE.set(&tcp(), 0).unwrap();
    }
}

#[cfg(windows)]
mod windows {
    use super::*;

    options! {
        exclusive_address => flag(
            &sockopt::EXCLUSIVE_ADDRESS, &tcp(), sys::SOL_SOCKET, sys::SO_EXCLUSIVEADDRUSE,
        );
    }
}
