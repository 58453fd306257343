//! When each frame of the caller leaves, if it does: paced by the clock, then at the network's mercy.

use std::collections::VecDeque;
use std::time::Duration;

use super::fault::Fault;
use super::script::PTIME;
use crate::network::Network;
use crate::random::Random;

/// The way from the caller to the socket.
#[derive(Debug)]
pub(super) struct Uplink {
    network: Network,
    /// Probability, and mean number of frames of one loss.
    loss: (f64, f64),
    duplicate: f64,
    reorder: (f64, u64),
    losing: bool,
    /// Frames held back, with how many are still to overtake them.
    held: Vec<(u64, u64)>,
    luck: [Random; 3],
}

/// A frame on its way to the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Departure {
    /// Which frame, counted from the start of the stream.
    pub(super) number: u64,
    /// When, counted from the start of the stream.
    pub(super) time: Duration,
}

impl Uplink {
    pub(super) fn new(faults: &[Fault], seed: u64) -> Self {
        let mut jitter = Duration::ZERO;
        let mut stalls = Vec::new();
        let (mut loss, mut duplicate, mut reorder) = ((0.0, 1.0), 0.0, (0.0, 1));
        for fault in faults {
            match *fault {
                Fault::Jitter { max } => jitter = max,
                Fault::Stall(window) => stalls.push(window),
                Fault::Loss { percent, burst } => {
                    let frames = burst.map_or(0.0, |burst| burst.div_duration_f64(PTIME));
                    loss = (percent / 100.0, frames);
                }
                Fault::Duplicate { percent } => duplicate = percent / 100.0,
                Fault::Reorder { percent, depth } => reorder = (percent / 100.0, depth as u64),
                _ => {}
            }
        }
        Self {
            network: Network::new(jitter, stalls, seed),
            loss,
            duplicate,
            reorder,
            losing: false,
            held: Vec::new(),
            // Apart, so that one fault's dice do not change another's.
            luck: [1, 2, 3].map(|n| Random::new(seed ^ n << 56)),
        }
    }

    /// Sends frame `number` on its way, which is complete at `due`. What then leaves, this or held
    /// back before, is put behind `queue` in the order in which it leaves.
    pub(super) fn send(&mut self, number: u64, due: Duration, queue: &mut VecDeque<Departure>) {
        let time = self.network.departs(due);
        let mut leave = |number| queue.push_back(Departure { number, time });
        let [losing, doubling, holding] = &mut self.luck;
        let (probability, burst) = self.loss;
        let odds = match burst {
            // One frame at a time.
            0.0..1.0 => probability,
            _ if self.losing => 1.0 - 1.0 / burst,
            // So that the share of lost frames is the one asked for.
            _ => probability / ((1.0 - probability) * burst).max(f64::MIN_POSITIVE),
        };
        self.losing = losing.unit() < odds;
        let twice = doubling.unit() < self.duplicate;
        let overtaken =
            (holding.unit() < self.reorder.0).then(|| holding.between(1, self.reorder.1));
        if !self.losing {
            match overtaken {
                Some(by) => self.held.push((number, by + 1)),
                None => leave(number),
            }
            if twice {
                leave(number);
            }
        }
        for (_, left) in &mut self.held {
            *left -= 1;
        }
        self.held.retain(|&(number, left)| {
            if left == 0 {
                leave(number);
            }
            left > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: u64 = 20_000;

    /// The numbers of the frames in the order in which they leave.
    fn order(faults: &[&str], seed: u64) -> Vec<u64> {
        let faults: Vec<Fault> = faults
            .iter()
            .map(|fault| fault.parse().expect("a fault"))
            .collect();
        let mut uplink = Uplink::new(&faults, seed);
        let mut queue = VecDeque::new();
        for number in 0..FRAMES {
            uplink.send(number, PTIME * (number as u32 + 1), &mut queue);
        }
        let times: Vec<_> = queue.iter().map(|departure| departure.time).collect();
        assert!(times.is_sorted(), "what leaves is in order of time");
        queue.iter().map(|departure| departure.number).collect()
    }

    fn share(count: usize) -> f64 {
        100.0 * count as f64 / FRAMES as f64
    }

    #[test]
    fn without_faults_every_frame_leaves_once_in_order() {
        assert_eq!(order(&[], 1), (0..FRAMES).collect::<Vec<_>>());
        assert_eq!(
            order(&["loss:percent=0,burst=60ms"], 1).len(),
            FRAMES as usize
        );
    }

    #[test]
    fn so_many_frames_are_lost_alone_or_in_bursts() {
        for (fault, mean) in [
            ("loss:percent=5", 1.05),
            ("loss:percent=5,burst=100ms", 5.0),
        ] {
            let left = order(&[fault], 3);
            let lost = share(FRAMES as usize - left.len());
            assert!((4.0..6.0).contains(&lost), "{lost} % lost");
            let gaps: Vec<u64> = left
                .windows(2)
                .map(|pair| pair[1] - pair[0] - 1)
                .filter(|&gap| gap > 0)
                .collect();
            let length = gaps.iter().sum::<u64>() as f64 / gaps.len() as f64;
            assert!((length / mean - 1.0).abs() < 0.2, "{length} frames a loss");
        }
        assert_eq!(order(&["loss:percent=100"], 1), [0_u64; 0]);
    }

    #[test]
    fn so_many_frames_come_twice() {
        let left = order(&["duplicate:percent=5"], 3);
        assert!(left.is_sorted());
        let twice = share(left.len() - FRAMES as usize);
        assert!((4.0..6.0).contains(&twice), "{twice} % twice");
    }

    #[test]
    fn so_many_frames_are_overtaken_by_no_more_than_the_depth() {
        let left = order(&["reorder:percent=5,depth=3"], 3);
        let mut highest = 0;
        let mut overtaken = 0;
        for (position, &number) in left.iter().enumerate() {
            if number < highest {
                overtaken += 1;
                let by = left[..position].iter().filter(|&&other| other > number);
                assert!((1..=3).contains(&by.count()));
            }
            highest = highest.max(number);
        }
        assert!((4.0..6.0).contains(&share(overtaken)));
        let mut all = left.clone();
        all.sort_unstable();
        // Of the last ones some are still held back.
        all.truncate(FRAMES as usize - 10);
        assert!(all.iter().zip(0..).all(|(&a, b)| a == b), "none is lost");
    }

    #[test]
    fn the_same_seed_gives_the_same_storm_and_faults_do_not_disturb_each_other() {
        let storm = [
            "loss:percent=2,burst=40ms",
            "reorder:percent=2",
            "duplicate:percent=2",
        ];
        assert_eq!(order(&storm, 9), order(&storm, 9));
        assert_ne!(order(&storm, 9), order(&storm, 10));
        let lost = |left: &[u64]| -> Vec<u64> {
            (0..FRAMES - 10)
                .filter(|number| !left.contains(number))
                .take(50)
                .collect()
        };
        assert_eq!(lost(&order(&storm, 9)), lost(&order(&storm[..1], 9)));
    }
}
