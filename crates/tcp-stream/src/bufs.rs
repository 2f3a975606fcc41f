//! Which of a caller's buffers go into one call. Nothing here touches a socket.

use std::ops::{Deref, Range};

/// The buffers that one call of the system moves, which takes `most` of them; `None` if all are
/// empty.
///
/// Empty ones in front are left out before the rest is cut: otherwise a call could move nothing
/// though there is room behind the cut, and a read of nothing would look like the end.
pub(crate) fn span(bufs: &[impl Deref<Target = [u8]>], most: usize) -> Option<Range<usize>> {
    let start = bufs.iter().position(|buf| !buf.is_empty())?;
    Some(start..bufs.len().min(start.saturating_add(most)))
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn empty_buffers_in_front_are_left_out_before_the_cut() {
        let empty: &[&[u8]] = &[];
        assert_eq!(span(empty, 2), None);
        assert_eq!(span(&[&b""[..], b""], 2), None);
        assert_eq!(span(&[&b"a"[..]], 2), Some(0..1));
        assert_eq!(span(&[&b"a"[..], b"", b"c"], 2), Some(0..2));
        assert_eq!(span(&[&b""[..], b"", b"c"], 2), Some(2..3));
        assert_eq!(span(&[&b""[..], b"b", b"c", b"d"], 2), Some(1..3));
        assert_eq!(span(&[&b""[..], b"b", b""], 2), Some(1..3));
    }
}
