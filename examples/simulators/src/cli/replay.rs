//! `trunkline-sim replay`

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use trunkline::bridge::Output;
use trunkline::flight::{Input, Replay as Player, ReplayError, Step};
use trunkline::{Bridge, Error};

/// Have a recorded call again: give a bridge what a flight recorder wrote down, and compare.
///
/// Prints what went in and what came out. The exit code is 0 if every output is what it was, byte
/// for byte, 1 at the first that is not, and 2 for a file that is damaged, breaks off or is no
/// recording.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The recording.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write every output to this file, one JSON object per line: t (seconds), kind, text.
    #[arg(long, value_name = "OUT.jsonl")]
    outputs: Option<PathBuf>,
}

impl Replay {
    pub(super) fn run(self) -> Result<ExitCode> {
        let name = self.file.display();
        let bytes = fs::read(&self.file).with_context(|| format!("cannot read {name}"))?;
        let mut player = Player::new(&bytes).with_context(|| format!("cannot replay {name}"))?;
        let mut outputs = match &self.outputs {
            Some(path) => {
                let file = File::create(path);
                let file = file.with_context(|| format!("cannot create {}", path.display()))?;
                Some(BufWriter::new(file))
            }
            None => None,
        };
        let (summary, end) = play(&mut player, outputs.as_mut())?;
        if let Some(mut outputs) = outputs {
            outputs.flush()?;
        }
        summary.print(&player);
        let tally = format!(
            "{} outputs, {} bytes, digest {:016x}",
            player.outputs(),
            player.output_bytes(),
            player.digest()
        );
        match end {
            Ok(is_whole) => {
                println!("outputs identical: {tally}");
                if !is_whole {
                    println!("the recorder was full there; the call went on, unrecorded");
                }
                Ok(ExitCode::SUCCESS)
            }
            Err(ReplayError::Recording(error)) => {
                println!("outputs identical as far as the recording goes: {tally}");
                Err(error).with_context(|| format!("cannot replay {name} to its end"))
            }
            Err(error) => {
                println!("outputs identical up to there: {tally}");
                println!("MISMATCH: {error}");
                if let Some((at, input)) = summary.last_input {
                    println!("last input: {:.6} s, {}", at.as_secs_f64(), clip(&input));
                }
                Ok(ExitCode::from(1))
            }
        }
    }
}

/// Replays all there is; `Ok(false)` if the recorder was full at the end.
fn play(
    player: &mut Player<'_>,
    mut outputs: Option<&mut BufWriter<File>>,
) -> Result<(Summary, Result<bool, ReplayError>)> {
    let mut summary = Summary::default();
    let mut bridge = Bridge::new(player.config().clone());
    let mut buf = vec![0; bridge.max_output_len()];
    let mut is_whole = true;
    loop {
        match player.step(&mut bridge, &mut buf) {
            Ok(Some(Step::Input { now, input, result })) => summary.input(now, &input, result),
            Ok(Some(Step::Output { now, output })) => {
                let (kind, text) = describe(&output);
                *summary.outputs.entry(kind.clone()).or_default() += 1;
                if let Some(outputs) = &mut outputs {
                    let line = json!({ "t": now.as_secs_f64(), "kind": kind, "text": text });
                    writeln!(outputs, "{line}").context("cannot write the outputs")?;
                }
            }
            Ok(Some(Step::Stopped)) => is_whole = false,
            Ok(Some(_)) => {}
            Ok(None) => return Ok((summary, Ok(is_whole))),
            Err(ReplayError::Result { input, actual }) => {
                // The step that failed is the input itself.
                summary.last_input = None;
                return Ok((summary, Err(ReplayError::Result { input, actual })));
            }
            Err(error) => return Ok((summary, Err(error))),
        }
    }
}

#[derive(Default)]
struct Summary {
    times: Option<(Duration, Duration)>,
    inputs: BTreeMap<&'static str, u64>,
    refused: BTreeMap<String, u64>,
    outputs: BTreeMap<String, u64>,
    last_input: Option<(Duration, String)>,
}

impl Summary {
    fn input(&mut self, now: Duration, input: &Input<'_>, result: Result<(), Error>) {
        let (first, last) = self.times.unwrap_or((now, now));
        self.times = Some((first, last.max(now)));
        *self.inputs.entry(input.method()).or_default() += 1;
        if let Err(error) = result {
            *self.refused.entry(error.to_string()).or_default() += 1;
        }
        let told = match input {
            Input::Twilio(text) | Input::OpenAi(text) => format!("{}: {text}", input.method()),
            other => format!("{other:?}"),
        };
        self.last_input = Some((now, told));
    }

    fn print(&self, player: &Player<'_>) {
        let (first, last) = self.times.unwrap_or_default();
        println!(
            "recorded by trunkline {}, {:?}, {:.3} s",
            player.crate_version(),
            player.config().model_audio,
            last.saturating_sub(first).as_secs_f64()
        );
        if player.crate_version() != env!("CARGO_PKG_VERSION") {
            println!(
                "this is trunkline {}: outputs may differ for that alone",
                env!("CARGO_PKG_VERSION")
            );
        }
        print_counts("inputs", self.inputs.iter());
        print_counts("refused", self.refused.iter());
        print_counts("outputs", self.outputs.iter());
    }
}

fn print_counts<'a, K: std::fmt::Display + 'a>(
    title: &str,
    counts: impl Iterator<Item = (K, &'a u64)>,
) {
    let parts: Vec<_> = counts
        .map(|(name, count)| (count, format!("{count} {name}")))
        .collect();
    if parts.is_empty() {
        return;
    }
    let total: u64 = parts.iter().map(|&(count, _)| count).sum();
    let parts: Vec<_> = parts.into_iter().map(|(_, part)| part).collect();
    println!("{title}: {total} ({})", parts.join(", "));
}

/// The kind of an output and its text.
fn describe(output: &Output<'_>) -> (String, String) {
    match output {
        Output::ToTwilio(text) => ("to_twilio".into(), (*text).into()),
        Output::ToOpenAi(text) => ("to_openai".into(), (*text).into()),
        Output::Event(event) => {
            let text = format!("{event:?}");
            let name = text.split([' ', '{']).next().unwrap_or_default();
            (format!("event {name}"), text)
        }
    }
}

/// The first of a long text.
fn clip(text: &str) -> String {
    let short: String = text.chars().take(300).collect();
    if short.len() < text.len() {
        format!("{short}… ({} bytes)", text.len())
    } else {
        short
    }
}
