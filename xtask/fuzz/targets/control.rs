//! Control messages of any number, kind and length, cut off anywhere.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

const HEADER: usize = size_of::<libc::cmsghdr>();
const ALIGNMENT: usize = size_of::<usize>();

#[derive(Arbitrary, Debug)]
struct Message {
    rights: bool,
    level: i32,
    kind: i32,
    numbers: Vec<i32>,
    /// How far the length that the header claims is off.
    excess: Option<i16>,
}

fuzz_target!(|input: (Vec<Message>, u8)| {
    let (messages, cut) = input;
    let mut bytes = Vec::new();
    for message in messages.iter().take(8) {
        let (level, kind) = if message.rights {
            (libc::SOL_SOCKET, libc::SCM_RIGHTS)
        } else {
            (message.level, message.kind)
        };
        let data: Vec<u8> = message
            .numbers
            .iter()
            .flat_map(|number| number.to_ne_bytes())
            .collect();
        let len =
            (HEADER + data.len()).saturating_add_signed(isize::from(message.excess.unwrap_or(0)));
        bytes.extend(len.to_ne_bytes());
        bytes.extend(level.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    }
    bytes.truncate(bytes.len() - usize::from(cut).min(bytes.len()));
    if let Some(expected) = expected(&bytes) {
        assert_eq!(unix_socket::fuzzing::sent_descriptors(&bytes), expected);
    }
});

/// The descriptors of a sequence of control messages, read with checked indices alone; nothing if one claims
/// to be longer than memory, which no kernel reports.
fn expected(bytes: &[u8]) -> Option<Vec<i32>> {
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        Some(i32::from_ne_bytes(bytes.try_into().expect("four bytes")))
    };
    let length = |at: usize| {
        let bytes = bytes.get(at..at + HEADER)?;
        Some(usize::from_ne_bytes(
            bytes[..ALIGNMENT].try_into().expect("a length"),
        ))
    };
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(len) = length(at) {
        u32::try_from(len).ok()?;
        let rights = number(at + ALIGNMENT) == Some(libc::SOL_SOCKET)
            && number(at + ALIGNMENT + 4) == Some(libc::SCM_RIGHTS);
        let end = bytes.len().min(at + len);
        let numbers = (at + HEADER..)
            .step_by(4)
            .take_while(|at| rights && at + 4 <= end);
        found.extend(numbers.filter_map(number).filter(|number| *number >= 0));
        at += len.next_multiple_of(ALIGNMENT);
        // The C library stops at a length without room for the header, and before a header that is cut off.
        if len < HEADER {
            break;
        }
    }
    Some(found)
}
