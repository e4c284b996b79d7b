//! The directives of a site, in Caddy's order.

use super::block::Directive;
use super::guarded::{self, Put};
use super::guards::{self, Guard};
use super::headers::Edits;
use super::matchers::{self, Matcher, Named, Requests};
use super::place::Place;
use super::proxy::Proxied;
use super::{errors, rewrite, why};
use crate::edge::{Action, Backend, Edge, Keys, Site, Target, quoted};
use crate::limits::PLACES_COUNT_MAX;
use crate::notes::Notes;

/// Said of a matcher that chooses by what no route has.
pub(super) const NO_MATCHER: &str = "not carried over: its matcher is none that a route has";

/// The site that is being read.
pub(super) struct Reader<'s, 'e> {
    pub(super) site: &'s mut Site,
    pub(super) edge: &'e mut Edge,
    pub(super) root: Option<String>,
    pub(super) named: Named,
    /// Places where files are looked for, as fosse has them.
    tried: Option<String>,
    /// A prefix is taken off the paths.
    pub(super) is_stripped: bool,
    /// Changes of headers of responses.
    pub(super) headers: Edits,
    /// Directives before all that serves something.
    guards: Vec<Put>,
    /// Paths that the directive for all others has left.
    pub(super) open: Vec<Requests>,
    /// Places that blocks may still be for.
    places_left: usize,
}

impl<'s, 'e> Reader<'s, 'e> {
    pub(super) fn new(site: &'s mut Site, edge: &'e mut Edge, root: Option<String>, named: Named) -> Self {
        let (tried, headers) = (None, Edits::default());
        let (guards, open, places_left) = (Vec::new(), Vec::new(), PLACES_COUNT_MAX);
        Self { site, edge, root, named, tried, is_stripped: false, headers, guards, open, places_left }
    }

    /// Returns the directives before all that serves something.
    pub(super) fn take_guards(&mut self) -> Vec<Put> {
        std::mem::take(&mut self.guards)
    }

    /// Reads the block of a site.
    pub(super) fn all(&mut self, inside: &[Directive], notes: &mut Notes) {
        for (name, matcher) in &self.named {
            if let (None, Some(directive)) = (matcher, inside.iter().find(|one| one.name() == name)) {
                directive.left_out("not carried over, nor is what it chooses: see when of [[site.route]]", notes);
            }
        }
        self.directives(inside, &Place::ALL, notes);
        self.site.keys.extend(self.headers.keys(false));
        rewrite::settle(self.site);
        let rewrites = inside.iter().filter(|directive| directive.name() == "rewrite" || directive.name() == "uri");
        for directive in rewrites {
            self.rewrite(directive, notes);
        }
    }

    /// Reads directives for the requests of a place.
    fn directives(&mut self, inside: &[Directive], place: &Place, notes: &mut Notes) {
        let mut sorted: Vec<&Directive> = inside.iter().collect();
        sorted.sort_by_key(|directive| order(directive));
        for directive in sorted {
            if directive.words.iter().any(|word| word.contains("{$")) {
                directive.left_out("not carried over: write ${NAME:-DEFAULT} for a variable of the environment", notes);
                self.close_for(directive, place);
                continue;
            }
            self.directive(directive, place, notes);
        }
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each directive, in one place")]
    fn directive(&mut self, directive: &Directive, place: &Place, notes: &mut Notes) {
        let arguments = directive.arguments();
        match (directive.name(), arguments.as_slice()) {
            (name, _) if name.starts_with('@') && *place == Place::ALL => {}
            ("bind", _) | ("root", [_] | ["*", _]) if place.is_all() && self.is_read(directive) => {}
            ("handle" | "route", []) if directive.block.is_some() => self.directives(directive.inside(), place, notes),
            ("handle" | "route", [matcher]) => self.block(directive, matcher, place, notes),
            ("handle_path", [matcher]) if place.is_all() && matcher.starts_with('/') && matcher.ends_with('*') => {
                self.is_stripped = true;
                self.block(directive, matcher, place, notes);
                self.is_stripped = false;
            }
            ("basicauth" | "basic_auth" | "forward_auth" | "redir", _) => self.guard(directive, place, notes),
            ("abort" | "error" | "respond", _) => self.respond(directive, place, notes),
            // Those of the site are read when it is known what serves.
            ("rewrite" | "uri", _) if place.is_all() => {}
            ("uri", ["strip_prefix", _]) if self.strips(directive, place) => {}
            ("php_fastcgi", [upstream]) if place.is_all() => self.php(directive, upstream, notes),
            ("php_fastcgi" | "rewrite" | "uri" | "import", _) => {
                self.close(place, 404);
                directive.left_out("not carried over; what is around it gets 404: see rewrite of [[site.route]], [backend.fastcgi], and for snippets their lines", notes);
            }
            ("try_files", places) if directive.block.is_none() && tried(places).is_some() => self.tried = tried(places),
            ("encode", codings) if place.is_all() && self.encode(codings, directive.inside()) => {}
            ("header", change) if place.is_all() && self.header(directive, change) => {}
            ("request_body", []) if place.is_all() && self.body(directive.inside()) => {}
            ("handle_errors", []) if place.is_all() => match errors::page(directive.inside(), self.root.as_deref()) {
                Some(page) => self.site.keys.extend(page),
                None => directive.left_out(why("handle_errors"), notes),
            },
            ("file_server", matcher @ ([] | [_])) if directive.block.is_none() => {
                let matcher = matcher.first().copied().unwrap_or("*");
                match self.root.clone() {
                    Some(directory) => {
                        let name = directory.rsplit('/').next().unwrap_or_default().to_owned();
                        let keys = self.tried.clone().into_iter().map(|places| ("try_files", places)).collect();
                        let backend = Backend { name, target: Target::Files(directory), keys, health: Vec::new() };
                        self.serve_matched(directive, matcher, place, Proxied::of(backend), notes);
                    }
                    None => directive.left_out("not carried over: there is no root * /DIRECTORY in this block", notes),
                }
            }
            ("reverse_proxy", [matcher, upstreams @ ..])
                if matcher.starts_with(['/', '@', '*']) && !matcher.contains(':') =>
            {
                self.proxy(directive, matcher, upstreams, place, notes);
            }
            ("reverse_proxy", upstreams) => self.proxy(directive, "*", upstreams, place, notes),
            (name, _) => {
                directive.left_out(why(name), notes);
                self.close_for(directive, place);
            }
        }
    }

    /// Reads the block of `handle` for each place that its matcher matches.
    fn block(&mut self, directive: &Directive, matcher: &str, place: &Place, notes: &mut Notes) {
        let places = matchers::read(matcher, &self.named).and_then(|matcher| place.within(&matcher));
        // Within a prefix that is taken off, paths are others.
        let is_other = self.is_stripped && !place.is_all();
        match places.filter(|places| !is_other && places.len() <= self.places_left) {
            Some(places) => {
                self.places_left -= places.len();
                let is_stripped = self.is_stripped;
                for place in places {
                    note_prefix(directive, &place, notes);
                    self.directives(directive.inside(), &place, notes);
                    self.is_stripped = is_stripped;
                }
            }
            None => {
                directive.left_out(NO_MATCHER, notes);
                self.close_for(directive, place);
            }
        }
    }

    /// Returns the matcher of a directive, and the rest of its words.
    fn matched<'w>(&self, words: &'w [&'w str], is_first: bool, place: &Place) -> (Option<Matcher>, &'w [&'w str]) {
        let Some((first, rest)) = words.split_first().filter(|_| is_first) else {
            return (Some(place.matcher()), words);
        };
        let matcher = matchers::read(first, &self.named).and_then(|matcher| {
            if place.is_all() {
                return Some(matcher);
            }
            let places = place.within(&matcher)?;
            let paths = places.iter().map(|place| place.requests.clone()).filter(|one| *one != Requests::All).collect();
            let when = places.first().map(|place| place.when.clone()).unwrap_or_default();
            Some(Matcher { paths, when, regex: matcher.regex.clone(), ..Matcher::all() })
        });
        let has_path = |matcher: &Matcher| *first != "*" && !matcher.paths.is_empty() || !matcher.is_positive();
        (matcher.filter(|matcher| !self.is_stripped || !has_path(matcher) || place.is_all()), rest)
    }

    /// Takes a directive that asks who it is, or sends requests elsewhere.
    fn guard(&mut self, directive: &Directive, place: &Place, notes: &mut Notes) {
        let arguments = directive.arguments();
        let is_matcher = arguments.first().is_some_and(|first| {
            first.starts_with('@')
                || *first == "*"
                || (first.starts_with('/') && (directive.name() != "redir" || arguments.len() > 1))
        });
        let (matcher, rest) = self.matched(&arguments, is_matcher, place);
        let regex = matcher.as_ref().and_then(|matcher| matcher.regex.clone());
        let guard = match directive.name() {
            "redir" => guards::action("redir", rest, directive.block.is_some(), regex.as_deref()).map(Guard::Instead),
            _ => guards::asks(directive, rest, self.edge, notes),
        };
        match (matcher, guard) {
            (Some(matcher), Some(guard)) if guarded::is_carried(&matcher, &guard) => {
                self.guards.push(Put { matcher, guard, after: Vec::new() })
            }
            (None, _) | (Some(_), Some(_)) => {
                self.close(place, 403);
                directive.left_out(
                    "not carried over; what is around it gets 403: its matcher is none that a route has",
                    notes,
                );
            }
            (Some(matcher), None) => {
                let status = if directive.name() == "redir" { 404 } else { 403 };
                let (matcher, guard) = (matcher, Guard::Instead(Action::Respond(status, None)));
                if !guarded::is_carried(&matcher, &guard) {
                    self.close(place, 403);
                    return directive.left_out("not carried over; what is around it gets 403", notes);
                }
                self.guards.push(Put { matcher, guard, after: Vec::new() });
                directive.left_out(&format!("not carried over; its requests get {status}"), notes);
            }
        }
    }

    /// Lets nobody in where a directive that is left out may have kept somebody out.
    fn close_for(&mut self, directive: &Directive, place: &Place) {
        if keeps_out(directive) {
            self.close(place, 403);
        }
    }

    /// Lets nobody get what is at a place.
    pub(super) fn close(&mut self, place: &Place, status: u16) {
        let guard = Guard::Instead(Action::Respond(status, None));
        self.guards.insert(0, Put { matcher: place.matcher(), guard, after: Vec::new() });
    }

    /// Takes a response of Caddy's own.
    fn respond(&mut self, directive: &Directive, place: &Place, notes: &mut Notes) {
        let arguments = directive.arguments();
        let is_matcher = arguments.first().is_some_and(|first| first.starts_with(['@', '/']) || *first == "*");
        let (matcher, rest) = self.matched(&arguments, is_matcher, place);
        let action = guards::action(directive.name(), rest, directive.block.is_some(), None).unwrap_or_else(|| {
            directive.left_out("not carried over; its requests get 404", notes);
            Action::Respond(404, None)
        });
        let Some(matcher) = matcher else {
            self.close(place, 404);
            return directive
                .left_out("not carried over; what is around it gets 404: its matcher is none that a route has", notes);
        };
        // What `handle` takes is none of its requests.
        let guard = Guard::Instead(action.clone());
        match Place::ALL.within(&matcher) {
            Some(places) => {
                for place in places {
                    self.serve_action(directive, &place, action.clone(), Keys::new(), notes);
                }
            }
            None if guarded::is_carried(&matcher, &guard) => {
                let after = self.site.routes.clone();
                self.guards.push(Put { matcher, guard, after });
            }
            None => {
                self.close(place, 404);
                directive.left_out(
                    "not carried over; what is around it gets 404: its matcher is none that a route has",
                    notes,
                );
            }
        }
    }

    /// Returns whether the first look at the block took a `bind` or a `root`.
    fn is_read(&self, directive: &Directive) -> bool {
        let last = directive.words.last().map_or("", String::as_str);
        match directive.name() {
            "root" => self.root.as_deref() == Some(last.trim_end_matches('/')),
            _ => directive.arguments().iter().all(|host| host.parse::<std::net::IpAddr>().is_ok()),
        }
    }

    /// Takes `uri strip_prefix` of the prefix of its own place.
    fn strips(&mut self, directive: &Directive, place: &Place) -> bool {
        let last = directive.words.last().map_or("", String::as_str);
        let is_own = matches!(&place.requests, Requests::Beginning(path) if path.trim_end_matches('/') == last.trim_end_matches('/'));
        self.is_stripped |= is_own;
        is_own
    }

    fn rewrite(&mut self, directive: &Directive, notes: &mut Notes) {
        let arguments = directive.arguments();
        let is_matcher =
            arguments.first().is_some_and(|first| first.starts_with(['@', '/', '*'])) && arguments.len() > 1;
        let (matcher, rest) = self.matched(&arguments, is_matcher, &Place::ALL);
        let places = matcher.and_then(|matcher| Place::ALL.within(&matcher));
        let done = places.and_then(|places| {
            let change = rewrite::change(directive.name(), rest, places.first()?)?;
            places.iter().try_for_each(|place| rewrite::apply(self.site, place, &change))
        });
        if done.is_none() {
            self.close(&Place::ALL, 404);
            directive.left_out("not carried over; what is around it gets 404: see rewrite of [[site.route]]", notes);
        }
    }
}

/// Returns the place of a directive in Caddy's order: `handle`, then `reverse_proxy`, then
/// `file_server`, and of each kind first those with the longest path, then those with another
/// matcher (caddyserver.com, "Directive order").
fn order(directive: &Directive) -> (u8, usize, bool) {
    let arguments = directive.arguments();
    let first = arguments.first().copied().unwrap_or_default();
    let path = if first.starts_with('/') { first.len() } else { 0 };
    let kind = match directive.name() {
        "redir" => 0,
        "uri" => 1,
        "basicauth" | "basic_auth" => 2,
        "forward_auth" => 3,
        "handle" | "handle_path" | "route" => 4,
        "abort" | "error" | "respond" => 5,
        "php_fastcgi" => 7,
        "file_server" => 8,
        _ => 6,
    };
    (kind, usize::MAX - path, !first.starts_with('@'))
}

/// Notes that a prefix of Caddy has more than that of a route.
pub(super) fn note_prefix(directive: &Directive, place: &Place, notes: &mut Notes) {
    if let Requests::Beginning(prefix) = &place.requests
        && !prefix.ends_with('/')
    {
        let why = format!("carried over for {prefix} and what is below {prefix}/; in Caddy {prefix}x is of it too");
        directive.left_out(&why, notes);
    }
}

/// Directives that keep nobody out, those of a block aside.
const KEEP_NOBODY_OUT: [&str; 27] = [
    "acme_server",
    "bind",
    "encode",
    "file_server",
    "fs",
    "handle_errors",
    "header",
    "log",
    "log_append",
    "log_name",
    "log_skip",
    "map",
    "method",
    "metrics",
    "php_fastcgi",
    "push",
    "request_body",
    "request_header",
    "reverse_proxy",
    "root",
    "skip_log",
    "templates",
    "tracing",
    "try_files",
    "vars",
    "copy_response",
    "copy_response_headers",
];

/// Returns whether a directive may keep somebody out, or have a path mean another: all may of which
/// it is not known that they do not.
fn keeps_out(directive: &Directive) -> bool {
    match directive.name() {
        "handle" | "handle_path" | "route" => directive.inside().iter().any(keeps_out),
        "tls" => directive.inside().iter().any(|line| line.name() == "client_auth"),
        name => !name.starts_with('@') && !KEEP_NOBODY_OUT.contains(&name),
    }
}

/// Returns the places of `try_files` in fosse's words.
fn tried(places: &[&str]) -> Option<String> {
    let is_plain =
        |path: &str| path.starts_with('/') && !path.ends_with('/') && !path.contains(['{', '?', '$', '*', '%', '#']);
    let place = |written: &&str| match *written {
        "{path}" | "{path}/" => Some(quoted("$path")),
        "{path}.html" => Some(quoted("$path.html")),
        path => is_plain(path).then(|| quoted(path)),
    };
    let mut all: Vec<String> = places.iter().map(place).collect::<Option<_>>()?;
    all.dedup();
    (1..=16).contains(&all.len()).then(|| crate::edge::list(&all))
}
