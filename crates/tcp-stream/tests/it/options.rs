//! Every option: it comes back as it was set, the system agrees, and what is refused changes
//! nothing.

use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::net::Ipv6Addr;
use std::time::Duration;

use socket2::SockRef;
use sockopt::OptionError;
use tcp_stream::TcpStream;

use crate::support::{fails, pair};

/// Asserts that each of `values` is refused with the option's name and range, and that the option
/// is what it was.
#[track_caller]
fn refused<T: Copy + Debug, R: PartialEq + Debug>(
    stream: &TcpStream,
    name: &str,
    values: &[T],
    set: impl Fn(&TcpStream, T) -> io::Result<()>,
    get: impl Fn(&TcpStream) -> io::Result<R>,
) {
    let before = get(stream).expect("get the option");
    for &value in values {
        let error = fails(set(stream, value), ErrorKind::InvalidInput);
        match OptionError::from_io(&error) {
            Some(OptionError::OutOfRange {
                option, min, max, ..
            }) => {
                assert_eq!(*option, name);
                let text = error.to_string();
                assert!(text.contains(&format!("{min}..={max}")), "{text}");
            }
            other => panic!("{value:?}: {other:?}"),
        }
        assert_eq!(get(stream).expect("get the option"), before, "{value:?}");
    }
}

#[test]
fn nodelay() {
    let (stream, _peer) = pair();
    for value in [true, false, true] {
        stream.set_nodelay(value).unwrap();
        assert_eq!(stream.nodelay().unwrap(), value);
        assert_eq!(SockRef::from(&stream).tcp_nodelay().unwrap(), value);
    }
}

/// Linux doubles the sizes of buffers.
const DOUBLED: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
    2
} else {
    1
};

#[test]
fn buffer_sizes() {
    let (stream, _peer) = pair();
    stream.set_recv_buffer_size(30_000).unwrap();
    assert_eq!(stream.recv_buffer_size().unwrap(), 30_000 * DOUBLED);
    let raw = SockRef::from(&stream).recv_buffer_size().unwrap();
    assert_eq!(stream.recv_buffer_size().unwrap(), raw);

    stream.set_send_buffer_size(40_000).unwrap();
    assert_eq!(stream.send_buffer_size().unwrap(), 40_000 * DOUBLED);
    let raw = SockRef::from(&stream).send_buffer_size().unwrap();
    assert_eq!(stream.send_buffer_size().unwrap(), raw);

    let bad = [usize::MAX, i32::MAX as usize + 1];
    refused(
        &stream,
        "SO_RCVBUF",
        &bad,
        TcpStream::set_recv_buffer_size,
        TcpStream::recv_buffer_size,
    );
    refused(
        &stream,
        "SO_SNDBUF",
        &bad,
        TcpStream::set_send_buffer_size,
        TcpStream::send_buffer_size,
    );
}

#[test]
fn ttl() {
    let (stream, _peer) = pair();
    for value in [1, 42, 255] {
        stream.set_ttl(value).unwrap();
        assert_eq!(stream.ttl().unwrap(), value);
        assert_eq!(SockRef::from(&stream).ttl_v4().unwrap(), value);
    }
    let bad = [0, 256, u32::MAX];
    refused(&stream, "IP_TTL", &bad, TcpStream::set_ttl, TcpStream::ttl);
}

#[test]
fn only_v6() {
    let (v4, _peer) = pair();
    assert!(v4.only_v6().is_err());
    assert!(v4.set_only_v6(true).is_err());
    if testkit::lacks_ipv6() {
        return;
    }

    let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).unwrap();
    let stream = TcpStream::from_stream(socket.into()).unwrap();
    // OpenBSD knows no other value than true.
    let values: &[bool] = if cfg!(target_os = "openbsd") {
        &[true]
    } else {
        &[false, true]
    };
    for &value in values {
        stream.set_only_v6(value).unwrap();
        assert_eq!(stream.only_v6().unwrap(), value);
        assert_eq!(SockRef::from(&stream).only_v6().unwrap(), value);
    }
    // Too late once it is connected; and then it stays as it was.
    let (stream, _peer) = testkit::tcp_pair_on(Ipv6Addr::LOCALHOST.into());
    let stream = TcpStream::from_stream(stream).unwrap();
    let before = stream.only_v6().unwrap();
    if stream.set_only_v6(!before).is_err() {
        assert_eq!(stream.only_v6().unwrap(), before);
    }
}

#[test]
fn linger() {
    let (stream, _peer) = pair();
    let table = [
        (Some(Duration::from_secs(5)), Some(5)),
        (Some(Duration::from_millis(500)), Some(1)),
        (Some(Duration::from_nanos(1)), Some(1)),
        (Some(Duration::from_millis(2001)), Some(3)),
        (Some(Duration::ZERO), Some(0)),
        (None, None),
    ];
    for (value, seconds) in table {
        stream.set_linger(value).unwrap();
        let expected = seconds.map(Duration::from_secs);
        assert_eq!(stream.linger().unwrap(), expected, "{value:?}");
        assert_eq!(SockRef::from(&stream).linger().unwrap(), expected);
    }
    stream.set_linger(Some(Duration::from_secs(3))).unwrap();
    let bad = [Some(Duration::from_secs(65_536)), Some(Duration::MAX)];
    refused(
        &stream,
        if cfg!(target_vendor = "apple") {
            "SO_LINGER_SEC"
        } else {
            "SO_LINGER"
        },
        &bad,
        TcpStream::set_linger,
        TcpStream::linger,
    );
    stream.set_linger(None).unwrap();
}

/// Says whether the system knows the times of keepalive; if not, asserts that keepalive stays off.
/// Wine 8 and the first releases of Windows 10 do not know them, every Unix that we know does.
#[cfg(not(target_os = "openbsd"))]
#[track_caller]
fn keepalive_has_times(stream: &TcpStream) -> bool {
    let Err(missing) = stream.keepalive_interval() else {
        return true;
    };
    if cfg!(unix) {
        panic!("{missing}");
    }
    let second = Duration::from_secs(1);
    for result in [
        stream.set_keepalive(Some(second)),
        stream.set_keepalive_interval(second),
        stream.set_keepalive_retries(1),
        stream.keepalive_retries().map(drop),
    ] {
        let error = result.expect_err("one time is missing, another is there");
        assert_eq!(error.raw_os_error(), missing.raw_os_error());
    }
    assert!(!SockRef::from(stream).keepalive().unwrap());
    stream.set_keepalive(None).unwrap();
    false
}

#[cfg(not(target_os = "openbsd"))]
#[test]
fn keepalive() {
    let (stream, _peer) = pair();
    assert_eq!(stream.keepalive().unwrap(), None);
    if !keepalive_has_times(&stream) {
        return;
    }
    let table = [
        (Duration::from_secs(60), 60),
        (Duration::from_millis(1), 1),
        (Duration::from_millis(1500), 2),
    ];
    for (value, seconds) in table {
        stream.set_keepalive(Some(value)).unwrap();
        let expected = Some(Duration::from_secs(seconds));
        assert_eq!(stream.keepalive().unwrap(), expected, "{value:?}");
        assert!(SockRef::from(&stream).keepalive().unwrap());
    }
    const IDLE: &str = if cfg!(target_vendor = "apple") {
        "TCP_KEEPALIVE"
    } else {
        "TCP_KEEPIDLE"
    };
    let bad = [Some(Duration::ZERO), Some(Duration::MAX)];
    let (set, get) = (TcpStream::set_keepalive, TcpStream::keepalive);
    refused(&stream, IDLE, &bad, set, get);
    stream.set_keepalive(None).unwrap();
    assert_eq!(stream.keepalive().unwrap(), None);
    // Neither of the two options has changed.
    refused(&stream, IDLE, &bad, set, get);
    assert!(!SockRef::from(&stream).keepalive().unwrap());
}

#[cfg(not(target_os = "openbsd"))]
#[test]
fn keepalive_interval_and_retries() {
    let (stream, _peer) = pair();
    if !keepalive_has_times(&stream) {
        return;
    }
    stream
        .set_keepalive_interval(Duration::from_millis(8500))
        .unwrap();
    assert_eq!(stream.keepalive_interval().unwrap(), Duration::from_secs(9));
    refused(
        &stream,
        "TCP_KEEPINTVL",
        &[Duration::ZERO, Duration::MAX],
        TcpStream::set_keepalive_interval,
        TcpStream::keepalive_interval,
    );

    stream.set_keepalive_retries(5).unwrap();
    assert_eq!(stream.keepalive_retries().unwrap(), 5);
    refused(
        &stream,
        "TCP_KEEPCNT",
        &[0, u32::MAX],
        TcpStream::set_keepalive_retries,
        TcpStream::keepalive_retries,
    );
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
#[test]
fn notsent_lowat() {
    let (stream, _peer) = pair();
    if testkit::lacks_option(&stream.notsent_lowat()) {
        return;
    }
    for value in [0, 1, 16 * 1024, i32::MAX as u32] {
        stream.set_notsent_lowat(value).unwrap();
        assert_eq!(stream.notsent_lowat().unwrap(), value);
    }
    refused(
        &stream,
        "TCP_NOTSENT_LOWAT",
        &[i32::MAX as u32 + 1, u32::MAX],
        TcpStream::set_notsent_lowat,
        TcpStream::notsent_lowat,
    );
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "illumos",
))]
#[test]
fn congestion() {
    let (stream, _peer) = pair();
    if testkit::on_qemu() {
        // qemu-user takes every option of TCP for a number.
        assert!(stream.set_congestion("cubic").is_err());
        return;
    }
    let before = stream.congestion().unwrap();
    assert!(!before.is_empty());
    stream.set_congestion(&before).unwrap();
    for bad in ["no-such-thing", "", "a\0b", "a name that is too long"] {
        assert!(stream.set_congestion(bad).is_err(), "{bad:?}");
        assert_eq!(stream.congestion().unwrap(), before);
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::io::{Read, Write};

    use selector::Ready;

    use super::*;
    use crate::support::wait;

    #[test]
    fn user_timeout() {
        let (stream, _peer) = pair();
        let table = [
            (Some(Duration::from_millis(1500)), Some(1500)),
            (Some(Duration::from_micros(1)), Some(1)),
            (None, None),
        ];
        for (value, milliseconds) in table {
            stream.set_user_timeout(value).unwrap();
            let expected = milliseconds.map(Duration::from_millis);
            assert_eq!(stream.user_timeout().unwrap(), expected);
            let raw = SockRef::from(&stream).tcp_user_timeout().unwrap();
            assert_eq!(raw.filter(|raw| !raw.is_zero()), expected);
        }
        refused(
            &stream,
            "TCP_USER_TIMEOUT",
            &[Some(Duration::ZERO), Some(Duration::MAX)],
            TcpStream::set_user_timeout,
            TcpStream::user_timeout,
        );
    }

    #[test]
    fn quickack() {
        let (stream, _peer) = pair();
        for value in [true, false] {
            stream.set_quickack(value).unwrap();
            assert_eq!(stream.quickack().unwrap(), value);
        }
    }

    #[test]
    fn info_follows_the_connection() {
        let (mut stream, mut peer) = pair();
        let info = match stream.info() {
            Ok(info) if !testkit::on_qemu() => info,
            // qemu-user takes every option of TCP for a number.
            told => return assert!(testkit::on_qemu(), "{told:?}"),
        };
        assert_eq!(info.state, sockopt::TcpState::Established);
        stream.write_all(b"ping").unwrap();
        peer.set_nonblocking(false).unwrap();
        peer.read_exact(&mut [0; 4]).unwrap();
        peer.write_all(b"pong").unwrap();
        wait(&stream, Ready::READABLE);
        assert!(!stream.info().unwrap().rtt.is_zero());
    }
}
