//! `get_slots` and `book_slot`.

use jiff::{
    Timestamp, ToSpan, Zoned,
    civil::{Date, Weekday},
    tz::TimeZone,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Tools,
    answer::{self, Answer},
    arguments::{filled, misfit},
    definition::WEEKDAYS,
};
use crate::{
    admission::Admission,
    agent::is_e164,
    store::{BookingAnswer, BookingRequest, Slot, StoreError},
    time::UnixMs,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GetSlots {
    date: Option<String>,
    weekday: Option<String>,
    period: Option<String>,
    limit: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BookSlot {
    slot_id: String,
    name: String,
    phone: Option<String>,
    note: Option<String>,
}

impl Tools {
    pub(super) async fn get_slots(&self, arguments: GetSlots) -> Result<Answer, Answer> {
        let now = self.now()?;
        let wanted = Wanted::new(arguments, &now)?;
        let mut slots = self.free(&wanted).await.map_err(broken)?;
        let more = slots.len() > wanted.limit;
        slots.truncate(wanted.limit);
        let mut answer = json!({
            "now": now.strftime("%A, %-d %B %Y, %H:%M").to_string(),
            "slots": self.list(&slots),
        });
        if more {
            answer["message"] = "There are more.".into();
        }
        if slots.is_empty() {
            let next = Wanted {
                to: horizon(&now),
                weekday: None,
                period: None,
                limit: ALTERNATIVES,
                ..wanted
            };
            let next = self.alternatives(&next).await.map_err(broken)?;
            answer["message"] = match next.as_array() {
                Some(next) if !next.is_empty() => {
                    "Nothing is free then. `alternatives` are the next free appointments."
                }
                _ => "Nothing is free. Say so, and offer to have somebody call back.",
            }
            .into();
            answer["alternatives"] = next;
        }
        Ok(Answer::Json(answer))
    }

    pub(super) async fn book_slot(
        &self,
        admission: &Admission,
        tool_call_id: &str,
        arguments: BookSlot,
    ) -> Result<Answer, Answer> {
        let name = filled(Some(arguments.name)).unwrap_or_default();
        if name.is_empty() || name.chars().count() > MAX_NAME {
            return Err(misfit("`name` must have 1 to 100 characters"));
        }
        let note = filled(arguments.note);
        if note
            .as_ref()
            .is_some_and(|note| note.chars().count() > MAX_NOTE)
        {
            return Err(misfit("`note` must have at most 500 characters"));
        }
        let phone = match filled(arguments.phone) {
            Some(phone) => Some(dialled(&phone)?),
            None => Some(admission.caller.clone()).filter(|caller| is_e164(caller)),
        };
        let slot_id = filled(Some(arguments.slot_id))
            .unwrap_or_default()
            .to_lowercase();
        let request = BookingRequest {
            call_id: &admission.call_id,
            tool_call_id,
            name: &name,
            phone: phone.as_deref(),
            note: note.as_deref(),
        };
        let now = self.now()?;
        let at = UnixMs(now.timestamp().as_millisecond());
        let booked = self.store.book_slot(&slot_id, request, at).await;
        let (error, near) = match booked.map_err(broken)? {
            BookingAnswer::Booked(slot) => return Ok(self.confirmation(&slot)),
            // The model has lost track and asks again for what it has.
            BookingAnswer::Taken(slot) if is_same(&slot, &request) => {
                return Ok(self.confirmation(&slot));
            }
            BookingAnswer::Taken(slot) => (
                "This appointment is not free any more; nothing was booked. Apologize and offer `alternatives`.",
                self.start_of_day(slot.starts_at).unwrap_or(slot.starts_at),
            ),
            BookingAnswer::Past => (
                "This appointment is in the past; nothing was booked. Offer `alternatives`.",
                at,
            ),
            BookingAnswer::Unknown => (
                "There is no appointment with this slot_id; nothing was booked. Use a slot_id exactly as get_slots \
                 gave it, or offer `alternatives`.",
                at,
            ),
        };
        let near = Wanted {
            // Only what is still to come.
            from: UnixMs(near.0.max(at.0 + 1)),
            to: horizon(&now),
            weekday: None,
            period: None,
            limit: ALTERNATIVES,
        };
        let alternatives = self.alternatives(&near).await.map_err(broken)?;
        Err(Answer::Json(
            json!({ "error": error, "alternatives": alternatives }),
        ))
    }

    /// Free appointments as wanted, by time; one more than the limit, if there is one.
    async fn free(&self, wanted: &Wanted) -> Result<Vec<Slot>, StoreError> {
        let mut found = Vec::new();
        let (mut from, mut after_id) = (wanted.from, String::new());
        for _ in 0..MAX_PAGES {
            let page = self
                .store
                .free_slots(from, &after_id, wanted.to, PAGE)
                .await?;
            let is_last = (page.len() as i64) < PAGE;
            if let Some(last) = page.last() {
                (from, after_id) = (last.starts_at, last.id.clone());
            }
            let fitting = page.into_iter().filter(|slot| {
                self.local(slot.starts_at)
                    .is_some_and(|begin| wanted.fits(&begin))
            });
            found.extend(fitting.take(wanted.limit + 1 - found.len()));
            if is_last || found.len() > wanted.limit {
                break;
            }
        }
        Ok(found)
    }

    async fn alternatives(&self, wanted: &Wanted) -> Result<Value, StoreError> {
        let mut slots = self.free(wanted).await?;
        slots.truncate(wanted.limit);
        Ok(self.list(&slots))
    }

    fn confirmation(&self, slot: &Slot) -> Answer {
        Answer::Json(json!({ "booked": true, "slot": self.describe(slot) }))
    }

    fn list(&self, slots: &[Slot]) -> Value {
        slots.iter().map(|slot| self.describe(slot)).collect()
    }

    /// For the model to read out.
    fn describe(&self, slot: &Slot) -> Value {
        let mut described = json!({ "slot_id": slot.id });
        if let (Some(begin), Some(end)) = (self.local(slot.starts_at), self.local(slot.ends_at)) {
            described["day"] = begin.strftime("%A, %-d %B %Y").to_string().into();
            described["date"] = begin.date().to_string().into();
            described["starts"] = begin.strftime("%H:%M").to_string().into();
            described["ends"] = end.strftime("%H:%M").to_string().into();
        }
        if let Some(resource) = &slot.resource {
            described["with"] = resource.as_str().into();
        }
        described
    }

    fn now(&self) -> Result<Zoned, Answer> {
        // The system's clock is beyond the calendar.
        self.local(UnixMs::now()).ok_or_else(answer::unavailable)
    }

    fn local(&self, time: UnixMs) -> Option<Zoned> {
        let time = Timestamp::from_millisecond(time.0).ok()?;
        Some(time.to_zoned(self.time_zone.clone()))
    }

    fn start_of_day(&self, time: UnixMs) -> Option<UnixMs> {
        let begin = self.local(time)?.start_of_day().ok()?;
        Some(UnixMs(begin.timestamp().as_millisecond()))
    }
}

/// Which free appointments the model asks for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    from: UnixMs,
    to: UnixMs,
    weekday: Option<Weekday>,
    period: Option<Period>,
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Period {
    Morning,
    Afternoon,
    Evening,
}

impl Wanted {
    fn new(arguments: GetSlots, now: &Zoned) -> Result<Self, Answer> {
        let weekday = filled(arguments.weekday)
            .map(|day| weekday(&day))
            .transpose()?;
        let period = filled(arguments.period)
            .map(|period| period_of(&period))
            .transpose()?;
        let (from, to) = match filled(arguments.date) {
            None => (now.timestamp().as_millisecond(), horizon(now).0),
            Some(date) => day(&date, now)?,
        };
        Ok(Self {
            // What begins this very moment is too late.
            from: UnixMs(from.max(now.timestamp().as_millisecond() + 1)),
            to: UnixMs(to),
            weekday,
            period,
            limit: arguments
                .limit
                .map_or(DEFAULT_LIMIT, |limit| limit.clamp(1, MAX_LIMIT))
                as usize,
        })
    }

    fn fits(&self, begin: &Zoned) -> bool {
        let period = match begin.hour() {
            ..12 => Period::Morning,
            12..17 => Period::Afternoon,
            17.. => Period::Evening,
        };
        self.weekday
            .is_none_or(|weekday| begin.weekday() == weekday)
            && self.period.is_none_or(|wanted| wanted == period)
    }
}

/// Begin and end of the day `date` in the zone of `now`, in milliseconds.
fn day(date: &str, now: &Zoned) -> Result<(i64, i64), Answer> {
    let Ok(date) = date.parse::<Date>() else {
        return Err(misfit("`date` must be a day, as YYYY-MM-DD"));
    };
    if date < now.date() {
        return Err(misfit(&format!(
            "`date` is in the past; today is {}",
            now.strftime("%A, %Y-%m-%d")
        )));
    }
    let zone: &TimeZone = now.time_zone();
    let bounds = date.to_zoned(zone.clone()).and_then(|begin| {
        let end = date.tomorrow()?.to_zoned(zone.clone())?;
        Ok((
            begin.timestamp().as_millisecond(),
            end.timestamp().as_millisecond(),
        ))
    });
    bounds.map_err(|_| misfit("`date` is beyond the calendar"))
}

fn weekday(text: &str) -> Result<Weekday, Answer> {
    let text = text.to_lowercase();
    let number = WEEKDAYS.iter().position(|day| *day == text);
    let weekday = number.and_then(|number| Weekday::from_monday_zero_offset(number as i8).ok());
    weekday.ok_or_else(|| misfit("`weekday` must be an English day of the week, such as monday"))
}

fn period_of(text: &str) -> Result<Period, Answer> {
    match &*text.to_lowercase() {
        "morning" => Ok(Period::Morning),
        "afternoon" => Ok(Period::Afternoon),
        "evening" => Ok(Period::Evening),
        _ => Err(misfit("`period` must be morning, afternoon or evening")),
    }
}

fn horizon(now: &Zoned) -> UnixMs {
    let end = now
        .checked_add(HORIZON_DAYS.days())
        .unwrap_or_else(|_| now.clone());
    UnixMs(end.timestamp().as_millisecond())
}

/// A telephone number as somebody says it, without what only groups its digits.
fn dialled(phone: &str) -> Result<String, Answer> {
    let number: String = phone
        .chars()
        .filter(|character| !matches!(character, ' ' | '-' | '(' | ')' | '.' | '/'))
        .collect();
    let digits = number.strip_prefix('+').unwrap_or(&number);
    if !(3..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(misfit(
            "`phone` must be a telephone number of 3 to 15 digits",
        ));
    }
    Ok(number)
}

/// Whether the same call has taken `slot` for the same person.
fn is_same(slot: &Slot, request: &BookingRequest<'_>) -> bool {
    slot.booking.as_ref().is_some_and(|booking| {
        booking.call_id.as_deref() == Some(request.call_id)
            && booking.name.to_lowercase() == request.name.to_lowercase()
    })
}

pub(super) fn broken(error: StoreError) -> Answer {
    tracing::warn!(%error, "the database does not serve a function of the model");
    answer::unavailable()
}

/// How many are offered if the model does not say.
const DEFAULT_LIMIT: i64 = 3;
const MAX_LIMIT: i64 = 10;
const ALTERNATIVES: usize = 3;
/// How far ahead is looked.
const HORIZON_DAYS: i64 = 90;
const PAGE: i64 = 200;
/// So that a calendar full of what does not fit takes bounded time: 2,000 appointments are looked at.
const MAX_PAGES: usize = 10;
const MAX_NAME: usize = 100;
const MAX_NOTE: usize = 500;
