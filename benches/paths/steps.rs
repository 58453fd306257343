//! The hot paths by name, each as a closure that takes one step: a 20 ms frame, or one
//! buffer of base64. What counts instructions and what compares builds run the same ones.

use std::hint::black_box;

use trunkline::{
    Concealer, JitterBuffer, VoiceDetector, base64,
    bridge::ModelAudio,
    dialect::{Carrier, CarrierCommand, Model, ModelCommand},
    g711::{alaw, mulaw},
    jitter::{Inserted, Pulled},
    openai::OpenAiRealtime,
    resample::{Profile, Resampler},
    twilio::Twilio,
};

use crate::{
    FRAME,
    call::{Call, STREAM},
    openai_delta, openai_delta_of, speech_like, twilio_media,
};

/// Takes one step of a path.
pub type Step = Box<dyn FnMut()>;

/// The paths that run on the best instruction set of the machine.
pub const DETECTED: [&str; 28] = [
    "mulaw_decode",
    "mulaw_encode",
    "alaw_decode",
    "alaw_encode",
    "resample_8_24",
    "resample_24_8",
    "resample_8_16",
    "resample_16_8",
    "resample_16_24",
    "resample_24_16",
    "resample_8_24_sharp",
    "resample_24_8_sharp",
    "base64_encode_160",
    "base64_encode_960",
    "base64_encode_4096",
    "base64_encode_12000",
    "base64_decode_160",
    "base64_decode_960",
    "base64_decode_4096",
    "base64_decode_12000",
    "twilio_read_media",
    "openai_read_delta",
    "twilio_write_media",
    "openai_write_append",
    "uplink_pcm24k",
    "uplink_mulaw",
    "downlink_pcm24k",
    "downlink_mulaw",
];

/// The paths whose instruction set is that of the build.
pub const BUILT: [&str; 3] = ["jitter_clean", "conceal_receive", "voice_detector"];

/// The path `name`, which is to take at most `steps` steps.
///
/// # Panics
/// When there is none of that name.
pub fn path(name: &str, steps: usize) -> Step {
    let words: Vec<&str> = name.split('_').collect();
    match words[..] {
        [law @ ("mulaw" | "alaw"), "decode"] => {
            let decode = if law == "mulaw" {
                mulaw::decode
            } else {
                alaw::decode
            };
            let codes = codes();
            let mut pcm = [0; FRAME];
            Box::new(move || decode(black_box(&codes), black_box(&mut pcm)).expect("equal lengths"))
        }
        [law @ ("mulaw" | "alaw"), "encode"] => {
            let encode = if law == "mulaw" {
                mulaw::encode
            } else {
                alaw::encode
            };
            let pcm = speech_like(FRAME, 8_000.0);
            let mut codes = [0; FRAME];
            Box::new(move || encode(black_box(&pcm), black_box(&mut codes)).expect("equal lengths"))
        }
        ["resample", ..] => {
            let (from_hz, to_hz, profile) = ratio(name);
            let resampler = Resampler::with_profile(from_hz, to_hz, profile);
            resample(resampler.expect("a fixed ratio"))
        }
        ["base64", "encode", len] => {
            let (bytes, mut text) = base64_pair(len);
            Box::new(move || {
                base64::encode(black_box(&bytes), black_box(&mut text)).expect("room");
            })
        }
        ["base64", "decode", len] => {
            let (mut bytes, text) = base64_pair(len);
            Box::new(move || {
                base64::decode(black_box(&text), black_box(&mut bytes)).expect("base64");
            })
        }
        ["twilio", "read", "media"] => {
            let text = twilio_media(17, &codes());
            Box::new(move || {
                let message = Twilio.read(black_box(&text));
                assert!(black_box(&message).is_ok());
            })
        }
        ["openai", "read", "delta"] => {
            let text = openai_delta(31, 1, &speech_like(3 * FRAME, 24_000.0));
            Box::new(move || {
                let event = OpenAiRealtime.read(black_box(&text));
                assert!(black_box(&event).is_ok());
            })
        }
        ["twilio", "write", "media"] => {
            let codes = codes();
            let mut buf = [0; 2_048];
            Box::new(move || {
                let media = CarrierCommand::Media(black_box(&codes));
                Twilio
                    .write(STREAM, media, black_box(&mut buf))
                    .expect("room");
            })
        }
        ["openai", "write", "append"] => {
            let pcm = speech_like(3 * FRAME, 24_000.0);
            let mut buf = [0; 2_048];
            Box::new(move || {
                let append = ModelCommand::AppendPcm16(black_box(&pcm));
                OpenAiRealtime
                    .write(append, black_box(&mut buf))
                    .expect("room");
            })
        }
        ["uplink", model] => uplink(model_audio(model), steps),
        ["downlink", model] => downlink(model_audio(model)),
        ["jitter", "clean"] => jitter(),
        ["conceal", "receive"] => {
            let mut concealer = Concealer::new();
            // Received in order they are left as they are.
            let mut frames = frames();
            cycle(move |n| concealer.receive(black_box(&mut frames[n])))
        }
        ["voice", "detector"] => {
            let mut detector = VoiceDetector::new();
            let frames = frames();
            cycle(move |n| {
                black_box(detector.process(black_box(&frames[n])));
            })
        }
        _ => panic!("no path {name}"),
    }
}

/// The path `name` on a lower level than the machine's: the resamplers', G.711's and base64's, this
/// one without what its vectors leave over.
///
/// # Panics
/// When there is none of that name.
#[cfg(feature = "internal")]
pub fn path_on(level: trunkline::simd::Level, name: &str) -> Step {
    use trunkline::{g711::Variant, simd};

    let mut codes = codes();
    let mut pcm: [i16; FRAME] = frames()[0];
    let words: Vec<&str> = name.split('_').collect();
    match words[..] {
        ["mulaw", "decode"] => Box::new(move || {
            simd::g711::decode_mulaw(level, black_box(&codes), black_box(&mut pcm));
        }),
        ["mulaw", "encode"] => Box::new(move || {
            let (pcm, codes) = (black_box(&pcm), black_box(&mut codes));
            simd::g711::encode_mulaw(level, Variant::Itu, pcm, codes);
        }),
        ["alaw", "decode"] => Box::new(move || {
            simd::g711::decode_alaw(level, black_box(&codes), black_box(&mut pcm));
        }),
        ["alaw", "encode"] => Box::new(move || {
            simd::g711::encode_alaw(level, black_box(&pcm), black_box(&mut codes));
        }),
        ["resample", ..] => {
            let (from_hz, to_hz, profile) = ratio(name);
            let resampler = Resampler::with_level(from_hz, to_hz, profile, level);
            resample(resampler.expect("a fixed ratio"))
        }
        ["base64", "encode", len] => {
            let (bytes, mut text) = base64_pair(len);
            Box::new(move || {
                black_box(simd::base64::encode(
                    level,
                    black_box(&bytes),
                    black_box(&mut text),
                ));
            })
        }
        ["base64", "decode", len] => {
            let (mut bytes, text) = base64_pair(len);
            Box::new(move || {
                black_box(simd::base64::decode(
                    level,
                    black_box(&text),
                    black_box(&mut bytes),
                ));
            })
        }
        _ => panic!("no path {name} that takes a level"),
    }
}

fn resample(mut resampler: Resampler) -> Step {
    let from_hz = resampler.from_hz();
    let pcm = speech_like(from_hz as usize / 50, f64::from(from_hz));
    let mut dst = [0; 3 * FRAME];
    let mut step = move || {
        resampler
            .process(black_box(&pcm), black_box(&mut dst))
            .expect("room");
    };
    // The filter is full from here on.
    step();
    Box::new(step)
}

/// `resample_24_8_sharp` as the arguments of a resampler.
fn ratio(name: &str) -> (u32, u32, Profile) {
    let mut words = name.split('_').skip(1);
    let mut rate_hz = || Some(1_000 * words.next()?.parse::<u32>().ok()?);
    let (Some(from_hz), Some(to_hz)) = (rate_hz(), rate_hz()) else {
        panic!("no rates in {name}");
    };
    let profile = match words.next() {
        Some("sharp") => Profile::Sharp,
        _ => Profile::Voice,
    };
    (from_hz, to_hz, profile)
}

/// So many bytes and their text.
fn base64_pair(len: &str) -> (Vec<u8>, Vec<u8>) {
    use ::base64::{Engine as _, engine::general_purpose::STANDARD};

    let len: usize = len.parse().expect("a length");
    let bytes: Vec<u8> = (0..len).map(|n| (n * 151 + 7) as u8).collect();
    let text = STANDARD.encode(&bytes);
    (bytes, text.into_bytes())
}

/// Caller to model, text to text.
fn uplink(model_audio: ModelAudio, steps: usize) -> Step {
    let codes = codes_of(&frames());
    // Media time must go on.
    let texts: Vec<String> = (0..CYCLE + steps)
        .map(|n| twilio_media(n as u64 + 1, &codes[n % CYCLE]))
        .collect();
    let mut call = Call::new(model_audio);
    let bytes: usize = texts[..CYCLE].iter().map(|text| call.twilio(text)).sum();
    assert!(bytes > CYCLE * FRAME * 4 / 3, "every frame is appended");
    let mut next = CYCLE;
    Box::new(move || {
        call.twilio(&texts[next]);
        next += 1;
    })
}

/// Model to caller, text to text and marks.
fn downlink(model_audio: ModelAudio) -> Step {
    let texts: Vec<String> = match model_audio {
        ModelAudio::Mulaw => {
            let codes = codes_of(&frames());
            let deltas = codes.iter().map(|frame| openai_delta_of(1, 1, frame));
            deltas.collect()
        }
        _ => {
            let pcm = speech_like(3 * FRAME * CYCLE, 24_000.0);
            let deltas = pcm.chunks(3 * FRAME).map(|frame| openai_delta(1, 1, frame));
            deltas.collect()
        }
    };
    let mut call = Call::new(model_audio);
    let bytes: usize = texts.iter().map(|text| call.openai(text)).sum();
    assert!(
        bytes > (CYCLE - 10) * FRAME * 4 / 3,
        "all but the lead is sent"
    );
    cycle(move |n| {
        call.openai(&texts[n]);
    })
}

fn model_audio(name: &str) -> ModelAudio {
    match name {
        "pcm24k" => ModelAudio::Pcm24k,
        "mulaw" => ModelAudio::Mulaw,
        _ => panic!("no model audio {name}"),
    }
}

/// A frame in and a frame out, in order and in time.
fn jitter() -> Step {
    let mut buffer: JitterBuffer = JitterBuffer::new();
    let mut timestamp = 0;
    let mut pulled = [0; FRAME];
    let frames = frames();
    cycle(move |n| {
        let inserted = buffer.insert(timestamp, black_box(&frames[n]));
        timestamp = timestamp.wrapping_add(FRAME as u32);
        assert_eq!(inserted, Ok(Inserted::Accepted));
        assert_eq!(buffer.pull(black_box(&mut pulled)), Pulled::Received);
    })
}

/// Two seconds of speech, end to end.
fn frames() -> Vec<[i16; FRAME]> {
    let pcm = speech_like(FRAME * CYCLE, 8_000.0);
    pcm.as_chunks().0.to_vec()
}

fn codes_of(frames: &[[i16; FRAME]]) -> Vec<[u8; FRAME]> {
    let encode = |pcm: &[i16; FRAME]| {
        let mut codes = [0; FRAME];
        mulaw::encode(pcm, &mut codes).expect("equal lengths");
        codes
    };
    frames.iter().map(encode).collect()
}

/// One frame in μ-law.
fn codes() -> [u8; FRAME] {
    codes_of(&frames())[0]
}

/// A step that is told which of [`CYCLE`] frames it is at.
fn cycle(mut step: impl FnMut(usize) + 'static) -> Step {
    let mut next = 0;
    Box::new(move || {
        step(next);
        next = if next + 1 < CYCLE { next + 1 } else { 0 };
    })
}

/// Frames until the signal starts again.
const CYCLE: usize = 100;
