//! A call's bridge, with a flight recorder if the server was started with one.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    ops::Deref,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinHandle};
use trunkline::{
    Bridge, Error, FlightRecorder, RawJson, SessionUpdate,
    bridge::{Config, Output},
    flight::Input,
};

/// A bridge all of whose inputs are written down first, or not at all. Getters are the bridge's own.
pub(crate) struct Recorded {
    bridge: Bridge,
    recorder: Option<Recorder>,
    /// Time of the last input, which is that of commands.
    now: Duration,
}

/// A recording on its way to a file of its own, written by a thread that may wait for the disk.
struct Recorder {
    flight: FlightRecorder<Vec<u8>>,
    chunks: Option<mpsc::Sender<Vec<u8>>>,
    writer: JoinHandle<io::Result<()>>,
    path: PathBuf,
}

impl Recorded {
    /// A bridge, recorded to a new file in `directory` if there is one.
    pub(crate) fn new(config: Config, directory: Option<&Path>) -> Self {
        let recorder = directory.map(|directory| Recorder::start(&config, directory));
        Self {
            bridge: Bridge::new(config),
            recorder,
            now: Duration::ZERO,
        }
    }

    pub(crate) fn handle_twilio(&mut self, now: Duration, text: &str) -> Result<(), Error> {
        self.at(now).apply(Input::Twilio(text))
    }

    pub(crate) fn handle_openai(&mut self, now: Duration, text: &str) -> Result<(), Error> {
        self.at(now).apply(Input::OpenAi(text))
    }

    pub(crate) fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        self.at(now).apply(Input::Timeout)
    }

    pub(crate) fn handle_twilio_closed(&mut self, now: Duration) -> Result<(), Error> {
        self.at(now).apply(Input::TwilioClosed)
    }

    pub(crate) fn handle_openai_closed(&mut self, now: Duration) -> Result<(), Error> {
        self.at(now).apply(Input::OpenAiClosed)
    }

    pub(crate) fn update_session(&mut self, session: &SessionUpdate<'_>) -> Result<(), Error> {
        self.apply(Input::UpdateSession(*session))
    }

    pub(crate) fn create_response(&mut self, response: Option<RawJson<'_>>) -> Result<(), Error> {
        self.apply(Input::CreateResponse(response))
    }

    pub(crate) fn send_tool_output(&mut self, call_id: &str, output: &str) -> Result<(), Error> {
        self.apply(Input::SendToolOutput { call_id, output })
    }

    pub(crate) fn send_openai(&mut self, event: RawJson<'_>) -> Result<(), Error> {
        self.apply(Input::SendOpenAi(event))
    }

    pub(crate) fn mark(&mut self, name: &str) -> Result<(), Error> {
        self.apply(Input::Mark(name))
    }

    pub(crate) fn poll_output<'b>(
        &mut self,
        buf: &'b mut [u8],
    ) -> Result<Option<Output<'b>>, Error> {
        let Some(recorder) = &mut self.recorder else {
            return self.bridge.poll_output(buf);
        };
        let output = recorder.flight.poll_output(&mut self.bridge, buf)?;
        if output.is_none() {
            recorder.save(CHUNK_LEN);
        }
        Ok(output)
    }

    /// Ends the recording, waits until it is in its file, and tells what became of it.
    pub(crate) async fn close(&mut self) -> Option<Value> {
        let mut recorder = self.recorder.take()?;
        recorder.flight.finish();
        recorder.save_all().await;
        recorder.chunks = None;
        let error = match (&mut recorder.writer).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        Some(json!({
            "file": recorder.path.display().to_string(),
            "is_whole": error.is_none() && !recorder.flight.is_full(),
            "missed_inputs": recorder.flight.missed_inputs(),
            "error": error,
        }))
    }

    fn at(&mut self, now: Duration) -> &mut Self {
        self.now = now;
        self
    }

    fn apply(&mut self, input: Input<'_>) -> Result<(), Error> {
        match &mut self.recorder {
            Some(recorder) => recorder.flight.apply(&mut self.bridge, self.now, input),
            None => self.bridge.apply(self.now, input),
        }
    }
}

impl Deref for Recorded {
    type Target = Bridge;

    fn deref(&self) -> &Bridge {
        &self.bridge
    }
}

impl Recorder {
    fn start(config: &Config, directory: &Path) -> Self {
        // Any message the bridge accepts has room. Pages nobody writes to take no memory.
        let len = config.max_openai_len.max(config.max_twilio_len) + CHUNK_LEN + HEADER_LEN;
        let flight = FlightRecorder::new(config, vec![0; len])
            .expect("the buffer is longer than the settings");
        let path = directory.join(file_name());
        let (chunks, mut queue) = mpsc::channel::<Vec<u8>>(QUEUE);
        let file = path.clone();
        let writer = tokio::task::spawn_blocking(move || {
            let mut file = create(&file)?;
            while let Some(chunk) = queue.blocking_recv() {
                file.write_all(&chunk)?;
            }
            file.flush()
        });
        Self {
            flight,
            chunks: Some(chunks),
            writer,
            path,
        }
    }

    /// Hands over what was recorded once it is `least` bytes. If the disk is behind, it stays where
    /// it is, and if there is no room any more, the recording ends: the call must not wait.
    fn save(&mut self, least: usize) {
        let bytes = self.flight.bytes();
        if bytes.len() < least.max(1) {
            return;
        }
        if let Some(chunks) = &self.chunks
            && let Ok(place) = chunks.try_reserve()
        {
            let count = bytes.len();
            place.send(bytes.to_vec());
            self.flight.consume(count);
        }
    }

    /// Hands over everything, and waits for the disk if it is behind: the call is over.
    async fn save_all(&mut self) {
        if let Some(chunks) = &self.chunks {
            // Refused only if the writer has failed, and then it tells why.
            let _ = chunks.send(self.flight.bytes().to_vec()).await;
            self.flight.consume(usize::MAX);
        }
    }
}

/// After a panic in a call, what was recorded of it is what is wanted most.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.save(1);
    }
}

/// A file that only its owner may read: it holds the caller's voice and words.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Sorts by time, and is no other's.
fn file_name() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("call-{millis}-{}-{number}.flight", std::process::id())
}

/// What is handed to the writer at a time: a tenth of a second of a call, or so.
const CHUNK_LEN: usize = 16 << 10;
/// The settings at the start of a recording, and what an entry has besides its message.
const HEADER_LEN: usize = 1 << 10;
/// Chunks that wait for the disk.
const QUEUE: usize = 16;
