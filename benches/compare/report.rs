//! The report as Markdown.

use std::fmt::{self, Write as _};
use std::fs;
use std::process::Command;

use crate::clock::ROUNDS;
use crate::codecs::{self, nanoseconds};
use crate::resample::{Comparison, FLOOR_DB};

/// Names in the first column, figures in the others.
pub(crate) struct Table {
    pub(crate) heading: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.heading.join(" | "))?;
        writeln!(f, "|---|{}", "---:|".repeat(self.heading.len() - 1))?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

/// The whole report; times what is not a resampler.
pub(crate) fn text(comparisons: &[Comparison]) -> String {
    let mut text = format!(
        "# Beside other libraries\n\n{INTRODUCTION}\n{}",
        conditions()
    );
    let mut section = |title: &str, about: &str, tables: Vec<Table>| {
        write!(text, "\n## {title}\n\n{about}").expect("memory");
        for table in tables {
            write!(text, "\n{table}").expect("memory");
        }
    };
    let tables = comparisons.iter().map(resample_table).collect();
    section("Resampling", RESAMPLING, tables);
    section("JSON", JSON, vec![codecs::json_table()]);
    section("base64", BASE64, codecs::base64_tables().into());
    let mut tables = vec![codecs::differences()];
    tables.extend(codecs::g711_tables());
    section("G.711", G711, tables);
    text
}

fn resample_table(comparison: &Comparison) -> Table {
    let rows = &comparison.rows;
    let ours = rows[0].time.median;
    let direction = comparison.direction.to_string();
    Table {
        heading: [
            direction.as_str(),
            "time, median",
            "fastest round",
            "ratio",
            "mirrored from 4.6 kHz",
            "mirrored from 4.0 kHz",
            "gain at 3.4 kHz",
            "shift",
            "delay, mean",
            "delay, gapless",
        ]
        .map(String::from)
        .to_vec(),
        rows: rows
            .iter()
            .map(|row| {
                vec![
                    row.name.clone(),
                    nanoseconds(row.time.median),
                    nanoseconds(row.time.min),
                    format!("{:.1}×", row.time.median / ours),
                    decibels(row.levels.mirrored_4600, 1),
                    decibels(row.levels.mirrored_4000, 1),
                    decibels(row.levels.gain_3400, 2),
                    milliseconds(row.delay.shift),
                    milliseconds(row.delay.mean),
                    milliseconds(row.delay.gapless),
                ]
            })
            .collect(),
    }
}

/// Machine, compiler and libraries of this run.
fn conditions() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        writeln!(text, "| {name} | {value} |").expect("memory");
    };
    line("command", "`make compare`");
    line("date", &output_of("date", &["+%F"]));
    line(
        "CPU",
        &format!("{cpu}, {cores} cores, {}", instruction_set()),
    );
    line("compiler", &output_of("rustc", &["--version"]));
    line("built for", built_for());
    line("crates", &crate_versions());
    line("Debian's", &debian_versions());
    line(
        "times",
        &format!("medians of {ROUNDS} rounds, in each of which all take their turn"),
    );
    format!("| | |\n|---|---|\n{text}")
}

/// What the libraries that choose at run time can choose.
fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512vbmi") && is_x86_feature_detected!("avx512vnni") {
            return "AVX-512 with VBMI and VNNI";
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return "AVX2";
        }
        if is_x86_feature_detected!("sse4.2") {
            return "SSE4.2";
        }
        "SSE2"
    }
    #[cfg(target_arch = "aarch64")]
    {
        "NEON"
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        std::env::consts::ARCH
    }
}

/// What those have that chose when they were compiled, as sonic-rs does.
fn built_for() -> &'static str {
    if cfg!(target_feature = "avx512f") {
        "x86-64 with AVX-512"
    } else if cfg!(target_feature = "avx2") {
        "x86-64 with AVX2"
    } else if cfg!(target_arch = "x86_64") {
        "any x86-64 (SSE2)"
    } else {
        std::env::consts::ARCH
    }
}

fn crate_versions() -> String {
    let lock = include_str!("../../Cargo.lock");
    let versions = CRATES.map(|name| {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let (_, rest) = lock.split_once(&entry).expect("it is built with");
        let (version, _) = rest.split_once('"').expect("a quoted version");
        format!("{name} {version}")
    });
    versions.join(", ")
}

fn debian_versions() -> String {
    let arguments = [
        "-W",
        "-f=${Package} ${Version}, ",
        "libsoxr0",
        "libspeexdsp1",
        "libsamplerate0",
    ];
    output_of("dpkg-query", &arguments)
        .trim_end_matches(',')
        .to_owned()
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match text {
        Ok(text) if !text.is_empty() => text,
        _ => "unknown".to_owned(),
    }
}

fn decibels(level: f64, digits: usize) -> String {
    if level < -FLOOR_DB {
        return format!("< −{FLOOR_DB:.0} dB");
    }
    format!("{} dB", signed(level, digits))
}

fn milliseconds(time: f64) -> String {
    format!("{} ms", signed(time, 2))
}

/// Without a sign before zeros.
fn signed(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if value < 0.0 && !is_zero {
        format!("−{text}")
    } else {
        text
    }
}

const INTRODUCTION: &str = "\
Made by `make compare`, all in one run. Each library is set up as its documentation shows and works
from the caller's slices into the caller's slices where it can. Ratios are to the first row.
";

const RESAMPLING: &str = "\
A stream of 16-bit samples in frames of 20 ms, conversion from and to floats included where a
library needs it.

- **Mirrored**: tones are sent through, every 50 Hz, and looked for where their mirror images belong
  (8 kHz ± the tone going up; going down, tones above 4 kHz at what they fold to). The figure is the
  strongest, relative to the tone that was put in: of images (going down, of tones) from 4.6 kHz on,
  which is what Voice promises, and from 4.0 kHz on, half the lower rate, which is what Sharp
  promises. Beyond −105 dB it would be that of rounding or dithering to 16 bits.
- **Gain at 3.4 kHz**: where the telephone band ends.
- **Shift**: how far a pulse moves within the samples that come out.
- **Delay, mean**: the shift, and how much later than with the frame of its time a sample comes out,
  on average. A frame takes 20 ms to arrive whatever becomes of it; that is not counted.
- **Delay, gapless**: the shift, and how long playback must be put off so that it never runs dry.
  More than the mean where output comes in bursts.

libsoxr dithers, as it does by default for 16 bits. `rubato sinc 128 quadratic` is the setting of its
example, `256 cubic` its default, `128 nearest` what its documentation advises for ratios as simple as
three. `linear` is what `audioop.ratecv` does.

![mirror images over time](peers.svg)

![delay over time](peers-delay.svg)
";

const JSON: &str = "\
All read the same fields, checked to be equal: of `media` the stream, the track, the time stamp as a
number and the payload, still base64; of a delta the response, the item, the content part and the
audio. *Struct* is one with borrowed texts that names just these fields, so that the others are
skipped. simd-json reads in place and leaves the text damaged: it gets a copy each time. sonic-rs has
its instruction set from the compiler, the others choose at run time or need none:
`RUSTFLAGS='-C target-cpu=native' make compare` gives it what the machine has.
";

const BASE64: &str = "Into a slice, with padding. All refuse a wrong character wherever it is.\n";

const G711: &str = "\
trunkline is ITU-T's reference for every input, by its tests. Where the others differ:
";

const CRATES: [&str; 11] = [
    "rubato",
    "soxr",
    "serde_json",
    "sonic-rs",
    "simd-json",
    "base64",
    "base64-simd",
    "base64-turbo",
    "audio-codec",
    "audio-codec-algorithms",
    "wavekat-core",
];
