//! Appointments that can be taken, and prices.

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};

use super::{
    ApiState,
    calls::is_uuid,
    docs::{Conflict, Invalid, InvalidBody, List, NotFound},
    input::{Fields, Parameters},
    problem::{Problem, database},
};
use crate::store::{NewSlot, Page, Price, PriceSettings, Slot, SlotDeletion, SlotFilter};

/// Appointments
///
/// By time.
#[utoipa::path(
    get,
    path = "/api/slots",
    operation_id = "listSlots",
    tag = "schedule",
    params(SlotFilter),
    responses((status = 200, description = "The appointments.", body = Page<Slot>), Invalid),
)]
pub(crate) async fn slots(
    State(state): State<ApiState>,
    mut query: Parameters,
) -> Result<Json<Page<Slot>>, Problem> {
    let filter = SlotFilter {
        limit: query.integer("limit", 1..=200),
        offset: query.integer("offset", 0..=i64::MAX),
        from: query.time("from"),
        to: query.time("to"),
        free: query.optional_flag("free"),
    };
    query.finish()?;
    Ok(Json(database(state.store.slots(&filter)).await?))
}

/// Makes an appointment
///
/// One that callers can take.
#[utoipa::path(
    post,
    path = "/api/slots",
    operation_id = "createSlot",
    tag = "schedule",
    request_body = NewSlot,
    responses((status = 201, description = "The appointment.", body = Slot), InvalidBody),
)]
pub(crate) async fn create_slot(
    State(state): State<ApiState>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let slot = NewSlot {
        starts_at: fields.time("startsAt"),
        ends_at: fields.time("endsAt"),
        resource: fields.optional_text("resource", 1..=100),
    };
    if slot.ends_at <= slot.starts_at && !fields.has_errors() {
        fields.wrong("endsAt", "must be after startsAt");
    }
    fields.finish()?;
    let slot = database(state.store.create_slot(&slot)).await?;
    let location = [(LOCATION, format!("/api/slots/{}", slot.id))];
    Ok((StatusCode::CREATED, location, Json(slot)).into_response())
}

/// One appointment
#[utoipa::path(
    get,
    path = "/api/slots/{id}",
    operation_id = "getSlot",
    tag = "schedule",
    params(("id" = String, Path, description = "The appointment's id.")),
    responses((status = 200, description = "The appointment.", body = Slot), NotFound),
)]
pub(crate) async fn slot(
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<Slot>, Problem> {
    let id = checked(id, "appointment")?;
    let slot = database(state.store.slot(&id)).await?;
    slot.map(Json)
        .ok_or_else(|| Problem::not_found("appointment"))
}

/// Removes an appointment
///
/// One that nobody has taken.
#[utoipa::path(
    delete,
    path = "/api/slots/{id}",
    operation_id = "deleteSlot",
    tag = "schedule",
    params(("id" = String, Path, description = "The appointment's id.")),
    responses((status = 204, description = "It is gone."), NotFound, Conflict),
)]
pub(crate) async fn delete_slot(
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = checked(id, "appointment")?;
    match database(state.store.delete_slot(&id)).await? {
        SlotDeletion::Deleted => Ok(StatusCode::NO_CONTENT),
        SlotDeletion::Booked => Err(Problem::of_type(
            StatusCode::CONFLICT,
            "slot-booked",
            "Somebody has taken the appointment",
        )),
        SlotDeletion::Unknown => Err(Problem::not_found("appointment")),
    }
}

/// Prices
///
/// By service.
#[utoipa::path(
    get,
    path = "/api/prices",
    operation_id = "listPrices",
    tag = "schedule",
    responses((status = 200, description = "All prices.", body = List<Price>)),
)]
pub(crate) async fn prices(State(state): State<ApiState>) -> Result<Json<List<Price>>, Problem> {
    let items = database(state.store.prices()).await?;
    Ok(Json(List { items }))
}

/// Makes a price
#[utoipa::path(
    post,
    path = "/api/prices",
    operation_id = "createPrice",
    tag = "schedule",
    request_body = PriceSettings,
    responses((status = 201, description = "The price.", body = Price), InvalidBody),
)]
pub(crate) async fn create_price(
    State(state): State<ApiState>,
    fields: Fields,
) -> Result<Response, Problem> {
    let settings = price_settings(fields)?;
    let price = database(state.store.put_price(None, &settings)).await?;
    let location = [(LOCATION, format!("/api/prices/{}", price.id))];
    Ok((StatusCode::CREATED, location, Json(price)).into_response())
}

/// One price
#[utoipa::path(
    get,
    path = "/api/prices/{id}",
    operation_id = "getPrice",
    tag = "schedule",
    params(("id" = String, Path, description = "The price's id.")),
    responses((status = 200, description = "The price.", body = Price), NotFound),
)]
pub(crate) async fn price(
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<Price>, Problem> {
    let price = database(state.store.price(&id)).await?;
    price.map(Json).ok_or_else(|| Problem::not_found("price"))
}

/// Sets a price
///
/// It is added if it is not there.
#[utoipa::path(
    put,
    path = "/api/prices/{id}",
    operation_id = "putPrice",
    tag = "schedule",
    params(("id" = String, Path, description = "The price's id, a UUID.")),
    request_body = PriceSettings,
    responses((status = 200, description = "The price.", body = Price), NotFound, InvalidBody),
)]
pub(crate) async fn put_price(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Json<Price>, Problem> {
    let id = checked(id, "price")?;
    let settings = price_settings(fields)?;
    let price = database(state.store.put_price(Some(&id), &settings)).await?;
    Ok(Json(price))
}

/// Removes a price
#[utoipa::path(
    delete,
    path = "/api/prices/{id}",
    operation_id = "deletePrice",
    tag = "schedule",
    params(("id" = String, Path, description = "The price's id.")),
    responses((status = 204, description = "It is gone."), NotFound),
)]
pub(crate) async fn delete_price(
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = checked(id, "price")?;
    if database(state.store.delete_price(&id)).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("price"))
    }
}

fn price_settings(mut fields: Fields) -> Result<PriceSettings, Problem> {
    let service = fields.text("service", 1..=200);
    let amount_cents = fields.optional_integer("amountCents", 0..=MAX_CENTS);
    let is_currency =
        |code: &str| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    let currency = fields.checked_text("currency", is_currency, "must be ISO 4217, such as EUR");
    let settings = PriceSettings {
        service,
        amount_cents: fields.required("amountCents", amount_cents),
        currency: fields.required("currency", currency),
        description: fields.optional_text("description", 1..=1_000),
    };
    fields.finish()?;
    Ok(settings)
}

fn checked(id: String, what: &str) -> Result<String, Problem> {
    if is_uuid(&id) {
        Ok(id.to_ascii_lowercase())
    } else {
        Err(Problem::not_found(what))
    }
}

/// A billion: no service costs more, and JavaScript's numbers hold it.
const MAX_CENTS: i64 = 100_000_000_000;
