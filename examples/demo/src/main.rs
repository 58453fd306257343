//! Plays and measures one call through the bridge server.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::ensure;
use clap::{Parser, ValueEnum};
use trunkline_demo::{Call, ModelAudio, Options};

/// Plays a conversation of three turns and one barge-in through the bridge server, measures it,
/// and fails if anything about it is wrong.
///
/// Leaves call.wav (left: the caller, right: the agent as heard), call.jsonl (the merged log),
/// call.svg and report.md.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The server's program [default: trunkline-bridge-server beside this one]
    #[arg(long)]
    server: Option<PathBuf>,
    /// Where the results go
    #[arg(long, default_value = "demo-output")]
    output: PathBuf,
    /// Audio format between the server and the model
    #[arg(long, value_enum, default_value_t = Audio::Pcm24k)]
    model_audio: Audio,
    /// WAV files and their words [default: those that come with the source]
    #[arg(long)]
    speech: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Audio {
    /// 16-bit PCM at 24 kHz, resampled by the bridge
    Pcm24k,
    /// G.711 μ-law, passed straight through
    Mulaw,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let speech = Path::new(env!("CARGO_MANIFEST_DIR")).join("speech");
    let options = Options {
        server: arguments.server.map_or_else(beside, Ok)?,
        speech: arguments.speech.unwrap_or(speech),
        model_audio: match arguments.model_audio {
            Audio::Pcm24k => ModelAudio::Pcm24k,
            Audio::Mulaw => ModelAudio::Mulaw,
        },
        shows_progress: true,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let began = Instant::now();
    let call = runtime.block_on(Call::play(&options))?;
    println!("\n{:.1} s; measuring …\n", began.elapsed().as_secs_f64());
    call.write(&arguments.output)?;
    let checks = call.checks()?;
    for check in &checks {
        println!("{check}");
    }
    println!("\nReport: {}", arguments.output.join("report.md").display());
    let all_good = checks.iter().all(|check| check.is_met);
    Ok(if all_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The server built together with this program.
fn beside() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("trunkline-bridge-server");
    ensure!(
        path.exists(),
        "{} is missing; build trunkline-bridge-server",
        path.display()
    );
    Ok(path)
}
