//! Sticky cookies: backends of one site each have their own.

use std::collections::{BTreeMap, BTreeSet};

use crate::backends::Backends;
use crate::check::routes::used_backends;
use crate::model::{Backend, Site};
use crate::problem::Problems;
use crate::section::At;

/// Notes backends of one site whose sticky cookies have the same name: a client would have one of
/// the two, and lose its server with each response of the other.
pub(super) fn sticky_cookies(sites: &[At<Site>], backends: &Backends<'_>, problems: &mut Problems) {
    let mut noted = BTreeSet::new();
    for site in sites {
        let mut of_site: BTreeMap<&str, &Backend> = BTreeMap::new();
        for (name, _) in used_backends(site) {
            let Some(backend) = backends.get(name) else { continue };
            let Some(Some(cookie)) = backend.sticky_cookie.sound() else { continue };
            let first = *of_site.entry(&cookie.0).or_insert(backend);
            if first.name.0 != backend.name.0 && noted.insert((first.span.start, backend.span.start)) {
                for (one, other) in [(first, backend), (backend, first)] {
                    let what =
                        format!("backend \"{}\" serves the same site, and has this cookie as well", other.name.0);
                    problems.note_with_cure(&one.sticky_cookie.span, what, "give one of the two another name");
                }
            }
        }
    }
}
