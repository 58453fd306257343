//! Counters of a call.

use std::time::Duration;

use trunkline::bridge;

use crate::record::record;

record! { "trunkline", Stats {
    media_messages: u64,
    media_samples: u64,
    appended_samples: u64,
    concealed_samples: u64,
    stall_samples: u64,
    cut_samples: u64,
    lost_samples: u64,
    late_samples: u64,
    duplicate_samples: u64,
    uplink_dropped_samples: u64,
    uplink_depth_samples: u64,
    max_uplink_depth_samples: u64,
    received_samples: u64,
    sent_samples: u64,
    spilled_samples: u64,
    downlink_dropped_samples: u64,
    discarded_bytes: u64,
    depth_samples: u64,
    max_depth_samples: u64,
    marks_sent: u64,
    marks_heard: u64,
    marks_ignored: u64,
    barge_ins: u64,
    holds: u64,
    false_barge_ins: u64,
    truncated_items: u64,
    deleted_items: u64,
    refused_cuts: u64,
    responses: u64,
    repeated_responses: u64,
    other_messages: u64,
    response_latency: Option<f64>,
    max_response_latency: Option<f64>,
} }

impl From<&bridge::Stats> for Stats {
    fn from(stats: &bridge::Stats) -> Self {
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
            other_messages: stats.other_messages,
            response_latency: stats.response_latency.as_ref().map(Duration::as_secs_f64),
            max_response_latency: stats
                .max_response_latency
                .as_ref()
                .map(Duration::as_secs_f64),
        }
    }
}
