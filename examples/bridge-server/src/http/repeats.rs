//! Webhooks that come again.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
};

/// The last webhooks, so that one that is repeated is not written down again.
///
/// Only for economy: the database takes a repeated or a late status as it should, however old it is.
#[derive(Default)]
pub(crate) struct Repeats {
    seen: Mutex<(HashSet<String>, VecDeque<String>)>,
}

impl Repeats {
    /// Whether these words have not come together before.
    pub(crate) fn is_new(&self, words: &[&str]) -> bool {
        let key = words.join(" ");
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (set, order) = &mut *seen;
        if !set.insert(key.clone()) {
            return false;
        }
        order.push_back(key);
        if order.len() > MAX_SEEN
            && let Some(oldest) = order.pop_front()
        {
            set.remove(&oldest);
        }
        true
    }
}

/// Some 300 bytes each.
const MAX_SEEN: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_are_new_once_and_memory_is_bounded() {
        let repeats = Repeats::default();
        assert!(repeats.is_new(&["CA1", "completed"]));
        assert!(!repeats.is_new(&["CA1", "completed"]));
        assert!(repeats.is_new(&["CA1", "ringing"]));
        for n in 0..MAX_SEEN {
            assert!(repeats.is_new(&[&n.to_string()]));
        }
        assert_eq!(repeats.seen.lock().unwrap().0.len(), MAX_SEEN);
        assert!(repeats.is_new(&["CA1", "completed"]), "forgotten");
    }
}
