//! What both simulators' faults have in common: how they are written, and when they happen.
//!
//! A fault is written `NAME` or `NAME:KEY=VALUE,KEY=VALUE`. Times have a unit (`200ms`, `1.5s`) and
//! count from the start of the stream or session. Whatever does not fit is an error.

use std::fmt::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// A fault that can be asked for; a row of the tables in the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultKind {
    /// Its name.
    pub name: &'static str,
    /// Its parameters; those in brackets may be left out.
    pub parameters: &'static str,
    /// What it imitates.
    pub imitates: &'static str,
    /// What a correct peer does.
    pub correct_peer: &'static str,
}

impl FaultKind {
    /// `kinds` as a table of Markdown.
    pub fn table(kinds: &[Self]) -> String {
        let mut table =
            String::from("| fault | parameters | imitates | a correct peer |\n|---|---|---|---|\n");
        for kind in kinds {
            let parameters = match kind.parameters {
                "" => "–".to_owned(),
                parameters => format!("`{parameters}`"),
            };
            // Writing to a string does not fail.
            let _ = writeln!(
                table,
                "| `{}` | {parameters} | {} | {} |",
                kind.name, kind.imitates, kind.correct_peer
            );
        }
        table
    }

    /// `kinds` as text for a terminal.
    pub fn help(kinds: &[Self]) -> String {
        let mut help = String::from(
            "Faults (--fault NAME:KEY=VALUE,…; times as 200ms or 1.5s, from the start):\n",
        );
        for kind in kinds {
            let colon = if kind.parameters.is_empty() { "" } else { ":" };
            let _ = writeln!(
                help,
                "  {}{colon}{}\n      {}. A correct peer {}.",
                kind.name, kind.parameters, kind.imitates, kind.correct_peer
            );
        }
        help
    }
}

/// Stretches of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub length: Duration,
    /// How long after its beginning it comes again; `None` = once.
    pub every: Option<Duration>,
}

impl Window {
    /// End of the stretch that holds `time`.
    pub(crate) fn end(&self, time: Duration) -> Option<Duration> {
        let since = time.checked_sub(self.at)?;
        let round = match self.every {
            Some(every) if !every.is_zero() => {
                Duration::from_nanos((since.as_nanos() % every.as_nanos()) as u64)
            }
            _ => since,
        };
        (round < self.length).then(|| time + (self.length - round))
    }

    /// End of the stretch of any of `windows` that holds `time`; one may end inside another.
    pub(crate) fn end_of(windows: &[Self], time: Duration) -> Option<Duration> {
        let mut end = None;
        for _ in 0..=windows.len() {
            let from = end.unwrap_or(time);
            match windows.iter().find_map(|window| window.end(from)) {
                Some(later) => end = Some(later),
                None => break,
            }
        }
        end
    }

    /// Whether `time` is in any of `windows`, and when that changes.
    pub(crate) fn state(windows: &[Self], time: Duration) -> (bool, Option<Duration>) {
        match Self::end_of(windows, time) {
            Some(end) => (true, Some(end)),
            None => {
                let next = windows.iter().map(|window| window.beginnings().after(time));
                (false, next.flatten().min())
            }
        }
    }

    /// The moments at which it begins.
    fn beginnings(&self) -> Times {
        Times {
            at: self.at,
            every: self.every,
        }
    }

    /// From `for=TIME[,every=TIME][,at=TIME]`; it begins at zero unless told otherwise.
    pub(crate) fn read(parameters: &mut Parameters<'_>) -> Result<Self> {
        let length = parameters.time("for")?;
        let times = Times::read(parameters, Duration::ZERO)?;
        if let Some(every) = times.every {
            ensure!(every > length, "'every' must be longer than 'for'");
        }
        Ok(Self {
            at: times.at,
            length,
            every: times.every,
        })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (length, times) = (Time(self.length), self.beginnings());
        write!(f, "for={length},{times}")
    }
}

/// Moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The first.
    pub at: Duration,
    /// From one to the next; `None` = once.
    pub every: Option<Duration>,
}

impl Times {
    /// The first one after `time`.
    pub(crate) fn after(&self, time: Duration) -> Option<Duration> {
        if self.at > time {
            return Some(self.at);
        }
        let every = self.every.filter(|every| !every.is_zero())?;
        let rounds = (time - self.at).as_nanos() / every.as_nanos() + 1;
        Some(self.at + every * u32::try_from(rounds).ok()?)
    }

    /// From `[at=TIME][,every=TIME]`.
    pub(crate) fn read(parameters: &mut Parameters<'_>, at: Duration) -> Result<Self> {
        let every = parameters.optional_time("every")?;
        ensure!(every != Some(Duration::ZERO), "'every' must be more than 0");
        Ok(Self {
            at: parameters.optional_time("at")?.unwrap_or(at),
            every,
        })
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at={}", Time(self.at))?;
        match self.every {
            Some(every) => write!(f, ",every={}", Time(every)),
            None => Ok(()),
        }
    }
}

/// A time as faults write it.
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        if micros == 0 || micros >= 1_000_000 && micros.is_multiple_of(100_000) {
            write!(f, "{}s", micros as f64 / 1e6)
        } else {
            write!(f, "{}ms", micros as f64 / 1e3)
        }
    }
}

/// The parameters of one fault; each is taken once, and none may be left.
pub(crate) struct Parameters<'t> {
    given: Vec<(&'t str, &'t str)>,
    known: &'static str,
}

impl<'t> Parameters<'t> {
    /// Reads `text` as one of `kinds`: `read` gets the name and the parameters.
    pub(crate) fn parse<F>(
        text: &'t str,
        kinds: &[FaultKind],
        read: impl FnOnce(&'static str, &mut Self) -> Result<F>,
    ) -> Result<F> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let Some(kind) = kinds.iter().find(|kind| kind.name == name) else {
            let names: Vec<_> = kinds.iter().map(|kind| kind.name).collect();
            bail!("'{name}' is not a fault; there are {}", names.join(", "));
        };
        let read = || {
            let mut parameters = Self::split(rest, kind.parameters)?;
            let fault = read(kind.name, &mut parameters)?;
            match parameters.given.first() {
                None => Ok(fault),
                Some((key, _)) => Err(parameters.unknown(key)),
            }
        };
        // In one piece, since command lines show the first of a chain only.
        read().map_err(|error| anyhow::anyhow!("fault '{text}': {error:#}"))
    }

    fn split(text: &'t str, known: &'static str) -> Result<Self> {
        let mut given: Vec<(&str, &str)> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (key, value) = rest
                .split_once('=')
                .with_context(|| format!("'{rest}' is not KEY=VALUE"))?;
            // Text may hold commas, so it comes last.
            let (value, after) = match key {
                "text" | "json" => (value, ""),
                _ => value.split_once(',').unwrap_or((value, "")),
            };
            ensure!(
                given.iter().all(|(other, _)| *other != key),
                "'{key}' is there twice"
            );
            given.push((key, value));
            rest = after;
        }
        Ok(Self { given, known })
    }

    fn unknown(&self, key: &str) -> anyhow::Error {
        match self.known {
            "" => anyhow::anyhow!("'{key}' does not belong here: there are no parameters"),
            known => anyhow::anyhow!("'{key}' does not belong here: the parameters are {known}"),
        }
    }

    /// The value of `key`, if given.
    pub(crate) fn take(&mut self, key: &str) -> Option<&'t str> {
        let at = self.given.iter().position(|(given, _)| *given == key)?;
        Some(self.given.remove(at).1)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == key)
    }

    pub(crate) fn required(&mut self, key: &str) -> Result<&'t str> {
        self.take(key)
            .with_context(|| format!("'{key}' is missing: the parameters are {}", self.known))
    }

    pub(crate) fn time(&mut self, key: &str) -> Result<Duration> {
        self.required(key).and_then(time)
    }

    pub(crate) fn optional_time(&mut self, key: &str) -> Result<Option<Duration>> {
        self.take(key).map(time).transpose()
    }

    /// A number from `low` to `high`.
    pub(crate) fn number<T>(&mut self, key: &str, low: T, high: T) -> Result<T>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let text = self.required(key)?;
        match text.parse() {
            Ok(number) if (&low..=&high).contains(&&number) => Ok(number),
            _ => bail!("'{text}' is no number from {low} to {high}"),
        }
    }

    /// The same, `default` when it is not given.
    pub(crate) fn number_or<T>(&mut self, key: &str, low: T, high: T, default: T) -> Result<T>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        match self.has(key) {
            true => self.number(key, low, high),
            false => Ok(default),
        }
    }

    pub(crate) fn percent(&mut self) -> Result<f64> {
        self.number("percent", 0.0, 100.0)
    }
}

fn time(text: &str) -> Result<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => (text.strip_suffix('s').unwrap_or_default(), 1.0),
    };
    // Rust takes "inf" and "1e9" for numbers, too.
    let is_plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = number.parse::<f64>().ok().filter(|_| is_plain);
    let seconds = seconds.map(|number| number * unit);
    match seconds.map(Duration::try_from_secs_f64) {
        Some(Ok(time)) if time <= MAX_TIME => Ok(time),
        _ => bail!("'{text}' is no time such as 200ms or 1.5s, up to a day"),
    }
}

const MAX_TIME: Duration = Duration::from_secs(24 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[FaultKind] = &[
        FaultKind {
            name: "stall",
            parameters: "for=TIME[,every=TIME][,at=TIME]",
            imitates: "x",
            correct_peer: "y",
        },
        FaultKind {
            name: "text",
            parameters: "[at=TIME,]text=TEXT",
            imitates: "x",
            correct_peer: "y",
        },
    ];

    fn window(text: &str) -> Result<Window, String> {
        Parameters::parse(text, KINDS, |_, parameters| Window::read(parameters))
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_window_is_read_in_any_order_and_written_as_it_is_read() {
        let expected = Window {
            at: Duration::from_millis(1_500),
            length: Duration::from_millis(250),
            every: Some(Duration::from_secs(2)),
        };
        assert_eq!(window("stall:every=2s,for=250ms,at=1.5s"), Ok(expected));
        assert_eq!(expected.to_string(), "for=250ms,at=1.5s,every=2s");
        assert_eq!(window(&format!("stall:{expected}")), Ok(expected));
        assert_eq!(window("stall:for=1s").unwrap().at, Duration::ZERO);
    }

    #[test]
    fn what_does_not_fit_is_explained() {
        for (text, message) in [
            (
                "stal:for=1s",
                "'stal' is not a fault; there are stall, text",
            ),
            ("stall", "'for' is missing: the parameters are for=TIME"),
            ("stall:for", "'for' is not KEY=VALUE"),
            ("stall:for=1", "'1' is no time such as 200ms"),
            ("stall:for=-1s", "'-1s' is no time"),
            ("stall:for=infs", "'infs' is no time"),
            ("stall:for=s", "'s' is no time"),
            ("stall:for=2d", "'2d' is no time"),
            ("stall:for=99999999s", "up to a day"),
            ("stall:for=1s,for=2s", "'for' is there twice"),
            ("stall:for=1s,evry=2s", "'evry' does not belong here"),
            ("stall:for=1s,every=0ms", "'every' must be more than 0"),
            ("stall:for=1s,every=1s", "longer than 'for'"),
        ] {
            let error = window(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
        let number = |text: &'static str| {
            Parameters::parse(text, KINDS, |_, parameters| parameters.number("at", 1, 9))
        };
        assert_eq!(number("stall:at=9").unwrap(), 9);
        for text in ["stall:at=0", "stall:at=10", "stall:at=x", "stall:at="] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn text_is_the_rest_whatever_it_holds() {
        let text = Parameters::parse("text:at=1s,text={\"a\":1,b=:}", KINDS, |_, parameters| {
            parameters.optional_time("at")?;
            parameters.required("text").map(str::to_owned)
        });
        assert_eq!(text.unwrap(), "{\"a\":1,b=:}");
    }

    #[test]
    fn moments_come_again() {
        let ms = Duration::from_millis;
        let times = Times {
            at: ms(100),
            every: Some(ms(50)),
        };
        let after = |time| times.after(ms(time)).map(|time| time.as_millis());
        assert_eq!(after(0), Some(100));
        assert_eq!(after(100), Some(150));
        assert_eq!(after(199), Some(200));
        assert_eq!(after(200), Some(250));
        let once = Times {
            every: None,
            ..times
        };
        assert_eq!(
            (once.after(ms(0)), once.after(ms(100))),
            (Some(ms(100)), None)
        );
    }

    #[test]
    fn a_window_may_end_inside_another() {
        let ms = Duration::from_millis;
        let windows = [(100, 200), (250, 100)].map(|(at, length)| Window {
            at: ms(at),
            length: ms(length),
            every: None,
        });
        assert_eq!(Window::end_of(&windows, ms(99)), None);
        assert_eq!(Window::end_of(&windows, ms(100)), Some(ms(350)));
        assert_eq!(Window::end_of(&windows, ms(350)), None);
        assert_eq!(Window::state(&windows, ms(99)), (false, Some(ms(100))));
        assert_eq!(Window::state(&windows, ms(100)), (true, Some(ms(350))));
        assert_eq!(Window::state(&windows, ms(350)), (false, None));
    }
}
