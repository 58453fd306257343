use core::time::Duration;

/// Counters of one call since its start. Samples are at 8 kHz unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Media messages of the caller's track.
    pub media_messages: u64,
    /// Samples of the caller's voice taken in. All of them, `concealed_samples` and `stall_samples`
    /// make up what was handed to the model, was cut or dropped, or waits.
    pub media_samples: u64,
    /// Samples handed to the model.
    pub appended_samples: u64,
    /// Samples substituted where the caller's media left a gap in its time line: the voice fading
    /// out, then silence.
    pub concealed_samples: u64,
    /// Samples fed because media stopped in the caller's turn: the voice fading out, then silence.
    pub stall_samples: u64,
    /// Samples taken out, pitch period by pitch period, to make up for what was fed.
    pub cut_samples: u64,
    /// Samples of gaps in the time line that have not come since.
    pub lost_samples: u64,
    /// Samples that came after their time had been filled; not used.
    pub late_samples: u64,
    /// Samples that came again; not used.
    pub duplicate_samples: u64,
    /// Samples of the caller's voice dropped, oldest first, because the model could not take them.
    pub uplink_dropped_samples: u64,
    /// Samples of the caller's voice now waiting for the model.
    pub uplink_depth_samples: u64,
    /// The most that ever waited.
    pub max_uplink_depth_samples: u64,
    /// Samples of the model's speech put on the line to the caller.
    pub received_samples: u64,
    /// Samples sent to the carrier.
    pub sent_samples: u64,
    /// Samples sent ahead of the configured lead because the queue was more than half full.
    pub spilled_samples: u64,
    /// Samples of the model's speech dropped, newest first, because the queue was full.
    pub downlink_dropped_samples: u64,
    /// Bytes of base64 of the model's speech not used: of interrupted responses, or while the
    /// session was not ready.
    pub discarded_bytes: u64,
    /// Samples of the model's speech now waiting to be sent.
    pub depth_samples: u64,
    /// The most that ever waited.
    pub max_depth_samples: u64,
    /// Playback marks sent.
    pub marks_sent: u64,
    /// Playback marks that proved audio heard.
    pub marks_heard: u64,
    /// Playback marks that proved nothing: flushed by a clear, repeated, overtaken or unknown.
    pub marks_ignored: u64,
    /// Barge-ins over speech the caller had not heard to its end.
    pub barge_ins: u64,
    /// Times that playback was held until an interruption was confirmed.
    pub holds: u64,
    /// Holds that ended without a barge-in: playback went on, if anything was left of it.
    pub false_barge_ins: u64,
    /// Items truncated.
    pub truncated_items: u64,
    /// Items deleted because nothing of them was heard.
    pub deleted_items: u64,
    /// Truncations and deletions the model refused.
    pub refused_cuts: u64,
    /// Responses that ended.
    pub responses: u64,
    /// Requests for a response that met another and were repeated after it.
    pub repeated_responses: u64,
    /// From the end of the caller's speech to the first sample of the answer heard, last time.
    pub response_latency: Option<Duration>,
    /// The longest such time.
    pub max_response_latency: Option<Duration>,
    /// Messages told as `Event::Other`.
    pub other_messages: u64,
}
