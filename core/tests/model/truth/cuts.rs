//! What the model is told of speech that was not heard.

use serde_json::Value;

use super::{Cause, Truth};
use crate::{
    clip::Clip,
    server::{Server, Told},
};

impl Truth {
    pub(super) fn truncated(&mut self, server: &mut Server, event: &Value) -> Result<(), String> {
        self.confirm(server)?;
        self.step(3, "truncate")?;
        let item = number(&event["item_id"], "item_");
        let part = event["content_index"].as_u64().unwrap_or_default();
        let end = event["audio_end_ms"].as_u64().unwrap_or_default();
        self.may_cut(server, item)?;
        if self.cuts.contains_key(&(item, part)) || self.deleted.contains(&item) {
            return Err(format!("item_{item} cut before, now truncated"));
        }
        let is_meant = |clip: &&Clip| clip.item == item && clip.part == part;
        let Some(clip) = server.clips.iter().find(is_meant) else {
            return Err(format!("item_{item} has no part {part}"));
        };
        if end * 8 > clip.played as u64 && !clip.is_holed {
            return Err(format!(
                "item_{item} cut at {end} ms, {} samples heard",
                clip.played
            ));
        }
        if end > clip.received_ms() {
            return Err(format!(
                "item_{item} cut at {end} ms, {} ms received",
                clip.received_ms()
            ));
        }
        let known = (clip.proven as u64 / 8).min(clip.received_ms());
        let slack = if clip.is_pcm { 3 } else { 0 };
        if end + slack < known && !self.was_refused && !clip.is_holed {
            return Err(format!(
                "item_{item} cut at {end} ms, though {known} ms are proven heard"
            ));
        }
        let mut parts = server.clips.iter().filter(|clip| clip.item == item);
        if end == 0
            && part == 0
            && parts.all(|clip| clip.proven < 8 || clip.is_pcm)
            && !self.was_refused
        {
            return Err(format!("item_{item} truncated at 0 instead of deleted"));
        }
        let id = event["event_id"].as_str().unwrap_or_default().to_owned();
        self.last_cut.clone_from(&id);
        self.cuts.insert((item, part), (id, end));
        Ok(())
    }

    pub(super) fn may_cut(&self, server: &Server, item: usize) -> Result<(), String> {
        let is_retry = matches!(&self.cause, Cause::Model(Told::Refused(kind, _))
            if kind == "conversation.item.truncate");
        if !(self.is_interruption || self.is_late || is_retry) {
            return Err(format!("item_{item} is cut without an interruption"));
        }
        match server.items.get(item) {
            Some(known) if known.session == server.session => Ok(()),
            _ => Err(format!("item_{item} is not of this session")),
        }
    }
}

/// Samples heard of a part that make the first millisecond; the resampler's delay comes before.
pub(super) fn shortest_cut(clip: &Clip) -> usize {
    if clip.is_pcm { 32 } else { 8 }
}

pub(super) fn number(id: &Value, prefix: &str) -> usize {
    let text = id.as_str().unwrap_or_default();
    text.strip_prefix(prefix)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(usize::MAX)
}
