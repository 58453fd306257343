//! Keys that must not be seen.

use std::fmt;

/// A key or token. `Debug` does not show it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key itself, for whoever must send it or compute with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_by_what_holds_it() {
        let secret = Secret::new("f00dfeed");
        assert_eq!(secret.expose(), "f00dfeed");
        assert_eq!(format!("{:?}", Some(secret)), "Some([secret])");
    }
}
