//! One content part of the model's speech: what was made of it, and how far it has come.

use trunkline::{Downsampler, mulaw};

use crate::common::{audio::tone_at, rng::mix, wire::encode};

/// A content part. Positions are samples at 8 kHz of what the caller is to hear of it.
#[derive(Clone, Debug)]
pub(crate) struct Clip {
    pub(crate) item: usize,
    pub(crate) part: u64,
    pub(crate) response: usize,
    pub(crate) is_pcm: bool,
    id: u64,
    /// Bytes of audio made by the server, in the model's format.
    made: usize,
    /// The server's encoder: bytes and characters that wait for more, and characters sent.
    rest: Vec<u8>,
    held_back: String,
    chars: usize,
    /// Bytes that have reached the Bridge and were to be played.
    pub(crate) received: usize,
    /// What the caller is to hear, as far as it has reached the Bridge.
    pub(crate) line: Vec<u8>,
    down: Option<Downsampler>,
    /// No more audio of it will reach the Bridge.
    pub(crate) is_finished: bool,
    /// The rest of it was on its way when the connection broke.
    is_cut_off: bool,
    /// Sent by the Bridge; truly played; proven to the Bridge by echoes.
    pub(crate) sent: usize,
    pub(crate) played: usize,
    pub(crate) proven: usize,
    /// Audio of it had no room: what follows is out of its place.
    pub(crate) is_holed: bool,
    /// An interruption came after it began.
    pub(crate) is_over: bool,
}

impl Clip {
    pub(crate) fn new(id: u64, item: usize, part: u64, response: usize, is_pcm: bool) -> Self {
        Self {
            item,
            part,
            response,
            is_pcm,
            id,
            made: 0,
            rest: Vec::new(),
            held_back: String::new(),
            chars: 0,
            received: 0,
            line: Vec::new(),
            down: None,
            is_finished: false,
            is_cut_off: false,
            sent: 0,
            played: 0,
            proven: 0,
            is_holed: false,
            is_over: false,
        }
    }

    /// The server makes `bytes` more of audio: the base64 of the delta, and the bytes of the part
    /// that are known from it and those before. With `hold`, the text is cut so many characters
    /// before its end, and the rest comes with the next delta.
    pub(crate) fn make(&mut self, bytes: usize, hold: Option<usize>) -> (String, usize) {
        let mut audio = core::mem::take(&mut self.rest);
        self.audio(self.made, bytes, &mut audio);
        self.made += bytes;
        let Some(hold) = hold else {
            return (encode(&audio), self.made);
        };
        self.rest = audio.split_off(audio.len() / 3 * 3);
        let mut text = core::mem::take(&mut self.held_back) + &encode(&audio);
        self.held_back = text.split_off(text.len().saturating_sub(hold));
        self.chars += text.len();
        (text, self.chars / 4 * 3)
    }

    /// What [`make`](Self::make) held back.
    pub(crate) fn make_last(&mut self) -> Option<(String, usize)> {
        let rest = core::mem::take(&mut self.rest);
        let text = core::mem::take(&mut self.held_back) + &encode(&rest);
        (!text.is_empty()).then_some((text, self.made))
    }

    /// The part ends here: what [`make`](Self::make) held back will never be.
    pub(crate) fn drop_rest(&mut self) {
        if !self.rest.is_empty() || !self.held_back.is_empty() {
            self.made = self.chars / 4 * 3;
        }
        self.rest.clear();
        self.held_back.clear();
    }

    /// A delta has reached the Bridge, which is to play it and now knows `known` bytes; returns the
    /// samples it adds to the line.
    pub(crate) fn receive(&mut self, known: usize) -> usize {
        let before = self.line.len();
        let from = core::mem::replace(&mut self.received, known);
        if self.is_pcm {
            let pcm: Vec<i16> = (from / 2..known / 2).map(|n| sample(self.id, n)).collect();
            let down = self.down.get_or_insert_with(Downsampler::new);
            let mut low = vec![0; down.output_len(pcm.len())];
            let count = down.process(&pcm, &mut low).expect("lengths match");
            push(&mut self.line, &low[..count]);
        } else {
            self.line.extend(tone_at(self.id, from, known - from));
        }
        self.line.len() - before
    }

    /// The Bridge knows that the part is whole; returns the samples that adds to the line.
    pub(crate) fn finish(&mut self) -> usize {
        if core::mem::replace(&mut self.is_finished, true) {
            return 0;
        }
        let Some(down) = &mut self.down else { return 0 };
        let mut tail = vec![0; down.flush_len()];
        let count = down.flush(&mut tail).expect("the tail fits");
        push(&mut self.line, &tail[..count]);
        count
    }

    /// Milliseconds of audio that the server has made, and that have reached the Bridge.
    pub(crate) fn made_ms(&self) -> u64 {
        self.milliseconds(self.made)
    }

    pub(crate) fn received_ms(&self) -> u64 {
        self.milliseconds(self.received)
    }

    /// Everything made was played.
    pub(crate) fn is_played_out(&self) -> bool {
        self.received == self.made && self.is_finished && self.played == self.line.len()
    }

    /// The connection is gone: what has not reached the Bridge never will.
    pub(crate) fn cut_off(&mut self) {
        self.is_cut_off |= self.received < self.made;
    }

    /// The Bridge still has to keep books on it.
    pub(crate) fn is_open(&self) -> bool {
        let is_received = self.is_cut_off || self.is_finished && self.received == self.made;
        !(self.is_over || is_received && self.proven == self.line.len())
    }

    fn milliseconds(&self, bytes: usize) -> u64 {
        bytes as u64 / if self.is_pcm { 48 } else { 8 }
    }

    fn audio(&self, start: usize, bytes: usize, into: &mut Vec<u8>) {
        if self.is_pcm {
            let byte = |at: usize| sample(self.id, at / 2).to_le_bytes()[at % 2];
            into.extend((start..start + bytes).map(byte));
        } else {
            into.extend(tone_at(self.id, start, bytes));
        }
    }
}

/// A sample at 24 kHz of a clip's noise, of a quarter of full scale: no filter drives it into
/// saturation.
fn sample(id: u64, n: usize) -> i16 {
    (mix(id << 40 | n as u64) as i16) >> 2
}

fn push(line: &mut Vec<u8>, samples: &[i16]) {
    let start = line.len();
    line.resize(start + samples.len(), 0);
    mulaw::encode(samples, &mut line[start..]).expect("lengths match");
}
