//! A call that has been let in, and what comes after it.

use std::sync::Arc;

use crate::agent::Agent;

/// What the webhook found out about a call; its stream gets it for the token.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The server's own id of the call, a UUID.
    pub call_id: String,
    /// Twilio's.
    pub call_sid: String,
    /// Who calls.
    pub caller: String,
    /// What was dialled.
    pub called: String,
    /// Who answers.
    pub agent: Arc<Agent>,
}

/// What Twilio is told once the stream has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Farewell {
    /// Nothing more.
    #[default]
    HangUp,
    /// A sentence, spoken by Twilio, then nothing more.
    Say(String),
}
