//! Ids of our client events: what an error answers.

use core::fmt::Write as _;

use crate::{JsonStr, id::Ascii};

/// Makes ids: what the event is for, and a running number.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventIds(u32);

impl EventIds {
    pub(super) const fn new() -> Self {
        Self(0)
    }

    pub(super) fn next(&mut self, purpose: Purpose) -> EventId {
        self.0 = self.0.wrapping_add(1);
        let mut id = EventId::EMPTY;
        write!(id, "{EVENT_PREFIX}{}{}", char::from(purpose as u8), self.0)
            .expect("the length holds the longest number");
        id
    }
}

/// What a client event of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Purpose {
    Session = b's',
    Response = b'r',
    Cancel = b'x',
    Truncate = b't',
    Delete = b'd',
}

impl Purpose {
    /// Reads an error's `event_id` back.
    pub(super) fn of(event_id: JsonStr<'_>) -> Option<Self> {
        let purpose = event_id
            .as_plain()?
            .strip_prefix(EVENT_PREFIX)?
            .bytes()
            .next()?;
        [
            Self::Session,
            Self::Response,
            Self::Cancel,
            Self::Truncate,
            Self::Delete,
        ]
        .into_iter()
        .find(|known| *known as u8 == purpose)
    }
}

/// `tl_` + purpose + number.
pub(super) type EventId = Ascii<{ 3 + 1 + 10 }>;

const EVENT_PREFIX: &str = "tl_";
