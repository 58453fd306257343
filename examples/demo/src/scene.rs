//! What the picture of a call shows.

use std::time::Duration;

use trunkline_simulators::audio::mulaw_decode;

use crate::{
    analysis::{Item, Measured},
    call::Call,
    picture::{Mark, Picture, Row, Span, Stretch, Track},
};

/// Both waveforms, the whole call and the barge-in enlarged.
pub(crate) fn picture<'a>(call: &'a Call, measured: &Measured) -> Picture<'a> {
    let conversation = &call.conversation;
    let start = call.twilio.started.as_secs_f64();
    let barge_in = &measured.barge_in;
    let speech = &call.model.speech;
    let hears = speech
        .iter()
        .filter(|change| change.started)
        .map(|change| {
            let stopped = speech
                .iter()
                .find(|other| !other.started && other.item_id == change.item_id)
                .map_or(call.twilio.ended, |other| other.time);
            span(change.time, stopped, "")
        })
        .collect();
    let lines = |from: fn(&Item) -> Duration, to: fn(&Item) -> Duration| -> Vec<Span> {
        let items = measured.items.iter();
        items
            .map(|item| span(from(item), to(item), call.words_of(&item.id)))
            .collect()
    };
    let rows = vec![
        Row {
            name: "caller speaks",
            colour: "#9ec5e8",
            spans: call
                .twilio
                .said
                .iter()
                .zip(&conversation.caller)
                .map(|(said, line)| span(said.start, said.end(), &line.text))
                .collect(),
        },
        Row {
            name: "model hears speech",
            colour: "#f3d38a",
            spans: hears,
        },
        Row {
            name: "model sends speech",
            colour: "#d9b8e8",
            spans: lines(|item| item.first_delta, |item| item.last_delta),
        },
        Row {
            name: "caller hears",
            colour: "#a9d8a4",
            spans: lines(|item| item.heard_from, |item| item.heard_to),
        },
    ];

    let mut marks = Vec::new();
    for change in speech {
        let (label, colour) = if change.started {
            ("speech started", "#a86b00")
        } else {
            ("speech stopped", "#7a6a3a")
        };
        marks.push(mark(change.time, label, colour, false));
    }
    for item in &measured.items {
        let n = call.line_of(&item.id);
        marks.push(mark(
            item.heard_from,
            format!("line {n} heard"),
            "#2d7a27",
            false,
        ));
    }
    marks.push(mark(
        barge_in.caller_started,
        "caller begins to speak",
        "#1f5f99",
        true,
    ));
    let flushed = format!(
        "barge-in: clear, {} ms thrown away",
        barge_in.flushed.as_millis()
    );
    marks.push(mark(barge_in.cleared, flushed, "#c00000", false));
    let truncated = format!("truncation at {} ms", barge_in.audio_end_ms);
    marks.push(mark(barge_in.truncated, truncated, "#c05000", false));

    let unheard = &call.twilio.received_mulaw[barge_in.flushed_samples.clone()];
    let unheard = unheard.iter().map(|&code| mulaw_decode(code)).collect();
    let around = barge_in.caller_started.as_secs_f64() - 0.25;
    Picture {
        title: format!(
            "One call through the bridge: {:.1} s, {} turns, one barge-in",
            call.twilio
                .ended
                .saturating_sub(call.twilio.started)
                .as_secs_f64(),
            call.twilio.said.len(),
        ),
        tracks: vec![
            Track {
                name: "caller",
                colour: "#2f74b5",
                start,
                samples: &call.twilio.caller,
                unheard: None,
            },
            Track {
                name: "agent as heard",
                colour: "#3c9135",
                start,
                samples: &call.twilio.heard,
                unheard: Some((barge_in.cleared.as_secs_f64(), unheard)),
            },
        ],
        rows,
        marks,
        stretches: vec![
            Stretch {
                title: "The call".to_owned(),
                from: start,
                to: call.twilio.ended.as_secs_f64(),
                is_enlarged: false,
            },
            Stretch {
                title: "The barge-in, enlarged".to_owned(),
                from: around,
                to: barge_in.truncated.as_secs_f64() + 0.25,
                is_enlarged: true,
            },
        ],
    }
}

fn span(from: Duration, to: Duration, label: &str) -> Span {
    Span {
        from: from.as_secs_f64(),
        to: to.as_secs_f64(),
        label: label.to_owned(),
    }
}

fn mark(at: Duration, label: impl Into<String>, colour: &'static str, is_detail: bool) -> Mark {
    Mark {
        at: at.as_secs_f64(),
        label: label.into(),
        colour,
        is_detail,
    }
}
