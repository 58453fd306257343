//! Text as the databases can take it, and as both search it.

use super::FilterError;

/// `text` without NULs, which PostgreSQL has no way to store.
pub(super) fn clean(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// The words of `text` in lower case, with a space between.
///
/// Both databases index this and not the text itself, whose words they would find by rules of their own: e-mail
/// addresses, hyphens, numbers with signs.
pub(super) fn searchable(text: &str) -> String {
    let mut found = String::new();
    for word in words(text) {
        if found.len() + word.len() > MAX_SEARCHABLE {
            break;
        }
        if !found.is_empty() {
            found.push(' ');
        }
        found.push_str(&word);
    }
    found
}

/// The words that `q` asks for, each once.
pub(super) fn wanted(q: &str) -> Result<Vec<String>, FilterError> {
    let mut wanted: Vec<String> = Vec::new();
    for word in words(q) {
        if wanted.contains(&word) {
            continue;
        }
        if wanted.len() == MAX_WANTED {
            return Err(FilterError::TooManyWords(MAX_WANTED));
        }
        wanted.push(word);
    }
    Ok(wanted)
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| {
            let lower = word.to_lowercase();
            lower.chars().take(MAX_WORD).collect()
        })
}

/// Longer words are found by their beginning. PostgreSQL leaves out words of 2 KiB and more.
const MAX_WORD: usize = 100;
/// Bytes of one turn that are searched; PostgreSQL refuses more than 1 MiB, positions included. The model says some
/// 20 bytes a second.
const MAX_SEARCHABLE: usize = 128 << 10;
/// Each is a look-up of its own.
const MAX_WANTED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_letters_and_digits_make() {
        assert_eq!(
            searchable("Don't: \"Zoë\" <a.b@c-d.example> AND 3.5\0!"),
            "don t zoë a b c d example and 3 5"
        );
        assert_eq!(searchable(" \u{0} -- "), "");
    }

    #[test]
    fn what_is_searched_is_bounded() {
        let long = "é".repeat(1 << 20);
        assert_eq!(searchable(&long), "é".repeat(MAX_WORD));
        let many = "word ".repeat(1 << 20);
        assert!(searchable(&many).len() <= MAX_SEARCHABLE);
    }

    #[test]
    fn a_search_has_each_word_once_and_not_too_many() {
        assert_eq!(wanted("Tuesday OR tuesday").unwrap(), ["tuesday", "or"]);
        assert_eq!(wanted("\"*()").unwrap(), Vec::<String>::new());
        let many: String = (0..=MAX_WANTED).map(|n| format!("{n} ")).collect();
        assert_eq!(wanted(&many), Err(FilterError::TooManyWords(MAX_WANTED)));
    }
}
