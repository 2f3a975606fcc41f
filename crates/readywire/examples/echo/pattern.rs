//! The data that is sent: every connection has its own, and every position in it too.

/// An endless stream of bytes that depends on a seed alone.
#[derive(Clone, Copy)]
pub(crate) struct Pattern {
    seed: u64,
}

/// A byte that is not as it was sent.
#[derive(Debug, PartialEq)]
pub(crate) struct Mismatch {
    pub(crate) position: u64,
    pub(crate) sent: u8,
    pub(crate) received: u8,
}

impl Pattern {
    pub(crate) fn of_connection(index: usize) -> Pattern {
        Pattern {
            seed: mix(index as u64),
        }
    }

    /// Fills `buffer` with what the stream has from `position` on.
    pub(crate) fn fill(self, position: u64, buffer: &mut [u8]) {
        let mut at = position;
        let mut rest = buffer;
        while !rest.is_empty() {
            let (word, from) = self.word(at);
            let n = rest.len().min(word.len() - from);
            let (head, tail) = rest.split_at_mut(n);
            head.copy_from_slice(&word[from..from + n]);
            at += n as u64;
            rest = tail;
        }
    }

    /// Compares `data` with what the stream has from `position` on.
    pub(crate) fn check(self, position: u64, data: &[u8]) -> Result<(), Mismatch> {
        let mut at = position;
        let mut rest = data;
        while !rest.is_empty() {
            let (word, from) = self.word(at);
            let n = rest.len().min(word.len() - from);
            let (head, tail) = rest.split_at(n);
            let sent = &word[from..from + n];
            // Looked at byte by byte only if there is something to find.
            let wrong = (head != sent).then(|| (0..n).find(|&i| head[i] != sent[i]));
            if let Some(i) = wrong.flatten() {
                return Err(Mismatch {
                    position: at + i as u64,
                    sent: sent[i],
                    received: head[i],
                });
            }
            at += n as u64;
            rest = tail;
        }
        Ok(())
    }

    /// The eight bytes that `position` lies in, and where among them.
    fn word(self, position: u64) -> ([u8; 8], usize) {
        let word = mix(self.seed ^ (position / 8)).to_le_bytes();
        (word, (position % 8) as usize)
    }
}

/// The finisher of SplitMix64: neighbouring numbers become unlike ones.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
