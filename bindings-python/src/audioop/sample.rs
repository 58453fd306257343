//! Samples of `W` bytes, 1 to 4: signed integers in the machine's byte order.

/// The samples of a fragment.
#[inline]
pub(super) fn of<const W: usize>(fragment: &[u8]) -> &[[u8; W]] {
    fragment.as_chunks().0
}

/// Those of a fragment to fill.
#[inline]
pub(super) fn of_mut<const W: usize>(fragment: &mut [u8]) -> &mut [[u8; W]] {
    fragment.as_chunks_mut().0
}

/// The value of a sample as that of one of 32 bits of the same loudness.
#[inline]
pub(super) fn get_wide<const W: usize>(sample: &[u8; W]) -> i32 {
    let mut bytes = [0; 4];
    if cfg!(target_endian = "little") {
        bytes[4 - W..].copy_from_slice(sample);
    } else {
        bytes[..W].copy_from_slice(sample);
    }
    i32::from_ne_bytes(bytes)
}

/// The sample of which a value of 32 bits has the first bits.
#[inline]
pub(super) fn put_wide<const W: usize>(value: i32) -> [u8; W] {
    put(value >> (32 - 8 * W))
}

#[inline]
pub(super) fn get<const W: usize>(sample: &[u8; W]) -> i32 {
    get_wide(sample) >> (32 - 8 * W)
}

/// The sample that has the last bits of a value.
#[inline]
pub(super) fn put<const W: usize>(value: i32) -> [u8; W] {
    let bytes = value.to_ne_bytes();
    let mut sample = [0; W];
    if cfg!(target_endian = "little") {
        sample.copy_from_slice(&bytes[..W]);
    } else {
        sample.copy_from_slice(&bytes[4 - W..]);
    }
    sample
}

pub(super) const fn min<const W: usize>() -> i32 {
    i32::MIN >> (32 - 8 * W)
}

pub(super) const fn max<const W: usize>() -> i32 {
    i32::MAX >> (32 - 8 * W)
}

/// The sum in double precision of terms, from the first to the last, of which none is above
/// 2^`bits`.
///
/// As long as every sum of so many is an integer that a double holds, they are summed as integers, in
/// any order.
#[inline]
pub(super) fn sum(terms: impl Iterator<Item = i64> + Clone, bits: u32) -> f64 {
    let exact = match 53_u32.checked_sub(bits) {
        Some(spare) => 1 << spare.min(usize::BITS - 1),
        None => 0,
    };
    let start = terms.clone().take(exact).sum::<i64>() as f64;
    terms.skip(exact).fold(start, |sum, term| sum + term as f64)
}
