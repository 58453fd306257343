//! Names of marks.

use core::fmt;

use crate::id::Ascii;

/// The name of a mark, made by [`PlaybackLedger::mark`](super::PlaybackLedger::mark): `tl:EPOCH:POSITION`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MarkName(Ascii<{ Self::MAX_LEN }>);

impl MarkName {
    /// What every such name starts with.
    pub const PREFIX: &'static str = "tl:";
    /// The longest name in bytes.
    pub const MAX_LEN: usize = 3 + 10 + 1 + 20;

    /// The name as it goes to the carrier.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn new(epoch: u32, position: u64) -> Self {
        let mut name = Ascii::EMPTY;
        let written = name
            .push(Self::PREFIX)
            .and_then(|()| name.push_number(epoch.into()))
            .and_then(|()| name.push(":"))
            .and_then(|()| name.push_number(position));
        debug_assert!(
            written.is_some(),
            "MAX_LEN holds the longest epoch and position"
        );
        Self(name)
    }

    pub(super) fn parse(name: &str) -> Option<(u32, u64)> {
        let (epoch, position) = name.strip_prefix(Self::PREFIX)?.split_once(':')?;
        let (epoch, position) = (epoch.parse().ok()?, position.parse().ok()?);
        // Numbers have spellings (`+1`, `01`) that `new` does not use.
        (Self::new(epoch, position).as_str() == name).then_some((epoch, position))
    }
}

impl fmt::Debug for MarkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}
