//! What becomes fosse.toml: listeners, sites with their routes, backends with their servers.

use std::fmt::Write as _;

/// Longest name of a backend.
const NAME_BYTES_MAX: usize = 32;
/// The address for an edge whose listeners all spoke TLS: what ends it stands in front.
const PLAIN_ADDRESS: &str = "127.0.0.1:8080";

/// A configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edge {
    pub listeners: Vec<Listener>,
    pub sites: Vec<Site>,
    pub backends: Vec<Backend>,
    pub connections_max: Option<u64>,
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
    /// The action for paths that no route names.
    pub action: Option<Action>,
    pub routes: Vec<Route>,
    pub body_bytes_max: Option<u64>,
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

/// A part of a site's paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub path: String,
    /// The path alone, and nothing below it.
    pub is_exact: bool,
    pub action: Action,
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
    pub keys: Vec<(&'static str, String)>,
    pub health: Vec<(&'static str, String)>,
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
        if let Some(connections) = self.connections_max {
            let _ = writeln!(out, "[limits]\nconnections_max = {connections}");
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

    /// Returns whether a route has this prefix.
    pub(crate) fn has_prefix(&self, prefix: &str) -> bool {
        self.routes.iter().any(|route| !route.is_exact && route.path == prefix)
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
        if let Some(action) = &self.action {
            action.write(out);
        }
        if let Some(bytes) = self.body_bytes_max {
            let _ = writeln!(out, "body_bytes_max = {}", size(bytes));
        }
        // The other server had no firewall, so nothing is denied that it let through.
        out.push_str("waf = \"detect\" # \"block\" denies what the rules find; the log shows what that would be\n");
        for route in &self.routes {
            let key = if route.is_exact { "path" } else { "prefix" };
            let _ = writeln!(out, "[[site.route]]\n{key} = {}", quoted(&route.path));
            route.action.write(out);
        }
    }
}

impl Route {
    /// Returns a route of what begins with a prefix to a backend.
    pub(crate) fn of_prefix(prefix: &str, backend: &str) -> Self {
        Self { path: prefix.to_owned(), is_exact: false, action: Action::Backend(backend.to_owned()) }
    }
}

impl Action {
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
        self.keys.iter().for_each(|(key, value)| out.push_str(&format!("{key} = {value}\n")));
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
            self.health.iter().for_each(|(key, value)| out.push_str(&format!("{key} = {value}\n")));
        }
    }
}

/// Returns whether other machines have to do with an address.
fn is_elsewhere(address: &str) -> bool {
    !(address.starts_with("unix:")
        || address.starts_with("127.")
        || address.starts_with("[::1]:")
        || address.starts_with("localhost:"))
}

/// Returns a name that fosse takes for a backend.
fn sound_name(name: &str) -> String {
    let sound = |one: char| if one.is_ascii_alphanumeric() || one == '_' { one.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(sound).take(NAME_BYTES_MAX).collect();
    if name.is_empty() { "app".to_owned() } else { name }
}

/// Returns a number of bytes with the largest unit that it is a whole number of.
fn size(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("\"{} {name}\"", bytes / unit),
        None => bytes.to_string(),
    }
}

/// Returns a text as TOML has it, that names no variable.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for one in text.replace("${", "$${").chars() {
        match one {
            '"' | '\\' => out.extend(['\\', one]),
            plain if !plain.is_control() => out.push(plain),
            control => {
                let _ = write!(out, "\\u{:04X}", u32::from(control));
            }
        }
    }
    out.push('"');
    out
}
