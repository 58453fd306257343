//! Which bytes of a file are wanted.

/// What a `Range` header asks of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: there is no header, or none that can be followed.
    Whole,
    /// From the first to the last of these bytes.
    Part { first: u64, last: u64 },
    /// Nothing the file has.
    Nothing,
}

/// What `header` asks of a file of `len` bytes. Several ranges at once are not served apart: the whole file is
/// then the answer, as RFC 9110 §14.2 allows.
///
/// Source: RFC 9110 §14.1.
pub(crate) fn wanted(header: Option<&str>, len: u64) -> Wanted {
    let Some((unit, range)) = header.and_then(|header| header.split_once('=')) else {
        return Wanted::Whole;
    };
    let Some((first, last)) = range.trim().split_once('-') else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let (Some(first), Some(last)) = (position(first), position(last)) else {
        return Wanted::Whole;
    };
    match (first, last) {
        (None, None) => Wanted::Whole,
        (Some(first), Some(last)) if first > last => Wanted::Whole,
        (Some(first), _) if first >= len => Wanted::Nothing,
        (Some(first), last) => Wanted::Part {
            first,
            last: last.unwrap_or(u64::MAX).min(len - 1),
        },
        (None, Some(0)) => Wanted::Nothing,
        (None, Some(_)) if len == 0 => Wanted::Nothing,
        (None, Some(suffix)) => Wanted::Part {
            first: len.saturating_sub(suffix),
            last: len - 1,
        },
    }
}

/// `None` if it is no position, `Some(None)` if there is none. A number beyond all files is the last of all.
fn position(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_ranges_are_followed_as_rfc_9110_says() {
        let part = |first, last| Wanted::Part { first, last };
        for (header, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=0-499", part(0, 499)),
            ("bytes=500-999", part(500, 999)),
            ("bytes=500-", part(500, 999)),
            ("bytes=999-", part(999, 999)),
            ("bytes=-1", part(999, 999)),
            ("bytes=-5000", part(0, 999)),
            ("bytes=0-99999999999999999999999", part(0, 999)),
            ("Bytes = 1-2", part(1, 2)),
            ("bytes=1000-", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
        ] {
            assert_eq!(wanted(Some(header), 1_000), expected, "{header}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_answered_with_the_whole_file() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=2-1",
            "bytes=+1-2",
            "bytes=--1",
            "bytes=0-1,3-4",
            "seconds=0-1",
            "bytes=1-2-3",
            "bytes=0x1-2",
        ] {
            assert_eq!(wanted(Some(header), 1_000), Wanted::Whole, "{header}");
        }
        assert_eq!(wanted(None, 1_000), Wanted::Whole);
    }

    #[test]
    fn an_empty_file_has_no_range() {
        for header in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            assert_eq!(wanted(Some(header), 0), Wanted::Nothing, "{header}");
        }
    }
}
