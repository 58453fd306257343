//! What may go wrong on Twilio's side.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Error, Result};

use crate::fault::{FaultKind, Parameters, Time, Times, Window};

/// One thing that goes wrong on a call. Times are on Twilio's own clock, from the start of the stream.
///
/// Written as `NAME:KEY=VALUE,…`; [`Fault::KINDS`] lists all, and [`Display`](fmt::Display) writes
/// what [`FromStr`] reads. Of two faults of a kind both happen, where that makes sense; of
/// percentages and delays the last one counts.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Each frame is late by a random time from zero up to this; the order is kept.
    Jitter {
        /// The most.
        max: Duration,
    },
    /// Nothing leaves, then everything at once.
    Stall(Window),
    /// Frames never come; the time stamps go on.
    Loss {
        /// Of the frames, 0–100.
        percent: f64,
        /// Mean length of a loss; `None` = each frame is lost or not for itself.
        burst: Option<Duration>,
    },
    /// Frames come twice.
    Duplicate {
        /// Of the frames, 0–100.
        percent: f64,
    },
    /// Frames are overtaken.
    Reorder {
        /// Of the frames, 0–100.
        percent: f64,
        /// By at most so many frames, at least by one.
        depth: usize,
    },
    /// Twilio's clock is fast: it sends and plays more samples in a second than 8,000.
    Drift {
        /// Parts per million; negative = slow.
        ppm: f64,
    },
    /// Marks are not sent back.
    MarkLoss {
        /// Of the marks, 0–100.
        percent: f64,
    },
    /// Marks are sent back late, after others that were reached later.
    MarkDelay {
        /// Of the marks, 0–100.
        percent: f64,
        /// By how much.
        by: Duration,
    },
    /// Marks are sent back twice.
    MarkRepeat {
        /// Of the marks, 0–100.
        percent: f64,
    },
    /// Nothing is read from the connection, whose buffers are small.
    SlowRead(Window),
    /// The connection is reset without `stop`.
    Reset {
        /// When.
        at: Duration,
    },
    /// Messages that Twilio would not send: malformed, unknown, of another stream.
    Garbage(Times),
    /// One message that is too long.
    Oversized {
        /// When.
        at: Duration,
        /// How long.
        bytes: usize,
    },
    /// White noise on the caller's line instead of silence: loud, but no speech.
    Noise {
        /// When.
        window: Window,
        /// Its level (RMS).
        dbfs: f64,
    },
}

impl Fault {
    /// All of them.
    pub const KINDS: &[FaultKind] = &[
        FaultKind {
            name: "jitter",
            parameters: "max=TIME",
            imitates: "the network: each frame of the caller is late by 0 to max, in order",
            correct_peer: "adds no delay of its own and loses nothing",
        },
        FaultKind {
            name: "stall",
            parameters: "for=TIME[,every=TIME][,at=TIME]",
            imitates: "a TCP retransmission: nothing leaves, then all that waited at once",
            correct_peer: "takes the burst; what was late is not later for good",
        },
        FaultKind {
            name: "loss",
            parameters: "percent=N[,burst=TIME]",
            imitates: "packets lost before Twilio: frames are missing, the time stamps go on; burst = mean length of a loss",
            correct_peer: "conceals the gap and keeps the time line",
        },
        FaultKind {
            name: "duplicate",
            parameters: "percent=N",
            imitates: "packets that come twice: the same time stamp again",
            correct_peer: "uses one of them",
        },
        FaultKind {
            name: "reorder",
            parameters: "percent=N[,depth=N]",
            imitates: "packets overtaken by 1 to depth (3) others: time stamps go back",
            correct_peer: "puts them in order or conceals them",
        },
        FaultKind {
            name: "drift",
            parameters: "ppm=N",
            imitates: "a clock that is fast (or, below 0, slow), in sending and in playing",
            correct_peer: "lets no queue grow or run dry",
        },
        FaultKind {
            name: "mark-loss",
            parameters: "percent=N",
            imitates: "marks that never come back",
            correct_peer: "counts nothing as heard that no later mark proves",
        },
        FaultKind {
            name: "mark-delay",
            parameters: "percent=N,by=TIME",
            imitates: "marks that come back late and out of order",
            correct_peer: "does not take a late mark for news",
        },
        FaultKind {
            name: "mark-repeat",
            parameters: "percent=N",
            imitates: "marks that come back twice",
            correct_peer: "ignores the second",
        },
        FaultKind {
            name: "slow-read",
            parameters: "for=TIME[,every=TIME][,at=TIME]",
            imitates: "a peer that does not read: the connection fills up",
            correct_peer: "goes on reading, keeps a bounded amount, then gives the call up",
        },
        FaultKind {
            name: "reset",
            parameters: "at=TIME",
            imitates: "a crash: the connection is reset, without stop or close frame",
            correct_peer: "ends the call and lets go of the model",
        },
        FaultKind {
            name: "garbage",
            parameters: "[every=TIME][,at=TIME]",
            imitates: "messages in between that are malformed, unknown or of another stream, in turn",
            correct_peer: "ignores and counts them",
        },
        FaultKind {
            name: "oversized",
            parameters: "[bytes=N][,at=TIME]",
            imitates: "one message of so many bytes (1,000,000)",
            correct_peer: "refuses it by a limit, the call too if it must",
        },
        FaultKind {
            name: "noise",
            parameters: "for=TIME[,every=TIME][,at=TIME][,dbfs=N]",
            imitates: "noise on the caller's line (-25 dBFS) where there would be silence: a cough, a lorry",
            correct_peer: "does not let it end the agent's turn",
        },
    ];
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Parameters::parse(text, Self::KINDS, |name, given| {
            Ok(match name {
                "jitter" => Self::Jitter {
                    max: given.time("max")?,
                },
                "stall" => Self::Stall(Window::read(given)?),
                "loss" => Self::Loss {
                    percent: given.percent()?,
                    burst: given.optional_time("burst")?,
                },
                "duplicate" => Self::Duplicate {
                    percent: given.percent()?,
                },
                "reorder" => Self::Reorder {
                    percent: given.percent()?,
                    depth: given.number_or("depth", 1, 50, 3)?,
                },
                "drift" => Self::Drift {
                    ppm: given.number("ppm", -MAX_PPM, MAX_PPM)?,
                },
                "mark-loss" => Self::MarkLoss {
                    percent: given.percent()?,
                },
                "mark-delay" => Self::MarkDelay {
                    percent: given.percent()?,
                    by: given.time("by")?,
                },
                "mark-repeat" => Self::MarkRepeat {
                    percent: given.percent()?,
                },
                "slow-read" => Self::SlowRead(Window::read(given)?),
                "reset" => Self::Reset {
                    at: given.time("at")?,
                },
                "garbage" => Self::Garbage(Times::read(given, GARBAGE_AT)?),
                "oversized" => Self::Oversized {
                    at: given.optional_time("at")?.unwrap_or(GARBAGE_AT),
                    bytes: given.number_or("bytes", 1, 100_000_000, 1_000_000)?,
                },
                _ => Self::Noise {
                    window: Window::read(given)?,
                    dbfs: given.number_or("dbfs", -90.0, -6.0, -25.0)?,
                },
            })
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jitter { max } => write!(f, "jitter:max={}", Time(*max)),
            Self::Stall(window) => write!(f, "stall:{window}"),
            Self::Loss { percent, burst } => {
                write!(f, "loss:percent={percent}")?;
                match burst {
                    Some(burst) => write!(f, ",burst={}", Time(*burst)),
                    None => Ok(()),
                }
            }
            Self::Duplicate { percent } => write!(f, "duplicate:percent={percent}"),
            Self::Reorder { percent, depth } => {
                write!(f, "reorder:percent={percent},depth={depth}")
            }
            Self::Drift { ppm } => write!(f, "drift:ppm={ppm}"),
            Self::MarkLoss { percent } => write!(f, "mark-loss:percent={percent}"),
            Self::MarkDelay { percent, by } => {
                write!(f, "mark-delay:percent={percent},by={}", Time(*by))
            }
            Self::MarkRepeat { percent } => write!(f, "mark-repeat:percent={percent}"),
            Self::SlowRead(window) => write!(f, "slow-read:{window}"),
            Self::Reset { at } => write!(f, "reset:at={}", Time(*at)),
            Self::Garbage(times) => write!(f, "garbage:{times}"),
            Self::Oversized { at, bytes } => write!(f, "oversized:bytes={bytes},at={}", Time(*at)),
            Self::Noise { window, dbfs } => write!(f, "noise:{window},dbfs={dbfs}"),
        }
    }
}

/// No clock is worse than a hundredth.
const MAX_PPM: f64 = 10_000.0;
/// When a stream has begun for certain.
const GARBAGE_AT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_and_written_as_it_is_read() {
        let texts = [
            "jitter:max=60ms",
            "stall:for=200ms,at=0s,every=2s",
            "loss:percent=2.5,burst=60ms",
            "duplicate:percent=5",
            "reorder:percent=5,depth=2",
            "drift:ppm=-300",
            "mark-loss:percent=10",
            "mark-delay:percent=10,by=5s",
            "mark-repeat:percent=100",
            "slow-read:for=3s,at=1s",
            "reset:at=2.5s",
            "garbage:at=1s,every=250ms",
            "oversized:bytes=70000,at=1s",
            "noise:for=300ms,at=5s,dbfs=-30",
        ];
        for (text, kind) in texts.iter().zip(Fault::KINDS) {
            let fault: Fault = text.parse().expect(text);
            assert_eq!(fault.to_string(), *text);
            assert!(
                text.starts_with(kind.name),
                "the table is in the same order"
            );
        }
        assert_eq!(texts.len(), Fault::KINDS.len());
    }

    #[test]
    fn what_is_left_out_is_filled_in() {
        for (text, whole) in [
            ("loss:percent=1", "loss:percent=1"),
            ("reorder:percent=1", "reorder:percent=1,depth=3"),
            ("garbage", "garbage:at=1s"),
            ("oversized", "oversized:bytes=1000000,at=1s"),
            ("noise:for=1s", "noise:for=1s,at=0s,dbfs=-25"),
        ] {
            assert_eq!(text.parse::<Fault>().expect(text).to_string(), whole);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "",
            "storm",
            "jitter",
            "jitter:max=60",
            "loss:percent=101",
            "loss:percent=NaN",
            "loss:percent=-1",
            "reorder:percent=5,depth=0",
            "drift:ppm=20000",
            "reset",
            "garbage:text=x",
            "noise:for=1s,dbfs=3",
            "mark-delay:percent=5",
        ] {
            let error = text.parse::<Fault>().expect_err(text);
            assert!(!format!("{error:#}").is_empty());
        }
    }
}
