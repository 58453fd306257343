//! One direction of a TCP connection: delayed, jittered, stalled, never reordered.

use std::collections::VecDeque;

use super::rng::Rng;

/// What is under way in one direction. Times are microseconds of the virtual clock.
#[derive(Clone, Debug)]
pub(crate) struct Link<T = String> {
    delay: u64,
    jitter: u64,
    rng: Rng,
    /// Nothing arrives before this time.
    blocked_until: u64,
    last_arrival: u64,
    queue: VecDeque<(u64, T)>,
}

impl<T> Link<T> {
    /// Every message takes `delay` and up to `jitter` more.
    pub(crate) fn new(delay: u64, jitter: u64, seed: u64) -> Self {
        Self {
            delay,
            jitter,
            rng: Rng::new(seed),
            blocked_until: 0,
            last_arrival: 0,
            queue: VecDeque::new(),
        }
    }

    /// The longest a message takes when nothing stalls.
    pub(crate) fn max_delay(&self) -> u64 {
        self.delay + self.jitter
    }

    pub(crate) fn send(&mut self, now: u64, message: T) {
        let arrival = now + self.delay + self.rng.below(self.jitter + 1);
        // A message cannot overtake the one before it.
        let arrival = arrival.max(self.last_arrival).max(self.blocked_until);
        self.last_arrival = arrival;
        self.queue.push_back((arrival, message));
    }

    /// Holds everything under way or sent until `until`, then lets it arrive in one bunch.
    pub(crate) fn stall(&mut self, until: u64) {
        self.blocked_until = self.blocked_until.max(until);
        for (arrival, _) in &mut self.queue {
            *arrival = (*arrival).max(until);
        }
        if let Some(&(arrival, _)) = self.queue.back() {
            self.last_arrival = arrival;
        }
    }

    pub(crate) fn next_arrival(&self) -> Option<u64> {
        self.queue.front().map(|&(arrival, _)| arrival)
    }

    pub(crate) fn receive(&mut self, now: u64) -> Option<T> {
        self.next_arrival().filter(|&arrival| arrival <= now)?;
        self.queue.pop_front().map(|(_, message)| message)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// What is under way, oldest first.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = &T> {
        self.queue.iter().map(|(_, message)| message)
    }
}
