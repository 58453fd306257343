//! Plays and measures one call through the bridge server.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::ensure;
use clap::{Parser, ValueEnum};
use trunkline_demo::{Call, ModelAudio, Options, Storm, commands};

/// Plays a conversation of three turns and one barge-in through the bridge server, measures it,
/// and fails if anything about it is wrong; in a storm, if more is wrong than a storm excuses.
///
/// Leaves call.wav (left: the caller, right: the agent as heard), call.jsonl (the merged log),
/// call.svg, report.md, and `server` with what the server has kept: its database and its recording.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// What is played
    #[arg(value_enum, default_value_t = Play::Call)]
    play: Play,
    /// The server's program [default: trunkline-bridge-server beside this one]
    #[arg(long)]
    server: Option<PathBuf>,
    /// Where the results go [default: demo-output, demo-output/storm]
    #[arg(long)]
    output: Option<PathBuf>,
    /// Audio format between the server and the model
    #[arg(long, value_enum, default_value_t = Audio::Pcm24k)]
    model_audio: Audio,
    /// WAV files and their words [default: those that come with the source]
    #[arg(long)]
    speech: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Play {
    /// The conversation, on a good day
    Call,
    /// The conversation while both peers and the network misbehave, then calls that break off
    Storm,
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
    let output = arguments.output.unwrap_or_else(|| match arguments.play {
        Play::Call => "demo-output".into(),
        Play::Storm => "demo-output/storm".into(),
    });
    let speech = Path::new(env!("CARGO_MANIFEST_DIR")).join("speech");
    let options = Options {
        server: arguments.server.map_or_else(beside, Ok)?,
        speech: arguments.speech.unwrap_or(speech),
        model_audio: match arguments.model_audio {
            Audio::Pcm24k => ModelAudio::Pcm24k,
            Audio::Mulaw => ModelAudio::Mulaw,
        },
        shows_progress: true,
        server_data: match arguments.play {
            Play::Call => Some(output.join("server")),
            Play::Storm => None,
        },
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let began = Instant::now();
    let told = || println!("\n{:.1} s; measuring …\n", began.elapsed().as_secs_f64());
    let mut kept = None;
    let checks = match arguments.play {
        Play::Call => {
            let call = runtime.block_on(Call::play(&options))?;
            told();
            call.write(&output)?;
            kept = call.kept.clone();
            call.checks()?
        }
        Play::Storm => {
            let storm = runtime.block_on(Storm::play(&options))?;
            told();
            storm.write(&output)?;
            storm.checks()?
        }
    };
    for check in &checks {
        println!("{check}");
    }
    if let Some(kept) = kept {
        let id = kept.call["id"].as_str().unwrap_or_default();
        println!("\n{kept}\n{}", commands(id));
    }
    println!("\nReport: {}", output.join("report.md").display());
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
