//! A clinic's office for the model's functions: a database, an agent, and a call.
#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::sync::Arc;

use jiff::tz::TimeZone;
use reqwest::dns::Resolve;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use trunkline_bridge_server::{
    admission::Admission,
    agent::{Agent, AgentSettings, Tool},
    secret::Secret,
    store::Store,
    time::UnixMs,
    tools::{Destinations, Limits, Outcome, Settings, SystemResolver, Tools},
};

pub(crate) const SECRET: &str = "a-secret-of-the-office";

/// Settings of functions that may call nobody, in Berlin.
pub(crate) fn settings() -> Settings {
    Settings {
        time_zone: TimeZone::get("Europe/Berlin").unwrap(),
        webhook_secret: Some(Secret::new(SECRET)),
        destinations: Destinations::default(),
        resolver: Arc::new(SystemResolver),
        tls: tls(RootCertStore::empty()),
        limits: Limits::default(),
    }
}

pub(crate) fn tls(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Settings of functions that may call these hosts.
pub(crate) fn settings_for(hosts: &[&str], resolver: Option<Arc<dyn Resolve>>) -> Settings {
    let settings = settings();
    Settings {
        destinations: Destinations::new(hosts.iter().map(|host| host.parse().unwrap())),
        resolver: resolver.unwrap_or(settings.resolver),
        ..settings
    }
}

/// A call to an agent with these functions.
pub(crate) fn admission(tools: Vec<Tool>) -> Admission {
    call("0199c0de-0000-7000-8000-000000000001", "+15550155", tools)
}

pub(crate) fn call(call_id: &str, caller: &str, tools: Vec<Tool>) -> Admission {
    Admission {
        call_id: call_id.to_owned(),
        call_sid: "CA33333333333333333333333333333333".to_owned(),
        caller: caller.to_owned(),
        called: "+15550100".to_owned(),
        agent: Arc::new(Agent {
            id: "agent".to_owned(),
            settings: AgentSettings {
                name: "Reception".to_owned(),
                instructions: "Help.".to_owned(),
                voice: None,
                model: None,
                language: None,
                greeting: None,
                greeting_audio: None,
                tools,
                turn_detection: None,
                enabled: true,
            },
            created_at: UnixMs(0),
            updated_at: UnixMs(0),
        }),
    }
}

pub(crate) fn built_in() -> Vec<Tool> {
    vec![
        Tool::GetSlots,
        Tool::BookSlot,
        Tool::GetPricing,
        Tool::HangUp,
        Tool::TransferCall {
            to: "+15550123".to_owned(),
        },
    ]
}

/// What the model is told, and whether it is a failure. Both must agree.
pub(crate) fn answer(outcome: Outcome) -> (Value, bool) {
    let Outcome::Answer { output, failed } = outcome else {
        panic!("{outcome:?} instead of an answer");
    };
    let value: Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!(value["error"].is_string(), failed, "{value}");
    (value, failed)
}

/// What the model is told when it works.
pub(crate) fn success(outcome: Outcome) -> Value {
    let (value, failed) = answer(outcome);
    assert!(!failed, "{value}");
    value
}

/// What the model is told when it does not work.
pub(crate) fn failure(outcome: Outcome) -> String {
    let (value, failed) = answer(outcome);
    assert!(failed, "{value}");
    value["error"].as_str().unwrap().to_owned()
}

pub(crate) async fn office(store: &Store) -> Tools {
    Tools::new(store.clone(), settings()).unwrap()
}
