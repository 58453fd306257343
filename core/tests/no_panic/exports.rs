//! The hot paths, by names that a linker can see.
//!
//! Built as a library of its own by `no_panic.rs`, which then looks for panics in the machine code.
//! Constructors are not hot and stay out: values come in by reference.

use core::time::Duration;
use trunkline::{
    Downsampler, Error, JsonStr, RawJson, Upsampler, VoiceDetector, alaw, base64,
    conceal::{Concealer, lengthen, shorten},
    dialect::{Carrier, CarrierCommand, CarrierMessage, Model, ModelCommand, ModelEvent, Shape},
    jitter::{Inserted, JitterBuffer, Pulled},
    mulaw,
    openai::OpenAiRealtime,
    playback::{Echo, Heard, MarkName, PlaybackLedger},
    resample::Resampler,
    twilio::Twilio,
};

macro_rules! exports {
    ($($(#[$doc:meta])* fn $name:ident $(<$life:lifetime>)? ($($arg:ident: $kind:ty),*) -> $out:ty $body:block)*) => {
        $(
            $(#[$doc])*
            #[unsafe(no_mangle)]
            pub fn $name $(<$life>)? ($($arg: $kind),*) -> $out $body
        )*
    };
}

exports! {
    fn g711_mulaw_decode(src: &[u8], dst: &mut [i16]) -> Result<(), Error> {
        mulaw::decode(src, dst)
    }
    fn g711_mulaw_encode(src: &[i16], dst: &mut [u8]) -> Result<(), Error> {
        mulaw::encode(src, dst)
    }
    fn g711_mulaw_to_alaw(src: &[u8], dst: &mut [u8]) -> Result<(), Error> {
        mulaw::to_alaw(src, dst)
    }
    fn g711_alaw_decode(src: &[u8], dst: &mut [i16]) -> Result<(), Error> {
        alaw::decode(src, dst)
    }
    fn g711_alaw_encode(src: &[i16], dst: &mut [u8]) -> Result<(), Error> {
        alaw::encode(src, dst)
    }
    fn g711_alaw_to_mulaw(src: &[u8], dst: &mut [u8]) -> Result<(), Error> {
        alaw::to_mulaw(src, dst)
    }
    fn text_base64_encode(src: &[u8], dst: &mut [u8]) -> Result<usize, Error> {
        base64::encode(src, dst)
    }
    fn text_base64_encode_pcm16(src: &[i16], dst: &mut [u8]) -> Result<usize, Error> {
        base64::encode_pcm16(src, dst)
    }
    fn text_base64_decode(src: &[u8], dst: &mut [u8]) -> Result<usize, Error> {
        base64::decode(src, dst)
    }
    fn text_base64_decode_str(src: JsonStr<'_>, dst: &mut [u8]) -> Result<usize, Error> {
        base64::decode_str(src, dst)
    }
    fn text_base64_stream(to: &mut base64::Decoder, src: &[u8], dst: &mut [u8]) -> Result<usize, Error> {
        to.decode(src, dst)
    }
    fn text_base64_stream_str(
        to: &mut base64::Decoder, src: JsonStr<'_>, dst: &mut [u8]
    ) -> Result<usize, Error> {
        to.decode_str(src, dst)
    }
    fn text_json_check<'a>(text: &'a str) -> Result<RawJson<'a>, Error> {
        RawJson::new(text)
    }
    fn text_json_copy<'b>(text: JsonStr<'_>, dst: &'b mut [u8]) -> Result<&'b str, Error> {
        text.copy_to(dst)
    }
    fn text_json_compare(text: JsonStr<'_>, other: &str) -> bool {
        text == *other
    }
    fn text_twilio_read<'a>(text: &'a str) -> Result<CarrierMessage<'a>, Error> {
        Twilio.read(text)
    }
    fn text_twilio_read_next<'a>(
        shape: &mut Shape, text: &'a str
    ) -> Result<CarrierMessage<'a>, Error> {
        Twilio.read_next(shape, text)
    }
    fn text_twilio_read_bytes<'a>(text: &'a [u8]) -> Result<CarrierMessage<'a>, Error> {
        Twilio.read_bytes(text)
    }
    fn text_twilio_write(sid: &str, what: CarrierCommand<'_>, dst: &mut [u8]) -> Result<usize, Error> {
        Twilio.write(sid, what, dst)
    }
    fn text_openai_read<'a>(text: &'a str) -> Result<ModelEvent<'a>, Error> {
        OpenAiRealtime.read(text)
    }
    fn text_openai_read_next<'a>(
        shape: &mut Shape, text: &'a str
    ) -> Result<ModelEvent<'a>, Error> {
        OpenAiRealtime.read_next(shape, text)
    }
    fn text_openai_read_bytes<'a>(text: &'a [u8]) -> Result<ModelEvent<'a>, Error> {
        OpenAiRealtime.read_bytes(text)
    }
    fn text_openai_write(what: ModelCommand<'_>, dst: &mut [u8]) -> Result<usize, Error> {
        OpenAiRealtime.write(what, dst)
    }
    fn filter_up(filter: &mut Upsampler, src: &[i16], dst: &mut [i16]) -> Result<usize, Error> {
        filter.process(src, dst)
    }
    fn filter_down(filter: &mut Downsampler, src: &[i16], dst: &mut [i16]) -> Result<usize, Error> {
        filter.process(src, dst)
    }
    fn filter_any(filter: &mut Resampler, src: &[i16], dst: &mut [i16]) -> Result<usize, Error> {
        filter.process(src, dst)
    }
    fn filter_flush(filter: &mut Downsampler, dst: &mut [i16]) -> Result<usize, Error> {
        filter.flush(dst)
    }
    fn gap_conceal(concealer: &mut Concealer, frame: &mut [i16]) -> () {
        concealer.conceal(frame)
    }
    fn gap_receive(concealer: &mut Concealer, frame: &mut [i16]) -> () {
        concealer.receive(frame)
    }
    fn gap_shorten(samples: &mut [i16], most: usize) -> Option<usize> {
        shorten(samples, most)
    }
    fn gap_lengthen(samples: &mut [i16], len: usize, most: usize) -> Option<usize> {
        lengthen(samples, len, most)
    }
    fn jitter_insert(to: &mut JitterBuffer, timestamp: u32, pcm: &[i16]) -> Result<Inserted, Error> {
        to.insert(timestamp, pcm)
    }
    fn jitter_pull(from: &mut JitterBuffer, frame: &mut [i16; 160]) -> Pulled {
        from.pull(frame)
    }
    fn jitter_delay(from: &JitterBuffer) -> (Duration, Duration, u64) {
        (from.delay(), from.target_delay(), from.depth_samples())
    }
    fn voice_process(detector: &mut VoiceDetector, pcm: &[i16]) -> Option<Duration> {
        detector.process(pcm)
    }
    fn ledger_announce(ledger: &mut PlaybackLedger, item: &str, part: u32) -> Result<(), Error> {
        ledger.announce(item, part)
    }
    fn ledger_receive(
        ledger: &mut PlaybackLedger, item: &str, part: u32, samples: usize, line: usize
    ) -> Result<(), Error> {
        ledger.receive(item, part, samples, line)
    }
    fn ledger_finish(ledger: &mut PlaybackLedger, item: &str, part: u32) -> () {
        ledger.finish(item, part)
    }
    fn ledger_send(ledger: &mut PlaybackLedger, now: Duration, samples: usize) -> () {
        ledger.send(now, samples)
    }
    fn ledger_mark(ledger: &mut PlaybackLedger) -> MarkName {
        ledger.mark()
    }
    fn ledger_echo(ledger: &mut PlaybackLedger, now: Duration, name: &str) -> Echo {
        ledger.handle_mark(now, name)
    }
    fn ledger_heard(ledger: &mut PlaybackLedger) -> Option<Heard> {
        ledger.pop_heard()
    }
    fn ledger_unheard(ledger: &PlaybackLedger) -> u64 {
        ledger.unheard().map(|part| part.heard_ms).fold(0, u64::wrapping_add)
    }
    fn ledger_clear(ledger: &mut PlaybackLedger) -> () {
        ledger.clear()
    }
    fn ledger_times(ledger: &PlaybackLedger, now: Duration) -> (Duration, Duration, u64) {
        (ledger.queued(now), ledger.play_end(), ledger.unmarked_samples())
    }
}

// These must be found: a check that finds nothing anywhere would prove nothing.
exports! {
    fn cold_index(src: &[u8], at: usize) -> u8 {
        src[at]
    }
    fn cold_slice(src: &[u8], at: usize) -> &[u8] {
        &src[at..]
    }
    fn cold_unwrap(value: Option<u8>) -> u8 {
        value.unwrap()
    }
    fn cold_divide(value: u32, by: u32) -> u32 {
        value / by
    }
    fn cold_add(time: Duration, by: Duration) -> Duration {
        time + by
    }
    fn cold_copy(src: &[u8], dst: &mut [u8]) -> () {
        dst.copy_from_slice(src);
    }
}
