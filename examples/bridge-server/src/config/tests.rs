use clap::{CommandFactory, Parser};

use super::*;

type Pairs<'a> = &'a [(&'a str, &'a str)];

const SECRETS: Pairs<'static> = &[
    ("TWILIO_AUTH_TOKEN", "12345"),
    ("OPENAI_API_KEY", "sk-1"),
    ("API_KEY", "0123456789abcdef"),
];

/// What a server needs, with `arguments` added or put in place.
fn config(arguments: &[&str], secrets: Pairs<'_>) -> Result<Config, String> {
    let mut all = vec![
        ("--public-base-url", "https://voice.example.com"),
        ("--twilio-account-sid", "AC55555555555555555555555555555555"),
    ];
    for pair in arguments.chunks(2) {
        all.retain(|(name, _)| *name != pair[0]);
    }
    let all = all.iter().flat_map(|(name, value)| [*name, *value]);
    let all = ["trunkline-bridge-server"]
        .into_iter()
        .chain(all)
        .chain(arguments.iter().copied());
    let options = Options::try_parse_from(all).map_err(|error| error.to_string())?;
    Config::new(options, |name| {
        let found = secrets.iter().find(|(key, _)| *key == name)?;
        Some(found.1.to_owned())
    })
    .map_err(|problems| problems.to_string())
}

#[test]
fn one_message_lists_all_that_is_wrong() {
    let arguments = [
        ["--public-base-url", "http://voice.example.com"],
        ["--port", "65536"],
        ["--twilio-account-sid", "AC1"],
        ["--twilio-phone-number", "5550100"],
        ["--openai-realtime-url", "https://api.openai.com"],
        ["--database-url", "mysql://localhost"],
        ["--recording-format", "mp3"],
        ["--recording-retention-days", "40000"],
        ["--time-zone", "Mars/Olympus"],
        ["--max-calls", "0"],
        ["--log-format", "xml"],
        ["--model-audio", "opus"],
        ["--session-minutes", "60"],
        ["--barge-in", "always"],
        ["--voice-detection", "perhaps"],
        ["--host", "localhost"],
        ["--flight-recorder", "/nowhere"],
        ["--drain-seconds", "soon"],
        ["--twilio-api-url", "api.twilio.com"],
    ];
    let message = config(&arguments.concat(), &[]).err().unwrap();
    for name in [
        "PUBLIC_BASE_URL",
        "PORT",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_PHONE_NUMBER",
        "TWILIO_API_URL",
        "OPENAI_REALTIME_URL",
        "OPENAI_API_KEY",
        "DATABASE_URL",
        "RECORDING_FORMAT",
        "RECORDING_RETENTION_DAYS",
        "TIME_ZONE",
        "API_KEY",
        "MAX_CALLS",
        "LOG_FORMAT",
        "MODEL_AUDIO",
        "SESSION_MINUTES",
        "BARGE_IN",
        "VOICE_DETECTION",
        "HOST",
        "FLIGHT_RECORDER",
        "DRAIN_SECONDS",
    ] {
        let lines = message
            .lines()
            .filter(|line| line.starts_with(&format!("  {name} ")));
        assert_eq!(lines.count(), 1, "{name} in {message}");
    }
}

#[test]
fn each_setting_alone_is_enough_to_refuse() {
    assert!(config(&[], SECRETS).is_ok());
    for missing in 0..SECRETS.len() {
        let mut secrets = SECRETS.to_vec();
        let (name, _) = secrets.remove(missing);
        let message = config(&[], &secrets).err().unwrap();
        assert!(
            message.contains(name) && message.lines().count() == 2,
            "{message}"
        );
    }
    for (name, wrong) in [
        ("--public-base-url", "voice.example.com"),
        ("--public-base-url", "https://"),
        ("--public-base-url", "https://a?b"),
        ("--openai-realtime-url", "wss://"),
        ("--openai-model", ""),
    ] {
        let message = config(&[name, wrong], SECRETS).err().unwrap();
        assert_eq!(message.lines().count(), 2, "{message}");
    }
}

#[test]
fn refuses_to_start_unsigned_unless_told_so() {
    let secrets = [("TWILIO_AUTH_TOKEN", ""), SECRETS[1], SECRETS[2]];
    let message = config(&[], &secrets).err().unwrap();
    assert!(message.contains("--insecure"), "{message}");
    let insecure = config(&["--insecure"], &secrets).unwrap();
    assert_eq!(insecure.twilio_auth_token, None);
    // A given token is used all the same.
    let signed = config(&["--insecure"], SECRETS).unwrap();
    assert_eq!(signed.twilio_auth_token.as_deref(), Some("12345"));
}

#[test]
fn no_secret_is_told() {
    let secrets = [
        ("TWILIO_AUTH_TOKEN", "secret-1"),
        ("OPENAI_API_KEY", "secret 2"),
        ("API_KEY", "secret-3"),
        ("TOOL_WEBHOOK_SECRET", "secret-4"),
    ];
    let database = ["--database-url", "mysql://me:secret-5@localhost"];
    let message = config(&database, &secrets).err().unwrap();
    assert_eq!(message.lines().count(), 5, "{message}");
    assert!(
        !message.contains("secret-") && !message.contains("secret 2"),
        "{message}"
    );
}

#[test]
fn urls_are_built_from_the_settings() {
    let base = ["--public-base-url", "https://voice.example.com/a/"];
    let config = config(&base, SECRETS).unwrap();
    assert_eq!(config.public_url, "https://voice.example.com/a");
    assert_eq!(config.stream_url, "wss://voice.example.com/a/streams");
}

#[test]
fn streams_go_to_the_very_node_where_there_are_several() {
    let node = ["--node-base-url", "https://node1.example.com/"];
    let several = config(&node, SECRETS).unwrap();
    assert_eq!(several.public_url, "https://voice.example.com");
    assert_eq!(several.node_url, "https://node1.example.com");
    assert_eq!(several.stream_url, "wss://node1.example.com/streams");
    let message = config(&["--node-base-url", "node1"], SECRETS)
        .err()
        .unwrap();
    assert!(message.contains("NODE_BASE_URL"), "{message}");
}

#[test]
fn interruptions_are_confirmed_as_told() {
    let parsed = |text: &str| config(&["--barge-in", text], SECRETS).map(|config| config.barge_in);
    assert_eq!(parsed("never"), Ok(BargeIn::Never));
    assert_eq!(parsed("on-speech"), Ok(BargeIn::OnSpeech));
    assert_eq!(parsed("on-transcript"), Ok(BargeIn::OnTranscript));
    let after = Duration::from_millis(250);
    assert_eq!(parsed("after-speech:250"), Ok(BargeIn::AfterSpeech(after)));
    for wrong in ["after-speech", "after-speech:", "after-speech:1s", "always"] {
        assert!(parsed(wrong).is_err(), "{wrong}");
    }
    let mute = ["--barge-in", "on-transcript", "--transcription-model", ""];
    assert!(config(&mute, SECRETS).is_err());
}

#[test]
fn the_example_file_names_every_setting() {
    let example = include_str!("../../.env.example");
    let names: Vec<&str> = example
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('='))
        .map(|(name, _)| name)
        .filter(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        })
        .collect();
    let command = Options::command();
    let options = command
        .get_arguments()
        .filter_map(|argument| argument.get_env()?.to_str());
    let mut expected: Vec<&str> = options
        .chain([
            "TWILIO_AUTH_TOKEN",
            "OPENAI_API_KEY",
            "API_KEY",
            "TOOL_WEBHOOK_SECRET",
        ])
        .collect();
    let mut named = names;
    expected.sort_unstable();
    named.sort_unstable();
    assert_eq!(named, expected);
}
