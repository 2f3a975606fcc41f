//! What is refused, and what is rounded.

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use sockopt::OptionError;

use crate::support::{tcp, tcp_v6, udp, udp_v6};

const INT_MAX: u64 = 2_147_483_647;

/// The longest linger that this system keeps uncut.
const LINGER_MAX: u64 = if cfg!(target_vendor = "apple") {
    327
} else if cfg!(any(target_os = "openbsd", target_os = "dragonfly")) {
    32_767
} else {
    65_535
};

/// Asserts that `set` refuses with that message, and that `get` answers the same before and after.
#[track_caller]
fn refused<T: Debug + PartialEq>(
    get: impl Fn() -> io::Result<T>,
    set: impl FnOnce() -> io::Result<()>,
    message: &str,
) {
    let before = get();
    if testkit::lacks_option(&before) {
        return;
    }
    let before = before.expect("a value before");
    let error = set().expect_err(message);
    assert_eq!(error.to_string(), message);
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(matches!(
        OptionError::from_io(&error),
        Some(OptionError::OutOfRange { .. })
    ));
    assert_eq!(
        get().expect("a value after"),
        before,
        "{message}, and yet it changed"
    );
}

/// Each option with a socket, a value outside its range, and what the error says.
macro_rules! refuse {
    ($($option:ident on $socket:expr, $value:expr => $message:expr;)+) => {$({
        let (socket, option) = ($socket, &sockopt::$option);
        refused(|| option.get(&socket), || option.set(&socket, $value), $message);
    })+};
}

#[test]
fn numbers_out_of_range_are_refused_with_the_range() {
    refuse! {
        TTL on tcp(), 0 => "IP_TTL: 0 is outside 1..=255";
        TTL on udp(), 256 => "IP_TTL: 256 is outside 1..=255";
        TTL on udp(), u32::MAX => "IP_TTL: 4294967295 is outside 1..=255";
        TOS on udp(), 256 => "IP_TOS: 256 is outside 0..=255";
        MULTICAST_TTL_V4 on udp(), 256 => "IP_MULTICAST_TTL: 256 is outside 0..=255";
    }
    let (Some(tcp), Some(udp)) = (tcp_v6(), udp_v6()) else {
        return;
    };
    refuse! {
        HOP_LIMIT on &tcp, 256 => "IPV6_UNICAST_HOPS: 256 is outside 0..=255";
        MULTICAST_HOPS_V6 on &udp, 256 => "IPV6_MULTICAST_HOPS: 256 is outside 0..=255";
    }
    #[cfg(unix)]
    refuse! {
        TCLASS_V6 on &udp, 256 => "IPV6_TCLASS: 256 is outside 0..=255";
    }
}

#[cfg(target_pointer_width = "64")]
#[test]
fn sizes_past_an_int_are_refused_rather_than_cut_off() {
    let over = usize::try_from(INT_MAX).unwrap() + 1;
    // As 32 bits this would be 4096.
    let wrapped = (1 << 32) + 4096;
    refuse! {
        SEND_BUFFER_SIZE on tcp(), over =>
            "SO_SNDBUF: 2147483648 bytes is outside 0..=2147483647 bytes";
        SEND_BUFFER_SIZE on tcp(), wrapped =>
            "SO_SNDBUF: 4294971392 bytes is outside 0..=2147483647 bytes";
        RECV_BUFFER_SIZE on udp(), over =>
            "SO_RCVBUF: 2147483648 bytes is outside 0..=2147483647 bytes";
        RECV_BUFFER_SIZE on udp(), usize::MAX =>
            "SO_RCVBUF: 18446744073709551615 bytes is outside 0..=2147483647 bytes";
    }
}

#[test]
fn a_linger_past_what_the_system_keeps_is_refused() {
    let name = if cfg!(target_vendor = "apple") {
        "SO_LINGER_SEC"
    } else {
        "SO_LINGER"
    };
    let over = LINGER_MAX + 1;
    let message = |value: u64| format!("{name}: {value} s is outside 0..={LINGER_MAX} s");
    refuse! {
        LINGER on tcp(), Some(Duration::from_secs(over)) => &message(over);
        LINGER on tcp(), Some(Duration::from_secs(LINGER_MAX) + Duration::from_nanos(1)) =>
            &message(over);
        LINGER on tcp(), Some(Duration::MAX) => &message(u64::MAX);
    }

    let socket = tcp();
    let longest = Some(Duration::from_secs(LINGER_MAX));
    sockopt::LINGER.set(&socket, longest).unwrap();
    assert_eq!(sockopt::LINGER.get(&socket).unwrap(), longest);
}

#[test]
fn a_fraction_of_a_linger_is_rounded_up_and_only_zero_is_zero() {
    let socket = tcp();
    let cases = [
        (Duration::ZERO, 0),
        (Duration::from_nanos(1), 1),
        (Duration::from_millis(500), 1),
        (Duration::from_secs(1), 1),
        (Duration::from_millis(1001), 2),
        (Duration::new(59, 999_999_999), 60),
    ];
    for (value, seconds) in cases {
        sockopt::LINGER.set(&socket, Some(value)).unwrap();
        let kept = sockopt::LINGER.get(&socket).unwrap();
        assert_eq!(kept, Some(Duration::from_secs(seconds)), "{value:?}");
    }
}

#[cfg(not(target_os = "openbsd"))]
mod keepalive {
    use super::*;
    use crate::support::keepalive_has_times;
    use sockopt::Keepalive;

    const LINUX: bool = cfg!(any(target_os = "linux", target_os = "android"));
    const SECONDS_MAX: u64 = if LINUX { 32_767 } else { 2_147_483 };
    const RETRIES_MAX: u32 = if LINUX {
        127
    } else if cfg!(windows) {
        255
    } else {
        i32::MAX.unsigned_abs()
    };
    const IDLE: &str = if cfg!(target_vendor = "apple") {
        "TCP_KEEPALIVE"
    } else {
        "TCP_KEEPIDLE"
    };

    #[test]
    fn zero_and_too_long_are_refused_with_the_range() {
        if !keepalive_has_times() {
            return;
        }
        let idle = |value: u64| format!("{IDLE}: {value} s is outside 1..={SECONDS_MAX} s");
        let interval =
            |value: u64| format!("TCP_KEEPINTVL: {value} s is outside 1..={SECONDS_MAX} s");
        let retries = |value: u32| format!("TCP_KEEPCNT: {value} is outside 1..={RETRIES_MAX}");
        let over = Duration::from_secs(SECONDS_MAX + 1);

        refuse! {
            KEEPALIVE on tcp(), Some(Duration::ZERO) => &idle(0);
            KEEPALIVE on tcp(), Some(over) => &idle(SECONDS_MAX + 1);
            KEEPALIVE on tcp(), Some(Duration::MAX) => &idle(u64::MAX);
            KEEPALIVE_IDLE on tcp(), Duration::ZERO => &idle(0);
            KEEPALIVE_IDLE on tcp(), over => &idle(SECONDS_MAX + 1);
            KEEPALIVE_INTERVAL on tcp(), Duration::ZERO => &interval(0);
            KEEPALIVE_INTERVAL on tcp(), over => &interval(SECONDS_MAX + 1);
            KEEPALIVE_RETRIES on tcp(), 0 => &retries(0);
            KEEPALIVE_RETRIES on tcp(), RETRIES_MAX + 1 => &retries(RETRIES_MAX + 1);
            KEEPALIVE_PROBES on tcp(), Some(Keepalive::new(Duration::ZERO)) => &idle(0);
        }
    }

    #[test]
    fn a_fraction_of_a_second_is_rounded_up() {
        if !keepalive_has_times() {
            return;
        }
        let socket = tcp();
        sockopt::KEEPALIVE
            .set(&socket, Some(Duration::from_nanos(1)))
            .unwrap();
        assert_eq!(
            sockopt::KEEPALIVE.get(&socket).unwrap(),
            Some(Duration::from_secs(1))
        );
        sockopt::KEEPALIVE_IDLE
            .set(&socket, Duration::from_millis(2001))
            .unwrap();
        assert_eq!(
            sockopt::KEEPALIVE_IDLE.get(&socket).unwrap(),
            Duration::from_secs(3)
        );
        sockopt::KEEPALIVE_INTERVAL
            .set(&socket, Duration::from_millis(500))
            .unwrap();
        assert_eq!(
            sockopt::KEEPALIVE_INTERVAL.get(&socket).unwrap(),
            Duration::from_secs(1)
        );
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused_with_the_range() {
        let over = u32::try_from(INT_MAX + 1).unwrap();
        refuse! {
            MAX_SEGMENT_SIZE on tcp(), 0 => "TCP_MAXSEG: 0 is outside 88..=32767";
            MAX_SEGMENT_SIZE on tcp(), 87 => "TCP_MAXSEG: 87 is outside 88..=32767";
            MAX_SEGMENT_SIZE on tcp(), 32_768 => "TCP_MAXSEG: 32768 is outside 88..=32767";
            NOTSENT_LOWAT on tcp(), over =>
                "TCP_NOTSENT_LOWAT: 2147483648 is outside 0..=2147483647";
            FASTOPEN on tcp(), over => "TCP_FASTOPEN: 2147483648 is outside 0..=2147483647";
            PRIORITY on tcp(), over => "SO_PRIORITY: 2147483648 is outside 0..=2147483647";
            INCOMING_CPU on tcp(), Some(over) =>
                "SO_INCOMING_CPU: 2147483648 is outside 0..=2147483647";
        }
    }

    #[test]
    fn durations_out_of_range_are_refused_with_the_range() {
        let second = Duration::from_secs(1);
        refuse! {
            USER_TIMEOUT on tcp(), Some(Duration::ZERO) =>
                "TCP_USER_TIMEOUT: 0 ms is outside 1..=2147483647 ms";
            USER_TIMEOUT on tcp(), Some(Duration::from_millis(INT_MAX + 1)) =>
                "TCP_USER_TIMEOUT: 2147483648 ms is outside 1..=2147483647 ms";
            USER_TIMEOUT on tcp(), Some(Duration::MAX) =>
                "TCP_USER_TIMEOUT: 18446744073709551615 ms is outside 1..=2147483647 ms";
            DEFER_ACCEPT on tcp(), Some(Duration::ZERO) =>
                "TCP_DEFER_ACCEPT: 0 s is outside 1..=2147483647 s";
            DEFER_ACCEPT on tcp(), Some(second * u32::MAX) =>
                "TCP_DEFER_ACCEPT: 4294967295 s is outside 1..=2147483647 s";
            BUSY_POLL on tcp(), Duration::from_micros(INT_MAX + 1) =>
                "SO_BUSY_POLL: 2147483648 µs is outside 0..=2147483647 µs";
        }
    }

    #[test]
    fn a_fraction_of_a_millisecond_is_rounded_up() {
        let socket = tcp();
        sockopt::USER_TIMEOUT
            .set(&socket, Some(Duration::from_nanos(1)))
            .unwrap();
        assert_eq!(
            sockopt::USER_TIMEOUT.get(&socket).unwrap(),
            Some(Duration::from_millis(1))
        );
        sockopt::USER_TIMEOUT
            .set(&socket, Some(Duration::from_micros(1500)))
            .unwrap();
        assert_eq!(
            sockopt::USER_TIMEOUT.get(&socket).unwrap(),
            Some(Duration::from_millis(2))
        );
    }

    #[test]
    fn names_that_the_system_would_cut_off_are_refused() {
        refuse! {
            CONGESTION on tcp(), "" => "TCP_CONGESTION: 0 bytes is outside 1..=15 bytes";
            CONGESTION on tcp(), "reno-and-more-of-it" =>
                "TCP_CONGESTION: 19 bytes is outside 1..=15 bytes";
            BIND_DEVICE on tcp(), Some("") => "SO_BINDTODEVICE: 0 bytes is outside 1..=15 bytes";
            BIND_DEVICE on tcp(), Some("an-interface-name") =>
                "SO_BINDTODEVICE: 17 bytes is outside 1..=15 bytes";
        }
    }

    #[test]
    fn names_with_a_nul_are_refused() {
        let socket = tcp();
        let before = sockopt::CONGESTION.get(&socket).unwrap();
        let error = sockopt::CONGESTION.set(&socket, "reno\0x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let reason = OptionError::from_io(&error);
        assert_eq!(
            reason,
            Some(&OptionError::NulByte {
                option: "TCP_CONGESTION"
            })
        );
        assert_eq!(
            error.to_string(),
            "TCP_CONGESTION: the text holds a NUL byte"
        );
        assert_eq!(sockopt::CONGESTION.get(&socket).unwrap(), before);

        let error = sockopt::BIND_DEVICE.set(&socket, Some("lo\0")).unwrap_err();
        let reason = OptionError::from_io(&error);
        assert_eq!(
            reason,
            Some(&OptionError::NulByte {
                option: "SO_BINDTODEVICE"
            })
        );
    }

    #[test]
    fn forced_sizes_past_an_int_are_refused_too() {
        let socket = tcp();
        for option in [
            &sockopt::SEND_BUFFER_SIZE_FORCED,
            &sockopt::RECV_BUFFER_SIZE_FORCED,
        ] {
            let error = option.set(&socket, usize::MAX).unwrap_err();
            let reason = OptionError::from_io(&error);
            let Some(OptionError::OutOfRange { min, max, unit, .. }) = reason else {
                panic!("{error}");
            };
            assert_eq!((*min, *max, *unit), (0, INT_MAX, " bytes"));
        }
    }

    #[test]
    fn a_ttl_on_an_ipv6_socket_leaves_the_hop_limit_alone() {
        let Some(socket) = tcp_v6() else {
            return;
        };
        let hops = sockopt::HOP_LIMIT.get(&socket);
        if testkit::lacks_option(&hops) {
            return;
        }
        let hops = hops.unwrap();
        sockopt::TTL.set(&socket, 9).unwrap();
        assert_eq!(sockopt::TTL.get(&socket).unwrap(), 9);
        assert_eq!(sockopt::HOP_LIMIT.get(&socket).unwrap(), hops);
    }
}
