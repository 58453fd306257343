//! A call in virtual time: the Bridge between its two peers, each input and output judged.

mod ending;
mod host;

use std::sync::LazyLock;

use trunkline::{Bridge, Error, mulaw};

use self::host::config;
use super::{
    clip::Clip,
    event::{Event, Setup, Stray},
    player::Player,
    server::{Message, Server},
    truth::{Cause, FromTwilio, Sent, Truth},
};
use crate::common::{caller::Caller, io::Input, link::Link, ms, rng::Rng};

/// A call.
pub(crate) struct World {
    setup: Setup,
    bridge: Bridge,
    buf: Vec<u8>,
    /// Microseconds of the virtual clock.
    pub(crate) now: u64,
    caller: Caller,
    player: Player,
    pub(crate) server: Server,
    pub(crate) truth: Truth,
    from_twilio: Link<(String, FromTwilio)>,
    to_twilio: Link<Sent>,
    from_model: Link<Message>,
    to_model: Link<Sent>,
    /// When the host will next wake for the Bridge's timer, and for which deadline.
    alarm: Option<(u64, u64)>,
    timeouts: (u64, u32),
    /// The host does nothing before this time.
    asleep_until: u64,
    drain_late: Option<u64>,
    drain_at: Option<u64>,
    /// The next speech begins by itself.
    speak_again_at: Option<u64>,
    reconnect_at: Option<u64>,
    media_from: u64,
    /// The caller's microphone hears a voice.
    voice_until: u64,
    is_streaming: bool,
    swaps_media: bool,
    held_media: Option<String>,
    last_media: Option<String>,
    is_connected: bool,
    rng: Rng,
    /// Everything that went into the Bridge.
    log: Vec<(u64, Logged)>,
    /// Everything that came out.
    outputs: Vec<u8>,
    drained: usize,
    /// The script so far, and in the second run of one that failed what came of it.
    script: Vec<Event>,
    is_finishing: bool,
    story: Option<Vec<String>>,
    /// What came out, audio and marks aside, by its kind.
    pub(crate) told: Vec<String>,
    answered: usize,
    /// Marks that were echoed.
    echoed: Vec<String>,
    marks: usize,
}

enum Logged {
    Input(Input, Result<(), Error>),
    /// The outputs were polled, of so many bytes.
    Drain(usize),
}

impl World {
    fn new(setup: &Setup, story: Option<Vec<String>>) -> Self {
        let config = config(setup);
        let bridge = Bridge::new(config);
        let buf = vec![0; bridge.max_output_len()];
        let [a, b, c, d] = setup.delays;
        let (jitter, seed) = (setup.jitter, setup.seed * 8);
        let mut world = Self {
            bridge,
            buf,
            now: 1_000_000,
            caller: Caller::new(),
            player: Player::new(setup.ppm, setup.seed ^ 0xF1),
            server: Server::new(setup),
            truth: Truth::new(setup),
            from_twilio: Link::new(a, jitter, seed),
            to_twilio: Link::new(b, jitter, seed + 1),
            from_model: Link::new(c, jitter, seed + 2),
            to_model: Link::new(d, jitter, seed + 3),
            alarm: None,
            timeouts: (0, 0),
            asleep_until: 0,
            drain_late: None,
            drain_at: None,
            speak_again_at: None,
            reconnect_at: None,
            media_from: 0,
            voice_until: 0,
            is_streaming: false,
            swaps_media: false,
            held_media: None,
            last_media: None,
            is_connected: false,
            rng: Rng::new(setup.seed ^ 0xA1),
            log: Vec::new(),
            outputs: Vec::new(),
            drained: 0,
            script: Vec::new(),
            is_finishing: false,
            story,
            told: Vec::new(),
            answered: 0,
            echoed: Vec::new(),
            marks: 0,
            setup: setup.clone(),
        };
        world.connect();
        world.post();
        if setup.is_under_way {
            world.happen(&Event::Start);
            let path = setup.delays.iter().sum::<u64>() + 4 * setup.jitter;
            world.run_for(path + ms(1));
            if !world.truth.is_started || world.truth.ready_events != 1 {
                world.fail("the call does not get under way");
            }
        }
        world
    }

    /// A call as `setup` has it; the model's socket is open.
    pub(crate) fn begin(setup: &Setup) -> Self {
        Self::new(setup, None)
    }

    /// Makes `event` happen.
    pub(crate) fn apply(&mut self, event: &Event) {
        self.script.push(event.clone());
        self.happen(event);
    }

    fn happen(&mut self, event: &Event) {
        self.tell(|| format!("{event:?}"));
        match *event {
            Event::Wait(time) => self.run_for(time),
            Event::Sleep(time) => {
                self.asleep_until = self.asleep_until.max(self.now + time);
                self.truth.is_disturbed = true;
            }
            Event::EarlyTimer if self.is_awake() => {
                self.input(Input::Timeout, Cause::Timer);
            }
            Event::DrainLate(time) => {
                self.drain_late = Some(time);
                self.truth.is_disturbed = true;
            }
            Event::Start if !self.is_streaming && self.caller.captured == 0 => {
                let text = Caller::connected();
                self.from_twilio.send(self.now, (text, FromTwilio::Other));
                let text = self.caller.start();
                self.from_twilio.send(self.now, (text, FromTwilio::Start));
                self.is_streaming = true;
                self.caller.next_frame = Some(self.now + ms(self.setup.frame as u64));
            }
            Event::Stop if self.is_streaming => {
                self.is_streaming = false;
                self.caller.next_frame = None;
                let text = self.caller.stop();
                self.from_twilio.send(self.now, (text, FromTwilio::Stop));
            }
            Event::Hangup if self.is_awake() => {
                self.is_streaming = false;
                self.caller.next_frame = None;
                self.input(Input::TwilioClosed, Cause::TwilioClosed);
            }
            Event::Gap(time) => self.media_from = self.media_from.max(self.now + ms(time)),
            Event::MediaTwice => {
                if let Some(text) = self.last_media.clone().filter(|_| self.is_streaming) {
                    self.from_twilio.send(self.now, (text, FromTwilio::Media));
                }
            }
            Event::MediaSwapped => self.swaps_media = true,
            Event::Dtmf(digit) if self.is_streaming => {
                let text = self.caller.dtmf(digit);
                let told = FromTwilio::Dtmf(digit);
                self.from_twilio.send(self.now, (text, told));
            }
            Event::Echoes(fate) => self.player.set_fate(fate),
            Event::StrayEcho(stray) if self.is_streaming => {
                let name = match stray {
                    Stray::Unknown(name) => Some(name.to_owned()),
                    Stray::First => self.echoed.first().cloned(),
                    Stray::BeforeClear => {
                        let name = self.truth.before_clear.clone();
                        name.filter(|name| self.echoed.contains(name))
                    }
                    Stray::Newest => self.echoed.last().cloned(),
                };
                if let Some(name) = name {
                    let text = self.caller.mark(&name);
                    self.from_twilio.send(self.now, (text, FromTwilio::Other));
                }
            }
            Event::StallTwilio(time) => {
                let until = self.now + ms(time);
                self.from_twilio.stall(until);
                self.to_twilio.stall(until);
                self.truth.is_disturbed = true;
            }
            Event::StallModel(time) => {
                let until = self.now + ms(time);
                self.from_model.stall(until);
                self.to_model.stall(until);
            }
            Event::Voice(time) => self.voice_until = self.voice_until.max(self.now + ms(time)),
            Event::Speak => self.server.speak(),
            Event::Fall => self.server.fall(),
            Event::SpeakTwice(gap) => {
                self.server.speak();
                self.speak_again_at = Some(self.now + gap);
            }
            Event::Transcript(words) => self.server.transcribe(words),
            Event::Audio(samples, bytes) => self.server.audio(samples, bytes),
            Event::Deltas(count, samples) => {
                for _ in 0..count {
                    self.server.audio(samples.into(), 0);
                }
            }
            Event::PartDone => self.server.part_done(),
            Event::ItemDone => self.server.item_done(),
            Event::ToolCall => self.server.tool_call(),
            Event::Done(ending) => self.server.done(ending),
            Event::Reply(ref items) => self.server.reply(items),
            Event::Shortfall(time) => self.server.shortfall = time,
            Event::LoseItem => self.server.loses_item = true,
            Event::Error(code) => self.server.error(code),
            Event::LoseModel(time) if self.is_connected && self.is_awake() => self.lose_model(time),
            Event::Interrupt => {
                self.command(Input::Interrupt, Cause::Interrupt);
            }
            Event::CreateResponse => {
                self.command(Input::CreateResponse(None), Cause::Owing);
            }
            Event::Mark => {
                let name = format!("m{}", self.marks);
                self.marks += 1;
                self.truth.mark(&self.server, name.clone());
                if !self.command(Input::Mark(name), Cause::Command) {
                    self.truth.app_marks.pop();
                }
            }
            Event::Answer => {
                self.answer();
            }
            _ => {}
        }
        self.post();
    }

    /// Lets everything that is due within `micros` happen, in order.
    pub(crate) fn run_for(&mut self, micros: u64) {
        let end = self.now + micros;
        while let Some((at, due)) = self.next_due().filter(|&(at, _)| at <= end) {
            self.now = self.now.max(at);
            self.step(due);
            self.post();
        }
        self.now = end;
        self.play();
        self.post();
    }

    fn next_due(&self) -> Option<(u64, Due)> {
        let awake = self.asleep_until;
        let host = |at: Option<u64>| at.map(|at| at.max(awake));
        // Until the outputs are drained no message is read.
        let reads = |at: Option<u64>| host(at).map(|at| at.max(self.drain_at.unwrap_or(0)));
        let candidates = [
            (self.speak_again_at, Due::SpeakAgain),
            (host(self.drain_at), Due::Drain),
            (self.player.next_event(), Due::Player),
            (self.to_twilio.next_arrival(), Due::ToTwilio),
            (self.to_model.next_arrival(), Due::ToModel),
            (self.caller.next_frame, Due::Frame),
            (reads(self.reconnect_at), Due::Reconnect),
            (reads(self.from_twilio.next_arrival()), Due::FromTwilio),
            (reads(self.from_model.next_arrival()), Due::FromModel),
            (reads(self.alarm.map(|(at, _)| at)), Due::Timer),
        ];
        let due = candidates.into_iter();
        due.filter_map(|(at, what)| at.map(|at| (at.max(self.now), what)))
            .min_by_key(|&(at, _)| at)
    }

    fn step(&mut self, due: Due) {
        match due {
            Due::SpeakAgain => {
                self.speak_again_at = None;
                if self.server.hears_speech() {
                    self.server.speak();
                }
            }
            Due::Drain => {
                self.drain_at = None;
                self.drain();
            }
            Due::Player => self.play(),
            Due::ToTwilio => {
                self.play();
                match self.to_twilio.receive(self.now) {
                    Some(Sent::Audio(stretches)) => {
                        self.player.receive_audio(self.now, &stretches);
                    }
                    Some(Sent::Mark(name)) => self.player.receive_mark(name),
                    Some(Sent::Clear) => self.player.clear(self.now),
                    _ => {}
                }
                self.play();
            }
            Due::ToModel => match self.to_model.receive(self.now) {
                Some(Sent::Append(bytes)) => self.server.hear(bytes),
                Some(Sent::ToModel(event)) => self.server.receive(&event),
                _ => {}
            },
            Due::Frame => self.frame(),
            Due::Reconnect => {
                self.reconnect_at = None;
                self.connect();
            }
            Due::FromTwilio => {
                if let Some((text, told)) = self.from_twilio.receive(self.now) {
                    self.input(Input::Twilio(text), Cause::Twilio(told));
                }
            }
            Due::FromModel => {
                if let Some(Message { text, told }) = self.from_model.receive(self.now) {
                    self.input(Input::OpenAi(text), Cause::Model(told));
                }
            }
            Due::Timer => {
                let (at, count) = self.timeouts;
                self.timeouts = if at == self.now {
                    (at, count + 1)
                } else {
                    (self.now, 1)
                };
                if self.timeouts.1 > 4 {
                    self.fail("the timer never moves on");
                }
                self.alarm = None;
                self.input(Input::Timeout, Cause::Timer);
            }
        }
    }

    fn frame(&mut self) {
        let len = self.setup.frame;
        self.caller.next_frame = Some(self.now + ms(len as u64));
        let at = self.caller.captured / 8;
        self.caller.captured += len * 8;
        if self.now < self.media_from {
            return;
        }
        let is_voice = self.now <= self.voice_until;
        let audio = if is_voice {
            &VOICE[..len * 8]
        } else {
            &[0xFF; 800][..len * 8]
        };
        self.truth.is_voice(self.now, is_voice);
        let text = self.caller.media_at(at, audio);
        self.last_media = Some(text.clone());
        if core::mem::take(&mut self.swaps_media) {
            self.held_media = Some(text);
            return;
        }
        self.from_twilio.send(self.now, (text, FromTwilio::Media));
        if let Some(text) = self.held_media.take() {
            self.from_twilio.send(self.now, (text, FromTwilio::Media));
        }
    }

    /// Puts what the peers have to say on the wire.
    fn post(&mut self) {
        for message in self.server.take_outbox() {
            if self.is_connected {
                self.from_model.send(self.now, message);
            }
        }
        for name in self.player.take_echoes(self.now) {
            if self.is_streaming {
                let text = self.caller.mark(&name);
                self.from_twilio
                    .send(self.now, (text, FromTwilio::Mark(name)));
            }
        }
    }

    fn play(&mut self) {
        let verdict = self.player.advance(self.now, &mut self.server.clips);
        self.check(verdict);
    }

    fn connect(&mut self) {
        self.is_connected = true;
        self.server.open();
        let (creates, interrupts) = (self.setup.creates, self.setup.interrupts);
        let update = Input::Update {
            creates,
            interrupts,
        };
        self.command(update, Cause::Command);
    }

    fn lose_model(&mut self, time: u64) {
        let [_, _, c, d] = self.setup.delays;
        let seed = self.rng.next();
        self.from_model = Link::new(c, self.setup.jitter, seed);
        self.to_model = Link::new(d, self.setup.jitter, seed ^ 1);
        self.is_connected = false;
        // Nobody speaks to a server that is not there.
        self.server.open();
        self.server.take_outbox();
        self.server.clips.iter_mut().for_each(Clip::cut_off);
        self.input(Input::OpenAiClosed, Cause::ModelClosed);
        if !self.truth.is_ended {
            self.reconnect_at = Some(self.now + ms(time));
        }
    }

    /// Answers the oldest tool call that is open.
    fn answer(&mut self) -> bool {
        if !self.is_awake() {
            return false;
        }
        while let Some(&(item, session)) = self.truth.calls.get(self.answered) {
            self.answered += 1;
            if session == self.server.session && self.is_connected {
                let input = Input::ToolOutput(format!("call_{item}"), "\"done\"".into());
                self.command(input, Cause::Owing);
                return true;
            }
        }
        false
    }

    fn is_awake(&self) -> bool {
        self.asleep_until <= self.now && self.drain_at.is_none()
    }

    fn check<T>(&self, verdict: Result<T, String>) -> T {
        match verdict {
            Ok(value) => value,
            Err(reason) => self.fail(&reason),
        }
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>10} {}", self.now, line()));
        }
    }

    /// Ends the test. What led to it is told by running the same script once more.
    fn fail(&self, reason: &str) -> ! {
        if let Some(story) = &self.story {
            let tail = story[story.len().saturating_sub(400)..].join("\n");
            let script = as_rust(&self.setup, &self.script);
            panic!("{tail}\n{reason}, at {} µs\n{script}", self.now);
        }
        let mut again = Self::new(&self.setup, Some(Vec::new()));
        for event in &self.script {
            again.apply(event);
        }
        if self.is_finishing {
            again.finish();
        }
        panic!("{reason}, at {} µs, and not when run again", self.now);
    }
}

/// What happens next; the order is that of events at the same time.
#[derive(Clone, Copy, Debug)]
enum Due {
    SpeakAgain,
    Drain,
    Player,
    ToTwilio,
    ToModel,
    Frame,
    Reconnect,
    FromTwilio,
    FromModel,
    Timer,
}

/// The script as a test plays it.
fn as_rust(setup: &Setup, script: &[Event]) -> String {
    let mut text = format!("play({setup:?}, &{script:?});");
    for (told, rust) in [
        ("stops: ", "stops: Stops::"),
        ("Echoes(", "Echoes(Fate::"),
        ("StrayEcho(", "StrayEcho(Stray::"),
        ("Transcript(", "Transcript(Words::"),
        ("Done(", "Done(Ending::"),
        ("Error(", "Error(Code::"),
        ("Reply([", "Reply(vec!["),
    ] {
        text = text.replace(told, rust);
    }
    text
}

/// 100 ms of something like a vowel, μ-law: twelve periods of a pulse train through a resonance.
static VOICE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let tau = core::f64::consts::TAU;
    let sample = |n: usize| {
        let time = (n % 67) as f64 / 8_000.0;
        let ring = |hz: f64, decay: f64| (tau * hz * time).sin() * (-decay * time).exp();
        (9_000.0 * (ring(600.0, 250.0) + 0.6 * ring(1_200.0, 350.0))) as i16
    };
    let pcm: Vec<i16> = (0..800).map(sample).collect();
    let mut bytes = vec![0; pcm.len()];
    mulaw::encode(&pcm, &mut bytes).expect("the lengths are equal");
    bytes
});
