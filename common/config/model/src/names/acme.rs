//! Certificate authorities: where they are, and what they are told.

use toml::Spanned;
use toml::de::DeValue;

use super::hosts::host_pattern;
use super::{HostPattern, Wrong, checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// Longest URL of a directory.
const URL_BYTES_MAX: usize = 512;
/// Longest word that an authority is told: a name of a profile or of a key.
const WORD_BYTES_MAX: usize = 128;

/// The URL of an authority's directory (RFC 8555, section 7.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryUrl {
    /// The URL.
    pub url: String,
    /// Its host: a name, or an address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl FromValue for DirectoryUrl {
    const TAKES: &'static str = "a URL such as \"https://acme-v02.api.letsencrypt.org/directory\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, directory)
    }

    fn placeholder() -> Self {
        Self { url: String::new(), host: String::new(), port: 0 }
    }
}

fn directory(written: &str) -> Result<DirectoryUrl, Wrong> {
    let shown = quoted(written);
    let Some(rest) = written.strip_prefix("https://") else {
        return wrong(format!("{shown} is no URL of https"), "write https://HOST/PATH, as the authority names it");
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if written.len() > URL_BYTES_MAX || !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return wrong(format!("{shown} is no URL of a directory"), "write it as the authority names it");
    }
    // The colons of an address are in brackets.
    let end = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[end..].split_once(':') {
        Some((rest, port)) => (&authority[..end + rest.len()], port.parse().ok().filter(|port| *port > 0)),
        None => (authority, Some(443)),
    };
    let Some(port) = port else {
        return wrong(format!("{shown} has no port"), "write a number from 1 to 65535, or leave it out");
    };
    match host_pattern(host)? {
        HostPattern::Exact(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            Ok(DirectoryUrl { url: written.to_owned(), host, port })
        }
        HostPattern::Below(_) | HostPattern::Regex(_) => wrong(format!("{shown} is not one host"), "name one"),
    }
}

/// Somebody whom an authority tells of problems: an address of mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact(pub String);

impl FromValue for Contact {
    const TAKES: &'static str = "a list of addresses such as \"admin@example.org\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let address = written.strip_prefix("mailto:").unwrap_or(written);
            let parts = address.split_once('@').filter(|(user, host)| !user.is_empty() && host.contains('.'));
            // Of several in one text, or with a subject, authorities take none (RFC 8555, section
            // 7.3).
            let sound = |byte: u8| byte.is_ascii_graphic() && !b",?<>\"\\".contains(&byte);
            if parts.is_some() && address.len() <= WORD_BYTES_MAX && address.bytes().all(sound) {
                return Ok(Self(address.to_owned()));
            }
            wrong(format!("{} is no address of mail", quoted(written)), "write NAME@HOST")
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// A word that an authority has given: the name of a profile or of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityWord(pub String);

impl FromValue for AuthorityWord {
    const TAKES: &'static str = "a word that the authority names";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let sound = (1..=WORD_BYTES_MAX).contains(&written.len()) && written.bytes().all(|b| b.is_ascii_graphic());
            if sound { Ok(Self(written.to_owned())) } else { wrong(format!("{} is no such word", quoted(written)), "") }
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}
