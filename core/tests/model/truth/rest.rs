//! A call that has come to rest.

use super::Truth;
use crate::{clip::Clip, server::Server};

impl Truth {
    /// A call that has come to rest: what the model believes to have said is what was heard.
    /// `is_deaf`: some echoes were lost.
    pub(crate) fn conclude(&self, server: &Server, is_deaf: bool) -> Result<(), String> {
        if let Some(complaint) = server.complaints.first() {
            return Err(format!("the server had to refuse something: {complaint}"));
        }
        if self.line_len > 0 {
            return Err(format!("{} samples are never sent", self.line_len));
        }
        for clip in server.clips.iter().filter(|clip| !clip.is_over && !is_deaf) {
            if clip.proven < clip.line.len() {
                return Err(format!("item_{} is never proven heard", clip.item));
            }
            let told = self.heard_items.get(&clip.item).copied();
            let is_heard = |other: &&Clip| {
                let is_due = !other.is_over && !other.line.is_empty();
                other.item == clip.item && is_due
            };
            if told.unwrap_or_default() < server.clips.iter().filter(is_heard).count() {
                return Err(format!("item_{} is never told as heard", clip.item));
            }
        }
        for clip in &server.clips {
            let item = &server.items[clip.item];
            let name = format!("item_{} part {}", clip.item, clip.part);
            let is_given_up = self.given_up.contains(&(clip.item, clip.part));
            let is_gone = item.is_deleted || item.is_lost;
            if item.session != server.session || is_gone || is_given_up {
                continue;
            }
            let cut = item.cuts.iter().filter(|cut| cut.0 == clip.part);
            match cut.map(|cut| cut.1).min() {
                Some(end) if end * 8 > clip.played as u64 && !clip.is_holed => {
                    return Err(format!(
                        "{name} cut at {end} ms, {} samples heard",
                        clip.played
                    ));
                }
                None if !clip.is_played_out() && !clip.is_holed => {
                    return Err(format!(
                        "{name} not cut: {} ms made, {} of {} samples heard",
                        clip.made_ms(),
                        clip.played,
                        clip.line.len()
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
