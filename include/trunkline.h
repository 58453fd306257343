// trunkline for C: phone audio and realtime AI voice, joined without glitches.
//
// A `trunkline_bridge` stands between a phone call (Twilio Media Streams) and a realtime model
// (OpenAI Realtime). Its parts are usable by themselves: G.711, resampling, a jitter buffer, both
// peers' messages, and the books of what the caller has heard. Nothing here opens a socket, starts
// a thread or reads a clock; times are arguments. What follows holds for every function.
//
// Errors. A function returns `TRUNKLINE_OK` or a negative code; `trunkline_strerror` has its text.
// A call that fails has had no effect: the object is as before and no output is written. One output
// is an exception: where the last parameter is called `written`, `TRUNKLINE_ERR_BUFFER_TOO_SHORT`
// stores there how much the buffer must hold, and the call can be made again. Besides the codes that
// a function names, each may return `TRUNKLINE_ERR_NULL`, `_MISALIGNED`, `_OVERLAP`, `_LENGTH`,
// `_UTF8`, `_STRUCT_SIZE` and `_ARGUMENT` for arguments that cannot be meant, and
// `TRUNKLINE_ERR_PANIC` for a defect in the library, after which the object must not be used
// again, only freed.
//
// Pointers. None may be NULL, but a buffer or text of length 0 may; `_free` ignores NULL. A buffer is
// followed by its length in elements. All memory is the caller's and is used only during the call,
// save what a function says it keeps. No two arguments may overlap, unless both are only read.
// Outputs need not be initialized.
//
// Objects. `_new` allocates one, once; `_free` gives it back. `_init` makes one in memory of the
// caller, of at least `_size` bytes and aligned to `TRUNKLINE_ALIGN`, as from `malloc`; it allocates
// nothing, the object must stay where it is, and it needs no `_free`: the memory may just be reused.
// No other function allocates.
//
// Threads. Functions without an object may be called from any thread at any time. An object may be
// used by any thread, but by one at a time.
//
// Text is UTF-8 with its length in bytes, without a NUL at its end. Audio is mono, PCM16 in the
// machine's byte order. Times ending in `_us` are microseconds; a `now_us` counts from any fixed
// point and never goes back.
//
// Structs that are read begin with their size, those that are filled in are followed by it, so that a
// later library, whose structs may have more members, works with a program of today. Members called
// `reserved` are 0.

#ifndef TRUNKLINE_H
#define TRUNKLINE_H

// Generated from core/src/capi; `make header` writes it anew.

#include <stddef.h>
#include <stdint.h>

// Of this header; the library that is linked has `trunkline_version`.
#define TRUNKLINE_VERSION_MAJOR 0
// Of this header; the library that is linked has `trunkline_version`.
#define TRUNKLINE_VERSION_MINOR 1
// Of this header; the library that is linked has `trunkline_version`.
#define TRUNKLINE_VERSION_PATCH 0


// Alignment in bytes of the memory given to `_init` functions; that of `malloc` is always enough.
#define TRUNKLINE_ALIGN 8

// The time of a timeout that never comes.
#define TRUNKLINE_NEVER_US UINT64_MAX

// The model's audio, both ways, is PCM16 at 24 kHz; the bridge resamples.
#define TRUNKLINE_MODEL_AUDIO_PCM24K 0

// The model's audio, both ways, is G.711 μ-law, passed straight through.
#define TRUNKLINE_MODEL_AUDIO_MULAW 1

// The caller's voice never stops the model's; the application calls `trunkline_bridge_interrupt`.
#define TRUNKLINE_BARGE_IN_NEVER 0

// The model's voice stops as soon as the model reports speech.
#define TRUNKLINE_BARGE_IN_ON_SPEECH 1

// The model's voice is held, and stops once speech has lasted for `barge_in_speech_us`.
#define TRUNKLINE_BARGE_IN_AFTER_SPEECH 2

// The model's voice is held, and stops with the first word of the caller's transcript; a
// transcription model has to be set.
#define TRUNKLINE_BARGE_IN_ON_TRANSCRIPT 3

// Done.
#define TRUNKLINE_OK 0

// A pointer is NULL.
#define TRUNKLINE_ERR_NULL -1

// A defect in the library was caught; the object must not be used again, only freed.
#define TRUNKLINE_ERR_PANIC -2

// A pointer is not aligned to what it points to.
#define TRUNKLINE_ERR_MISALIGNED -3

// An argument overlaps with one that is written to.
#define TRUNKLINE_ERR_OVERLAP -4

// A length is more than memory can hold.
#define TRUNKLINE_ERR_LENGTH -5

// A text is not UTF-8.
#define TRUNKLINE_ERR_UTF8 -6

// The size of a struct is none that this version of the library knows.
#define TRUNKLINE_ERR_STRUCT_SIZE -7

// A number is none of those that stand for something.
#define TRUNKLINE_ERR_ARGUMENT -8

// There is no memory left.
#define TRUNKLINE_ERR_NO_MEMORY -9

// Two buffers that must be of the same length are not.
#define TRUNKLINE_ERR_LENGTH_MISMATCH -10

// A buffer is too short; what was to go there is kept.
#define TRUNKLINE_ERR_BUFFER_TOO_SHORT -11

// A message or a text in it is longer than is accepted.
#define TRUNKLINE_ERR_MESSAGE_TOO_LONG -12

// Not a JSON text, or one nested too deep.
#define TRUNKLINE_ERR_INVALID_JSON -13

// Not base64.
#define TRUNKLINE_ERR_INVALID_BASE64 -14

// A message lacks a field.
#define TRUNKLINE_ERR_MISSING_FIELD -15

// A field or an argument has the wrong type, form or range.
#define TRUNKLINE_ERR_INVALID_FIELD -16

// No conversion between these sampling rates.
#define TRUNKLINE_ERR_UNSUPPORTED_RATE -17

// A bounded queue has no room.
#define TRUNKLINE_ERR_QUEUE_FULL -18

// The outputs of an earlier input are not polled.
#define TRUNKLINE_ERR_OUTPUT_PENDING -19

// The call has ended.
#define TRUNKLINE_ERR_CLOSED -20

// Not a flight recording, or a damaged one; no function returns this yet.
#define TRUNKLINE_ERR_INVALID_RECORDING -21

// A flight recording that breaks off; no function returns this yet.
#define TRUNKLINE_ERR_TRUNCATED_RECORDING -22

// A flight recording of another version; no function returns this yet.
#define TRUNKLINE_ERR_UNSUPPORTED_VERSION -23

// The μ-law code of silence.
#define TRUNKLINE_MULAW_SILENCE 255

// The A-law code of the smallest positive sample; A-law has no code for silence.
#define TRUNKLINE_ALAW_SILENCE 213

// μ-law encoder: ITU-T's reference.
#define TRUNKLINE_MULAW_ITU 0

// μ-law encoder: the common 16-bit one; differs from ITU-T's for 127 negative samples.
#define TRUNKLINE_MULAW_SUN 1

// μ-law encoder: that of Python's `audioop`; differs from ITU-T's for 508 negative samples.
#define TRUNKLINE_MULAW_AUDIOOP 2

// Samples of a pulled frame: 20 ms at 8 kHz.
#define TRUNKLINE_JITTER_FRAME 160

// The longest packet, and the most that is held, in samples: 2.048 s.
#define TRUNKLINE_JITTER_CAPACITY 16384

// A packet was taken in, in whole or what was new of it.
#define TRUNKLINE_INSERTED_ACCEPTED 0

// All of a packet had come before.
#define TRUNKLINE_INSERTED_DUPLICATE 1

// A packet's turn had passed. The delay grows, so that the next one like it is in time.
#define TRUNKLINE_INSERTED_LATE 2

// A packet was taken in; the oldest audio made room for it.
#define TRUNKLINE_INSERTED_OVERFLOW 3

// A packet is too far from all other audio to be believed, unless the next one continues it.
#define TRUNKLINE_INSERTED_STRAY 4

// A packet was taken in, and the time line has followed a jump.
#define TRUNKLINE_INSERTED_RESYNCHRONISED 5

// A pulled frame is received audio only.
#define TRUNKLINE_PULLED_RECEIVED 0

// A pulled frame is a substitute, at least in part.
#define TRUNKLINE_PULLED_CONCEALED 1

// A pulled frame is silence: nothing has come yet, or not for so long that the substitute has
// faded out.
#define TRUNKLINE_PULLED_SILENCE 2

// An audio format that was not told.
#define TRUNKLINE_ENCODING_NONE 0

// 16-bit signed little-endian PCM.
#define TRUNKLINE_ENCODING_PCM16 1

// G.711 μ-law.
#define TRUNKLINE_ENCODING_MULAW 2

// G.711 A-law.
#define TRUNKLINE_ENCODING_ALAW 3

// An audio format that this version does not know.
#define TRUNKLINE_ENCODING_UNKNOWN 4

// The person on the phone speaks.
#define TRUNKLINE_SPEAKER_CALLER 0

// The model speaks.
#define TRUNKLINE_SPEAKER_MODEL 1

// A response is whole.
#define TRUNKLINE_STATUS_COMPLETED 0

// A response was cut off, by the caller's voice or by a cancel.
#define TRUNKLINE_STATUS_CANCELLED 1

// A response was cut off by a limit or a filter.
#define TRUNKLINE_STATUS_INCOMPLETE 2

// A response failed.
#define TRUNKLINE_STATUS_FAILED 3

// A response ended with a status that this version does not know.
#define TRUNKLINE_STATUS_UNKNOWN 4

// The session exists, with the peer's defaults: `input`, `output`, `creates_response`,
// `interrupts_response`, `silence_duration_ms`, `expires_at`.
#define TRUNKLINE_OPENAI_SESSION_CREATED 0

// The session is now set like this; members as above.
#define TRUNKLINE_OPENAI_SESSION_UPDATED 1

// The caller began to speak at `position_ms` of the audio appended; the turn becomes `item_id`.
#define TRUNKLINE_OPENAI_SPEECH_STARTED 2

// The caller stopped speaking at `position_ms`, the silence that told included.
#define TRUNKLINE_OPENAI_SPEECH_STOPPED 3

// `response_id` is being made; `flag` if it does not write to the conversation.
#define TRUNKLINE_OPENAI_RESPONSE_CREATED 4

// `response_id` has begun `item_id`; `flag` if that is a message.
#define TRUNKLINE_OPENAI_ITEM_ADDED 5

// Speech of `response_id`, `item_id`, `content_index`: `text`, base64 in the session's format.
#define TRUNKLINE_OPENAI_AUDIO_DELTA 6

// No more speech for `response_id`, `item_id`, `content_index`.
#define TRUNKLINE_OPENAI_AUDIO_DONE 7

// Words of `speaker` in `item_id`: `text`, the next ones, or, if `flag`, all of them.
#define TRUNKLINE_OPENAI_TRANSCRIPT 8

// The model calls the function `name` with `text`, as `call_id`; `response_id`, `item_id`.
#define TRUNKLINE_OPENAI_TOOL_CALL 9

// The caller's words in `item_id` could not be understood; `name` is the event's.
#define TRUNKLINE_OPENAI_TRANSCRIPTION_FAILED 10

// `response_id` has ended: `status`, `name`, the peer's word for why, and `text`, its sentence, or
// no text; `usage`.
#define TRUNKLINE_OPENAI_RESPONSE_DONE 11

// The peer refuses something, or is ending the session: `name`, its code, `text`, its sentence,
// and `event_id`, our event that it answers, or no text.
#define TRUNKLINE_OPENAI_ERROR 12

// An event of the kind `name`, which has no use here or is not known.
#define TRUNKLINE_OPENAI_OTHER 13

// The application speaks in the conversation.
#define TRUNKLINE_ROLE_SYSTEM 0

// The caller speaks in the conversation.
#define TRUNKLINE_ROLE_USER 1

// The model speaks in the conversation.
#define TRUNKLINE_ROLE_ASSISTANT 2

// No output is left: wait for the next input or the next timeout.
#define TRUNKLINE_OUTPUT_NONE 0

// Send `text` to Twilio as one text frame.
#define TRUNKLINE_OUTPUT_TO_TWILIO 1

// Send `text` to the model as one text frame.
#define TRUNKLINE_OUTPUT_TO_OPENAI 2

// The call's stream has started: `stream_sid`, `call_sid`, and `text`, the custom parameters as a
// JSON object of strings.
#define TRUNKLINE_OUTPUT_CALL_STARTED 3

// The call's stream has ended; nothing follows.
#define TRUNKLINE_OUTPUT_CALL_ENDED 4

// The model's session is set as asked; audio flows.
#define TRUNKLINE_OUTPUT_SESSION_READY 5

// The model's session is not set to the format asked for, `expected`, but to `input` and `output`;
// audio is held back.
#define TRUNKLINE_OUTPUT_FORMAT_MISMATCH 6

// The caller began to speak, at `position_us` in the audio appended to this session.
#define TRUNKLINE_OUTPUT_SPEECH_STARTED 7

// The caller stopped speaking, at `position_us`.
#define TRUNKLINE_OUTPUT_SPEECH_STOPPED 8

// Playback stands still until it is known whether the caller barges in.
#define TRUNKLINE_OUTPUT_PLAYBACK_HELD 9

// It was no barge-in: playback goes on after `duration_us`.
#define TRUNKLINE_OUTPUT_PLAYBACK_RESUMED 10

// The caller spoke over `item_id`, of which `audio_end_us` of `audio_received_us` were heard.
#define TRUNKLINE_OUTPUT_BARGE_IN 11

// `item_id` was queued behind the one spoken over; nothing of it was heard.
#define TRUNKLINE_OUTPUT_ITEM_DROPPED 12

// The caller has heard a content part of `item_id` to its end, `audio_end_us`.
#define TRUNKLINE_OUTPUT_ITEM_HEARD 13

// There was no room for the last `duration_us` of the audio of a delta of `item_id`.
#define TRUNKLINE_OUTPUT_AUDIO_DROPPED 14

// Words of `speaker` in `item_id`: `text`, the next ones, or, if `is_final`, all of them.
#define TRUNKLINE_OUTPUT_TRANSCRIPT 15

// The model calls the function `name` with `text`, which should be a JSON object; answer `call_id`
// with `trunkline_bridge_send_tool_output`.
#define TRUNKLINE_OUTPUT_TOOL_CALL 16

// The caller pressed the key `digit`.
#define TRUNKLINE_OUTPUT_DTMF 17

// The mark `name` of `trunkline_bridge_mark` was reached (`is_heard`), or flushed by a barge-in.
#define TRUNKLINE_OUTPUT_MARK 18

// `response_id` has ended: `status`, `name`, the peer's word for why, or no text, and `text`, its
// sentence if it failed; `usage`.
#define TRUNKLINE_OUTPUT_RESPONSE_DONE 19

// The model refuses something: `name`, its code, or no text, and `text`, its sentence; if
// `is_fatal`, the session cannot go on.
#define TRUNKLINE_OUTPUT_MODEL_ERROR 20

// `source` sent a message of the kind `name`, which the bridge has no use for or does not know.
#define TRUNKLINE_OUTPUT_OTHER 21

// Twilio sent it.
#define TRUNKLINE_SOURCE_TWILIO 0

// The model sent it.
#define TRUNKLINE_SOURCE_OPENAI 1

// Playback reached the mark.
#define TRUNKLINE_ECHO_HEARD 0

// The mark was on the way when playback was cleared; it counts for nothing.
#define TRUNKLINE_ECHO_FLUSHED 1

// The ledger did not name the mark, or not yet.
#define TRUNKLINE_ECHO_FOREIGN 2

// Nothing is to be told of the part: deleting the item covers it.
#define TRUNKLINE_CUT_NONE 0

// The item is to be truncated at `heard_ms` of the part (`conversation.item.truncate`).
#define TRUNKLINE_CUT_TRUNCATE 1

// The item is to be deleted (`conversation.item.delete`): nothing of it was heard.
#define TRUNKLINE_CUT_DELETE 2

// Filter: at most 2.21 ms of delay; -6 dB at half the lower rate.
#define TRUNKLINE_PROFILE_VOICE 0

// Filter: nothing from half the lower rate on, for 3.96 ms of delay. Between 8 and 24 kHz only.
#define TRUNKLINE_PROFILE_SHARP 1

// Noise reduction as the server has it.
#define TRUNKLINE_NOISE_REDUCTION_DEFAULT 0

// Noise reduction for a microphone near the mouth: handsets, headsets.
#define TRUNKLINE_NOISE_REDUCTION_NEAR_FIELD 1

// Noise reduction for a microphone across the room: speakerphones.
#define TRUNKLINE_NOISE_REDUCTION_FAR_FIELD 2

// The caller's turns are found by energy.
#define TRUNKLINE_TURN_DETECTION_SERVER_VAD 0

// The caller's turns are found by meaning.
#define TRUNKLINE_TURN_DETECTION_SEMANTIC_VAD 1

// The application commits turns.
#define TRUNKLINE_TURN_DETECTION_OFF 2

// A pause ends the turn as soon as the server likes.
#define TRUNKLINE_EAGERNESS_AUTO 0

// A pause ends the turn after up to 8 s.
#define TRUNKLINE_EAGERNESS_LOW 1

// A pause ends the turn after up to 4 s.
#define TRUNKLINE_EAGERNESS_MEDIUM 2

// A pause ends the turn after up to 2 s.
#define TRUNKLINE_EAGERNESS_HIGH 3

// The socket is open; no stream yet.
#define TRUNKLINE_TWILIO_CONNECTED 0

// The stream begins: `call_sid`, and `text`, the custom parameters as a JSON object of strings.
#define TRUNKLINE_TWILIO_STARTED 1

// Audio of `track`: `text`, base64 of μ-law at 8 kHz, and `timestamp_ms`.
#define TRUNKLINE_TWILIO_MEDIA 2

// The key `digit` was pressed.
#define TRUNKLINE_TWILIO_DTMF 3

// Playback has reached the mark named `text`, or a clear has flushed it.
#define TRUNKLINE_TWILIO_MARK 4

// The stream has ended.
#define TRUNKLINE_TWILIO_STOPPED 5

// A message of the kind `text`, which this version does not know.
#define TRUNKLINE_TWILIO_OTHER 6

// What the caller says.
#define TRUNKLINE_TRACK_INBOUND 0

// What the caller is played.
#define TRUNKLINE_TRACK_OUTBOUND 1

// Bridge of one call between Twilio Media Streams and OpenAI Realtime. One input, then
// `trunkline_bridge_poll_output` until it says NONE; then wait for the next message or for
// `trunkline_bridge_poll_timeout`, whichever is first.
typedef struct trunkline_bridge trunkline_bridge;

// Puts packets of PCM16 at 8 kHz in order and hands out a frame every 20 ms.
typedef struct trunkline_jitter_buffer trunkline_jitter_buffer;

// Books of one call's playback: what the caller has heard, item by item.
typedef struct trunkline_playback_ledger trunkline_playback_ledger;

// A streaming resampler of PCM16 between two of the rates 8, 16 and 24 kHz.
typedef struct trunkline_resampler trunkline_resampler;

// Settings of a bridge. `trunkline_config_default` fills it in with the recommended set.
typedef struct {
    // Bytes of this struct; set by `trunkline_config_default`.
    size_t struct_size;
    // `TRUNKLINE_MODEL_AUDIO_...`. Default: PCM24K.
    int32_t model_audio;
    // `TRUNKLINE_BARGE_IN_...`. Default: ON_SPEECH.
    int32_t barge_in;
    // For AFTER_SPEECH: how long speech must last. Default: 0.
    uint64_t barge_in_speech_us;
    // Audio sent to the carrier ahead of its playback; at least 40 ms. Default: 200 ms.
    uint64_t lead_us;
    // Audio between two playback marks, and so the resolution of what was heard; at least 20 ms.
    // Default: 100 ms.
    uint64_t mark_interval_us;
    // Model audio held beyond the lead, 1 s to 10 minutes, 8 bytes a millisecond; once half full,
    // audio is sent ahead to the carrier, once full, the newest is dropped. Default: 3.5 s.
    uint64_t downlink_capacity_us;
    // Caller audio held while the model cannot take it, 128 ms to 10 minutes, the oldest dropped
    // beyond. Default: 1 s.
    uint64_t uplink_capacity_us;
    // Bytes for the texts of one input and for commands that wait to be polled, 8 KiB to 64 MiB.
    // Default: 12 KiB.
    size_t text_capacity_bytes;
    // Longest gap in the caller's media that is concealed; at most 60 s. Default: 10 s.
    uint64_t max_gap_us;
    // Without media for so long in the caller's turn, the model is fed silence. Default: 750 ms.
    uint64_t stall_timeout_us;
    // Longest message accepted from Twilio. Default: 64 KiB.
    size_t max_twilio_bytes;
    // Longest message accepted from the model. Default: 16 MiB.
    size_t max_openai_bytes;
    // 1 if the bridge listens to the caller itself, too, and holds playback before the model has
    // reported speech; else 0. Default: 0.
    int32_t voice_detection;
    // 0.
    int32_t reserved;
} trunkline_config;

// Text of `len` bytes, UTF-8, without a NUL at its end. No text is `{NULL, 0}`.
typedef struct {
    // The first byte.
    const char *ptr;
    // Length in bytes.
    size_t len;
} trunkline_text;

// What a session is told at its start, audio formats aside. `trunkline_session_default` fills it in;
// the texts are read only while a function is called that takes it.
typedef struct {
    // Bytes of this struct; set by `trunkline_session_default`.
    size_t struct_size;
    // System prompt; no text leaves the server's, a text of length 0 is none.
    trunkline_text instructions;
    // Voice name, or no text.
    trunkline_text voice;
    // Model that transcribes the caller, or no text for no transcription.
    trunkline_text transcription_model;
    // The caller's language for transcription, as an ISO 639-1 code, or no text.
    trunkline_text transcription_language;
    // Words to expect or a style to keep to, for the transcription model, or no text.
    trunkline_text transcription_prompt;
    // Tools: a JSON array, or no text.
    trunkline_text tools;
    // `tool_choice`: a JSON string or object, or no text.
    trunkline_text tool_choice;
    // Further members of the `session` object: a JSON object, or no text.
    trunkline_text extra;
    // Speaking rate, 0.25 to 1.5, or 0 to leave it.
    float speed;
    // `TRUNKLINE_NOISE_REDUCTION_...`.
    int32_t noise_reduction;
    // `TRUNKLINE_TURN_DETECTION_...`.
    int32_t turn_detection;
    // SERVER_VAD: 0 to 1. Default: 0.5.
    float vad_threshold;
    // SERVER_VAD: audio before the detected start that belongs to the turn. Default: 300.
    uint32_t prefix_padding_ms;
    // SERVER_VAD: silence that ends a turn. Default: 500.
    uint32_t silence_duration_ms;
    // SERVER_VAD: silence after an answer that makes the model speak again, 5000 to 30000, or 0 for
    // never. Default: 0.
    uint32_t idle_timeout_ms;
    // SEMANTIC_VAD: `TRUNKLINE_EAGERNESS_...`.
    int32_t eagerness;
    // Either VAD: 1 if the model answers by itself. Default: 1.
    int32_t create_response;
    // Either VAD: 1 if the model stops answering by itself when the caller speaks. Default: 1.
    int32_t interrupt_response;
} trunkline_session;

// An audio format.
typedef struct {
    // `TRUNKLINE_ENCODING_...`.
    int32_t encoding;
    // Sampling rate in Hz; 0 if the encoding is none or unknown.
    uint32_t rate_hz;
} trunkline_audio_format;

// Tokens used by one response.
typedef struct {
    // Input and output together; 0 if the peer did not tell.
    uint64_t total_tokens;
    // Input, of every kind, cached ones included.
    uint64_t input_tokens;
    // Output, of every kind.
    uint64_t output_tokens;
    // Text among the input.
    uint64_t input_text_tokens;
    // Audio among the input.
    uint64_t input_audio_tokens;
    // Cached among the input.
    uint64_t cached_tokens;
    // Text among the cached.
    uint64_t cached_text_tokens;
    // Audio among the cached.
    uint64_t cached_audio_tokens;
    // Text among the output.
    uint64_t output_text_tokens;
    // Audio among the output.
    uint64_t output_audio_tokens;
} trunkline_usage;

// One thing to do or to know. Members that the `kind` does not name are 0 and without text; kinds
// that are not known are to be ignored.
typedef struct {
    // `TRUNKLINE_OUTPUT_...`, which say what the other members mean.
    int32_t kind;
    // `TRUNKLINE_SOURCE_...`.
    int32_t source;
    // `TRUNKLINE_SPEAKER_...`.
    int32_t speaker;
    // `TRUNKLINE_STATUS_...`.
    int32_t status;
    // 1 if `text` is the whole of the content part.
    int32_t is_final;
    // 1 if what was before the mark was heard.
    int32_t is_heard;
    // 1 if the session cannot go on.
    int32_t is_fatal;
    // An ASCII character: 0 to 9, `*`, `#`, A to D.
    int32_t digit;
    // The message, words, arguments or sentence.
    trunkline_text text;
    // The name, code, reason or kind.
    trunkline_text name;
    // The stream.
    trunkline_text stream_sid;
    // The call.
    trunkline_text call_sid;
    // The item of the model's conversation.
    trunkline_text item_id;
    // The response.
    trunkline_text response_id;
    // The tool call.
    trunkline_text call_id;
    // Position in the audio appended to this session of the model.
    uint64_t position_us;
    // How long it took or was.
    uint64_t duration_us;
    // How much of the item was heard.
    uint64_t audio_end_us;
    // How much of the item was received.
    uint64_t audio_received_us;
    // The format asked for.
    trunkline_audio_format expected;
    // The format that the session takes.
    trunkline_audio_format input;
    // The format that the session gives.
    trunkline_audio_format output;
    // Tokens used; zeros if not told.
    trunkline_usage usage;
} trunkline_output;

// Counters of one call since its start. Samples are at 8 kHz.
typedef struct {
    // Media messages of the caller's track.
    uint64_t media_messages;
    // Samples of the caller's voice taken in. All of them, `concealed_samples` and `stall_samples`
    // make up what was handed to the model, was cut or dropped, or waits.
    uint64_t media_samples;
    // Samples handed to the model.
    uint64_t appended_samples;
    // Samples substituted where the caller's media left a gap in its time line: the voice fading
    // out, then silence.
    uint64_t concealed_samples;
    // Samples fed because media stopped in the caller's turn: the voice fading out, then silence.
    uint64_t stall_samples;
    // Samples taken out, pitch period by pitch period, to make up for what was fed.
    uint64_t cut_samples;
    // Samples of gaps in the time line that have not come since.
    uint64_t lost_samples;
    // Samples that came after their time had been filled; not used.
    uint64_t late_samples;
    // Samples that came again; not used.
    uint64_t duplicate_samples;
    // Samples of the caller's voice dropped, oldest first, because the model could not take them.
    uint64_t uplink_dropped_samples;
    // Samples of the caller's voice now waiting for the model.
    uint64_t uplink_depth_samples;
    // The most that ever waited.
    uint64_t max_uplink_depth_samples;
    // Samples of the model's speech put on the line to the caller.
    uint64_t received_samples;
    // Samples sent to the carrier.
    uint64_t sent_samples;
    // Samples sent ahead of the configured lead because the queue was more than half full.
    uint64_t spilled_samples;
    // Samples of the model's speech dropped, newest first, because the queue was full.
    uint64_t downlink_dropped_samples;
    // Bytes of base64 of the model's speech not used: of interrupted responses, or while the
    // session was not ready.
    uint64_t discarded_bytes;
    // Samples of the model's speech now waiting to be sent.
    uint64_t depth_samples;
    // The most that ever waited.
    uint64_t max_depth_samples;
    // Playback marks sent.
    uint64_t marks_sent;
    // Playback marks that proved audio heard.
    uint64_t marks_heard;
    // Playback marks that proved nothing: flushed by a clear, repeated, overtaken or unknown.
    uint64_t marks_ignored;
    // Barge-ins over speech the caller had not heard to its end.
    uint64_t barge_ins;
    // Times that playback was held until an interruption was confirmed.
    uint64_t holds;
    // Holds that ended without a barge-in: playback went on, if anything was left of it.
    uint64_t false_barge_ins;
    // Items truncated.
    uint64_t truncated_items;
    // Items deleted because nothing of them was heard.
    uint64_t deleted_items;
    // Truncations and deletions the model refused.
    uint64_t refused_cuts;
    // Responses that ended.
    uint64_t responses;
    // Requests for a response that met another and were repeated after it.
    uint64_t repeated_responses;
    // From the end of the caller's speech to the first sample of the answer heard, last time; 0 before the first.
    uint64_t response_latency_us;
    // The longest such time; 0 before the first.
    uint64_t max_response_latency_us;
    // Messages told as `TRUNKLINE_OUTPUT_OTHER`.
    uint64_t other_messages;
} trunkline_stats;

// Counters of a jitter buffer since it was made, in samples unless said otherwise.
typedef struct {
    // Taken in.
    uint64_t received_samples;
    // Came after their turn, for the first time; not used.
    uint64_t late_samples;
    // Passed over on the time line, and not seen since.
    uint64_t lost_samples;
    // Came again; not used.
    uint64_t duplicate_samples;
    // Taken in, and dropped because later audio had no room.
    uint64_t dropped_samples;
    // Of packets that were not believed.
    uint64_t stray_samples;
    // Received and played, or cut.
    uint64_t decoded_samples;
    // Substituted because nothing was there to play.
    uint64_t concealed_samples;
    // Added by repeating pitch periods, to let the delay grow.
    uint64_t stretched_samples;
    // Taken out, pitch period by pitch period, to let the delay shrink.
    uint64_t cut_samples;
    // Silence before the first packet.
    uint64_t silence_samples;
    // Pulled.
    uint64_t out_samples;
    // Jumps of the time line that were followed; a number of times.
    uint64_t resyncs;
    // Held now, holes among them included.
    uint64_t depth_samples;
    // How much longer the next sample is held now than the network makes unavoidable, in
    // microseconds.
    uint64_t delay_us;
    // What `delay_us` is to become.
    uint64_t target_delay_us;
} trunkline_jitter_stats;

// One event from the model. Members that the `kind` does not name are 0 and without text.
typedef struct {
    // `TRUNKLINE_OPENAI_...`, which say what the other members mean.
    int32_t kind;
    // `TRUNKLINE_SPEAKER_...`.
    int32_t speaker;
    // `TRUNKLINE_STATUS_...`.
    int32_t status;
    // 1 or 0.
    int32_t flag;
    // 1 if voice detection starts a response at the end of a turn by itself, 0 if not, -1 if not
    // told.
    int32_t creates_response;
    // 1 if voice detection cancels the response when the caller speaks, 0 if not, -1 if not told.
    int32_t interrupts_response;
    // Silence that ends a turn; 0 if not told.
    uint32_t silence_duration_ms;
    // Content part of the item.
    uint32_t content_index;
    // When the session ends, in seconds since the Unix epoch; 0 if not told.
    uint64_t expires_at;
    // Position in the audio appended to this session.
    uint64_t position_ms;
    // The audio, words, arguments or sentence.
    trunkline_text text;
    // The name, code, reason or kind.
    trunkline_text name;
    // The response.
    trunkline_text response_id;
    // The item.
    trunkline_text item_id;
    // The tool call.
    trunkline_text call_id;
    // Our event.
    trunkline_text event_id;
    // The format that the session takes.
    trunkline_audio_format input;
    // The format that the session gives.
    trunkline_audio_format output;
    // Tokens used; zeros if not told.
    trunkline_usage usage;
} trunkline_openai_event;

// A content part of an item, heard or not.
typedef struct {
    // The item; no text if there is no such part.
    trunkline_text item_id;
    // Audio heard, in whole milliseconds; never more than `received_ms`.
    uint64_t heard_ms;
    // Audio received, in whole milliseconds.
    uint64_t received_ms;
    // Where it starts, in samples at 8 kHz; 0 for a part that was heard.
    uint64_t start_samples;
    // Content part of the item.
    uint32_t content_index;
    // What the model is to be told if playback stops now: `TRUNKLINE_CUT_...`.
    int32_t cut;
} trunkline_playback_part;

// How far playback has come. Positions are samples at 8 kHz since the ledger was made.
typedef struct {
    // Received from the model.
    uint64_t received_samples;
    // Sent to the carrier.
    uint64_t sent_samples;
    // Heard by the caller, as far as marks prove it.
    uint64_t heard_samples;
    // Sent since the last mark.
    uint64_t unmarked_samples;
    // When, by the clock, the carrier will have played all it was sent.
    uint64_t play_end_us;
    // How often playback was cleared.
    uint32_t epoch;
    // 1 if no content part is waiting for more audio from the model.
    int32_t is_finished;
} trunkline_playback_state;

// One message from Twilio. Members that the `kind` does not name are 0 and without text.
typedef struct {
    // `TRUNKLINE_TWILIO_...`, which say what the other members mean.
    int32_t kind;
    // `TRUNKLINE_TRACK_...`.
    int32_t track;
    // An ASCII character: 0 to 9, `*`, `#`, A to D.
    int32_t digit;
    // 1 if the message has a `sequence_number`.
    int32_t is_numbered;
    // Twilio's running number of the message.
    uint64_t sequence_number;
    // Presentation time of the first sample, since the stream began.
    uint64_t timestamp_ms;
    // The stream; no text before it has started.
    trunkline_text stream_sid;
    // The call.
    trunkline_text call_sid;
    // Audio, parameters, a name or a kind.
    trunkline_text text;
} trunkline_twilio_message;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the library that is linked, as `"1.2.3"`; of the header, see
// `TRUNKLINE_VERSION_MAJOR`. The string is static. Any thread.
const char *trunkline_version(void);

// Bytes of memory that `trunkline_bridge_init` needs for these settings; 0 if `config` is not valid.
// Any thread.
//
// Pointers as described at the top.
size_t trunkline_bridge_size(const trunkline_config *config);

// Makes a bridge in `memory`, `memory_len` bytes that it keeps; `config` is not needed afterwards.
//
// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT` for less than `trunkline_bridge_size` bytes;
// `TRUNKLINE_ERR_ARGUMENT` for a setting that is not defined. Any thread.
//
// Pointers and lengths as described at the top; the memory is the object's as long as it is used.
int32_t trunkline_bridge_init(void *memory,
                              size_t memory_len,
                              const trunkline_config *config,
                              trunkline_bridge **out);

// As `trunkline_bridge_init`, in memory that it allocates; `trunkline_bridge_free` gives it back.
//
// Errors: `TRUNKLINE_ERR_ARGUMENT` for a setting that is not defined; `TRUNKLINE_ERR_NO_MEMORY`. Any
// thread.
//
// Pointers as described at the top.
int32_t trunkline_bridge_new(const trunkline_config *config,
                             trunkline_bridge **out);

// Ends a bridge; NULL is ignored. The caller's memory of `trunkline_bridge_init` stays the caller's.
// Any one thread.
//
// NULL or a bridge, which is not used any more.
void trunkline_bridge_free(trunkline_bridge *bridge);

// A message from Twilio has arrived: `text`, one whole text frame.
//
// Errors, after which the call can go on without the message: `TRUNKLINE_ERR_OUTPUT_PENDING`,
// `TRUNKLINE_ERR_CLOSED`, `TRUNKLINE_ERR_MESSAGE_TOO_LONG`, `TRUNKLINE_ERR_INVALID_JSON`,
// `TRUNKLINE_ERR_INVALID_BASE64`, `TRUNKLINE_ERR_MISSING_FIELD`, `TRUNKLINE_ERR_INVALID_FIELD`. One
// thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_bridge_handle_twilio(trunkline_bridge *bridge,
                                       uint64_t now_us,
                                       const char *text,
                                       size_t text_len);

// A message from the model has arrived: `text`, one whole text frame. What the model itself refuses
// is an output, not an error.
//
// Errors, after which the call can go on without the message: as `trunkline_bridge_handle_twilio`,
// and `TRUNKLINE_ERR_QUEUE_FULL` while too many content parts wait to be heard. One thread at a
// time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_bridge_handle_openai(trunkline_bridge *bridge,
                                       uint64_t now_us,
                                       const char *text,
                                       size_t text_len);

// The time that `trunkline_bridge_poll_timeout` named has come. Harmless at any time.
//
// Errors: none of its own. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_bridge_handle_timeout(trunkline_bridge *bridge, uint64_t now_us);

// Twilio's socket is closed, with or without a `stop` before: the call is over.
//
// Errors: none of its own. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_bridge_handle_twilio_closed(trunkline_bridge *bridge, uint64_t now_us);

// The model's socket is closed. What it said is played out and the caller's audio is kept, until
// `trunkline_bridge_update_session` sets up a new session on a new socket.
//
// Errors: none of its own. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_bridge_handle_openai_closed(trunkline_bridge *bridge, uint64_t now_us);

// Sets the model's session up: the first thing to do on a new socket. Audio flows, both ways, from
// `TRUNKLINE_OUTPUT_SESSION_READY` on. `session` is not needed afterwards.
//
// Errors: `TRUNKLINE_ERR_QUEUE_FULL`, `TRUNKLINE_ERR_CLOSED`; `TRUNKLINE_ERR_INVALID_FIELD` for what
// the server would refuse; `TRUNKLINE_ERR_INVALID_JSON`. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_bridge_update_session(trunkline_bridge *bridge,
                                        const trunkline_session *session);

// Asks the model to speak as soon as it may. `response` is the `response` object of
// `response.create`, JSON; without text there is none. A request that still waits is replaced.
//
// Errors: `TRUNKLINE_ERR_QUEUE_FULL` beyond 2 KiB, `TRUNKLINE_ERR_CLOSED`,
// `TRUNKLINE_ERR_INVALID_JSON`; `TRUNKLINE_ERR_INVALID_FIELD` for what is no object. One thread at a
// time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_bridge_create_response(trunkline_bridge *bridge,
                                         const char *response,
                                         size_t response_len);

// Answers the tool call `call_id` with `output`, any text, JSON by custom. Once every call is
// answered and their response has ended, the model is asked to go on.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` if no such call is open; `TRUNKLINE_ERR_QUEUE_FULL`,
// `TRUNKLINE_ERR_CLOSED`. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_bridge_send_tool_output(trunkline_bridge *bridge,
                                          const char *call_id,
                                          size_t call_id_len,
                                          const char *output,
                                          size_t output_len);

// Sends any other client event, `event`, a JSON object with a `type`, as it is.
//
// Errors: `TRUNKLINE_ERR_INVALID_JSON`; `TRUNKLINE_ERR_INVALID_FIELD` for anything else;
// `TRUNKLINE_ERR_QUEUE_FULL`, `TRUNKLINE_ERR_CLOSED`. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_bridge_send_openai(trunkline_bridge *bridge, const char *event, size_t event_len);

// Stops the model's speech now, as if the caller had spoken over it.
//
// Errors: `TRUNKLINE_ERR_QUEUE_FULL`, `TRUNKLINE_ERR_CLOSED`. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_bridge_interrupt(trunkline_bridge *bridge, uint64_t now_us);

// Asks for `TRUNKLINE_OUTPUT_MARK` when the caller has heard everything received so far, or when a
// barge-in has flushed it. `name` is 1 to 128 ASCII characters.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for another name; `TRUNKLINE_ERR_QUEUE_FULL`,
// `TRUNKLINE_ERR_CLOSED`. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_bridge_mark(trunkline_bridge *bridge, const char *name, size_t name_len);

// Stores when `trunkline_bridge_handle_timeout` is to be called next, or `TRUNKLINE_NEVER_US`. It is
// meaningful once outputs are drained.
//
// Errors: none of its own. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_bridge_poll_timeout(const trunkline_bridge *bridge,
                                      uint64_t *timeout_us);

// Takes the next thing to do or to know, of kind NONE if there is nothing. The caller knows
// `output_size` bytes of `output` (`sizeof *output`). Its texts are in `buf`, valid until that is
// reused; `written` gets how much of it they take. `trunkline_bridge_max_output_len` bytes are always
// enough.
//
// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT`; the output is kept. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_bridge_poll_output(trunkline_bridge *bridge,
                                     char *buf,
                                     size_t buf_len,
                                     trunkline_output *output,
                                     size_t output_size,
                                     size_t *written);

// Stores how many bytes hold the texts of any output of this bridge.
//
// Errors: none of its own. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_bridge_max_output_len(const trunkline_bridge *bridge, size_t *max_len);

// Stores the counters of the call so far, of which the caller knows `stats_size` bytes
// (`sizeof *stats`).
//
// Errors: none of its own. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_bridge_stats(const trunkline_bridge *bridge,
                               trunkline_stats *stats,
                               size_t stats_size);

// Stores how much audio the carrier was sent and, by the clock, has not played at `now_us`: the
// delay between sending and hearing.
//
// Errors: none of its own. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_bridge_queued_at_carrier(const trunkline_bridge *bridge,
                                           uint64_t now_us,
                                           uint64_t *queued_us);

// Stores 1 if the call has ended and every output was polled, else 0.
//
// Errors: none of its own. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_bridge_is_closed(const trunkline_bridge *bridge, int32_t *is_closed);

// Fills in the recommended settings, of which the caller knows `config_size` bytes
// (`sizeof *config`).
//
// Errors: none of its own. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_config_default(trunkline_config *config, size_t config_size);

// The text of a code, in English, without a full stop; one for unknown codes, too. The string is
// static. Any thread.
const char *trunkline_strerror(int32_t code);

// Decodes μ-law: `src_len` codes become as many PCM16 samples. 8 kHz on the phone; the rate is not
// looked at.
//
// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_mulaw_decode(const uint8_t *src, size_t src_len, int16_t *dst, size_t dst_len);

// Encodes PCM16 as μ-law, with ITU-T's reference encoder: `src_len` samples become as many codes.
//
// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_mulaw_encode(const int16_t *src, size_t src_len, uint8_t *dst, size_t dst_len);

// Encodes PCM16 as μ-law with one of the encoders that are in use, `variant`
// (`TRUNKLINE_MULAW_ITU`, `_SUN` or `_AUDIOOP`): `src_len` samples become as many codes.
//
// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`; `TRUNKLINE_ERR_ARGUMENT`
// for another `variant`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_mulaw_encode_with(int32_t variant,
                                    const int16_t *src,
                                    size_t src_len,
                                    uint8_t *dst,
                                    size_t dst_len);

// Converts μ-law to A-law through the linear value: `src_len` codes become as many.
//
// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_mulaw_to_alaw(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len);

// Decodes A-law: `src_len` codes become as many PCM16 samples.
//
// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_alaw_decode(const uint8_t *src, size_t src_len, int16_t *dst, size_t dst_len);

// Encodes PCM16 as A-law: `src_len` samples become as many codes. All A-law encoders agree.
//
// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_alaw_encode(const int16_t *src, size_t src_len, uint8_t *dst, size_t dst_len);

// Converts A-law to μ-law through the linear value: `src_len` codes become as many.
//
// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_alaw_to_mulaw(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len);

// Encodes `src_len` bytes as base64 (RFC 4648 section 4), padded, without a NUL at the end.
// `written` gets the number of characters: four for every three bytes or part of them.
//
// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_base64_encode(const uint8_t *src,
                                size_t src_len,
                                char *dst,
                                size_t dst_len,
                                size_t *written);

// Decodes base64, strictly: the payload of a media message, the audio of a delta. `written` gets
// the number of bytes, at most three for every four characters.
//
// Errors: `TRUNKLINE_ERR_INVALID_BASE64`; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_base64_decode(const char *src,
                                size_t src_len,
                                uint8_t *dst,
                                size_t dst_len,
                                size_t *written);

// Bytes of memory that `trunkline_jitter_buffer_init` needs, about 37 KiB. Any thread.
size_t trunkline_jitter_buffer_size(void);

// Makes an empty jitter buffer in `memory`, `memory_len` bytes that it keeps.
//
// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT` for less than `trunkline_jitter_buffer_size` bytes. Any
// thread.
//
// Pointers and lengths as described at the top; the memory is the object's as long as it is used.
int32_t trunkline_jitter_buffer_init(void *memory,
                                     size_t memory_len,
                                     trunkline_jitter_buffer **out);

// As `trunkline_jitter_buffer_init`, in memory that it allocates; `trunkline_jitter_buffer_free`
// gives it back.
//
// Errors: `TRUNKLINE_ERR_NO_MEMORY`. Any thread.
//
// Pointers as described at the top.
int32_t trunkline_jitter_buffer_new(trunkline_jitter_buffer **out);

// Ends a jitter buffer; NULL is ignored. The caller's memory of `trunkline_jitter_buffer_init`
// stays the caller's. Any one thread.
//
// NULL or a jitter buffer, which is not used any more.
void trunkline_jitter_buffer_free(trunkline_jitter_buffer *jitter);

// A packet has come: `pcm_len` samples at 8 kHz, said at `timestamp`, which counts samples and wraps
// around, as RTP's do. `outcome` gets what became of it, one of `TRUNKLINE_INSERTED_...`.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for an empty packet or one of more than
// `TRUNKLINE_JITTER_CAPACITY` samples. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_jitter_buffer_insert(trunkline_jitter_buffer *jitter,
                                       uint32_t timestamp,
                                       const int16_t *pcm,
                                       size_t pcm_len,
                                       int32_t *outcome);

// The next 20 ms to play: `frame_len`, which is `TRUNKLINE_JITTER_FRAME`, samples at 8 kHz. To be
// called every 20 ms; it is the buffer's clock. `outcome` gets what the frame is, one of
// `TRUNKLINE_PULLED_...`.
//
// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` for another length. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_jitter_buffer_pull(trunkline_jitter_buffer *jitter,
                                     int16_t *frame,
                                     size_t frame_len,
                                     int32_t *outcome);

// Stores the counters, of which the caller knows `stats_size` bytes (`sizeof *stats`).
//
// Errors: none of its own. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_jitter_buffer_stats(const trunkline_jitter_buffer *jitter,
                                      trunkline_jitter_stats *stats,
                                      size_t stats_size);

// Forgets everything, as if new.
//
// Errors: none of its own. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_jitter_buffer_reset(trunkline_jitter_buffer *jitter);

// Reads one event from the model into `event`, of which the caller knows `event_size` bytes
// (`sizeof *event`). Its texts point into `text`, or into `buf` where escapes had to be undone, and
// are valid as long as these are unchanged.
//
// Errors: `TRUNKLINE_ERR_INVALID_JSON`, `TRUNKLINE_ERR_MISSING_FIELD`, `TRUNKLINE_ERR_INVALID_FIELD`;
// `TRUNKLINE_ERR_BUFFER_TOO_SHORT` if the event has escapes and `buf_len` is less than `text_len`,
// which is always enough. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_openai_read(const char *text,
                              size_t text_len,
                              char *buf,
                              size_t buf_len,
                              trunkline_openai_event *event,
                              size_t event_size);

// Writes `session.update`: `session` as it is, with audio of `encoding` both ways, which is
// `TRUNKLINE_ENCODING_PCM16` (at 24 kHz), `_MULAW` or `_ALAW`. The peer names `event_id` if it refuses;
// without text there is none. `written` gets the event's length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for what the server would refuse; `TRUNKLINE_ERR_INVALID_JSON`;
// `TRUNKLINE_ERR_ARGUMENT` for another `encoding`; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_openai_write_session(const char *event_id,
                                       size_t event_id_len,
                                       int32_t encoding,
                                       const trunkline_session *session,
                                       char *buf,
                                       size_t buf_len,
                                       size_t *written);

// Writes `input_audio_buffer.append` with `pcm_len` samples of the caller's voice at 24 kHz; `written`
// gets the event's length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no audio; `TRUNKLINE_ERR_MESSAGE_TOO_LONG` beyond 15 MiB;
// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_openai_write_append_pcm16(const int16_t *pcm,
                                            size_t pcm_len,
                                            char *buf,
                                            size_t buf_len,
                                            size_t *written);

// Writes `input_audio_buffer.append` with `audio_len` bytes of the caller's voice, in the law that the
// session is set to; `written` gets the event's length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no audio; `TRUNKLINE_ERR_MESSAGE_TOO_LONG` beyond 15 MiB;
// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_openai_write_append_g711(const uint8_t *audio,
                                           size_t audio_len,
                                           char *buf,
                                           size_t buf_len,
                                           size_t *written);

// Writes `input_audio_buffer.commit`: the caller's turn is over. The peer names `event_id` if it
// refuses; without text there is none. `written` gets the event's length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for an `event_id` of more than 512 characters;
// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_openai_write_commit_audio(const char *event_id,
                                            size_t event_id_len,
                                            char *buf,
                                            size_t buf_len,
                                            size_t *written);

// Writes `input_audio_buffer.clear`: audio that is no item yet is forgotten. The peer names `event_id` if it
// refuses; without text there is none. `written` gets the event's length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for an `event_id` of more than 512 characters;
// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_openai_write_clear_audio(const char *event_id,
                                           size_t event_id_len,
                                           char *buf,
                                           size_t buf_len,
                                           size_t *written);

// Writes `response.create`: answer now. `response` is the event's `response` object, JSON; without text
// there is none. The peer names `event_id` if it refuses; without text there is none. `written` gets
// the event's length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_JSON`; `TRUNKLINE_ERR_INVALID_FIELD` for a `response` that is no object
// or an `event_id` of more than 512 characters; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_openai_write_create_response(const char *event_id,
                                               size_t event_id_len,
                                               const char *response,
                                               size_t response_len,
                                               char *buf,
                                               size_t buf_len,
                                               size_t *written);

// Writes `response.cancel`: stop answering. `response_id` is the response; without text it is the
// active one. The peer names `event_id` if it refuses; without text there is none. `written` gets the
// event's length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for an `event_id` of more than 512 characters;
// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_openai_write_cancel_response(const char *event_id,
                                               size_t event_id_len,
                                               const char *response_id,
                                               size_t response_id_len,
                                               char *buf,
                                               size_t buf_len,
                                               size_t *written);

// Writes `conversation.item.truncate`: what was not heard of `content_index` of `item_id` is forgotten;
// `audio_end_ms` were. The peer names `event_id` if it refuses; without text there is none. `written`
// gets the event's length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no `item_id` or an `event_id` of more than 512 characters;
// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_openai_write_truncate_item(const char *event_id,
                                             size_t event_id_len,
                                             const char *item_id,
                                             size_t item_id_len,
                                             uint32_t content_index,
                                             uint64_t audio_end_ms,
                                             char *buf,
                                             size_t buf_len,
                                             size_t *written);

// Writes `conversation.item.delete`: `item_id` is forgotten. The peer names `event_id` if it refuses;
// without text there is none. `written` gets the event's length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no `item_id` or an `event_id` of more than 512 characters;
// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_openai_write_delete_item(const char *event_id,
                                           size_t event_id_len,
                                           const char *item_id,
                                           size_t item_id_len,
                                           char *buf,
                                           size_t buf_len,
                                           size_t *written);

// Writes `conversation.item.create` with a message of `role` (`TRUNKLINE_ROLE_...`) that says `text`.
// `item_id` is the id to give the item; without text the peer makes one. The peer names `event_id` if
// it refuses; without text there is none. `written` gets the event's length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for an `item_id` of more than 32 characters or an `event_id` of
// more than 512; `TRUNKLINE_ERR_ARGUMENT` for another `role`; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any
// thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_openai_write_create_message(const char *event_id,
                                              size_t event_id_len,
                                              const char *item_id,
                                              size_t item_id_len,
                                              int32_t role,
                                              const char *text,
                                              size_t text_len,
                                              char *buf,
                                              size_t buf_len,
                                              size_t *written);

// Writes `conversation.item.create` with a function call of an earlier session, whose result follows:
// `call_id` called `name` with `arguments`. The peer names `event_id` if it refuses; without text there
// is none. `written` gets the event's length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for a `call_id` or `name` that the server would refuse or an
// `event_id` of more than 512 characters; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_openai_write_create_tool_call(const char *event_id,
                                                size_t event_id_len,
                                                const char *call_id,
                                                size_t call_id_len,
                                                const char *name,
                                                size_t name_len,
                                                const char *arguments,
                                                size_t arguments_len,
                                                char *buf,
                                                size_t buf_len,
                                                size_t *written);

// Writes `conversation.item.create` with the result of the function call `call_id`: `output`, any text,
// JSON by custom. `written` gets the event's length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no `call_id`; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_openai_write_tool_output(const char *call_id,
                                           size_t call_id_len,
                                           const char *output,
                                           size_t output_len,
                                           char *buf,
                                           size_t buf_len,
                                           size_t *written);

// Bytes of memory that `trunkline_playback_ledger_init` needs, about 2 KiB. Any thread.
size_t trunkline_playback_ledger_size(void);

// Makes an empty ledger in `memory`, `memory_len` bytes that it keeps, for a model that speaks at
// `model_rate_hz`: 24000 for PCM16, 8000 for G.711.
//
// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT` for less than `trunkline_playback_ledger_size` bytes. Any
// thread.
//
// Pointers and lengths as described at the top; the memory is the object's as long as it is used.
int32_t trunkline_playback_ledger_init(void *memory,
                                       size_t memory_len,
                                       uint32_t model_rate_hz,
                                       trunkline_playback_ledger **out);

// As `trunkline_playback_ledger_init`, in memory that it allocates;
// `trunkline_playback_ledger_free` gives it back.
//
// Errors: `TRUNKLINE_ERR_NO_MEMORY`. Any thread.
//
// Pointers as described at the top.
int32_t trunkline_playback_ledger_new(uint32_t model_rate_hz, trunkline_playback_ledger **out);

// Ends a ledger; NULL is ignored. The caller's memory of `trunkline_playback_ledger_init` stays the
// caller's. Any one thread.
//
// NULL or a ledger, which is not used any more.
void trunkline_playback_ledger_free(trunkline_playback_ledger *ledger);

// Audio of a content part has arrived: `model_samples` at the model's rate, which became
// `line_samples` at 8 kHz at the end of the line. Both may be 0 for a part that only exists yet.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for an `item_id` that is empty, longer than 64 bytes or not
// plain ASCII; `TRUNKLINE_ERR_QUEUE_FULL` if 16 parts wait and not even the oldest has been sent;
// `TRUNKLINE_ERR_LENGTH` for more samples than memory could hold. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_playback_ledger_receive(trunkline_playback_ledger *ledger,
                                          const char *item_id,
                                          size_t item_id_len,
                                          uint32_t content_index,
                                          size_t model_samples,
                                          size_t line_samples);

// No more audio will come for `content_index` of `item_id`.
//
// Errors: none of its own. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_playback_ledger_finish(trunkline_playback_ledger *ledger,
                                         const char *item_id,
                                         size_t item_id_len,
                                         uint32_t content_index);

// No more audio will come for any part of `item_id`.
//
// Errors: none of its own. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_playback_ledger_finish_item(trunkline_playback_ledger *ledger,
                                              const char *item_id,
                                              size_t item_id_len);

// No more audio will come for any part known so far.
//
// Errors: none of its own. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_playback_ledger_finish_all(trunkline_playback_ledger *ledger);

// The next `samples` at 8 kHz have gone to the carrier at `now_us`; no more than were received.
//
// Errors: none of its own. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_playback_ledger_send(trunkline_playback_ledger *ledger,
                                       uint64_t now_us,
                                       size_t samples);

// Names a mark to send behind everything sent so far; `written` gets the name's length, at most 34
// bytes. Its echo goes to `trunkline_playback_ledger_handle_mark`.
//
// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_playback_ledger_mark(trunkline_playback_ledger *ledger,
                                       char *buf,
                                       size_t buf_len,
                                       size_t *written);

// The carrier has echoed the mark `name` at `now_us`; `echo` gets what that means,
// `TRUNKLINE_ECHO_...`.
//
// Errors: none of its own. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_playback_ledger_handle_mark(trunkline_playback_ledger *ledger,
                                              uint64_t now_us,
                                              const char *name,
                                              size_t name_len,
                                              int32_t *echo);

// Playback has been stopped and the carrier's queue emptied: nothing sent or received so far will be
// heard any more, and marks sent before this count for nothing.
//
// Errors: none of its own. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_playback_ledger_clear(trunkline_playback_ledger *ledger);

// Takes the oldest content part from the books, once it is finished and wholly heard; each is told
// once. `part` gets it, or a part without item if there is none; the caller knows `part_size` bytes
// of it (`sizeof *part`). The item's id is put into `buf`; 64 bytes are enough.
//
// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_playback_ledger_pop_heard(trunkline_playback_ledger *ledger,
                                            char *buf,
                                            size_t buf_len,
                                            trunkline_playback_part *part,
                                            size_t part_size,
                                            size_t *written);

// Looks at the content part number `index`, from 0, of those not wholly heard, oldest first. `part`
// gets it, or a part without item if there are not so many; the caller knows `part_size` bytes of it
// (`sizeof *part`). The item's id points into the ledger: it is valid until the next call that may
// change it.
//
// Errors: none of its own. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_playback_ledger_unheard(const trunkline_playback_ledger *ledger,
                                          size_t index,
                                          trunkline_playback_part *part,
                                          size_t part_size);

// Stores how far playback has come, of which the caller knows `state_size` bytes (`sizeof *state`).
//
// Errors: none of its own. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_playback_ledger_state(const trunkline_playback_ledger *ledger,
                                        trunkline_playback_state *state,
                                        size_t state_size);

// Estimates how much of `text` was heard when `heard_ms` of `total_ms` of its speech were:
// `heard_len` gets the length in bytes of its beginning, cut back to a whole word.
//
// Errors: none of its own. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_heard_text(const char *text,
                             size_t text_len,
                             uint64_t heard_ms,
                             uint64_t total_ms,
                             size_t *heard_len);

// Bytes of memory that `trunkline_resampler_init` needs. Any thread.
size_t trunkline_resampler_size(void);

// Makes a resampler in `memory`, `memory_len` bytes that it keeps. It converts from `from_hz` to
// `to_hz`, two different ones of 8000, 16000 and 24000, with the filter `profile`
// (`TRUNKLINE_PROFILE_VOICE` or `_SHARP`), and starts with silence.
//
// Errors: `TRUNKLINE_ERR_UNSUPPORTED_RATE`; `TRUNKLINE_ERR_ARGUMENT` for another `profile`;
// `TRUNKLINE_ERR_BUFFER_TOO_SHORT` for less than `trunkline_resampler_size` bytes. Any thread.
//
// Pointers and lengths as described at the top; the memory is the object's as long as it is used.
int32_t trunkline_resampler_init(void *memory,
                                 size_t memory_len,
                                 uint32_t from_hz,
                                 uint32_t to_hz,
                                 int32_t profile,
                                 trunkline_resampler **out);

// As `trunkline_resampler_init`, in memory that it allocates; `trunkline_resampler_free` gives it
// back.
//
// Errors: `TRUNKLINE_ERR_UNSUPPORTED_RATE`; `TRUNKLINE_ERR_ARGUMENT` for another `profile`;
// `TRUNKLINE_ERR_NO_MEMORY`. Any thread.
//
// Pointers as described at the top.
int32_t trunkline_resampler_new(uint32_t from_hz,
                                uint32_t to_hz,
                                int32_t profile,
                                trunkline_resampler **out);

// Ends a resampler; NULL is ignored. The caller's memory of `trunkline_resampler_init` stays the
// caller's. Any one thread.
//
// NULL or a resampler, which is not used any more.
void trunkline_resampler_free(trunkline_resampler *resampler);

// Takes `src_len` samples, any number, and writes those that are due to `dst`; `written` gets their
// number, which `trunkline_resampler_output_len` tells before. However the input is cut, the output
// is the same.
//
// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT`; nothing is taken then. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_resampler_process(trunkline_resampler *resampler,
                                    const int16_t *src,
                                    size_t src_len,
                                    int16_t *dst,
                                    size_t dst_len,
                                    size_t *written);

// Samples that `trunkline_resampler_process` would write for `src_len` more, to `dst_len`.
//
// Errors: `TRUNKLINE_ERR_LENGTH` if no memory holds so many. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_resampler_output_len(const trunkline_resampler *resampler,
                                       size_t src_len,
                                       size_t *dst_len);

// Writes the samples still in the filter, as if silence followed, and is as new; `written` gets
// their number, at most `trunkline_resampler_delay` and three.
//
// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. One thread at a time.
//
// Pointers and lengths as described at the top.
int32_t trunkline_resampler_flush(trunkline_resampler *resampler,
                                  int16_t *dst,
                                  size_t dst_len,
                                  size_t *written);

// Stores the filter's group delay in samples of the output, constant over frequency and time.
//
// Errors: none of its own. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_resampler_delay(const trunkline_resampler *resampler, size_t *delay_samples);

// Forgets all input.
//
// Errors: none of its own. One thread at a time.
//
// Pointers as described at the top.
int32_t trunkline_resampler_reset(trunkline_resampler *resampler);

// Fills in the default session, of which the caller knows `session_size` bytes (`sizeof *session`):
// server VAD, everything else as the server has it, no transcription.
//
// Errors: none of its own. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_session_default(trunkline_session *session, size_t session_size);

// Reads one message from Twilio into `message`, of which the caller knows `message_size` bytes
// (`sizeof *message`). Its texts point into `text`, or into `buf` where escapes had to be undone,
// and are valid as long as these are unchanged.
//
// Errors: `TRUNKLINE_ERR_INVALID_JSON`, `TRUNKLINE_ERR_MISSING_FIELD`, `TRUNKLINE_ERR_INVALID_FIELD`;
// `TRUNKLINE_ERR_BUFFER_TOO_SHORT` if the message has escapes and `buf_len` is less than `text_len`,
// which is always enough. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_twilio_read(const char *text,
                              size_t text_len,
                              char *buf,
                              size_t buf_len,
                              trunkline_twilio_message *message,
                              size_t message_size);

// Writes a message that queues `audio_len` bytes of μ-law at 8 kHz for playback on the stream
// `stream_sid`; `written` gets its length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no audio or a stream SID that is not 1 to 64 printable
// ASCII characters; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_twilio_write_media(const char *stream_sid,
                                     size_t stream_sid_len,
                                     const uint8_t *audio,
                                     size_t audio_len,
                                     char *buf,
                                     size_t buf_len,
                                     size_t *written);

// Writes a message that asks for the echo of `name` once playback has reached this point of the
// stream `stream_sid`; `written` gets its length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no name or a stream SID that is not 1 to 64 printable
// ASCII characters; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_twilio_write_mark(const char *stream_sid,
                                    size_t stream_sid_len,
                                    const char *name,
                                    size_t name_len,
                                    char *buf,
                                    size_t buf_len,
                                    size_t *written);

// Writes a message that empties the playback queue of the stream `stream_sid`; `written` gets its
// length in bytes.
//
// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for a stream SID that is not 1 to 64 printable ASCII
// characters; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
//
// Pointers and lengths as described at the top.
int32_t trunkline_twilio_write_clear(const char *stream_sid,
                                     size_t stream_sid_len,
                                     char *buf,
                                     size_t buf_len,
                                     size_t *written);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TRUNKLINE_H */
