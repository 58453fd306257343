//! Nothing is allocated or freed on a hot path, however long it runs.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fmt::{self, Write as _},
    hint::black_box,
    time::Duration,
};

use trunkline::{
    Bridge, Concealer, Downsampler, JitterBuffer, PlaybackLedger, SessionUpdate, Upsampler,
    VoiceDetector, alaw, base64,
    bridge::{BargeIn, Config, Event, ModelAudio, Output},
    conceal,
    dialect::{Carrier, CarrierCommand, CarrierEvent, Model, ModelCommand, ModelEvent},
    mulaw,
    openai::OpenAiRealtime,
    playback::Cut,
    resample::Resampler,
    twilio::Twilio,
};

/// What each hot path is run for: five and a half hours of 20 ms frames.
const FRAMES: u64 = 1_000_000;

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

/// Runs `hot` and returns how often it allocated, reallocated or freed.
fn allocations(hot: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    hot();
    COUNT.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 2);
    assert_eq!(allocations(|| ()), 0);
}

#[test]
fn concealment_does_not_allocate() {
    let voice: [i16; 320] = core::array::from_fn(|n| (n % 80) as i16 * 100 - 4_000);
    let hot = || {
        let mut concealer = Concealer::new();
        for frame in 0..FRAMES {
            let mut audio = voice;
            // Each loss of its own costs a search: a few thousand of them tell.
            if frame % 256 == 255 {
                concealer.conceal(&mut audio[..160]);
                black_box(conceal::shorten(&mut audio, 120));
                black_box(conceal::lengthen(&mut audio, 200, 120));
            } else {
                concealer.receive(&mut audio[..160]);
            }
            black_box(audio);
        }
    };
    assert_eq!(allocations(hot), 0);
}

#[test]
fn g711_does_not_allocate() {
    let codes: [u8; 160] = core::array::from_fn(|n| n as u8);
    let mut pcm = [0; 160];
    let mut back = [0; 160];
    let hot = || {
        for _ in 0..FRAMES {
            mulaw::decode(black_box(&codes), &mut pcm).unwrap();
            mulaw::encode(black_box(&pcm), &mut back).unwrap();
            alaw::decode(black_box(&back), &mut pcm).unwrap();
            alaw::encode(black_box(&pcm), &mut back).unwrap();
            mulaw::to_alaw(black_box(&codes), &mut back).unwrap();
            alaw::to_mulaw(black_box(&codes), &mut back).unwrap();
        }
    };
    assert_eq!(allocations(hot), 0);
}

#[test]
fn resamplers_do_not_allocate() {
    let narrow: [i16; 160] = core::array::from_fn(|n| (n as i16 - 80) * 150);
    let mut up = Upsampler::new();
    let mut down = Downsampler::new();
    let mut wide = [0; 480];
    let mut back = [0; 200];
    let hot = || {
        for _ in 0..FRAMES {
            up.process(black_box(&narrow), &mut wide).unwrap();
            down.process(black_box(&wide), &mut back).unwrap();
        }
        down.flush(&mut back).unwrap();
        up.reset();
        down.reset();
    };
    assert_eq!(allocations(hot), 0);
    for (from, to) in [
        (8_000, 16_000),
        (16_000, 8_000),
        (16_000, 24_000),
        (24_000, 16_000),
    ] {
        let mut resampler = Resampler::new(from, to).unwrap();
        let hot = || {
            for _ in 0..FRAMES / 10 {
                let len = resampler.output_len(160);
                resampler
                    .process(black_box(&narrow), &mut wide[..len])
                    .unwrap();
            }
        };
        assert_eq!(allocations(hot), 0, "{from} to {to}");
    }
}

#[test]
fn base64_does_not_allocate() {
    let bytes: [u8; 960] = core::array::from_fn(|n| n as u8);
    let mut text = [0; 1_280];
    let mut back = [0; 960];
    let mut decoder = base64::Decoder::new();
    let hot = || {
        for _ in 0..FRAMES {
            base64::encode(black_box(&bytes), &mut text).unwrap();
            base64::decode(black_box(&text), &mut back).unwrap();
            let half = decoder.decode(black_box(&text[..641]), &mut back).unwrap();
            decoder
                .decode(black_box(&text[641..]), &mut back[half..])
                .unwrap();
        }
    };
    assert_eq!(allocations(hot), 0);
    assert_eq!(back, bytes);
}

#[test]
fn messages_are_read_and_written_without_allocating() {
    let audio = [0x55_u8; 160];
    let pcm = [1_000_i16; 480];
    let mut buf = [0; 4_096];
    let mut media = Line::new();
    media.media(7, &("VVVV".repeat(53) + "VVU="));
    let mut delta = Line::new();
    delta.delta(3, 4, &"AQAC".repeat(320));
    let hot = || {
        for _ in 0..FRAMES {
            let message = Twilio.read(black_box(media.as_str())).unwrap();
            assert!(matches!(
                message.event,
                CarrierEvent::Media {
                    timestamp_ms: 140,
                    ..
                }
            ));
            let event = OpenAiRealtime.read(black_box(delta.as_str())).unwrap();
            assert!(matches!(
                event,
                ModelEvent::AudioDelta {
                    content_index: 0,
                    ..
                }
            ));
            let media = CarrierCommand::Media(black_box(&audio));
            Twilio.write("MZ1", media, &mut buf).unwrap();
            Twilio
                .write("MZ1", CarrierCommand::Mark("tl:1:800"), &mut buf)
                .unwrap();
            let append = ModelCommand::AppendPcm16(black_box(&pcm));
            OpenAiRealtime.write(append, &mut buf).unwrap();
            let append = ModelCommand::AppendG711(black_box(&audio));
            OpenAiRealtime.write(append, &mut buf).unwrap();
        }
    };
    assert_eq!(allocations(hot), 0);
}

#[test]
fn the_playback_ledger_does_not_allocate() {
    let mut ledger = PlaybackLedger::new(24_000);
    let mut cuts = 0;
    let hot = || {
        let mut id = Line::new();
        for n in 0..FRAMES {
            let now = Duration::from_millis(n * 20);
            id.set(format_args!("item_{}", n / 50));
            ledger.receive(id.as_str(), 0, 480, 160).unwrap();
            ledger.send(now, 160);
            if n % 5 == 4 {
                let mark = ledger.mark();
                ledger.handle_mark(now + Duration::from_millis(20), mark.as_str());
            }
            if n % 50 == 49 {
                ledger.finish(id.as_str(), 0);
            }
            while let Some(heard) = ledger.pop_heard() {
                black_box(heard.item_id());
            }
            if n % 333 == 332 {
                cuts += ledger
                    .unheard()
                    .filter(|unheard| unheard.cut() != Cut::None)
                    .count();
                ledger.clear();
            }
        }
    };
    assert_eq!(allocations(hot), 0);
    assert!(cuts > 1_000);
}

#[test]
fn a_bridge_does_not_allocate_in_pcm() {
    bridge_does_not_allocate(ModelAudio::Pcm24k);
}

#[test]
fn a_bridge_does_not_allocate_in_mulaw() {
    bridge_does_not_allocate(ModelAudio::Mulaw);
}

fn bridge_does_not_allocate(format: ModelAudio) {
    let mut config = Config::default();
    config.model_audio = format;
    let mut peer = Peer::new(config);
    let update = SessionUpdate::default();
    let hot = || {
        peer.start(format, &update);
        for frame in 0..FRAMES {
            peer.frame(frame, format);
        }
        peer.bridge.handle_openai_closed(peer.now);
        peer.drain();
        peer.line.set(format_args!(
            "{{\"event\":\"stop\",\"streamSid\":\"MZ1\",\"stop\":{{\"callSid\":\"CA1\"}}}}"
        ));
        peer.twilio();
    };
    assert_eq!(allocations(hot), 0);
    assert!(peer.bridge.is_closed());
    // It must have been a real call: heard, interrupted, answered.
    let stats = peer.bridge.stats();
    assert_eq!(stats.media_messages, FRAMES);
    assert!(stats.appended_samples > FRAMES * 150, "{stats:?}");
    assert!(stats.concealed_samples > FRAMES / 2, "{stats:?}");
    assert!(stats.lost_samples > FRAMES / 2, "{stats:?}");
    assert!(stats.sent_samples > FRAMES * 50, "{stats:?}");
    assert!(stats.barge_ins > FRAMES / 1_000, "{stats:?}");
    assert!(stats.truncated_items > FRAMES / 1_000, "{stats:?}");
    assert!(stats.marks_heard > FRAMES / 20, "{stats:?}");
    assert!(peer.tool_calls > FRAMES / 2_000, "{}", peer.tool_calls);
}

#[test]
fn a_voice_detector_does_not_allocate() {
    let voice = voice();
    let mut detector = VoiceDetector::new();
    let mut spoken = 0;
    let hot = || {
        for n in 0..FRAMES {
            let is_voice = n % 100 < 20;
            let frame = if is_voice { voice } else { [0; 160] };
            spoken += u64::from(detector.process(black_box(&frame)).is_some());
        }
        detector.reset();
    };
    assert_eq!(allocations(hot), 0);
    assert!((FRAMES / 5..FRAMES / 2).contains(&spoken), "{spoken}");
}

#[test]
fn holding_playback_does_not_allocate() {
    let mut config = Config::default();
    config.barge_in = BargeIn::OnTranscript;
    config.voice_detection = true;
    let mut peer = Peer::new(config);
    let mut quiet = vec![0; base64::encoded_len(160)];
    base64::encode(&[mulaw::SILENCE; 160], &mut quiet).unwrap();
    let mut quiet = String::from_utf8(quiet).unwrap();
    let mut codes = [0; 160];
    mulaw::encode(&voice(), &mut codes).unwrap();
    let mut text = vec![0; base64::encoded_len(160)];
    base64::encode(&codes, &mut text).unwrap();
    peer.caller = String::from_utf8(text).unwrap();
    let update = SessionUpdate::default();
    let hot = || {
        peer.start(ModelAudio::Pcm24k, &update);
        for frame in 0..FRAMES / 4 {
            // A voice that the model does not hear, in the middle of each answer.
            if matches!(frame % 100, 60 | 80) || frame == 0 {
                core::mem::swap(&mut peer.caller, &mut quiet);
            }
            peer.frame(frame, ModelAudio::Pcm24k);
            if frame % 200 == 30 {
                let turn = frame / 200;
                let words = if turn.is_multiple_of(2) { "no" } else { "" };
                peer.line.set(format_args!(
                    "{{\"type\":\"conversation.item.input_audio_transcription.completed\",\
                     \"event_id\":\"e\",\"item_id\":\"item_u{turn}\",\"content_index\":0,\
                     \"transcript\":\"{words}\"}}"
                ));
                peer.model();
            }
        }
    };
    assert_eq!(allocations(hot), 0);
    let stats = peer.bridge.stats();
    assert!(stats.holds > FRAMES / 1_000, "{stats:?}");
    assert!(stats.false_barge_ins > FRAMES / 2_000, "{stats:?}");
    assert!(stats.barge_ins > FRAMES / 4_000, "{stats:?}");
}

/// 20 ms of a vowel at 100 Hz, which may follow on itself.
fn voice() -> [i16; 160] {
    core::array::from_fn(|n| {
        let time = core::f64::consts::TAU * n as f64 / 80.0;
        let harmonic = |h: u32| {
            let distance = (f64::from(h) - 7.0) / 3.0;
            (f64::from(h) * time).cos() / (1.0 + distance * distance)
        };
        (1_000.0 * (3..30).map(harmonic).sum::<f64>()) as i16
    })
}

#[test]
fn a_bridge_does_not_allocate_when_the_caller_stalls() {
    let mut peer = Peer::new(Config::default());
    let update = SessionUpdate::default();
    let hot = || {
        peer.start(ModelAudio::Pcm24k, &update);
        peer.line.set(format_args!(
            "{{\"type\":\"input_audio_buffer.speech_started\",\"event_id\":\"e\",\
             \"audio_start_ms\":0,\"item_id\":\"item_u\"}}"
        ));
        peer.model();
        for frame in 0..FRAMES / 20 {
            // Every ten seconds nothing comes for one, and all of it then.
            if frame % 500 >= 50 {
                peer.now += Duration::from_millis(20);
            } else if frame % 500 == 0 {
                peer.now += Duration::from_secs(1);
                peer.bridge.handle_timeout(peer.now);
                peer.drain();
            }
            peer.line.media(frame, &peer.caller);
            peer.twilio();
        }
    };
    assert_eq!(allocations(hot), 0);
    let stats = peer.bridge.stats();
    assert!(
        stats.stall_samples >= FRAMES / 20 / 500 * 8_000,
        "{stats:?}"
    );
    assert!(stats.cut_samples >= stats.stall_samples / 2, "{stats:?}");
}

#[test]
fn the_jitter_buffer_does_not_allocate() {
    let mut jitter: JitterBuffer = JitterBuffer::new();
    let mut frame = [0; 160];
    let pcm: [i16; 160] = core::array::from_fn(|n| (n as i16 % 40 - 20) * 500);
    let hot = || {
        for n in 0..FRAMES {
            // A stall now and then, a packet lost, and some in the wrong order.
            let number = match n % 500 {
                300 => n + 1,
                301 | 120 => n - 1,
                _ => n,
            };
            jitter.insert((number * 160) as u32, &pcm).unwrap();
            if n % 1_000 == 999 {
                for _ in 0..10 {
                    jitter.pull(&mut frame);
                }
            }
            let is_catching_up = n % 1_000 >= 500 && n % 1_000 < 510;
            if !is_catching_up {
                jitter.pull(&mut frame);
            }
        }
    };
    assert_eq!(allocations(hot), 0);
    let stats = jitter.stats();
    assert!(
        stats.concealed_samples > 0 && stats.stretched_samples > 0,
        "{stats:?}"
    );
    assert!(stats.cut_samples > 0 && stats.late_samples > 0, "{stats:?}");
}

/// Both peers of a Bridge, in buffers of a fixed size.
struct Peer {
    bridge: Bridge,
    buf: Vec<u8>,
    line: Line,
    now: Duration,
    audio: String,
    caller: String,
    /// Marks to be echoed: the name and when.
    marks: [(Line, Duration); 32],
    tool_calls: u64,
}

impl Peer {
    fn new(config: Config) -> Self {
        let bytes: Vec<u8> = (0..960_u32).map(|n| (n * 37 % 120) as u8).collect();
        let len = if config.model_audio == ModelAudio::Mulaw {
            160
        } else {
            960
        };
        let encoded = |bytes: &[u8]| {
            let mut text = vec![0; base64::encoded_len(bytes.len())];
            base64::encode(bytes, &mut text).unwrap();
            String::from_utf8(text).unwrap()
        };
        let bridge = Bridge::new(config);
        Self {
            buf: vec![0; bridge.max_output_len()],
            bridge,
            line: Line::new(),
            now: Duration::from_secs(1),
            audio: encoded(&bytes[..len]),
            caller: encoded(&bytes[..160]),
            marks: core::array::from_fn(|_| (Line::new(), Duration::MAX)),
            tool_calls: 0,
        }
    }

    fn start(&mut self, format: ModelAudio, update: &SessionUpdate<'_>) {
        self.line.set(format_args!(
            "{{\"event\":\"start\",\"sequenceNumber\":\"1\",\"streamSid\":\"MZ1\",\"start\":{{\
             \"streamSid\":\"MZ1\",\"callSid\":\"CA1\",\"accountSid\":\"AC1\",\
             \"tracks\":[\"inbound\"],\"customParameters\":{{}},\"mediaFormat\":{{\
             \"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1}}}}}}"
        ));
        self.twilio();
        self.bridge.update_session(update).unwrap();
        self.drain();
        let format = match format {
            ModelAudio::Mulaw => "{\"type\":\"audio/pcmu\"}",
            _ => "{\"type\":\"audio/pcm\",\"rate\":24000}",
        };
        self.line.set(format_args!(
            "{{\"type\":\"session.updated\",\"event_id\":\"e\",\"session\":{{\
             \"type\":\"realtime\",\"audio\":{{\"input\":{{\"format\":{format},\
             \"turn_detection\":{{\"type\":\"server_vad\",\"create_response\":true,\
             \"interrupt_response\":true}}}},\"output\":{{\"format\":{format}}}}}}}}}"
        ));
        self.model();
    }

    /// 20 ms of a call in which the caller speaks every four seconds and talks over the answer.
    fn frame(&mut self, n: u64, format: ModelAudio) {
        self.now += Duration::from_millis(20);
        // Two frames in the wrong order, and one twice in place of another.
        let number = match n % 200 {
            50 | 60 => n + 1,
            51 | 61 | 120 => n - 1,
            _ => n,
        };
        self.line.media(number, &self.caller);
        self.twilio();
        self.echo();
        let turn = n / 200;
        match n % 200 {
            0 => {
                self.line.set(format_args!(
                    "{{\"type\":\"input_audio_buffer.speech_started\",\"event_id\":\"e\",\
                     \"audio_start_ms\":{},\"item_id\":\"item_u{turn}\"}}",
                    n * 20
                ));
                self.model();
                if turn > 0 {
                    self.done(turn - 1, "cancelled");
                }
            }
            10 => {
                self.line.set(format_args!(
                    "{{\"type\":\"input_audio_buffer.speech_stopped\",\"event_id\":\"e\",\
                     \"audio_end_ms\":{},\"item_id\":\"item_u{turn}\"}}",
                    n * 20
                ));
                self.model();
                self.created(turn);
            }
            // Three seconds of speech in two: some of it still waits when the caller speaks.
            20..=120 => {
                for _ in 0..1 + n % 2 {
                    self.line.delta(turn, turn, &self.audio);
                    self.model();
                }
                if n.is_multiple_of(10) {
                    self.line.set(format_args!(
                        "{{\"type\":\"response.output_audio_transcript.delta\",\
                         \"event_id\":\"e\",\"response_id\":\"resp_{turn}\",\
                         \"item_id\":\"item_{turn}\",\"output_index\":0,\"content_index\":0,\
                         \"delta\":\"so it \\u0067oes\"}}"
                    ));
                    self.model();
                }
            }
            121 => {
                self.tool_call(turn);
                let mut id = Line::new();
                id.set(format_args!("call_{turn}"));
                self.bridge
                    .send_tool_output(id.as_str(), "{\"ok\":true}")
                    .unwrap();
                self.drain();
            }
            // A burst of audio at once, in the fast turns only.
            130 if turn.is_multiple_of(2) => {
                for _ in 0..100 {
                    self.line.delta(turn, turn, &self.audio);
                    self.model();
                }
                self.bridge.mark("goodbye").unwrap();
                self.drain();
            }
            150 => {
                self.line.set(format_args!(
                    "{{\"event\":\"dtmf\",\"streamSid\":\"MZ1\",\"sequenceNumber\":\"{n}\",\
                     \"dtmf\":{{\"track\":\"inbound_track\",\"digit\":\"5\"}}}}"
                ));
                self.twilio();
                self.line.set(format_args!(
                    "{{\"type\":\"rate_limits.updated\",\"event_id\":\"e\",\"rate_limits\":[]}}"
                ));
                self.model();
            }
            _ => {}
        }
        while let Some(at) = self.bridge.poll_timeout().filter(|&at| at <= self.now) {
            self.bridge.handle_timeout(at.max(self.now));
            self.drain();
        }
        black_box(format);
    }

    fn created(&mut self, turn: u64) {
        self.line.set(format_args!(
            "{{\"type\":\"response.created\",\"event_id\":\"e\",\"response\":{{\
             \"id\":\"resp_{turn}\",\"status\":\"in_progress\",\"output\":[]}}}}"
        ));
        self.model();
        self.line.set(format_args!(
            "{{\"type\":\"response.output_item.added\",\"event_id\":\"e\",\
             \"response_id\":\"resp_{turn}\",\"output_index\":0,\"item\":{{\
             \"id\":\"item_{turn}\",\"type\":\"message\",\"role\":\"assistant\",\
             \"status\":\"in_progress\",\"content\":[]}}}}"
        ));
        self.model();
    }

    fn tool_call(&mut self, turn: u64) {
        self.line.set(format_args!(
            "{{\"type\":\"response.output_item.done\",\"event_id\":\"e\",\
             \"response_id\":\"resp_{turn}\",\"output_index\":1,\"item\":{{\
             \"id\":\"item_f{turn}\",\"type\":\"function_call\",\"status\":\"completed\",\
             \"name\":\"lookup\",\"call_id\":\"call_{turn}\",\"arguments\":\"{{}}\"}}}}"
        ));
        self.model();
    }

    fn done(&mut self, turn: u64, status: &str) {
        self.line.set(format_args!(
            "{{\"type\":\"response.done\",\"event_id\":\"e\",\"response\":{{\
             \"id\":\"resp_{turn}\",\"status\":\"{status}\",\"status_details\":{{\
             \"type\":\"{status}\",\"reason\":\"turn_detected\"}},\"output\":[]}}}}"
        ));
        self.model();
    }

    fn echo(&mut self) {
        for n in 0..self.marks.len() {
            if self.marks[n].1 <= self.now {
                self.marks[n].1 = Duration::MAX;
                self.line.set(format_args!(
                    "{{\"event\":\"mark\",\"sequenceNumber\":\"9\",\"streamSid\":\"MZ1\",\
                     \"mark\":{{\"name\":\"{}\"}}}}",
                    self.marks[n].0.as_str()
                ));
                self.twilio();
            }
        }
    }

    fn twilio(&mut self) {
        self.bridge
            .handle_twilio(self.now, self.line.as_str())
            .unwrap();
        self.drain();
    }

    fn model(&mut self) {
        self.bridge
            .handle_openai(self.now, self.line.as_str())
            .unwrap();
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.bridge.poll_output(&mut self.buf).unwrap() {
            match output {
                Output::ToTwilio(text) => {
                    let name = text.split_once("\"name\":\"").map(|(_, name)| name);
                    let Some(name) = name.and_then(|name| name.split('"').next()) else {
                        continue;
                    };
                    let free = self.marks.iter_mut().find(|(_, at)| *at == Duration::MAX);
                    let (mark, at) = free.expect("marks come back in time");
                    mark.set(format_args!("{name}"));
                    // What was queued before it, roughly, and the way to Twilio and back.
                    *at = self.now + Duration::from_millis(240);
                }
                Output::Event(Event::ToolCall { .. }) => self.tool_calls += 1,
                other => drop(black_box(other)),
            }
        }
    }
}

/// One message in a buffer of a fixed size.
struct Line {
    bytes: [u8; 2_048],
    len: usize,
}

impl Line {
    fn new() -> Self {
        Self {
            bytes: [0; 2_048],
            len: 0,
        }
    }

    fn set(&mut self, text: fmt::Arguments<'_>) {
        self.len = 0;
        self.write_fmt(text).expect("the line is long enough");
    }

    fn media(&mut self, n: u64, payload: &str) {
        self.set(format_args!(
            "{{\"event\":\"media\",\"sequenceNumber\":\"{n}\",\"media\":{{\"track\":\"inbound\",\
             \"chunk\":\"{n}\",\"timestamp\":\"{}\",\"payload\":\"{payload}\"}},\
             \"streamSid\":\"MZ1\"}}",
            n * 20
        ));
    }

    fn delta(&mut self, response: u64, item: u64, audio: &str) {
        self.set(format_args!(
            "{{\"type\":\"response.output_audio.delta\",\"event_id\":\"e\",\
             \"response_id\":\"resp_{response}\",\"item_id\":\"item_{item}\",\
             \"output_index\":0,\"content_index\":0,\"delta\":\"{audio}\"}}"
        ));
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).expect("text was written")
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
