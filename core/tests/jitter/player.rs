//! A network and a player around a jitter buffer, in virtual time.

use std::collections::HashMap;

use trunkline::jitter::{Inserted, JitterBuffer, Pulled};

use crate::voice::voice;

/// Samples of a packet and of a pull: 20 ms.
pub(crate) const FRAME: usize = 160;
/// Microseconds of the same.
pub(crate) const PTIME: u64 = 20_000;

/// A packet on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    /// When it arrives, in microseconds.
    pub(crate) at: u64,
    /// Where its audio is in what the talker said, in samples.
    pub(crate) position: usize,
    /// Its time stamp.
    pub(crate) timestamp: u32,
}

/// What the talker says.
pub(crate) struct Talk {
    pub(crate) samples: Vec<i16>,
    /// Position by the eight samples there.
    places: HashMap<[i16; 8], usize>,
}

impl Talk {
    pub(crate) fn new(seed: u64, seconds: usize) -> Self {
        let samples = voice(seed, seconds * 8_000);
        let windows = samples.windows(8).enumerate();
        let places = windows.map(|(at, window)| (window.try_into().unwrap(), at));
        let places: HashMap<_, _> = places.collect();
        Self { samples, places }
    }

    /// Packets of 20 ms, each arriving when it was said.
    pub(crate) fn packets(&self) -> Vec<Packet> {
        let packet = |index: usize| Packet {
            at: index as u64 * PTIME,
            position: index * FRAME,
            timestamp: (index * FRAME) as u32,
        };
        (0..self.samples.len() / FRAME).map(packet).collect()
    }

    pub(crate) fn frame(&self, position: usize) -> &[i16] {
        &self.samples[position..][..FRAME]
    }
}

/// One pull, as the player had it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pull {
    /// In microseconds.
    pub(crate) at: u64,
    pub(crate) kind: Pulled,
    /// From the saying to the playing of the frame's first samples, in milliseconds, told by the
    /// samples themselves; `None` where they are not as they were said.
    pub(crate) delay: Option<f64>,
    /// Substituted so far, in samples.
    pub(crate) concealed: u64,
}

/// What came of a trace.
pub(crate) struct Played {
    pub(crate) jitter: JitterBuffer,
    pub(crate) pulls: Vec<Pull>,
    pub(crate) audio: Vec<i16>,
    pub(crate) inserted: Vec<(u64, Inserted)>,
}

/// Runs `packets` through a buffer that is pulled every 20 ms, `phase` microseconds after the talker
/// has begun, until the talker ends. Packets that arrive at the same time come in the order given.
pub(crate) fn play(talk: &Talk, packets: &[Packet], phase: u64) -> Played {
    let mut packets = packets.to_vec();
    packets.sort_by_key(|packet| packet.at);
    let end = (talk.samples.len() / FRAME) as u64 * PTIME;
    let mut played = Played {
        jitter: JitterBuffer::new(),
        pulls: Vec::new(),
        audio: Vec::new(),
        inserted: Vec::new(),
    };
    let mut packets = packets.into_iter().peekable();
    for at in (phase..end).step_by(PTIME as usize) {
        while let Some(packet) = packets.next_if(|packet| packet.at <= at) {
            let pcm = talk.frame(packet.position);
            let outcome = played.jitter.insert(packet.timestamp, pcm).unwrap();
            played.inserted.push((packet.at, outcome));
        }
        let mut frame = [0; FRAME];
        let kind = played.jitter.pull(&mut frame);
        check_books(&played.jitter, played.pulls.len() as u64 + 1);
        let first: &[i16; 8] = frame.first_chunk().unwrap();
        let place = talk.places.get(first);
        let stats = played.jitter.stats();
        played.pulls.push(Pull {
            at,
            kind,
            delay: place.map(|&place| at as f64 / 1e3 - place as f64 / 8.0),
            concealed: stats.concealed_samples,
        });
        played.audio.extend_from_slice(&frame);
    }
    played
}

/// The accounting identities, which hold at every time.
pub(crate) fn check_books<const BLOCKS: usize>(jitter: &JitterBuffer<BLOCKS>, pulls: u64) {
    let stats = jitter.stats();
    assert_eq!(
        stats.decoded_samples + stats.concealed_samples + stats.stretched_samples
            - stats.cut_samples
            + stats.silence_samples,
        stats.out_samples,
        "{stats:?}"
    );
    assert_eq!(stats.out_samples, pulls * FRAME as u64);
    let gone = stats.decoded_samples + stats.dropped_samples;
    let waiting = stats.received_samples.checked_sub(gone).expect("received");
    assert!(waiting <= jitter.depth_samples(), "{stats:?}");
    assert!(jitter.depth_samples() <= JitterBuffer::<BLOCKS>::CAPACITY as u64);
}

impl Played {
    /// Pulls from `from` to `to`, in seconds.
    pub(crate) fn between(&self, from: f64, to: f64) -> &[Pull] {
        let index = |seconds: f64| {
            self.pulls
                .partition_point(|pull| (pull.at as f64) < seconds * 1e6)
        };
        &self.pulls[index(from)..index(to)]
    }

    /// Samples substituted from `from` to `to`, in seconds.
    pub(crate) fn concealed_between(&self, from: f64, to: f64) -> u64 {
        let before = self.between(0.0, from).last();
        let after = self.between(0.0, to).last();
        after.map_or(0, |pull| pull.concealed) - before.map_or(0, |pull| pull.concealed)
    }
}

/// Mean and maximum of what is known of the delay, in milliseconds.
pub(crate) fn delays(pulls: &[Pull]) -> (f64, f64) {
    let known: Vec<f64> = pulls.iter().filter_map(|pull| pull.delay).collect();
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    (mean, known.iter().fold(0.0, |most, &delay| delay.max(most)))
}
