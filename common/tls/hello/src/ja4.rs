//! JA4: a fingerprint of the client's TLS library, the same whatever order a browser shuffles its
//! extensions into.
//!
//! Source: "JA4: TLS Client Fingerprinting", technical details, FoxIO (BSD 3-Clause).

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::{Hello, ServerName};

/// Bytes of a fingerprint: `a_b_c` with 10, 12 and 12.
pub const JA4_BYTES: usize = 36;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
/// The hash of a list without a member.
const EMPTY_HASH: &str = "000000000000";

/// Returns the fingerprint of a ClientHello that came over TCP.
#[must_use]
pub fn ja4(hello: &Hello) -> String {
    let ciphers = sorted(&hello.ciphers);
    let count = hello.extensions.iter().filter(|kind| !is_grease(**kind)).count();
    let extensions: Vec<u16> =
        sorted(&hello.extensions).into_iter().filter(|kind| !matches!(*kind, SERVER_NAME | ALPN)).collect();
    let schemes: Vec<u16> = hello.schemes.iter().copied().filter(|one| !is_grease(*one)).collect();
    let has_name = matches!(hello.server_name, ServerName::Host(_)) || hello.extensions.contains(&SERVER_NAME);
    let mut listed = list(&extensions);
    if !schemes.is_empty() {
        listed.push('_');
        listed.push_str(&list(&schemes));
    }
    format!(
        "t{}{}{:02}{:02}{}_{}_{}",
        version(hello),
        if has_name { 'd' } else { 'i' },
        ciphers.len().min(99),
        count.min(99),
        protocol(hello),
        hash(&list(&ciphers), ciphers.is_empty()),
        hash(&listed, count == 0),
    )
}

/// Returns whether a number is one that clients send so that servers do not choke on new ones (RFC
/// 8701).
fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && high & 0x0f == 0x0a
}

fn sorted(numbers: &[u16]) -> Vec<u16> {
    let mut all: Vec<u16> = numbers.iter().copied().filter(|number| !is_grease(*number)).collect();
    all.sort_unstable();
    all
}

fn version(hello: &Hello) -> &'static str {
    let best = hello.versions.iter().copied().filter(|version| !is_grease(*version)).max();
    match best.unwrap_or(hello.legacy_version) {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// The first and the last character of the first protocol, of its hexadecimal form where these are
/// none that everybody can read.
fn protocol(hello: &Hello) -> String {
    let Some((first, last)) = hello.protocols.first().and_then(|one| one.first().zip(one.last())) else {
        return "00".to_owned();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 0x0f)
}

fn list(numbers: &[u16]) -> String {
    let mut text = String::with_capacity(numbers.len() * 5);
    for (at, number) in numbers.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{number:04x}");
    }
    text
}

fn hash(list: &str, is_empty: bool) -> String {
    if is_empty {
        return EMPTY_HASH.to_owned();
    }
    let mut text = String::with_capacity(EMPTY_HASH.len());
    for byte in &Sha256::digest(list)[..EMPTY_HASH.len() / 2] {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
