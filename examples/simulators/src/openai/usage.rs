//! What a response costs.

use serde_json::{Value, json};

use super::plan::Response;
use super::session::Session;

impl Session {
    /// Token counts at the published rates: a token is 100 ms of the user's audio, 50 ms of the
    /// assistant's, or about four characters.
    pub(super) fn usage(&self, response: &Response) -> Value {
        let (mut audio_in, mut text_in) = (0, 0);
        for item in self.conversation.items.iter() {
            if response.items.iter().any(|part| part.id == item.id) {
                continue;
            }
            let per_token = if item.shown["role"] == "user" {
                100
            } else {
                50
            };
            audio_in += item.held_ms().div_ceil(per_token);
            text_in += if item.audio.is_empty() {
                item.shown["content"].to_string().len().div_ceil(4) as u64
            } else {
                0
            };
        }
        let instructions = self.config.session["instructions"]
            .as_str()
            .map_or(0, str::len);
        text_in += instructions.div_ceil(4) as u64;
        let (mut audio_out, mut text_out) = (0, 0);
        for part in &response.items {
            let ms = part.sent / response.format.bytes_per_ms();
            audio_out += ms.div_ceil(50) as u64;
            text_out += part.text.len().div_ceil(4) as u64;
        }
        json!({
            "total_tokens": audio_in + text_in + audio_out + text_out,
            "input_tokens": audio_in + text_in,
            "output_tokens": audio_out + text_out,
            "input_token_details": {
                "text_tokens": text_in, "audio_tokens": audio_in, "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": {
                    "text_tokens": 0, "audio_tokens": 0, "image_tokens": 0,
                },
            },
            "output_token_details": { "text_tokens": text_out, "audio_tokens": audio_out },
        })
    }
}
