//! Appointments and prices: what the functions of the model work on.

use serde::Deserialize;
use sqlx::{FromRow, Row, any::AnyRow};
use utoipa::{IntoParams, ToSchema};
use uuid::Builder;

use super::{Booking, Page, Price, Slot, Store, StoreError};
use crate::time::UnixMs;

/// Which appointments are wanted; absent fields do not matter.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct SlotFilter {
    /// At most so many; 50 if absent, at most 200.
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

/// What of a price can be set.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriceSettings {
    /// What.
    pub service: String,
    /// How much, in hundredths of the currency.
    pub amount_cents: i64,
    /// ISO 4217.
    pub currency: String,
    /// For the model to tell.
    #[serde(default)]
    pub description: Option<String>,
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
    /// When the database does not answer.
    pub async fn slots(&self, filter: &SlotFilter) -> Result<Page<Slot>, StoreError> {
        let limit = filter.limit.unwrap_or(50).clamp(1, 200);
        let offset = filter.offset.unwrap_or(0).max(0);
        let from = filter.from.map_or(i64::MIN, |from| from.0);
        let to = filter.to.map_or(i64::MAX, |to| to.0);
        let wanted = match filter.free {
            None => ANY,
            Some(true) => FREE,
            Some(false) => BOOKED,
        };
        let items = sqlx::query_as(
            "SELECT id, starts_at_ms, ends_at_ms, resource, booked_at_ms, booked_call_id, \
             booked_name, booked_phone, booked_note FROM slots \
             WHERE starts_at_ms >= $1 AND starts_at_ms < $2 \
             AND ($3 = 0 OR ($3 = 1 AND booked_at_ms IS NULL) \
             OR ($3 = 2 AND booked_at_ms IS NOT NULL)) \
             ORDER BY starts_at_ms, id LIMIT $4 OFFSET $5",
        )
        .bind(from)
        .bind(to)
        .bind(wanted)
        .bind(limit)
        .bind(offset)
        .fetch_all(&self.pool)
        .await?;
        let total = sqlx::query_scalar(
            "SELECT COUNT(*) FROM slots WHERE starts_at_ms >= $1 AND starts_at_ms < $2 \
             AND ($3 = 0 OR ($3 = 1 AND booked_at_ms IS NULL) \
             OR ($3 = 2 AND booked_at_ms IS NOT NULL))",
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
        sqlx::query_as(
            "SELECT id, starts_at_ms, ends_at_ms, resource, booked_at_ms, booked_call_id, \
             booked_name, booked_phone, booked_note FROM slots \
             WHERE booked_at_ms IS NULL AND starts_at_ms >= $1 AND starts_at_ms < $2 \
             AND (starts_at_ms > $1 OR id > $3) ORDER BY starts_at_ms, id LIMIT $4",
        )
        .bind(from.0)
        .bind(to.0)
        .bind(after_id)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
    }

    /// The appointment with this id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn slot(&self, id: &str) -> Result<Option<Slot>, StoreError> {
        sqlx::query_as(
            "SELECT id, starts_at_ms, ends_at_ms, resource, booked_at_ms, booked_call_id, \
             booked_name, booked_phone, booked_note FROM slots WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
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
            resource: slot.resource.clone(),
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
        let deleted = sqlx::query("DELETE FROM slots WHERE id = $1 AND booked_at_ms IS NULL")
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(if deleted.rows_affected() > 0 {
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
        let updated = sqlx::query(
            "UPDATE slots SET booked_at_ms = $1, booked_call_id = $2, booked_tool_call_id = $3, \
             booked_name = $4, booked_phone = $5, booked_note = $6 \
             WHERE id = $7 AND booked_at_ms IS NULL AND starts_at_ms > $1",
        )
        .bind(now.0)
        .bind(request.call_id)
        .bind(request.tool_call_id)
        .bind(request.name)
        .bind(request.phone)
        .bind(request.note)
        .bind(slot_id)
        .execute(&self.pool)
        .await;
        match updated {
            // Refused by the index: this call of the function has an appointment already.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {}
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

    /// Prices by service.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn prices(&self) -> Result<Vec<Price>, StoreError> {
        sqlx::query_as(
            "SELECT id, service, amount_cents, currency, description FROM prices \
             ORDER BY service, id LIMIT $1",
        )
        .bind(MAX_PRICES)
        .fetch_all(&self.pool)
        .await
    }

    /// Sets the price with this id, which is a new one if there is none; `None` makes up an id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn put_price(
        &self,
        id: Option<&str>,
        price: &PriceSettings,
    ) -> Result<Price, StoreError> {
        let price = Price {
            id: id.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned),
            service: price.service.clone(),
            amount_cents: price.amount_cents,
            currency: price.currency.clone(),
            description: price.description.clone(),
        };
        sqlx::query(
            "INSERT INTO prices (id, service, amount_cents, currency, description) \
             VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (id) DO UPDATE SET service = excluded.service, \
             amount_cents = excluded.amount_cents, currency = excluded.currency, \
             description = excluded.description",
        )
        .bind(&price.id)
        .bind(&price.service)
        .bind(price.amount_cents)
        .bind(&price.currency)
        .bind(&price.description)
        .execute(&self.pool)
        .await?;
        Ok(price)
    }

    /// Deletes the price with this id; `false` if there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_price(&self, id: &str) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM prices WHERE id = $1")
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }

    /// Writes `slot` down unless there is one with its id.
    pub(super) async fn insert_slot(&self, slot: &Slot) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO slots (id, starts_at_ms, ends_at_ms, resource) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(&slot.id)
        .bind(slot.starts_at.0)
        .bind(slot.ends_at.0)
        .bind(&slot.resource)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The appointment that this call of the function has taken.
    async fn slot_of(&self, request: BookingRequest<'_>) -> Result<Option<Slot>, StoreError> {
        sqlx::query_as(
            "SELECT id, starts_at_ms, ends_at_ms, resource, booked_at_ms, booked_call_id, \
             booked_name, booked_phone, booked_note FROM slots \
             WHERE booked_call_id = $1 AND booked_tool_call_id = $2",
        )
        .bind(request.call_id)
        .bind(request.tool_call_id)
        .fetch_optional(&self.pool)
        .await
    }
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

impl FromRow<'_, AnyRow> for Price {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            service: row.try_get("service")?,
            amount_cents: row.try_get("amount_cents")?,
            currency: row.try_get("currency")?,
            description: row.try_get("description")?,
        })
    }
}

/// A UUID of version 4. Not one that begins with the time, as elsewhere: a model has to write it down from
/// among its neighbours, which would then look almost the same.
pub(super) fn random_id(bytes: [u8; 16]) -> String {
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

const ANY: i64 = 0;
const FREE: i64 = 1;
const BOOKED: i64 = 2;
/// More than a list that is read out; bounds memory.
const MAX_PRICES: i64 = 500;
