//! The settings, checked as a whole.

mod options;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use jiff::tz::TimeZone;
use trunkline::bridge::{BargeIn, ModelAudio};

pub(crate) use self::options::Options;
use crate::{
    agent::{AgentSettings, MAX_SESSION, Tool, is_e164, session_len},
    call::Patience,
    record::RecordingFormat,
};

/// Everything the server needs to know. Holds secrets: never printed.
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    /// Scheme and host without a slash at the end.
    pub(crate) public_url: String,
    /// The same of this node alone.
    pub(crate) node_url: String,
    /// That as Twilio dials it for a stream.
    pub(crate) stream_url: String,
    pub(crate) twilio_account_sid: String,
    /// `None` accepts unsigned requests.
    pub(crate) twilio_auth_token: Option<String>,
    pub(crate) twilio_api_url: String,
    pub(crate) openai_url: String,
    pub(crate) openai_model: String,
    pub(crate) openai_api_key: String,
    pub(crate) voice: String,
    pub(crate) transcription_model: Option<String>,
    pub(crate) model_audio: ModelAudio,
    pub(crate) session_length: Duration,
    pub(crate) patience: Patience,
    pub(crate) barge_in: BargeIn,
    pub(crate) voice_detection: bool,
    /// The agent that an empty database begins with, and its number.
    pub(crate) first_agent: AgentSettings,
    pub(crate) first_number: Option<String>,
    pub(crate) greetings: PathBuf,
    pub(crate) database_url: String,
    pub(crate) journal: PathBuf,
    pub(crate) recordings: PathBuf,
    /// `None`: calls are not recorded.
    pub(crate) recording_format: Option<RecordingFormat>,
    /// `None`: recordings are kept.
    pub(crate) recording_retention: Option<Duration>,
    pub(crate) tool_webhook_secret: Option<String>,
    pub(crate) tool_internal_hosts: Vec<String>,
    pub(crate) time_zone: TimeZone,
    pub(crate) seed_demo: bool,
    pub(crate) api_key: String,
    pub(crate) max_calls: usize,
    pub(crate) drain: Duration,
    pub(crate) log_format: LogFormat,
    pub(crate) log: Option<PathBuf>,
    pub(crate) flight_recorder: Option<PathBuf>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Json,
    Text,
}

impl Config {
    /// Options checked and joined with the secrets `secret` finds by name.
    ///
    /// # Errors
    /// All that is wrong, in one message.
    pub(crate) fn new(
        options: Options,
        secret: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let secret = |name| secret(name).filter(|value| !value.is_empty());

        let first_agent = first_agent(options.instructions, options.greeting);
        problems.check(
            !first_agent.instructions.is_empty() && session_len(&first_agent) <= MAX_SESSION,
            "INSTRUCTIONS",
            "must not be empty, nor longer than some 18 KiB",
        );
        let host: Option<IpAddr> = problems.parse("HOST", &options.host, "an IP address");
        let port: Option<u16> = problems.parse("PORT", &options.port, "a port from 0 to 65535");
        let public_url = options.public_base_url.trim_end_matches('/').to_owned();
        let public_host = base_host(&public_url);
        problems.check(
            public_host.is_some(),
            "PUBLIC_BASE_URL",
            "must be https://host, with a path before /twilio at most",
        );
        let node_url = match options.node_base_url.trim_end_matches('/') {
            "" => public_url.clone(),
            url => url.to_owned(),
        };
        let node_host = base_host(&node_url);
        problems.check(
            public_host.is_none() || node_host.is_some(),
            "NODE_BASE_URL",
            "must be https://host, with a path before /twilio at most",
        );
        let stream_url = format!("wss://{}{STREAMS_PATH}", node_host.unwrap_or_default());

        let twilio_auth_token = secret("TWILIO_AUTH_TOKEN");
        problems.check(
            twilio_auth_token.is_some() || options.insecure,
            "TWILIO_AUTH_TOKEN",
            "is not set, so nothing would tell Twilio's requests from anybody's; set it, or accept that with --insecure",
        );
        let sid = &options.twilio_account_sid;
        problems.check(
            sid.len() == 34
                && sid.starts_with("AC")
                && sid[2..].bytes().all(|byte| byte.is_ascii_hexdigit()),
            "TWILIO_ACCOUNT_SID",
            "must be AC and 32 hexadecimal digits",
        );
        let number = &options.twilio_phone_number;
        problems.check(
            number.is_empty() || is_e164(number),
            "TWILIO_PHONE_NUMBER",
            "must be an E.164 number such as +15550100",
        );
        problems.check(
            is_url(&options.twilio_api_url, &["https", "http"]),
            "TWILIO_API_URL",
            "must start with https:// (or http:// for a simulator)",
        );

        problems.check(
            is_url(&options.openai_realtime_url, &["wss", "ws"]),
            "OPENAI_REALTIME_URL",
            "must start with wss:// (or ws:// for a simulator)",
        );
        let openai_api_key = secret("OPENAI_API_KEY").unwrap_or_default();
        problems.check(
            !openai_api_key.is_empty()
                && openai_api_key.bytes().all(|byte| byte.is_ascii_graphic()),
            "OPENAI_API_KEY",
            "must be set, without spaces",
        );
        problems.check(
            !options.openai_model.is_empty(),
            "OPENAI_MODEL",
            "must not be empty",
        );
        let model_audio = match &*options.model_audio {
            "pcm24k" => Some(ModelAudio::Pcm24k),
            "mulaw" => Some(ModelAudio::Mulaw),
            _ => None,
        };
        problems.check(
            model_audio.is_some(),
            "MODEL_AUDIO",
            "must be pcm24k or mulaw",
        );
        let session_minutes = problems.within("SESSION_MINUTES", &options.session_minutes, 1, 59);
        let barge_in = barge_in(&options.barge_in);
        problems.check(
            barge_in.is_some(),
            "BARGE_IN",
            "must be never, on-speech, after-speech:MS or on-transcript",
        );
        problems.check(
            barge_in != Some(BargeIn::OnTranscript) || !options.transcription_model.is_empty(),
            "BARGE_IN",
            "on-transcript needs a TRANSCRIPTION_MODEL",
        );
        let voice_detection =
            problems.parse("VOICE_DETECTION", &options.voice_detection, "true or false");

        problems.check(
            options.database_url.starts_with("sqlite:")
                || options.database_url.starts_with("postgres:")
                || options.database_url.starts_with("postgresql:"),
            "DATABASE_URL",
            "must start with sqlite: or postgres:",
        );
        let recording_format = match &*options.recording_format {
            "wav" => Some(Some(RecordingFormat::Wav)),
            "mulaw" => Some(Some(RecordingFormat::Mulaw)),
            "off" => Some(None),
            _ => None,
        };
        problems.check(
            recording_format.is_some(),
            "RECORDING_FORMAT",
            "must be wav, mulaw or off",
        );
        let retention_days = problems.within(
            "RECORDING_RETENTION_DAYS",
            &options.recording_retention_days,
            0,
            36_500,
        );
        let time_zone = TimeZone::get(&options.time_zone).ok();
        problems.check(
            time_zone.is_some(),
            "TIME_ZONE",
            "must be the name of an IANA time zone such as Europe/Berlin",
        );
        let seed_demo = problems.parse("SEED_DEMO", &options.seed_demo, "true or false");
        let api_key = secret("API_KEY").unwrap_or_default();
        problems.check(
            api_key.len() >= MIN_API_KEY && api_key.bytes().all(|byte| byte.is_ascii_graphic()),
            "API_KEY",
            "must be at least 16 characters without spaces, such as `openssl rand -hex 16` gives",
        );
        let tool_webhook_secret = secret("TOOL_WEBHOOK_SECRET");
        problems.check(
            tool_webhook_secret
                .as_ref()
                .is_none_or(|secret| secret.len() >= MIN_API_KEY),
            "TOOL_WEBHOOK_SECRET",
            "must be at least 16 characters",
        );

        let max_calls = problems.within("MAX_CALLS", &options.max_calls, 1, 100_000);
        let drain_seconds = problems.within("DRAIN_SECONDS", &options.drain_seconds, 0, 86_400);
        let log_format = match &*options.log_format {
            "json" => Some(LogFormat::Json),
            "text" => Some(LogFormat::Text),
            _ => None,
        };
        problems.check(log_format.is_some(), "LOG_FORMAT", "must be json or text");
        problems.check(
            options
                .flight_recorder
                .as_deref()
                .is_none_or(std::path::Path::is_dir),
            "FLIGHT_RECORDER",
            "must be a directory that exists",
        );

        let complete = || {
            Some(Self {
                listen: SocketAddr::new(host?, port?),
                public_url,
                node_url,
                stream_url,
                twilio_account_sid: options.twilio_account_sid,
                twilio_auth_token,
                twilio_api_url: options.twilio_api_url.trim_end_matches('/').to_owned(),
                openai_url: options.openai_realtime_url,
                openai_model: options.openai_model,
                openai_api_key,
                voice: options.voice,
                transcription_model: Some(options.transcription_model)
                    .filter(|name| !name.is_empty()),
                model_audio: model_audio?,
                session_length: Duration::from_secs(60 * session_minutes?),
                patience: options.patience,
                barge_in: barge_in?,
                voice_detection: voice_detection?,
                first_agent,
                first_number: Some(options.twilio_phone_number).filter(|text| !text.is_empty()),
                greetings: options.greetings_path,
                database_url: options.database_url,
                journal: options.journal_path,
                recordings: options.recording_storage_path,
                recording_format: recording_format?,
                recording_retention: Some(retention_days?)
                    .filter(|days| *days > 0)
                    .map(|days| Duration::from_secs(24 * 3_600 * days)),
                tool_webhook_secret,
                tool_internal_hosts: options
                    .tool_internal_hosts
                    .split(',')
                    .map(|host| host.trim().to_owned())
                    .filter(|host| !host.is_empty())
                    .collect(),
                time_zone: time_zone?,
                seed_demo: seed_demo?,
                api_key,
                max_calls: usize::try_from(max_calls?).ok()?,
                drain: Duration::from_secs(drain_seconds?),
                log_format: log_format?,
                log: options.log_file,
                flight_recorder: options.flight_recorder,
            })
        };
        match complete() {
            Some(config) if problems.0.is_empty() => Ok(config),
            _ => Err(problems),
        }
    }
}

/// All that is wrong with the settings.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    fn check(&mut self, is_met: bool, name: &str, sentence: &str) {
        if !is_met {
            self.0.push(format!("{name} {sentence}"));
        }
    }

    fn parse<T: std::str::FromStr>(&mut self, name: &str, text: &str, what: &str) -> Option<T> {
        let value = text.parse().ok();
        self.check(value.is_some(), name, &format!("must be {what}"));
        value
    }

    fn within(&mut self, name: &str, text: &str, least: u64, most: u64) -> Option<u64> {
        let value = text
            .parse()
            .ok()
            .filter(|value| (least..=most).contains(value));
        let sentence = format!("must be a whole number from {least} to {most}");
        self.check(value.is_some(), name, &sentence);
        value
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server cannot start with these settings:")?;
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What stands behind `https://` in a base URL that webhooks can be found below.
fn base_host(url: &str) -> Option<&str> {
    url.strip_prefix("https://")
        .filter(|host| !host.is_empty() && !host.contains(['?', '#', ' ', '@']))
}

fn is_url(text: &str, schemes: &[&str]) -> bool {
    text.split_once("://")
        .is_some_and(|(scheme, rest)| schemes.contains(&scheme) && !rest.is_empty())
}

fn barge_in(text: &str) -> Option<BargeIn> {
    match text {
        "never" => Some(BargeIn::Never),
        "on-speech" => Some(BargeIn::OnSpeech),
        "on-transcript" => Some(BargeIn::OnTranscript),
        _ => {
            let ms = text.strip_prefix("after-speech:")?.parse().ok()?;
            Some(BargeIn::AfterSpeech(Duration::from_millis(ms)))
        }
    }
}

fn first_agent(instructions: String, greeting: String) -> AgentSettings {
    AgentSettings {
        name: "Front desk".to_owned(),
        instructions,
        voice: None,
        model: None,
        language: None,
        greeting: Some(greeting).filter(|text| !text.is_empty()),
        greeting_audio: None,
        tools: vec![
            Tool::GetSlots,
            Tool::BookSlot,
            Tool::GetPricing,
            Tool::HangUp,
        ],
        turn_detection: None,
        enabled: true,
    }
}

/// Path of the media stream's WebSocket.
pub(crate) const STREAMS_PATH: &str = "/streams";
/// 128 bits in base64 take 22 characters, a passphrase as strong no fewer than 16.
const MIN_API_KEY: usize = 16;

#[cfg(test)]
mod tests;
