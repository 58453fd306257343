//! The barge-in transaction: clear, cancel, cut, tell.

use super::{
    Bridge, MAX_MARK_NAME,
    event_id::Purpose,
    record,
    response::Dialog,
    storage::{Record, Text},
};
use crate::{
    Error, JsonStr,
    dialect::{Carrier, CarrierCommand, Model, ModelCommand},
    id::Id,
    playback::Cut,
};

impl<M: AsRef<[u8]> + AsMut<[u8]>, C: Carrier, D: Model> Bridge<M, C, D> {
    /// The barge-in transaction: clear, cancel, cut, tell. All of it is queued, or none. `started`
    /// is the speech that caused it, if it is to be told here.
    pub(super) fn interrupt_playback(
        &mut self,
        cancels: bool,
        by_caller: bool,
        started: Option<Record<'_>>,
    ) -> Result<(), Error> {
        let Dialog {
            events,
            last_cut,
            last_part,
            ..
        } = self.dialog;
        let before = (self.outbox, self.stats);
        let result = self.queue_interruption(cancels, started);
        if result.is_err() {
            (self.outbox, self.stats) = before;
            self.dialog.events = events;
            self.dialog.last_cut = last_cut;
            self.dialog.last_part = last_part;
            return result;
        }
        self.dialog.interrupted(by_caller);
        self.dialog.latency_probe = None;
        self.hold.end();
        self.downlink.clear(&mut self.stats);
        self.downlink.marks.clear();
        result
    }

    fn queue_interruption(
        &mut self,
        cancels: bool,
        started: Option<Record<'_>>,
    ) -> Result<(), Error> {
        let Self {
            outbox,
            stats,
            storage,
            downlink,
            dialog,
            model,
            carrier,
            now,
            ..
        } = self;
        let slab = storage.as_mut();
        let stream_sid = self.stream_sid.as_ref().map_or("", Id::as_str);

        let ledger = &downlink.ledger;
        if ledger.sent_samples() > ledger.heard_samples() {
            outbox.push_with(slab, record::TO_TWILIO, |dst| {
                carrier.write(stream_sid, CarrierCommand::Clear, dst)
            })?;
        }
        let active = dialog.interruptible();
        if let Some(active) = active.filter(|_| cancels) {
            let event_id = dialog.events.next(Purpose::Cancel);
            let command = ModelCommand::CancelResponse {
                event_id: event_id.as_str(),
                response_id: Some(active.as_str()),
            };
            outbox.push_with(slab, record::TO_OPENAI, |dst| model.write(command, dst))?;
        }
        for unheard in ledger.unheard() {
            // Items of an earlier session, or of none, are unknown to this one.
            let is_known =
                unheard.start >= dialog.line_start && !dialog.is_side_item(unheard.item_id);
            let cut = if is_known { unheard.cut() } else { Cut::None };
            let item_id = unheard.item_id;
            let (truncate, delete);
            let command = match cut {
                Cut::TruncateAt { audio_end_ms } => {
                    truncate = dialog.truncate(&unheard, audio_end_ms)?;
                    stats.truncated_items += 1;
                    ModelCommand::TruncateItem {
                        event_id: truncate.event_id.as_str(),
                        item_id,
                        content_index: truncate.content_index,
                        audio_end_ms: truncate.audio_end_ms,
                    }
                }
                Cut::Delete => {
                    let is_last = |part: &(Id, u32)| part.0.as_str() == item_id;
                    dialog.last_part = dialog.last_part.filter(|part| !is_last(part));
                    stats.deleted_items += 1;
                    delete = dialog.events.next(Purpose::Delete);
                    ModelCommand::DeleteItem {
                        event_id: delete.as_str(),
                        item_id,
                    }
                }
                Cut::None => continue,
            };
            outbox.push_with(slab, record::TO_OPENAI, |dst| model.write(command, dst))?;
        }
        if let Some(started) = started {
            outbox.push(slab, started)?;
        }
        // Marks that were never sent are flushed as surely as those at the carrier.
        let mut marks = downlink.marks;
        while let Some(mark) = marks.front(slab) {
            let mut name = [0; MAX_MARK_NAME];
            let [name, ..] = marks.pop(slab, &mark, &mut name)?;
            outbox.push(slab, Record::new(record::MARK, [0], &[Text::Plain(name)]))?;
        }
        let mut unheard = ledger.unheard().filter(|unheard| unheard.received_ms > 0);
        if let Some(first) = unheard.next() {
            stats.barge_ins += 1;
            let numbers = [first.heard_ms, first.received_ms];
            let texts = [Text::Plain(first.item_id)];
            outbox.push(slab, Record::new(record::BARGE_IN, numbers, &texts))?;
            for dropped in unheard.filter(|unheard| unheard.cut() == Cut::Delete) {
                let texts = [Text::Plain(dropped.item_id)];
                outbox.push(slab, Record::new(record::ITEM_DROPPED, [], &texts))?;
            }
        } else if let Some(since) = downlink.held_since() {
            // All was heard meanwhile, or nothing had come: it was held for nothing.
            stats.false_barge_ins += 1;
            outbox.push(slab, Record::playback_resumed(now.saturating_sub(since)))?;
        }
        Ok(())
    }

    /// An item of a discarded response that the model began before it knew.
    pub(super) fn delete_item(&mut self, item_id: &str) -> Result<(), Error> {
        let event_id = self.dialog.events.next(Purpose::Delete);
        let command = ModelCommand::DeleteItem {
            event_id: event_id.as_str(),
            item_id,
        };
        self.push_to_model(command)?;
        self.stats.deleted_items += 1;
        Ok(())
    }

    /// A further part of an item that was kept, begun before the model knew of the interruption:
    /// nothing of it is heard.
    pub(super) fn cut_late_part(
        &mut self,
        item_id: JsonStr<'_>,
        content_index: u32,
    ) -> Result<(), Error> {
        let last = self.dialog.last_part;
        let Some((kept, _)) =
            last.filter(|(kept, index)| item_id == *kept.as_str() && content_index > *index)
        else {
            return Ok(());
        };
        let event_id = self.dialog.events.next(Purpose::Truncate);
        self.push_to_model(ModelCommand::TruncateItem {
            event_id: event_id.as_str(),
            item_id: kept.as_str(),
            content_index,
            audio_end_ms: 0,
        })?;
        self.stats.truncated_items += 1;
        self.dialog.last_part = Some((kept, content_index));
        Ok(())
    }

    /// The model refused a truncation: if it is the last one, it is made again a little earlier.
    pub(super) fn truncate_again(&mut self, event_id: JsonStr<'_>) -> Result<(), Error> {
        let Some(cut) = self.dialog.truncate_again(event_id) else {
            return Ok(());
        };
        self.push_to_model(ModelCommand::TruncateItem {
            event_id: cut.event_id.as_str(),
            item_id: cut.item_id.as_str(),
            content_index: cut.content_index,
            audio_end_ms: cut.audio_end_ms,
        })
    }
}
