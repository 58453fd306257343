//! What is said on the call.

use std::{fs, path::Path, time::Duration};

use anyhow::Context;
use trunkline_simulators::{Speech, twilio::Step};

/// A caller and an agent, each with their lines.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) caller: Vec<Line>,
    /// The first is the greeting, the others answer the caller's lines.
    pub(crate) agent: Vec<Line>,
}

/// Words, written and spoken.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) speech: Speech,
}

impl Conversation {
    /// Reads `caller-1.wav`, `caller-1.txt` and so on from `directory`.
    pub(crate) fn load(directory: &Path) -> anyhow::Result<Self> {
        let lines = |who: &str, count: usize| -> anyhow::Result<Vec<Line>> {
            (1..=count)
                .map(|n| Line::load(directory, &format!("{who}-{n}")))
                .collect()
        };
        Ok(Self {
            caller: lines("caller", 3)?,
            agent: lines("agent", 4)?,
        })
    }

    /// The caller's part: waits for the agent to finish, which is when it was silent for as long as
    /// the caller is `thinking`, but speaks over the third answer.
    pub(crate) fn script(&self, thinking: Duration) -> Vec<Step> {
        let mut steps = Vec::new();
        for (n, line) in self.caller.iter().enumerate() {
            steps.push(Step::WaitAgentStarts);
            steps.push(if n == INTERRUPTED {
                Step::WaitAgentHeard(HEARD_BEFORE_BARGE_IN)
            } else {
                Step::WaitAgentSilent(thinking)
            });
            steps.push(Step::Say(line.speech.clone()));
        }
        steps.extend([
            Step::WaitAgentStarts,
            Step::WaitAgentSilent(thinking),
            Step::HangUp,
        ]);
        steps
    }
}

impl Line {
    fn load(directory: &Path, name: &str) -> anyhow::Result<Self> {
        let text = directory.join(format!("{name}.txt"));
        Ok(Self {
            text: fs::read_to_string(&text)
                .with_context(|| format!("cannot read {}", text.display()))?
                .trim()
                .to_owned(),
            speech: Speech::from_wav(directory.join(format!("{name}.wav")))?,
        })
    }
}

/// Index of the agent's line that the caller speaks over, and of the caller's line that does so.
pub(crate) const INTERRUPTED: usize = 2;

/// In the middle of a word, some 50 ms before the model can notice.
const HEARD_BEFORE_BARGE_IN: Duration = Duration::from_millis(1_650);
/// More than the longest pause within a line, so that nobody is interrupted by mistake.
pub(crate) const THINKING: Duration = Duration::from_millis(500);
