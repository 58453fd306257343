//! What goes wrong at a moment: resets, and what Twilio would never send.

use std::time::Duration;

use serde_json::json;

use super::fault::Fault;
use crate::fault::Window;

/// What is still to go wrong.
#[derive(Debug)]
pub(super) struct Troubles {
    /// With the next time of each, counted from the start of the stream.
    ahead: Vec<(Duration, Fault)>,
    sent: usize,
}

/// Something that goes wrong now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The connection is reset.
    Reset,
    /// This text is sent.
    Text(String),
}

impl Troubles {
    pub(super) fn new(faults: &[Fault]) -> Self {
        let ahead = faults.iter().filter_map(|fault| match *fault {
            Fault::Reset { at } | Fault::Oversized { at, .. } => Some((at, *fault)),
            Fault::Garbage(times) => Some((times.at, *fault)),
            _ => None,
        });
        Self {
            ahead: ahead.collect(),
            sent: 0,
        }
    }

    /// When something goes wrong next.
    pub(super) fn next_time(&self) -> Option<Duration> {
        self.ahead.iter().map(|&(at, _)| at).min()
    }

    /// Takes what goes wrong next.
    pub(super) fn next(&mut self, stream_sid: &str) -> Option<Trouble> {
        let at = self.next_time()?;
        let index = self.ahead.iter().position(|&(time, _)| time == at)?;
        let (_, fault) = self.ahead.swap_remove(index);
        match fault {
            Fault::Oversized { bytes, .. } => Some(Trouble::Text(oversized(bytes, stream_sid))),
            Fault::Garbage(times) => {
                let again = times.after(at).map(|at| (at, fault));
                self.ahead.extend(again);
                self.sent += 1;
                Some(Trouble::Text(message(self.sent - 1, stream_sid)))
            }
            _ => Some(Trouble::Reset),
        }
    }
}

/// When nothing is read.
pub(super) fn deaf(faults: &[Fault]) -> Vec<Window> {
    let windows = faults.iter().filter_map(|fault| match fault {
        Fault::SlowRead(window) => Some(*window),
        _ => None,
    });
    windows.collect()
}

/// The `n`-th message that a server has to get over on stream `stream_sid`. None of them changes
/// anything at a correct server, and each counts as one message refused or unknown.
fn message(n: usize, stream_sid: &str) -> String {
    let media = |sid: &str, media: serde_json::Value| {
        json!({
            "event": "media", "sequenceNumber": "1", "streamSid": sid, "media": media,
        })
        .to_string()
    };
    match n % 10 {
        0 => r#"{"event":"media","streamSid":"#.to_owned(),
        1 => json!({ "event": "weather", "streamSid": stream_sid, "weather": {} }).to_string(),
        2 => media(stream_sid, json!({ "track": "inbound", "timestamp": "20" })),
        3 => media(
            stream_sid,
            json!({ "track": "inbound", "chunk": "1", "timestamp": "20", "payload": "!!!=" }),
        ),
        4 => media(
            "MZ00000000000000000000000000000000",
            json!({ "track": "inbound", "chunk": "1", "timestamp": "20", "payload": "////" }),
        ),
        5 => "[]".to_owned(),
        6 => format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)),
        7 => json!({ "event": 7, "streamSid": stream_sid }).to_string(),
        8 => media(
            stream_sid,
            json!({ "track": "inbound", "chunk": "1", "timestamp": "-20", "payload": "////" }),
        ),
        _ => json!({ "event": "mark", "streamSid": stream_sid, "mark": {} }).to_string(),
    }
}

/// A message of `bytes` bytes that is well-formed.
fn oversized(bytes: usize, stream_sid: &str) -> String {
    let mut message =
        json!({ "event": "weather", "streamSid": stream_sid, "text": "" }).to_string();
    let filling = bytes.saturating_sub(message.len());
    message.insert_str(message.len() - 2, &"x".repeat(filling));
    message
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn an_oversized_message_is_json_of_that_length() {
        let message = oversized(70_000, "MZ1");
        assert_eq!(message.len(), 70_000);
        assert!(serde_json::from_str::<Value>(&message).is_ok());
    }

    #[test]
    fn every_kind_of_garbage_is_another() {
        let all: std::collections::BTreeSet<_> = (0..10).map(|n| message(n, "MZ1")).collect();
        assert_eq!(all.len(), 10);
        assert_eq!(message(3, "MZ1"), message(13, "MZ1"));
    }

    #[test]
    fn troubles_come_when_due_and_those_that_repeat_again() {
        let faults = [
            "reset:at=3s",
            "garbage:every=1s",
            "oversized:bytes=100,at=1.5s",
        ];
        let faults = faults.map(|fault| fault.parse().expect("a fault"));
        let mut troubles = Troubles::new(&faults);
        let mut seen = Vec::new();
        while let Some(at) = troubles.next_time().filter(|at| at.as_secs() < 4) {
            let trouble = troubles.next("MZ1").expect("due");
            seen.push((at.as_millis(), trouble));
        }
        let times: Vec<_> = seen.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [1_000, 1_500, 2_000, 3_000, 3_000]);
        assert_eq!(seen[0].1, Trouble::Text(message(0, "MZ1")));
        assert_eq!(seen[1].1, Trouble::Text(oversized(100, "MZ1")));
        assert_eq!(seen[2].1, Trouble::Text(message(1, "MZ1")));
        assert!(
            seen[3..]
                .iter()
                .any(|(_, trouble)| *trouble == Trouble::Reset)
        );
    }
}
