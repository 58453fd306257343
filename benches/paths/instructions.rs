//! Instructions of each hot path, counted under valgrind: figures that do not depend on what else the
//! machine is doing, so that `make test` may fail for them.
//!
//! A function here is an instruction set, its rows are [`path`]s, each of
//! which takes [`STEPS`] steps of 20 ms; setting up is not counted. `instructions.py` divides by the
//! steps and compares with the figures in `instructions.tsv`.
#![allow(missing_docs, reason = "of what the macros make")]

use gungraun::{library_benchmark, library_benchmark_group, main};
use trunkline::simd::{Level, levels};
use trunkline_paths::{Step, path, path_on};

// What is chosen at run time. valgrind has no AVX-512, so it is AVX2 on any machine that has it.
#[library_benchmark(setup = detected)]
#[bench::mulaw_decode("mulaw_decode")]
#[bench::mulaw_encode("mulaw_encode")]
#[bench::alaw_decode("alaw_decode")]
#[bench::alaw_encode("alaw_encode")]
#[bench::resample_8_24("resample_8_24")]
#[bench::resample_24_8("resample_24_8")]
#[bench::resample_8_16("resample_8_16")]
#[bench::resample_16_8("resample_16_8")]
#[bench::resample_16_24("resample_16_24")]
#[bench::resample_24_16("resample_24_16")]
#[bench::resample_8_24_sharp("resample_8_24_sharp")]
#[bench::resample_24_8_sharp("resample_24_8_sharp")]
#[bench::base64_encode_160("base64_encode_160")]
#[bench::base64_encode_960("base64_encode_960")]
#[bench::base64_encode_4096("base64_encode_4096")]
#[bench::base64_encode_12000("base64_encode_12000")]
#[bench::base64_decode_160("base64_decode_160")]
#[bench::base64_decode_960("base64_decode_960")]
#[bench::base64_decode_4096("base64_decode_4096")]
#[bench::base64_decode_12000("base64_decode_12000")]
#[bench::twilio_read_media("twilio_read_media")]
#[bench::openai_read_delta("openai_read_delta")]
#[bench::twilio_write_media("twilio_write_media")]
#[bench::openai_write_append("openai_write_append")]
#[bench::uplink_pcm24k("uplink_pcm24k")]
#[bench::uplink_mulaw("uplink_mulaw")]
#[bench::downlink_pcm24k("downlink_pcm24k")]
#[bench::downlink_mulaw("downlink_mulaw")]
fn avx2(step: Step) -> Step {
    run(step)
}

// What machines without AVX2 run, where a level can be forced.
#[library_benchmark(setup = forced)]
#[bench::mulaw_decode("mulaw_decode", "Sse4_2")]
#[bench::mulaw_encode("mulaw_encode", "Sse4_2")]
#[bench::alaw_decode("alaw_decode", "Sse4_2")]
#[bench::alaw_encode("alaw_encode", "Sse4_2")]
#[bench::resample_8_24("resample_8_24", "Sse4_2")]
#[bench::resample_24_8("resample_24_8", "Sse4_2")]
#[bench::resample_8_16("resample_8_16", "Sse4_2")]
#[bench::resample_16_8("resample_16_8", "Sse4_2")]
#[bench::resample_16_24("resample_16_24", "Sse4_2")]
#[bench::resample_24_16("resample_24_16", "Sse4_2")]
#[bench::resample_8_24_sharp("resample_8_24_sharp", "Sse4_2")]
#[bench::resample_24_8_sharp("resample_24_8_sharp", "Sse4_2")]
#[bench::base64_encode_160("base64_encode_160", "Sse4_2")]
#[bench::base64_encode_960("base64_encode_960", "Sse4_2")]
#[bench::base64_encode_4096("base64_encode_4096", "Sse4_2")]
#[bench::base64_encode_12000("base64_encode_12000", "Sse4_2")]
#[bench::base64_decode_160("base64_decode_160", "Sse4_2")]
#[bench::base64_decode_960("base64_decode_960", "Sse4_2")]
#[bench::base64_decode_4096("base64_decode_4096", "Sse4_2")]
#[bench::base64_decode_12000("base64_decode_12000", "Sse4_2")]
fn sse4_2(step: Step) -> Step {
    run(step)
}

// What every x86-64 can run.
#[library_benchmark(setup = forced)]
#[bench::mulaw_decode("mulaw_decode", "Sse2")]
#[bench::mulaw_encode("mulaw_encode", "Sse2")]
#[bench::alaw_decode("alaw_decode", "Sse2")]
#[bench::alaw_encode("alaw_encode", "Sse2")]
#[bench::resample_8_24("resample_8_24", "Sse2")]
#[bench::resample_24_8("resample_24_8", "Sse2")]
#[bench::resample_8_16("resample_8_16", "Sse2")]
#[bench::resample_16_8("resample_16_8", "Sse2")]
#[bench::resample_16_24("resample_16_24", "Sse2")]
#[bench::resample_24_16("resample_24_16", "Sse2")]
#[bench::resample_8_24_sharp("resample_8_24_sharp", "Sse2")]
#[bench::resample_24_8_sharp("resample_24_8_sharp", "Sse2")]
fn sse2(step: Step) -> Step {
    run(step)
}

// What knows no levels: its instruction set is the build's.
#[library_benchmark(setup = detected)]
#[bench::jitter_clean("jitter_clean")]
#[bench::conceal_receive("conceal_receive")]
#[bench::voice_detector("voice_detector")]
fn build(step: Step) -> Step {
    run(step)
}

/// The function and its loop are some ten instructions of a step.
#[inline(always)]
fn run(mut step: Step) -> Step {
    for _ in 0..STEPS {
        step();
    }
    step
}

fn detected(name: &str) -> Step {
    let mut step = path(name, STEPS + 1);
    // Detection asks the processor once.
    step();
    step
}

/// On the level of that name; on the scalar code if this machine does not have it, a figure that
/// `instructions.py` then knows not to use.
fn forced(name: &str, level: &str) -> Step {
    let of_name = |candidate: &Level| format!("{candidate:?}").starts_with(level);
    let level = levels().find(of_name);
    path_on(level.unwrap_or(Level::fallback()), name)
}

library_benchmark_group!(name = rows, benchmarks = [avx2, sse4_2, sse2, build]);
main!(library_benchmark_groups = rows);

/// `STEPS` in `instructions.py`.
const STEPS: usize = 100;
