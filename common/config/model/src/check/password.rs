//! Users with passwords: somebody is let in, each name once, and what is written of them once.

use std::collections::HashSet;

use super::auth;
use crate::model::{BasicAuth, Site};
use crate::policy::Policy;
use crate::problem::Problems;

/// Notes the problems of the users of a site and of its routes.
pub(super) fn password(site: &Site, problems: &mut Problems) {
    let own = [&site.basic_auth].into_iter().chain(site.route.iter().map(|route| &route.basic_auth));
    own.filter_map(|auth| auth.value.as_ref()?.on()).for_each(|auth| table(auth, problems));
    for policy in Policy::of(site) {
        let Some(auth) = policy.basic_auth() else { continue };
        let Some(name) = auth.user_header.value.as_ref().filter(|_| auth.user_header.sound().is_some()) else {
            continue;
        };
        // What the site says of both is said once.
        let is_first = policy.route.is_none_or(|route| route.basic_auth.value.is_some());
        let of_site = is_first.then_some(&site.request_headers);
        let of_route = policy.route.map(|route| &route.request_headers);
        for table in of_site.into_iter().chain(of_route) {
            auth::written_once(&name.0, ("basic_auth", "user_header"), table, problems);
        }
    }
}

fn table(auth: &BasicAuth, problems: &mut Problems) {
    let (Some(users), Some(file)) = (auth.users.sound(), auth.users_file.sound()) else { return };
    if users.is_empty() && file.is_none() {
        problems.note_with_cure(&auth.span, "[site.basic_auth] has no users", "add users_file = \"FILE\", or users");
    }
    let mut names = HashSet::new();
    for user in users.iter().filter(|user| user.sound().is_some()) {
        if !names.insert(&user.name) {
            problems.note_with_cure(&user.span, "a user of this name is named before", "remove one");
        }
    }
}
