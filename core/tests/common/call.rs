//! A whole call in virtual time: Bridge, caller, player, model and the links between them.

use std::time::Duration;

use trunkline::{Bridge, Error};

use super::{
    caller::{Caller, STREAM_SID},
    io::{Ev, Exchange, Input, Out, drain},
    judge::{Judge, tolerance},
    link::Link,
    model::Model,
    player::Player,
    rng::Rng,
    setup::Setup,
    story::clip,
    wire::read_to_twilio,
};

/// A call.
pub(crate) struct Call {
    pub(crate) setup: Setup,
    pub(crate) bridge: Bridge,
    /// Microseconds of the virtual clock.
    pub(crate) now: u64,
    pub(crate) caller: Caller,
    pub(crate) player: Player,
    pub(crate) model: Model,
    pub(crate) from_twilio: Link,
    pub(crate) to_twilio: Link,
    pub(crate) from_model: Link,
    pub(crate) to_model: Link,
    pub(crate) log: Vec<Exchange>,
    pub(crate) judge: Judge,
    script: Vec<(u64, Action)>,
    buf: Vec<u8>,
    rng: Rng,
    /// When the host will next wake for the Bridge's timer, and for which deadline.
    alarm: Option<(u64, u64)>,
    timeouts_now: (u64, u32),
}

type Action = Box<dyn FnOnce(&mut Call)>;

impl Call {
    pub(crate) fn new(setup: Setup) -> Self {
        let bridge = Bridge::new(setup.config.clone());
        let buf = vec![0; bridge.max_output_len()];
        let [from_twilio, to_twilio, from_model, to_model] = setup.delays;
        let link = |delay, n| Link::new(delay, setup.jitter, setup.seed * 8 + n);
        Self {
            bridge,
            now: 1_000_000,
            caller: Caller::new(),
            player: Player::new(setup.ppm),
            model: Model::new(setup.config.model_audio),
            from_twilio: link(from_twilio, 0),
            to_twilio: link(to_twilio, 1),
            from_model: link(from_model, 2),
            to_model: link(to_model, 3),
            log: Vec::new(),
            judge: Judge::new(&setup),
            script: Vec::new(),
            buf,
            rng: Rng::new(setup.seed),
            alarm: None,
            timeouts_now: (0, 0),
            setup,
        }
    }

    /// A call that is under way: both sides are set up and the caller's audio flows.
    pub(crate) fn started(setup: Setup) -> Self {
        let mut call = Self::new(setup);
        call.dial();
        call.open_model();
        for _ in 0..50 {
            call.run_for(ms(200));
            if call.has_event(&Ev::SessionReady) {
                return call;
            }
        }
        panic!("no session after 10 s\n{}", call.story());
    }

    /// Twilio connects and starts the stream.
    pub(crate) fn dial(&mut self) {
        self.from_twilio.send(self.now, Caller::connected());
        let start = self.caller.start();
        self.from_twilio.send(self.now, start);
        self.caller.next_frame = Some(self.now + 20_000);
    }

    /// The model's socket opens and the application sets the session up.
    pub(crate) fn open_model(&mut self) {
        self.model.open();
        self.post();
        let creates = self.setup.creates_response;
        let interrupts = self.setup.interrupts_response;
        self.command(Input::Update {
            creates,
            interrupts,
        })
        .expect("a valid session");
    }

    /// The model's socket closes and what is under way on it is lost.
    pub(crate) fn lose_model(&mut self) {
        let [_, _, from_model, to_model] = self.setup.delays;
        self.from_model = Link::new(from_model, self.setup.jitter, self.setup.seed * 8 + 5);
        self.to_model = Link::new(to_model, self.setup.jitter, self.setup.seed * 8 + 6);
        self.model = self.model.successor();
        self.command(Input::OpenAiClosed)
            .expect("a socket may always close");
    }

    /// Does `action` once the clock has got to `at`.
    pub(crate) fn at(&mut self, at: u64, action: impl FnOnce(&mut Self) + 'static) {
        self.script.push((at, Box::new(action)));
    }

    /// Does `action` after `delay` microseconds.
    pub(crate) fn after(&mut self, delay: u64, action: impl FnOnce(&mut Self) + 'static) {
        self.at(self.now + delay, action);
    }

    /// The model hears the caller begin to speak, now.
    pub(crate) fn speech_started(&mut self) {
        self.model.speech_started(self.now);
        self.post();
    }

    /// The model hears the end of the caller's turn, now.
    pub(crate) fn speech_stopped(&mut self) {
        self.model.speech_stopped(self.now);
        self.post();
    }

    /// The caller speaks for half a second and the model answers.
    pub(crate) fn turn(&mut self) {
        self.speech_started();
        self.run_for(ms(500));
        self.speech_stopped();
    }

    /// Twilio sends `text`.
    pub(crate) fn twilio_sends(&mut self, text: String) {
        self.from_twilio.send(self.now, text);
    }

    /// A call into the Bridge by the application, and what comes of it.
    pub(crate) fn command(&mut self, input: Input) -> Result<(), Error> {
        self.input(input)
    }

    pub(crate) fn run_for(&mut self, micros: u64) {
        self.run_until(self.now + micros);
    }

    /// Lets everything that is due by `end` happen, in order.
    pub(crate) fn run_until(&mut self, end: u64) {
        while let Some((at, what)) = self.next_event().filter(|&(at, _)| at <= end) {
            assert!(at >= self.now, "time went back");
            self.now = at;
            self.step(what);
        }
        self.now = end;
        self.player.advance(end);
        self.post();
    }

    /// Runs until nothing has been played, sent or made for three seconds, the caller's audio aside:
    /// a Bridge may wait a while for the server's own answer before it asks for one.
    pub(crate) fn run_until_quiet(&mut self) {
        let limit = self.now + 600_000_000;
        let mut quiet_since = self.now;
        while self.now < quiet_since + ms(3_000) {
            self.run_for(ms(100));
            let last = self.player.levels.last().map_or(0, |&(at, _)| at);
            let appends = |text: &String| text.contains("input_audio_buffer.append");
            let is_quiet = self.player.queued() == 0
                && !self.model.is_responding()
                && self.to_twilio.is_empty()
                && self.to_model.under_way().all(appends)
                && last + ms(100) < self.now;
            if !is_quiet {
                quiet_since = self.now;
            }
            assert!(
                self.now < limit,
                "the call never comes to rest\n{}",
                self.story()
            );
        }
    }

    fn next_event(&self) -> Option<(u64, Due)> {
        let script = self.script.iter().map(|&(at, _)| at).min();
        let candidates = [
            (script, Due::Script),
            (self.model.next_at(), Due::Model),
            (self.player.next_event(), Due::Player),
            (self.to_twilio.next_arrival(), Due::ToTwilio),
            (self.to_model.next_arrival(), Due::ToModel),
            (self.caller.next_frame, Due::Frame),
            (self.from_twilio.next_arrival(), Due::FromTwilio),
            (self.from_model.next_arrival(), Due::FromModel),
            (self.alarm.map(|(at, _)| at), Due::Timer),
        ];
        candidates
            .into_iter()
            .filter_map(|(at, what)| at.map(|at| (at.max(self.now), what)))
            .min_by_key(|&(at, _)| at)
    }

    fn step(&mut self, what: Due) {
        match what {
            Due::Script => {
                let due = (0..self.script.len()).min_by_key(|&n| self.script[n].0);
                let (_, action) = self.script.remove(due.expect("a script entry is due"));
                action(self);
            }
            Due::Model => self.model.advance(self.now),
            Due::Player => self.player.advance(self.now),
            Due::ToTwilio => {
                let text = self.to_twilio.receive(self.now).expect("a message is due");
                let message = read_to_twilio(&text, STREAM_SID);
                match message {
                    Ok(message) => self.player.receive(self.now, message),
                    Err(reason) => {
                        panic!("Twilio refuses {}: {reason}\n{}", clip(&text), self.story());
                    }
                }
            }
            Due::ToModel => {
                let text = self.to_model.receive(self.now).expect("a message is due");
                if let Err(reason) = self.model.receive(self.now, &text) {
                    panic!(
                        "the model refuses {}: {reason}\n{}",
                        clip(&text),
                        self.story()
                    );
                }
            }
            Due::Frame => {
                let frame = self.caller.frame();
                self.from_twilio.send(self.now, frame);
                self.caller.next_frame = Some(self.now + 20_000);
            }
            Due::FromTwilio => {
                let text = self
                    .from_twilio
                    .receive(self.now)
                    .expect("a message is due");
                self.must(Input::Twilio(text));
            }
            Due::FromModel => {
                let text = self.from_model.receive(self.now).expect("a message is due");
                self.must(Input::OpenAi(text));
            }
            Due::Timer => {
                let (at, count) = self.timeouts_now;
                self.timeouts_now = if at == self.now {
                    (at, count + 1)
                } else {
                    (self.now, 1)
                };
                assert!(
                    self.timeouts_now.1 < 16,
                    "the timer never moves on\n{}",
                    self.story()
                );
                self.alarm = None;
                self.must(Input::Timeout);
            }
        }
        self.post();
    }

    /// Puts what the peers have to say on the wire.
    fn post(&mut self) {
        for text in self.model.take_outbox() {
            self.from_model.send(self.now, text);
        }
        for name in self.player.take_echoes(self.now) {
            let echo = self.caller.mark(&name);
            self.from_twilio.send(self.now, echo);
        }
    }

    /// An input that a Bridge has to take, unless the call is over.
    fn must(&mut self, input: Input) {
        let told = clip(&format!("{input:?}"));
        let is_over = self.bridge.is_closed();
        match self.input(input) {
            Ok(()) => {}
            Err(Error::Closed) if is_over => {}
            Err(error) => panic!("the Bridge refuses {told}: {error}\n{}", self.story()),
        }
        assert!(
            !is_over
                || self
                    .log
                    .last()
                    .is_some_and(|after| after.outputs.is_empty())
        );
    }

    fn input(&mut self, input: Input) -> Result<(), Error> {
        let now = Duration::from_micros(self.now);
        let result = input.apply(&mut self.bridge, now);
        let outputs = drain(&mut self.bridge, &mut self.buf);
        for output in &outputs {
            match output {
                Out::ToTwilio(text) => self.to_twilio.send(self.now, text.clone()),
                Out::ToOpenAi(text) => self.to_model.send(self.now, text.clone()),
                Out::Event(_) => {}
            }
        }
        let exchange = Exchange {
            at: self.now,
            input,
            result,
            outputs,
        };
        let known = self.judge.truncations.len();
        let verdict = self.judge.watch(&exchange);
        self.log.push(exchange);
        if let Err(reason) = verdict {
            panic!("{reason}\n{}", self.story());
        }
        for n in known..self.judge.truncations.len() {
            self.player.advance(self.now);
            let cut = self.judge.truncations[n].clone();
            let heard = self.heard_of(&cut.item_id, cut.part);
            // By then, not only by the time the clear takes effect.
            let limit = heard + tolerance(self.setup.config.model_audio);
            assert!(
                cut.end_ms as usize * 8 <= limit,
                "{cut:?}, {heard} heard\n{}",
                self.story()
            );
        }
        self.set_alarm();
        result
    }

    fn set_alarm(&mut self) {
        let deadline = self
            .bridge
            .poll_timeout()
            .map(|at| at.as_nanos().div_ceil(1_000) as u64);
        self.alarm = match (deadline, self.alarm) {
            (Some(deadline), Some((at, same))) if deadline == same => Some((at, same)),
            (Some(deadline), _) => {
                let late = self.rng.below(self.setup.late_timer + 1);
                Some((deadline.max(self.now) + late, deadline))
            }
            (None, _) => None,
        };
    }
}

/// What happens next; the order is that of events at the same time.
#[derive(Clone, Copy, Debug)]
enum Due {
    Script,
    Model,
    Player,
    ToTwilio,
    ToModel,
    Frame,
    FromTwilio,
    FromModel,
    Timer,
}

/// Milliseconds as microseconds.
pub(crate) const fn ms(ms: u64) -> u64 {
    ms * 1_000
}
