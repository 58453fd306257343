//! Concealment in pieces against concealment in one, and time scaling within its bounds.

use arbitrary::Arbitrary;
use trunkline::conceal::{Concealer, MAX_PERIOD, lengthen, shorten};

#[derive(Arbitrary, Debug)]
pub struct Script<'a> {
    /// Where the second concealer's frames are cut.
    cut: u8,
    ops: Vec<Op<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Op<'a> {
    /// These bytes, two by two.
    Receive(&'a [u8]),
    /// So many samples with a period.
    Voice {
        len: u16,
        period: u8,
        step: i16,
    },
    Conceal(u16),
    Reset,
    Shorten {
        samples: &'a [u8],
        most: u16,
    },
    Lengthen {
        samples: &'a [u8],
        room: u16,
        most: u16,
    },
    /// Time scaling of something with a period.
    Scale {
        len: u16,
        period: u8,
        step: i16,
        most: u16,
        room: u16,
    },
}

pub fn run(script: &Script<'_>) {
    let piece = 1 + usize::from(script.cut);
    let mut whole = Concealer::new();
    let mut pieces = Concealer::new();
    let mut lost = 0;
    for op in script.ops.iter().take(MAX_OPS) {
        match *op {
            Op::Receive(bytes) => {
                receive(&mut whole, &mut pieces, &mut lost, samples(bytes), piece)
            }
            Op::Voice { len, period, step } => {
                let frame = voice(len, period, step);
                receive(&mut whole, &mut pieces, &mut lost, frame, piece);
            }
            Op::Conceal(len) => {
                let len = usize::from(len % 2048);
                let mut frame = vec![0x5A5A; len];
                whole.conceal(&mut frame);
                let mut other = vec![0; len];
                other
                    .chunks_mut(piece)
                    .for_each(|piece| pieces.conceal(piece));
                assert_eq!(frame, other);
                // Faded out after 60 ms.
                let heard = FADED.saturating_sub(lost).min(len);
                assert!(
                    frame[heard..].iter().all(|&sample| sample == 0),
                    "after {lost}"
                );
                lost += len;
                assert!(len == 0 || whole.is_concealing());
            }
            Op::Reset => {
                whole.reset();
                pieces.reset();
                lost = 0;
                assert!(!whole.is_concealing());
            }
            Op::Shorten {
                samples: bytes,
                most,
            } => check_shorten(samples(bytes), most.into()),
            Op::Lengthen {
                samples: bytes,
                room,
                most,
            } => {
                check_lengthen(samples(bytes), room.into(), most.into());
            }
            Op::Scale {
                len,
                period,
                step,
                most,
                room,
            } => {
                check_shorten(voice(len, period, step), most.into());
                check_lengthen(voice(len, period, step), room.into(), most.into());
            }
        }
    }
}

fn receive(
    whole: &mut Concealer,
    pieces: &mut Concealer,
    lost: &mut usize,
    frame: Vec<i16>,
    piece: usize,
) {
    let was_concealing = whole.is_concealing();
    let (mut mixed, mut other) = (frame.clone(), frame.clone());
    whole.receive(&mut mixed);
    other
        .chunks_mut(piece)
        .for_each(|piece| pieces.receive(piece));
    assert_eq!(mixed, other);
    // Cross-faded for 2.5 ms, then as it came.
    let touched = if was_concealing { 20 } else { 0 };
    let touched = frame.len().min(touched);
    assert_eq!(mixed[touched..], frame[touched..]);
    assert!(frame.len() < 20 || !whole.is_concealing());
    if !frame.is_empty() {
        *lost = 0;
    }
}

fn check_shorten(before: Vec<i16>, most: usize) {
    let mut after = before.clone();
    match shorten(&mut after, most) {
        None => assert_eq!(after, before),
        Some(cut) => {
            assert!(
                cut >= 1 && cut <= most.min(MAX_PERIOD) && cut < before.len(),
                "{cut}"
            );
            let kept = &after[..before.len() - cut];
            assert_eq!(kept.first(), before.first());
            assert_eq!(kept.last(), before.last());
        }
    }
}

fn check_lengthen(before: Vec<i16>, room: usize, most: usize) {
    let len = before.len();
    let mut after = before.clone();
    after.resize(len + room % 512, 0x5A5A);
    let untouched = after.clone();
    match lengthen(&mut after, len, most) {
        None => assert_eq!(after, untouched),
        Some(added) => {
            assert!(added >= 1 && added <= most.min(MAX_PERIOD), "{added}");
            assert_eq!(after.first(), before.first());
            assert_eq!(after[len + added - 1], before[len - 1]);
            assert_eq!(after[len + added..], untouched[len + added..]);
        }
    }
    // A length that is more than the buffer has is the buffer's.
    let mut all = before.clone();
    assert_eq!(lengthen(&mut all, usize::MAX, most), None);
    assert_eq!(all, before);
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    let pairs = bytes.as_chunks().0.iter();
    pairs.map(|bytes| i16::from_le_bytes(*bytes)).collect()
}

fn voice(len: u16, period: u8, step: i16) -> Vec<i16> {
    let sample = |at: u16| ((at % (1 + u16::from(period))) as i16).wrapping_mul(step);
    (0..len % 2048).map(sample).collect()
}

const MAX_OPS: usize = 64;
/// Samples after which a loss is silent.
const FADED: usize = 480;
