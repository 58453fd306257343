//! OpenAI Realtime events, read and written.

use trunkline::{
    dialect::{Model, ModelEvent},
    openai::OpenAiRealtime,
};

#[test]
fn every_recorded_event_is_read() {
    let files = [
        include_str!("data/openai-ga-server.jsonl"),
        include_str!("data/openai-beta-server.jsonl"),
    ];
    for line in files.into_iter().flat_map(str::lines) {
        let event = OpenAiRealtime
            .read(line)
            .unwrap_or_else(|error| panic!("{error}: {line}"));
        println!("{event:?}");
        let _: ModelEvent<'_> = event;
    }
}
