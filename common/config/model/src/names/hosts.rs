//! Hosts as requests name them.

use toml::Spanned;
use toml::de::DeValue;

use super::matches::regex;
use super::{Wrong, checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// Longest host name (RFC 1035 section 2.3.4, without the root's length byte).
pub const HOST_BYTES_MAX: usize = 253;
/// Longest label of a host name (RFC 1035 section 2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;

/// A host as a request names it: lower case, no closing dot, no port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostPattern {
    /// This name or address alone.
    Exact(String),
    /// Every name that has one or more labels before this one.
    Below(String),
    /// Every name in which this regular expression is found, in any case.
    Regex(String),
}

impl HostPattern {
    /// Returns the form that is written in the file.
    pub fn written(&self) -> String {
        match self {
            Self::Exact(name) => name.clone(),
            Self::Below(name) => format!("*.{name}"),
            Self::Regex(pattern) => format!("~{pattern}"),
        }
    }
}

impl FromValue for HostPattern {
    const TAKES: &'static str = "a list of host names such as \"example.org\" or \"*.example.org\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, host_pattern)
    }

    fn placeholder() -> Self {
        Self::Exact(String::new())
    }
}

pub(super) fn host_pattern(written: &str) -> Result<HostPattern, Wrong> {
    let shown = quoted(written);
    if let Some(pattern) = written.strip_prefix('~') {
        return regex(pattern).map(|_| HostPattern::Regex(pattern.to_owned()));
    }
    if matches!(written, "*" | "_") {
        return wrong(format!("{shown} is not a host name"), "write default = true for the site of all other hosts");
    }
    if let Some(address) = host_address(written) {
        return Ok(HostPattern::Exact(address));
    }
    if written.contains("//") || written.contains('/') {
        return wrong(format!("{shown} is not a host name"), "write the name alone, without scheme and path");
    }
    if !written.is_ascii() {
        return wrong(format!("{shown} is not in ASCII"), "write the form that begins with xn--");
    }
    if written.contains(':') {
        return wrong(format!("{shown} is not a host name"), "write it without the port");
    }
    let lower = written.strip_suffix('.').unwrap_or(written).to_ascii_lowercase();
    let (name, below) = lower.strip_prefix("*.").map_or((lower.as_str(), false), |name| (name, true));
    if name.contains('*') {
        return wrong(format!("{shown}: a star is for the whole first part only"), "write *.NAME");
    }
    if name.len() > HOST_BYTES_MAX || !name.split('.').all(is_label) {
        return wrong(format!("{shown} is not a host name"), "");
    }
    // A client that follows the URL standard reads a name that ends in a number as an IPv4 address
    // (WHATWG URL, "ends in a number checker"): it would never ask for this one.
    if name
        .rsplit('.')
        .next()
        .is_some_and(|last| last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return wrong(format!("{shown} is neither a host name nor an address"), "");
    }
    Ok(if below { HostPattern::Below(name.to_owned()) } else { HostPattern::Exact(name.to_owned()) })
}

/// Returns an address as host: IPv4 plain, IPv6 in brackets, in the one canonical form.
fn host_address(written: &str) -> Option<String> {
    if let Ok(v4) = written.parse::<std::net::Ipv4Addr>() {
        return Some(v4.to_string());
    }
    let inner = written.strip_prefix('[')?.strip_suffix(']')?;
    inner.parse::<std::net::Ipv6Addr>().ok().map(|v6| format!("[{v6}]"))
}

/// Returns whether a label has letters, digits, hyphens and underscores (which occur in practice)
/// alone, and no hyphen at its ends.
fn is_label(label: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(sound)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// The host named in a health check: a name or an address, without port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(pub String);

impl FromValue for HostName {
    const TAKES: &'static str = "a host name";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| match host_pattern(written)? {
            HostPattern::Exact(name) => Ok(Self(name)),
            HostPattern::Below(_) | HostPattern::Regex(_) => {
                wrong(format!("{} is not one host", quoted(written)), "name one")
            }
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}
