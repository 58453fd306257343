//! Recordings, read strictly.

use core::time::Duration;

use super::{
    CHECK_LEN, DRAINED, END, FULL, Fingerprint, Input, MAGIC, REFUSED, VERSION, check,
    digest::Digest,
    wire::{Decoder, Wire},
};
use crate::{Error, bridge::Config};

/// Reads a recording, entry by entry. Any bytes may be given to it: what is no recording, or a
/// damaged one, is an error and never a panic. After an error, or the end, there is nothing more.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    chain: u64,
    config: Config,
    crate_version: &'a str,
    is_over: bool,
}

/// One entry of a recording.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Entry<'a> {
    /// The bridge was given this.
    Input {
        /// When.
        now: Duration,
        /// What.
        input: Input<'a>,
    },
    /// The bridge refused the input before; a digest of the error's `Debug` form.
    Refused(u64),
    /// The bridge said something.
    Output(Fingerprint),
    /// The bridge had nothing more to say.
    Drained,
    /// The recorder was full; the call went on.
    Stopped,
    /// The end of the call.
    End,
}

impl<'a> Reader<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Error::InvalidRecording`], [`Error::TruncatedRecording`], [`Error::UnsupportedVersion`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut src = Decoder::new(bytes, 0);
        if src.bytes(MAGIC.len())? != MAGIC {
            return Err(Error::InvalidRecording { offset: 0 });
        }
        let version = u16::take(&mut src)?;
        if version != VERSION {
            return Err(Error::UnsupportedVersion {
                version,
                supported: VERSION,
            });
        }
        let crate_version = Wire::take(&mut src)?;
        let config = Wire::take(&mut src)?;
        let mut reader = Self {
            bytes,
            at: 0,
            chain: 0,
            config,
            crate_version,
            is_over: false,
        };
        reader.close(src)?;
        Ok(reader)
    }

    /// Settings of the bridge that was recorded.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Version of this crate that made the recording. Another version may well speak otherwise.
    pub fn crate_version(&self) -> &'a str {
        self.crate_version
    }

    /// Bytes read so far.
    pub fn offset(&self) -> usize {
        self.at
    }

    fn entry(&mut self) -> Result<Entry<'a>, Error> {
        let mut src = Decoder::new(self.bytes, self.at);
        let tag = u8::take(&mut src)?;
        let entry = match tag {
            DRAINED => Entry::Drained,
            REFUSED => Entry::Refused(Wire::take(&mut src)?),
            END => Entry::End,
            FULL => Entry::Stopped,
            32..DRAINED => {
                src = Decoder::new(self.bytes, self.at);
                Entry::Output(Wire::take(&mut src)?)
            }
            1..32 => {
                src = Decoder::new(self.bytes, self.at);
                let (now, input) = Wire::take(&mut src)?;
                Entry::Input { now, input }
            }
            _ => return Err(Error::InvalidRecording { offset: self.at }),
        };
        let start = self.at;
        self.close(src)?;
        if matches!(entry, Entry::End | Entry::Stopped) {
            self.is_over = true;
            if self.at < self.bytes.len() {
                return Err(Error::InvalidRecording { offset: start });
            }
        }
        Ok(entry)
    }

    /// Checks what ends at `src` and goes on behind it.
    fn close(&mut self, mut src: Decoder<'a>) -> Result<(), Error> {
        let chain = Digest::new(self.chain).with(&self.bytes[self.at..src.at()]);
        if src.bytes(CHECK_LEN)? != check(chain) {
            return Err(Error::InvalidRecording { offset: self.at });
        }
        (self.at, self.chain) = (src.at(), chain);
        Ok(())
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Entry<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let entry = self.entry();
        self.is_over |= entry.is_err();
        Some(entry)
    }
}
