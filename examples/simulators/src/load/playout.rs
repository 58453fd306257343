//! What a caller's side holds, without the audio itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Plays at 8 kHz what it was given, in order, and knows when its marks are reached.
#[derive(Debug, Default)]
pub(super) struct Playout {
    /// When all that was given is played.
    end: Option<Instant>,
    marks: VecDeque<(Instant, String)>,
}

impl Playout {
    /// Takes `samples` at `now`; returns for how long there was nothing to play before.
    pub(super) fn media(&mut self, now: Instant, samples: usize) -> Duration {
        let length = Duration::from_micros(125) * samples as u32;
        let end = self.end.unwrap_or(now);
        self.end = Some(end.max(now) + length);
        now.saturating_duration_since(end)
    }

    /// Puts a mark behind the audio so far.
    pub(super) fn mark(&mut self, now: Instant, name: String) {
        let reached = self.end.map_or(now, |end| end.max(now));
        self.marks.push_back((reached, name));
    }

    /// Throws the audio away; its marks are reached at once.
    pub(super) fn clear(&mut self, now: Instant) {
        self.end = self.end.map(|end| end.min(now));
        for (reached, _) in &mut self.marks {
            *reached = (*reached).min(now);
        }
    }

    /// When the next mark is reached.
    pub(super) fn next_mark(&self) -> Option<Instant> {
        self.marks.front().map(|&(reached, _)| reached)
    }

    /// A mark that has been reached by `now`.
    pub(super) fn take_mark(&mut self, now: Instant) -> Option<String> {
        self.marks
            .pop_front_if(|(reached, _)| *reached <= now)
            .map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_reached_when_what_is_before_them_was_played_or_cleared() {
        let now = Instant::now();
        let ms = |ms| now + Duration::from_millis(ms);
        let mut playout = Playout::default();
        playout.mark(now, "first".into());
        assert_eq!(playout.take_mark(now).as_deref(), Some("first"));
        assert_eq!(playout.media(now, 160), Duration::ZERO);
        playout.mark(now, "20 ms".into());
        assert_eq!(playout.next_mark(), Some(ms(20)));
        assert_eq!(playout.take_mark(ms(19)), None);
        assert_eq!(playout.take_mark(ms(20)).as_deref(), Some("20 ms"));
        assert_eq!(playout.media(ms(50), 800), Duration::from_millis(30));
        playout.mark(ms(60), "150 ms".into());
        playout.clear(ms(70));
        assert_eq!(playout.take_mark(ms(70)).as_deref(), Some("150 ms"));
        assert_eq!(playout.media(ms(75), 160), Duration::from_millis(5));
    }
}
