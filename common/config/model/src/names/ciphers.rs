//! Cipher suites and groups of TLS.

use fosse_handshake::{CIPHERS, Cipher, GROUPS, Group};
use fosse_nearest::nearest;
use toml::Spanned;
use toml::de::DeValue;

use super::{Wrong, checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherName(pub(crate) &'static Cipher);

impl FromValue for CipherName {
    const TAKES: &'static str = "a list of cipher suites such as \"TLS_AES_128_GCM_SHA256\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let known = || CIPHERS.iter().map(|cipher| cipher.name);
            Cipher::of_name(written).map(Self).map_or_else(|| unknown(written, "cipher suite", known), Ok)
        })
    }

    fn placeholder() -> Self {
        Self(&CIPHERS[0])
    }
}

/// A group of key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupName(pub(crate) &'static Group);

impl FromValue for GroupName {
    const TAKES: &'static str = "a list of groups such as \"X25519\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let known = || GROUPS.iter().map(|group| group.name);
            Group::of_name(written).map(Self).map_or_else(|| unknown(written, "group", known), Ok)
        })
    }

    fn placeholder() -> Self {
        Self(&GROUPS[0])
    }
}

fn unknown<T, Known: Iterator<Item = &'static str> + Clone>(
    written: &str,
    what: &str,
    known: impl Fn() -> Known,
) -> Result<T, Wrong> {
    if written.contains([':', '!', '@']) {
        return wrong(
            format!("{} is a list of OpenSSL", quoted(written)),
            &format!("write each {what} as a text of its own"),
        );
    }
    let cure = match nearest(written, known()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
    };
    wrong(format!("{} is no {what} that is spoken here", quoted(written)), &cure)
}
