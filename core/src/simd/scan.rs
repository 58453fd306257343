//! Where a run of plain string bytes ends: the inner loop of the JSON scanner.

/// Bytes looked at in one go.
pub(crate) const BLOCK: usize = 64;

/// Bit `i` is set if byte `i` cannot stand unescaped in a JSON string: `"`, `\` and the control
/// characters below 0x20 (RFC 8259 §7).
#[inline]
pub(crate) fn stops(block: &[u8; BLOCK]) -> u64 {
    portable(block)
}

/// What [`stops`] computes, eight bytes at a time.
#[inline]
pub(crate) fn portable(block: &[u8; BLOCK]) -> u64 {
    let (words, _) = block.as_chunks::<8>();
    let mut mask = 0;
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let stop = zero_bytes(word ^ (EACH_BYTE * b'"' as u64))
            | zero_bytes(word ^ (EACH_BYTE * b'\\' as u64))
            | zero_bytes(word & (EACH_BYTE * 0xE0));
        // The product gathers the eight top bits, 8 apart, in the top byte.
        mask |= ((stop >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    mask
}

/// 0x80 in each byte of `word` that is zero, 0 in the others; exact, no carry between bytes.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    const LOW_BITS: u64 = EACH_BYTE * 0x7F;
    !(((word & LOW_BITS) + LOW_BITS) | word | LOW_BITS)
}

const EACH_BYTE: u64 = 0x0101_0101_0101_0101;
