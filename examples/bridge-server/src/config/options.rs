//! What can be set, as the command line, the environment and `.env` have it.

use std::path::PathBuf;

use clap::Parser;

use crate::call::Patience;

/// Joins Twilio calls to a realtime model.
///
/// Every option is an environment variable, too, and a file `.env` in the working directory is read; the
/// environment wins over the file, the command line over both. Point a Twilio number's voice webhook at
/// PUBLIC_BASE_URL/twilio/incoming-call and its status callback at PUBLIC_BASE_URL/twilio/call-status.
///
/// Secrets come from the environment only, since command lines are visible to every user of the machine:
/// TWILIO_AUTH_TOKEN (the account's primary auth token), OPENAI_API_KEY, API_KEY (what clients of the JSON API show)
/// and TOOL_WEBHOOK_SECRET (what webhook tools are signed with).
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Options {
    /// Address to listen on; a TLS proxy stands before it
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    pub(super) host: String,
    /// Port to listen on; 0 takes a free one
    #[arg(long, env = "PORT", default_value = "8080")]
    pub(super) port: String,
    /// How Twilio reaches this server, such as `https://voice.example.com`
    #[arg(
        long,
        env = "PUBLIC_BASE_URL",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) public_base_url: String,
    /// How Twilio reaches this very server, where several share PUBLIC_BASE_URL behind a balancer: streams go there
    #[arg(
        long,
        env = "NODE_BASE_URL",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) node_base_url: String,
    /// Accept requests without Twilio's signature when TWILIO_AUTH_TOKEN is not set
    #[arg(long)]
    pub(super) insecure: bool,
    /// The account, AC…
    #[arg(
        long,
        env = "TWILIO_ACCOUNT_SID",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) twilio_account_sid: String,
    /// Number that the first agent answers, E.164; further numbers are made through the API
    #[arg(
        long,
        env = "TWILIO_PHONE_NUMBER",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) twilio_phone_number: String,
    /// Twilio's REST API
    #[arg(long, env = "TWILIO_API_URL", default_value = "https://api.twilio.com")]
    pub(super) twilio_api_url: String,
    /// The model's WebSocket endpoint
    #[arg(
        long,
        env = "OPENAI_REALTIME_URL",
        default_value = "wss://api.openai.com/v1/realtime"
    )]
    pub(super) openai_realtime_url: String,
    /// The model, for agents that name none
    #[arg(long, env = "OPENAI_MODEL", default_value = "gpt-realtime-2.1")]
    pub(super) openai_model: String,
    /// Model that writes down what the caller says; empty for none
    #[arg(long, env = "TRANSCRIPTION_MODEL", default_value = "gpt-transcribe")]
    pub(super) transcription_model: String,
    /// Audio format between this server and the model: pcm24k (resampled here) or mulaw (straight through)
    #[arg(long, env = "MODEL_AUDIO", default_value = "pcm24k")]
    pub(super) model_audio: String,
    /// Minutes after which a model session is replaced by a new one; sessions end after 60
    #[arg(long, env = "SESSION_MINUTES", default_value = "55")]
    pub(super) session_minutes: String,
    /// When the caller's voice stops the model's: never, on-speech, after-speech:MS or on-transcript
    ///
    /// The last two hold playback until speech over the model's voice has lasted MS milliseconds or
    /// its first word is understood, and go on with it otherwise.
    #[arg(long, env = "BARGE_IN", default_value = "on-speech")]
    pub(super) barge_in: String,
    /// Listen to the caller here, too, and hold playback before the model reports speech
    #[arg(long, env = "VOICE_DETECTION", num_args = 0..=1, default_value = "false", default_missing_value = "true")]
    pub(super) voice_detection: String,
    /// The voice, for agents that name none
    #[arg(long, env = "VOICE", default_value = "marin")]
    pub(super) voice: String,
    /// The first agent's system prompt
    #[arg(
        long,
        env = "INSTRUCTIONS",
        default_value = "You answer the phone of a small clinic and book appointments. Keep every \
                         answer to one or two short sentences. Use get_slots before you offer a \
                         time, book_slot once the caller has chosen one, and hang_up once both of \
                         you have said goodbye."
    )]
    pub(super) instructions: String,
    /// What the first agent says first; empty to let the caller speak first
    #[arg(
        long,
        env = "GREETING",
        default_value = "Greet the caller in one short sentence and ask how you can help."
    )]
    pub(super) greeting: String,
    /// Directory with WAV files that agents may greet with
    #[arg(long, env = "GREETINGS_PATH", default_value = "greetings")]
    pub(super) greetings_path: PathBuf,
    /// The database: sqlite://FILE?mode=rwc or postgres://USER:PASSWORD@HOST/NAME
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite://trunkline.db?mode=rwc",
        hide_env_values = true
    )]
    pub(super) database_url: String,
    /// Directory for what the database has not taken yet; one server per directory
    #[arg(long, env = "JOURNAL_PATH", default_value = "journal")]
    pub(super) journal_path: PathBuf,
    /// Directory for recordings
    #[arg(long, env = "RECORDING_STORAGE_PATH", default_value = "recordings")]
    pub(super) recording_storage_path: PathBuf,
    /// How calls are recorded: wav (16 kHz PCM), mulaw (8 kHz, as it came) or off
    #[arg(long, env = "RECORDING_FORMAT", default_value = "wav")]
    pub(super) recording_format: String,
    /// Days after which recordings are deleted; 0 keeps them
    #[arg(long, env = "RECORDING_RETENTION_DAYS", default_value = "90")]
    pub(super) recording_retention_days: String,
    /// Hosts that webhook tools may reach though they are internal or without TLS, by commas: HOST or HOST:PORT
    #[arg(
        long,
        env = "TOOL_INTERNAL_HOSTS",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) tool_internal_hosts: String,
    /// Time zone of appointments, by its IANA name
    #[arg(long, env = "TIME_ZONE", default_value = "UTC")]
    pub(super) time_zone: String,
    /// Fill an empty calendar and price list with two weeks of a small clinic
    #[arg(long, env = "SEED_DEMO", num_args = 0..=1, default_value = "false", default_missing_value = "true")]
    pub(super) seed_demo: String,
    /// Calls at a time; further callers hear the busy tone
    #[arg(long, env = "MAX_CALLS", default_value = "100")]
    pub(super) max_calls: String,
    /// Seconds that live calls may go on after SIGTERM
    #[arg(long, env = "DRAIN_SECONDS", default_value = "30")]
    pub(super) drain_seconds: String,
    /// json, one object per line, or text
    #[arg(long, env = "LOG_FORMAT", default_value = "json")]
    pub(super) log_format: String,
    /// File the log is appended to, instead of standard output
    #[arg(long, env = "LOG_FILE")]
    pub(super) log_file: Option<PathBuf>,
    /// Directory that gets a flight recording of each call, to be had again with `trunkline-sim replay`: all that
    /// both peers said, the caller's voice included. Whoever may read it may hear the calls
    #[arg(long, env = "FLIGHT_RECORDER", value_name = "DIR")]
    pub(super) flight_recorder: Option<PathBuf>,
    #[command(flatten)]
    pub(super) patience: Patience,
}
