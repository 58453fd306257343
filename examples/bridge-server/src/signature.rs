//! Twilio's request signature.
//!
//! HMAC-SHA1, keyed by the account's auth token, over the URL Twilio was configured with and, for
//! a form, every parameter sorted by name with its value appended. Source: Twilio documentation,
//! "Webhooks security", and the behaviour of its helper libraries.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Parameters of a form; a repeated name keeps each distinct value once, in order.
pub(crate) type Parameters = BTreeMap<String, BTreeSet<String>>;

/// The form in `body` (`application/x-www-form-urlencoded`).
pub(crate) fn parameters(body: &[u8]) -> Parameters {
    let mut parameters = Parameters::new();
    for (name, value) in form_urlencoded::parse(body) {
        parameters
            .entry(name.into_owned())
            .or_default()
            .insert(value.into_owned());
    }
    parameters
}

/// Whether `signature` (base64) was made with `auth_token` over one of the spellings of `url`.
///
/// Twilio is inconsistent about a port that goes without saying, so both spellings are tried, as
/// its helper libraries do.
pub(crate) fn is_valid(auth_token: &str, url: &str, form: &Parameters, signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else {
        return false;
    };
    [url.to_owned(), with_port(url)].iter().any(|url| {
        let mut mac = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(url.as_bytes());
        for (name, values) in form {
            for value in values {
                mac.update(name.as_bytes());
                mac.update(value.as_bytes());
            }
        }
        // Takes the same time wherever the first difference is.
        mac.verify_slice(&signature).is_ok()
    })
}

/// `url` with `:443` after its host, unless a port is there already.
fn with_port(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let host = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(host);
    if host.contains(':') {
        return url.to_owned();
    }
    format!("{scheme}://{host}:443{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// URL, form and signature.
    type Vector = (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static str,
    );

    /// Signatures that Twilio's own Python library (9.13.0) makes with the key `12345`.
    const VECTORS: &[Vector] = &[
        (
            "https://example.com/myapp?foo=1&bar=2",
            &[
                ("CallSid", "CA1234567890ABCDE"),
                ("Caller", "+14158675310"),
                ("Digits", "1234"),
                ("From", "+14158675310"),
                ("To", "+18005551212"),
            ],
            "GPSRTlODYHi4+bX3Qs97BVmS45M=",
        ),
        (
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            &[
                ("To", "+18005551212"),
                ("CallSid", "CA1234567890ABCDE"),
                ("Caller", "+14158675309"),
                ("Digits", "1234"),
                ("From", "+14158675309"),
            ],
            "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        ),
        (
            "wss://voice.example.com/media",
            &[],
            "jFDHVhI8XO69C49uXR3xmdZPylY=",
        ),
        (
            "wss://voice.example.com/media/",
            &[],
            "BXF4dPv/qKwfALEQ/o2fVPPvK/c=",
        ),
        (
            "wss://voice.example.com:443/media",
            &[],
            "zT3E7J41/O0MIJ8mFRuffODYWF4=",
        ),
        (
            "https://voice.example.com/media",
            &[],
            "2A768no+sGy6/ZLDxHITQfda/E8=",
        ),
        (
            "https://example.com/a",
            &[("A", "b"), ("A", "a"), ("A", "a")],
            "kFgkHiK3Q5/s3qmHSueoVM3mjKY=",
        ),
    ];

    fn form(pairs: &[(&str, &str)]) -> Parameters {
        let mut body = form_urlencoded::Serializer::new(String::new());
        parameters(body.extend_pairs(pairs).finish().as_bytes())
    }

    #[test]
    fn accepts_what_the_helper_library_signs() {
        for (url, pairs, signature) in VECTORS {
            assert!(is_valid("12345", url, &form(pairs), signature), "{url}");
        }
    }

    #[test]
    fn accepts_the_port_that_goes_without_saying() {
        let form = form(&[]);
        assert!(is_valid("12345", VECTORS[2].0, &form, VECTORS[4].2));
        assert!(!is_valid("12345", VECTORS[4].0, &form, VECTORS[2].2));
        assert!(!is_valid(
            "12345",
            "wss://voice.example.com:444/media",
            &form,
            VECTORS[4].2
        ));
    }

    #[test]
    fn refuses_every_mutation() {
        for (url, pairs, signature) in VECTORS {
            let form = form(pairs);
            assert!(!is_valid("12346", url, &form, signature), "token");
            assert!(
                !is_valid("12345", &format!("{url}x"), &form, signature),
                "path"
            );
            assert!(!is_valid("12345", url, &form, &signature[1..]), "length");
            assert!(!is_valid("12345", url, &form, ""), "empty");
            assert!(!is_valid("12345", url, &form, "ä"), "not base64");
            for name in form.keys() {
                let mut missing = form.clone();
                missing.remove(name);
                assert!(
                    !is_valid("12345", url, &missing, signature),
                    "without {name}"
                );
            }
            let mut extra = form.clone();
            extra.insert("Z".to_owned(), BTreeSet::from(["1".to_owned()]));
            assert!(!is_valid("12345", url, &extra, signature), "one more");
        }
    }

    #[test]
    fn the_scheme_is_part_of_what_is_signed() {
        assert!(!is_valid("12345", VECTORS[2].0, &form(&[]), VECTORS[5].2));
        assert!(!is_valid("12345", VECTORS[5].0, &form(&[]), VECTORS[2].2));
    }
}
