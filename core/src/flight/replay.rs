//! A recorded call, had again.

use core::{fmt, time::Duration};

use super::{
    Entry, Fingerprint, Input, Reader,
    digest::{Digest, error_digest},
};
use crate::{
    Bridge, Error,
    bridge::{Config, Output},
    dialect::{Carrier, Model},
};

/// Gives a bridge what another one was given, and compares what it says.
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    reader: Reader<'a>,
    now: Duration,
    inputs: u64,
    outputs: u64,
    output_bytes: u64,
    digest: u64,
    is_over: bool,
}

/// What one entry of the recording came to.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Step<'a, 'b> {
    /// The bridge was given this and answered as it did before.
    Input {
        /// When.
        now: Duration,
        /// What.
        input: Input<'a>,
        /// The bridge's answer.
        result: Result<(), Error>,
    },
    /// The bridge said this, the same as before.
    Output {
        /// Time of the input before it.
        now: Duration,
        /// What it said.
        output: Output<'b>,
    },
    /// It had nothing more to say.
    Drained,
    /// The recorder was full: the call went on, the recording does not.
    Stopped,
    /// The end of the call.
    End,
}

/// Why a replay cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// The recording cannot be read any further.
    Recording(Error),
    /// The bridge answered an input otherwise than it did before.
    Result {
        /// The input, counted from 1.
        input: u64,
        /// The answer now.
        actual: Result<(), Error>,
    },
    /// An output is not what it was.
    Output {
        /// The output, counted from 1.
        output: u64,
        /// The input before it, counted from 1; 0 for none.
        input: u64,
        /// What was recorded; `None` for the end of the outputs.
        expected: Option<Fingerprint>,
        /// What came now; `None` for nothing.
        actual: Option<Fingerprint>,
    },
    /// The bridge could not be polled: the buffer is too short.
    Poll(Error),
}

impl<'a> Replay<'a> {
    /// Reads the header of a recording.
    ///
    /// # Errors
    /// As [`Reader::new`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        Ok(Self {
            reader: Reader::new(bytes)?,
            now: Duration::ZERO,
            inputs: 0,
            outputs: 0,
            output_bytes: 0,
            digest: 0,
            is_over: false,
        })
    }

    /// Does what the next entry says to `bridge`, which must be new and have the recorded
    /// [`config`](Self::config). `Ok(None)` at the end.
    ///
    /// # Errors
    /// [`ReplayError`]; there is no going on after it.
    pub fn step<'b, M, C, D>(
        &mut self,
        bridge: &mut Bridge<M, C, D>,
        buf: &'b mut [u8],
    ) -> Result<Option<Step<'a, 'b>>, ReplayError>
    where
        M: AsRef<[u8]> + AsMut<[u8]>,
        C: Carrier,
        D: Model,
    {
        if core::mem::replace(&mut self.is_over, true) {
            return Ok(None);
        }
        let Some(entry) = self.reader.next() else {
            return Ok(None);
        };
        let step = match entry.map_err(ReplayError::Recording)? {
            Entry::Input { now, input } => self.input(bridge, now, input)?,
            Entry::Output(expected) => {
                let output = bridge.poll_output(buf).map_err(ReplayError::Poll)?;
                self.compare(Some(expected), output.as_ref())?;
                match output {
                    Some(output) => Step::Output {
                        now: self.now,
                        output,
                    },
                    None => return Ok(None),
                }
            }
            Entry::Drained => {
                let output = bridge.poll_output(buf).map_err(ReplayError::Poll)?;
                self.compare(None, output.as_ref())?;
                Step::Drained
            }
            // Belongs to the input before it, which has taken it.
            Entry::Refused(_) => {
                return Err(ReplayError::Recording(Error::InvalidRecording {
                    offset: self.reader.offset(),
                }));
            }
            Entry::Stopped => Step::Stopped,
            Entry::End => Step::End,
        };
        self.is_over = false;
        Ok(Some(step))
    }

    /// Settings of the bridge that was recorded.
    pub fn config(&self) -> &Config {
        self.reader.config()
    }

    /// Version of this crate that made the recording.
    pub fn crate_version(&self) -> &'a str {
        self.reader.crate_version()
    }

    /// Inputs given so far.
    pub fn inputs(&self) -> u64 {
        self.inputs
    }

    /// Outputs compared so far, all of them the same as before.
    pub fn outputs(&self) -> u64 {
        self.outputs
    }

    /// Their length in bytes; an event's is that of its `Debug` form.
    pub fn output_bytes(&self) -> u64 {
        self.output_bytes
    }

    /// Digest of all of them.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    fn input<M, C, D>(
        &mut self,
        bridge: &mut Bridge<M, C, D>,
        now: Duration,
        input: Input<'a>,
    ) -> Result<Step<'a, 'static>, ReplayError>
    where
        M: AsRef<[u8]> + AsMut<[u8]>,
        C: Carrier,
        D: Model,
    {
        self.now = now;
        self.inputs += 1;
        let result = bridge.apply(now, input);
        let mut ahead = self.reader.clone();
        let is_same = match (ahead.next(), result) {
            (Some(Ok(Entry::Refused(digest))), Err(error)) => {
                self.reader = ahead;
                digest == error_digest(error)
            }
            // What the bridge answered at the very end of a recording is not known.
            (None | Some(Err(_)) | Some(Ok(Entry::Stopped)), _) => true,
            (Some(Ok(Entry::Refused(_))), Ok(())) => false,
            (Some(Ok(_)), result) => result.is_ok(),
        };
        if is_same {
            Ok(Step::Input { now, input, result })
        } else {
            let (input, actual) = (self.inputs, result);
            Err(ReplayError::Result { input, actual })
        }
    }

    fn compare(
        &mut self,
        expected: Option<Fingerprint>,
        actual: Option<&Output<'_>>,
    ) -> Result<(), ReplayError> {
        let actual = actual.map(Fingerprint::of);
        if actual != expected {
            return Err(ReplayError::Output {
                output: self.outputs + 1,
                input: self.inputs,
                expected,
                actual,
            });
        }
        if let Some(same) = actual {
            self.outputs += 1;
            self.output_bytes += same.len;
            self.digest = Digest::new(self.digest).with(&same.digest.to_le_bytes());
        }
        Ok(())
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recording(error) => write!(f, "{error}"),
            Self::Result { input, actual } => {
                write!(f, "input {input} was answered otherwise; now: ")?;
                match actual {
                    Ok(()) => f.write_str("taken"),
                    Err(error) => write!(f, "refused, {error}"),
                }
            }
            Self::Output {
                output,
                input,
                expected,
                actual,
            } => {
                write!(
                    f,
                    "output {output}, after input {input}, differs: recorded "
                )?;
                side(f, *expected)?;
                f.write_str("; now ")?;
                side(f, *actual)
            }
            Self::Poll(error) => write!(f, "the bridge cannot be polled: {error}"),
        }
    }
}

fn side(f: &mut fmt::Formatter<'_>, fingerprint: Option<Fingerprint>) -> fmt::Result {
    match fingerprint {
        Some(fingerprint) => write!(f, "{fingerprint}"),
        None => f.write_str("nothing more"),
    }
}

impl core::error::Error for ReplayError {}
