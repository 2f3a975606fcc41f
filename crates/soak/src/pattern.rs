//! The bytes that are sent: each position of each stream looks different from its neighbours.

/// One direction of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern(pub(crate) u64);

impl Pattern {
    fn at(self, position: u64) -> u8 {
        // The upper bytes of the position make blocks that were lost or swapped visible.
        let mixed = (position ^ self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 56) as u8
    }

    /// Writes what belongs at `position` and after it.
    pub(crate) fn fill(self, position: u64, buffer: &mut [u8]) {
        for (at, byte) in (position..).zip(buffer) {
            *byte = self.at(at);
        }
    }

    /// Returns the first position at which `data` is wrong.
    pub(crate) fn first_wrong(self, position: u64, data: &[u8]) -> Option<u64> {
        let mut bytes = (position..).zip(data);
        let wrong = bytes.find(|(at, byte)| self.at(*at) != **byte);
        wrong.map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_blocks_and_wrong_bytes_are_found() {
        let mut data = [0; 1000];
        Pattern(7).fill(5000, &mut data);
        assert_eq!(Pattern(7).first_wrong(5000, &data), None);
        for shift in [1, 8, 256, 4096, 65536] {
            assert!(
                Pattern(7).first_wrong(5000 + shift, &data).is_some(),
                "{shift}"
            );
        }
        data[999] ^= 1;
        assert_eq!(Pattern(7).first_wrong(5000, &data), Some(5999));
    }
}
