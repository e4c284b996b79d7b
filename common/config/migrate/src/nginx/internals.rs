//! Locations that others ask for: by auth_request, mirror and error_page.

use std::cell::{Cell, RefCell};

use super::directive::Directive;
use super::fastcgi::{Scripts, front_controller};
use super::proxy::{backend_of, url};
use super::rewrite;
use super::scope::Scope;
use super::upstream::Upstreams;
use crate::edge::{Backend, Edge, Keys, quoted};
use crate::notes::Notes;

/// The parts of a server that its locations may name.
pub(super) struct Internals<'s> {
    pub upstreams: &'s Upstreams,
    pub block: &'s [Directive],
    /// Scripts of the server.
    pub scripts: Option<Scripts>,
    /// A location of which it cannot be said which paths it has kept requests out.
    pub is_shut: Cell<bool>,
    /// Changes of paths, of which it is looked for in the end what serves them.
    pub rewrites: RefCell<Vec<(Directive, rewrite::Path)>>,
}

impl<'s> Internals<'s> {
    /// Returns those of a server.
    pub(super) fn of(upstreams: &'s Upstreams, block: &'s [Directive]) -> Self {
        Self { upstreams, block, scripts: None, is_shut: Cell::new(false), rewrites: RefCell::default() }
    }

    /// Takes a change of paths for the end; returns whether there is room for it.
    pub(super) fn later(&self, directive: &Directive, path: rewrite::Path) -> bool {
        let mut rewrites = self.rewrites.borrow_mut();
        let is_room = rewrites.len() < rewrite::REWRITES_COUNT_MAX;
        if is_room {
            rewrites.push((directive.clone(), path));
        }
        is_room
    }

    /// Returns the script to which a location with a name, such as "@app", leads.
    pub(super) fn leads_to(&self, name: &str) -> Option<String> {
        self.scripts.as_ref().filter(|_| name.starts_with('@'))?;
        let is_named = |directive: &&Directive| directive.name() == "location" && directive.arguments() == [name];
        let block = self.block.iter().find(is_named)?.block.as_deref()?;
        match block {
            [rewrite] if rewrite.name() == "rewrite" => match rewrite::read(&rewrite.arguments(), "") {
                Some(rewrite::Rewrite::Script(script, _)) => Some(script),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns whether locations have regular expressions, or change paths by them.
    pub(super) fn has_regexes(&self) -> bool {
        has_regexes(self.block)
    }

    /// Returns the script that gets all paths of the server that are no file's.
    pub(super) fn front_controller(&self) -> Option<String> {
        let is_all = |directive: &&Directive| directive.name() == "location" && directive.arguments() == ["/"];
        let inside = self.block.iter().filter(is_all).flat_map(|location| location.block.iter().flatten());
        let mut tries = inside.chain(self.block).filter(|directive| directive.name() == "try_files");
        tries.find_map(|directive| front_controller(&directive.arguments())).map(|(script, _)| script)
    }

    /// Returns whether a location is there for what asks for it by its path.
    pub(super) fn is_asked(&self, uri: &str) -> bool {
        asks(self.block, uri)
    }

    /// Returns the backend of a location that is asked for by its path, and the path that goes to
    /// it; `None` for that of the request itself.
    fn backend(&self, uri: &str) -> Option<(Backend, Option<String>)> {
        let is_named = |directive: &&Directive| {
            directive.name() == "location" && matches!(directive.arguments()[..], [path] | ["=", path] if path == uri)
        };
        let location = self.block.iter().find(is_named)?;
        let pass = location.block.iter().flatten().find(|directive| directive.name() == "proxy_pass")?;
        let written = *pass.arguments().first()?;
        let is_same = written.ends_with("$request_uri");
        let (authority, path) = url(written.strip_suffix("$request_uri").unwrap_or(written)).ok()?;
        let backend = backend_of(authority, self.upstreams).ok()?;
        Some((backend, (!is_same).then(|| path.unwrap_or(uri).to_owned())))
    }
}

fn has_regexes(block: &[Directive]) -> bool {
    block.iter().any(|inside| match inside.name() {
        "location" => {
            let is_regex = inside.arguments().first().is_some_and(|word| matches!(*word, "~" | "~*"));
            is_regex || inside.block.as_deref().is_some_and(has_regexes)
        }
        name => name == "rewrite",
    })
}

/// Returns the keys of a place whose requests go on to another one; `None` where each of them has a
/// guard of its own.
fn joined(keys: &Keys, theirs: Keys) -> Option<Keys> {
    let mut all = keys.clone();
    for (key, value) in theirs {
        match all.iter().position(|(there, _)| *there == key) {
            Some(at) if all[at].1 == value => {}
            Some(_) if GUARDS.contains(&key) => return None,
            Some(at) => all[at].1 = value,
            None => all.push((key, value)),
        }
    }
    Some(all)
}

/// Keys that keep requests out.
const GUARDS: [&str; 5] = ["allow_networks", "deny_networks", "basic_auth", "forward_auth", "methods"];

/// Returns whether directives ask for a location.
fn asks(block: &[Directive], uri: &str) -> bool {
    block.iter().any(|directive| match directive.name() {
        "auth_request" | "mirror" | "error_page" => directive.arguments().last() == Some(&uri),
        "location" => directive.block.as_deref().is_some_and(|inside| asks(inside, uri)),
        _ => false,
    })
}

impl Scope {
    /// Returns the keys of a place, with those of the location of the scripts where its requests go
    /// on to that, and whether nobody is let in.
    pub(super) fn with_scripts(
        &mut self,
        internals: &Internals<'_>,
        edge: &mut Edge,
        place: &Directive,
        notes: &mut Notes,
    ) -> (Keys, bool) {
        let keys = self.keys(internals, edge, place, notes);
        let is_closed = self.is_closed(internals);
        self.file_keys.clone_from(&keys);
        let Some(scripts) = internals.scripts.as_ref().filter(|_| self.leads || self.directories.is_some()) else {
            return (keys, is_closed);
        };
        self.rules
            .extend(scripts.scope.rules.iter().filter(|rule| !self.rules.contains(rule)).cloned().collect::<Vec<_>>());
        // The location itself notes what is not carried over.
        let theirs = scripts.scope.keys(internals, edge, place, &mut Notes::default());
        match joined(&keys, theirs).filter(|_| !scripts.scope.is_closed(internals)) {
            Some(joined) => {
                self.script_keys.clone_from(&joined);
                (if self.leads { joined } else { keys }, is_closed)
            }
            None => {
                self.directories = None;
                let why = "not carried over for scripts, which get 403: what guards their location is not what guards this one";
                place.left_out(why, notes);
                (keys, is_closed || self.leads)
            }
        }
    }

    /// Returns whether something that kept requests out of a place is not carried over.
    pub(super) fn is_closed(&self, internals: &Internals<'_>) -> bool {
        let is_lost = |uri: &String| !matches!(internals.backend(uri), Some((_, Some(path))) if !path.contains('$'));
        !self.lost.is_empty() || self.settings.lacks_users() || self.settings.auth_request.as_ref().is_some_and(is_lost)
    }

    /// Returns the keys of a place, with those about backends that are added to the edge.
    pub(super) fn keys(
        &self,
        internals: &Internals<'_>,
        edge: &mut Edge,
        place: &Directive,
        notes: &mut Notes,
    ) -> Keys {
        let settings = &self.settings;
        let mut keys = self.of_route.clone();
        for key in ["first_byte_seconds", "idle_seconds"] {
            keys.extend(self.read_seconds.clone().map(|time| (key, time)));
        }
        keys.extend(settings.keys(self.root.as_deref()));
        if settings.lacks_users() {
            place.left_out("auth_basic without auth_basic_user_file: not carried over, so its requests get 403", notes);
        }
        if self.root.is_none() && settings.error_paths().next().is_some() {
            place.left_out("error_page: not carried over: there is no root for the pages", notes);
        }
        if let Some(uri) = &settings.auth_request {
            match internals.backend(uri) {
                Some((backend, Some(path))) if !path.contains('$') => {
                    let copied = settings.copied();
                    let copied = match copied.is_empty() {
                        true => String::new(),
                        false => format!(", copy_headers = [{}]", copied.join(", ")),
                    };
                    let backend = quoted(&edge.backend(backend));
                    keys.push(("forward_auth", format!("{{ backend = {backend}, path = {}{copied} }}", quoted(&path))));
                }
                _ => place.left_out(
                    &format!("auth_request {uri}: not carried over, so its requests get 403: see [site.forward_auth]"),
                    notes,
                ),
            }
        }
        if let Some(uri) = &settings.mirror {
            match internals.backend(uri) {
                Some((backend, None)) => {
                    let backend = Backend { name: format!("{}-copies", backend.name), ..backend };
                    keys.push(("mirror", format!("{{ backend = {} }}", quoted(&edge.backend(backend)))));
                }
                _ => place.left_out(&format!("mirror {uri}: not carried over: see [site.mirror]"), notes),
            }
        }
        keys
    }
}
