//! What the server has kept of the call, asked for over its API.

use std::{
    fmt, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{
    api,
    server::{ACCOUNT_SID, API_KEY, NUMBER, Server},
    stage::{AUTH_TOKEN, KEY, PUBLIC_URL},
};

/// A call as the server's database has it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What `GET /api/calls/{id}` has answered.
    pub call: Value,
    /// Bytes of what `GET /api/calls/{id}/recording` has answered.
    pub recording: Vec<u8>,
    /// Where the server has put the recording, below its own directory.
    pub file: PathBuf,
}

impl Kept {
    /// Waits until all of the call is written, and asks everything that [`Display`](fmt::Display) shows how
    /// to ask.
    ///
    /// # Errors
    /// When one of the questions is not answered.
    pub(crate) async fn of(server: &Server, call_sid: &str) -> anyhow::Result<Self> {
        let call = api::finished_call(server.address, call_sid).await?;
        let id = call["id"].as_str().context("a call without an id")?;
        let found = api::get(
            server.address,
            &format!("/api/calls?caller={CALLER}&limit=5"),
        )
        .await?;
        ensure!(found["total"] == 1, "the list of calls is {found:#}");
        for path in questions(id) {
            api::get_bytes(server.address, &path).await?;
        }
        let recording = format!("/api/calls/{id}/recording");
        let file = call["recordings"][0]["file"].as_str();
        Ok(Self {
            recording: api::get_bytes(server.address, &recording).await?,
            file: Path::new("recordings").join(file.context("no recording")?),
            call,
        })
    }

    /// The turns as who and the words, in order.
    pub fn turns(&self) -> impl Iterator<Item = (&str, &str)> {
        let turns = self.call["transcripts"].as_array().into_iter().flatten();
        turns.filter_map(|turn| Some((turn["speaker"].as_str()?, turn["text"].as_str()?)))
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Transcript, from the server's database (the agent's turns as they were heard):"
        )?;
        for (speaker, text) in self.turns() {
            writeln!(f, "  {speaker:<7} {text}")?;
        }
        let analytics = &self.call["analytics"];
        let latencies = analytics["responseLatenciesMs"]
            .as_array()
            .into_iter()
            .flatten();
        let latencies: Vec<String> = latencies.map(|ms| format!("{ms} ms")).collect();
        writeln!(
            f,
            "\nCaller's last sound → answer heard: {}. Interruptions: {}. Sentiment: {} ({}).",
            latencies.join(", "),
            analytics["interruptions"],
            self.call["sentiment"].as_str().unwrap_or("none"),
            analytics["sentiment"],
        )?;
        let seconds = self.call["recordings"][0]["durationMs"]
            .as_f64()
            .unwrap_or_default()
            / 1e3;
        writeln!(
            f,
            "Recording: {} ({seconds:.1} s; left the caller, right the agent as heard)",
            Path::new("demo-output/server").join(&self.file).display(),
        )
    }
}

/// The settings of the demo's server as a file, so that the server can be started again on what it has kept.
/// What was kept before is gone.
pub(crate) fn write_settings(directory: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(directory)?,
    }
    let lines = [
        ("PUBLIC_BASE_URL", PUBLIC_URL),
        ("TWILIO_ACCOUNT_SID", ACCOUNT_SID),
        ("TWILIO_AUTH_TOKEN", AUTH_TOKEN),
        ("TWILIO_PHONE_NUMBER", NUMBER),
        ("OPENAI_API_KEY", KEY),
        ("API_KEY", API_KEY),
        ("SEED_DEMO", "true"),
        ("LOG_FORMAT", "text"),
    ];
    let text: String = lines
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    Ok(fs::write(directory.join(".env"), text)?)
}

/// How to look at a call once the server is started again.
pub fn commands(call_id: &str) -> String {
    let mut text =
        format!("Look at it in another terminal while `make demo-api` runs:\n  KEY={API_KEY}\n");
    for path in questions(call_id) {
        let file = if path.contains("/recording") {
            " -o recording.wav"
        } else {
            ""
        };
        text.push_str(&format!(
            "  curl -sS -H \"Authorization: Bearer $KEY\" '{ADDRESS}{path}'{file}\n"
        ));
    }
    text.push_str(&format!("and at {ADDRESS}/api/docs\n"));
    text
}

fn questions(call_id: &str) -> [String; 6] {
    [
        "/api/calls?q=appointment&limit=5".to_owned(),
        format!("/api/calls/{call_id}"),
        format!("/api/calls/{call_id}/recording?download=true"),
        "/api/analytics?interval=hour".to_owned(),
        "/api/agents".to_owned(),
        "/metrics".to_owned(),
    ]
}

const ADDRESS: &str = "http://127.0.0.1:8080";
/// What the simulated Twilio shows as the caller, `+` escaped.
const CALLER: &str = "%2B15550155";
