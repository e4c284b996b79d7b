//! Origins of pages (RFC 6454).

use fosse_settings::Origin;
use toml::Spanned;
use toml::de::DeValue;

use super::hosts::host_pattern;
use super::{HostPattern, Wrong, checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// An origin, all below a name, or every one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginPattern {
    /// Every origin.
    Any,
    /// These.
    Of(Origin),
}

impl FromValue for OriginPattern {
    const TAKES: &'static str = "a list of origins such as \"https://app.example.org\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, origin)
    }

    fn placeholder() -> Self {
        Self::Any
    }
}

fn origin(written: &str) -> Result<OriginPattern, Wrong> {
    let shown = quoted(written);
    match written {
        "*" => return Ok(OriginPattern::Any),
        "null" => return wrong(format!("{shown} is the origin of whatever a page puts into a frame"), "remove it"),
        _ => {}
    }
    let lower = written.to_ascii_lowercase();
    let schemes = [("https://", "443"), ("http://", "80")];
    let Some((scheme, usual)) = schemes.into_iter().find(|(scheme, _)| lower.starts_with(scheme)) else {
        return wrong(format!("{shown} has no scheme"), "write https://HOST");
    };
    let authority = &lower[scheme.len()..];
    if authority.contains(['/', '?', '#', '@']) {
        return wrong(
            format!("{shown} is more than an origin"),
            "write scheme and host alone, without a slash at the end",
        );
    }
    // The colons of an address are in brackets.
    let end = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[end..].split_once(':') {
        Some((rest, port)) => (&authority[..end + rest.len()], port),
        None => (authority, usual),
    };
    if port.parse::<u16>().is_err() || port.starts_with(['0', '+']) {
        return wrong(format!("{shown} has no port"), "write a number, or leave it out");
    }
    let port = if port == usual { String::new() } else { format!(":{port}") };
    Ok(OriginPattern::Of(match host_pattern(host)? {
        HostPattern::Exact(host) => Origin::Exact(format!("{scheme}{host}{port}")),
        HostPattern::Below(name) => Origin::Below(scheme.to_owned(), format!(".{name}{port}")),
        HostPattern::Regex(_) => {
            return wrong(format!("{shown} is an expression"), "list the origins, or write *.NAME");
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_the_one_form_that_browsers_send() {
        let exact = |origin: &str| Ok(OriginPattern::Of(Origin::Exact(origin.into())));
        let below = |scheme: &str, end: &str| Ok(OriginPattern::Of(Origin::Below(scheme.into(), end.into())));
        assert_eq!(origin("HTTPS://App.Example.org:443"), exact("https://app.example.org"));
        assert_eq!(origin("http://127.0.0.1:3000"), exact("http://127.0.0.1:3000"));
        assert_eq!(origin("http://[::1]:80"), exact("http://[::1]"));
        assert_eq!(origin("http://[::1]:8080"), exact("http://[::1]:8080"));
        assert_eq!(origin("https://*.example.org:8443"), below("https://", ".example.org:8443"));
        for other in [
            "null",
            "app.example.org",
            "https://a.example/",
            "https://a.example?",
            "ftp://a.example",
            "https://",
            "https://a.example:",
            "https://a.example:x",
            "https://a.example:080",
            "https://u@a.example",
            "https://*",
            "https://a.*.example",
            "https://a.example:99999",
        ] {
            assert!(origin(other).is_err(), "{other}");
        }
    }
}
