//! Headers of the two kinds of WAV file.
//!
//! Source: IBM and Microsoft, "Multimedia Programming Interface and Data Specifications 1.0", 1991, and
//! Microsoft's "New Multimedia Data Types and Data Techniques", 1994: formats other than PCM have the size
//! of their extension in `fmt ` and a `fact` chunk with the samples per channel.

use crate::record::RecordingFormat;

/// Facts about one of the formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Code of the encoding.
    tag: u16,
    /// In Hz.
    rate: u32,
    /// Of one sample.
    bits: u16,
    /// Bytes before the data.
    pub(super) header_len: u64,
}

impl Layout {
    pub(super) fn of(format: RecordingFormat) -> Self {
        match format {
            RecordingFormat::Wav => Self {
                tag: 1,
                rate: 16_000,
                bits: 16,
                header_len: 44,
            },
            RecordingFormat::Mulaw => Self {
                tag: 7,
                rate: 8_000,
                bits: 8,
                header_len: 58,
            },
        }
    }

    /// Bytes of both channels' samples at one time.
    pub(super) fn frame_bytes(self) -> u64 {
        u64::from(self.bits / 8) * 2
    }

    /// Bytes of a millisecond.
    pub(super) fn bytes_per_ms(self) -> u64 {
        self.frame_bytes() * u64::from(self.rate / 1_000)
    }

    /// What a sample of silence consists of: each byte of it.
    pub(super) fn silence(self) -> u8 {
        if self.tag == 1 { 0 } else { super::SILENCE }
    }

    /// The header of a file with `data` bytes of audio.
    pub(super) fn header(self, data: u64) -> Vec<u8> {
        let size = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
        let frame_bytes = self.frame_bytes() as u16;
        let mut header = Vec::with_capacity(self.header_len as usize);
        header.extend(b"RIFF");
        header.extend(size(self.header_len - 8 + data));
        header.extend(b"WAVEfmt ");
        header.extend(size(if self.tag == 1 { 16 } else { 18 }));
        header.extend(self.tag.to_le_bytes());
        header.extend(2_u16.to_le_bytes());
        header.extend(self.rate.to_le_bytes());
        header.extend((self.rate * u32::from(frame_bytes)).to_le_bytes());
        header.extend(frame_bytes.to_le_bytes());
        header.extend(self.bits.to_le_bytes());
        if self.tag != 1 {
            header.extend(0_u16.to_le_bytes());
            header.extend(b"fact");
            header.extend(size(4));
            header.extend(size(data / self.frame_bytes()));
        }
        header.extend(b"data");
        header.extend(size(data));
        header
    }

    /// The format of a file that begins with `header`, if it is one of ours.
    pub(super) fn read(header: &[u8]) -> Option<RecordingFormat> {
        [RecordingFormat::Wav, RecordingFormat::Mulaw]
            .into_iter()
            .find(|&format| {
                let layout = Self::of(format);
                let ours = layout.header(0);
                let fixed = [8..40, 8..46];
                let fixed = fixed[usize::from(layout.tag != 1)].clone();
                header.get(fixed.clone()) == ours.get(fixed) && header.starts_with(b"RIFF")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_the_sizes_that_readers_expect() {
        for (format, bytes) in [(RecordingFormat::Wav, 44), (RecordingFormat::Mulaw, 58)] {
            let layout = Layout::of(format);
            let header = layout.header(64_000);
            assert_eq!((header.len(), layout.header_len), (bytes, bytes as u64));
            assert_eq!(header[4..8], (bytes as u32 - 8 + 64_000).to_le_bytes());
            assert_eq!(header[bytes - 4..], 64_000_u32.to_le_bytes());
            assert_eq!(Layout::read(&header), Some(format));
            assert_eq!(Layout::read(&header[..20]), None);
        }
        let mulaw = Layout::of(RecordingFormat::Mulaw).header(64_000);
        assert_eq!(mulaw[20..22], [7, 0]);
        assert_eq!(
            (&mulaw[38..42], &mulaw[46..50]),
            (&b"fact"[..], &32_000_u32.to_le_bytes()[..])
        );
    }
}
