//! `TCP_INFO`, from its bytes and from a live connection.

use std::io::{Read, Write};
use std::time::Duration;

use sockopt::{CongestionState, TcpInfo, TcpState};

use crate::support::{connected, is_emulated, raw_bytes, tcp};

/// All that is known of the structure.
const WHOLE: usize = 248;
/// What the oldest kernel answers.
const SHORTEST: usize = 104;

/// Bytes that differ from their neighbours, so that no field reads as another.
fn pattern() -> Vec<u8> {
    (0..WHOLE)
        .map(|index| u8::try_from(index % 251).unwrap() ^ 0x5a)
        .collect()
}

#[track_caller]
fn parse(bytes: &[u8]) -> TcpInfo {
    TcpInfo::from_bytes(bytes).unwrap_or_else(|| panic!("{} bytes are refused", bytes.len()))
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_ne_bytes(bytes[offset..offset + 8].try_into().unwrap())
}

#[test]
fn the_fields_that_every_kernel_tells_are_read_at_their_offsets() {
    let bytes = pattern();
    let info = parse(&bytes);
    let number = |offset| u32_at(&bytes, offset);
    let micros = |offset| Duration::from_micros(number(offset).into());
    let millis = |offset| Duration::from_millis(number(offset).into());
    macro_rules! at {
        ($($c:ident at $offset:literal: $field:ident == $expected:expr;)+) => {$(
            // The C library has the structure too, as far as it went for years.
            #[cfg(target_os = "linux")]
            assert_eq!(std::mem::offset_of!(libc::tcp_info, $c), $offset, stringify!($c));
            assert_eq!(info.$field, $expected($offset), stringify!($c));
        )+};
    }

    at! {
        tcpi_rto at 8: retransmission_timeout == micros;
        tcpi_ato at 12: acknowledgement_timeout == micros;
        tcpi_snd_mss at 16: send_segment_size == number;
        tcpi_rcv_mss at 20: recv_segment_size == number;
        tcpi_unacked at 24: unacknowledged == number;
        tcpi_sacked at 28: selectively_acknowledged == number;
        tcpi_lost at 32: lost == number;
        tcpi_retrans at 36: retransmitted_unacknowledged == number;
        tcpi_last_data_sent at 44: last_data_sent == millis;
        tcpi_last_data_recv at 52: last_data_received == millis;
        tcpi_last_ack_recv at 56: last_acknowledgement_received == millis;
        tcpi_pmtu at 60: path_mtu == number;
        tcpi_rcv_ssthresh at 64: recv_slow_start_threshold == number;
        tcpi_rtt at 68: rtt == micros;
        tcpi_rttvar at 72: rtt_variance == micros;
        tcpi_snd_ssthresh at 76: slow_start_threshold == |offset| Some(number(offset));
        tcpi_snd_cwnd at 80: congestion_window == number;
        tcpi_advmss at 84: advertised_segment_size == number;
        tcpi_reordering at 88: reordering == number;
        tcpi_rcv_rtt at 92: recv_rtt == micros;
        tcpi_rcv_space at 96: recv_space == number;
        tcpi_total_retrans at 100: total_retransmits == number;
    }
    assert_eq!(
        (info.retransmits, info.probes, info.backoff),
        (bytes[2], bytes[3], bytes[4])
    );
}

#[test]
fn a_field_is_told_as_soon_as_the_answer_reaches_over_it() {
    let bytes = pattern();
    macro_rules! reach {
        ($($field:ident at $offset:literal, $size:literal: $read:expr;)+) => {$(
            for length in SHORTEST..=WHOLE {
                let expected = (length >= $offset + $size).then(|| $read(&bytes, $offset));
                let field = stringify!($field);
                assert_eq!(parse(&bytes[..length]).$field, expected, "{field} of {length} bytes");
            }
        )+};
    }
    let micros = |bytes: &[u8], offset| Duration::from_micros(u64_at(bytes, offset));
    let short_micros = |bytes: &[u8], offset| Duration::from_micros(u32_at(bytes, offset).into());
    let millis = |bytes: &[u8], offset| Duration::from_millis(u32_at(bytes, offset).into());
    let u16_at = |bytes: &[u8], offset: usize| {
        u16::from_ne_bytes(bytes[offset..offset + 2].try_into().unwrap())
    };

    reach! {
        pacing_rate at 104, 8: u64_at;
        max_pacing_rate at 112, 8: u64_at;
        bytes_acked at 120, 8: u64_at;
        bytes_received at 128, 8: u64_at;
        segments_sent at 136, 4: u32_at;
        segments_received at 140, 4: u32_at;
        unsent_bytes at 144, 4: u32_at;
        min_rtt at 148, 4: short_micros;
        data_segments_received at 152, 4: u32_at;
        data_segments_sent at 156, 4: u32_at;
        delivery_rate at 160, 8: u64_at;
        busy_time at 168, 8: micros;
        recv_window_limited at 176, 8: micros;
        send_buffer_limited at 184, 8: micros;
        delivered at 192, 4: u32_at;
        delivered_marked at 196, 4: u32_at;
        bytes_sent at 200, 8: u64_at;
        bytes_retransmitted at 208, 8: u64_at;
        duplicates at 216, 4: u32_at;
        reorderings at 220, 4: u32_at;
        out_of_order_received at 224, 4: u32_at;
        send_window at 228, 4: u32_at;
        recv_window at 232, 4: u32_at;
        rehashes at 236, 4: u32_at;
        timeouts at 240, 2: u16_at;
        timeout_recoveries at 242, 2: u16_at;
        timeout_time at 244, 4: millis;
    }
}

#[test]
fn an_answer_below_the_shortest_is_refused_and_a_longer_one_is_not() {
    let mut bytes = pattern();
    for length in 0..SHORTEST {
        assert_eq!(
            TcpInfo::from_bytes(&bytes[..length]),
            None,
            "{length} bytes"
        );
    }
    let known = parse(&bytes);
    bytes.extend([0xff; 64]);
    assert_eq!(parse(&bytes), known);
}

#[test]
fn states_are_told_by_their_numbers() {
    let states = [
        (0, TcpState::Unknown(0)),
        (1, TcpState::Established),
        (2, TcpState::SynSent),
        (3, TcpState::SynReceived),
        (4, TcpState::FinWait1),
        (5, TcpState::FinWait2),
        (6, TcpState::TimeWait),
        (7, TcpState::Closed),
        (8, TcpState::CloseWait),
        (9, TcpState::LastAck),
        (10, TcpState::Listen),
        (11, TcpState::Closing),
        (12, TcpState::SynReceived),
        (13, TcpState::Closed),
        (200, TcpState::Unknown(200)),
    ];
    for (number, state) in states {
        let mut bytes = [0; SHORTEST];
        bytes[0] = number;
        assert_eq!(parse(&bytes).state, state);
    }
    let states = [
        (0, CongestionState::Open),
        (1, CongestionState::Disorder),
        (2, CongestionState::Reduced),
        (3, CongestionState::Recovery),
        (4, CongestionState::Loss),
        (5, CongestionState::Unknown(5)),
    ];
    for (number, state) in states {
        let mut bytes = [0; SHORTEST];
        bytes[1] = number;
        assert_eq!(parse(&bytes).congestion_state, state);
    }
}

#[test]
fn options_of_the_connection_are_told_by_their_bits() {
    let with = |bits: u8| {
        let mut bytes = [0; SHORTEST];
        bytes[5] = bits;
        bytes[6] = if cfg!(target_endian = "little") {
            0x73
        } else {
            0x37
        };
        let info = parse(&bytes);
        let flags = [
            info.timestamps,
            info.selective_acknowledgements,
            info.ecn,
            info.syn_data,
        ];
        (flags, info.window_scale)
    };

    assert_eq!(with(0), ([false; 4], None));
    assert_eq!(with(1), ([true, false, false, false], None));
    assert_eq!(with(2), ([false, true, false, false], None));
    assert_eq!(with(4), ([false; 4], Some((3, 7))));
    assert_eq!(with(8), ([false, false, true, false], None));
    assert_eq!(with(32), ([false, false, false, true], None));
}

#[test]
fn numbers_that_mean_none_are_none() {
    let mut bytes = vec![0; WHOLE];
    bytes[76..80].copy_from_slice(&0x7fff_ffff_u32.to_ne_bytes());
    bytes[104..120].fill(0xff);
    bytes[148..152].fill(0xff);
    let info = parse(&bytes);

    assert_eq!(info.slow_start_threshold, None);
    assert_eq!((info.pacing_rate, info.max_pacing_rate), (None, None));
    assert_eq!(info.min_rtt, None);
}

/// Asserts that an answer which is no `struct tcp_info` is refused.
#[track_caller]
fn refused() {
    let error = sockopt::TCP_INFO.get(&tcp()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{error}");
    assert_eq!(error.to_string(), "TCP_INFO: an answer of 4 bytes");
}

#[test]
fn a_live_connection_is_told_as_it_is() {
    if is_emulated() {
        return refused();
    }
    const BYTES: usize = 10_000;
    let (mut stream, mut peer) = connected();
    stream.write_all(&[7; BYTES]).unwrap();
    peer.read_exact(&mut [0; BYTES]).unwrap();
    // The answer acknowledges all of it.
    peer.write_all(&[1]).unwrap();
    stream.read_exact(&mut [0]).unwrap();

    let info = sockopt::TCP_INFO.get(&stream).unwrap();

    assert_eq!(info.state, TcpState::Established, "{info:?}");
    assert!(
        info.rtt > Duration::ZERO && info.rtt < Duration::from_secs(10),
        "{info:?}"
    );
    assert!(info.retransmission_timeout > Duration::ZERO, "{info:?}");
    assert!(
        info.congestion_window > 0 && info.send_segment_size > 0,
        "{info:?}"
    );
    assert!(info.path_mtu > info.send_segment_size, "{info:?}");
    // The opening of the connection counts as a byte.
    assert!(
        info.bytes_acked
            .is_none_or(|bytes| bytes == 10_000 || bytes == 10_001),
        "{info:?}"
    );
    assert!(
        info.bytes_received.is_none_or(|bytes| bytes == 1),
        "{info:?}"
    );
    assert!(
        info.bytes_sent.is_none_or(|bytes| bytes >= 10_000),
        "{info:?}"
    );
    assert!(info.unsent_bytes.is_none_or(|bytes| bytes == 0), "{info:?}");
    assert!(info.delivery_rate.is_none_or(|rate| rate > 0), "{info:?}");
    // Counted in ticks of the system: all of this may fit between two.
    assert!(
        info.busy_time
            .is_none_or(|time| time < Duration::from_secs(10)),
        "{info:?}"
    );

    let text = info.to_string();
    assert!(
        text.starts_with("Established, rtt ") && !text.contains('\n'),
        "{text}"
    );
}

#[test]
fn states_follow_the_connection() {
    if is_emulated() {
        return refused();
    }
    let (stream, mut peer) = connected();
    let state = |socket| sockopt::TCP_INFO.get(socket).unwrap().state;

    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);

    assert_eq!(state(&peer), TcpState::CloseWait);
    assert!(matches!(
        state(&stream),
        TcpState::FinWait1 | TcpState::FinWait2
    ));
}

#[test]
fn the_answer_is_read_as_long_as_the_kernel_makes_it() {
    if is_emulated() {
        return refused();
    }
    let socket = tcp();
    socket.listen(5).unwrap();
    let bytes = raw_bytes(&socket, libc::IPPROTO_TCP, libc::TCP_INFO).unwrap();

    let info = sockopt::TCP_INFO.get(&socket).unwrap();

    assert_eq!(info.state, TcpState::Listen);
    assert_eq!(
        info.selectively_acknowledged, 5,
        "the backlog of a listener"
    );
    assert_eq!(info, parse(&bytes));
    assert_eq!(info.bytes_acked.is_some(), bytes.len() >= 128);
    assert_eq!(info.send_window.is_some(), bytes.len() >= 232);
}
