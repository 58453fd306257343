//! Function calls of the model that the application has to answer.

use core::time::Duration;

use crate::id::Id;

/// The last calls, newest first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls {
    calls: [Option<Call>; MAX_CALLS],
    /// When an output was last sent.
    pub(super) output_sent: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    id: Id,
    is_answered: bool,
}

impl Calls {
    pub(super) const fn new() -> Self {
        Self {
            calls: [None; MAX_CALLS],
            output_sent: Duration::ZERO,
        }
    }

    /// Whether the call is new; then it is remembered. The oldest of too many is forgotten.
    pub(super) fn open(&mut self, id: Id) -> bool {
        let is_new = self.calls.iter().flatten().all(|call| call.id != id);
        if is_new {
            self.calls.rotate_right(1);
            self.calls[0] = Some(Call {
                id,
                is_answered: false,
            });
        }
        is_new
    }

    pub(super) fn is_open(&self, id: &str) -> bool {
        self.calls
            .iter()
            .flatten()
            .any(|call| call.id.as_str() == id && !call.is_answered)
    }

    pub(super) fn answer(&mut self, now: Duration, id: &str) {
        self.output_sent = now;
        for call in self.calls.iter_mut().flatten() {
            call.is_answered |= call.id.as_str() == id;
        }
    }

    pub(super) fn has_open(&self) -> bool {
        self.calls.iter().flatten().any(|call| !call.is_answered)
    }
}

const MAX_CALLS: usize = 16;
