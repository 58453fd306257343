//! Agents.

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
    settings,
};
use crate::agent::{Agent, AgentSettings};

/// Agents
#[utoipa::path(
    get,
    path = "/api/agents",
    operation_id = "listAgents",
    tag = "agents",
    responses((status = 200, description = "All agents.", body = List<Agent>)),
)]
pub(crate) async fn list(State(state): State<ApiState>) -> Result<Json<List<Agent>>, Problem> {
    let items = database(state.store.agents()).await?;
    Ok(Json(List { items }))
}

/// Makes an agent
#[utoipa::path(
    post,
    path = "/api/agents",
    operation_id = "createAgent",
    tag = "agents",
    request_body = AgentSettings,
    responses((status = 201, description = "The agent.", body = Agent), InvalidBody),
)]
pub(crate) async fn create(
    State(state): State<ApiState>,
    fields: Fields,
) -> Result<Response, Problem> {
    let settings = settings::read(fields, &state.destinations)?;
    let agent = database(state.store.create_agent(settings)).await?;
    (state.directory_changed)();
    let location = [(LOCATION, format!("/api/agents/{}", agent.id))];
    Ok((StatusCode::CREATED, location, Json(agent)).into_response())
}

/// One agent
#[utoipa::path(
    get,
    path = "/api/agents/{id}",
    operation_id = "getAgent",
    tag = "agents",
    params(("id" = String, Path, description = "The agent's id.")),
    responses((status = 200, description = "The agent.", body = Agent), NotFound),
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<Agent>, Problem> {
    let id = checked(id)?;
    let agent = database(state.store.agent(&id)).await?;
    agent.map(Json).ok_or_else(no_such_agent)
}

/// Changes an agent
///
/// All of its settings are replaced. Calls that are under way go on with the old ones.
#[utoipa::path(
    put,
    path = "/api/agents/{id}",
    operation_id = "updateAgent",
    tag = "agents",
    params(("id" = String, Path, description = "The agent's id.")),
    request_body = AgentSettings,
    responses((status = 200, description = "The agent.", body = Agent), NotFound, InvalidBody),
)]
pub(crate) async fn update(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Json<Agent>, Problem> {
    let settings = settings::read(fields, &state.destinations)?;
    let id = checked(id)?;
    let agent = database(state.store.update_agent(&id, settings)).await?;
    let agent = agent.ok_or_else(no_such_agent)?;
    (state.directory_changed)();
    Ok(Json(agent))
}

/// Removes an agent
///
/// One that answers no number any more.
#[utoipa::path(
    delete,
    path = "/api/agents/{id}",
    operation_id = "deleteAgent",
    tag = "agents",
    params(("id" = String, Path, description = "The agent's id.")),
    responses((status = 204, description = "It is gone."), NotFound, Conflict),
)]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = checked(id)?;
    if !database(state.store.delete_agent(&id)).await? {
        return Err(no_such_agent());
    }
    (state.directory_changed)();
    Ok(StatusCode::NO_CONTENT)
}

fn checked(id: String) -> Result<String, Problem> {
    if is_uuid(&id) {
        Ok(id)
    } else {
        Err(no_such_agent())
    }
}

fn no_such_agent() -> Problem {
    Problem::not_found("agent")
}
