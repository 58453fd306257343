//! The thread that writes records to the disk.

use std::{
    fs::{self, File},
    path::Path,
    thread,
    time::Duration,
};

use super::{
    Pending, Shared, State,
    segment::{Output, Segment},
};

pub(super) fn run(shared: &Shared, directory: &Path, _lock: File) {
    let mut output: Option<Output> = None;
    while let Some(group) = next_group(shared, &mut output) {
        let Some(last) = group.last().map(|pending| pending.seq) else {
            // The database was faster.
            continue;
        };
        match append(&mut output, directory, &group) {
            Ok(segment) => {
                let mut state = shared.lock();
                match state.segments.back_mut() {
                    Some(known) if known.first == segment.first => *known = segment,
                    _ => state.segments.push_back(segment),
                }
                state.forget(last);
                if state.is_failing {
                    state.is_failing = false;
                    tracing::info!("the journal's disk takes records again");
                }
                drop(state);
                shared.to_apply.notify_one();
            }
            Err(error) => {
                // After a failed fsync nobody knows what the file holds. Its safe part stays; the group goes to a new one.
                output = None;
                let mut state = shared.lock();
                if !state.is_failing {
                    state.is_failing = true;
                    tracing::error!(%error, "the journal's disk refuses records");
                }
                drop(state);
                shared.to_apply.notify_one();
                thread::sleep(RETRY);
            }
        }
        remove_applied(shared, &output);
    }
    // With all applied nothing private stays behind.
    output = None;
    remove_applied(shared, &output);
}

/// Records to write, or `None` when there will be no more.
fn next_group(shared: &Shared, output: &mut Option<Output>) -> Option<Vec<Pending>> {
    let mut state = shared.lock();
    while state.pending.is_empty() {
        if state.is_abandoned || (state.is_closing && state.depth() == 0) {
            return None;
        }
        let waited = shared
            .to_append
            .wait_timeout(state, IDLE)
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        state = waited.0;
        if waited.1.timed_out() && state.depth() == 0 && output.is_some() {
            // What callers have said stays here no longer than it must.
            drop(state);
            *output = None;
            remove_applied(shared, output);
            state = shared.lock();
        }
    }
    if state.is_killed || (state.is_abandoned && state.is_failing) {
        return None;
    }
    drop(state);
    // One fsync for all that comes meanwhile.
    thread::sleep(GATHER);
    let state = shared.lock();
    let mut bytes = 0;
    let group = state.pending.iter().take_while(|pending| {
        let fits = bytes == 0 || bytes + pending.json.len() <= GROUP;
        bytes += pending.json.len();
        fits
    });
    Some(group.cloned().collect())
}

fn append(
    output: &mut Option<Output>,
    directory: &Path,
    group: &[Pending],
) -> std::io::Result<Segment> {
    if output
        .as_ref()
        .is_some_and(|output| output.segment.len >= SEGMENT)
    {
        *output = None;
    }
    let output = match output {
        Some(output) => output,
        None => {
            let first = group.first().map_or(0, |pending| pending.seq);
            output.insert(Output::create(directory, first)?)
        }
    };
    output.append(group.iter().map(|pending| (pending.seq, &*pending.json)))?;
    Ok(output.segment.clone())
}

/// Removes segments that the database has in full, but for the one that is written.
fn remove_applied(shared: &Shared, output: &Option<Output>) {
    let is_done = |state: &State| {
        let segment = state.segments.front()?;
        let is_written = output
            .as_ref()
            .is_some_and(|output| output.segment.first == segment.first);
        (segment.last <= state.applied && !is_written).then(|| segment.path.clone())
    };
    loop {
        let mut state = shared.lock();
        let Some(path) = is_done(&state) else {
            return;
        };
        state.segments.pop_front();
        drop(state);
        // One that cannot be removed is passed over by the next server, record by record.
        let _ = fs::remove_file(path);
    }
}

/// How long records are gathered for one fsync.
const GATHER: Duration = Duration::from_millis(20);
/// Bytes of records in one fsync; a record of more is alone.
const GROUP: usize = 1 << 20;
/// Bytes from which on a new segment is begun.
const SEGMENT: u64 = 4 << 20;
/// When nothing has come for so long, the files are removed if the database has all.
const IDLE: Duration = Duration::from_secs(1);
/// After an error.
const RETRY: Duration = Duration::from_millis(200);
