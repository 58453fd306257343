//! Appointments.

use serde::Deserialize;
use sqlx::{AssertSqlSafe, FromRow, Row, any::AnyRow};
use utoipa::{IntoParams, ToSchema};
use uuid::Builder;

use super::{Booking, FilterError, Page, Slot, Store, StoreError, within, words::clean};
use crate::time::UnixMs;

/// Which appointments are wanted; absent fields do not matter.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct SlotFilter {
    /// At most so many, from 1 to 200; 50 if absent.
    #[serde(default)]
    pub limit: Option<i64>,
    /// So many are passed over.
    #[serde(default)]
    pub offset: Option<i64>,
    /// Those that begin at this time or later, RFC 3339.
    #[serde(default)]
    pub from: Option<UnixMs>,
    /// Those that begin before this time, RFC 3339.
    #[serde(default)]
    pub to: Option<UnixMs>,
    /// Only those that nobody has taken, or only those that somebody has.
    #[serde(default)]
    pub free: Option<bool>,
}

/// An appointment to be made.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSlot {
    /// Begin.
    pub starts_at: UnixMs,
    /// End, after the begin.
    pub ends_at: UnixMs,
    /// With whom or where, if it matters.
    #[serde(default)]
    pub resource: Option<String>,
}

/// Somebody wants an appointment.
#[derive(Clone, Copy, Debug)]
pub struct BookingRequest<'a> {
    /// The call on which it is taken.
    pub call_id: &'a str,
    /// The model's name for its call of the function: the same twice is one booking.
    pub tool_call_id: &'a str,
    /// Name of the person.
    pub name: &'a str,
    /// How to reach them.
    pub phone: Option<&'a str>,
    /// Anything else.
    pub note: Option<&'a str>,
}

/// What became of a [`BookingRequest`].
#[derive(Clone, Debug, PartialEq)]
pub enum BookingAnswer {
    /// The appointment is theirs, by this request or an earlier delivery of it.
    Booked(Slot),
    /// It has been taken before, as it says.
    Taken(Slot),
    /// It has begun.
    Past,
    /// There is none with this id.
    Unknown,
}

/// What became of an appointment that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotDeletion {
    /// It is gone.
    Deleted,
    /// Somebody has taken it, so it stays.
    Booked,
    /// There is none with this id.
    Unknown,
}

impl Store {
    /// Appointments by time.
    ///
    /// # Errors
    /// When the database does not answer, or the filter makes no sense.
    pub async fn slots(&self, filter: &SlotFilter) -> Result<Page<Slot>, StoreError> {
        let limit = filter.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(FilterError::Limit(MAX_LIMIT).into());
        }
        let offset = filter.offset.unwrap_or(0);
        if offset < 0 {
            return Err(FilterError::Offset.into());
        }
        let from = filter.from.map_or(i64::MIN, |from| from.0);
        let to = filter.to.map_or(i64::MAX, |to| to.0);
        let wanted = match filter.free {
            None => ANY,
            Some(true) => FREE,
            Some(false) => BOOKED,
        };
        within(async {
            let items = sqlx::query_as(select(
                "WHERE starts_at_ms >= $1 AND starts_at_ms < $2 \
                 AND ($3 = 0 OR ($3 = 1) = (booked_at_ms IS NULL)) \
                 ORDER BY starts_at_ms, id LIMIT $4 OFFSET $5",
            ))
            .bind(from)
            .bind(to)
            .bind(wanted)
            .bind(limit)
            .bind(offset)
            .fetch_all(&self.pool)
            .await?;
            let total = sqlx::query_scalar(
                "SELECT COUNT(*) FROM slots WHERE starts_at_ms >= $1 AND starts_at_ms < $2 \
                 AND ($3 = 0 OR ($3 = 1) = (booked_at_ms IS NULL))",
            )
            .bind(from)
            .bind(to)
            .bind(wanted)
            .fetch_one(&self.pool)
            .await?;
            Ok(Page {
                items,
                total,
                limit,
                offset,
            })
        })
        .await
    }

    /// Free appointments that begin at `from` or later and before `to`, by time, at most `limit`. Of those that
    /// begin at `from`, only those with an id behind `after_id`, so that a list can be gone on with.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn free_slots(
        &self,
        from: UnixMs,
        after_id: &str,
        to: UnixMs,
        limit: i64,
    ) -> Result<Vec<Slot>, StoreError> {
        within(async {
            let slots = sqlx::query_as(select(
                "WHERE booked_at_ms IS NULL AND starts_at_ms >= $1 AND starts_at_ms < $2 \
                 AND (starts_at_ms > $1 OR id > $3) ORDER BY starts_at_ms, id LIMIT $4",
            ));
            let slots = slots.bind(from.0).bind(to.0).bind(clean(after_id));
            Ok(slots.bind(limit).fetch_all(&self.pool).await?)
        })
        .await
    }

    /// The appointment with this id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn slot(&self, id: &str) -> Result<Option<Slot>, StoreError> {
        within(async {
            let slot = sqlx::query_as(select("WHERE id = $1")).bind(clean(id));
            Ok(slot.fetch_optional(&self.pool).await?)
        })
        .await
    }

    /// Makes an appointment that can be taken.
    ///
    /// # Errors
    /// When the database does not answer, or the end is not after the begin.
    pub async fn create_slot(&self, slot: &NewSlot) -> Result<Slot, StoreError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| sqlx::Error::Io(error.into()))?;
        let slot = Slot {
            id: random_id(bytes),
            starts_at: slot.starts_at,
            ends_at: slot.ends_at,
            resource: slot.resource.as_deref().map(clean),
            booking: None,
        };
        self.insert_slot(&slot).await?;
        Ok(slot)
    }

    /// Deletes an appointment that nobody has taken.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_slot(&self, id: &str) -> Result<SlotDeletion, StoreError> {
        let deleted = within(async {
            let delete = sqlx::query("DELETE FROM slots WHERE id = $1 AND booked_at_ms IS NULL");
            Ok(delete.bind(clean(id)).execute(&self.pool).await?)
        });
        Ok(if deleted.await?.rows_affected() > 0 {
            SlotDeletion::Deleted
        } else if self.slot(id).await?.is_some() {
            SlotDeletion::Booked
        } else {
            SlotDeletion::Unknown
        })
    }

    /// Takes the appointment `slot_id`, unless it has begun by `now` or is somebody else's.
    ///
    /// One statement decides, so that of many who want it at once, on any number of servers, one gets it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn book_slot(
        &self,
        slot_id: &str,
        request: BookingRequest<'_>,
        now: UnixMs,
    ) -> Result<BookingAnswer, StoreError> {
        let updated = within(async {
            let update = sqlx::query(
                "UPDATE slots SET booked_at_ms = $1, booked_call_id = $2, booked_tool_call_id = $3, \
                 booked_name = $4, booked_phone = $5, booked_note = $6 \
                 WHERE id = $7 AND booked_at_ms IS NULL AND starts_at_ms > $1",
            );
            let update = update
                .bind(now.0)
                .bind(clean(request.call_id))
                .bind(clean(request.tool_call_id))
                .bind(clean(request.name))
                .bind(request.phone.map(clean))
                .bind(request.note.map(clean))
                .bind(clean(slot_id));
            Ok(update.execute(&self.pool).await?)
        });
        match updated.await {
            // Refused by the index: this call of the function has an appointment already.
            Err(StoreError::Database(sqlx::Error::Database(error)))
                if error.is_unique_violation() => {}
            updated => {
                updated?;
            }
        }
        if let Some(slot) = self.slot_of(request).await? {
            return Ok(BookingAnswer::Booked(slot));
        }
        Ok(match self.slot(slot_id).await? {
            None => BookingAnswer::Unknown,
            Some(slot) if slot.booking.is_some() => BookingAnswer::Taken(slot),
            Some(_) => BookingAnswer::Past,
        })
    }

    /// Writes `slot` down unless there is one with its id.
    pub(super) async fn insert_slot(&self, slot: &Slot) -> Result<(), StoreError> {
        within(async {
            let insert = sqlx::query(
                "INSERT INTO slots (id, starts_at_ms, ends_at_ms, resource) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
            );
            let insert = insert
                .bind(&slot.id)
                .bind(slot.starts_at.0)
                .bind(slot.ends_at.0)
                .bind(&slot.resource);
            insert.execute(&self.pool).await?;
            Ok(())
        })
        .await
    }

    /// The appointment that this call of the function has taken.
    async fn slot_of(&self, request: BookingRequest<'_>) -> Result<Option<Slot>, StoreError> {
        within(async {
            let slot = sqlx::query_as(select(
                "WHERE booked_call_id = $1 AND booked_tool_call_id = $2",
            ));
            let slot = slot
                .bind(clean(request.call_id))
                .bind(clean(request.tool_call_id));
            Ok(slot.fetch_optional(&self.pool).await?)
        })
        .await
    }
}

/// A query for whole appointments; `rest` is the statement from `WHERE` on, written in this file.
fn select(rest: &'static str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT id, starts_at_ms, ends_at_ms, resource, booked_at_ms, booked_call_id, booked_name, \
         booked_phone, booked_note FROM slots {rest}"
    ))
}

impl FromRow<'_, AnyRow> for Slot {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let booking = match row.try_get("booked_at_ms")? {
            None => None,
            Some(booked_at) => Some(Booking {
                call_id: row.try_get("booked_call_id")?,
                name: row.try_get("booked_name")?,
                phone: row.try_get("booked_phone")?,
                note: row.try_get("booked_note")?,
                booked_at: UnixMs(booked_at),
            }),
        };
        Ok(Self {
            id: row.try_get("id")?,
            starts_at: UnixMs(row.try_get("starts_at_ms")?),
            ends_at: UnixMs(row.try_get("ends_at_ms")?),
            resource: row.try_get("resource")?,
            booking,
        })
    }
}

/// A UUID of version 4. Not one that begins with the time, as elsewhere: a model has to write it down from
/// among its neighbours, which would then look almost the same.
pub(super) fn random_id(bytes: [u8; 16]) -> String {
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 200;
const ANY: i64 = 0;
const FREE: i64 = 1;
const BOOKED: i64 = 2;
