//! `struct tcp_info` of any length and content.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockopt::TcpInfo;

/// The answer of the oldest kernel.
const SHORTEST: usize = 104;
/// More than any kernel answers.
const LONGEST: usize = 1024;

fuzz_target!(|bytes: &[u8]| {
    let info = TcpInfo::from_bytes(bytes);
    assert_eq!(info.is_some(), bytes.len() >= SHORTEST);
    let Some(info) = info else { return };
    assert!(!format!("{info:?}").is_empty());

    // What an older kernel reports, a newer one does too, and nothing is read past the known fields.
    let oldest = TcpInfo::from_bytes(&bytes[..SHORTEST]).expect("long enough");
    assert_eq!(oldest.state, info.state);
    assert_eq!(oldest.rtt, info.rtt);
    if bytes.len() >= LONGEST {
        assert_eq!(TcpInfo::from_bytes(&bytes[..LONGEST]), Some(info));
    }
});
