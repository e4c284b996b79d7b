//! `fosse sign`: a URL that a configuration takes for some time, signed with the key of its site or
//! route.

use std::net::IpAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use fosse_args::Args;
use fosse_die::{fatal, usage};
use fosse_http1::{HeadLimits, RequestHead};
use fosse_links::{KEY_FILE_BYTES_MAX, Link, Names};
use fosse_plan::Plan;
use fosse_routing::Router;
use fosse_settings::{Dispatch, Load, Parse, SignedLinks};
use fosse_wire::launch::Program;

use crate::configuration::{Configuration, bounded};
use crate::explain::{blob, facts, index};
use crate::output::print;
use crate::{PROGRAM, check};

/// Time that a link is good for, where nobody says another one.
const SECONDS_USUAL: u32 = 3600;

/// Prints the signed form of a URL.
pub(crate) fn run(words: &Args) -> i32 {
    let url = words.positional(0).unwrap_or_default();
    let (scheme, authority, target) = parts(url).unwrap_or_else(|| {
        usage(PROGRAM, &format!("sign: '{}' is not a URL such as https://HOST/PATH", url.escape_debug()))
    });
    let lines = format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    let head = RequestHead::parse(lines.as_bytes(), &HeadLimits::DEFAULT)
        .unwrap_or_else(|why| usage(PROGRAM, &format!("sign: '{}': {}", url.escape_debug(), why.words())));
    let client: Option<IpAddr> = words.parsed("--client", "an address");
    let seconds = words.parsed("--seconds", "a number of seconds").unwrap_or(SECONDS_USUAL);
    let file = words.value("--config").unwrap_or(check::DEFAULT_FILE);
    let compiled = Configuration::load(file, words.values("--dir")).compiled(&check::accounts());
    let plan = match compiled {
        Ok((_, plan)) => plan,
        Err(report) => return check::refuse(&report),
    };
    let (links, path) = links(&plan, &head, client).unwrap_or_else(|why| fatal(PROGRAM, format_args!("{url}: {why}")));
    let client = checked_client(&links, client);
    let directory =
        words.values("--dir").first().map_or_else(|| Path::new(file).parent(), |path| Some(Path::new(path)));
    let key = key(&directory.unwrap_or(Path::new(".")).join(path));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let names = Names { expires: &links.expires_argument, signature: &links.signature_argument };
    let link = Link { host: head.host.name(), client: &client, target: head.target };
    match link.sign(names, &key, now + u64::from(seconds)) {
        Some(target) => print(&format!("{scheme}{authority}{}\n", String::from_utf8_lossy(&target))),
        None => fatal(PROGRAM, format_args!("{url}: it has an argument of the names that a signature has")),
    }
}

/// Returns the address that a link is for, as it is signed. Ends the program where there has to be
/// one, or must not.
fn checked_client(links: &SignedLinks, client: Option<IpAddr>) -> String {
    match (links.bind_client, client) {
        (true, None) => usage(PROGRAM, "sign: bind_client is set: add --client ADDRESS"),
        (false, Some(_)) => usage(PROGRAM, "sign: bind_client is not set: leave --client out"),
        (_, client) => client.map(|ip| ip.to_string()).unwrap_or_default(),
    }
}

/// Returns the scheme with its slashes, the authority and the target of a URL.
fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let scheme = ["http://", "https://"].into_iter().find(|scheme| url.starts_with(scheme))?;
    let rest = &url[scheme.len()..];
    let (authority, target) = rest.split_at(rest.find('/')?);
    (!authority.is_empty() && !target.contains('#')).then_some((scheme, authority, target))
}

/// Returns the links by which a request has to come, and the file of the key that signs them.
fn links(plan: &Plan, head: &RequestHead<'_>, client: Option<IpAddr>) -> Result<(SignedLinks, String), &'static str> {
    let (parse, facts) = (blob::<Parse>(plan, Program::Parse), facts(head, client, 0));
    let router = Router::new(&parse);
    let site = router.site(head.host.name(), 0).ok().flatten().ok_or("no site names this host")?;
    let policy = router.policy(site, || facts).map_err(|_| "no route can be found for this path")?;
    let dispatch = blob::<Dispatch>(plan, Program::Dispatch);
    let links = dispatch.policies.get(index(policy)).and_then(|policy| policy.signed_links.clone());
    let links = links.ok_or("signed_links is not set for it")?;
    let first = links.keys.first().map_or(usize::MAX, |number| index(*number));
    let path = blob::<Load>(plan, Program::Load).keys.get(first).cloned();
    Ok((links, path.ok_or("there is no key for it")?))
}

fn key(path: &Path) -> Vec<u8> {
    let shown = path.display().to_string();
    let file = std::fs::File::open(path)
        .unwrap_or_else(|error| fatal(PROGRAM, format_args!("unable to read the key {shown}: {error}")));
    let text = bounded(file, KEY_FILE_BYTES_MAX, &shown);
    match fosse_links::key(&text) {
        Ok(key) => key.to_vec(),
        Err(why) => fatal(PROGRAM, format_args!("{shown}: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_a_host_and_a_path() {
        assert_eq!(parts("https://a.example:8443/x?y"), Some(("https://", "a.example:8443", "/x?y")));
        for other in ["a.example/x", "ftp://a/x", "http:///x", "http://a.example", "http://a/x#y", ""] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
