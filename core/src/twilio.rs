//! Twilio Media Streams messages.

use crate::{
    Error,
    dialect::{Carrier, CarrierCommand, CarrierMessage},
};

/// Twilio Media Streams, bidirectional.
#[derive(Clone, Copy, Debug, Default)]
pub struct Twilio;

impl Carrier for Twilio {
    fn read<'a>(&self, _text: &'a str) -> Result<CarrierMessage<'a>, Error> {
        todo!()
    }
    fn write(
        &self,
        _sid: &str,
        _command: CarrierCommand<'_>,
        _dst: &mut [u8],
    ) -> Result<usize, Error> {
        todo!()
    }
    fn max_media_len(&self, audio_bytes: usize) -> usize {
        audio_bytes * 2 + 256
    }
}
