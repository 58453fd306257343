//! What the carrier says.

use super::{
    Bridge, MAX_MARK_NAME, Source,
    hold::Hold,
    record,
    storage::{Record, Text},
};
use crate::{
    Error, JsonStr, RawJson,
    dialect::{Carrier, CarrierEvent, CarrierMessage, Model, Track},
    id::Id,
    playback::{Echo, MarkName, samples_to_duration},
};

impl<M: AsRef<[u8]> + AsMut<[u8]>, C: Carrier, D: Model> Bridge<M, C, D> {
    pub(super) fn carrier_message(&mut self, message: CarrierMessage<'_>) -> Result<(), Error> {
        let stream_sid = message.stream_sid;
        let is_ours = match (&self.stream_sid, stream_sid) {
            (Some(ours), Some(theirs)) => ours.is_json(theirs),
            _ => true,
        };
        if !is_ours {
            return Err(Error::InvalidField { name: "streamSid" });
        }
        match message.event {
            CarrierEvent::Connected => Ok(()),
            CarrierEvent::Other { kind } => self.unknown(Source::Twilio, kind),
            CarrierEvent::Started {
                call_sid,
                custom_parameters,
            } => self.started(stream_sid, call_sid, custom_parameters),
            _ if self.stream_sid.is_none() => Err(Error::InvalidField { name: "event" }),
            CarrierEvent::Media {
                track: Track::Inbound,
                timestamp_ms,
                payload,
            } => {
                let Self {
                    uplink,
                    config,
                    stats,
                    storage,
                    ..
                } = self;
                uplink.receive(
                    self.now,
                    storage.as_mut(),
                    config,
                    stats,
                    timestamp_ms,
                    payload,
                )?;
                self.stall_ends = None;
                Ok(())
            }
            CarrierEvent::Media { .. } => Ok(()),
            CarrierEvent::Dtmf { digit } => self.push_event(Record::new(
                record::DTMF,
                [u64::from(u32::from(digit))],
                &[],
            )),
            CarrierEvent::Mark { name } => self.mark_echoed(name),
            CarrierEvent::Stopped => {
                self.end();
                Ok(())
            }
        }
    }

    fn started(
        &mut self,
        stream_sid: Option<JsonStr<'_>>,
        call_sid: JsonStr<'_>,
        custom_parameters: RawJson<'_>,
    ) -> Result<(), Error> {
        if self.stream_sid.is_some() {
            return Err(Error::InvalidField { name: "event" });
        }
        let stream_sid = stream_sid.ok_or(Error::MissingField { name: "streamSid" })?;
        let id = Id::from_json(stream_sid, "streamSid")?;
        let texts = [
            Text::Json(stream_sid),
            Text::Json(call_sid),
            Text::Plain(custom_parameters.as_str()),
        ];
        self.push_event(Record::new(record::CALL_STARTED, [], &texts))?;
        self.stream_sid = Some(id);
        Ok(())
    }

    fn mark_echoed(&mut self, name: JsonStr<'_>) -> Result<(), Error> {
        let mut buf = [0; MAX_WIRE_NAME];
        // A name that does not fit is none of ours.
        let name = name.copy_to(&mut buf).unwrap_or_default();
        let (mark, named) = split_wire_name(name);
        let before = self.downlink.ledger.heard_samples();
        let echo = self.downlink.ledger.handle_mark(self.now, mark);
        if self.downlink.ledger.heard_samples() > before {
            self.stats.marks_heard += 1;
        } else {
            self.stats.marks_ignored += 1;
        }
        self.measure_latency();
        if let Some(name) = named.filter(|_| echo != Echo::Foreign) {
            let is_heard = u64::from(echo == Echo::Heard);
            self.push_event(Record::new(record::MARK, [is_heard], &[Text::Plain(name)]))?;
        }
        self.tell_heard();
        Ok(())
    }

    /// Tells of the content parts that were heard to their end. The queue holds an event for each
    /// that can wait, besides any message but one of the longest.
    pub(super) fn tell_heard(&mut self) {
        while let Some(heard) = self.downlink.ledger.pop_heard() {
            let texts = [Text::Plain(heard.item_id())];
            let _ = self.push(Record::new(record::ITEM_HEARD, [heard.audio_ms], &texts));
        }
    }

    fn measure_latency(&mut self) {
        let heard = self.downlink.ledger.heard_samples();
        let Some((speech_end, start)) = self.dialog.latency_probe.filter(|probe| probe.1 < heard)
        else {
            return;
        };
        self.dialog.latency_probe = None;
        let began = self.now.saturating_sub(samples_to_duration(heard - start));
        let latency = began.saturating_sub(speech_end);
        self.stats.response_latency = Some(latency);
        self.stats.max_response_latency = self.stats.max_response_latency.max(Some(latency));
    }

    pub(super) fn unknown(&mut self, source: Source, kind: JsonStr<'_>) -> Result<(), Error> {
        let is_twilio = u64::from(source == Source::Twilio);
        self.push_event(Record::new(record::OTHER, [is_twilio], &[Text::Json(kind)]))?;
        self.stats.other_messages += 1;
        Ok(())
    }

    /// The call is over: nothing is queued, no timer runs, one event is left.
    pub(super) fn end(&mut self) {
        if self.is_ended {
            return;
        }
        self.is_ended = true;
        self.downlink.clear(&mut self.stats);
        self.downlink.marks.clear();
        self.hold = Hold::new();
        self.uplink.clear(&mut self.stats);
        self.dialog
            .disconnect(self.downlink.ledger.received_samples());
        self.stall_ends = None;
        let ended = Record::new(record::CALL_ENDED, [], &[]);
        if self.push(ended).is_err() {
            // Commands have filled the queue, and nobody is left to hear them.
            self.outbox.clear();
            self.push(ended)
                .expect("an empty queue has room for a record without text");
        }
    }
}

/// A mark's name as the ledger made it, and the application's name behind it, if any.
fn split_wire_name(name: &str) -> (&str, Option<&str>) {
    let mut colons = name.match_indices(':').skip(2);
    match colons.next() {
        Some((at, _)) => (&name[..at], Some(&name[at + 1..])),
        None => (name, None),
    }
}

/// Ledger's name, colon, application's name.
pub(super) const MAX_WIRE_NAME: usize = MarkName::MAX_LEN + 1 + MAX_MARK_NAME;
