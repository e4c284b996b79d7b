//! Locations that are closed: of which no route can say the paths, and those of nginx itself.

use super::directive::Directive;
use super::internals::Internals;
use super::scope::is_guard;
use crate::edge::{Action, Keys, PathKind, Route, Site, When};
use crate::notes::Notes;

/// Notes a location of which it cannot be said which paths it has. What kept requests out of some
/// paths, or would show scripts as texts, is not served at all then.
pub(super) fn unsaid(location: &Directive, why: &str, internals: &Internals<'_>, notes: &mut Notes) {
    let closes = |directive: &Directive| match directive.name() {
        "return" => directive.arguments().first().is_some_and(|status| status.starts_with('4')),
        name => is_guard(name) || name == "internal" || name.ends_with("_pass") && name != "proxy_pass",
    };
    let is_named = matches!(location.arguments()[..], [name] if name.starts_with('@'));
    let is_shut = !is_named && location.block.iter().flatten().any(closes);
    internals.is_shut.set(internals.is_shut.get() || is_shut);
    let rest = match is_shut {
        true => "all of this site gets 403, as it kept requests out",
        false => "its paths go where the other paths of the site go",
    };
    location.left_out(&format!("not carried over: {why}; {rest}"), notes);
}

/// Has nobody get what nginx itself asks for.
pub(super) fn internal(
    location: &Directive,
    path: String,
    kind: PathKind,
    internals: &Internals<'_>,
    site: &mut Site,
    notes: &mut Notes,
) {
    let is_script = location.block.iter().flatten().any(|directive| directive.name() == "fastcgi_pass");
    if !is_script && !internals.is_asked(&path) {
        location.left_out("not carried over; clients get 404 there: see send_files of [[site]]", notes);
    }
    let action = Action::Respond(404, None);
    site.routes.push(Route { path, kind, when: When::default(), action, keys: Keys::new() });
}
