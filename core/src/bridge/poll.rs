//! What is to be done next: timers and outputs.

use core::{fmt::Write as _, time::Duration};

use super::{
    Bridge, MAX_MARK_NAME, Output,
    carrier::MAX_WIRE_NAME,
    config::ModelAudio,
    downlink::{FRAME_SAMPLES, Next},
    event_id::Purpose,
    response::Session,
    uplink::MAX_APPEND_SAMPLES,
};
use crate::{
    Error,
    dialect::{Carrier, CarrierCommand, Model, ModelCommand},
    id::{Ascii, Id},
    simd::{Aligned, text::ascii},
};

impl<M: AsRef<[u8]> + AsMut<[u8]>, C: Carrier, D: Model> Bridge<M, C, D> {
    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; meaningful once outputs
    /// are drained.
    pub fn poll_timeout(&self) -> Option<Duration> {
        if self.is_ended {
            return None;
        }
        let media = self.stream_sid.and(self.downlink.media_time());
        let times = [
            media,
            self.stall_deadline(),
            self.uplink.wait_ends(),
            self.dialog.patience_ends(),
            self.hold_deadline(),
        ];
        times.into_iter().flatten().min()
    }

    /// The next thing to do, with its text in `buf`, or `None` when all is done.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`]; the output is kept. [`max_output_len`](Self::max_output_len) bytes
    /// are always enough.
    pub fn poll_output<'b>(&mut self, buf: &'b mut [u8]) -> Result<Option<Output<'b>>, Error> {
        if let Some(record) = self.outbox.front(self.storage.as_ref()) {
            let texts = self.outbox.pop(self.storage.as_ref(), &record, buf)?;
            return Ok(Some(record.to_output(texts)));
        }
        if self.is_ended {
            self.is_drained = true;
            return Ok(None);
        }
        if self.dialog.session == Session::Ready && self.uplink.ready() > 0 {
            return self.append(buf).map(Some);
        }
        if self.dialog.is_answer_due(self.now) {
            let mut events = self.dialog.events;
            let event_id = events.next(Purpose::Response);
            let answer = ModelCommand::CreateResponse {
                event_id: event_id.as_str(),
                response: None,
            };
            let len = self.model.write(answer, buf)?;
            self.dialog.events = events;
            self.dialog.answer_requested(self.now, event_id);
            return Ok(Some(Output::ToOpenAi(as_text(&buf[..len])?)));
        }
        if self.dialog.is_response_due(self.now) {
            let needed = self.request_len;
            let text = checked(buf, needed)?;
            text.copy_from_slice(&self.storage.as_ref()[..needed]);
            self.dialog.response_requested(self.now);
            return Ok(Some(Output::ToOpenAi(as_text(text)?)));
        }
        let due = match self.stream_sid {
            Some(_) => self.downlink.next(self.now, self.storage.as_ref()),
            None => None,
        };
        let Some(next) = due else {
            self.is_drained = true;
            return Ok(None);
        };
        self.play(next, buf).map(Some)
    }

    /// Bytes that hold any output of this bridge.
    pub fn max_output_len(&self) -> usize {
        self.config
            .text_len()
            .max(self.model.max_append_len(2 * 3 * MAX_APPEND_SAMPLES))
            .max(self.carrier.max_media_len(FRAME_SAMPLES.max(MAX_WIRE_NAME)))
    }

    /// When silence is to be fed next: in the caller's turn, once media has stopped for a while.
    pub(super) fn stall_deadline(&self) -> Option<Duration> {
        if self.dialog.session != Session::Ready || !self.dialog.is_caller_speaking {
            return None;
        }
        let stopped = self
            .uplink
            .last_media()
            .saturating_add(self.config.stall_timeout);
        let deadline = self.stall_ends.unwrap_or(stopped);
        (deadline < stopped.saturating_add(MAX_STALL)).then_some(deadline)
    }

    fn append<'b>(&mut self, buf: &'b mut [u8]) -> Result<Output<'b>, Error> {
        // Buffers take time to clear, and most appends are of one frame.
        match self.uplink.ready() <= FRAME_SAMPLES as u64 {
            true => self.append_up_to::<FRAME_SAMPLES>(buf),
            false => self.append_up_to::<MAX_APPEND_SAMPLES>(buf),
        }
    }

    fn append_up_to<'b, const N: usize>(&mut self, buf: &'b mut [u8]) -> Result<Output<'b>, Error> {
        let mut caller = [0; N];
        let caller = self.uplink.peek(self.storage.as_ref(), &mut caller);
        let len = match self.config.model_audio {
            ModelAudio::Mulaw => self.model.write(ModelCommand::AppendG711(caller), buf)?,
            ModelAudio::Pcm24k => {
                // The resampler must not run ahead of an output that does not fit.
                checked(buf, self.model.max_append_len(2 * 3 * caller.len()))?;
                let Aligned(pcm) = &mut Aligned([[0; 3]; N]);
                let pcm = self.uplink.upsample(caller, pcm)?;
                self.model.write(ModelCommand::AppendPcm16(pcm), buf)?
            }
        };
        self.uplink.skip(&mut self.stats, caller.len());
        self.stats.appended_samples += caller.len() as u64;
        self.listen(caller);
        Ok(Output::ToOpenAi(as_text(&buf[..len])?))
    }

    fn play<'b>(&mut self, next: Next, buf: &'b mut [u8]) -> Result<Output<'b>, Error> {
        let stream_sid = self.stream_sid.as_ref().map_or("", Id::as_str);
        let len = match next {
            Next::Media(count) => {
                let mut frame = [0; FRAME_SAMPLES];
                let audio = self
                    .downlink
                    .peek(self.storage.as_ref(), &mut frame[..count]);
                let media = CarrierCommand::Media(audio);
                let len = self.carrier.write(stream_sid, media, buf)?;
                self.downlink.sent(self.now, &mut self.stats, count);
                len
            }
            Next::Mark => {
                let name = self.downlink.ledger.mark_name();
                let mark = CarrierCommand::Mark(name.as_str());
                let len = self.carrier.write(stream_sid, mark, buf)?;
                self.downlink.ledger.mark_sent();
                self.stats.marks_sent += 1;
                len
            }
            Next::NamedMark(record) => {
                let slab = self.storage.as_ref();
                let mut marks = self.downlink.marks;
                let mut name = [0; MAX_MARK_NAME];
                let [name, ..] = marks.pop(slab, &record, &mut name)?;
                let position = self.downlink.ledger.mark_name();
                let mut wire = Ascii::<MAX_WIRE_NAME>::EMPTY;
                write!(wire, "{}:{name}", position.as_str())
                    .expect("MAX_WIRE_NAME holds the longest of both names");
                let mark = CarrierCommand::Mark(wire.as_str());
                let len = self.carrier.write(stream_sid, mark, buf)?;
                self.downlink.marks = marks;
                self.downlink.ledger.mark_sent();
                self.stats.marks_sent += 1;
                len
            }
        };
        Ok(Output::ToTwilio(as_text(&buf[..len])?))
    }
}

fn checked(buf: &mut [u8], needed: usize) -> Result<&mut [u8], Error> {
    let actual = buf.len();
    buf.get_mut(..needed)
        .ok_or(Error::BufferTooShort { needed, actual })
}

/// What a dialect wrote; one that does not write UTF-8 breaks its contract.
fn as_text(bytes: &[u8]) -> Result<&str, Error> {
    match ascii(bytes) {
        Some(text) => Ok(text),
        None => core::str::from_utf8(bytes).or(Err(Error::InvalidField { name: "message" })),
    }
}

/// Silence fed at most: the longest that semantic voice detection waits (OpenAI, "eagerness": low).
const MAX_STALL: Duration = Duration::from_secs(8);
