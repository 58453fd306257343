//! A telephone line in virtual time: the caller's frames, Twilio's player, and the network between them and
//! the server. It knows what was truly heard.

use std::{collections::VecDeque, time::Duration};

use serde_json::json;

use crate::recording::{
    SILENCE,
    assembler::{Assembler, Direction},
};

/// How the network is.
#[derive(Clone, Copy, Default)]
pub(super) struct Network {
    /// Samples that a message takes each way.
    pub(super) up: i64,
    pub(super) down: i64,
    /// Each of the caller's frames is late by up to so many samples; the order is kept.
    pub(super) jitter: i64,
    /// Echoes are late with the frames before them.
    pub(super) echoes_in_line: bool,
    /// Of 100 echoes so many are late by half a second, by themselves.
    pub(super) late_echoes: u64,
    /// From, length: nothing comes from the caller.
    pub(super) stall: Option<(i64, i64)>,
}

/// What the agent does at a time, in samples on the server's clock.
#[derive(Clone, Copy)]
pub(super) enum Act {
    Say(usize),
    Clear,
}

pub(super) struct Line {
    pub(super) assembler: Assembler,
    network: Network,
    pub(super) said: Vec<u8>,
    pub(super) heard: Vec<u8>,
    random: u64,
}

enum Queued {
    Sample(u8),
    Mark(u64),
}

impl Line {
    pub(super) fn new(network: Network) -> Self {
        Self {
            assembler: Assembler::new(),
            network,
            said: Vec::new(),
            heard: Vec::new(),
            random: 0x9E37_79B9_7F4A_7C15,
        }
    }

    /// Other words and another network.
    pub(super) fn seed(&mut self, seed: u64) {
        self.random ^= seed << 32;
    }

    /// Runs for `length` samples, in which the agent acts; what it says is sent 200 ms ahead at most, with a
    /// mark every 100 ms. `each` is called every 100 ms.
    pub(super) fn run(
        &mut self,
        length: i64,
        acts: &[(i64, Act)],
        mut each: impl FnMut(&mut Self),
    ) {
        let mut acts: VecDeque<_> = acts.iter().copied().collect();
        // What waits: at the agent, to Twilio, in Twilio, from Twilio.
        let (mut words, mut sent_until) = (VecDeque::new(), 0);
        let mut down: VecDeque<(i64, String)> = VecDeque::new();
        let mut queue: VecDeque<Queued> = VecDeque::new();
        let mut up: Vec<(i64, u64, String)> = Vec::new();
        let (mut last_up, mut order, mut mark) = (0, 0, 0);
        let (mut unmarked, network) = (0, self.network);
        let start = json!({"event": "start", "streamSid": "MZ1", "start": {"streamSid": "MZ1", "callSid": "CA1",
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}});
        self.take(Direction::FromTwilio, 0, &start.to_string());
        for now in 0..length {
            // The caller speaks and hears.
            let code = self.code();
            self.said.push(code);
            if now > 0 && now % 160 == 0 {
                let frame = &self.said[now as usize - 160..now as usize];
                let text = from_caller((now as u64 - 160) / 8, frame);
                let late = self.dice(network.jitter.max(0) as u64 + 1) as i64;
                let mut at: i64 = now + network.up + late;
                if let Some((from, len)) = network.stall
                    && (from..from + len).contains(&at)
                {
                    at = from + len;
                }
                last_up = at.max(last_up);
                up.push((last_up, order, text));
                order += 1;
            }
            while let Some((_, text)) = down.pop_front_if(|(at, _)| *at <= now) {
                let message: serde_json::Value = serde_json::from_str(&text).unwrap();
                match message["event"].as_str().unwrap() {
                    "media" => queue.extend(payload(&message).into_iter().map(Queued::Sample)),
                    "mark" => queue.push_back(Queued::Mark(
                        message["mark"]["name"].as_str().unwrap().parse().unwrap(),
                    )),
                    _ => {
                        let marks = std::mem::take(&mut queue).into_iter();
                        queue.extend(marks.filter(|queued| matches!(queued, Queued::Mark(_))));
                    }
                }
            }
            while let Some(Queued::Mark(name)) =
                queue.pop_front_if(|queued| matches!(queued, Queued::Mark(_)))
            {
                let text = json!({"event": "mark", "streamSid": "MZ1", "mark": {"name": name.to_string()}});
                let mut at = now + network.up;
                if network.echoes_in_line {
                    last_up = at.max(last_up);
                    at = last_up;
                }
                if self.dice(100) < network.late_echoes {
                    at += 4_000;
                }
                up.push((at, order, text.to_string()));
                order += 1;
            }
            self.heard.push(match queue.pop_front() {
                Some(Queued::Sample(code)) => code,
                _ => SILENCE,
            });
            // The server hears, and speaks.
            if now % 8 == 0 {
                up.sort_by_key(|(at, order, _)| (*at, *order));
                let count = up.partition_point(|(at, _, _)| *at <= now);
                for (_, _, text) in up.drain(..count).collect::<Vec<_>>() {
                    self.take(Direction::FromTwilio, now, &text);
                }
            }
            while let Some((_, act)) = acts.pop_front_if(|(at, _)| *at <= now) {
                match act {
                    Act::Say(samples) => {
                        for _ in 0..samples {
                            words.push_back(self.code());
                        }
                    }
                    Act::Clear => {
                        words.clear();
                        (sent_until, unmarked) = (now, 0);
                        self.send(
                            now,
                            &mut down,
                            json!({"event": "clear", "streamSid": "MZ1"}),
                        );
                    }
                }
            }
            while !words.is_empty() && sent_until - now < 1_600 - 160 {
                let frame: Vec<u8> = words.drain(..words.len().min(160)).collect();
                sent_until = sent_until.max(now) + frame.len() as i64;
                unmarked += frame.len();
                let audio = {
                    use base64::{Engine, engine::general_purpose::STANDARD};
                    STANDARD.encode(&frame)
                };
                let media =
                    json!({"event": "media", "streamSid": "MZ1", "media": {"payload": audio}});
                self.send(now, &mut down, media);
                if unmarked >= 800 || words.is_empty() {
                    (mark, unmarked) = (mark + 1, 0);
                    let name = json!({"name": mark.to_string()});
                    self.send(
                        now,
                        &mut down,
                        json!({"event": "mark", "streamSid": "MZ1", "mark": name}),
                    );
                }
            }
            if now % 800 == 799 {
                each(self);
            }
        }
    }

    fn send(&mut self, now: i64, down: &mut VecDeque<(i64, String)>, message: serde_json::Value) {
        let text = message.to_string();
        self.take(Direction::ToTwilio, now, &text);
        down.push_back((now + self.network.down, text));
    }

    fn take(&mut self, direction: Direction, now: i64, text: &str) {
        let time = Duration::from_micros(now as u64 * 125);
        self.assembler.take(direction, time, text);
    }

    /// Any code but silence.
    fn code(&mut self) -> u8 {
        self.dice(255) as u8
    }

    pub(super) fn dice(&mut self, sides: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % sides
    }
}

/// A frame as Twilio writes it.
pub(super) fn from_caller(timestamp_ms: u64, audio: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    json!({"event": "media", "streamSid": "MZ1", "media": {
        "track": "inbound", "timestamp": timestamp_ms.to_string(), "payload": STANDARD.encode(audio),
    }})
    .to_string()
}

fn payload(message: &serde_json::Value) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD
        .decode(message["media"]["payload"].as_str().unwrap())
        .unwrap()
}
