//! Which of a caller's buffers go into one call. Nothing here touches a socket.

use std::ops::{Deref, Range};

use crate::MAX_BUFS;

/// Returns the buffers that one call moves, which takes [`MAX_BUFS`] of them; `None` if all are
/// empty.
///
/// Empty ones in front are left out before the rest is cut: otherwise a call could move nothing
/// though there is room behind the cut, and a read of nothing would look like the end.
///
/// # Examples
/// ```
/// use std::io::IoSlice;
///
/// let bufs = [IoSlice::new(b""), IoSlice::new(b"a"), IoSlice::new(b"")];
/// assert_eq!(socket_calls::span(&bufs), Some(1..3));
/// assert_eq!(socket_calls::span(&bufs[..1]), None);
/// ```
pub fn span(bufs: &[impl Deref<Target = [u8]>]) -> Option<Range<usize>> {
    cut(bufs, MAX_BUFS)
}

/// Returns how many bytes the buffers hold together.
///
/// # Examples
/// ```
/// use std::io::IoSlice;
///
/// assert_eq!(socket_calls::total(&[IoSlice::new(b"ab"), IoSlice::new(b"c")]), 3);
/// ```
pub fn total(bufs: &[impl Deref<Target = [u8]>]) -> usize {
    bufs.iter().map(|buf| buf.len()).sum()
}

fn cut(bufs: &[impl Deref<Target = [u8]>], most: usize) -> Option<Range<usize>> {
    let start = bufs.iter().position(|buf| !buf.is_empty())?;
    Some(start..bufs.len().min(start.saturating_add(most)))
}

/// Returns the buffers of a datagram without the empty ones in front, which would count towards
/// [`MAX_BUFS`]; if all are empty, the last one.
///
/// A datagram is never cut: if more than [`MAX_BUFS`] are left, sending it fails.
///
/// # Examples
/// ```
/// use std::io::IoSlice;
///
/// let bufs = [IoSlice::new(b""), IoSlice::new(b"a"), IoSlice::new(b"")];
/// assert_eq!(socket_calls::skip_empty(&bufs).len(), 2);
/// assert_eq!(socket_calls::skip_empty(&bufs[..1]).len(), 1);
/// ```
pub fn skip_empty<B: Deref<Target = [u8]>>(bufs: &[B]) -> &[B] {
    let first = bufs.iter().position(|buf| !buf.is_empty());
    &bufs[first.unwrap_or(bufs.len().saturating_sub(1))..]
}

#[cfg(test)]
mod tests {
    use super::{cut, skip_empty};

    #[test]
    fn empty_buffers_in_front_are_left_out_before_the_cut() {
        let empty: &[&[u8]] = &[];
        assert_eq!(cut(empty, 2), None);
        assert_eq!(cut(&[&b""[..], b""], 2), None);
        assert_eq!(cut(&[&b"a"[..]], 2), Some(0..1));
        assert_eq!(cut(&[&b"a"[..], b"", b"c"], 2), Some(0..2));
        assert_eq!(cut(&[&b""[..], b"", b"c"], 2), Some(2..3));
        assert_eq!(cut(&[&b""[..], b"b", b"c", b"d"], 2), Some(1..3));
        assert_eq!(cut(&[&b""[..], b"b", b""], 2), Some(1..3));
    }

    #[test]
    fn a_datagram_keeps_one_buffer_and_all_behind_the_first_that_is_not_empty() {
        let empty: &[&[u8]] = &[];
        assert_eq!(skip_empty(empty), empty);
        assert_eq!(skip_empty(&[&b""[..], b""]), [b""]);
        assert_eq!(skip_empty(&[&b""[..], b"a", b""]), [&b"a"[..], b""]);
    }
}
