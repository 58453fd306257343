//! What becomes of recordings later: found again after a kill, and removed for their age.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    slice,
    sync::Arc,
    time::Duration,
};

use super::disk::{Folder, batch, open};
use crate::{
    record::{Recording, RecordingFormat, RecordingStatus},
    recording::{Settings, file::OpenRecording, layout::Names, wav::Layout},
    time::UnixMs,
};

#[test]
fn what_a_kill_leaves_is_repaired_unless_somebody_writes_it() {
    for format in [RecordingFormat::Wav, RecordingFormat::Mulaw] {
        let folder = Folder::new();
        let (recordings, told) = open(Settings::new(&folder.0, format));
        let shared = &recordings.inner.as_ref().unwrap().shared;
        let names = Names::new("call").unwrap();
        let mut recording = OpenRecording::create(Arc::clone(shared), names.clone());
        recording.take(&batch(0, 1), false);
        recording.take(&batch(1, 1), false);
        assert_eq!(recordings.recover().unwrap(), 0, "it is being written");
        drop(recording);
        // A header that is behind, and half a sample at the end.
        let layout = Layout::of(format);
        let part = File::options()
            .write(true)
            .open(folder.0.join(names.part()))
            .unwrap();
        part.write_all_at(&layout.header(0), 0).unwrap();
        let length = part.metadata().unwrap().len();
        part.write_all_at(&[1], length).unwrap();
        drop(part);
        assert_eq!(recordings.recover().unwrap(), 1);
        let found = told.lock().unwrap().last().unwrap().clone();
        assert_eq!(
            (found.status, &found.id),
            (RecordingStatus::Partial, &names.id.to_string())
        );
        assert!((195..=200).contains(&found.duration_ms), "{found:?}");
        let bytes = fs::read(recordings.path(&found.file).unwrap()).unwrap();
        let data = bytes.len() as u64 - layout.header_len;
        assert_eq!(bytes[..layout.header_len as usize], layout.header(data));
        assert_eq!(bytes.len() as i64, found.bytes);
        assert_eq!(recordings.recover().unwrap(), 0);
        recordings.close();
    }
}

#[test]
fn a_kill_between_the_end_and_its_record_costs_nothing() {
    let folder = Folder::new();
    let (recordings, told) = open(Settings::new(&folder.0, RecordingFormat::Wav));
    let shared = &recordings.inner.as_ref().unwrap().shared;
    let names = Names::new("call").unwrap();
    let mut recording = OpenRecording::create(Arc::clone(shared), names.clone());
    recording.take(&batch(0, 1), false);
    let note = recording.finish().settle().unwrap();
    let ended = told.lock().unwrap().last().unwrap().clone();
    assert_eq!(ended.status, RecordingStatus::Completed);
    let file = folder.0.join(&ended.file);
    for is_named in [true, false] {
        if !is_named {
            fs::rename(&file, folder.0.join(names.part())).unwrap();
        }
        told.lock().unwrap().clear();
        assert_eq!(recordings.recover().unwrap(), 1);
        assert_eq!(*told.lock().unwrap(), slice::from_ref(&ended));
        assert!(file.exists() && note.exists());
    }
    // What a note says counts only if it can be so.
    let lie = serde_json::to_string(&ended)
        .unwrap()
        .replace("/call.wav", "/../call.wav");
    for lie in [&lie, "{", ""] {
        fs::write(&note, lie).unwrap();
        assert_eq!(recordings.recover().unwrap(), 0);
        assert!(file.exists());
    }
    recordings.close();
}

#[test]
fn old_recordings_are_purged_and_nothing_else_is() {
    let folder = Folder::new();
    let mut settings = Settings::new(&folder.0, RecordingFormat::Wav);
    settings.keep = Some(Duration::from_secs(24 * 3_600));
    let (recordings, told) = open(settings);
    for call in ["old", "young", "orphan"] {
        drop(recordings.start(call).unwrap());
    }
    let live = recordings.start("live").unwrap();
    while recordings.stats().completed < 3 || told.lock().unwrap().len() < 7 {
        std::thread::sleep(Duration::from_millis(2));
    }
    let find = |call: &str| {
        let told = told.lock().unwrap();
        told.iter()
            .rfind(|told| told.call_id == call)
            .unwrap()
            .clone()
    };
    let (old, young, orphan, live_file) =
        (find("old"), find("young"), find("orphan"), find("live"));
    let outside = folder.0.with_extension("txt");
    fs::write(&outside, "").unwrap();
    let day = 24 * 3_600 * 1_000;
    let now = UnixMs::now();
    let aged = |recording: &Recording, file: &str| Recording {
        started_at: UnixMs(now.0 - 2 * day),
        file: file.to_owned(),
        ..recording.clone()
    };
    let away = format!("../{}", outside.file_name().unwrap().to_str().unwrap());
    let listed = vec![
        aged(&old, &old.file),
        young.clone(),
        aged(&old, &away),
        aged(&old, outside.to_str().unwrap()),
        aged(&live_file, &live_file.file),
    ];
    assert_eq!(recordings.purge(listed, now), 1);
    let exists = |recording: &Recording| folder.0.join(&recording.file).exists();
    assert!(!exists(&old) && exists(&young) && exists(&orphan) && exists(&live_file));
    assert!(outside.exists());
    let purged = find("old");
    assert_eq!(
        (purged.status, purged.id),
        (RecordingStatus::Purged, old.id)
    );
    // Two days later everything is old; what nobody lists is found all the same, but for what is being written.
    let later = UnixMs(now.0 + 2 * day);
    assert_eq!(recordings.purge(vec![find("young")], later), 2);
    assert!(!exists(&young) && !exists(&orphan) && exists(&live_file));
    assert_eq!(recordings.stats().purge_errors, 0);
    drop(live);
    recordings.close();
    fs::remove_file(outside).unwrap();
}

#[tokio::test]
async fn purging_begins_at_the_start_with_what_the_database_lists() {
    let folder = Folder::new();
    let mut settings = Settings::new(&folder.0, RecordingFormat::Wav);
    settings.keep = Some(Duration::ZERO);
    let (recordings, told) = open(settings);
    drop(recordings.start("call").unwrap());
    while recordings.stats().completed == 0 || told.lock().unwrap().len() < 2 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let ended = told.lock().unwrap().last().unwrap().clone();
    let began = UnixMs::now();
    let purging = recordings.purge_hourly(async |cutoff| {
        assert!(cutoff >= began);
        Ok::<_, ()>(vec![ended.clone()])
    });
    let purged = async {
        while told.lock().unwrap().last().unwrap().status != RecordingStatus::Purged {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        () = purging => panic!("it goes on"),
        () = purged => {}
    }
    assert_eq!(recordings.path(&ended.file), None);
    recordings.close();
}
