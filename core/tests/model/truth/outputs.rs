//! What the Bridge sends and tells, piece by piece.

use serde_json::Value;
use trunkline::bridge::Stats;

use super::{
    Cause, Sent, Truth,
    cuts::{number, shortest_cut},
    turns::HEARSAY,
};
use crate::{
    clip::Clip,
    common::{
        caller::STREAM_SID,
        io::Ev,
        wire::{ToTwilio, read_to_openai, read_to_twilio},
    },
    server::{Server, Told},
};

impl Truth {
    /// Checks one output and says what becomes of it.
    pub(crate) fn watch_twilio(
        &mut self,
        server: &mut Server,
        stats: &Stats,
        text: &str,
    ) -> Result<Sent, String> {
        self.index += 1;
        if !self.is_started || self.is_ended {
            return Err(format!("sent outside of the stream: {text}"));
        }
        match read_to_twilio(text, STREAM_SID)? {
            ToTwilio::Media(audio) => {
                self.decide_plain(server);
                if self.held_since.is_some() {
                    return Err("audio is sent while playback is held".into());
                }
                if audio.len() > 160 {
                    return Err(format!("a frame of {} samples", audio.len()));
                }
                let stretches = self.take_from_line(&mut server.clips, &audio)?;
                self.check_level(server, stats)?;
                Ok(Sent::Audio(stretches))
            }
            ToTwilio::Mark(name) => {
                if self.unmarked > self.mark_bound() {
                    return Err(format!("{} samples without a mark", self.unmarked));
                }
                self.unmarked = 0;
                let place = (self.epoch, self.epoch_sent);
                if let Some(other) = self.marks.insert(name.clone(), place)
                    && other != place
                {
                    return Err(format!("a mark's name twice: {name}"));
                }
                self.names.push(name.clone());
                Ok(Sent::Mark(name))
            }
            ToTwilio::Clear => {
                self.confirm(server)?;
                self.step(1, "clear")?;
                if !self.is_interruption {
                    return Err("a clear that nothing asked for".into());
                }
                if core::mem::replace(&mut self.cleared, true) {
                    return Err("two clears in one transaction".into());
                }
                // What a voice heard here brings comes after the audio it was heard in.
                if self.index > 2 && !self.setup.listens {
                    return Err(format!("the clear is output number {}", self.index));
                }
                self.before_clear = self.names.last().cloned();
                Ok(Sent::Clear)
            }
        }
    }

    pub(crate) fn watch_model(&mut self, server: &mut Server, text: &str) -> Result<Sent, String> {
        let now = self.now;
        self.index += 1;
        let event = read_to_openai(text)?;
        let kind = event["type"].as_str().unwrap_or_default();
        if kind != "session.update" && !self.is_ready && kind != "conversation.item.create" {
            return Err(format!("sent to a session that is not ready: {text}"));
        }
        match kind {
            "input_audio_buffer.append" => {
                let audio = event["audio"].as_str().unwrap_or_default();
                let padding = audio.bytes().rev().take_while(|&byte| byte == b'=').count();
                return Ok(Sent::Append(audio.len() / 4 * 3 - padding));
            }
            "response.create" => {
                if self.active.is_some() {
                    return Err("asks for a response while one runs".into());
                }
                if self.caller_speaks {
                    return Err("asks for a response in the caller's turn".into());
                }
                if self.asked.is_some_and(|at| now < at + PATIENCE) {
                    return Err("asks for a second response".into());
                }
                if self.reasons == 0 {
                    return Err("asks for a response that nothing calls for".into());
                }
                self.reasons -= 1;
                self.asked = Some(now);
            }
            "response.cancel" => {
                if !matches!(self.cause, Cause::Model(Told::Created(_))) {
                    self.confirm(server)?;
                }
                self.step(2, "cancel")?;
                let Some(active) = self.active else {
                    return Err("a cancel while no response runs".into());
                };
                let is_voice = self.is_interruption && self.cause != Cause::Interrupt;
                if is_voice && self.setup.interrupts && !self.setup.stops.is_confirmed() {
                    return Err("a cancel where the server cancels by itself".into());
                }
                match self.cause {
                    _ if self.is_interruption => {}
                    // Asked for before an interruption, begun after it.
                    Cause::Model(Told::Created(response)) => {
                        self.dead.push(response);
                        self.is_late = true;
                        self.reasons += 1;
                    }
                    _ => return Err(format!("a cancel of resp_{active} without a reason")),
                }
                if core::mem::replace(&mut self.cancelled, true) {
                    return Err("two cancels in one transaction".into());
                }
            }
            "conversation.item.truncate" => self.truncated(server, &event)?,
            "conversation.item.delete" => {
                self.confirm(server)?;
                self.step(3, "delete")?;
                let item = number(&event["item_id"], "item_");
                self.may_cut(server, item)?;
                if self.cuts.keys().any(|&(cut, _)| cut == item) || self.deleted.contains(&item) {
                    return Err(format!(
                        "item_{item} truncated or deleted before, now deleted"
                    ));
                }
                let mut clips = server.clips.iter().filter(|clip| clip.item == item);
                if clips.any(|clip| clip.proven >= shortest_cut(clip) && !clip.is_holed) {
                    return Err(format!("item_{item} deleted, though some of it was heard"));
                }
                self.deleted.push(item);
            }
            _ => {}
        }
        Ok(Sent::ToModel(event))
    }

    pub(crate) fn watch_event(
        &mut self,
        server: &mut Server,
        stats: &Stats,
        event: &Ev,
    ) -> Result<(), String> {
        self.index += 1;
        match event {
            Ev::BargeIn {
                item_id, audio_end, ..
            } => {
                self.confirm(server)?;
                self.step(4, "BargeIn")?;
                if !self.is_interruption {
                    return Err("a barge-in that nothing asked for".into());
                }
                let item = number(&Value::from(item_id.as_str()), "item_");
                let mut told = self.cuts.iter().filter(|(cut, _)| cut.0 == item);
                let is_told = told.any(|(_, cut)| u128::from(cut.1) == audio_end.as_millis());
                let is_deleted = self.deleted.contains(&item) && audio_end.is_zero();
                let is_gone = server.items[item].session != server.session;
                if !is_told && !is_deleted && !is_gone && !self.was_refused {
                    return Err(format!(
                        "BargeIn says {audio_end:?} of item_{item}, which the model was not told"
                    ));
                }
                let mut clips = server.clips.iter().filter(|clip| clip.item == item);
                let limit = clips.any(|clip| audio_end.as_millis() * 8 <= clip.played as u128);
                if !limit && !audio_end.is_zero() {
                    return Err(format!(
                        "BargeIn: {audio_end:?} of item_{item} were not heard"
                    ));
                }
            }
            Ev::ItemHeard { item_id, audio_end } => {
                let item = number(&Value::from(item_id.as_str()), "item_");
                let clips = server.clips.iter().filter(|clip| clip.item == item);
                let told = self.heard_items.entry(item).or_default();
                *told += 1;
                // Each part is told for itself.
                let is_heard = |clip: &&Clip| {
                    clip.is_finished && clip.played == clip.line.len() || clip.is_holed
                };
                let is_meant = |clip: &Clip| {
                    u128::from(clip.received_ms()).abs_diff(audio_end.as_millis()) <= 1
                };
                let heard = clips.clone().filter(is_heard);
                if heard.clone().count() < *told
                    || !heard.clone().any(|clip| is_meant(clip) || clip.is_holed)
                    || self.deleted.contains(&item)
                {
                    let clips: Vec<_> = clips
                        .map(|clip| (clip.played, clip.line.len(), clip.is_finished))
                        .collect();
                    return Err(format!(
                        "item_{item} was not heard to its end at {audio_end:?}: {clips:?}"
                    ));
                }
            }
            Ev::Mark { name, heard } => {
                let mark = self.app_marks.iter_mut().find(|mark| mark.name == *name);
                let mark = mark.ok_or("a mark that the application did not set")?;
                mark.told += 1;
                let played = |&(clip, len): &(usize, usize)| {
                    let clip: &Clip = &server.clips[clip];
                    clip.played >= len || clip.is_holed
                };
                if *heard && !mark.before.iter().all(played) {
                    return Err(format!("mark {name} was not reached"));
                }
            }
            Ev::Dtmf(digit) if self.digits.pop() != Some(*digit) => {
                return Err(format!("{digit} was not pressed"));
            }
            Ev::ToolCall { call_id, .. } => {
                let item = number(&Value::from(call_id.as_str()), "call_");
                if self.calls.iter().any(|&(told, _)| told == item) {
                    return Err(format!("{call_id} told twice"));
                }
                self.calls.push((item, server.session));
            }
            Ev::SessionReady => self.ready_events += 1,
            Ev::FormatMismatch => return Err("the format is the one asked for".into()),
            Ev::PlaybackHeld => {
                let is_told = matches!(self.cause, Cause::Model(Told::SpeechStarted(_)));
                let is_heard = self.setup.listens && self.now < self.voice_to + HEARSAY;
                if !(is_told && self.setup.stops.is_confirmed() || is_heard) {
                    return Err("playback is held for nothing".into());
                }
                // Should it barge in and the model not have heard it, an answer is asked for.
                self.reasons += u32::from(!is_told && self.setup.creates);
                if self.held_since.replace(self.now).is_some() {
                    return Err("playback is held twice".into());
                }
                // It may go on with a turn that began over silence.
                if let Some(turn) = self
                    .turns
                    .last_mut()
                    .filter(|turn| is_told && !turn.is_in_doubt)
                {
                    turn.is_in_doubt = true;
                    turn.started = self.now;
                }
            }
            Ev::PlaybackResumed { held } => {
                let Some(since) = self.held_since.take().or(self.interrupted_hold.take()) else {
                    return Err("playback goes on that was not held".into());
                };
                if held.as_micros() != u128::from(self.now - since) {
                    return Err(format!("held for {held:?}, since {since}"));
                }
            }
            Ev::AudioDropped { item_id, duration } => {
                let item = number(&Value::from(item_id.as_str()), "item_");
                let samples = stats.downlink_dropped_samples - self.dropped;
                self.dropped = stats.downlink_dropped_samples;
                if u128::from(samples / 8) != duration.as_millis() {
                    return Err(format!("{samples} samples dropped, {duration:?} told"));
                }
                self.drop_audio(server, item, samples as usize)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// All outputs of an exchange are out.
    pub(crate) fn settle(&mut self, server: &mut Server) -> Result<(), String> {
        self.decide_plain(server);
        self.check_hold(server)?;
        if self.must_clear && !self.cleared {
            return Err("the player is not cleared".into());
        }
        if self.must_cancel && !self.cancelled {
            return Err("the response is not cancelled".into());
        }
        for &clip in &self.must_cut {
            let Clip { item, part, .. } = server.clips[clip];
            if !self.cuts.contains_key(&(item, part)) && !self.deleted.contains(&item) {
                return Err(format!("item_{item} part {part} is not cut"));
            }
        }
        if !self.digits.is_empty() {
            return Err("a key is not told".into());
        }
        if self.line.is_empty() || !self.is_started || self.is_ended || self.is_disturbed {
            return Ok(());
        }
        if self.held_since.is_some() {
            return Ok(());
        }
        let least = self.setup.lead.max(40) * 8 - 160;
        let unplayed = self.unplayed(server) as u64;
        let drift = self.epoch_sent / 1_000 + self.setup.late_timer / 125;
        if self.line_len >= 160 && unplayed + drift + 8 < least {
            return Err(format!(
                "{} samples wait though only {unplayed} are under way",
                self.line_len
            ));
        }
        Ok(())
    }

    pub(super) fn take_from_line(
        &mut self,
        clips: &mut [Clip],
        mut audio: &[u8],
    ) -> Result<Vec<(usize, usize, usize)>, String> {
        let mut stretches = Vec::new();
        while !audio.is_empty() {
            let Some((clip, from, to)) = self.line.pop_front() else {
                return Err(format!("{} samples that are not to be heard", audio.len()));
            };
            let count = audio.len().min(to - from);
            let at = &mut clips[clip];
            if let Some(n) = (0..count).find(|&n| audio[n] != at.line[from + n]) {
                return Err(format!(
                    "not sample {} of item_{} part {}",
                    from + n,
                    at.item,
                    at.part
                ));
            }
            audio = &audio[count..];
            if from + count < to {
                self.line.push_front((clip, from + count, to));
            }
            at.sent = from + count;
            self.epoch_sent += count as u64;
            self.unmarked += count as u64;
            self.line_len -= count;
            let end = self.epoch_sent;
            self.unproven.push_back((clip, from, from + count, end));
            if self.playing.last() != Some(&clip) {
                self.playing
                    .retain(|&clip| clips[clip].played < clips[clip].sent);
                self.playing.push(clip);
            }
            stretches.push((clip, from, from + count));
        }
        Ok(stretches)
    }

    pub(super) fn check_level(&self, server: &Server, stats: &Stats) -> Result<(), String> {
        if self.is_disturbed || stats.spilled_samples > self.spilled {
            return Ok(());
        }
        let path = (self.setup.delays[1] + 2 * self.setup.jitter) / 125;
        let most = self.setup.lead.max(40) * 8 + 160 + path + self.epoch_sent / 1_000;
        let unplayed = self.unplayed(server) as u64;
        if unplayed > most {
            return Err(format!(
                "{unplayed} samples under way, {most} expected at most"
            ));
        }
        Ok(())
    }

    pub(super) fn mark_bound(&self) -> u64 {
        2 * self.setup.mark_interval.max(20) * 8 + 160
    }

    /// `samples` of the last delta had no room.
    pub(super) fn drop_audio(
        &mut self,
        server: &mut Server,
        item: usize,
        samples: usize,
    ) -> Result<(), String> {
        let Cause::Model(Told::Delta { clip, .. }) = self.cause else {
            return Err("audio is dropped that is not new".into());
        };
        let at = &mut server.clips[clip];
        at.is_holed = true;
        match self.line.back_mut() {
            Some((back, from, to))
                if *back == clip && at.item == item && samples <= *to - *from =>
            {
                *to -= samples;
                at.line.truncate(*to);
                self.line_len -= samples;
                if from == to {
                    self.line.pop_back();
                }
                Ok(())
            }
            _ => Err(format!(
                "{samples} samples of item_{item} dropped that it did not bring"
            )),
        }
    }

    /// The parts of a transaction come in order.
    pub(super) fn step(&mut self, rank: u32, what: &str) -> Result<(), String> {
        if rank < self.rank {
            return Err(format!("{what} comes too late in the transaction"));
        }
        self.rank = rank;
        Ok(())
    }
}

/// A refusal that has not come by then will not come.
const PATIENCE: u64 = 10_000_000;
