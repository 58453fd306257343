//! The host: what goes into the Bridge, and what comes out.

use std::{fmt::Write as _, time::Duration};

use trunkline::{
    Error,
    bridge::{BargeIn, Config, ModelAudio, Output},
};

use super::{Logged, World};
use crate::{
    common::io::{Ev, Input},
    event::{Setup, Stops},
    truth::{Cause, FromTwilio, Sent},
};

impl World {
    /// A command of the application; whether the Bridge took it.
    pub(super) fn command(&mut self, input: Input, cause: Cause) -> bool {
        if !self.is_awake() {
            return false;
        }
        self.input(input, cause)
    }

    /// One input, and what comes of it. A Bridge has to take it unless the call is over.
    pub(super) fn input(&mut self, input: Input, cause: Cause) -> bool {
        self.play();
        let told = matches!(cause, Cause::Timer | Cause::Twilio(FromTwilio::Media));
        if !told {
            self.tell(|| format!("    ← {cause:?}"));
        }
        let now = Duration::from_micros(self.now);
        let result = input.apply(&mut self.bridge, now);
        match result {
            Ok(()) if !self.truth.is_ended => {
                let stats = *self.bridge.stats();
                self.truth.learn(&mut self.server, self.now, cause, &stats);
            }
            Ok(())
                if matches!(
                    input,
                    Input::Timeout | Input::TwilioClosed | Input::OpenAiClosed
                ) => {}
            Err(Error::Closed) if self.truth.is_ended => {}
            Err(Error::QueueFull { .. }) if matches!(input, Input::Mark(_)) => {}
            // Media may stop before it starts.
            Err(Error::InvalidField { .. }) if !self.truth.is_started => {}
            result => self.fail(&format!("{result:?} for {cause:?}")),
        }
        self.log.push((self.now, Logged::Input(input, result)));
        if let Some(late) = self.drain_late.take() {
            self.drain_at = Some(self.now + late);
            if result.is_ok() && !self.truth.is_ended {
                self.check_pending();
            }
        } else {
            self.drain();
        }
        result.is_ok()
    }

    /// Before the outputs are drained every message is refused, and changes nothing.
    pub(super) fn check_pending(&mut self) {
        let now = Duration::from_micros(self.now);
        let refused = [
            self.bridge.handle_twilio(now, "{}"),
            self.bridge.handle_openai(now, "{}"),
        ];
        if refused != [Err(Error::OutputPending); 2] {
            self.fail(&format!("{refused:?} while outputs are pending"));
        }
    }

    pub(super) fn drain(&mut self) {
        self.play();
        let mut buf = core::mem::take(&mut self.buf);
        let mut count = 0;
        loop {
            let output = match self.bridge.poll_output(&mut buf) {
                Ok(Some(output)) => output,
                Ok(None) => break,
                Err(error) => self.fail(&format!("`max_output_len` bytes must do, yet: {error}")),
            };
            record(&mut self.outputs, &output);
            let stats = *self.bridge.stats();
            let sent = match output {
                Output::ToTwilio(text) => self.truth.watch_twilio(&mut self.server, &stats, text),
                Output::ToOpenAi(text) => self.truth.watch_model(&mut self.server, text),
                Output::Event(event) => {
                    let event = Ev::own(&event);
                    let name = format!("{event:?}");
                    self.told
                        .extend(name.split([' ', '(']).next().map(str::to_owned));
                    self.tell(|| format!("    → {event:?}"));
                    let verdict = self.truth.watch_event(&mut self.server, &stats, &event);
                    verdict.map(|()| Sent::Told)
                }
            };
            match self.check(sent) {
                Sent::Told => {}
                Sent::Append(bytes) => self.to_model.send(self.now, Sent::Append(bytes)),
                Sent::ToModel(event) => {
                    self.told.extend(event["type"].as_str().map(str::to_owned));
                    self.tell(|| format!("    → {event}"));
                    self.to_model.send(self.now, Sent::ToModel(event));
                }
                sent => {
                    if sent == Sent::Clear {
                        self.told.push("clear".into());
                    }
                    if !matches!(sent, Sent::Audio(_)) {
                        self.tell(|| format!("    → {sent:?}"));
                    }
                    self.to_twilio.send(self.now, sent);
                }
            }
            count += 1;
            if count > 10_000 {
                self.fail("one input, no end of outputs");
            }
        }
        self.buf = buf;
        let len = self.outputs.len() - self.drained;
        self.drained = self.outputs.len();
        self.log.push((self.now, Logged::Drain(len)));
        let verdict = self.truth.settle(&mut self.server);
        self.check(verdict);
        self.set_alarm();
    }

    pub(super) fn set_alarm(&mut self) {
        let deadline = self.bridge.poll_timeout();
        let deadline = deadline.map(|at| at.as_nanos().div_ceil(1_000) as u64);
        self.alarm = match (deadline, self.alarm) {
            (Some(deadline), Some((at, same))) if deadline == same => Some((at, same)),
            (Some(deadline), _) => {
                let late = self.rng.below(self.setup.late_timer + 1);
                Some((deadline.max(self.now) + late, deadline))
            }
            (None, _) => None,
        };
    }
}

/// The settings of the Bridge.
pub(super) fn config(setup: &Setup) -> Config {
    let mut config = Config::default();
    config.model_audio = if setup.pcm {
        ModelAudio::Pcm24k
    } else {
        ModelAudio::Mulaw
    };
    config.lead = Duration::from_millis(setup.lead);
    config.mark_interval = Duration::from_millis(setup.mark_interval);
    config.downlink_capacity = Duration::from_millis(setup.capacity);
    config.barge_in = match setup.stops {
        Stops::Never => BargeIn::Never,
        Stops::OnSpeech => BargeIn::OnSpeech,
        Stops::AfterSpeech(time) => BargeIn::AfterSpeech(Duration::from_millis(time)),
        Stops::OnTranscript => BargeIn::OnTranscript,
    };
    config.voice_detection = setup.listens;
    config
}

/// Appends `output` in a form that tells any two apart.
pub(super) fn record(outputs: &mut Vec<u8>, output: &Output<'_>) {
    match output {
        Output::ToTwilio(text) | Output::ToOpenAi(text) => outputs.extend(text.as_bytes()),
        Output::Event(event) => {
            let mut text = String::new();
            write!(text, "{event:?}").expect("a string takes anything");
            outputs.extend(text.as_bytes());
        }
    }
    outputs.push(b'\n');
}
