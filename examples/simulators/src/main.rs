//! `trunkline-sim`: a Twilio or an OpenAI Realtime service on the command line.

mod cli;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::Cli::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("trunkline-sim: {error:#}");
            ExitCode::from(2)
        }
    }
}
