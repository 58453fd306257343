//! Appointments and prices to try the server with.

use jiff::{
    Timestamp, ToSpan, Zoned,
    civil::{Time, Weekday, time},
    tz::TimeZone,
};
use sha2::{Digest, Sha256};

use super::{Price, PriceSettings, Slot, Store, StoreError, schedule::random_id, within};
use crate::time::UnixMs;

impl Store {
    /// Fills in two weeks of a small clinic's appointments, from the day after `now` in `zone`, and five prices, if
    /// there are neither appointments nor prices. Tells whether it did.
    ///
    /// Servers that do this at the same time do it once.
    ///
    /// # Errors
    /// When the database does not answer, or `now` is beyond the calendar.
    pub async fn seed_demo(&self, now: UnixMs, zone: &TimeZone) -> Result<bool, StoreError> {
        let rows: i64 = within(async {
            let rows = sqlx::query_scalar(
                "SELECT (SELECT COUNT(*) FROM slots) + (SELECT COUNT(*) FROM prices)",
            );
            Ok(rows.fetch_one(&self.pool).await?)
        })
        .await?;
        if rows > 0 {
            return Ok(false);
        }
        let slots = slots(now, zone).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        for slot in &slots {
            self.insert_slot(slot).await?;
        }
        for price in prices() {
            let Price {
                id,
                service,
                amount_cents,
                currency,
                description,
            } = price;
            let settings = PriceSettings {
                service,
                amount_cents,
                currency,
                description,
            };
            self.put_price(Some(&id), &settings).await?;
        }
        Ok(true)
    }
}

fn slots(now: UnixMs, zone: &TimeZone) -> Result<Vec<Slot>, jiff::Error> {
    let today = Timestamp::from_millisecond(now.0)?.to_zoned(zone.clone());
    let mut slots = Vec::new();
    for day in 1..=DAYS {
        let date = today.date().checked_add(day.days())?;
        let hours: &[Time] = match date.weekday() {
            Weekday::Saturday | Weekday::Sunday => &[],
            Weekday::Wednesday => &MORNING,
            _ => &WHOLE_DAY,
        };
        for &hour in hours {
            let begin: Zoned = date.to_datetime(hour).to_zoned(zone.clone())?;
            let end = begin.checked_add(LENGTH_MINUTES.minutes())?;
            slots.push(Slot {
                id: fixed_id(&format!("slot {begin}")),
                starts_at: UnixMs(begin.timestamp().as_millisecond()),
                ends_at: UnixMs(end.timestamp().as_millisecond()),
                resource: Some(DOCTOR.to_owned()),
                booking: None,
            });
        }
    }
    Ok(slots)
}

fn prices() -> impl Iterator<Item = Price> {
    PRICES
        .iter()
        .map(|&(service, amount_cents, description)| Price {
            id: fixed_id(&format!("price {service}")),
            service: service.to_owned(),
            amount_cents,
            currency: "USD".to_owned(),
            description: Some(description.to_owned()),
        })
}

/// The same id for the same thing, so that writing it twice changes nothing.
fn fixed_id(thing: &str) -> String {
    let hash = Sha256::digest(thing);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    random_id(bytes)
}

const DAYS: i64 = 14;
const LENGTH_MINUTES: i64 = 30;
const DOCTOR: &str = "Dr. Lind";
const MORNING: [Time; 3] = [time(9, 0, 0, 0), time(10, 0, 0, 0), time(11, 0, 0, 0)];
const WHOLE_DAY: [Time; 6] = [
    MORNING[0],
    MORNING[1],
    MORNING[2],
    time(14, 30, 0, 0),
    time(15, 30, 0, 0),
    time(16, 30, 0, 0),
];
const PRICES: [(&str, i64, &str); 5] = [
    (
        "First consultation",
        12_000,
        "About 30 minutes, with a written plan.",
    ),
    ("Follow-up consultation", 7_500, "About 15 minutes."),
    (
        "Blood test",
        4_500,
        "Standard panel; results within two working days.",
    ),
    (
        "Vaccination",
        3_500,
        "Per dose; the vaccine itself is included.",
    ),
    ("Sick note", 1_500, "Only after a consultation."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_weeks_have_ten_working_days_in_local_time() {
        let zone = TimeZone::get("America/New_York").unwrap();
        // Sunday, the day before the clocks go back in New York was 31 October 2026.
        let now: Timestamp = "2026-10-30T20:00:00Z".parse().unwrap();
        let slots = slots(UnixMs(now.as_millisecond()), &zone).unwrap();
        assert_eq!(slots.len(), 8 * 6 + 2 * 3);
        for slot in &slots {
            let begin = Timestamp::from_millisecond(slot.starts_at.0).unwrap();
            let begin = begin.to_zoned(zone.clone());
            assert!(begin.hour() >= 9 && begin.hour() <= 16, "{begin}");
            assert_eq!(slot.ends_at.0 - slot.starts_at.0, 30 * 60_000);
        }
        let ids: std::collections::HashSet<_> = slots.iter().map(|slot| &slot.id).collect();
        assert_eq!(ids.len(), slots.len());
    }
}
