use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use trunkline::bridge::{BargeIn, ModelAudio};

use crate::{agent::AgentSettings, call::Patience};

/// Joins Twilio calls to a realtime model.
///
/// Point a Twilio number's voice webhook at PUBLIC_URL/twilio/incoming-call and its status
/// callback at PUBLIC_URL/twilio/call-status.
///
/// Secrets come from the environment only, since command lines are visible to every user of the
/// machine: TWILIO_AUTH_TOKEN (the account's primary auth token) and OPENAI_API_KEY.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Options {
    /// Address to listen on; a TLS proxy stands before it
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// How Twilio reaches this server, scheme and host, such as `https://voice.example.com`
    #[arg(long, env = "PUBLIC_URL")]
    public_url: String,
    /// Accept requests without Twilio's signature when TWILIO_AUTH_TOKEN is not set
    #[arg(long)]
    insecure: bool,
    /// The model's WebSocket endpoint
    #[arg(
        long,
        env = "OPENAI_REALTIME_URL",
        default_value = "wss://api.openai.com/v1/realtime"
    )]
    openai_url: String,
    /// The model
    #[arg(
        long,
        env = "OPENAI_REALTIME_MODEL",
        default_value = "gpt-realtime-2.1"
    )]
    model: String,
    /// The model's voice
    #[arg(long, env = "VOICE", default_value = "marin")]
    voice: String,
    /// Model that writes down what the caller says; empty for none
    #[arg(long, env = "TRANSCRIPTION_MODEL", default_value = "gpt-transcribe")]
    transcription_model: String,
    /// Audio format between this server and the model
    #[arg(long, env = "MODEL_AUDIO", value_enum, default_value_t = Audio::Pcm24k)]
    model_audio: Audio,
    /// When the caller's voice stops the model's: never, on-speech, after-speech:MS or on-transcript
    ///
    /// The last two hold playback until speech over the model's voice has lasted MS milliseconds or
    /// its first word is understood, and go on with it otherwise.
    #[arg(long, env = "BARGE_IN", default_value = "on-speech", value_parser = barge_in)]
    barge_in: BargeIn,
    /// Listen to the caller here, too, and hold playback before the model reports speech
    #[arg(long, env = "VOICE_DETECTION")]
    voice_detection: bool,
    /// The system prompt
    #[arg(
        long,
        env = "INSTRUCTIONS",
        default_value = "You answer the phone of a small clinic and book appointments. Keep every \
                         answer to one or two short sentences. Use find_slot before you offer a \
                         time, and hang_up once both of you have said goodbye."
    )]
    instructions: String,
    /// What the model is told to say first; empty to let the caller speak first
    #[arg(
        long,
        env = "GREETING",
        default_value = "Greet the caller in one short sentence and ask how you can help."
    )]
    greeting: String,
    /// Minutes after which a model session is replaced by a new one; sessions end after 60
    #[arg(long, env = "SESSION_MINUTES", default_value_t = 55)]
    session_minutes: u64,
    /// Directory with WAV files that agents may greet with
    #[arg(long, env = "GREETINGS_PATH", default_value = "greetings")]
    greetings_path: PathBuf,
    /// WAV file the first agent greets with
    #[arg(long, hide = true)]
    greeting_audio: Option<String>,
    /// Directory for what the database has not taken yet
    #[arg(long, env = "JOURNAL_PATH")]
    journal_path: Option<PathBuf>,
    #[command(flatten)]
    patience: Patience,
    /// Calls at a time; further callers hear the busy tone
    #[arg(long, env = "MAX_CALLS", default_value_t = 100)]
    max_calls: usize,
    /// Seconds that live calls may go on after SIGTERM
    #[arg(long, env = "DRAIN_SECONDS", default_value_t = 30)]
    drain_seconds: u64,
    /// File the JSON lines are appended to, instead of standard output
    #[arg(long, env = "LOG_FILE")]
    log: Option<PathBuf>,
    /// Directory that gets a recording of each call, to be had again with `trunkline-sim replay`: all
    /// that both peers said, the caller's voice included. Whoever may read it may hear the calls
    #[arg(long, env = "FLIGHT_RECORDER", value_name = "DIR")]
    flight_recorder: Option<PathBuf>,
}

/// Everything the server needs to know, checked.
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    /// Scheme and host without a slash at the end.
    pub(crate) public_url: String,
    /// The same as Twilio dials it for a stream.
    pub(crate) stream_url: String,
    /// `None` accepts unsigned requests.
    pub(crate) twilio_auth_token: Option<String>,
    pub(crate) openai_url: String,
    pub(crate) openai_model: String,
    pub(crate) openai_api_key: String,
    pub(crate) voice: String,
    pub(crate) transcription_model: Option<String>,
    pub(crate) model_audio: ModelAudio,
    pub(crate) barge_in: BargeIn,
    pub(crate) voice_detection: bool,
    pub(crate) first_agent: AgentSettings,
    pub(crate) session_length: Duration,
    pub(crate) patience: Patience,
    pub(crate) greetings: PathBuf,
    pub(crate) journal: Option<PathBuf>,
    pub(crate) max_calls: usize,
    pub(crate) drain: Duration,
    pub(crate) log: Option<PathBuf>,
    pub(crate) flight_recorder: Option<PathBuf>,
}

impl Config {
    /// Options checked and joined with the secrets `secret` finds by name.
    pub(crate) fn new(
        options: Options,
        secret: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
        let secret = |name| secret(name).filter(|value| !value.is_empty());
        let twilio_auth_token = secret("TWILIO_AUTH_TOKEN");
        ensure!(
            twilio_auth_token.is_some() || options.insecure,
            "TWILIO_AUTH_TOKEN is not set, so nothing would tell Twilio's requests from anybody's; \
             set it, or accept that with --insecure"
        );
        let public_url = options.public_url.trim_end_matches('/').to_owned();
        let (scheme, host) = public_url
            .split_once("://")
            .context("PUBLIC_URL must start with https://")?;
        ensure!(
            scheme == "https" && !host.is_empty() && !host.contains(['?', '#']),
            "PUBLIC_URL must be https://host, with a path before /twilio at most"
        );
        ensure!(
            options.openai_url.starts_with("wss://") || options.openai_url.starts_with("ws://"),
            "OPENAI_REALTIME_URL must start with wss:// (or ws:// for a simulator)"
        );
        ensure!(
            options.flight_recorder.as_deref().is_none_or(Path::is_dir),
            "FLIGHT_RECORDER must be a directory that exists"
        );
        ensure!(
            options.barge_in != BargeIn::OnTranscript || !options.transcription_model.is_empty(),
            "BARGE_IN=on-transcript needs a TRANSCRIPTION_MODEL"
        );
        Ok(Self {
            listen: options.listen,
            stream_url: format!("wss://{host}{STREAMS_PATH}"),
            openai_url: options.openai_url,
            openai_model: options.model,
            public_url,
            twilio_auth_token,
            openai_api_key: secret("OPENAI_API_KEY").context("OPENAI_API_KEY is not set")?,
            voice: options.voice,
            transcription_model: Some(options.transcription_model).filter(|name| !name.is_empty()),
            model_audio: match options.model_audio {
                Audio::Pcm24k => ModelAudio::Pcm24k,
                Audio::Mulaw => ModelAudio::Mulaw,
            },
            barge_in: options.barge_in,
            voice_detection: options.voice_detection,
            first_agent: AgentSettings {
                name: "First".to_owned(),
                instructions: options.instructions,
                voice: None,
                model: None,
                language: None,
                greeting: Some(options.greeting).filter(|text| !text.is_empty()),
                greeting_audio: options.greeting_audio,
                tools: Vec::new(),
                turn_detection: None,
                enabled: true,
            },
            session_length: Duration::from_secs(60 * options.session_minutes),
            patience: options.patience,
            greetings: options.greetings_path,
            journal: options.journal_path,
            max_calls: options.max_calls,
            drain: Duration::from_secs(options.drain_seconds),
            log: options.log,
            flight_recorder: options.flight_recorder,
        })
    }
}

fn barge_in(text: &str) -> Result<BargeIn, String> {
    let after = text.strip_prefix("after-speech:");
    match (text, after.map(str::parse)) {
        ("never", _) => Ok(BargeIn::Never),
        ("on-speech", _) => Ok(BargeIn::OnSpeech),
        ("on-transcript", _) => Ok(BargeIn::OnTranscript),
        (_, Some(Ok(ms))) => Ok(BargeIn::AfterSpeech(Duration::from_millis(ms))),
        _ => Err("expected never, on-speech, after-speech:MS or on-transcript".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Audio {
    /// 16-bit PCM at 24 kHz, resampled here
    Pcm24k,
    /// G.711 μ-law, passed straight through
    Mulaw,
}

/// Path of the media stream's WebSocket.
pub(crate) const STREAMS_PATH: &str = "/streams";

#[cfg(test)]
mod tests {
    use super::*;

    fn config(arguments: &[&str], secrets: &[(&str, &str)]) -> anyhow::Result<Config> {
        let arguments = ["trunkline-bridge-server"].iter().chain(arguments);
        Config::new(Options::try_parse_from(arguments)?, |name| {
            let found = secrets.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        })
    }

    const BOTH: &[(&str, &str)] = &[("TWILIO_AUTH_TOKEN", "12345"), ("OPENAI_API_KEY", "sk-1")];

    #[test]
    fn refuses_to_start_unsigned_unless_told_so() {
        let key = &[("OPENAI_API_KEY", "sk-1")];
        let url = ["--public-url", "https://voice.example.com"];
        assert!(config(&url, key).is_err());
        assert!(config(&url, &[key[0], ("TWILIO_AUTH_TOKEN", "")]).is_err());
        let insecure = config(&[url[0], url[1], "--insecure"], key).unwrap();
        assert_eq!(insecure.twilio_auth_token, None);
    }

    #[test]
    fn a_given_token_is_used_even_with_insecure() {
        let arguments = ["--public-url", "https://voice.example.com", "--insecure"];
        assert_eq!(
            config(&arguments, BOTH)
                .unwrap()
                .twilio_auth_token
                .as_deref(),
            Some("12345")
        );
    }

    #[test]
    fn urls_are_built_from_the_configuration() {
        let arguments = ["--public-url", "https://voice.example.com/a/"];
        let config = config(&arguments, BOTH).unwrap();
        assert_eq!(config.public_url, "https://voice.example.com/a");
        assert_eq!(config.stream_url, "wss://voice.example.com/a/streams");
    }

    #[test]
    fn interruptions_are_confirmed_as_told() {
        let parsed = |text: &str| {
            let url = ["--public-url", "https://a", "--barge-in", text];
            config(&url, BOTH).map(|config| config.barge_in).ok()
        };
        assert_eq!(parsed("never"), Some(BargeIn::Never));
        assert_eq!(parsed("on-speech"), Some(BargeIn::OnSpeech));
        assert_eq!(parsed("on-transcript"), Some(BargeIn::OnTranscript));
        let after = Duration::from_millis(250);
        assert_eq!(
            parsed("after-speech:250"),
            Some(BargeIn::AfterSpeech(after))
        );
        for wrong in [
            "",
            "after-speech",
            "after-speech:",
            "after-speech:1s",
            "always",
        ] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
        let mute = ["--public-url", "https://a", "--barge-in", "on-transcript"];
        let mute = [&mute[..], &["--transcription-model", ""]].concat();
        assert!(config(&mute, BOTH).is_err());
    }

    #[test]
    fn bad_urls_and_a_missing_key_are_refused() {
        for url in [
            "voice.example.com",
            "http://voice.example.com",
            "https://",
            "https://a?b",
        ] {
            assert!(config(&["--public-url", url], BOTH).is_err(), "{url}");
        }
        let arguments = [
            "--public-url",
            "https://a",
            "--openai-url",
            "https://api.openai.com",
        ];
        assert!(config(&arguments, BOTH).is_err());
        assert!(config(&["--public-url", "https://a"], &BOTH[..1]).is_err());
    }
}
