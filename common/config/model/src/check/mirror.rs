//! Copies of requests: for a backend that has nothing else to do, and that takes what is copied.

use crate::backends::Backends;
use crate::check::routes::used_backends;
use crate::model::{Backend, Mirror, ProxyOut, Site};
use crate::policy::Policy;
use crate::problem::Problems;
use crate::section::At;

/// Iterates over the mirrors of a site and its routes.
pub(super) fn of_site(site: &Site) -> impl Iterator<Item = &Mirror> {
    let own = [&site.mirror].into_iter().chain(site.route.iter().map(|route| &route.mirror));
    own.filter_map(|mirror| mirror.value.as_ref()?.on())
}

/// Notes the problems of the mirrors of all sites.
pub(super) fn mirrors(sites: &[At<Site>], backends: &Backends<'_>, problems: &mut Problems) {
    for mirror in sites.iter().flat_map(|site| of_site(site)) {
        let Some(backend) = mirror.backend.sound().and_then(|name| backends.get(name)) else { continue };
        if let Some(what) = takes_no_copies(backend) {
            let what = format!("backend \"{}\" {what}", backend.name.0);
            problems.note_with_cure(&mirror.backend.span, what, "name one that speaks plain HTTP/1.1");
        }
    }
    let mirrors: std::collections::HashSet<&str> =
        sites.iter().flat_map(|site| of_site(site)).map(|mirror| mirror.backend.0.as_str()).collect();
    for site in sites.iter().filter(|_| !mirrors.is_empty()) {
        for (name, span) in used_backends(site).filter(|(name, _)| mirrors.contains(name.0.as_str())) {
            let what = format!("backend \"{}\" is a mirror, whose copies would take connections from requests", name.0);
            problems.note_with_cure(span, what, "name its servers in a [[backend]] of another name");
        }
        for policy in Policy::of(site).filter(|policy| policy.mirror().is_some()) {
            // What a route takes over has been looked at.
            let is_own = policy.route.is_none_or(|route| route.backend.value.is_some() || route.mirror.value.is_some());
            let named = policy.backend_name().and_then(|(name, span)| Some((backends.get(name)?, span)));
            if let Some((backend, span)) = named.filter(|_| is_own)
                && let Some(what) = takes_no_copies(backend)
            {
                let what = format!("backend \"{}\" {what}, so its requests have no copies", backend.name.0);
                problems.note_with_cure(span, what, "add mirror = false");
            }
        }
    }
}

/// Returns why nothing of a backend's requests would make sense to another one, or the other way
/// round.
fn takes_no_copies(backend: &Backend) -> Option<&'static str> {
    if backend.fastcgi.sound().is_some_and(Option::is_some) {
        return Some("speaks FastCGI");
    }
    if backend.files.sound().is_some_and(Option::is_some) {
        return Some("serves files");
    }
    let announces = backend.proxy_protocol.sound().is_some_and(|out| *out != ProxyOut::Off);
    announces.then_some("begins its connections with a PROXY header")
}
