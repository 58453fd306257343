//! Figures over all calls.

use axum::{Json, extract::State};

use super::{
    ApiState,
    docs::Invalid,
    input::Parameters,
    problem::{Problem, database},
};
use crate::store::{Analytics, AnalyticsFilter};

/// Figures
///
/// Totals and a time series of the calls that began between two dates.
#[utoipa::path(
    get,
    path = "/api/analytics",
    operation_id = "getAnalytics",
    tag = "analytics",
    params(AnalyticsFilter),
    responses((status = 200, description = "The figures.", body = Analytics), Invalid),
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    mut query: Parameters,
) -> Result<Json<Analytics>, Problem> {
    let filter = AnalyticsFilter {
        start_date: query.date("startDate"),
        end_date: query.date("endDate"),
        interval: query.word("interval", "hour, day, week"),
    };
    query.finish()?;
    Ok(Json(database(state.store.analytics(&filter)).await?))
}
