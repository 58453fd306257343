//! The hot paths of the codecs and parsers, by names that a linker can see.
//!
//! Built as a library of its own by `no_panic.rs`, which then looks for panics in the machine code.
//! Constructors are not hot and stay out: values come in by reference. The resamplers stay out, too:
//! their indices follow from constants, but to let the optimiser see it costs 10 to 20 % of their speed.

use trunkline::{
    Error, JsonStr, RawJson, alaw, base64,
    dialect::{Carrier, CarrierCommand, CarrierMessage, Model, ModelCommand, ModelEvent},
    mulaw,
    openai::OpenAiRealtime,
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
    fn text_twilio_read_bytes<'a>(text: &'a [u8]) -> Result<CarrierMessage<'a>, Error> {
        Twilio.read_bytes(text)
    }
    fn text_twilio_write(sid: &str, what: CarrierCommand<'_>, dst: &mut [u8]) -> Result<usize, Error> {
        Twilio.write(sid, what, dst)
    }
    fn text_openai_read<'a>(text: &'a str) -> Result<ModelEvent<'a>, Error> {
        OpenAiRealtime.read(text)
    }
    fn text_openai_read_bytes<'a>(text: &'a [u8]) -> Result<ModelEvent<'a>, Error> {
        OpenAiRealtime.read_bytes(text)
    }
    fn text_openai_write(what: ModelCommand<'_>, dst: &mut [u8]) -> Result<usize, Error> {
        OpenAiRealtime.write(what, dst)
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
    fn cold_copy(src: &[u8], dst: &mut [u8]) -> () {
        dst.copy_from_slice(src);
    }
}
