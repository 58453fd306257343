//! A call looked at from outside: what was heard, what was told, what happened.

use super::{
    audio::Clip,
    call::Call,
    io::{Ev, Input, Out},
    player::{Place, Run},
};

impl Call {
    pub(crate) fn events(&self) -> impl Iterator<Item = &Ev> {
        self.log
            .iter()
            .flat_map(|exchange| &exchange.outputs)
            .filter_map(Out::event)
    }

    pub(crate) fn has_event(&self, event: &Ev) -> bool {
        self.events().any(|other| other == event)
    }

    /// Where each byte that Twilio was sent is from.
    pub(crate) fn places(&self) -> Vec<Option<Place>> {
        match self.player.places(&self.model.clips) {
            Ok(places) => places,
            Err(reason) => panic!("{reason}"),
        }
    }

    /// The stretches of `clip` that were played, each without a pause or a jump: one if all is well.
    pub(crate) fn stretches(&self, clip: usize) -> Vec<Run> {
        let heard = self.player.heard(&self.places()).into_iter();
        let of_clip = heard.filter(|(_, from)| from.is_some_and(|from| from.clip == clip));
        of_clip.map(|(run, _)| run).collect()
    }

    /// How far the caller has heard each clip, in samples at 8 kHz.
    pub(crate) fn heard_all(&self) -> Vec<usize> {
        let mut heard = vec![0; self.model.clips.len()];
        for (run, from) in self.player.heard(&self.places()) {
            if let Some(Place { clip, offset }) = from {
                heard[clip] = heard[clip].max(offset + run.samples);
            }
        }
        heard
    }

    /// How far the caller has heard `clip`, in samples at 8 kHz.
    pub(crate) fn heard(&self, clip: usize) -> usize {
        self.heard_all()[clip]
    }

    /// How far the caller has heard a part of an item, in samples at 8 kHz.
    pub(crate) fn heard_of(&self, item_id: &str, part: u64) -> usize {
        let is_meant = |clip: &Clip| clip.item_id == item_id && u64::from(clip.part) == part;
        self.model
            .clips
            .iter()
            .position(is_meant)
            .map_or(0, |clip| self.heard(clip))
    }

    /// What happened, audio and its marks aside, for messages of failed tests.
    pub(crate) fn story(&self) -> String {
        let mut lines = Vec::new();
        for exchange in &self.log {
            let outputs = exchange.outputs.iter().filter(|output| !is_routine(output));
            let outputs: Vec<_> = outputs.map(|output| format!("    → {output:?}")).collect();
            if outputs.is_empty() && !is_notable(&exchange.input) {
                continue;
            }
            lines.push(clip(&format!("{:>10} ← {:?}", exchange.at, exchange.input)));
            lines.extend(outputs.iter().map(|output| clip(output)));
        }
        lines.drain(..lines.len().saturating_sub(100));
        lines.push(format!("now {} µs", self.now));
        let mut heard = vec!["?".to_owned(); self.model.clips.len()];
        if self.player.places(&self.model.clips).is_ok() {
            heard = self.heard_all().iter().map(usize::to_string).collect();
        }
        for (clip, heard) in self.model.clips.iter().zip(heard) {
            let made = clip.held;
            let Clip {
                response_id,
                item_id,
                part,
                ..
            } = clip;
            lines.push(format!(
                "{response_id} {item_id} part {part}: {} samples, {made} made, {heard} heard",
                clip.samples()
            ));
        }
        lines.push(format!("cut {:?}", self.judge.truncations));
        lines.push(format!("deleted {:?}", self.judge.deletions));
        lines.join("\n")
    }
}

/// What flows all the time, and what the Bridge only passes over.
fn is_routine(output: &Out) -> bool {
    match output {
        Out::ToTwilio(text) => !text.contains("\"clear\""),
        Out::ToOpenAi(text) => text.contains("input_audio_buffer.append"),
        Out::Event(event) => matches!(event, Ev::Other { .. } | Ev::Transcript { .. }),
    }
}

fn is_notable(input: &Input) -> bool {
    match input {
        Input::Timeout => false,
        Input::Twilio(text) => !text.contains("\"media\"") && !text.contains("\"mark\""),
        Input::OpenAi(text) => ["response.created", "output_item.added", "\"error\""]
            .iter()
            .any(|kind| text.contains(kind)),
        _ => true,
    }
}

/// The beginning of a long text.
pub(super) fn clip(text: &str) -> String {
    match text.char_indices().nth(150) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}
