//! gzip and brotli.

use super::units::size;
use crate::edge::{Keys, list, quoted};

/// The codings of a place.
#[derive(Clone, Debug, Default)]
pub(super) struct Codings {
    gzip: Coding,
    brotli: Coding,
}

/// A coding of responses.
#[derive(Clone, Debug, Default)]
struct Coding {
    is_on: bool,
    level: Option<u32>,
    types: Option<Vec<String>>,
    bytes_min: Option<u64>,
}

impl Codings {
    /// Takes a directive; `None` where it is none of gzip or brotli, or has another value.
    pub(super) fn take(&mut self, name: &str, words: &[&str]) -> Option<()> {
        let (coding, key) = match name.strip_prefix("brotli") {
            Some(key) => (&mut self.brotli, key),
            None => (&mut self.gzip, name.strip_prefix("gzip")?),
        };
        match (key, words) {
            ("", ["on"]) => coding.is_on = true,
            ("", ["off"]) => coding.is_on = false,
            ("_comp_level", [level]) => coding.level = Some(level.parse().ok()?),
            ("_types", types) if types.iter().all(|word| is_media_type(word)) => {
                coding.types = Some(types.iter().map(|word| word.to_ascii_lowercase()).collect());
            }
            ("_min_length", [bytes]) => coding.bytes_min = Some(size(bytes)?),
            // Vary is always said, and what comes by way of proxies is encoded like anything else.
            ("_vary", ["on"]) | ("_proxied", ["any"]) | ("_http_version" | "_buffers" | "_disable" | "_window", _) => {}
            _ => return None,
        }
        Some(())
    }

    /// Returns the keys.
    pub(super) fn keys(&self) -> Keys {
        let named = |coding: &Coding, name: &str, most| {
            let level = coding.level.map(|level| format!(" {}", level.clamp(1, most))).unwrap_or_default();
            coding.is_on.then(|| format!("\"{name}{level}\""))
        };
        let codings: Vec<String> =
            [named(&self.brotli, "br", 6), named(&self.gzip, "gzip", 9)].into_iter().flatten().collect();
        if codings.is_empty() {
            return Keys::new();
        }
        let mut keys = vec![("compress", list(&codings))];
        let first = if self.gzip.is_on { &self.gzip } else { &self.brotli };
        if let Some(types) = &first.types {
            let html = (!types.iter().any(|word| word == "text/html")).then(|| "\"text/html\"".to_owned());
            let all: Vec<String> = html.into_iter().chain(types.iter().map(|word| quoted(word))).collect();
            keys.push(("compress_types", list(&all)));
        }
        keys.extend(first.bytes_min.map(|bytes| ("compress_bytes_min", bytes.min(16_384).to_string())));
        keys
    }
}

fn is_media_type(word: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte))
    };
    word.split_once('/').is_some_and(|(kind, subtype)| is_part(kind) && is_part(subtype))
}
