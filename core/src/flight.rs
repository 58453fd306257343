//! Flight recorder: what went into a [`Bridge`], so that a call can be had again.
//!
//! A bridge is a machine without a clock or sockets of its own, so its inputs and their times are
//! all there is to know: given them again, it says the same, byte for byte. A [`FlightRecorder`]
//! stands between the server's loop and the bridge and writes each [`Input`] down before the bridge
//! gets it, and a [`Fingerprint`] of each output after. [`Replay`] does it again and names the first
//! output that differs.
//!
//! ```
//! use core::time::Duration;
//! use trunkline::{Bridge, FlightRecorder, bridge::Config, flight::{Input, Replay}};
//!
//! let config = Config::default();
//! let mut recorder = FlightRecorder::new(&config, vec![0; 64 << 10])?;
//! let mut bridge = Bridge::new(config);
//! let mut buf = vec![0; bridge.max_output_len()];
//! let mut file = Vec::new();
//!
//! // The loop, with the recorder in the middle.
//! let input = Input::Twilio(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#);
//! recorder.apply(&mut bridge, Duration::from_millis(5), input)?;
//! while let Some(_output) = recorder.poll_output(&mut bridge, &mut buf)? {}
//! // Now and then, what was recorded goes to the disk.
//! file.extend_from_slice(recorder.bytes());
//! recorder.consume(recorder.bytes().len());
//!
//! recorder.finish();
//! file.extend_from_slice(recorder.bytes());
//!
//! let mut replay = Replay::new(&file)?;
//! let mut bridge = Bridge::new(replay.config().clone());
//! while replay.step(&mut bridge, &mut buf)?.is_some() {}
//! assert_eq!(replay.inputs(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it costs
//!
//! Nothing while there is none: the bridge does not know of it. With one, each message takes its own
//! length and 25 bytes, each output 21: about 1.5 MB a minute for the caller's side and 4 MB for each
//! minute the model speaks. Time goes up by half of what the bridge itself takes. Nothing is allocated,
//! and nothing waits.
//!
//! # What is bounded
//!
//! The recorder holds what its buffer holds. An entry that has no room ends the recording: a mark
//! says so, what is already there is kept, since a replay needs the beginning, and
//! [`missed_inputs`](FlightRecorder::missed_inputs) counts the rest. The call goes on as if nothing
//! had happened. A buffer of the longest message accepted ([`Config`], 16 MiB
//! unless set) and a few KiB, emptied after each drain, records any call to its end.
//!
//! # What is in it
//!
//! Everything both peers said: the caller's voice, the words, the session's instructions, tool calls
//! and their results. A recording is as private as the call, and its keeping is the application's
//! affair. The check sums in it find damage, not forgery.

mod digest;
mod input;
mod reader;
mod replay;
mod wire;

use core::time::Duration;

pub use digest::{Fingerprint, OutputKind};
pub use input::Input;
pub use reader::{Entry, Reader};
pub use replay::{Replay, ReplayError, Step};

use self::{
    digest::{Digest, error_digest},
    wire::{Encoder, Wire},
};
use crate::{
    Bridge, Error,
    bridge::{Config, Output},
    dialect::{Carrier, Model},
};

/// Writes down what goes into a bridge, in a buffer `B` of the caller's; see the [module](self).
#[derive(Debug)]
pub struct FlightRecorder<B> {
    buf: B,
    len: usize,
    /// Over all bytes written so far.
    chain: u64,
    state: State,
    /// Nothing has happened since the last drain was noted.
    is_drained: bool,
    missed_inputs: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Recording,
    /// An entry had no room.
    Full,
    Finished,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> FlightRecorder<B> {
    /// A recorder for a bridge with these settings, which the recording begins with.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] if `buf` has no room for the settings and a mark of the end.
    pub fn new(config: &Config, mut buf: B) -> Result<Self, Error> {
        let dst = buf.as_mut();
        let actual = dst.len();
        let mut header = Encoder::new(dst);
        header.bytes(&MAGIC);
        VERSION.put(&mut header);
        env!("CARGO_PKG_VERSION").put(&mut header);
        config.put(&mut header);
        let needed = header.needed() + CHECK_LEN + END_LEN;
        if needed > actual {
            return Err(Error::BufferTooShort { needed, actual });
        }
        let len = header.needed();
        let chain = seal(dst, 0, len, 0);
        Ok(Self {
            buf,
            len: len + CHECK_LEN,
            chain,
            state: State::Recording,
            is_drained: true,
            missed_inputs: 0,
        })
    }

    /// Writes `input` down, then gives it to `bridge`.
    ///
    /// # Errors
    /// What the bridge returns. The recorder itself never fails; see [`is_full`](Self::is_full).
    pub fn apply<M, C, D>(
        &mut self,
        bridge: &mut Bridge<M, C, D>,
        now: Duration,
        input: Input<'_>,
    ) -> Result<(), Error>
    where
        M: AsRef<[u8]> + AsMut<[u8]>,
        C: Carrier,
        D: Model,
    {
        if !self.write(|entry| (now, input).put(entry)) {
            self.missed_inputs += 1;
        }
        self.is_drained = false;
        let result = bridge.apply(now, input);
        if let Err(error) = result {
            self.write(|entry| {
                REFUSED.put(entry);
                error_digest(error).put(entry);
            });
        }
        result
    }

    /// Takes the next output from `bridge` and notes its fingerprint.
    ///
    /// # Errors
    /// As [`Bridge::poll_output`].
    pub fn poll_output<'b, M, C, D>(
        &mut self,
        bridge: &mut Bridge<M, C, D>,
        buf: &'b mut [u8],
    ) -> Result<Option<Output<'b>>, Error>
    where
        M: AsRef<[u8]> + AsMut<[u8]>,
        C: Carrier,
        D: Model,
    {
        let output = bridge.poll_output(buf)?;
        match &output {
            Some(output) if self.state == State::Recording => {
                let fingerprint = Fingerprint::of(output);
                self.write(|entry| fingerprint.put(entry));
            }
            Some(_) => {}
            None if !self.is_drained => {
                self.is_drained = true;
                self.write(|entry| DRAINED.put(entry));
            }
            None => {}
        }
        Ok(output)
    }

    /// The call is over: marks the end, without which a replay takes the recording for cut off.
    /// Nothing is recorded after it.
    pub fn finish(&mut self) {
        if self.state == State::Recording {
            self.end(END);
            self.state = State::Finished;
        }
    }

    /// What was recorded and not [consumed](Self::consume) yet.
    pub fn bytes(&self) -> &[u8] {
        &self.buf.as_ref()[..self.len]
    }

    /// The first `count` of [`bytes`](Self::bytes) are in safety: makes room of them. More than
    /// there are is all.
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.len);
        self.buf.as_mut().copy_within(count..self.len, 0);
        self.len -= count;
    }

    /// An entry had no room: the recording has ended, and room made now does not bring it back.
    pub fn is_full(&self) -> bool {
        self.state == State::Full
    }

    /// Inputs that came after the recording had ended.
    pub fn missed_inputs(&self) -> u64 {
        self.missed_inputs
    }

    /// Writes one entry; `false` if it is not in the recording.
    fn write(&mut self, entry: impl FnOnce(&mut Encoder<'_>)) -> bool {
        if self.state != State::Recording {
            return false;
        }
        // Room for the mark of the end is always left.
        let dst = &mut self.buf.as_mut()[self.len..];
        let room = dst.len().saturating_sub(CHECK_LEN + END_LEN);
        let mut encoder = Encoder::new(&mut dst[..room]);
        entry(&mut encoder);
        let needed = encoder.needed();
        if needed > room {
            self.end(FULL);
            self.state = State::Full;
            return false;
        }
        self.seal(needed);
        true
    }

    /// Writes a mark of the end where room was left for it.
    fn end(&mut self, mark: u8) {
        self.buf.as_mut()[self.len] = mark;
        self.seal(1);
    }

    /// Closes an entry of `len` bytes with its check sum.
    fn seal(&mut self, len: usize) {
        self.chain = seal(self.buf.as_mut(), self.len, len, self.chain);
        self.len += len + CHECK_LEN;
    }
}

/// Writes the check sum behind the `len` bytes at `at`; returns the chain up to there.
fn seal(buf: &mut [u8], at: usize, len: usize, chain: u64) -> u64 {
    let (entry, rest) = buf[at..].split_at_mut(len);
    let chain = Digest::new(chain).with(entry);
    rest[..CHECK_LEN].copy_from_slice(&check(chain));
    chain
}

/// What stands behind an entry: all before it and itself, in 4 bytes.
fn check(chain: u64) -> [u8; CHECK_LEN] {
    (chain as u32).to_le_bytes()
}

/// What every recording begins with.
const MAGIC: [u8; 8] = *b"TLFLIGHT";
/// Raised with every change of what is written.
const VERSION: u16 = 1;
const CHECK_LEN: usize = 4;
/// A mark of the end and its check sum.
const END_LEN: usize = 1 + CHECK_LEN;

// Tags of entries. Inputs have theirs with their encoding, from 1 on, and outputs, from 32 on.
const DRAINED: u8 = 48;
const REFUSED: u8 = 49;
const END: u8 = 64;
const FULL: u8 = 65;
