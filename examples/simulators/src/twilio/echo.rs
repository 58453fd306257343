//! Marks on their way back to the server.

use std::time::Duration;

use super::fault::Fault;
use super::player::Player;
use crate::random::Random;

/// Decides what becomes of each mark that was reached.
#[derive(Debug)]
pub(super) struct Echoes {
    loss: f64,
    delay: (f64, Duration),
    repeat: f64,
    /// Indices of marks with the time they are due.
    late: Vec<(Duration, usize)>,
    luck: [Random; 3],
}

/// A mark that is sent back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Echo {
    /// Its index in [`Player::marks`].
    pub(super) index: usize,
    /// How often it is sent; 0 = it is lost.
    pub(super) times: usize,
}

impl Echoes {
    pub(super) fn new(faults: &[Fault], seed: u64) -> Self {
        let (mut loss, mut delay, mut repeat) = (0.0, (0.0, Duration::ZERO), 0.0);
        for fault in faults {
            match *fault {
                Fault::MarkLoss { percent } => loss = percent / 100.0,
                Fault::MarkDelay { percent, by } => delay = (percent / 100.0, by),
                Fault::MarkRepeat { percent } => repeat = percent / 100.0,
                _ => {}
            }
        }
        Self {
            loss,
            delay,
            repeat,
            late: Vec::new(),
            luck: [4, 5, 6].map(|n| Random::new(seed ^ n << 56)),
        }
    }

    /// When the next mark is due.
    pub(super) fn next_time(&self, player: &Player) -> Option<Duration> {
        let late = self.late.iter().map(|&(time, _)| time);
        late.chain(player.next_mark()).min()
    }

    /// Takes the next mark due by `now`.
    pub(super) fn next(&mut self, player: &mut Player, now: Duration) -> Option<Echo> {
        while let Some(index) = player.reach(now) {
            let [losing, delaying, repeating] = &mut self.luck;
            let is_lost = losing.unit() < self.loss;
            let is_late = delaying.unit() < self.delay.0;
            let times = 1 + usize::from(repeating.unit() < self.repeat);
            if is_lost {
                return Some(Echo { index, times: 0 });
            }
            if !is_late {
                return Some(Echo { index, times });
            }
            self.late.push((now + self.delay.1, index));
        }
        let due = self.late.iter().position(|&(time, _)| time <= now)?;
        let (_, index) = self.late.remove(due);
        Some(Echo { index, times: 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: usize = 2_000;

    /// Marks 20 ms apart; index, time in ms and number of each echo.
    fn echoes(faults: &[&str]) -> Vec<(usize, u64, usize)> {
        let faults: Vec<Fault> = faults
            .iter()
            .map(|fault| fault.parse().expect("a fault"))
            .collect();
        let mut echoes = Echoes::new(&faults, 5);
        let mut player = Player::default();
        let mut seen = Vec::new();
        for n in 0..MARKS as u64 + 200 {
            let now = Duration::from_millis(20 * n);
            if n < MARKS as u64 {
                player.mark(now, n.to_string());
            }
            while let Some(echo) = echoes.next(&mut player, now) {
                seen.push((echo.index, 20 * n, echo.times));
            }
        }
        assert_eq!(echoes.next_time(&player), None);
        seen
    }

    #[test]
    fn marks_come_back_at_once_and_once_without_faults() {
        let all = echoes(&[]);
        assert_eq!(all.len(), MARKS);
        assert!(
            all.iter()
                .all(|&(n, time, times)| time == 20 * n as u64 && times == 1)
        );
    }

    #[test]
    fn so_many_marks_are_lost_or_come_twice() {
        for (fault, wanted) in [("mark-loss:percent=10", 0), ("mark-repeat:percent=10", 2)] {
            let all = echoes(&[fault]);
            let count = all.iter().filter(|echo| echo.2 == wanted).count();
            assert!((160..240).contains(&count), "{fault}: {count} of {MARKS}");
            assert_eq!(all.len(), MARKS);
        }
    }

    #[test]
    fn late_marks_come_back_later_by_as_much_and_hold_up_no_others() {
        let all = echoes(&["mark-delay:percent=10,by=500ms"]);
        assert_eq!(all.len(), MARKS);
        let late = all
            .iter()
            .filter(|&&(n, time, _)| time == 20 * n as u64 + 500);
        let on_time = all.iter().filter(|&&(n, time, _)| time == 20 * n as u64);
        let (late, on_time) = (late.count(), on_time.count());
        assert!((160..240).contains(&late), "{late} late");
        assert_eq!(late + on_time, MARKS);
    }
}
