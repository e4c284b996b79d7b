//! Directives whose settings become keys of a site.

use super::block::Directive;
use super::reader::Reader;
use crate::edge::{Keys, list, quoted};

impl Reader<'_, '_> {
    /// Takes the codings of responses; returns whether fosse has all of them.
    pub(super) fn encode(&mut self, codings: &[&str], inside: &[Directive]) -> bool {
        let mut names: Vec<String> = Vec::new();
        let mut keys = Keys::new();
        let block = inside.iter().map(|line| line.words.iter().map(String::as_str).collect::<Vec<_>>());
        for words in codings.iter().map(|coding| vec![*coding]).chain(block) {
            match words.as_slice() {
                [coding @ ("gzip" | "zstd" | "br")] => names.push(quoted(coding)),
                ["gzip", level] if level.parse::<u8>().is_ok_and(|level| (1..=9).contains(&level)) => {
                    names.push(quoted(&format!("gzip {}", level.trim_start_matches('0'))));
                }
                ["zstd", "fastest" | "default" | "better" | "best"] => names.push(quoted("zstd")),
                ["minimum_length", bytes] if bytes.parse::<u32>().is_ok_and(|bytes| bytes <= 16_384) => {
                    keys.push(("compress_bytes_min", (*bytes).to_owned()));
                }
                _ => return false,
            }
        }
        names.dedup();
        let value = if names.is_empty() { "[\"zstd\", \"gzip\"]".to_owned() } else { list(&names) };
        self.site.keys.push(("compress", value));
        self.site.keys.extend(keys);
        true
    }

    /// Takes changes of headers of responses; returns whether all are carried over.
    pub(super) fn header(&mut self, directive: &Directive, change: &[&str]) -> bool {
        let mut edits = self.headers.clone();
        let change = change.strip_prefix(&["*"]).unwrap_or(change);
        let is_taken = match (change, &directive.block) {
            ([], Some(inside)) => inside.iter().all(|line| {
                let words: Vec<&str> = line.words.iter().map(String::as_str).collect();
                words == ["defer"] || (line.block.is_none() && edits.take(&words).is_some())
            }),
            ([first, ..], None) => !first.starts_with(['/', '@']) && edits.take(change).is_some(),
            _ => false,
        };
        if is_taken {
            self.headers = edits;
        }
        is_taken
    }

    pub(super) fn body(&mut self, inside: &[Directive]) -> bool {
        let [line] = inside else { return false };
        let bytes = match line.arguments().as_slice() {
            [size] if line.name() == "max_size" => bytes(size),
            _ => None,
        };
        let bytes = bytes.filter(|bytes| *bytes <= 16 << 30);
        self.site.keys.extend(bytes.map(|bytes| ("body_bytes_max", crate::edge::size(bytes))));
        bytes.is_some()
    }
}

/// Returns a number of bytes: "10MB", "1GiB", "100".
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|one: char| one.is_ascii_alphabetic());
    let scale = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}
