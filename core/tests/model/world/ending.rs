//! How every call is brought to rest, looked at, and replayed.

use std::time::Duration;

use trunkline::{Bridge, Error};

use super::{
    Logged, World,
    host::{config, record},
};
use crate::{
    common::ms,
    event::{Ending, Event, Fate},
};

impl World {
    /// The call comes to rest, is found in order, still works, and ends.
    pub(crate) fn finish(mut self) {
        self.is_finishing = true;
        self.drain_late = None;
        self.wake();
        if !self.truth.is_ended {
            self.settle();
        }
        if !self.truth.is_ended {
            self.probe();
            self.happen(&Event::Stop);
            self.run_for(ms(1_000) + self.setup.delays[0] + self.setup.jitter);
        }
        self.wake();
        self.check_end();
        self.replay();
    }

    /// Everything goes well from now on, and nobody begins anything new.
    pub(super) fn settle(&mut self) {
        self.tell(|| "settle".into());
        let is_deaf = self.player.has_lost_echoes();
        self.player.set_fate(Fate::Prompt);
        self.server.loses_item = false;
        self.speak_again_at = None;
        self.caller.next_frame = None;
        if !self.is_streaming {
            self.happen(&Event::Start);
            self.caller.next_frame = None;
        }
        // 100 s of audio at most, and all patience there is.
        let limit = self.now + 200_000_000;
        let mut quiet = 0;
        while quiet < 3 {
            self.server.fall();
            if self.server.is_responding() {
                self.server.done(Ending::Completed);
            }
            self.post();
            self.run_for(ms(150));
            if self.truth.is_ended {
                return;
            }
            let is_quiet = self.is_connected
                && self.from_twilio.is_empty()
                && self.to_twilio.is_empty()
                && self.from_model.is_empty()
                && self.to_model.is_empty()
                && self.player.is_idle()
                && !self.server.is_responding()
                && self.bridge.poll_timeout().is_none()
                && !self.answer()
                && !self.truth.owes();
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if self.now > limit {
                let timer = self.bridge.poll_timeout();
                self.fail(&format!("the call never comes to rest, timer {timer:?}"));
            }
        }
        let verdict = self.truth.conclude(&self.server, is_deaf);
        self.check(verdict);
        if let Some(mark) = self.truth.app_marks.iter().find(|mark| mark.told == 0)
            && !is_deaf
        {
            let reason = format!("mark {} was never told", mark.name);
            self.fail(&reason);
        }
    }

    /// Waits for a host that sleeps or drains late.
    pub(super) fn wake(&mut self) {
        let awake = self.asleep_until.max(self.drain_at.unwrap_or(0));
        self.run_for(awake.saturating_sub(self.now));
    }

    /// The caller's next turn is answered as if nothing had been.
    pub(super) fn probe(&mut self) {
        self.tell(|| "probe".into());
        self.truth.is_disturbed = false;
        let clip = self.server.clips.len();
        self.happen(&Event::Speak);
        self.run_for(ms(300));
        self.happen(&Event::Fall);
        self.run_for(ms(200));
        self.happen(&Event::Reply(vec![400]));
        self.settle();
        if !self
            .server
            .clips
            .get(clip)
            .is_some_and(|clip| clip.is_played_out())
        {
            self.fail("the next answer is not heard");
        }
    }

    pub(super) fn check_end(&mut self) {
        let stats = *self.bridge.stats();
        if !self.bridge.is_closed() || self.bridge.poll_timeout().is_some() {
            self.fail("the call is not closed");
        }
        if stats.depth_samples > 0 || stats.uplink_depth_samples > 0 {
            self.fail(&format!("something is left over: {stats:?}"));
        }
        let told = self.truth.names.len();
        if self.bridge.interrupt(Duration::from_micros(self.now)) != Err(Error::Closed)
            || !matches!(self.bridge.poll_output(&mut self.buf), Ok(None))
            || self.truth.names.len() != told
        {
            self.fail("a closed call does something");
        }
    }

    /// The same inputs in a new Bridge give the same outputs.
    pub(super) fn replay(&mut self) {
        let mut twin = Bridge::new(config(&self.setup));
        let (mut outputs, mut start) = (Vec::new(), 0);
        for (at, logged) in core::mem::take(&mut self.log) {
            let now = Duration::from_micros(at);
            match logged {
                Logged::Input(input, result) => {
                    if input.apply(&mut twin, now) != result {
                        self.fail(&format!("another result at {at} in the replay: {input:?}"));
                    }
                }
                Logged::Drain(len) => {
                    outputs.clear();
                    while let Ok(Some(output)) = twin.poll_output(&mut self.buf) {
                        record(&mut outputs, &output);
                    }
                    if outputs != self.outputs[start..start + len] {
                        self.fail(&format!("other outputs at {at} in the replay"));
                    }
                    start += len;
                }
            }
        }
    }
}
