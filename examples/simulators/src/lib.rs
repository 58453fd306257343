//! Simulators of Twilio Media Streams and OpenAI Realtime.
