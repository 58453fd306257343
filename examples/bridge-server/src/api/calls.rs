//! Calls, and what people write about them.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    ApiState,
    docs::{Invalid, InvalidBody, NotFound},
    input::{Fields, Parameters},
    problem::{Problem, database},
};
use crate::store::{Call, CallDetail, CallFilter, Note, Page};

/// Calls
///
/// The newest first.
#[utoipa::path(
    get,
    path = "/api/calls",
    operation_id = "listCalls",
    tag = "calls",
    params(CallFilter),
    responses((status = 200, description = "The calls.", body = Page<Call>), Invalid),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    mut query: Parameters,
) -> Result<Json<Page<Call>>, Problem> {
    let filter = CallFilter {
        limit: query.integer("limit", 1..=MAX_LIMIT),
        offset: query.integer("offset", 0..=i64::MAX),
        caller: query.text("caller", 64),
        agent: query.text("agent", 64),
        sentiment: query.word("sentiment", "positive, neutral, negative"),
        status: query.word(
            "status",
            "answered, in_progress, completed, failed, refused",
        ),
        start_date: query.date("startDate"),
        end_date: query.date("endDate"),
        q: query.text("q", 500),
    };
    query.finish()?;
    Ok(Json(database(state.store.calls(&filter)).await?))
}

/// One call
///
/// With its transcripts, tool calls, recordings, analytics, metadata and notes.
#[utoipa::path(
    get,
    path = "/api/calls/{id}",
    operation_id = "getCall",
    tag = "calls",
    params(("id" = String, Path, description = "The call's id, or Twilio's CallSid.")),
    responses((status = 200, description = "The call.", body = CallDetail), NotFound),
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<CallDetail>, Problem> {
    Ok(Json(find(&state, &id).await?))
}

/// Writes a note
///
/// About a call, for people.
#[utoipa::path(
    post,
    path = "/api/calls/{id}/notes",
    operation_id = "addNote",
    tag = "calls",
    params(("id" = String, Path, description = "The call's id, or Twilio's CallSid.")),
    request_body = NewNote,
    responses((status = 201, description = "The note.", body = Note), NotFound, InvalidBody),
)]
pub(crate) async fn add_note(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    mut fields: Fields,
) -> Result<(StatusCode, Json<Note>), Problem> {
    let text = fields.text("text", 1..=10_000);
    let author = fields.optional_text("author", 1..=100);
    fields.finish()?;
    let id = checked(&id)?;
    let note = database(state.store.add_note(id, &text, author.as_deref())).await?;
    let note = note.ok_or_else(no_such_call)?;
    Ok((StatusCode::CREATED, Json(note)))
}

/// What is written about a call.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "text": "Called back, all settled.", "author": "Ana" }))]
pub(crate) struct NewNote {
    /// 1 to 10,000 characters.
    text: String,
    /// Up to 100 characters.
    author: Option<String>,
}

/// The call that `id` names: the server's own id, or Twilio's.
pub(crate) async fn find(state: &ApiState, id: &str) -> Result<CallDetail, Problem> {
    let call = database(state.store.call(checked(id)?)).await?;
    call.ok_or_else(no_such_call)
}

/// `id`, if it can be a call at all: UUID, or `CA` and 32 hexadecimal digits.
pub(crate) fn checked(id: &str) -> Result<&str, Problem> {
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_sid = id.len() == 34 && id.strip_prefix("CA").is_some_and(is_hex);
    if is_sid || is_uuid(id) {
        Ok(id)
    } else {
        Err(no_such_call())
    }
}

fn no_such_call() -> Problem {
    Problem::not_found("call")
}

/// Whether `id` is a UUID as this server writes them.
pub(crate) fn is_uuid(id: &str) -> bool {
    id.len() == 36 && Uuid::try_parse(id).is_ok()
}

/// As [`CallFilter`] says.
const MAX_LIMIT: i64 = 200;
