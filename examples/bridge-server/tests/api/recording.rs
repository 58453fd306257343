//! Recordings from the disk.

use std::os::unix::fs::symlink;

use trunkline_bridge_server::record::RecordingStatus;

use crate::{
    postgres::{databases, sqlite},
    stage::{AT, Answer, ID, SID, Stage, answered, recording},
};

const PATH: &str = "/api/calls/01900000-0000-7000-8000-000000000001/recording";

async fn with(stage: &Stage, file: &str, status: RecordingStatus) {
    stage
        .apply(vec![
            answered(ID, SID, "+15550111", AT),
            recording(ID, file, status),
        ])
        .await;
}

/// Bytes that tell where they are.
fn sound(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

async fn part(stage: &Stage, range: &str) -> Answer {
    stage.ask("GET", PATH, &[("Range", range)], "").await
}

#[tokio::test]
async fn a_recording_is_sent_whole_or_in_part() {
    for database in databases() {
        let stage = Stage::set(database).await;
        let bytes = sound(200_000);
        stage.write("2026/11/a.wav", &bytes);
        with(&stage, "2026/11/a.wav", RecordingStatus::Completed).await;

        let whole = stage.get(PATH).await;
        assert_eq!(whole.status, 200, "{}", whole.text());
        assert!(whole.body == bytes);
        assert_eq!(whole.header("content-type"), "audio/wav");
        assert_eq!(whole.header("accept-ranges"), "bytes");
        assert_eq!(whole.header("content-length"), "200000");
        assert!(whole.header("content-disposition").starts_with("inline"));
        let by_sid = stage.get(&format!("/api/calls/{SID}/recording")).await;
        assert!(by_sid.body == bytes);

        for (range, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=1000-1999", 1_000, 1_999),
            ("bytes=65530-140000", 65_530, 140_000),
            ("bytes=199999-", 199_999, 199_999),
            ("bytes=-10", 199_990, 199_999),
            ("bytes=-999999", 0, 199_999),
            ("bytes=100-99999999999999999999", 100, 199_999),
        ] {
            let answer = part(&stage, range).await;
            assert_eq!(answer.status, 206, "{range}");
            assert!(answer.body == bytes[first..=last], "{range}");
            assert_eq!(
                answer.header("content-range"),
                format!("bytes {first}-{last}/200000")
            );
        }
        for range in ["bytes=200000-", "bytes=-0"] {
            let answer = part(&stage, range).await;
            answer.problem(416);
            assert_eq!(answer.header("content-range"), "bytes */200000");
        }
        for range in ["bytes=0-1,5-6", "lines=1-2", "bytes=9-1", "bytes=x"] {
            assert_eq!(part(&stage, range).await.status, 200, "{range}");
        }
    }
}

#[tokio::test]
async fn a_head_is_an_answer_without_its_body() {
    let stage = Stage::set(sqlite()).await;
    stage.write("a.wav", &sound(5_000));
    with(&stage, "a.wav", RecordingStatus::Partial).await;
    let head = stage.ask("HEAD", PATH, &[("Range", "bytes=0-9")], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), "5000");
    let download = stage.get(&format!("{PATH}?download=true")).await;
    assert_eq!(
        download.header("content-disposition"),
        format!("attachment; filename=\"call-{ID}.wav\"")
    );
    assert_eq!(
        stage
            .get(&format!("{PATH}?download=maybe"))
            .await
            .places(400),
        ["download"]
    );
}

#[tokio::test]
async fn parts_of_two_states_are_never_joined() {
    let stage = Stage::set(sqlite()).await;
    stage.write("a.wav", &sound(5_000));
    with(&stage, "a.wav", RecordingStatus::Completed).await;
    let tag = stage.get(PATH).await.header("etag").to_owned();
    assert!(tag.starts_with('"'), "{tag}");
    let resumed = async |tag: &str| {
        let headers = [("Range", "bytes=10-19"), ("If-Range", tag)];
        stage.ask("GET", PATH, &headers, "").await.status
    };
    assert_eq!(resumed(&tag).await, 206);
    assert_eq!(resumed("\"another\"").await, 200);
    assert_eq!(resumed(&format!("W/{tag}")).await, 200);
    assert_eq!(resumed("Sat, 28 Nov 2026 10:00:00 GMT").await, 200);
    let known = stage.ask("GET", PATH, &[("If-None-Match", &tag)], "").await;
    assert_eq!((known.status, known.body.len()), (304, 0));

    stage.write("a.wav", &sound(6_000));
    assert_eq!(resumed(&tag).await, 200);
    let changed = stage.ask("GET", PATH, &[("If-None-Match", &tag)], "").await;
    assert_eq!((changed.status, changed.body.len()), (200, 6_000));
}

#[tokio::test]
async fn of_a_call_under_way_there_is_what_there_is() {
    let stage = Stage::set(sqlite()).await;
    stage.write("a.wav", &sound(1_000));
    with(&stage, "a.wav", RecordingStatus::InProgress).await;
    let first = stage.get(PATH).await;
    assert_eq!((first.status, first.body.len()), (200, 1_000));
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/"), "{tag}");
    stage.write("a.wav", &sound(3_000));
    let more = part(&stage, "bytes=1000-").await;
    assert_eq!((more.status, more.body.len()), (206, 2_000));
    assert_eq!(more.header("content-range"), "bytes 1000-2999/3000");
    let headers = [("Range", "bytes=1000-"), ("If-Range", &*tag)];
    let whole = stage.ask("GET", PATH, &headers, "").await;
    assert_eq!((whole.status, whole.body.len()), (200, 3_000));
}

#[tokio::test]
async fn a_purged_recording_is_gone_and_a_missing_one_is_not_found() {
    for database in databases() {
        let stage = Stage::set(database).await;
        stage.get(PATH).await.problem(404);
        stage.apply(vec![answered(ID, SID, "+15550111", AT)]).await;
        stage.get(PATH).await.problem(404);
        stage.write("a.wav", b"RIFF");
        with(&stage, "a.wav", RecordingStatus::Completed).await;
        assert_eq!(stage.get(PATH).await.status, 200);
        std::fs::remove_file(stage.recordings.path().join("a.wav")).unwrap();
        stage.get(PATH).await.problem(404);
        let call = stage.get(&format!("/api/calls/{ID}")).await.json(200);
        let id = call["recordings"][0]["id"].as_str().unwrap();
        stage.store.mark_purged(id).await.unwrap();
        let problem = stage.get(PATH).await.problem(410);
        assert_eq!(
            problem["type"],
            "urn:problem-type:trunkline:recording-purged"
        );
    }
}

#[tokio::test]
async fn nothing_outside_the_directory_is_served_whatever_the_database_says() {
    for name in [
        "up",
        "down/..",
        "absolute",
        "link",
        "linked/secret.wav",
        "dir",
        "empty",
    ] {
        let stage = Stage::set(sqlite()).await;
        let outside = crate::postgres::Directory::new("tl-outside");
        std::fs::write(outside.path().join("secret.wav"), "secret").unwrap();
        let secret = outside.path().join("secret.wav");
        let outside_name = outside.path().file_name().unwrap().to_str().unwrap();
        stage.write("dir/a.wav", b"RIFF");
        symlink(&secret, stage.recordings.path().join("link")).unwrap();
        symlink(outside.path(), stage.recordings.path().join("linked")).unwrap();
        let file = match name {
            "up" => format!("../{outside_name}/secret.wav"),
            "down/.." => format!("dir/../../{outside_name}/secret.wav"),
            "absolute" => secret.to_str().unwrap().to_owned(),
            "empty" => String::new(),
            name => name.to_owned(),
        };
        with(&stage, &file, RecordingStatus::Completed).await;
        let answer = stage.get(PATH).await;
        answer.problem(404);
        assert!(!answer.text().contains("secret"), "{name}");
    }
}

#[tokio::test]
async fn a_link_within_the_directory_is_followed() {
    let stage = Stage::set(sqlite()).await;
    stage.write("dir/a.wav", b"RIFF");
    symlink("dir/a.wav", stage.recordings.path().join("b.wav")).unwrap();
    with(&stage, "b.wav", RecordingStatus::Completed).await;
    assert_eq!(stage.get(PATH).await.text(), "RIFF");
}
