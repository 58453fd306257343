//! Telephone numbers, and which agent answers them.

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};

use super::{
    ApiState,
    calls::is_uuid,
    docs::{Conflict, InvalidBody, List, NotFound},
    input::Fields,
    problem::{Problem, database},
};
use crate::agent::{PhoneNumber, is_e164};

/// Numbers
#[utoipa::path(
    get,
    path = "/api/numbers",
    operation_id = "listNumbers",
    tag = "numbers",
    responses((status = 200, description = "All numbers.", body = List<PhoneNumber>)),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
) -> Result<Json<List<PhoneNumber>>, Problem> {
    let items = database(state.store.numbers()).await?;
    Ok(Json(List { items }))
}

/// Gives a number to an agent
#[utoipa::path(
    post,
    path = "/api/numbers",
    operation_id = "createNumber",
    tag = "numbers",
    request_body = PhoneNumber,
    responses(
        (status = 201, description = "The number.", body = PhoneNumber), InvalidBody, Conflict,
    ),
)]
pub(crate) async fn create(
    State(state): State<ApiState>,
    fields: Fields,
) -> Result<Response, Problem> {
    let number = read(fields, None)?;
    let number = database(state.store.create_number(number)).await?;
    let number = number.ok_or_else(|| {
        Problem::of_type(
            StatusCode::CONFLICT,
            "number-exists",
            "The number is there already",
        )
    })?;
    (state.directory_changed)();
    let location = [(LOCATION, format!("/api/numbers/{}", number.number))];
    Ok((StatusCode::CREATED, location, Json(number)).into_response())
}

/// One number
#[utoipa::path(
    get,
    path = "/api/numbers/{number}",
    operation_id = "getNumber",
    tag = "numbers",
    params(("number" = String, Path, description = "E.164, such as `+15550100`.")),
    responses((status = 200, description = "The number.", body = PhoneNumber), NotFound),
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    Path(number): Path<String>,
) -> Result<Json<PhoneNumber>, Problem> {
    let number = checked(number)?;
    let number = database(state.store.number(&number)).await?;
    number.map(Json).ok_or_else(no_such_number)
}

/// Sets a number
///
/// It is added if it is not there. `number` may be left out of the body.
#[utoipa::path(
    put,
    path = "/api/numbers/{number}",
    operation_id = "putNumber",
    tag = "numbers",
    params(("number" = String, Path, description = "E.164, such as `+15550100`.")),
    request_body = PhoneNumber,
    responses(
        (status = 200, description = "The number.", body = PhoneNumber), NotFound, InvalidBody,
    ),
)]
pub(crate) async fn put(
    State(state): State<ApiState>,
    Path(number): Path<String>,
    fields: Fields,
) -> Result<Json<PhoneNumber>, Problem> {
    let number = read(fields, Some(checked(number)?))?;
    let number = database(state.store.put_number(number)).await?;
    (state.directory_changed)();
    Ok(Json(number))
}

/// Removes a number
///
/// Calls to it hear then that it is not in service.
#[utoipa::path(
    delete,
    path = "/api/numbers/{number}",
    operation_id = "deleteNumber",
    tag = "numbers",
    params(("number" = String, Path, description = "E.164, such as `+15550100`.")),
    responses((status = 204, description = "It is gone."), NotFound),
)]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    Path(number): Path<String>,
) -> Result<StatusCode, Problem> {
    let number = checked(number)?;
    if !database(state.store.delete_number(&number)).await? {
        return Err(no_such_number());
    }
    (state.directory_changed)();
    Ok(StatusCode::NO_CONTENT)
}

/// The number in a body; `path` is the one in the path, if there is one.
fn read(mut fields: Fields, path: Option<String>) -> Result<PhoneNumber, Problem> {
    let mut number = fields.checked_text("number", is_e164, "must be E.164, such as +15550100");
    if let Some(path) = path {
        if number.as_ref().is_some_and(|number| *number != path) {
            fields.wrong("number", "must be the number in the path");
        }
        number = Some(path);
    }
    let agent_id = fields.checked_text("agentId", is_uuid, "must be the id of an agent");
    let number = PhoneNumber {
        number: fields.required("number", number),
        agent_id: fields.required("agentId", agent_id),
        label: fields.optional_text("label", 1..=100),
        enabled: fields.flag("enabled", true),
    };
    fields.finish()?;
    Ok(number)
}

fn checked(number: String) -> Result<String, Problem> {
    if is_e164(&number) {
        Ok(number)
    } else {
        Err(no_such_number())
    }
}

fn no_such_number() -> Problem {
    Problem::not_found("number")
}
