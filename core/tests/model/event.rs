//! What can happen in a call: the transitions of the state machine.

use proptest::prelude::*;

/// How a call is set up. Times in milliseconds unless said otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The call has started and the session is ready.
    pub(crate) is_under_way: bool,
    /// PCM16 at 24 kHz on the model's side, else μ-law.
    pub(crate) pcm: bool,
    pub(crate) lead: u64,
    pub(crate) mark_interval: u64,
    pub(crate) capacity: u64,
    pub(crate) stops: Stops,
    /// The Bridge listens for the caller's voice itself.
    pub(crate) listens: bool,
    /// The server answers turns, and stops for the caller's voice, by itself.
    pub(crate) creates: bool,
    pub(crate) interrupts: bool,
    /// One-way delays in microseconds: Twilio to Bridge, Bridge to Twilio, model to Bridge, Bridge
    /// to model; and up to so much more on every message.
    pub(crate) delays: [u64; 4],
    pub(crate) jitter: u64,
    /// Twilio's clock is so many parts per million slow.
    pub(crate) ppm: i64,
    /// The host wakes up to so many microseconds later than `poll_timeout` asks.
    pub(crate) late_timer: u64,
    /// Length of the caller's media messages.
    pub(crate) frame: usize,
    /// Deltas are one base64 text cut anywhere, not each a text of its own.
    pub(crate) cuts_text: bool,
    pub(crate) seed: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            is_under_way: true,
            pcm: false,
            lead: 200,
            mark_interval: 100,
            capacity: 4_500,
            stops: Stops::OnSpeech,
            listens: false,
            creates: true,
            interrupts: true,
            delays: [20_000, 20_000, 30_000, 30_000],
            jitter: 0,
            ppm: 0,
            late_timer: 0,
            frame: 20,
            cuts_text: false,
            seed: 1,
        }
    }
}

/// When the caller's voice stops the model's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stops {
    Never,
    OnSpeech,
    /// Once it has lasted so many milliseconds; playback is held until then.
    AfterSpeech(u64),
    /// Once there are words; playback is held until then.
    OnTranscript,
}

impl Stops {
    /// A voice over the model's has to be confirmed.
    pub(crate) fn is_confirmed(self) -> bool {
        matches!(self, Self::AfterSpeech(_) | Self::OnTranscript)
    }
}

/// One event of a call. Each may come at any time; one that makes no sense then changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// Time passes, in microseconds.
    Wait(u64),
    /// The host does nothing for so many microseconds: it reads no message and keeps no timer.
    Sleep(u64),
    /// `handle_timeout` though nothing is due.
    EarlyTimer,
    /// The outputs of the next input are polled so many microseconds late.
    DrainLate(u64),

    /// Twilio's stream starts.
    Start,
    /// Twilio says that the call is over.
    Stop,
    /// Twilio's socket breaks.
    Hangup,
    /// The caller's media stops for so many milliseconds and leaves a gap in the time line.
    Gap(u64),
    /// The last media message comes again.
    MediaTwice,
    /// The next two media messages change places.
    MediaSwapped,
    Dtmf(char),
    /// What becomes of the marks that playback reaches from now on.
    Echoes(Fate),
    /// An echo that is not due: of a name nobody sent, or one again.
    StrayEcho(Stray),
    /// Nothing passes for so many milliseconds: to and from Twilio, or to and from the model.
    StallTwilio(u64),
    StallModel(u64),

    /// The caller makes a voice heard for so many milliseconds, whatever the model hears.
    Voice(u64),
    /// The model hears the caller begin to speak, or fall silent.
    Speak,
    Fall,
    /// Speech that begins so many microseconds after speech began, without an end between.
    SpeakTwice(u64),
    /// What the model understood of the oldest turn without a transcript.
    Transcript(Words),
    /// The model makes so many samples (at 8 kHz) of audio, and some bytes, in one delta.
    Audio(u32, u8),
    /// It makes so many deltas of so many samples each.
    Deltas(u8, u16),
    /// The content part is whole; the next audio begins another one of the item.
    PartDone,
    ItemDone,
    ToolCall,
    /// The response ends.
    Done(Ending),
    /// A whole response at once: items of so many milliseconds.
    Reply(Vec<u16>),
    /// The server holds so many milliseconds less than it has sent, from now on.
    Shortfall(u64),
    /// The server has lost the item that the next truncation names.
    LoseItem,
    /// The server reports an error of its own accord.
    Error(Code),
    /// The model's socket breaks; another one opens so many milliseconds later.
    LoseModel(u64),

    /// The application's commands.
    Interrupt,
    CreateResponse,
    Mark,
    /// Answers the oldest tool call that is open.
    Answer,
}

/// What becomes of a mark that playback reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    /// It is echoed.
    Prompt,
    Lost,
    /// It is echoed so many milliseconds late.
    Late(u64),
    Twice,
    /// It is echoed up to 400 ms late, so that some overtake others.
    Reordered,
}

/// An echo that is not due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stray {
    Unknown(&'static str),
    /// Of all that were echoed the first; the last before the last `clear`; the last.
    First,
    BeforeClear,
    Newest,
}

/// A turn's transcript.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Words {
    Some,
    /// The first of them, before the turn has ended.
    Early,
    Blank,
    Failed,
}

/// How a response ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ending {
    Completed,
    /// What is open is not closed first.
    Failed,
    Incomplete,
    /// Another client has cancelled it.
    Cancelled,
}

/// An error's code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Code {
    CancelNotActive,
    AlreadyActive,
    Server,
    RateLimit,
    Unnamed,
}

pub(crate) fn setup() -> impl Strategy<Value = Setup> {
    let modes = (
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.25),
        prop_oneof![
            1 => Just(Stops::Never),
            4 => Just(Stops::OnSpeech),
            2 => prop_oneof![0_u64..40, 40_u64..900].prop_map(Stops::AfterSpeech),
            2 => Just(Stops::OnTranscript),
        ],
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.7),
        prop::bool::weighted(0.3),
    );
    let sizes = (
        prop_oneof![3 => Just(200_u64), 1 => 0_u64..600],
        prop_oneof![3 => Just(100_u64), 1 => 0_u64..300],
        prop_oneof![3 => Just(4_500_u64), 1 => 0_u64..8_000],
    );
    let delay = || prop_oneof![2 => 0_u64..40_000, 1 => 0_u64..250_000];
    let path = (
        [delay(), delay(), delay(), delay()],
        prop_oneof![1 => Just(0_u64), 1 => 0_u64..60_000],
        -500_i64..=500,
        prop_oneof![1 => Just(0_u64), 1 => 0_u64..15_000],
    );
    let frame = prop::sample::select(&[20_usize, 60, 100][..]);
    (modes, sizes, path, frame, 0_u64..1 << 40).prop_map(|(modes, sizes, path, frame, seed)| {
        let (is_under_way, pcm, stops, listens, creates, interrupts, cuts_text) = modes;
        let (lead, mark_interval, capacity) = sizes;
        let (delays, jitter, ppm, late_timer) = path;
        Setup {
            is_under_way,
            pcm,
            lead,
            mark_interval,
            // PCM must not overflow: what the filter loses there cannot be told from outside.
            capacity: if pcm { 60_000 } else { capacity },
            stops,
            listens,
            creates,
            interrupts,
            delays,
            jitter,
            ppm,
            late_timer,
            frame,
            cuts_text,
            seed,
        }
    })
}

/// Any event, the frequent ones more often; `is_open`: the call has started and is not over.
pub(crate) fn event(is_open: bool) -> BoxedStrategy<Event> {
    if !is_open {
        return prop_oneof![
            3 => Just(Event::Start),
            1 => wait(),
            1 => common(),
        ]
        .boxed();
    }
    prop_oneof![
        30 => wait(),
        60 => common(),
        10 => rare(),
    ]
    .boxed()
}

fn wait() -> BoxedStrategy<Event> {
    prop_oneof![
        2 => 1_u64..1_000,
        4 => 1_000_u64..60_000,
        5 => 60_000_u64..600_000,
        1 => 600_000_u64..5_000_000,
    ]
    .prop_map(Event::Wait)
    .boxed()
}

fn common() -> BoxedStrategy<Event> {
    prop_oneof![
        8 => Just(Event::Speak),
        8 => Just(Event::Fall),
        3 => (20_u64..1_200).prop_map(Event::Voice),
        3 => (1_000_u64..=40_000).prop_map(Event::SpeakTwice),
        8 => (prop_oneof![4 => 0_u32..4_000, 1 => 0_u32..20, 1 => 4_000_u32..16_000], 0_u8..6)
            .prop_map(|(samples, bytes)| Event::Audio(samples, bytes)),
        6 => (1_u8..12, prop_oneof![1 => 1_u16..60, 3 => 60_u16..1_600])
            .prop_map(|(count, samples)| Event::Deltas(count, samples)),
        8 => prop::collection::vec(prop_oneof![5 => 20_u16..1_200, 1 => 0_u16..20], 1..5)
            .prop_map(Event::Reply),
        4 => prop::sample::select(&[Words::Some, Words::Early, Words::Blank, Words::Failed][..])
            .prop_map(Event::Transcript),
        2 => Just(Event::PartDone),
        4 => Just(Event::ItemDone),
        2 => Just(Event::ToolCall),
        4 => ending().prop_map(Event::Done),
        4 => Just(Event::Interrupt),
        4 => Just(Event::CreateResponse),
        3 => Just(Event::Mark),
        3 => Just(Event::Answer),
        3 => fate().prop_map(Event::Echoes),
        2 => stray().prop_map(Event::StrayEcho),
        1 => prop::sample::select(&['0', '5', '*', '#'][..]).prop_map(Event::Dtmf),
    ]
    .boxed()
}

fn rare() -> BoxedStrategy<Event> {
    prop_oneof![
        2 => (1_000_u64..1_500_000).prop_map(Event::Sleep),
        2 => Just(Event::EarlyTimer),
        2 => (1_u64..80_000).prop_map(Event::DrainLate),
        2 => (20_u64..2_000).prop_map(Event::Gap),
        1 => Just(Event::MediaTwice),
        1 => Just(Event::MediaSwapped),
        3 => (1_u64..600).prop_map(Event::StallTwilio),
        3 => (1_u64..600).prop_map(Event::StallModel),
        1 => (30_000_u32..100_000).prop_map(|samples| Event::Audio(samples, 1)),
        1 => (1_u64..250).prop_map(Event::Shortfall),
        1 => Just(Event::LoseItem),
        2 => code().prop_map(Event::Error),
        1 => (0_u64..1_000).prop_map(Event::LoseModel),
        1 => Just(Event::Start),
        1 => Just(Event::Stop),
        1 => Just(Event::Hangup),
    ]
    .boxed()
}

fn ending() -> BoxedStrategy<Ending> {
    prop_oneof![
        4 => Just(Ending::Completed),
        1 => Just(Ending::Failed),
        1 => Just(Ending::Incomplete),
        1 => Just(Ending::Cancelled),
    ]
    .boxed()
}

fn fate() -> BoxedStrategy<Fate> {
    prop_oneof![
        3 => Just(Fate::Prompt),
        1 => Just(Fate::Lost),
        1 => prop_oneof![Just(5_000_u64), 1_u64..1_000].prop_map(Fate::Late),
        1 => Just(Fate::Twice),
        1 => Just(Fate::Reordered),
    ]
    .boxed()
}

fn stray() -> BoxedStrategy<Stray> {
    const NAMES: [&str; 7] = [
        "",
        "x",
        "tl:",
        "tl:0:99999999",
        "tl:7:160",
        "tl:0:18446744073709551616",
        "é\"\\",
    ];
    prop_oneof![
        1 => prop::sample::select(&NAMES[..]).prop_map(Stray::Unknown),
        1 => Just(Stray::First),
        1 => Just(Stray::BeforeClear),
        1 => Just(Stray::Newest),
    ]
    .boxed()
}

fn code() -> BoxedStrategy<Code> {
    prop::sample::select(
        &[
            Code::CancelNotActive,
            Code::AlreadyActive,
            Code::Server,
            Code::RateLimit,
            Code::Unnamed,
        ][..],
    )
    .boxed()
}
