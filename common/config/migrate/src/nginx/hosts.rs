//! `if ($host = NAME)`: hosts of a server that are sent elsewhere, or to HTTPS.

use super::conditions::test;
use super::directive::Directive;
use super::returned::returned_action;
use crate::edge::{Action, Edge, Site};
use crate::notes::Notes;

/// A host, and what is done for it; `None` where what ends TLS does that.
pub(super) type Host = (String, Option<Action>);

/// Reads an `if` of one host; `None` for others.
pub(super) fn read(directive: &Directive) -> Option<Host> {
    let (variable, operator, host) = test(directive)?;
    let is_host = matches!(variable.as_str(), "$host" | "$http_host") && operator == "=";
    let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) && !host.is_empty();
    let [returned] = directive.block.as_deref()? else { return None };
    (is_host && is_plain && returned.name() == "return").then_some(())?;
    let words = returned.arguments();
    let host = host.to_ascii_lowercase();
    if let Some(action) = returned_action(&words) {
        return Some((host, Some(action)));
    }
    let [status, to] = words[..] else { return None };
    let status = status.parse::<u16>().ok().filter(|status| [301, 302, 303, 307, 308].contains(status))?;
    let other = to.strip_prefix("https://")?.strip_suffix("$request_uri")?;
    if other == "$host" || other.eq_ignore_ascii_case(&host) {
        return Some((host, None));
    }
    let is_name = !other.is_empty() && other.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte));
    is_name.then(|| (host, Some(Action::Redirect(format!("https://{other}{{target}}"), status))))
}

/// Returns the sites of hosts that are sent elsewhere, and whether the others are served here too.
pub(super) fn part(
    found: Vec<(&Directive, Host)>,
    site: &mut Site,
    edge: &Edge,
    notes: &mut Notes,
) -> (Vec<Site>, bool) {
    let (mut sites, mut to_tls) = (Vec::new(), Vec::new());
    for (directive, (host, action)) in found {
        let is_own = site.hosts.contains(&host) && !edge.sites.iter().any(|there| there.hosts.contains(&host));
        match action {
            None => {
                directive.left_out("not carried over: a redirect to HTTPS belongs to what ends TLS", notes);
                to_tls.push(host);
            }
            Some(_) if !is_own => {
                directive
                    .left_out("not carried over: server_name does not have this host, or an earlier site has", notes);
            }
            Some(action) => {
                site.hosts.retain(|there| *there != host);
                sites.push(Site { hosts: vec![host], action: Some(action), ..Site::default() });
            }
        }
    }
    // What is left for them is a response that nobody gets.
    let is_bare = site.routes.is_empty() && matches!(site.action, Some(Action::Respond(404, None)));
    let are_all = !to_tls.is_empty() && site.hosts.iter().all(|host| to_tls.contains(host));
    (sites, !(is_bare && are_all))
}
