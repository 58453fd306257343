//! Every queue at its bound: what becomes of what has no room, and that memory stays what it was.

mod common;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fmt::Write as _,
    time::Duration,
};

use common::{Call, Ev, Input, Out, Reply, Setup, io::drain, ms};
use trunkline::{
    Bridge, Error, FlightRecorder, PlaybackLedger, RawJson, SessionUpdate,
    bridge::{Config, ModelAudio, Output, Stats},
    flight,
};

/// Counts what the calling thread allocates and frees, and leaves the work to the system.
struct Counting;

thread_local! {
    // Constant and without a destructor: reading it never allocates.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    COUNT.set(COUNT.get() + 1);
}

// SAFETY: every method does exactly what the system's allocator does, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller keeps `dealloc`'s contract; all memory here is the system's.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps `realloc`'s contract; all memory here is the system's.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Which of the peers does its part.
#[derive(Clone, Copy, Debug)]
struct Peers {
    /// Twilio starts the stream and echoes marks.
    starts: bool,
    echoes: bool,
    /// The model confirms the session.
    confirms: bool,
}

/// Ten minutes in which both talk without a pause, the model in items of 3 s.
struct Talk {
    bridge: Bridge,
    recorder: FlightRecorder<Vec<u8>>,
    buf: Vec<u8>,
    text: String,
    voice: String,
    /// Names of marks on their way back and when they are echoed; `Duration::MAX` for none.
    marks: Vec<(Duration, String)>,
    now: Duration,
    peers: Peers,
    /// Samples of each side that were handed in.
    from_caller: u64,
    from_model: u64,
    /// The same in characters of base64.
    chars: u64,
    refused: u64,
}

const FRAMES: u64 = 10 * 60 * 50;

impl Talk {
    fn new(peers: Peers, model_audio: ModelAudio) -> Self {
        let mut config = Config::default();
        config.model_audio = model_audio;
        let recorder = FlightRecorder::new(&config, vec![0; 4 << 10]).unwrap();
        let bridge = Bridge::new(config);
        let buf = vec![0; bridge.max_output_len()];
        let mut talk = Self {
            bridge,
            recorder,
            buf,
            text: String::with_capacity(8 << 10),
            voice: "gIGC".repeat(53) + "gA==",
            marks: (0..64)
                .map(|_| (Duration::MAX, String::with_capacity(200)))
                .collect(),
            now: Duration::from_secs(1),
            peers,
            from_caller: 0,
            from_model: 0,
            chars: 0,
            refused: 0,
        };
        if peers.starts {
            talk.text.push_str(
                "{\"event\":\"start\",\"sequenceNumber\":\"1\",\"streamSid\":\"MZ1\",\"start\":{\
                 \"callSid\":\"CA1\",\"tracks\":[\"inbound\"],\"mediaFormat\":{\
                 \"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1}}}",
            );
            talk.twilio().unwrap();
        }
        let update = flight::Input::UpdateSession(SessionUpdate::default());
        talk.recorder
            .apply(&mut talk.bridge, talk.now, update)
            .unwrap();
        talk.drain();
        if peers.confirms {
            let format = match model_audio {
                ModelAudio::Mulaw => "{\"type\":\"audio/pcmu\"}",
                _ => "{\"type\":\"audio/pcm\",\"rate\":24000}",
            };
            write!(
                talk.text,
                "{{\"type\":\"session.updated\",\"session\":{{\"type\":\"realtime\",\"audio\":{{\
                 \"input\":{{\"format\":{format}}},\"output\":{{\"format\":{format}}}}}}}}}"
            )
            .unwrap();
            talk.model().unwrap();
        }
        talk
    }

    fn twilio(&mut self) -> Result<(), Error> {
        let text = core::mem::take(&mut self.text);
        let input = flight::Input::Twilio(&text);
        let result = self.recorder.apply(&mut self.bridge, self.now, input);
        self.text = text;
        self.text.clear();
        self.drain();
        result
    }

    fn model(&mut self) -> Result<(), Error> {
        let text = core::mem::take(&mut self.text);
        let input = flight::Input::OpenAi(&text);
        let result = self.recorder.apply(&mut self.bridge, self.now, input);
        self.text = text;
        self.text.clear();
        self.drain();
        result
    }

    fn drain(&mut self) {
        let Self {
            bridge,
            recorder,
            marks,
            ..
        } = self;
        while let Some(output) = recorder.poll_output(bridge, &mut self.buf).unwrap() {
            if let Output::ToTwilio(text) = output
                && self.peers.echoes
                && let Some((_, name)) = text.split_once("\"name\":\"")
            {
                let free = marks.iter_mut().find(|(at, _)| *at == Duration::MAX);
                let (at, mark) = free.expect("marks come back in time");
                mark.clear();
                mark.push_str(name.split('"').next().expect("its end"));
                *at = bridge.queued_at_carrier(self.now) + self.now + Duration::from_millis(40);
            }
        }
    }

    fn frame(&mut self, n: u64, model_samples: u64) {
        self.now += Duration::from_millis(20);
        let Self { text, voice, .. } = self;
        write!(
            text,
            "{{\"event\":\"media\",\"sequenceNumber\":\"{n}\",\"streamSid\":\"MZ1\",\"media\":{{\
             \"track\":\"inbound\",\"chunk\":\"{n}\",\"timestamp\":\"{}\",\"payload\":\"{voice}\"}}}}",
            n * 20
        )
        .unwrap();
        match self.twilio() {
            Ok(()) => self.from_caller += 160,
            Err(error) => {
                assert!(!self.peers.starts, "{error}");
                self.refused += 1;
            }
        }
        let (item, part) = (n / 150, n % 150);
        if part == 0 {
            write!(
                self.text,
                "{{\"type\":\"response.created\",\"response\":{{\"id\":\"resp_{item}\"}}}}"
            )
            .unwrap();
            self.model().unwrap();
        }
        let Self { text, voice, .. } = self;
        write!(
            text,
            "{{\"type\":\"response.output_audio.delta\",\"response_id\":\"resp_{item}\",\
             \"item_id\":\"item_{item}\",\"output_index\":0,\"content_index\":0,\"delta\":\""
        )
        .unwrap();
        // A sample of PCM at 24 kHz is six bytes of a sample of the line.
        for _ in 0..model_samples / 160 {
            text.push_str(&voice[..212]);
        }
        text.push_str("gA==\"}");
        match self.model() {
            Ok(()) => {
                self.chars += 212 * (model_samples / 160) + 4;
                self.from_model += 159 * (model_samples / 160) + 1;
            }
            // Nothing leaves and nothing is heard, so there is no room for more items' books.
            Err(Error::QueueFull { .. }) => self.refused += 1,
            Err(error) => panic!("{error}"),
        }
        if part == 149 {
            write!(
                self.text,
                "{{\"type\":\"response.done\",\"response\":{{\"id\":\"resp_{item}\",\
                 \"status\":\"completed\"}}}}"
            )
            .unwrap();
            self.model().unwrap();
        }
        for index in 0..self.marks.len() {
            if self.marks[index].0 <= self.now {
                self.marks[index].0 = Duration::MAX;
                let Self { text, marks, .. } = self;
                write!(
                    text,
                    "{{\"event\":\"mark\",\"sequenceNumber\":\"9\",\"streamSid\":\"MZ1\",\
                     \"mark\":{{\"name\":\"{}\"}}}}",
                    marks[index].1
                )
                .unwrap();
                self.twilio().unwrap();
            }
        }
        while self.bridge.poll_timeout().is_some_and(|at| at <= self.now) {
            let timeout = flight::Input::Timeout;
            self.recorder
                .apply(&mut self.bridge, self.now, timeout)
                .unwrap();
            self.drain();
        }
    }

    /// Ten minutes; returns the counters and how often anything was allocated or freed.
    fn run(mut self) -> (Self, Stats, u64) {
        let before = COUNT.get();
        for n in 0..FRAMES {
            self.frame(n, 160);
        }
        let allocations = COUNT.get() - before;
        let stats = *self.bridge.stats();
        (self, stats, allocations)
    }
}

fn peers() -> impl Iterator<Item = Peers> {
    (0..8).map(|n| Peers {
        starts: n & 1 == 0,
        echoes: n & 2 == 0,
        confirms: n & 4 == 0,
    })
}

#[test]
fn whichever_peers_stall_for_ten_minutes_memory_stays_what_it_was_and_every_sample_is_counted() {
    for peers in peers() {
        let (talk, stats, allocations) = Talk::new(peers, ModelAudio::Mulaw).run();
        let what = format!("{peers:?}, {stats:?}");
        assert_eq!(allocations, 0, "{what}");
        let config = talk.bridge.config();

        // Caller → model: in = out + dropped + depth.
        let out = stats.appended_samples + stats.uplink_dropped_samples;
        assert_eq!(talk.from_caller, out + stats.uplink_depth_samples, "{what}");
        let capacity = config.uplink_capacity.as_millis() as u64 * 8;
        assert!(stats.max_uplink_depth_samples <= capacity, "{what}");
        if peers.starts {
            assert_eq!(talk.from_caller, FRAMES * 160, "Twilio is always read");
            let is_dropped = stats.uplink_dropped_samples > 0;
            assert_eq!(is_dropped, !peers.confirms, "{what}");
        }

        // Model → caller: the same, besides what comes before there is a session.
        let out = stats.sent_samples + stats.downlink_dropped_samples + stats.depth_samples;
        let capacity = config.downlink_capacity.as_millis() as u64 * 8;
        assert!(stats.max_depth_samples <= capacity, "{what}");
        if peers.confirms {
            assert_eq!(talk.from_model, out, "{what}");
            assert_eq!(stats.discarded_bytes, 0, "{what}");
            assert_eq!(stats.downlink_dropped_samples > 0, !peers.starts, "{what}");
            assert_eq!(stats.sent_samples > 0, peers.starts, "{what}");
        } else {
            assert_eq!((out, stats.discarded_bytes), (0, talk.chars), "{what}");
        }
        assert_eq!(talk.refused > 0, !peers.starts, "{what}");
        if peers.starts && peers.confirms {
            assert_eq!(stats.marks_heard > 0, peers.echoes, "{what}");
            let queued = talk.bridge.queued_at_carrier(talk.now);
            assert!(queued <= config.lead, "{queued:?}: {what}");
        }

        // The recorder's buffer was full within the first second; the rest is counted.
        assert!(talk.recorder.is_full(), "{what}");
        assert!(talk.recorder.missed_inputs() > FRAMES, "{what}");
        assert!(talk.recorder.bytes().len() <= 4 << 10);
    }
}

#[test]
fn a_recorder_that_is_emptied_allocates_nothing_either() {
    let everything = Peers {
        starts: true,
        echoes: true,
        confirms: true,
    };
    for model_audio in [ModelAudio::Mulaw, ModelAudio::Pcm24k] {
        let mut talk = Talk::new(everything, model_audio);
        let before = COUNT.get();
        let mut bytes = 0;
        for n in 0..FRAMES / 10 {
            talk.frame(n, 160);
            bytes += talk.recorder.bytes().len();
            talk.recorder.consume(usize::MAX);
        }
        talk.recorder.finish();
        assert_eq!(COUNT.get() - before, 0);
        assert!(!talk.recorder.is_full());
        assert!(bytes > 1 << 20, "{bytes}");
    }
}

#[test]
fn a_host_that_does_not_drain_is_refused_and_nothing_grows() {
    let everything = Peers {
        starts: true,
        echoes: true,
        confirms: true,
    };
    let mut talk = Talk::new(everything, ModelAudio::Mulaw);
    let event = RawJson::new("{\"type\":\"input_audio_buffer.commit\"}").unwrap();
    let (mut taken, mut full, mut pending) = (0_u64, 0_u64, 0_u64);
    let before = COUNT.get();
    for n in 0..FRAMES {
        match talk.bridge.send_openai(event) {
            Ok(()) => taken += 1,
            Err(Error::QueueFull { .. }) => full += 1,
            Err(error) => panic!("{error}"),
        }
        let now = talk.now + Duration::from_millis(20 * n);
        match talk.bridge.handle_twilio(now, "{\"event\":\"connected\"}") {
            Err(Error::OutputPending) => pending += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(COUNT.get() - before, 0);
    assert_eq!((taken + full, pending), (FRAMES, FRAMES));
    assert!(full > 0 && taken > 50, "{taken}");
    let outputs = drain(&mut talk.bridge, &mut talk.buf);
    assert_eq!(outputs.len() as u64, taken, "what was taken is sent");
}

/// A call with a session, and μ-law both ways.
fn ready() -> Call {
    Call::started(Setup::mulaw())
}

fn model_text(call: &mut Call, text: String) -> Result<Vec<Out>, Error> {
    call.command(Input::OpenAi(text))?;
    Ok(call.log.last().expect("one was made").outputs.clone())
}

#[test]
fn a_message_of_10_mb_from_the_model_is_handled() {
    let mut call = ready();
    call.model.replies.push_back(Reply::speech(1_000));
    call.turn();
    call.run_for(ms(300));
    let before = *call.bridge.stats();
    let response = call.model.responses.last().expect("one was made").clone();
    let speech = |chars: usize| {
        format!(
            "{{\"type\":\"response.output_audio.delta\",\"response_id\":\"{response}\",\
             \"item_id\":\"item_x\",\"output_index\":0,\"content_index\":0,\"delta\":\"{}\"}}",
            "gIGC".repeat(chars / 4)
        )
    };
    // Into a Bridge of the same settings, as the simulated player knows nothing of it.
    let mut bridge = call.bridge;
    let now = Duration::from_micros(call.now);
    let mut buf = vec![0; bridge.max_output_len()];
    let text = speech(10 << 20);
    let allocated = COUNT.get();
    bridge.handle_openai(now, &text).unwrap();
    assert_eq!(COUNT.get() - allocated, 0);
    drain(&mut bridge, &mut buf);
    let stats = bridge.stats();
    let received = stats.received_samples - before.received_samples;
    let dropped = stats.downlink_dropped_samples - before.downlink_dropped_samples;
    assert_eq!(received + dropped, (10 << 20) / 4 * 3);
    assert!(dropped > 0 && received > 0);

    // One that says nothing to the Bridge is told by its kind.
    let text = format!("{{\"type\":\"x\",\"pad\":\"{}\"}}", "p".repeat(10 << 20));
    bridge.handle_openai(now, &text).unwrap();
    let outputs = drain(&mut bridge, &mut buf);
    let is_told =
        |output: &Out| matches!(output.event(), Some(Ev::Other { kind, .. }) if kind == "x");
    assert!(outputs.iter().any(is_told), "{outputs:?}");

    // A text to be handed on has no room, and is refused.
    let words = format!(
        "{{\"type\":\"response.output_audio_transcript.done\",\"response_id\":\"{response}\",\
         \"item_id\":\"item_x\",\"output_index\":0,\"content_index\":0,\"transcript\":\"{}\"}}",
        "w".repeat(10 << 20)
    );
    let before = *bridge.stats();
    let refused = bridge.handle_openai(now, &words);
    assert!(
        matches!(refused, Err(Error::MessageTooLong { actual, .. }) if actual > 10 << 20),
        "{refused:?}"
    );
    assert_eq!(*bridge.stats(), before);
}

#[test]
fn messages_beyond_their_caps_are_refused_unread() {
    for cap in [1_000, 1 << 20] {
        let mut setup = Setup::mulaw();
        setup.config.max_openai_len = cap;
        let mut call = Call::started(setup);
        let sized = |len: usize| {
            let frame = "{\"type\":\"x\",\"pad\":\"\"}".len();
            format!("{{\"type\":\"x\",\"pad\":\"{}\"}}", "p".repeat(len - frame))
        };
        let outputs = model_text(&mut call, sized(cap)).unwrap();
        assert!(outputs.iter().any(|output| output.event().is_some()));
        let before = *call.bridge.stats();
        let refused = model_text(&mut call, sized(cap + 1));
        let expected = Error::MessageTooLong {
            limit: cap,
            actual: cap + 1,
        };
        assert_eq!(refused, Err(expected));
        assert_eq!(*call.bridge.stats(), before);
    }
    // Twilio: 64 KiB unless told otherwise.
    let mut call = ready();
    let sized = |len: usize| {
        let frame = "{\"event\":\"x\",\"streamSid\":\"\",\"pad\":\"\"}".len();
        let sid = common::caller::STREAM_SID;
        let pad = "p".repeat(len - frame - sid.len());
        format!("{{\"event\":\"x\",\"streamSid\":\"{sid}\",\"pad\":\"{pad}\"}}")
    };
    assert_eq!(call.command(Input::Twilio(sized(64 << 10))), Ok(()));
    let refused = call.command(Input::Twilio(sized((64 << 10) + 1)));
    let expected = Error::MessageTooLong {
        limit: 64 << 10,
        actual: (64 << 10) + 1,
    };
    assert_eq!(refused, Err(expected));
    call.run_for(ms(1_000));
}

#[test]
fn named_marks_beyond_their_kilobyte_are_refused_and_those_taken_are_told() {
    let mut call = ready();
    call.model.replies.push_back(Reply::speech(1_000).speed(0));
    call.turn();
    call.run_for(ms(200));
    let name = |n: usize| format!("mark-{n:0>20}");
    let mut taken = 0;
    let refused = loop {
        match call.command(Input::Mark(name(taken))) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 1_000, "no bound");
    };
    assert!(matches!(refused, Error::QueueFull { .. }), "{refused:?}");
    assert!(taken >= 1_024 / (101 + 25), "{taken}");
    call.run_until_quiet();
    for n in 0..taken {
        let told = Ev::Mark {
            name: name(n),
            heard: true,
        };
        assert!(call.has_event(&told), "{n}");
    }
}

#[test]
fn of_requests_for_a_response_the_last_one_waits_and_a_long_one_is_refused() {
    let mut call = ready();
    call.speech_started();
    call.run_for(ms(200));
    let request = |words: &str| format!("{{\"instructions\":\"{words}\"}}");
    for n in 0..100 {
        let request = request(&format!("say {n}"));
        call.command(Input::CreateResponse(Some(request))).unwrap();
    }
    let long = request(&"x".repeat(2 << 10));
    let refused = call.command(Input::CreateResponse(Some(long)));
    assert!(
        matches!(refused, Err(Error::QueueFull { free: 2_048, .. })),
        "{refused:?}"
    );
    call.model.creates_response = false;
    call.speech_stopped();
    call.run_for(ms(4_000));
    let asked: Vec<_> = call
        .model
        .commands
        .iter()
        .filter(|(_, event)| event["type"] == "response.create")
        .collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].1["response"]["instructions"], "say 99");
}

#[test]
fn of_more_tool_calls_than_16_the_oldest_cannot_be_answered_any_more() {
    let mut call = ready();
    for n in 0..20 {
        let event = format!(
            "{{\"type\":\"response.output_item.done\",\"response_id\":\"resp_0\",\
             \"output_index\":{n},\"item\":{{\"id\":\"item_f{n}\",\"type\":\"function_call\",\
             \"status\":\"completed\",\"name\":\"a\",\"call_id\":\"call_{n}\",\"arguments\":\"{{}}\"}}}}"
        );
        let outputs = model_text(&mut call, event).unwrap();
        assert!(
            matches!(outputs[0].event(), Some(Ev::ToolCall { .. })),
            "each is told"
        );
    }
    for n in 0..20 {
        let id = format!("call_{n}");
        let answered = call.bridge.send_tool_output(&id, "{}");
        let expected = match n {
            0..4 => Err(Error::InvalidField { name: "call_id" }),
            _ => Ok(()),
        };
        assert_eq!(answered, expected, "{id}");
        drain(&mut call.bridge, &mut vec![0; 64 << 10]);
    }
}

#[test]
fn a_ledger_whose_marks_never_come_back_takes_the_oldest_item_for_heard() {
    let mut ledger = PlaybackLedger::new(8_000);
    let before = COUNT.get();
    let mut id = String::with_capacity(40);
    let own = COUNT.get() - before;
    for n in 0..10_000_u64 {
        id.clear();
        write!(id, "item_{n}").unwrap();
        ledger.receive(&id, 0, 800, 800).unwrap();
        ledger.send(Duration::from_millis(100 * n), 800);
        ledger.finish(&id, 0);
        ledger.mark();
        assert!(ledger.unheard().count() <= PlaybackLedger::MAX_PARTS);
    }
    assert_eq!(COUNT.get() - before, own);
    // What is left is the last 16.
    let first = ledger.unheard().next().expect("16 wait");
    assert_eq!(first.item_id, "item_9984");
}

#[test]
fn echoes_that_prove_nothing_are_not_counted_as_heard() {
    let mut call = ready();
    let echo = call.caller.mark("tl:0:0");
    call.command(Input::Twilio(echo)).unwrap();
    let stats = *call.bridge.stats();
    assert_eq!((stats.marks_sent, stats.marks_heard), (0, 0));
    assert_eq!(stats.marks_ignored, 1);
    // Twice each.
    call.player.mark_fault = Some(Box::new(|_| vec![0, 30_000]));
    call.model.replies.push_back(Reply::speech(1_000));
    call.turn();
    call.run_until_quiet();
    let stats = call.bridge.stats();
    assert!(stats.marks_sent > 5, "{stats:?}");
    assert_eq!(stats.marks_heard, stats.marks_sent);
    assert_eq!(stats.marks_ignored, 1 + stats.marks_sent);
}

#[test]
fn the_last_8_interrupted_responses_and_4_out_of_band_are_known_and_no_more() {
    let mut call = ready();
    let delta = |n: usize| {
        format!(
            "{{\"type\":\"response.output_audio.delta\",\"response_id\":\"resp_x{n}\",\
             \"item_id\":\"item_x{n}\",\"output_index\":0,\"content_index\":0,\"delta\":\"gIGC\"}}"
        )
    };
    let mut bridge = call.bridge;
    let now = Duration::from_micros(call.now);
    let mut buf = vec![0; bridge.max_output_len()];
    let mut say = |bridge: &mut Bridge, text: &str| {
        bridge.handle_openai(now, text).unwrap();
        drain(bridge, &mut buf)
    };
    for n in 0..9 {
        let created = format!(
            "{{\"type\":\"response.created\",\"response\":{{\"id\":\"resp_x{n}\",\
             \"conversation_id\":\"conv_1\"}}}}"
        );
        say(&mut bridge, &created);
        say(&mut bridge, &delta(n));
        say(
            &mut bridge,
            "{\"type\":\"input_audio_buffer.speech_started\",\"audio_start_ms\":0,\
             \"item_id\":\"item_u\"}",
        );
    }
    assert_eq!(bridge.stats().discarded_bytes, 0);
    for n in (0..9).rev() {
        say(&mut bridge, &delta(n));
        let unheard = if n == 0 { 8 } else { 9 - n as u64 };
        assert_eq!(bridge.stats().discarded_bytes, 4 * unheard, "{n}");
    }

    // Items out of band are none of the conversation's, and are not cut in it.
    call = ready();
    let mut bridge = call.bridge;
    for n in 0..5 {
        let created = format!(
            "{{\"type\":\"response.created\",\"response\":{{\"id\":\"resp_x{n}\",\
             \"conversation_id\":null}}}}"
        );
        say(&mut bridge, &created);
        let added = format!(
            "{{\"type\":\"response.output_item.added\",\"response_id\":\"resp_x{n}\",\
             \"output_index\":0,\"item\":{{\"id\":\"item_x{n}\",\"type\":\"message\"}}}}"
        );
        say(&mut bridge, &added);
        say(&mut bridge, &delta(n));
    }
    let outputs = say(
        &mut bridge,
        "{\"type\":\"input_audio_buffer.speech_started\",\"audio_start_ms\":0,\
         \"item_id\":\"item_u\"}",
    );
    let cut: Vec<_> = outputs
        .iter()
        .filter_map(Out::client_event)
        .filter_map(|event| Some(event["item_id"].as_str()?.to_owned()))
        .collect();
    assert_eq!(cut, ["item_x0"]);
}
