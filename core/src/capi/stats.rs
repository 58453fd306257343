//! A bridge's counters.

use super::{ffi::Record, output::micros};
use crate::bridge::Stats;

/// Counters of one call since its start. Samples are at 8 kHz.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trunkline_stats {
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
    /// From the end of the caller's speech to the first sample of the answer heard, last time; 0 before the first.
    pub response_latency_us: u64,
    /// The longest such time; 0 before the first.
    pub max_response_latency_us: u64,
    /// Messages told as `TRUNKLINE_OUTPUT_OTHER`.
    pub other_messages: u64,
}

// SAFETY: `repr(C)`, and of integers only.
unsafe impl Record for trunkline_stats {
    const FIRST_SIZE: usize = size_of::<Self>();
}

impl trunkline_stats {
    pub(super) fn new(stats: &Stats) -> Self {
        Self {
            media_messages: stats.media_messages,
            media_samples: stats.media_samples,
            appended_samples: stats.appended_samples,
            concealed_samples: stats.concealed_samples,
            stall_samples: stats.stall_samples,
            cut_samples: stats.cut_samples,
            lost_samples: stats.lost_samples,
            late_samples: stats.late_samples,
            duplicate_samples: stats.duplicate_samples,
            uplink_dropped_samples: stats.uplink_dropped_samples,
            uplink_depth_samples: stats.uplink_depth_samples,
            max_uplink_depth_samples: stats.max_uplink_depth_samples,
            received_samples: stats.received_samples,
            sent_samples: stats.sent_samples,
            spilled_samples: stats.spilled_samples,
            downlink_dropped_samples: stats.downlink_dropped_samples,
            discarded_bytes: stats.discarded_bytes,
            depth_samples: stats.depth_samples,
            max_depth_samples: stats.max_depth_samples,
            marks_sent: stats.marks_sent,
            marks_heard: stats.marks_heard,
            marks_ignored: stats.marks_ignored,
            barge_ins: stats.barge_ins,
            holds: stats.holds,
            false_barge_ins: stats.false_barge_ins,
            truncated_items: stats.truncated_items,
            deleted_items: stats.deleted_items,
            refused_cuts: stats.refused_cuts,
            responses: stats.responses,
            repeated_responses: stats.repeated_responses,
            response_latency_us: stats.response_latency.map_or(0, micros),
            max_response_latency_us: stats.max_response_latency.map_or(0, micros),
            other_messages: stats.other_messages,
        }
    }
}
