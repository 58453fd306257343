//! The caller: what they say and what they wait for.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::fault::Fault;
use super::player::Player;
use super::record::{Run, StepRecord};
use crate::audio::{PHONE_RATE, Speech, level_dbfs, mulaw_decode, mulaw_encode};
use crate::fault::Window;
use crate::random::Random;

/// One thing the caller does. Steps run one after another.
///
/// An *utterance* of the agent is audible playback (louder than −50 dBFS over 20 ms) with pauses
/// shorter than 400 ms; a `clear` ends it in any case. What counts is what the caller hears, not
/// what was sent.
#[derive(Clone, Debug)]
pub enum Step {
    /// Stays silent.
    Pause(Duration),
    /// Speaks; done when the last sample is said.
    Say(Speech),
    /// Waits for an utterance of the agent that no earlier step has waited for or listened to.
    WaitAgentStarts,
    /// Waits until this much has been played since that utterance began: say something next to
    /// barge in. Without a [`WaitAgentStarts`](Self::WaitAgentStarts) before it, waits for a
    /// new utterance first.
    WaitAgentHeard(Duration),
    /// Waits until nothing audible was played for this long, counted from the beginning of this
    /// step at the earliest.
    WaitAgentSilent(Duration),
    /// Presses a key: `0`–`9`, `*`, `#`, `A`–`D`; takes a frame.
    Dtmf(char),
    /// Ends the call.
    HangUp,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause(time) => write!(f, "pause {} ms", time.as_millis()),
            Self::Say(speech) => write!(f, "say {} ms", speech.duration().as_millis()),
            Self::WaitAgentStarts => f.write_str("wait until the agent starts"),
            Self::WaitAgentHeard(time) => write!(f, "hear {} ms of the agent", time.as_millis()),
            Self::WaitAgentSilent(time) => {
                write!(f, "wait for {} ms of silence", time.as_millis())
            }
            Self::Dtmf(digit) => write!(f, "press {digit}"),
            Self::HangUp => f.write_str("hang up"),
        }
    }
}

/// What a step asks of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    Dtmf(char),
    HangUp,
    TimedOut(usize),
}

/// Runs the script, one frame of 20 ms at a time.
#[derive(Debug)]
pub(super) struct Caller {
    steps: VecDeque<Step>,
    current: Option<(Step, Duration)>,
    speaking: Option<(Arc<[i16]>, usize)>,
    /// The utterance that waiting steps are about.
    target: Option<usize>,
    /// Utterances before this one are done with.
    next_target: usize,
    ear: Ear,
    noise_peak: f64,
    /// When there is louder noise, from the first frame, and its peak.
    bursts: Vec<(Window, f64)>,
    begun: Option<Duration>,
    random: Random,
    step_limit: Duration,
    pub(super) records: Vec<StepRecord>,
    pub(super) said: Vec<Run>,
    /// All that was said so far, as the caller's telephone sent it.
    pub(super) mulaw: Vec<u8>,
}

impl Caller {
    /// `noise_dbfs` is the level of what is sent between words; `None` = digital silence.
    pub(super) fn new(
        steps: Vec<Step>,
        noise_dbfs: Option<f64>,
        faults: &[Fault],
        step_limit: Duration,
    ) -> Self {
        // A uniform distribution has 1/√3 of its peak as RMS.
        let peak = |level: f64| 32_768.0 * 3_f64.sqrt() * 10_f64.powf(level / 20.0);
        let bursts = faults.iter().filter_map(|fault| match *fault {
            Fault::Noise { window, dbfs } => Some((window, peak(dbfs))),
            _ => None,
        });
        Self {
            steps: steps.into(),
            current: None,
            speaking: None,
            target: None,
            next_target: 0,
            ear: Ear::default(),
            noise_peak: noise_dbfs.map_or(0.0, peak),
            bursts: bursts.collect(),
            begun: None,
            random: Random::new(0x6E_6F_69_73_65),
            step_limit,
            records: Vec::new(),
            said: Vec::new(),
            mulaw: Vec::new(),
        }
    }

    /// Decides at `now`, having heard `player` until then, what is said in the frame that begins
    /// now, and appends it to [`mulaw`](Self::mulaw).
    pub(super) fn frame(&mut self, now: Duration, player: &Player, acts: &mut Vec<Act>) {
        self.ear.listen(now, player);
        let since = now - *self.begun.get_or_insert(now);
        let burst = self
            .bursts
            .iter()
            .find(|(window, _)| window.end(since).is_some());
        let peak = burst.map_or(self.noise_peak, |(_, peak)| *peak);
        let mut frame = [0_i16; FRAME];
        for sample in &mut frame {
            *sample = (peak * (2.0 * self.random.unit() - 1.0)) as i16;
        }
        while self.advance(now, player, acts) {}
        if let Some((speech, position)) = &mut self.speaking {
            let count = FRAME.min(speech.len() - *position);
            frame[..count].copy_from_slice(&speech[*position..*position + count]);
            *position += count;
        }
        self.mulaw.extend(frame.map(mulaw_encode));
    }

    /// What was said so far, at 8 kHz.
    pub(super) fn samples(&self) -> Vec<i16> {
        self.mulaw.iter().map(|&code| mulaw_decode(code)).collect()
    }

    /// Begins or ends a step if it is time to; whether something changed.
    fn advance(&mut self, now: Duration, player: &Player, acts: &mut Vec<Act>) -> bool {
        let Some((step, began)) = &self.current else {
            let Some(step) = self.steps.pop_front() else {
                return false;
            };
            self.records.push(StepRecord {
                step: step.to_string(),
                began: now,
                finished: None,
            });
            if let Step::Say(speech) = &step {
                let speech = speech.at(PHONE_RATE);
                self.said.push(Run {
                    start: now,
                    first_sample: self.mulaw.len() as u64,
                    samples: speech.len() as u64,
                });
                self.speaking = Some((speech, 0));
            }
            self.current = Some((step, now));
            return true;
        };
        let elapsed = now.saturating_sub(*began);
        let done = match step {
            Step::Pause(time) => elapsed >= *time,
            Step::Say(_) => self
                .speaking
                .as_ref()
                .is_none_or(|(speech, said)| *said >= speech.len()),
            Step::WaitAgentStarts => {
                let started = self.ear.utterances.len() > self.next_target;
                if started {
                    self.target = Some(self.next_target);
                    self.next_target += 1;
                }
                started
            }
            Step::WaitAgentHeard(time) => {
                if self.target.is_none() && self.ear.utterances.len() > self.next_target {
                    self.target = Some(self.next_target);
                    self.next_target += 1;
                }
                let wanted = time.as_millis() as u64 * u64::from(PHONE_RATE) / 1_000;
                self.target.is_some_and(|target| {
                    player.played(now) - self.ear.utterances[target] >= wanted
                })
            }
            Step::WaitAgentSilent(time) => {
                let since = self
                    .ear
                    .last_audible
                    .map_or(*began, |last| last.max(*began));
                let silent = now.saturating_sub(since) >= *time;
                if silent {
                    self.target = None;
                    self.next_target = self.ear.utterances.len();
                }
                silent
            }
            Step::Dtmf(digit) => {
                if elapsed.is_zero() {
                    acts.push(Act::Dtmf(*digit));
                }
                !elapsed.is_zero()
            }
            Step::HangUp => {
                if !acts.contains(&Act::HangUp) {
                    acts.push(Act::HangUp);
                }
                false
            }
        };
        let waits = matches!(
            step,
            Step::WaitAgentStarts | Step::WaitAgentHeard(_) | Step::WaitAgentSilent(_)
        );
        if !done && waits && elapsed >= self.step_limit {
            acts.push(Act::TimedOut(self.records.len() - 1));
            self.steps.clear();
        } else if !done {
            return false;
        }
        if matches!(step, Step::Say(_)) {
            self.speaking = None;
            self.target = None;
        }
        if let (true, Some(record)) = (done, self.records.last_mut()) {
            record.finished = Some(now);
        }
        self.current = None;
        done
    }
}

/// Notices when the agent speaks.
#[derive(Debug, Default)]
struct Ear {
    listened: Option<Duration>,
    last_audible: Option<Duration>,
    clears: usize,
    /// Samples played before each utterance began.
    utterances: Vec<u64>,
}

impl Ear {
    /// Listens to the frame that ends at `now`.
    fn listen(&mut self, now: Duration, player: &Player) {
        let from = now.saturating_sub(PTIME);
        if self.listened.replace(now).is_none() {
            return;
        }
        let mut heard = [0; FRAME];
        player.heard(from, &mut heard);
        if level_dbfs(&heard) < AUDIBLE_DBFS {
            return;
        }
        // The clear must lie before the sound: the frame in which it falls still holds the tail
        // of what was cut.
        let clears = player
            .clears
            .iter()
            .take_while(|clear| clear.time <= from)
            .count();
        let paused = self
            .last_audible
            .is_none_or(|last| now - last >= UTTERANCE_GAP);
        if paused || clears > self.clears {
            self.utterances.push(player.played(from));
        }
        self.clears = clears;
        self.last_audible = Some(now);
    }
}

pub(super) const FRAME: usize = 160;
pub(super) const PTIME: Duration = Duration::from_millis(20);
const AUDIBLE_DBFS: f64 = -50.0;
const UTTERANCE_GAP: Duration = Duration::from_millis(400);

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Runs `script` against a player that gets `media` (from, length in ms, loud) and clears.
    fn run(script: Vec<Step>, media: &[(u64, u64)], clears: &[u64]) -> (Caller, Vec<(u64, Act)>) {
        let mut caller = Caller::new(script, None, &[], ms(2_000));
        let mut player = Player::default();
        let mut log = Vec::new();
        for now in (0..4_000).step_by(20) {
            for &(_, length) in media
                .iter()
                .filter(|(from, _)| (now..now + 20).contains(from))
            {
                player
                    .media(ms(now), &vec![0x90; 8 * length as usize])
                    .expect("room");
            }
            if clears.contains(&now) {
                player.clear(ms(now));
            }
            let mut acts = Vec::new();
            caller.frame(ms(now), &player, &mut acts);
            log.extend(acts.into_iter().map(|act| (now, act)));
        }
        (caller, log)
    }

    #[test]
    fn the_caller_speaks_after_the_agent_and_interrupts_on_time() {
        let hello = Speech::new(vec![1_000; 800], PHONE_RATE);
        let script = vec![
            Step::WaitAgentStarts,
            Step::WaitAgentSilent(ms(200)),
            Step::Say(hello.clone()),
            Step::WaitAgentStarts,
            Step::WaitAgentHeard(ms(300)),
            Step::Say(hello),
            Step::WaitAgentStarts,
            Step::Dtmf('5'),
            Step::Dtmf('#'),
            Step::HangUp,
        ];
        let (caller, log) = run(
            script,
            &[(100, 400), (1_000, 2_000), (1_600, 400)],
            &[1_500],
        );
        let said: Vec<_> = caller
            .said
            .iter()
            .map(|run| run.start.as_millis())
            .collect();
        assert_eq!(said, [700, 1_300]);
        assert_eq!(log[0], (1_620, Act::Dtmf('5')));
        assert_eq!(log[1], (1_640, Act::Dtmf('#')));
        assert_eq!(log[2], (1_660, Act::HangUp));
        assert!(caller.mulaw[..5_600].iter().all(|&code| code == 0xFF));
        assert!(
            caller.samples()[5_600..6_400]
                .iter()
                .all(|&sample| (sample - 1_000).abs() < 40)
        );
        assert_eq!(caller.mulaw[6_400], 0xFF);
    }

    #[test]
    fn a_step_that_waits_too_long_is_given_up() {
        let (caller, log) = run(vec![Step::WaitAgentStarts, Step::HangUp], &[], &[]);
        assert_eq!(log, [(2_000, Act::TimedOut(0))]);
        assert_eq!(caller.records[0].finished, None);
    }

    #[test]
    fn pauses_inside_an_utterance_do_not_begin_a_new_one() {
        let script = vec![
            Step::WaitAgentStarts,
            Step::WaitAgentStarts,
            Step::Dtmf('1'),
            Step::HangUp,
        ];
        let (_, log) = run(script, &[(100, 200), (600, 200), (1_300, 200)], &[]);
        assert_eq!(log[0].0, 1_320);
    }

    #[test]
    fn comfort_noise_has_the_level_asked_for() {
        let mut caller = Caller::new(Vec::new(), Some(-60.0), &[], ms(1));
        let player = Player::default();
        (0..100).for_each(|n| caller.frame(ms(20 * n), &player, &mut Vec::new()));
        assert!((level_dbfs(&caller.samples()) + 60.0).abs() < 1.0);
    }

    #[test]
    fn a_burst_of_noise_has_its_time_and_its_level() {
        let burst = "noise:for=200ms,at=100ms,every=1s,dbfs=-25".parse();
        let mut caller = Caller::new(Vec::new(), None, &[burst.expect("a fault")], ms(1));
        let player = Player::default();
        (0..100).for_each(|n| caller.frame(ms(500 + 20 * n), &player, &mut Vec::new()));
        let samples = caller.samples();
        for at in [800, 8_800] {
            assert!((level_dbfs(&samples[at..at + 1_600]) + 25.0).abs() < 1.0);
            assert!(samples[at - 160..at].iter().all(|&sample| sample == 0));
            assert!(
                samples[at + 1_600..at + 1_760]
                    .iter()
                    .all(|&sample| sample == 0)
            );
        }
    }
}
