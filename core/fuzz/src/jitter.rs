//! The jitter buffer under any packets, beside itself with other time stamps and with repetitions.

use core::time::Duration;

use arbitrary::Arbitrary;
use trunkline::{
    Error, JitterBuffer,
    jitter::{Inserted, Pulled},
};

#[derive(Arbitrary, Debug)]
pub struct Script {
    is_small: bool,
    /// Added to all time stamps of the second buffer.
    shift: u32,
    ops: Vec<Op>,
}

#[derive(Arbitrary, Debug)]
enum Op {
    /// The next packet, with so many packets missing before it.
    Next {
        missing: u8,
        seed: u8,
    },
    /// A packet so far from where the next one should be.
    Off {
        by: i16,
        len: u16,
        seed: u8,
    },
    /// A packet anywhere.
    Anywhere {
        timestamp: u32,
        len: u16,
        seed: u8,
    },
    /// One of the last packets once more.
    Again(u8),
    Pull(u8),
    Reset,
}

pub fn run(script: &Script) {
    if script.is_small {
        buffers(script, JitterBuffer::<10>::new);
    } else {
        buffers(script, JitterBuffer::<256>::new);
    }
}

fn buffers<const BLOCKS: usize>(script: &Script, new: impl Fn() -> JitterBuffer<BLOCKS>) {
    let mut buffer = new();
    let mut shifted = buffer.clone();
    let mut repeated = buffer.clone();
    let mut packets: Vec<(u32, Vec<i16>)> = Vec::new();
    let mut next = 0_u32;
    // Packets off by less than 1 ms are moved, repetitions of these are not.
    let mut is_exact = true;
    for op in script.ops.iter().take(MAX_OPS) {
        let (timestamp, pcm) = match *op {
            Op::Next { missing, seed } => {
                let missing = 160 * u32::from(missing.saturating_sub(0xC0));
                (next.wrapping_add(missing), voice(160, seed))
            }
            Op::Off { by, len, seed } => (
                next.wrapping_add_signed(by.into()),
                voice(usize::from(len) % 4096, seed),
            ),
            Op::Anywhere {
                timestamp,
                len,
                seed,
            } => (timestamp, voice(len.into(), seed)),
            Op::Again(back) => match packets.iter().nth_back(usize::from(back) % 8) {
                Some(packet) => packet.clone(),
                None => continue,
            },
            Op::Pull(count) => {
                for _ in 0..=count % 64 {
                    pull(&mut buffer, &mut shifted, &mut repeated);
                }
                continue;
            }
            Op::Reset => {
                for buffer in [&mut buffer, &mut shifted, &mut repeated] {
                    buffer.reset();
                }
                continue;
            }
        };
        let before = *buffer.stats();
        let result = buffer.insert(timestamp, &pcm);
        if pcm.is_empty() || pcm.len() > JitterBuffer::<BLOCKS>::CAPACITY {
            assert_eq!(result, Err(Error::InvalidField { name: "pcm" }));
            assert_eq!(before, *buffer.stats());
            continue;
        }
        assert_eq!(
            shifted.insert(timestamp.wrapping_add(script.shift), &pcm),
            result
        );
        assert_eq!(repeated.insert(timestamp, &pcm), result);
        is_exact &= matches!(op, Op::Next { .. } | Op::Again(_));
        if is_exact && result == Ok(Inserted::Accepted) {
            assert_eq!(repeated.insert(timestamp, &pcm), Ok(Inserted::Duplicate));
        }
        check(&buffer);
        next = timestamp.wrapping_add(pcm.len() as u32);
        packets.push((timestamp, pcm));
    }
}

fn pull<const BLOCKS: usize>(
    buffer: &mut JitterBuffer<BLOCKS>,
    shifted: &mut JitterBuffer<BLOCKS>,
    repeated: &mut JitterBuffer<BLOCKS>,
) {
    // What was in the frame must not matter: all of it is filled.
    let mut frames = [[0x5A5A; 160], [0; 160], [-1; 160]];
    let pulled = buffer.pull(&mut frames[0]);
    assert_eq!(shifted.pull(&mut frames[1]), pulled);
    assert_eq!(repeated.pull(&mut frames[2]), pulled);
    assert_eq!(frames[0], frames[1], "time stamps shifted");
    assert_eq!(frames[0], frames[2], "packets repeated");
    if pulled == Pulled::Silence {
        assert_eq!(frames[0], [0; 160]);
    }
    check(buffer);
}

fn check<const BLOCKS: usize>(buffer: &JitterBuffer<BLOCKS>) {
    let stats = buffer.stats();
    let capacity = JitterBuffer::<BLOCKS>::CAPACITY as u64;
    let made = stats.decoded_samples
        + stats.concealed_samples
        + stats.stretched_samples
        + stats.silence_samples;
    assert_eq!(made - stats.cut_samples, stats.out_samples, "{stats:?}");
    assert_eq!(stats.out_samples % 160, 0);
    let held = stats.received_samples - stats.decoded_samples - stats.dropped_samples;
    assert!(
        held <= buffer.depth_samples(),
        "{held} of {}",
        buffer.depth_samples()
    );
    assert!(buffer.depth_samples() <= capacity);
    let most = Duration::from_micros(125 * capacity / 2);
    assert!(buffer.target_delay() <= most, "{:?}", buffer.target_delay());
}

/// Something with a pitch, something without, or silence.
fn voice(len: usize, seed: u8) -> Vec<i16> {
    let mut noise = u32::from(seed);
    let period = 20 + usize::from(seed % 128);
    let sample = |at: usize| match seed % 4 {
        0 => 0,
        1 => {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 16) as i16
        }
        _ => ((at % period) as i16)
            .wrapping_mul(300)
            .wrapping_sub(i16::from(seed) * 50),
    };
    (0..len).map(sample).collect()
}

const MAX_OPS: usize = 128;
