//! Cross-origin requests (the Fetch standard's CORS protocol).

use serde::{Deserialize, Serialize};

/// The cross-origin requests that browsers are to let pages make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// Pages of these may; of all where there are none.
    pub origins: Vec<Origin>,
    /// Methods of such requests.
    pub methods: Vec<String>,
    /// Header fields that such requests may have, beside those that any may.
    pub headers: Vec<String>,
    /// Seconds for which a browser may remember the two.
    pub max_age_seconds: u32,
}

/// An origin: scheme, host, and a port where it is not the usual one, in small letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// This one.
    Exact(String),
    /// Those whose host has one or more labels before the name: the scheme with its slashes, and
    /// all that follows those labels, from a dot on.
    Below(String, String),
}

impl Origin {
    /// Returns whether it is, or covers, an origin that a browser has sent.
    #[must_use]
    pub fn covers(&self, sent: &[u8]) -> bool {
        match self {
            Self::Exact(origin) => origin.as_bytes() == sent,
            Self::Below(scheme, end) => {
                let labels = sent.strip_prefix(scheme.as_bytes()).and_then(|rest| rest.strip_suffix(end.as_bytes()));
                labels.is_some_and(|labels| labels.split(|byte| *byte == b'.').all(is_label))
            }
        }
    }
}

fn is_label(label: &[u8]) -> bool {
    let sound = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(byte);
    !label.is_empty() && label.iter().all(sound)
}

/// A text for those requests that a page of some origins makes; empty for others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForOrigin {
    /// The origins.
    pub origins: Vec<Origin>,
    /// The text; without one it is the origin itself.
    pub text: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_covers_names_below_and_nothing_that_ends_like_one() {
        let below = Origin::Below("https://".into(), ".example.org".into());
        for sent in ["https://a.example.org", "https://a.b-c.example.org"] {
            assert!(below.covers(sent.as_bytes()), "{sent}");
        }
        for sent in [
            "https://example.org",
            "http://a.example.org",
            "https://.example.org",
            "https://a..example.org",
            "https://a.example.org:8443",
            "https://evil.com/.example.org",
            "https://evil.com:80.example.org",
            "https://evil.com@a.example.org",
            "https://a.example.org.evil.com",
            "https://A.example.org",
            "https://evilexample.org",
            "null",
            "",
        ] {
            assert!(!below.covers(sent.as_bytes()), "{sent}");
        }
        let exact = Origin::Exact("https://app.example.org".into());
        assert!(exact.covers(b"https://app.example.org") && !exact.covers(b"https://app.example.org/"));
    }
}
