//! Checks of who asks: whether what they write is written by nobody else.

use crate::backends::Backends;
use crate::model::{ForwardAuth, HeaderEdits, Site};
use crate::names::names_header;
use crate::policy::Policy;
use crate::problem::Problems;

/// Notes the problems of the checks of a site and its routes.
pub(super) fn auth(site: &Site, backends: &Backends<'_>, problems: &mut Problems) {
    let own = [&site.forward_auth].into_iter().chain(site.route.iter().map(|route| &route.forward_auth));
    for auth in own.filter_map(|auth| auth.value.as_ref()?.on()) {
        speaks_http(auth, backends, problems);
    }
    for policy in Policy::of(site) {
        let Some((auth, _)) = policy.forward_auth() else { continue };
        for name in auth.copy_headers.iter().filter(|name| name.sound().is_some()) {
            // What the site says of both is said once.
            let is_first = policy.route.is_none_or(|route| route.forward_auth.value.is_some());
            let of_site = is_first.then_some(&site.request_headers);
            let of_route = policy.route.map(|route| &route.request_headers);
            for table in of_site.into_iter().chain(of_route) {
                written_once(&name.0, ("forward_auth", "copy_headers"), table, problems);
            }
        }
    }
}

fn speaks_http(auth: &ForwardAuth, backends: &Backends<'_>, problems: &mut Problems) {
    if backends.get(&auth.backend).is_some_and(|backend| backend.fastcgi.value.is_some()) {
        let what = format!("backend \"{}\" speaks FastCGI, and forward_auth asks by HTTP/1.1", auth.backend.0);
        problems.note_with_cure(&auth.backend.span, what, "name one without a table fastcgi");
    }
}

/// Notes a header that comes from a check, and is changed as well, or read as the client sent it.
pub(super) fn written_once(name: &str, (check, key): (&str, &str), table: &HeaderEdits, problems: &mut Problems) {
    for texts in [&table.set, &table.add, &table.default] {
        for (field, text) in &texts.0 {
            if field.eq_ignore_ascii_case(name) {
                let what = format!("{field} comes from {check}, by {key}");
                problems.note_with_cure(&texts.span, what, "remove it from one of the two");
            } else if names_header(text, name) {
                let what = format!("{{header.{name}}} is what the client sent, whatever {check} says");
                problems.note_with_cure(&texts.span, what, "remove it");
            }
        }
    }
}
