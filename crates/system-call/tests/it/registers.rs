//! A call made in place changes no value that its caller holds: what the compiler keeps in registers
//! over the call is there after it.

use std::hint::black_box;
use std::os::fd::{AsFd, BorrowedFd};

/// Work in vectors over what was received, in one loop with the call: what the vectors share is made
/// before the loop, and kept in registers over each call, where there are vectors of any length also
/// the masks of their lanes.
#[inline(never)]
fn receive_and_mask(
    [one, other]: [BorrowedFd<'_>; 2],
    message: &[u8],
    buf: &mut [u8],
    out: &mut [u8],
    mask: u8,
) {
    for out in out.chunks_exact_mut(message.len()) {
        // Nothing else is called in the loop, or the compiler would save what it holds.
        if system_call::send(one, message, 0).is_err() {
            return;
        }
        let Ok(count) = system_call::recv(other, buf, 0) else {
            return;
        };
        for (out, byte) in out.iter_mut().zip(buf.iter().take(count)) {
            *out = byte ^ mask;
        }
    }
}

#[test]
fn vectors_outlive_a_call() {
    let (one, other) = testkit::unix_pair();
    let message: Vec<u8> = (0..1000).map(|byte| byte as u8).collect();
    let (mut buf, mut out, mask) = ([0; 1000], [0; 8000], black_box(0x5a));
    let ends = [one.as_fd(), other.as_fd()];
    receive_and_mask(ends, &message, &mut buf, &mut out, mask);
    let masked: Vec<u8> = message.iter().map(|byte| byte ^ 0x5a).collect();
    assert!(out.chunks(1000).all(|out| out == masked), "{out:?}");
}

#[test]
fn more_numbers_than_there_are_registers_outlive_a_call() {
    let (one, other) = testkit::unix_pair();
    let mut whole: [u64; 32] = std::array::from_fn(|index| black_box(index as u64));
    let mut broken: [f64; 40] = std::array::from_fn(|index| black_box(index as f64));
    for byte in 0..100 {
        assert_eq!(system_call::send(one.as_fd(), &[byte], 0).unwrap(), 1);
        let mut buf = [0];
        assert_eq!(system_call::recv(other.as_fd(), &mut buf, 0).unwrap(), 1);
        assert_eq!(buf, [byte]);
        whole.iter_mut().for_each(|number| *number += 3);
        broken.iter_mut().for_each(|number| *number += 0.5);
    }
    assert!(
        whole
            .iter()
            .zip(0..)
            .all(|(found, index)| *found == index + 300),
        "{whole:?}"
    );
    let right = |(found, index): (&f64, i32)| *found == f64::from(index) + 50.0;
    assert!(broken.iter().zip(0..).all(right), "{broken:?}");
}
