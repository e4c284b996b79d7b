//! What serves the requests of a place: servers, scripts, files, or a response of Caddy's own.

use super::block::Directive;
use super::matchers::{self, Requests};
use super::place::Place;
use super::proxy::{self, Proxied};
use super::reader::{NO_MATCHER, Reader, note_prefix};
use crate::edge::{Action, Keys, PathKind, Route, escaped};
use crate::notes::Notes;
use crate::php::{self, Php};

impl Reader<'_, '_> {
    /// Takes PHP as Caddy's documentation expands it: what is a file is served, all else is
    /// index.php's.
    pub(super) fn php(&mut self, directive: &Directive, upstream: &str, notes: &mut Notes) {
        let Some(root) = self.root.clone() else {
            self.close(&Place::ALL, 404);
            return directive
                .left_out("not carried over; all gets 404: there is no root * /DIRECTORY in this block", notes);
        };
        let (front_controller, index) = (Some("/index.php".to_owned()), Some("index.php".to_owned()));
        let mut php = Php { root, front_controller, index, ..Php::default() };
        for line in directive.inside() {
            match (line.name(), line.arguments().as_slice()) {
                ("root", [directory]) if directory.starts_with('/') && !directory.contains('{') => {
                    directory.trim_end_matches('/').clone_into(&mut php.root);
                }
                ("index", ["off"]) => (php.front_controller, php.index) = (None, None),
                ("env", [name, value]) if php::is_param(name, value) => {
                    php.params.push(((*name).to_owned(), (*value).to_owned()));
                }
                ("split", [".php"]) => php.path_info = true,
                ("dial_timeout", [time]) if proxy::seconds(time, 60).is_some() => {
                    php.keys.extend(proxy::seconds(time, 60).map(|time| ("connect_seconds", time)));
                }
                ("read_timeout", [time]) if proxy::seconds(time, 3600).is_some() => {
                    php.keys.extend(proxy::seconds(time, 3600).map(|time| ("first_byte_seconds", time)));
                }
                _ => line.left_out(crate::notes::UNKNOWN, notes),
            }
        }
        let Some(server) = proxy::server(upstream) else {
            self.close(&Place::ALL, 404);
            return directive
                .left_out("not carried over; all gets 404: its address is none that fosse connects to", notes);
        };
        directive.left_out(php::WHY, notes);
        let backend = php.backend("php", vec![server]);
        self.serve(directive, &Place::ALL, Proxied::of(backend), notes);
        let files = php.files(self.edge);
        self.site.routes.push(files);
        // file_server serves no more than that.
        self.open.clear();
        self.root = None;
    }

    pub(super) fn proxy(
        &mut self,
        directive: &Directive,
        matcher: &str,
        upstreams: &[&str],
        place: &Place,
        notes: &mut Notes,
    ) {
        match proxy::backend(directive, upstreams, notes) {
            Some(proxied) => self.serve_matched(directive, matcher, place, proxied, notes),
            None => directive.left_out("not carried over: none of its servers is", notes),
        }
    }

    /// Has a backend serve what a matcher matches.
    pub(super) fn serve_matched(
        &mut self,
        directive: &Directive,
        word: &str,
        place: &Place,
        proxied: Proxied,
        notes: &mut Notes,
    ) {
        let matcher = matchers::read(word, &self.named);
        if let Some(matcher) = &matcher
            && place.is_all()
            && matcher.paths.is_empty()
            && matcher.when.is_empty()
            && matcher.not_networks.is_empty()
            && matcher.not_methods.is_empty()
            && !matcher.not_paths.is_empty()
            && self.site.action.is_none()
        {
            self.serve(directive, place, proxied, notes);
            self.open = matcher.not_paths.clone();
            return;
        }
        let is_other = self.is_stripped && word != "*";
        match matcher.filter(|_| !is_other).and_then(|matcher| place.within(&matcher)) {
            Some(places) => {
                for place in places {
                    note_prefix(directive, &place, notes);
                    self.serve(directive, &place, proxied.clone(), notes);
                }
            }
            None => directive.left_out(NO_MATCHER, notes),
        }
    }

    /// Has a backend serve what is at a place, unless another one does, which Caddy asks first.
    fn serve(&mut self, directive: &Directive, place: &Place, proxied: Proxied, notes: &mut Notes) {
        if place.is_all() && !self.open.is_empty() {
            let backend = self.edge.backend(proxied.backend);
            for requests in std::mem::take(&mut self.open) {
                let place = Place { requests, ..Place::ALL };
                let route = place.route(Action::Backend(backend.clone()), proxied.keys.clone());
                if !self.site.routes.iter().any(|there| (there.kind, &there.path) == (route.kind, &route.path)) {
                    self.site.routes.push(route);
                }
            }
            return;
        }
        if self.is_taken(place) {
            return directive.left_out("not carried over: another directive takes these requests before it", notes);
        }
        let action = Action::Backend(self.edge.backend(proxied.backend));
        let mut keys = proxied.keys;
        keys.extend(self.is_stripped.then(|| ("strip_prefix", "true".to_owned())));
        self.serve_action(directive, place, action, keys, notes);
    }

    pub(super) fn serve_action(
        &mut self,
        directive: &Directive,
        place: &Place,
        action: Action,
        keys: Keys,
        notes: &mut Notes,
    ) {
        if self.is_taken(place) {
            return directive.left_out("not carried over: another directive takes these requests before it", notes);
        }
        if place.is_all() {
            (self.site.action, self.site.action_keys) = (Some(action), keys);
            return;
        }
        // Caddy's paths are the same in any case, so that what keeps out has to be found in any.
        let any_case = match (&place.requests, &action) {
            (Requests::Exact(path), Action::Respond(..)) => Some(format!("(?i)^{}$", escaped(path))),
            (Requests::Beginning(path), Action::Respond(..)) => Some(format!("(?i)^{}", escaped(path))),
            _ => None,
        };
        self.site.routes.push(place.route(action.clone(), keys.clone()));
        if let Some(regex) = any_case {
            let place = Place { requests: Requests::Regex(regex), ..place.clone() };
            self.site.routes.push(place.route(action, keys));
        }
    }

    /// Returns whether a directive that Caddy asks first takes all that is at a place.
    fn is_taken(&self, place: &Place) -> bool {
        let before = |route: &Route| match &place.requests {
            Requests::All | Requests::Regex(_) => false,
            Requests::Exact(path) | Requests::Beginning(path) => {
                let is_same = (route.kind, &route.path) == (PathKind::Exact, path);
                (route.kind == PathKind::Prefix && path.starts_with(&route.path)) || is_same
            }
        };
        self.site.action.is_some() || self.site.routes.iter().any(|route| route.when.is_empty() && before(route))
    }
}
