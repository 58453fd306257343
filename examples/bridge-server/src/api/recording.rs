//! A call's recording, straight from the disk.

use std::{
    io::{self, SeekFrom},
    path::{Component, Path as FilePath, PathBuf},
    time::UNIX_EPOCH,
};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
            CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE,
        },
    },
    response::Response,
};
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt, AsyncSeekExt},
};
use tokio_util::io::ReaderStream;

use super::{
    ApiState, calls,
    docs::{Gone, Invalid, NoSuchRange, NotFound},
    input::Parameters,
    problem::{Problem, database},
    range::{Wanted, wanted},
};
use crate::record::{Recording, RecordingStatus};

/// A call's recording
///
/// Stereo WAV, left the caller, right the agent as heard. Of a call that is under way, what there is of it.
#[utoipa::path(
    get,
    path = "/api/calls/{id}/recording",
    operation_id = "getRecording",
    tag = "calls",
    params(
        ("id" = String, Path, description = "The call's id, or Twilio's CallSid."),
        ("download" = Option<bool>, Query, description = "Whether a browser should save it."),
        ("Range" = Option<String>, Header, description = "One range of bytes (RFC 9110 §14)."),
        ("If-Range" = Option<String>, Header, description = "The `ETag` the range belongs to."),
    ),
    responses(
        (status = 200, description = "All of it.", content_type = "audio/wav", body = Vec<u8>),
        (status = 206, description = "The range.", content_type = "audio/wav", body = Vec<u8>),
        (status = 304, description = "It is what `If-None-Match` names."),
        Invalid, NotFound, Gone, NoSuchRange,
    ),
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    mut query: Parameters,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let is_download = query.optional_flag("download").unwrap_or(false);
    query.finish()?;
    let recording = find(&state, &id).await?;
    let call_id = &recording.call_id;
    let file = open(&state.recordings, &recording.file).await?;
    let part = Part::new(&file, &recording, &method, &headers).await?;
    part.answer(file, call_id, is_download, method == Method::HEAD)
        .await
        .map_err(failed)
}

/// The recording of the call that `id` names.
async fn find(state: &ApiState, id: &str) -> Result<Recording, Problem> {
    let id = calls::checked(id)?;
    if let Some(recording) = database(state.store.recording_of(id)).await? {
        return Ok(recording);
    }
    let call = calls::find(state, id).await?;
    let is_purged = |recording: &Recording| recording.status == RecordingStatus::Purged;
    if call.recordings.iter().any(is_purged) {
        return Err(Problem::of_type(
            StatusCode::GONE,
            "recording-purged",
            "The recording was removed by the retention setting",
        ));
    }
    Err(no_recording())
}

/// What is sent of a file.
struct Part {
    status: StatusCode,
    first: u64,
    /// In bytes.
    len: u64,
    /// Of the whole file.
    file_len: u64,
    tag: String,
}

impl Part {
    /// What these headers ask of `file`.
    async fn new(
        file: &File,
        recording: &Recording,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let metadata = file.metadata().await.map_err(failed)?;
        let file_len = metadata.len();
        let modified = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .unwrap_or_default();
        // While it is written its head changes, too: parts of two states do not fit together.
        let weak = if recording.status == RecordingStatus::InProgress {
            "W/"
        } else {
            ""
        };
        let tag = format!(
            "{weak}\"{}-{file_len:x}-{:x}\"",
            recording.id,
            modified.as_nanos()
        );
        let whole = Self {
            status: StatusCode::OK,
            first: 0,
            len: file_len,
            file_len,
            tag,
        };
        if matches(headers, &IF_NONE_MATCH, &whole.tag) {
            return Ok(Self {
                status: StatusCode::NOT_MODIFIED,
                len: 0,
                ..whole
            });
        }
        let if_range = headers.get(IF_RANGE).map(HeaderValue::as_bytes);
        let is_same = if_range.is_none_or(|tag| weak.is_empty() && tag == whole.tag.as_bytes());
        // RFC 9110 §14.2: ranges are for GET only.
        if method != Method::GET || !is_same {
            return Ok(whole);
        }
        let range = headers.get(RANGE).and_then(|range| range.to_str().ok());
        match wanted(range, file_len) {
            Wanted::Whole => Ok(whole),
            Wanted::Part { first, last } => Ok(Self {
                status: StatusCode::PARTIAL_CONTENT,
                first,
                len: last - first + 1,
                ..whole
            }),
            Wanted::Nothing => Err(Problem::new(StatusCode::RANGE_NOT_SATISFIABLE)
                .detail(format!("the recording has {file_len} bytes"))
                .header(CONTENT_RANGE, header(format!("bytes */{file_len}")))
                .header(ACCEPT_RANGES, HeaderValue::from_static("bytes"))),
        }
    }

    async fn answer(
        self,
        mut file: File,
        call_id: &str,
        is_download: bool,
        is_head: bool,
    ) -> io::Result<Response> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(ETAG, header(self.tag));
        // Somebody's voice: kept nowhere on the way, and asked for again each time.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        if self.status == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(self.len));
        let kind = if is_download { "attachment" } else { "inline" };
        headers.insert(
            CONTENT_DISPOSITION,
            header(format!("{kind}; filename=\"call-{call_id}.wav\"")),
        );
        if self.status == StatusCode::PARTIAL_CONTENT {
            let last = self.first + self.len - 1;
            let range = format!("bytes {}-{last}/{}", self.first, self.file_len);
            headers.insert(CONTENT_RANGE, header(range));
        }
        if !is_head {
            file.seek(SeekFrom::Start(self.first)).await?;
            let stream = ReaderStream::with_capacity(file.take(self.len), CHUNK);
            *response.body_mut() = Body::from_stream(stream);
        }
        Ok(response)
    }
}

/// The file `name` below `root`; whatever the database says, nothing else is opened.
async fn open(root: &FilePath, name: &str) -> Result<File, Problem> {
    let path = below(root, name).await.map_err(failed)?;
    let file = File::open(path).await.map_err(failed)?;
    if !file.metadata().await.map_err(failed)?.is_file() {
        return Err(no_recording());
    }
    Ok(file)
}

async fn below(root: &FilePath, name: &str) -> io::Result<PathBuf> {
    let name = FilePath::new(name);
    let mut parts = name.components();
    if name.as_os_str().is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
        tracing::error!("a recording's path leads out of RECORDING_STORAGE_PATH");
        return Err(io::ErrorKind::NotFound.into());
    }
    // Links are followed, and must end below the root as well.
    let root = fs::canonicalize(root).await?;
    let path = fs::canonicalize(root.join(name)).await?;
    if !path.starts_with(&root) {
        tracing::error!("a recording's path leads out of RECORDING_STORAGE_PATH");
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(path)
}

/// Whether `name` lists `tag`, however strong. Source: RFC 9110 §13.1.2.
fn matches(headers: &HeaderMap, name: &HeaderName, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|given| given.trim() == "*" || opaque(given) == opaque(tag))
}

fn failed(error: io::Error) -> Problem {
    if error.kind() == io::ErrorKind::NotFound {
        return no_recording();
    }
    tracing::error!(%error, "a recording cannot be read");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
}

fn no_recording() -> Problem {
    Problem::not_found("recording")
}

fn header(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// What is read from the disk at a time, in bytes: a second of stereo.
const CHUNK: usize = 64 << 10;
