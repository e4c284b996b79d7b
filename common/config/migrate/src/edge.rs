//! What becomes fosse.toml: listeners, sites with their routes, backends with their servers.

use std::fmt::Write as _;

pub(crate) use crate::when::When;
pub(crate) use crate::written::{Keys, escaped, list, quoted, size};
use crate::written::{NAME_BYTES_MAX, is_elsewhere, sound_name, write_keys};

/// Keys that only routes have.
const OF_ROUTES: &[&str] = &["strip_prefix", "add_prefix", "rewrite", "when", "respond_type", "respond_file"];
/// Longest beginning of a path that counts for the order of routes; there is none as long.
const LENGTH_MAX: usize = 1 << 24;
/// The address for an edge whose listeners all spoke TLS: what ends it stands in front.
const PLAIN_ADDRESS: &str = "127.0.0.1:8080";

/// A configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edge {
    pub listeners: Vec<Listener>,
    pub sites: Vec<Site>,
    pub backends: Vec<Backend>,
    pub connections_max: Option<u64>,
    /// Other keys of [limits].
    pub limits: Keys,
    /// Keys of [timeouts].
    pub timeouts: Keys,
}

/// A listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listener {
    pub address: String,
    /// Networks of the proxies whose word for the client counts.
    pub trusted: Vec<String>,
}

/// A site.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site {
    pub hosts: Vec<String>,
    pub is_default: bool,
    /// Addresses of the listeners that it is the default of, where another one is that of the rest.
    pub default_for: Vec<String>,
    /// The action for paths that no route names.
    pub action: Option<Action>,
    /// Keys of that action alone: what is done for others has not got them.
    pub action_keys: Keys,
    pub routes: Vec<Route>,
    /// Other keys of those paths, or, once they are shared, of all requests.
    pub keys: Keys,
}

/// Treatment of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The backend of that name serves it.
    Backend(String),
    /// It is sent to another place, with this status.
    Redirect(String, u16),
    /// It gets this status, and a body where there is one.
    Respond(u16, Option<String>),
}

/// A part of a site's requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub path: String,
    pub kind: PathKind,
    pub when: When,
    pub action: Action,
    pub keys: Keys,
}

/// The paths that a route has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathKind {
    /// The path and what is below it.
    Prefix,
    /// The path alone, and nothing below it.
    Exact,
    /// Those in which a regular expression is found.
    Regex,
    /// Those in which a regular expression is found, all of which begin with a text of this length:
    /// what is for a longer beginning comes first.
    Within(usize),
    /// All that begin so, where no regular expression is found in them.
    Beginning,
    /// Those in which a regular expression is found, where nothing else is said of them but of all.
    Ending,
    /// All of them, where nothing is said of their path.
    Any,
}

/// The servers of a backend, or the directory whose files it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Servers(Vec<Server>),
    Files(String),
}

/// A server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Server {
    pub address: String,
    pub weight: Option<u32>,
    pub backup: bool,
}

/// A backend: its name, and lines `key = value` as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backend {
    pub name: String,
    pub target: Target,
    pub keys: Keys,
    pub health: Keys,
}

impl Edge {
    /// Adds a listener unless it is there.
    pub(crate) fn listen(&mut self, listener: Listener) {
        match self.listeners.iter_mut().find(|there| there.address == listener.address) {
            Some(there) => {
                let more = listener.trusted.into_iter().filter(|network| !there.trusted.contains(network));
                there.trusted.extend(more.collect::<Vec<_>>());
            }
            None => self.listeners.push(listener),
        }
    }

    /// Returns the name of a backend like this one, which is added unless it is there. Its own name
    /// is made one that fosse takes, and no other has.
    pub(crate) fn backend(&mut self, backend: Backend) -> String {
        let wanted = sound_name(&backend.name);
        let like = |there: &&Backend| {
            let is_named_so = there.name == wanted || there.name.starts_with(&format!("{wanted}-"));
            let same = (&there.target, &there.keys, &there.health) == (&backend.target, &backend.keys, &backend.health);
            is_named_so && same
        };
        if let Some(there) = self.backends.iter().find(like) {
            return there.name.clone();
        }
        let mut name = wanted.clone();
        let mut number = 1;
        while self.backends.iter().any(|there| there.name == name) {
            number += 1;
            let end = format!("-{number}");
            name = format!("{}{end}", &wanted[..wanted.len().min(NAME_BYTES_MAX - end.len())]);
        }
        self.backends.push(Backend { name: name.clone(), ..backend });
        name
    }

    /// Returns the text of fosse.toml.
    pub(crate) fn written(&self) -> String {
        let mut out = String::from("# Written by fosse migrate. fosse.toml(5) has every key.\n");
        let connections = self.connections_max.map(|connections| ("connections_max", connections.to_string()));
        let limits: Keys = connections.into_iter().chain(self.limits.iter().cloned()).collect();
        for (table, keys) in [("[limits]\n", &limits), ("[timeouts]\n", &self.timeouts)] {
            if !keys.is_empty() {
                out.push_str(table);
                write_keys(keys, &mut out);
            }
        }
        if self.listeners.is_empty() {
            let _ =
                writeln!(out, "# What ends TLS stands in front of this.\n[[listen]]\naddress = \"{PLAIN_ADDRESS}\"");
        }
        self.listeners.iter().for_each(|listener| listener.write(&mut out));
        self.sites.iter().for_each(|site| site.write(&mut out));
        self.backends.iter().for_each(|backend| backend.write(&mut out));
        out
    }
}

impl Listener {
    fn write(&self, out: &mut String) {
        let _ = writeln!(out, "[[listen]]\naddress = {}", quoted(&self.address));
        if is_elsewhere(&self.address) {
            out.push_str("public = true\n");
        }
        if !self.trusted.is_empty() {
            let networks: Vec<String> = self.trusted.iter().map(|network| quoted(network)).collect();
            let _ = writeln!(out, "trusted = [{}]", networks.join(", "));
        }
    }
}

impl Site {
    /// Returns whether it serves anything.
    pub(crate) fn serves(&self) -> bool {
        self.action.is_some() || !self.routes.is_empty()
    }

    /// Says for the site what all of its paths have, and of the others nothing that a route would
    /// take over from them.
    pub(crate) fn share_keys(&mut self) {
        let actions = self.action.iter().map(|action| (action, &self.keys));
        let all: Vec<(&Action, &Keys)> =
            actions.chain(self.routes.iter().map(|route| (&route.action, &route.keys))).collect();
        let has = |key: &(&'static str, String)| {
            // A response of the configuration has no use for what is said of applications.
            all.iter().all(|(action, keys)| keys.contains(key) || !action.obeys(key.0))
        };
        let mut shared = Keys::new();
        let is_of_site = |key: &&(&'static str, String)| !OF_ROUTES.contains(&key.0);
        for key in all.iter().flat_map(|(_, keys)| keys.iter()).filter(is_of_site).filter(|key| has(key)) {
            if !shared.iter().any(|(there, _)| *there == key.0) {
                shared.push(key.clone());
            }
        }
        self.routes.iter_mut().for_each(|route| route.keys.retain(|key| !shared.contains(key)));
        self.keys.retain(|key| !shared.contains(key));
        if !self.keys.is_empty()
            && let Some(action) = self.action.take()
        {
            let keys = std::mem::take(&mut self.keys);
            // A prefix would come before the regular expressions, and before all that has no path.
            let comes_before = |route: &Route| {
                matches!(route.kind, PathKind::Regex | PathKind::Within(_) | PathKind::Ending | PathKind::Any)
            };
            let has_later = self.routes.iter().any(comes_before);
            let kind = if has_later { PathKind::Beginning } else { PathKind::Prefix };
            self.routes.push(Route { path: "/".to_owned(), kind, when: When::default(), action, keys });
        }
        self.keys = shared;
    }

    /// Returns the route of the action that has keys of its own.
    fn own_route(&self) -> Option<Route> {
        let action = self
            .action
            .clone()
            .filter(|action| !self.action_keys.is_empty() && matches!(action, Action::Backend(_)))?;
        Some(Route {
            path: String::new(),
            kind: PathKind::Any,
            when: When::default(),
            action,
            keys: self.action_keys.clone(),
        })
    }

    /// Returns the routes in the order of the file: of regular expressions the first one that is
    /// found counts.
    fn in_order(&self) -> Vec<Route> {
        let mut routes = self.routes.clone();
        routes.extend(self.own_route());
        routes.sort_by_key(|route| match route.kind {
            PathKind::Any if route.when.is_empty() => (4, 0),
            PathKind::Beginning if route.path == "/" => (4, 0),
            PathKind::Ending => (3, 0),
            PathKind::Any => (2, 0),
            PathKind::Within(length) => (1, 2 * (LENGTH_MAX - length.min(LENGTH_MAX))),
            PathKind::Beginning => (1, 2 * (LENGTH_MAX - route.path.len().min(LENGTH_MAX)) + 1),
            _ => (0, 0),
        });
        // What has no path comes after all that has one, and so after what is for all the rest.
        let is_rest = |route: &Route| match route.kind {
            PathKind::Any => route.when.is_empty(),
            PathKind::Beginning => route.path == "/",
            kind => kind == PathKind::Ending,
        };
        if routes.iter().any(is_rest) {
            for route in routes.iter_mut().filter(|route| route.kind == PathKind::Any) {
                (route.path, route.kind) = ("/".to_owned(), PathKind::Beginning);
            }
        }
        routes
    }

    fn write(&self, out: &mut String) {
        out.push_str("[[site]]\n");
        if !self.hosts.is_empty() {
            let hosts: Vec<String> = self.hosts.iter().map(|host| quoted(host)).collect();
            let _ = writeln!(out, "hosts = [{}]", hosts.join(", "));
        }
        if self.is_default {
            out.push_str("default = true\n");
        }
        if !self.default_for.is_empty() {
            let listeners: Vec<String> = self.default_for.iter().map(|one| quoted(one)).collect();
            let _ = writeln!(out, "default_for = {}", list(&listeners));
        }
        if let Some(action) = self.action.as_ref().filter(|_| self.own_route().is_none()) {
            action.write(out);
        }
        write_keys(&self.keys, out);
        // The other server had no firewall, so nothing is denied that it let through.
        if !self.keys.iter().any(|(key, _)| *key == "waf") {
            out.push_str("waf = \"detect\" # \"block\" denies what the rules find; the log shows what that would be\n");
        }
        for route in self.in_order() {
            out.push_str("[[site.route]]\n");
            let path = match route.kind {
                PathKind::Prefix => Some(("prefix", route.path.clone())),
                PathKind::Exact => Some(("path", route.path.clone())),
                PathKind::Regex | PathKind::Within(_) | PathKind::Ending => Some(("regex", route.path.clone())),
                PathKind::Beginning => Some(("regex", format!("^{}", escaped(&route.path)))),
                PathKind::Any => None,
            };
            if let Some((key, path)) = path {
                let _ = writeln!(out, "{key} = {}", quoted(&path));
            }
            if !route.when.is_empty() {
                let _ = writeln!(out, "when = {}", route.when.written());
            }
            route.action.write(out);
            write_keys(&route.keys, out);
        }
    }
}

impl Action {
    /// Returns whether a key says anything of a request that it is done for.
    fn obeys(&self, key: &str) -> bool {
        let is_of_all = key.starts_with("response_headers") || key.ends_with("_networks") || key.ends_with("_auth");
        matches!(self, Self::Backend(_)) || is_of_all
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Backend(name) => {
                let _ = writeln!(out, "backend = {}", quoted(name));
            }
            Self::Redirect(to, status) => {
                let _ = writeln!(out, "redirect = {}\nredirect_status = {status}", quoted(to));
            }
            Self::Respond(status, body) => {
                let _ = writeln!(out, "respond = {status}");
                if let Some(body) = body {
                    let _ = writeln!(out, "respond_body = {}", quoted(body));
                }
            }
        }
    }
}

impl Backend {
    fn write(&self, out: &mut String) {
        let _ = writeln!(out, "[[backend]]\nname = {}", quoted(&self.name));
        let is_plain = |server: &&Server| server.weight.is_none() && !server.backup;
        let servers: &[Server] = match &self.target {
            Target::Files(directory) => {
                let _ = writeln!(out, "files = {}", quoted(directory));
                &[]
            }
            Target::Servers(servers) => {
                let plain: Vec<String> = servers.iter().filter(is_plain).map(|one| quoted(&one.address)).collect();
                if !plain.is_empty() {
                    let _ = writeln!(out, "servers = [{}]", plain.join(", "));
                }
                if servers.iter().any(|server| is_elsewhere(&server.address)) {
                    out.push_str("remote = true\n");
                }
                servers
            }
        };
        write_keys(&self.keys, out);
        for server in servers.iter().filter(|server| !is_plain(server)) {
            let _ = writeln!(out, "[[backend.server]]\naddress = {}", quoted(&server.address));
            if let Some(weight) = server.weight {
                let _ = writeln!(out, "weight = {weight}");
            }
            if server.backup {
                out.push_str("backup = true\n");
            }
        }
        if !self.health.is_empty() {
            out.push_str("[backend.health]\n");
            write_keys(&self.health, out);
        }
    }
}
