//! The state of a TCP connection on Linux: `struct tcp_info`, read field by field.
//!
//! The structure only ever grew, so that the length of an answer determines which fields it holds.

use std::fmt;
use std::io;
use std::time::Duration;

use super::Sock;
use crate::codec::unexpected;
use crate::option::{Info, Value, sealed};

/// The kernel's state of a TCP connection, read by [`TCP_INFO`](crate::TCP_INFO).
///
/// A field is an `Option` where an older kernel does not report it, or where there is no value yet.
/// Counters start with the connection.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use readywire::sockopt::{self, TcpState};
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # #[cfg(not(qemu))] // It takes it for a number.
/// # {
/// let info = sockopt::TCP_INFO.get(&stream)?;
/// assert_eq!(info.state, TcpState::Established);
/// println!("round trip {:?}, window of {} segments", info.rtt, info.congestion_window);
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpInfo {
    /// The state of the connection.
    pub state: TcpState,
    /// What congestion control is doing.
    pub congestion_state: CongestionState,
    /// How often the oldest unacknowledged segment was sent again by its timer; back to 0 with
    /// the next acknowledgement.
    pub retransmits: u8,
    /// Unanswered probes of a closed window or of keepalive.
    pub probes: u8,
    /// How often the retransmission timeout was doubled.
    pub backoff: u8,
    /// Whether both sides put timestamps on segments.
    pub timestamps: bool,
    /// Whether both sides acknowledge selectively.
    pub selective_acknowledgements: bool,
    /// By how many bits the windows are scaled, (that of the peer, ours); `None` without scaling.
    pub window_scale: Option<(u8, u8)>,
    /// Whether the connection negotiated explicit congestion notification.
    pub ecn: bool,
    /// Whether the data of the first segment was acknowledged with it (fast open).
    pub syn_data: bool,
    /// Whether [`delivery_rate`](Self::delivery_rate) was limited by what the application wrote.
    pub delivery_rate_application_limited: bool,
    /// When an unacknowledged segment is sent again.
    pub retransmission_timeout: Duration,
    /// How long an acknowledgement is delayed.
    pub acknowledgement_timeout: Duration,
    /// The segment size to send, in bytes.
    pub send_segment_size: u32,
    /// The segment size as received, in bytes.
    pub recv_segment_size: u32,
    /// Segments sent and not acknowledged; of a listener, the connections that wait.
    pub unacknowledged: u32,
    /// Segments acknowledged selectively; of a listener, its backlog.
    pub selectively_acknowledged: u32,
    /// Segments believed lost.
    pub lost: u32,
    /// Segments sent again and not acknowledged yet.
    pub retransmitted_unacknowledged: u32,
    /// Time since data was last sent.
    pub last_data_sent: Duration,
    /// Time since data last came in.
    pub last_data_received: Duration,
    /// Time since an acknowledgement last came in.
    pub last_acknowledgement_received: Duration,
    /// The greatest packet the path takes, in bytes.
    pub path_mtu: u32,
    /// The window we keep below for receiving, in bytes.
    pub recv_slow_start_threshold: u32,
    /// The smoothed round-trip time.
    pub rtt: Duration,
    /// The mean deviation of the round-trip time.
    pub rtt_variance: Duration,
    /// Where slow start ends, in segments; `None` before it ever ended.
    pub slow_start_threshold: Option<u32>,
    /// The congestion window, in segments.
    pub congestion_window: u32,
    /// The segment size we advertised, in bytes.
    pub advertised_segment_size: u32,
    /// By how many segments the path is believed to reorder.
    pub reordering: u32,
    /// The round-trip time as the receiver sees it; zero before there is one.
    pub recv_rtt: Duration,
    /// The space that the receive buffer aims at, in bytes.
    pub recv_space: u32,
    /// Segments sent again since the start.
    pub total_retransmits: u32,
    /// How fast segments are paced, in bytes a second; `None` without a limit. Linux 3.15.
    pub pacing_rate: Option<u64>,
    /// The most that pacing may reach, in bytes a second; `None` without a limit. Linux 3.15.
    pub max_pacing_rate: Option<u64>,
    /// Bytes sent and acknowledged. Linux 4.1.
    pub bytes_acked: Option<u64>,
    /// Bytes received in order. Linux 4.1.
    pub bytes_received: Option<u64>,
    /// Segments sent. Linux 4.2.
    pub segments_sent: Option<u32>,
    /// Segments received. Linux 4.2.
    pub segments_received: Option<u32>,
    /// Bytes written and not sent yet. Linux 4.6.
    pub unsent_bytes: Option<u32>,
    /// The least round-trip time of late; `None` before there is one. Linux 4.6.
    pub min_rtt: Option<Duration>,
    /// Segments received that carried data. Linux 4.6.
    pub data_segments_received: Option<u32>,
    /// Segments sent that carried data. Linux 4.6.
    pub data_segments_sent: Option<u32>,
    /// How fast data was delivered of late, in bytes a second. Linux 4.9.
    pub delivery_rate: Option<u64>,
    /// How long there was data to send or to be acknowledged. Linux 4.10.
    pub busy_time: Option<Duration>,
    /// How much of that the peer's window held the data up. Linux 4.10.
    pub recv_window_limited: Option<Duration>,
    /// How much of that our send buffer held the data up. Linux 4.10.
    pub send_buffer_limited: Option<Duration>,
    /// Segments delivered, those sent again included. Linux 4.18.
    pub delivered: Option<u32>,
    /// Delivered segments that came with a congestion mark. Linux 4.18.
    pub delivered_marked: Option<u32>,
    /// Bytes sent, those sent again included. Linux 4.19.
    pub bytes_sent: Option<u64>,
    /// Bytes sent again. Linux 4.19.
    pub bytes_retransmitted: Option<u64>,
    /// Segments that the peer reported to have twice. Linux 4.19.
    pub duplicates: Option<u32>,
    /// Reorderings seen. Linux 4.19.
    pub reorderings: Option<u32>,
    /// Segments received out of order. Linux 5.4.
    pub out_of_order_received: Option<u32>,
    /// The window that the peer advertises, in bytes. Linux 5.4.
    pub send_window: Option<u32>,
    /// The window that we advertise, in bytes. Linux 6.2.
    pub recv_window: Option<u32>,
    /// How often the connection took another path because the first seemed dead. Linux 6.2.
    pub rehashes: Option<u32>,
    /// Retransmission timeouts since the start. Linux 6.7.
    pub timeouts: Option<u16>,
    /// How often the connection recovered from such timeouts. Linux 6.7.
    pub timeout_recoveries: Option<u16>,
    /// How long the connection spent recovering from them. Linux 6.7.
    pub timeout_time: Option<Duration>,
}

/// The state of a TCP connection, as RFC 9293 names them.
///
/// # Examples
///
/// See [`TcpInfo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TcpState {
    /// Data may flow.
    Established,
    /// A connection was asked for.
    SynSent,
    /// A connection was asked for by the peer.
    SynReceived,
    /// We closed our direction; the peer has not acknowledged that.
    FinWait1,
    /// We closed our direction; the peer may still send.
    FinWait2,
    /// Both directions are closed; late segments die out.
    TimeWait,
    /// No connection.
    Closed,
    /// The peer closed its direction; we may still send.
    CloseWait,
    /// Both directions are closed; the peer has not acknowledged that.
    LastAck,
    /// Connections are accepted.
    Listen,
    /// Both sides closed at the same time.
    Closing,
    /// A number that this version does not know.
    Unknown(u8),
}

impl TcpState {
    const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Established,
            2 => Self::SynSent,
            // 12 is the same, before there is a whole socket for it.
            3 | 12 => Self::SynReceived,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            // 13 is bound besides.
            7 | 13 => Self::Closed,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            other => Self::Unknown(other),
        }
    }
}

/// What the congestion control of a connection is doing.
///
/// # Examples
///
/// See [`TcpInfo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CongestionState {
    /// Nothing seems lost.
    Open,
    /// Something was lost or reordered; it is not known which.
    Disorder,
    /// The window was reduced for a congestion mark.
    Reduced,
    /// The window was reduced, and lost segments are sent again.
    Recovery,
    /// A segment timed out.
    Loss,
    /// A number that this version does not know.
    Unknown(u8),
}

impl CongestionState {
    const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Open,
            1 => Self::Disorder,
            2 => Self::Reduced,
            3 => Self::Recovery,
            4 => Self::Loss,
            other => Self::Unknown(other),
        }
    }
}

/// What every kernel of the last fifteen years answers: up to `tcpi_total_retrans`.
const SHORTEST: usize = 104;

/// The answer of the system: fields by their offset, as far as it reaches.
struct Answer<'a>(&'a [u8]);

impl Answer<'_> {
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.get(offset..offset + N)?.try_into().ok()
    }

    fn u8(&self, offset: usize) -> Option<u8> {
        self.bytes(offset).map(u8::from_ne_bytes)
    }

    fn u16(&self, offset: usize) -> Option<u16> {
        self.bytes(offset).map(u16::from_ne_bytes)
    }

    fn u32(&self, offset: usize) -> Option<u32> {
        self.bytes(offset).map(u32::from_ne_bytes)
    }

    fn u64(&self, offset: usize) -> Option<u64> {
        self.bytes(offset).map(u64::from_ne_bytes)
    }

    fn millis(&self, offset: usize) -> Option<Duration> {
        self.u32(offset).map(u64::from).map(Duration::from_millis)
    }

    fn micros(&self, offset: usize) -> Option<Duration> {
        self.u32(offset).map(u64::from).map(Duration::from_micros)
    }

    fn long_micros(&self, offset: usize) -> Option<Duration> {
        self.u64(offset).map(Duration::from_micros)
    }
}

impl TcpInfo {
    /// Reads `struct tcp_info` from its bytes, in the byte order of this machine; `None` if there
    /// are fewer than the 104 that Linux 2.6 answered. What comes after the known fields is
    /// ignored.
    ///
    /// For an answer that did not come by [`TCP_INFO`](crate::TCP_INFO), such as one of netlink.
    ///
    /// # Examples
    ///
    /// ```
    /// use readywire::sockopt::{TcpInfo, TcpState};
    ///
    /// let mut bytes = [0; 104];
    /// bytes[0] = 10;
    /// let info = TcpInfo::from_bytes(&bytes).unwrap();
    /// assert_eq!(info.state, TcpState::Listen);
    /// assert_eq!(info.bytes_acked, None);
    /// assert_eq!(TcpInfo::from_bytes(&bytes[1..]), None);
    /// ```
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        const TIMESTAMPS: u8 = 1;
        const SACK: u8 = 2;
        const WINDOW_SCALE: u8 = 4;
        const ECN: u8 = 8;
        const SYN_DATA: u8 = 32;
        const INFINITE_THRESHOLD: u32 = 0x7fff_ffff;

        if bytes.len() < SHORTEST {
            return None;
        }
        let answer = Answer(bytes);
        let options = answer.u8(5)?;
        let (low, high) = bit_fields(answer.u8(6)?);
        Some(Self {
            state: TcpState::from_number(answer.u8(0)?),
            congestion_state: CongestionState::from_number(answer.u8(1)?),
            retransmits: answer.u8(2)?,
            probes: answer.u8(3)?,
            backoff: answer.u8(4)?,
            timestamps: options & TIMESTAMPS != 0,
            selective_acknowledgements: options & SACK != 0,
            window_scale: (options & WINDOW_SCALE != 0).then_some((low, high)),
            ecn: options & ECN != 0,
            syn_data: options & SYN_DATA != 0,
            delivery_rate_application_limited: first_bit(answer.u8(7)?),
            retransmission_timeout: answer.micros(8)?,
            acknowledgement_timeout: answer.micros(12)?,
            send_segment_size: answer.u32(16)?,
            recv_segment_size: answer.u32(20)?,
            unacknowledged: answer.u32(24)?,
            selectively_acknowledged: answer.u32(28)?,
            lost: answer.u32(32)?,
            retransmitted_unacknowledged: answer.u32(36)?,
            last_data_sent: answer.millis(44)?,
            last_data_received: answer.millis(52)?,
            last_acknowledgement_received: answer.millis(56)?,
            path_mtu: answer.u32(60)?,
            recv_slow_start_threshold: answer.u32(64)?,
            rtt: answer.micros(68)?,
            rtt_variance: answer.micros(72)?,
            slow_start_threshold: answer
                .u32(76)
                .filter(|&segments| segments < INFINITE_THRESHOLD),
            congestion_window: answer.u32(80)?,
            advertised_segment_size: answer.u32(84)?,
            reordering: answer.u32(88)?,
            recv_rtt: answer.micros(92)?,
            recv_space: answer.u32(96)?,
            total_retransmits: answer.u32(100)?,
            pacing_rate: answer.u64(104).filter(|&rate| rate != u64::MAX),
            max_pacing_rate: answer.u64(112).filter(|&rate| rate != u64::MAX),
            bytes_acked: answer.u64(120),
            bytes_received: answer.u64(128),
            segments_sent: answer.u32(136),
            segments_received: answer.u32(140),
            unsent_bytes: answer.u32(144),
            min_rtt: answer
                .u32(148)
                .filter(|&micros| micros != u32::MAX)
                .map(|micros| Duration::from_micros(micros.into())),
            data_segments_received: answer.u32(152),
            data_segments_sent: answer.u32(156),
            delivery_rate: answer.u64(160),
            busy_time: answer.long_micros(168),
            recv_window_limited: answer.long_micros(176),
            send_buffer_limited: answer.long_micros(184),
            delivered: answer.u32(192),
            delivered_marked: answer.u32(196),
            bytes_sent: answer.u64(200),
            bytes_retransmitted: answer.u64(208),
            duplicates: answer.u32(216),
            reorderings: answer.u32(220),
            out_of_order_received: answer.u32(224),
            send_window: answer.u32(228),
            recv_window: answer.u32(232),
            rehashes: answer.u32(236),
            timeouts: answer.u16(240),
            timeout_recoveries: answer.u16(242),
            timeout_time: answer.millis(244),
        })
    }
}

/// The two four-bit fields of a byte, in the order the compiler of the kernel puts them.
const fn bit_fields(byte: u8) -> (u8, u8) {
    let (low, high) = (byte & 0xf, byte >> 4);
    if cfg!(target_endian = "little") {
        (low, high)
    } else {
        (high, low)
    }
}

/// The one-bit field that comes first in a byte.
const fn first_bit(byte: u8) -> bool {
    let first = if cfg!(target_endian = "little") {
        1
    } else {
        0x80
    };
    byte & first != 0
}

/// One line with what a person looks for first.
impl fmt::Display for TcpInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}, rtt {:?} ± {:?}, window {} x {} bytes, {} retransmitted",
            self.state,
            self.rtt,
            self.rtt_variance,
            self.congestion_window,
            self.send_segment_size,
            self.total_retransmits,
        )
    }
}

impl Value for TcpInfo {
    type Arg<'a> = Self;

    fn from_arg(arg: Self) -> Self {
        arg
    }
}

impl sealed::Show for TcpInfo {
    fn show(&self) -> String {
        self.to_string()
    }
}

pub(super) fn read(info: &Info, sock: Sock<'_>) -> io::Result<TcpInfo> {
    // Twice what the newest kernel answers.
    let mut buffer = [0; 512];
    let length = super::get(sock, info.id, &mut buffer)?;
    TcpInfo::from_bytes(&buffer[..length]).ok_or_else(|| unexpected(info.id, length))
}
