//! `fosse purge`: kept responses of a running edge go.

use std::time::Duration;

use fosse_args::Args;
use fosse_die::{EXIT_PERMANENT, EXIT_TEMPORARY, Severity, say};

use super::Edge;
use crate::{PROGRAM, output::print};

/// Longest wait: a cache looks at some hundred thousand responses a second.
const WAIT_MAX: Duration = Duration::from_secs(70);

/// Runs the command.
pub(crate) fn run(words: &Args) -> i32 {
    let fail = |why: String, code| {
        say(PROGRAM, Severity::Fatal, why);
        code
    };
    let target = match target(words) {
        Ok(target) => target,
        Err(why) => return fail(why, EXIT_PERMANENT),
    };
    match Edge::of(words).and_then(|edge| edge.change(&target, WAIT_MAX)) {
        Ok(said) => print(&format!("{said}\n")),
        Err(why) => fail(why, EXIT_TEMPORARY),
    }
}

/// Returns the target of the request that is sent to fosse-status.
fn target(words: &Args) -> Result<String, String> {
    let (url, prefix, tag) = (words.positional(0), words.value("--prefix"), words.value("--tag"));
    let site = words.value("--site");
    let host = || site.map_or(Ok("*".to_owned()), |site| authority(site).ok_or_else(|| not_a_site(site)));
    match (url, prefix, tag, words.has("--all")) {
        (Some(url), None, None, false) if site.is_none() => Ok(format!("/purge/url/{}", of_url(url)?)),
        (None, Some(url), None, false) if site.is_none() => Ok(format!("/purge/prefix/{}", of_url(url)?)),
        (None, None, Some(tag), false) if is_tag(tag) => Ok(format!("/purge/tag/{}/{tag}", host()?)),
        (None, None, Some(tag), false) => {
            Err(format!("\"{}\" is no tag: one word, without commas", tag.escape_debug()))
        }
        (None, None, None, true) => Ok(format!("/purge/all/{}", host()?)),
        (None, None, None, false) => Err("say what is to go: a URL, --prefix URL, --tag TAG, or --all".to_owned()),
        (Some(_), ..) | (_, Some(_), ..) if site.is_some() => {
            Err("a URL names its site: --site goes with --tag and --all".to_owned())
        }
        _ => Err("say one of them: a URL, --prefix URL, --tag TAG, or --all".to_owned()),
    }
}

/// Returns host, port and target of a URL.
fn of_url(url: &str) -> Result<String, String> {
    let wrong = || format!("\"{}\" is no URL as https://a.example/path?query", url.escape_debug());
    let rest = ["https://", "http://"].iter().find_map(|scheme| {
        let begin = url.get(..scheme.len())?;
        begin.eq_ignore_ascii_case(scheme).then(|| &url[scheme.len()..])
    });
    let rest = rest.unwrap_or(url);
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(at);
    let host = authority(host).ok_or_else(wrong)?;
    let slash = if target.starts_with('/') { "" } else { "/" };
    // What is after a # never reaches a server.
    let target = target.split('#').next().unwrap_or_default();
    let is_target = target.bytes().all(|byte| byte.is_ascii_graphic());
    if is_target { Ok(format!("{host}{slash}{target}")) } else { Err(wrong()) }
}

/// Returns a host, with its port if it has one, as keys have it.
fn authority(text: &str) -> Option<String> {
    let (host, port) = match text.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']')) {
        Some((host, port)) => (host, Some(port.parse::<u16>().ok().filter(|port| *port != 0)?)),
        None => (text, None),
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_host =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte));
    is_host.then(|| port.map_or(host.clone(), |port| format!("{host}:{port}")))
}

fn not_a_site(site: &str) -> String {
    format!("\"{}\" is no host of a site, as a.example", site.escape_debug())
}

fn is_tag(tag: &str) -> bool {
    !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_host_and_target_and_its_scheme_does_not_matter() {
        for (url, expected) in [
            ("https://A.example/x?y=/z#f", Some("a.example/x?y=/z")),
            ("HTTP://a.example:8080", Some("a.example:8080/")),
            ("a.example", Some("a.example/")),
            ("a.example.?q", Some("a.example/?q")),
            ("http://[::1]:80/x", Some("[::1]:80/x")),
            ("http://[::1]/x", Some("[::1]/x")),
            ("/x", None),
            ("", None),
            ("*/x", None),
            ("ftp://a.example/x", None),
            ("https://a.example/x y", None),
            ("https://a.example/\u{e9}", None),
            ("https://a.example:0/", None),
            ("https://a.example:port/", None),
            ("https://u@a.example/", None),
        ] {
            assert_eq!(of_url(url).ok().as_deref(), expected, "{url}");
        }
    }
}
