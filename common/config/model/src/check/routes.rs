//! Routes, and what is done for their requests and for those that none takes.

use std::collections::HashSet;

use crate::model::{ErrorPage, HeaderEdits, Route, Site, When};
use crate::names::{LocationText, MediaType, Name, RedirectStatus, ReplacementText, TargetText, highest_group, named};
use crate::policy::RespondKeys;
use crate::problem::{Problems, Span};
use crate::section::At;

/// Notes the problems of a site's own keys and those of its routes.
pub(super) fn routes(site: &Site, problems: &mut Problems) {
    let Some(routes) = site.route.sound() else { return };
    let own = [site.backend.value.is_some(), site.redirect.value.is_some(), site.respond.value.is_some()];
    let sound = site.backend.sound().is_some() && site.redirect.sound().is_some() && site.respond.sound().is_some();
    if routes.is_empty() && sound && !own.contains(&true) {
        problems.note_with_cure(&site.span, "[[site]] has neither backend nor routes", "add backend = \"NAME\"");
    }
    one_of(&own, &[&site.backend.span, &site.redirect.span, &site.respond.span], problems);
    with_redirect(&site.redirect, other_than(&site.redirect_status, &RedirectStatus(302)), problems);
    respond((&site.respond, &site.respond_body, &site.respond_file, &site.respond_type), problems);
    error_pages(&site.error, problems);
    send_files(site, problems);
    if let Some(Some(to)) = site.redirect.sound() {
        groups(to, 0, &site.redirect.span, problems);
    }
    edits(&site.request_headers, &site.response_headers, problems);
    let regexes = routes.iter().filter_map(|route| route.regex.value.as_ref()).map(|regex| regex.pattern.as_str());
    let globs = routes.iter().filter_map(|route| route.glob.value.as_ref()).map(|glob| glob.0.as_str());
    if !fosse_routing::pattern::fit_together(regexes, globs) {
        let cure = "use prefix where that says it, or fewer or shorter ones";
        problems.note_with_cure(&site.route.span, "the site's globs and regular expressions are too many", cure);
    }
    let mut seen = HashSet::new();
    for route in routes.iter().filter(|route| route.sound().is_some()) {
        match_of(route, site, problems);
        done_by(route, own.contains(&true), problems);
        edits(&route.request_headers, &route.response_headers, problems);
        repeated(route, &mut seen, problems);
    }
}

/// Notes a route that names paths twice, or nothing at all.
fn match_of(route: &At<Route>, site: &Site, problems: &mut Problems) {
    let named = [
        (route.path.value.is_some(), &route.path.span),
        (route.prefix.value.is_some(), &route.prefix.span),
        (route.glob.value.is_some(), &route.glob.span),
        (route.regex.value.is_some(), &route.regex.span),
    ];
    let mut written = named.iter().filter(|(is_named, _)| *is_named);
    let is_broken = route.path.sound().is_none()
        || route.prefix.sound().is_none()
        || route.glob.sound().is_none()
        || route.regex.sound().is_none();
    match (written.next(), written.next()) {
        (None, _) if !is_broken && route.when.sound().is_some_and(When::is_empty) => {
            problems.note_with_cure(
                &route.span,
                "[[site.route]] names no requests",
                "add path, prefix, glob, regex or when; what is for all requests belongs in [[site]]",
            );
        }
        (Some(_), Some((_, span))) => {
            problems.note_with_cure(span, "a route has one of path, prefix, glob and regex", "write a route for each");
        }
        _ => {}
    }
    if let Some(Some(prefix)) = route.prefix.sound()
        && prefix.0 == "/"
        && route.when.is_empty()
        && site.backend.written().is_some_and(Option::is_some)
    {
        let what = "the site's backend has all paths that no route names";
        problems.note_with_cure(&route.prefix.span, what, "remove backend or this route");
    }
}

/// Notes what a route cannot do, and what it cannot do at once.
fn done_by(route: &At<Route>, site_does: bool, problems: &mut Problems) {
    let does = [route.backend.value.is_some(), route.redirect.value.is_some(), route.respond.value.is_some()];
    let sound = route.backend.sound().is_some() && route.redirect.sound().is_some() && route.respond.sound().is_some();
    if sound && !does.contains(&true) && !site_does {
        problems.note_with_cure(&route.span, "[[site.route]] needs backend", "it takes the name of a [[backend]]");
    }
    one_of(&does, &[&route.backend.span, &route.redirect.span, &route.respond.span], problems);
    with_redirect(&route.redirect, other_than(&route.redirect_status, &RedirectStatus(302)), problems);
    respond((&route.respond, &route.respond_body, &route.respond_file, &route.respond_type), problems);
    error_pages(&route.error, problems);
    let known = route.regex.sound().map(|regex| regex.as_ref().map_or(0, |regex| regex.groups));
    if let (Some(Some(to)), Some(known)) = (route.redirect.sound(), known) {
        groups(to, known, &route.redirect.span, problems);
    }
    if let (Some(Some(to)), Some(known)) = (route.rewrite.sound(), known) {
        groups(to, known, &route.rewrite.span, problems);
    }
    if route.strip_prefix.value && matches!(route.prefix.sound(), Some(None)) {
        let cure = "write prefix in place of path, glob or regex, or use rewrite";
        problems.note_with_cure(&route.strip_prefix.span, "strip_prefix takes off the prefix, and there is none", cure);
    }
    let rewrites = [
        (route.rewrite.value.is_some(), &route.rewrite.span),
        (route.strip_prefix.value, &route.strip_prefix.span),
        (route.add_prefix.value.is_some(), &route.add_prefix.span),
    ];
    let mut rewrites = rewrites.iter().filter(|(is_written, _)| *is_written).map(|(_, span)| *span);
    let Some(first) = rewrites.next() else { return };
    if route.rewrite.value.is_some()
        && let Some(other) = rewrites.next()
    {
        problems.note_with_cure(other, "rewrite makes the whole path", "remove one of the two");
    }
    if does[1] || does[2] {
        problems.note_with_cure(first, "only a request that goes to a backend has a path to change", "remove it");
    }
}

/// Notes two things that are to be done for one request.
fn one_of(are_written: &[bool; 3], spans: &[&Span; 3], problems: &mut Problems) {
    let mut written = are_written.iter().zip(spans).filter(|(is_written, _)| **is_written);
    if let (Some(_), Some((_, span))) = (written.next(), written.next()) {
        problems.note_with_cure(span, "one of backend, redirect and respond is done", "remove the others");
    }
}

/// Returns the place of a value that somebody wrote and that is not the default.
fn other_than<'a, T: PartialEq>(key: &'a At<T>, default: &T) -> Option<&'a Span> {
    key.written().filter(|value| *value != default).map(|_| &key.span)
}

fn with_redirect(redirect: &At<Option<LocationText>>, status: Option<&Span>, problems: &mut Problems) {
    if let (Some(None), Some(span)) = (redirect.sound(), status) {
        problems.note_with_cure(span, "redirect_status without redirect", "add redirect = \"https://...\"");
    }
}

/// Notes a body without its response, and one of two.
fn respond((status, body, file, media_type): RespondKeys<'_>, problems: &mut Problems) {
    let written = |is_written: bool, span| is_written.then_some(span);
    let body = written(body.written().is_some(), &body.span);
    let file = written(file.written().is_some(), &file.span);
    if let (Some(_), Some(span)) = (body, file) {
        problems.note_with_cure(span, "a response has one body", "remove respond_body or respond_file");
    }
    let first = body.or(file).or_else(|| other_than(media_type, &MediaType::usual()));
    if let (Some(None), Some(span)) = (status.sound(), first) {
        problems.note_with_cure(span, "a body without respond", "add respond = 200");
    }
}

/// Notes pages without a body, and with two.
fn error_pages(pages: &At<Vec<At<ErrorPage>>>, problems: &mut Problems) {
    for page in pages.iter().filter(|page| page.file.sound().is_some() && page.text.sound().is_some()) {
        match (&page.file.value, &page.text.value) {
            (Some(_), Some(_)) => problems.note_with_cure(&page.text.span, "a page is a file or a text", "remove one"),
            (None, None) => {
                problems.note_with_cure(
                    &page.span,
                    "[[site.error]] has no page",
                    "add file = \"PATH\" or text = \"...\"",
                );
            }
            _ => {}
        }
    }
}

/// A text that may name groups.
trait Grouped {
    fn highest(&self) -> Option<u32>;
}

impl Grouped for LocationText {
    fn highest(&self) -> Option<u32> {
        highest_group(&self.0)
    }
}

impl Grouped for TargetText {
    fn highest(&self) -> Option<u32> {
        highest_group(&self.0)
    }
}

impl Grouped for ReplacementText {
    fn highest(&self) -> Option<u32> {
        highest_group(&self.0)
    }
}

fn groups(text: &impl Grouped, known: usize, span: &Span, problems: &mut Problems) {
    let Some(highest) = text.highest() else { return };
    if usize::try_from(highest).is_ok_and(|highest| highest > known || known == 0) {
        let what = format!("{{{highest}}} is a group of regex, which has {known}");
        problems.note_with_cure(span, what, "write regex with as many groups in parentheses");
    }
}

/// Notes changes of Host, which has a key of its own.
fn edits(requests: &At<HeaderEdits>, responses: &At<HeaderEdits>, problems: &mut Problems) {
    for table in [requests, responses] {
        let in_tables = [&table.set, &table.add, &table.default].into_iter();
        let named = in_tables.filter(|texts| named(texts, "host").is_some()).map(|texts| &texts.span);
        let removed = table.remove.iter().filter(|name| name.0.eq_ignore_ascii_case("host")).map(|name| &name.span);
        let replaced = table.replace.iter().filter(|one| one.header.0.eq_ignore_ascii_case("host"));
        let replaced = replaced.map(|one| &one.value.header.span);
        for one in table.replace.iter().filter(|one| one.regex.sound().is_some()) {
            groups(&one.value.value.value, one.regex.groups, &one.value.value.span, problems);
        }
        for span in named.chain(removed).chain(replaced) {
            problems.note_with_cure(span, "Host is no header to change", "write backend_host = \"NAME\"");
        }
    }
}

/// Notes a route that can never be chosen, as an earlier one takes the same paths without any
/// condition.
fn repeated(route: &Route, seen: &mut HashSet<(&'static str, String)>, problems: &mut Problems) {
    if !route.when.is_empty() {
        return;
    }
    let prefix = route.prefix.value.as_ref().map(|prefix| ("prefix", prefix.bare().to_owned(), &route.prefix.span));
    let path = || route.path.value.as_ref().map(|path| ("path", path.0.clone(), &route.path.span));
    let glob = || route.glob.value.as_ref().map(|glob| ("glob", glob.0.clone(), &route.glob.span));
    let regex = || route.regex.value.as_ref().map(|regex| ("regex", regex.pattern.clone(), &route.regex.span));
    if let Some((kind, paths, span)) = prefix.or_else(path).or_else(glob).or_else(regex)
        && !paths.is_empty()
        && !seen.insert((kind, paths.clone()))
    {
        problems.note_with_cure(span, format!("{kind} {paths} has a route already"), "remove one");
    }
}

/// Iterates over the backends that a site and its routes name.
pub(super) fn used_backends(site: &Site) -> impl Iterator<Item = (&Name, &Span)> {
    let own = site.backend.written().and_then(Option::as_ref).map(|name| (name, &site.backend.span));
    let own = own.into_iter().chain(used_files(site));
    let name = |route: &'_ At<Route>| route.value.backend.written().is_some_and(Option::is_some);
    let routed = site.route.iter().filter(move |route| name(route));
    let routed = routed.filter_map(|route| Some((route.backend.value.as_ref()?, &route.backend.span)));
    let auths = site.route.iter().map(|route| &route.forward_auth).chain([&site.forward_auth]);
    let asked = auths.filter_map(|auth| auth.value.as_ref()?.on());
    let asked = asked.filter_map(|auth| Some((auth.backend.written()?, &auth.backend.span)));
    own.chain(routed).chain(asked)
}

/// Iterates over the backends whose files the applications of a site and its routes may name.
pub(super) fn used_files(site: &Site) -> impl Iterator<Item = (&Name, &Span)> {
    let routes = site.route.iter().map(|route| &route.value.send_files);
    let keys = std::iter::once(&site.send_files).chain(routes);
    keys.filter_map(|key| Some((key.written()?.as_ref()?, &key.span)))
}

/// Notes a beginning of paths where no files have any.
fn send_files(site: &Site, problems: &mut Problems) {
    let without = |files: &At<Option<Name>>| matches!(files.sound(), Some(None));
    let routes = site.route.iter().map(|route| (&route.value.send_files, &route.value.send_files_prefix));
    let keys = std::iter::once((&site.send_files, &site.send_files_prefix)).chain(routes);
    for (files, prefix) in keys {
        if without(&site.send_files) && without(files) && prefix.written().is_some_and(Option::is_some) {
            problems.note_with_cure(
                &prefix.span,
                "send_files_prefix without send_files",
                "add send_files = \"BACKEND\"",
            );
        }
    }
}
