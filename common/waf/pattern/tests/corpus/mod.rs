//! Reads rule files and regression tests just well enough to get patterns and payloads out of them.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

/// The unpacked Core Rule Set 4, beside the repository.
pub(crate) fn crs4() -> Option<PathBuf> {
    present(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpora/crs4"))
}

/// The distribution's Core Rule Set 3: where its package installs it, or where FOSSE_CRS3 says.
pub(crate) fn crs3() -> Option<PathBuf> {
    let path = std::env::var_os("FOSSE_CRS3").map_or("/usr/share/modsecurity-crs".into(), PathBuf::from);
    present(path)
}

fn present(path: PathBuf) -> Option<PathBuf> {
    let found = path.join("rules").is_dir();
    if !found {
        println!("skipped: no rules in {}", path.display());
    }
    found.then_some(path)
}

/// One pattern: the id of its rule (`-` for a chained one) and its text.
pub(crate) type Rule = (String, Vec<u8>);

/// Every `@rx` pattern of the rule files in `dir/rules`.
pub(crate) fn patterns(dir: &Path) -> Vec<Rule> {
    let mut found = Vec::new();
    for file in files(&dir.join("rules"), "conf") {
        let text = String::from_utf8_lossy(&fs::read(file).unwrap()).replace("\\\n", " ");
        for line in text.lines().map(str::trim).filter(|line| line.starts_with("SecRule ")) {
            let words = words(line);
            let Some(operator) = words.get(2) else { continue };
            let operator = operator.strip_prefix('!').unwrap_or(operator);
            let pattern = operator.strip_prefix("@rx ").map(str::trim_start);
            let Some(pattern) = pattern.or((!operator.starts_with('@')).then_some(operator)) else { continue };
            let id = words.get(3).and_then(|actions| actions.split("id:").nth(1));
            let id = id.map_or("-".into(), |id| id.chars().take_while(char::is_ascii_digit).collect());
            if !pattern.contains("%{") {
                found.push((id, pattern.as_bytes().to_vec()));
            }
        }
    }
    found
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry, extension));
        } else if entry.extension().is_some_and(|found| found == extension) {
            found.push(entry);
        }
    }
    found.sort();
    found
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.chars().peekable();
    while let Some(first) = rest.next() {
        if first.is_whitespace() {
            continue;
        }
        let mut word = String::new();
        if first == '"' || first == '\'' {
            while let Some(next) = rest.next() {
                match next {
                    '\\' if rest.peek() == Some(&first) => word.extend(rest.next()),
                    next if next == first => break,
                    next => word.push(next),
                }
            }
        } else {
            word.push(first);
            while let Some(next) = rest.next_if(|next| !next.is_whitespace()) {
                word.push(next);
            }
        }
        words.push(word);
    }
    words
}

/// Values out of the regression tests: what follows `data:`, `uri:` and header names, as it stands,
/// percent-decoded, and divided at `&` and `=`.
pub(crate) fn payloads(dir: &Path) -> Vec<Vec<u8>> {
    let mut found = std::collections::BTreeSet::new();
    for file in files(&dir.join("regression"), "yaml") {
        for line in String::from_utf8_lossy(&fs::read(file).unwrap()).lines() {
            let Some((_, value)) = line.split_once(": ") else { continue };
            let value = value.trim().trim_matches(['"', '\'']);
            let decoded = percent_decoded(value.as_bytes());
            for part in value.as_bytes().split(|byte| matches!(byte, b'&' | b'=' | b'?')) {
                found.insert(percent_decoded(part));
            }
            found.insert(value.as_bytes().to_vec());
            found.insert(decoded.to_ascii_lowercase());
            found.insert(decoded);
        }
    }
    found.into_iter().filter(|value| !value.is_empty()).collect()
}

pub(crate) fn percent_decoded(value: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < value.len() {
        let hex = value.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (value[at], hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    decoded
}

/// A small generator for repeatable tests (xorshift64*).
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit.max(1)
    }

    /// A few bytes changed, inserted, removed, doubled, or spliced from another value.
    pub(crate) fn mutated(&mut self, values: &[Vec<u8>]) -> Vec<u8> {
        let mut value = values[self.below(values.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(value.len() + 1);
            match self.below(6) {
                0 => value.insert(at, b" '\"`;=()<>/\\.-_$#\n\0\xff%a1"[self.below(23)]),
                1 if at < value.len() => drop(value.remove(at)),
                2 if at < value.len() => value[at] ^= 1 << self.below(8),
                3 => value.truncate(at),
                4 => {
                    let other = &values[self.below(values.len())];
                    let from = self.below(other.len() + 1);
                    value.splice(at..at, other[from..].iter().copied());
                }
                _ if at < value.len() => value[at] ^= 0x20,
                _ => {}
            }
        }
        value.truncate(2000);
        value
    }
}
