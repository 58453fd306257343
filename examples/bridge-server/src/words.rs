//! What the model has said lately, in words.

use std::collections::VecDeque;

/// Texts of the last few items, each cut at some length.
#[derive(Default)]
pub(crate) struct Words {
    items: VecDeque<(String, String)>,
}

impl Words {
    /// Appends `text` to the item's text, or replaces it if `is_whole`.
    pub(crate) fn add(&mut self, item_id: &str, text: &str, is_whole: bool) {
        let known = self.items.iter().position(|(id, _)| id == item_id);
        let at = known.unwrap_or_else(|| {
            if self.items.len() == MAX_ITEMS {
                self.items.pop_front();
            }
            self.items.push_back((item_id.to_owned(), String::new()));
            self.items.len() - 1
        });
        let words = &mut self.items[at].1;
        if is_whole {
            words.clear();
        }
        let room = MAX_TEXT - words.len();
        words.push_str(&text[..text.floor_char_boundary(room)]);
    }

    /// The item's text; empty if there is none or it is long past.
    pub(crate) fn of(&self, item_id: &str) -> &str {
        let item = self.items.iter().find(|(id, _)| id == item_id);
        item.map_or("", |(_, text)| text)
    }
}

/// More than can be interrupted at a time.
const MAX_ITEMS: usize = 4;
/// Minutes of speech.
const MAX_TEXT: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_add_up_and_the_whole_replaces_them() {
        let mut words = Words::default();
        words.add("a", "Half ", false);
        words.add("a", "past", false);
        assert_eq!(words.of("a"), "Half past");
        words.add("a", "Half past two.", true);
        assert_eq!(words.of("a"), "Half past two.");
        assert_eq!(words.of("b"), "");
    }

    #[test]
    fn memory_is_bounded_by_items_and_by_text() {
        let mut words = Words::default();
        for n in 0..100 {
            words.add(&n.to_string(), "x", false);
        }
        assert_eq!(words.items.len(), MAX_ITEMS);
        assert_eq!((words.of("95"), words.of("99")), ("", "x"));
        for _ in 0..MAX_TEXT {
            words.add("long", "€", false);
        }
        assert_eq!(words.of("long").len(), MAX_TEXT / 3 * 3);
    }
}
