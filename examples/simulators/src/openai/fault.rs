//! What may go wrong on the model's side.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail, ensure};
use serde_json::Value;

use crate::fault::{FaultKind, Parameters, Time, Times, Window};

/// One thing that goes wrong in every session. Times count from the opening of the session.
///
/// Written as `NAME:KEY=VALUE,…`; [`Fault::KINDS`] lists all, and [`Display`](fmt::Display) writes
/// what [`FromStr`] reads. Of two faults of a kind both happen, where that makes sense; of delays
/// the last one counts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Something that happens at a moment.
    At {
        /// When.
        at: At,
        /// What.
        action: Action,
    },
    /// Each event is late by a random time from zero up to this; the order is kept.
    Jitter {
        /// The most.
        max: Duration,
    },
    /// Nothing leaves, then everything at once.
    Stall(Window),
    /// Nothing is read from the connection, whose buffers are small.
    SlowRead(Window),
    /// The audio of one delta is so long.
    BigDelta {
        /// How long.
        length: Duration,
    },
    /// After a response was cancelled, more of its deltas come.
    LateDelta {
        /// How many.
        count: usize,
    },
    /// The voice detection tells late.
    LateVad {
        /// By how much.
        by: Duration,
    },
    /// The voice detection takes nothing for speech.
    FalseVad(Window),
    /// The first truncations are refused, though they are right.
    RefuseTruncate {
        /// How many.
        count: usize,
    },
    /// The connection is refused before it is a WebSocket, with this HTTP status.
    RefuseUpgrade {
        /// Such as 503.
        status: u16,
    },
    /// A response fails in the middle.
    FailResponse {
        /// Which, counted from 1.
        number: usize,
        /// After so much audio.
        after: Duration,
    },
}

/// When something happens. Events are counted from 1 within a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// At these times.
    Time(Times),
    /// Just before this server event is sent.
    Sending {
        /// Its `type`.
        event: String,
        /// Which one of that type.
        count: usize,
    },
    /// Just before this client event is acted upon.
    Received {
        /// Its `type`.
        event: String,
        /// Which one of that type.
        count: usize,
    },
}

impl At {
    /// Once, so long after the session began.
    pub fn time(at: Duration) -> Self {
        Self::Time(Times { at, every: None })
    }

    /// The `count`-th server event of type `event`.
    pub fn sending(event: impl Into<String>, count: usize) -> Self {
        Self::Sending {
            event: event.into(),
            count,
        }
    }

    /// The `count`-th client event of type `event`.
    pub fn received(event: impl Into<String>, count: usize) -> Self {
        Self::Received {
            event: event.into(),
            count,
        }
    }

    fn read(given: &mut Parameters<'_>) -> Result<Self> {
        let ways = ["at", "sending", "received"].map(|key| given.has(key));
        ensure!(
            ways.iter().filter(|&&way| way).count() == 1,
            "it happens either at=TIME, sending=EVENT or received=EVENT"
        );
        if ways[0] {
            return Ok(Self::Time(Times::read(given, Duration::ZERO)?));
        }
        let event = given.take(if ways[1] { "sending" } else { "received" });
        let event = event.unwrap_or_default();
        ensure!(!event.is_empty(), "the event has no name");
        let count = given.number_or("count", 1, usize::MAX, 1)?;
        Ok(match ways[1] {
            true => Self::sending(event, count),
            false => Self::received(event, count),
        })
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(times) => times.fmt(f),
            Self::Sending { event, count } => write!(f, "sending={event},count={count}"),
            Self::Received { event, count } => write!(f, "received={event},count={count}"),
        }
    }
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The connection ends without a close frame; the event itself is lost.
    Drop,
    /// The connection is reset: what was on its way is lost, too.
    Reset,
    /// Closes the connection; the event itself is lost.
    Close {
        /// Close code.
        code: u16,
        /// Close reason.
        reason: String,
    },
    /// Sends an `error` event first.
    Error {
        /// `error.type`
        kind: String,
        /// `error.code`
        code: String,
        /// `error.message`
        message: String,
    },
    /// Sends this event first, as it is.
    Send(Value),
    /// Sends an event of a kind no client knows, each time another.
    SendUnknown,
    /// Sends this text first, whatever it is.
    SendText(String),
    /// Neither reads nor sends for this long, then goes on.
    Pause(Duration),
    /// Loses the event.
    Skip,
}

impl Fault {
    /// All of them. `WHEN` is `at=TIME[,every=TIME]`, or `sending=EVENT[,count=N]` (before the n-th
    /// server event of a type), or `received=EVENT[,count=N]` (before the n-th client event of a type
    /// is acted upon).
    pub const KINDS: &[FaultKind] = &[
        FaultKind {
            name: "jitter",
            parameters: "max=TIME",
            imitates: "the network: each event is late by 0 to max, in order",
            correct_peer: "plays on from what it holds",
        },
        FaultKind {
            name: "stall",
            parameters: "for=TIME[,every=TIME][,at=TIME]",
            imitates: "a TCP retransmission, or a busy service: nothing leaves, then all that waited",
            correct_peer: "plays on from what it holds and takes the burst",
        },
        FaultKind {
            name: "slow-read",
            parameters: "for=TIME[,every=TIME][,at=TIME]",
            imitates: "a service that does not read: the connection fills up",
            correct_peer: "goes on reading both peers, keeps a bounded amount, then gives the call up",
        },
        FaultKind {
            name: "big-delta",
            parameters: "length=TIME",
            imitates: "deltas of so much audio each",
            correct_peer: "plays all of it or counts what it had no room for",
        },
        FaultKind {
            name: "late-delta",
            parameters: "count=N",
            imitates: "audio of a response on its way when it was cancelled",
            correct_peer: "lets the caller hear nothing of it",
        },
        FaultKind {
            name: "late-vad",
            parameters: "by=TIME",
            imitates: "voice detection that takes its time",
            correct_peer: "truncates at what was heard until then",
        },
        FaultKind {
            name: "false-vad",
            parameters: "for=TIME[,every=TIME][,at=TIME]",
            imitates: "voice detection that takes nothing for speech; the transcript is blank",
            correct_peer: "goes on with its sentence, at once or when asked again",
        },
        FaultKind {
            name: "refuse-truncate",
            parameters: "count=N",
            imitates: "the first truncations refused",
            correct_peer: "asks again, never for more",
        },
        FaultKind {
            name: "refuse-upgrade",
            parameters: "[status=N]",
            imitates: "a service that is down or overloaded: no WebSocket, but an HTTP status (503)",
            correct_peer: "tries again where that may help, but not for ever",
        },
        FaultKind {
            name: "fail-response",
            parameters: "[number=N][,after=TIME]",
            imitates: "the n-th (1) response fails after so much audio (500ms)",
            correct_peer: "plays what there was and stays on the line",
        },
        FaultKind {
            name: "slow-update",
            parameters: "by=TIME",
            imitates: "a service busy when the session begins: session.updated comes late",
            correct_peer: "keeps what the caller says meanwhile, up to a bound",
        },
        FaultKind {
            name: "error",
            parameters: "WHEN[,code=CODE][,text=MESSAGE]",
            imitates: "an error event (server_error), such as rate_limit_exceeded",
            correct_peer: "tells it and goes on",
        },
        FaultKind {
            name: "event",
            parameters: "WHEN[,json=EVENT]",
            imitates: "an event of your own, else of a kind no client knows, each time another",
            correct_peer: "ignores what it does not know",
        },
        FaultKind {
            name: "text",
            parameters: "WHEN,text=TEXT",
            imitates: "a frame that may be no event at all",
            correct_peer: "ignores and counts it",
        },
        FaultKind {
            name: "pause",
            parameters: "WHEN,for=TIME",
            imitates: "a service that neither reads nor sends for a while",
            correct_peer: "loses nothing that fits its bounds",
        },
        FaultKind {
            name: "skip",
            parameters: "WHEN",
            imitates: "an event lost, theirs or yours",
            correct_peer: "does not wait for it for ever",
        },
        FaultKind {
            name: "close",
            parameters: "WHEN[,code=N][,reason=WORDS]",
            imitates: "a service that closes the connection (1011)",
            correct_peer: "ends the call, or connects anew",
        },
        FaultKind {
            name: "drop",
            parameters: "WHEN",
            imitates: "a connection that ends without a close frame",
            correct_peer: "ends the call, or connects anew",
        },
        FaultKind {
            name: "reset",
            parameters: "WHEN",
            imitates: "a crash: the connection is reset, what was under way is lost",
            correct_peer: "ends the call, or connects anew",
        },
    ];
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Parameters::parse(text, Self::KINDS, |name, given| {
            let standing = match name {
                "jitter" => Self::Jitter {
                    max: given.time("max")?,
                },
                "stall" => Self::Stall(Window::read(given)?),
                "slow-read" => Self::SlowRead(Window::read(given)?),
                "big-delta" => Self::BigDelta {
                    length: given.time("length")?,
                },
                "late-delta" => Self::LateDelta {
                    count: given.number("count", 1, 1_000)?,
                },
                "late-vad" => Self::LateVad {
                    by: given.time("by")?,
                },
                "false-vad" => Self::FalseVad(Window::read(given)?),
                "refuse-truncate" => Self::RefuseTruncate {
                    count: given.number("count", 1, usize::MAX)?,
                },
                "refuse-upgrade" => Self::RefuseUpgrade {
                    status: given.number_or("status", 400, 599, 503)?,
                },
                "fail-response" => Self::FailResponse {
                    number: given.number_or("number", 1, usize::MAX, 1)?,
                    after: given.optional_time("after")?.unwrap_or(FAILS_AFTER),
                },
                "slow-update" => Self::At {
                    at: At::received("session.update", 1),
                    action: Action::Pause(given.time("by")?),
                },
                _ => {
                    let at = At::read(given)?;
                    let action = Action::read(name, given)?;
                    if matches!((&at, &action), (At::Time(_), Action::Skip)) {
                        bail!("an event is skipped sending=EVENT or received=EVENT");
                    }
                    Self::At { at, action }
                }
            };
            Ok(standing)
        })
    }
}

impl Action {
    fn read(name: &str, given: &mut Parameters<'_>) -> Result<Self> {
        Ok(match name {
            "error" => {
                let code = given.take("code").unwrap_or("server_error");
                Self::Error {
                    kind: match code {
                        "server_error" | "rate_limit_exceeded" => code.to_owned(),
                        _ => "invalid_request_error".to_owned(),
                    },
                    code: code.to_owned(),
                    message: given
                        .take("text")
                        .unwrap_or("The server had an error.")
                        .to_owned(),
                }
            }
            "event" => match given.take("json") {
                Some(json) => Self::Send(serde_json::from_str(json).context("'json' is not JSON")?),
                None => Self::SendUnknown,
            },
            "text" => Self::SendText(given.required("text")?.to_owned()),
            "pause" => Self::Pause(given.time("for")?),
            "skip" => Self::Skip,
            "close" => Self::Close {
                code: given.number_or("code", 1_000, 4_999, 1_011)?,
                reason: given.take("reason").unwrap_or_default().to_owned(),
            },
            "drop" => Self::Drop,
            _ => Self::Reset,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jitter { max } => write!(f, "jitter:max={}", Time(*max)),
            Self::Stall(window) => write!(f, "stall:{window}"),
            Self::SlowRead(window) => write!(f, "slow-read:{window}"),
            Self::BigDelta { length } => write!(f, "big-delta:length={}", Time(*length)),
            Self::LateDelta { count } => write!(f, "late-delta:count={count}"),
            Self::LateVad { by } => write!(f, "late-vad:by={}", Time(*by)),
            Self::FalseVad(window) => write!(f, "false-vad:{window}"),
            Self::RefuseTruncate { count } => write!(f, "refuse-truncate:count={count}"),
            Self::RefuseUpgrade { status } => write!(f, "refuse-upgrade:status={status}"),
            Self::FailResponse { number, after } => {
                write!(f, "fail-response:number={number},after={}", Time(*after))
            }
            Self::At { at, action } => match action {
                Action::Drop => write!(f, "drop:{at}"),
                Action::Reset => write!(f, "reset:{at}"),
                Action::Close { code, reason } if reason.is_empty() => {
                    write!(f, "close:{at},code={code}")
                }
                Action::Close { code, reason } => {
                    write!(f, "close:{at},code={code},reason={reason}")
                }
                Action::Error { code, message, .. } => {
                    write!(f, "error:{at},code={code},text={message}")
                }
                Action::Send(event) => write!(f, "event:{at},json={event}"),
                Action::SendUnknown => write!(f, "event:{at}"),
                Action::SendText(text) => write!(f, "text:{at},text={text}"),
                Action::Pause(time) => write!(f, "pause:{at},for={}", Time(*time)),
                Action::Skip => write!(f, "skip:{at}"),
            },
        }
    }
}

const FAILS_AFTER: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_and_written_as_it_is_read() {
        let texts = [
            "jitter:max=80ms",
            "stall:for=200ms,at=0s,every=2s",
            "slow-read:for=3s,at=1s",
            "big-delta:length=10s",
            "late-delta:count=3",
            "late-vad:by=200ms",
            "false-vad:for=300ms,at=5s",
            "refuse-truncate:count=1",
            "refuse-upgrade:status=429",
            "fail-response:number=2,after=500ms",
            "slow-update:by=1.5s",
            "error:at=1s,every=2s,code=rate_limit_exceeded,text=Slow, please.",
            r#"event:sending=session.updated,count=1,json={"type":"surprise","n":[1,2]}"#,
            "text:at=1s,text={,",
            "pause:received=input_audio_buffer.append,count=30,for=1.5s",
            "skip:sending=response.output_audio.done,count=1",
            "close:received=response.create,count=1,code=1011,reason=internal",
            "drop:sending=response.output_audio.delta,count=9",
            "reset:at=2.5s",
        ];
        for (text, kind) in texts.iter().zip(Fault::KINDS) {
            let fault: Fault = text.parse().expect(text);
            assert!(
                text.starts_with(kind.name),
                "the table is in the same order"
            );
            match kind.name {
                "slow-update" => {
                    let written = fault.to_string();
                    assert_eq!(written, "pause:received=session.update,count=1,for=1.5s");
                    assert_eq!(written.parse::<Fault>().expect("as written"), fault);
                }
                _ => assert_eq!(fault.to_string(), *text),
            }
        }
        assert_eq!(texts.len(), Fault::KINDS.len());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, message) in [
            ("reset", "either at=TIME, sending=EVENT or received=EVENT"),
            ("reset:at=1s,sending=error", "either at=TIME"),
            ("reset:sending=", "the event has no name"),
            ("skip:at=1s", "an event is skipped"),
            ("event:at=1s,json={", "'json' is not JSON"),
            ("text:at=1s", "'text' is missing"),
            ("close:at=1s,code=99", "no number from 1000 to 4999"),
            ("drop:sending=error,count=0", "no number from 1 to"),
            ("drop:at=1s,count=2", "'count' does not belong here"),
            ("late-delta:count=0", "no number from 1 to"),
        ] {
            let error = format!("{:#}", text.parse::<Fault>().expect_err(text));
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
