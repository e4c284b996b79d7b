//! The block of a site.

use super::address::address;
use super::block::Directive;
use super::guards::{self, Guard, Requests};
use super::{proxy, why};
use crate::edge::{Action, Backend, Edge, Listener, Route, Site, Target, quoted};
use crate::http::{is_header, is_own};
use crate::notes::Notes;

/// Said of a matcher that chooses by more than a path.
const NO_MATCHER: &str = "not carried over: only paths such as /api/* choose a backend";

/// Reads a block into the edge.
pub(super) fn read(head: &Directive, addresses: &[String], inside: &[Directive], edge: &mut Edge, notes: &mut Notes) {
    let mut site = Site::default();
    let (mut ports, mut has_tls) = (Vec::new(), false);
    for written in addresses {
        match address(written) {
            Some(one) => {
                has_tls |= one.port.is_none();
                ports.extend(one.port);
                if one.host.is_empty() { site.is_default = true } else { site.hosts.push(one.host) }
            }
            None => head.left_out(&format!("{written} is not carried over: a site has hosts, and a port"), notes),
        }
    }
    if has_tls {
        head.left_out("TLS is not carried over: it is not in fosse yet; what ends TLS stands in front of it", notes);
    }
    let (root, binds) = places(inside);
    let mut reader = Reader {
        site: &mut site,
        edge,
        root,
        tried: None,
        is_stripped: false,
        headers: Vec::new(),
        guards: Vec::new(),
    };
    reader.directives(inside, "/", notes);
    // Caddy asks the first ones first: what they say stays.
    let guards = std::mem::take(&mut reader.guards);
    for (requests, guard) in guards.iter().rev() {
        guards::apply(&mut site, requests, guard);
    }
    guards::order(&mut site, &guards);
    add(head, site, edge, notes);
    for port in ports {
        let any = vec!["0.0.0.0".to_owned()];
        for host in if binds.is_empty() { &any } else { &binds } {
            let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            edge.listen(Listener { address, ..Listener::default() });
        }
    }
}

/// Returns the directory of a block's files, and the addresses that it listens on.
fn places(inside: &[Directive]) -> (Option<String>, Vec<String>) {
    let mut root = None;
    let mut binds = Vec::new();
    for directive in inside {
        match (directive.name(), directive.arguments().as_slice()) {
            ("root", [directory] | ["*", directory]) if directory.starts_with('/') && !directory.contains('{') => {
                root = Some(directory.trim_end_matches('/').to_owned());
            }
            ("bind", hosts) if hosts.iter().all(|host| host.parse::<std::net::IpAddr>().is_ok()) => {
                binds.extend(hosts.iter().map(|host| (*host).to_owned()));
            }
            _ => {}
        }
    }
    (root, binds)
}

/// Adds a site that serves something and has a host of its own.
fn add(head: &Directive, mut site: Site, edge: &mut Edge, notes: &mut Notes) {
    let is_taken = |host: &String| edge.sites.iter().any(|there| there.hosts.contains(host));
    let hosts = site.hosts.len();
    site.hosts.retain(|host| !is_taken(host));
    if hosts > site.hosts.len() {
        head.left_out("not carried over for hosts that an earlier site has", notes);
    }
    site.is_default &= !edge.sites.iter().any(|there| there.is_default);
    if !site.serves() || (site.hosts.is_empty() && !site.is_default) {
        return head.left_out("not carried over: nothing here serves it", notes);
    }
    head.left_out("carried over; bodies of requests end at 1 MiB: body_bytes_max of [[site]] takes longer ones", notes);
    edge.sites.push(site);
}

/// The site that is being read.
struct Reader<'s, 'e> {
    site: &'s mut Site,
    edge: &'e mut Edge,
    root: Option<String>,
    /// Places where files are looked for, as fosse has them.
    tried: Option<String>,
    /// A prefix is taken off the paths.
    is_stripped: bool,
    /// Headers of responses, with their values.
    headers: Vec<(String, String)>,
    /// Directives before all that serves something.
    guards: Vec<(Requests, Guard)>,
}

impl Reader<'_, '_> {
    /// Reads directives for the paths that begin with `prefix`.
    #[expect(clippy::too_many_lines, reason = "an arm for each directive, in one place")]
    fn directives(&mut self, inside: &[Directive], prefix: &str, notes: &mut Notes) {
        // Caddy runs them in an order of its own: handle, then reverse_proxy, then file_server, and
        // of each kind first those with a path (caddyserver.com, "Directive order").
        let order = |directive: &&Directive| {
            let arguments = directive.arguments();
            let path = arguments.first().filter(|matcher| matcher.starts_with('/')).map_or(0, |path| path.len());
            let kind = match directive.name() {
                "redir" => 0,
                "basicauth" | "basic_auth" => 1,
                "forward_auth" => 2,
                "handle" | "handle_path" | "route" => 3,
                "abort" | "error" | "respond" => 4,
                "file_server" => 6,
                _ => 5,
            };
            (kind, usize::MAX - path)
        };
        let mut sorted: Vec<&Directive> = inside.iter().collect();
        sorted.sort_by_key(order);
        for directive in sorted {
            let arguments = directive.arguments();
            if directive.words.iter().any(|word| word.contains("{$")) {
                directive.left_out("not carried over: write ${NAME:-DEFAULT} for a variable of the environment", notes);
                self.close_for(directive, prefix);
                continue;
            }
            match (directive.name(), arguments.as_slice()) {
                ("bind", _) | ("root", [_] | ["*", _]) if prefix == "/" && self.is_read(directive) => {}
                ("handle" | "route", []) if directive.block.is_some() => {
                    self.directives(directive.inside(), prefix, notes)
                }
                ("handle" | "route", [matcher]) if prefix == "/" => match self.prefix(directive, matcher, notes) {
                    Some(prefix) => self.directives(directive.inside(), &prefix, notes),
                    None => self.unmatched(directive, prefix, notes),
                },
                ("handle_path", [matcher]) if prefix == "/" => match self.prefix(directive, matcher, notes) {
                    Some(prefix) => {
                        self.is_stripped = true;
                        self.directives(directive.inside(), &prefix, notes);
                        self.is_stripped = false;
                    }
                    None => self.unmatched(directive, prefix, notes),
                },
                ("basicauth" | "basic_auth" | "forward_auth" | "redir", _) => self.guard(directive, prefix, notes),
                ("abort" | "error" | "respond", _) => self.respond(directive, prefix, notes),
                ("php_fastcgi" | "rewrite" | "uri" | "import", _) => {
                    self.close(prefix, 404);
                    directive.left_out("not carried over; what is around it gets 404: see rewrite of [[site.route]], [backend.fastcgi], and for snippets their lines", notes);
                }
                ("try_files", places) if directive.block.is_none() && tried(places).is_some() => {
                    self.tried = tried(places);
                }
                ("encode", codings) if prefix == "/" && directive.block.is_none() && self.encode(codings) => {}
                ("header", change) if prefix == "/" && directive.block.is_none() && self.header(change) => {}
                ("file_server", [] | ["*"]) if directive.block.is_none() => match self.root.clone() {
                    Some(directory) => {
                        let name = directory.rsplit('/').next().unwrap_or_default().to_owned();
                        let keys = self.tried.clone().into_iter().map(|places| ("try_files", places)).collect();
                        let health = Vec::new();
                        let files = Backend { name, target: Target::Files(directory), keys, health };
                        self.serve(directive, prefix, files, notes);
                    }
                    None => directive.left_out("not carried over: there is no root * /DIRECTORY in this block", notes),
                },
                ("reverse_proxy", [matcher, upstreams @ ..]) if matcher.starts_with(['/', '@']) && prefix == "/" => {
                    match self.prefix(directive, matcher, notes) {
                        Some(prefix) => self.proxy(directive, upstreams, &prefix, notes),
                        None => directive.left_out(NO_MATCHER, notes),
                    }
                }
                ("reverse_proxy", ["*", upstreams @ ..] | upstreams) => self.proxy(directive, upstreams, prefix, notes),
                (name, _) => {
                    directive.left_out(why(name), notes);
                    self.close_for(directive, prefix);
                }
            }
        }
    }

    /// Takes a directive that asks who it is, or sends requests elsewhere.
    fn guard(&mut self, directive: &Directive, prefix: &str, notes: &mut Notes) {
        let arguments = directive.arguments();
        let has_matcher = arguments.first().is_some_and(|first| {
            first.starts_with('@')
                || *first == "*"
                || (first.starts_with('/') && (directive.name() != "redir" || arguments.len() > 1))
        });
        let (matcher, rest) = if has_matcher { (arguments[0], &arguments[1..]) } else { ("*", arguments.as_slice()) };
        let requests = match guards::requests(matcher) {
            Some(Requests::All) if prefix == "/" => Some(Requests::All),
            Some(Requests::All) => Some(Requests::Beginning(prefix.to_owned())),
            found => found.filter(|_| !self.is_stripped),
        };
        let guard = match directive.name() {
            "redir" => guards::action("redir", rest, directive.block.is_some()).map(Guard::Instead),
            _ => guards::asks(directive, rest, self.edge, notes),
        };
        match (requests, guard) {
            (Some(requests), Some(guard)) => self.guards.push((requests, guard)),
            (None, _) => {
                self.close(prefix, 403);
                directive.left_out(
                    "not carried over; what is around it gets 403: only paths such as /api/* choose requests",
                    notes,
                );
            }
            (Some(requests), None) => {
                let status = if directive.name() == "redir" { 404 } else { 403 };
                let action = Action::Respond(status, None);
                self.guards.push((requests, Guard::Instead(action)));
                directive.left_out(&format!("not carried over; its requests get {status}"), notes);
            }
        }
    }

    /// Notes a block whose requests no route chooses.
    fn unmatched(&mut self, directive: &Directive, prefix: &str, notes: &mut Notes) {
        directive.left_out(NO_MATCHER, notes);
        self.close_for(directive, prefix);
    }

    /// Lets nobody in where a directive that is left out may have kept somebody out.
    fn close_for(&mut self, directive: &Directive, prefix: &str) {
        if keeps_out(directive) {
            self.close(prefix, 403);
        }
    }

    /// Lets nobody get what begins with a prefix.
    fn close(&mut self, prefix: &str, status: u16) {
        let requests = if prefix == "/" { Requests::All } else { Requests::Beginning(prefix.to_owned()) };
        self.guards.insert(0, (requests, Guard::Instead(Action::Respond(status, None))));
    }

    /// Takes a response of Caddy's own.
    fn respond(&mut self, directive: &Directive, prefix: &str, notes: &mut Notes) {
        let arguments = directive.arguments();
        let has_matcher = arguments.first().is_some_and(|first| first.starts_with(['@', '/']) || *first == "*");
        let (matcher, rest) = if has_matcher { (arguments[0], &arguments[1..]) } else { ("*", arguments.as_slice()) };
        let action = guards::action(directive.name(), rest, directive.block.is_some()).unwrap_or_else(|| {
            directive.left_out("not carried over; its requests get 404", notes);
            Action::Respond(404, None)
        });
        match guards::requests(matcher) {
            Some(Requests::All) => match prefix {
                "/" => self.site.action = self.site.action.take().or(Some(action)),
                prefix if !self.site.has_prefix(prefix) => {
                    let of_prefix = Route::of_prefix(prefix, "");
                    self.site.routes.push(Route { action, ..of_prefix });
                }
                _ => directive.left_out("not carried over: another directive takes these requests before it", notes),
            },
            Some(requests) if !self.is_stripped => self.guards.push((requests, Guard::Instead(action))),
            _ => {
                self.close(prefix, 404);
                directive.left_out(
                    "not carried over; what is around it gets 404: only paths such as /api/* choose requests",
                    notes,
                );
            }
        }
    }

    /// Takes the codings of responses; returns whether fosse has all of them.
    fn encode(&mut self, codings: &[&str]) -> bool {
        let names: Vec<String> = codings.iter().map(|coding| quoted(coding)).collect();
        let is_known = codings.iter().all(|coding| ["gzip", "zstd", "br"].contains(coding));
        let value = if names.is_empty() { "[\"zstd\", \"gzip\"]".to_owned() } else { crate::edge::list(&names) };
        if is_known {
            self.site.keys.push(("compress", value));
        }
        is_known
    }

    /// Takes a change of a header of responses; returns whether it is one that is carried over.
    fn header(&mut self, change: &[&str]) -> bool {
        let &[name, value] = change else { return false };
        let lower = name.to_ascii_lowercase();
        // One that begins so is taken away.
        let is_name = is_header(name) && !name.starts_with('-') && !is_own(&lower) && lower != "host";
        let is_plain = value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && !value.contains(['{', '}']);
        if !is_name || !is_plain {
            return false;
        }
        self.headers.retain(|(there, _)| !there.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        let rows: Vec<String> =
            self.headers.iter().map(|(name, value)| format!("{} = {}", quoted(name), quoted(value))).collect();
        // Of several for one key the last one counts.
        self.site.keys.push(("response_headers.set", format!("{{ {} }}", rows.join(", "))));
        true
    }

    /// Returns whether the first look at the block took a `bind` or a `root`.
    fn is_read(&self, directive: &Directive) -> bool {
        let last = directive.words.last().map_or("", String::as_str);
        match directive.name() {
            "root" => self.root.as_deref() == Some(last.trim_end_matches('/')),
            _ => directive.arguments().iter().all(|host| host.parse::<std::net::IpAddr>().is_ok()),
        }
    }

    fn proxy(&mut self, directive: &Directive, upstreams: &[&str], prefix: &str, notes: &mut Notes) {
        match proxy::backend(directive, upstreams, notes) {
            Some(backend) => self.serve(directive, prefix, backend, notes),
            None => directive.left_out("not carried over: none of its servers is", notes),
        }
    }

    /// Has a backend serve what begins with a prefix, unless another one does, which Caddy asks
    /// first.
    fn serve(&mut self, directive: &Directive, prefix: &str, backend: Backend, notes: &mut Notes) {
        let is_taken = match prefix {
            "/" => self.site.action.is_some(),
            // Of two kinds of directives the first one takes what is below its path, too.
            prefix => {
                self.site.action.is_some() || self.site.routes.iter().any(|route| prefix.starts_with(&route.path))
            }
        };
        if is_taken {
            return directive.left_out("not carried over: another directive takes these requests before it", notes);
        }
        let backend = self.edge.backend(backend);
        match prefix {
            "/" => self.site.action = Some(Action::Backend(backend)),
            prefix => {
                let mut route = Route::of_prefix(prefix, &backend);
                route.keys.extend(self.is_stripped.then(|| ("strip_prefix", "true".to_owned())));
                self.site.routes.push(route);
            }
        }
    }

    /// Returns the prefix of a matcher such as `/api/*`; one such as `/api*` is noted, as it has
    /// more in Caddy.
    fn prefix(&self, directive: &Directive, matcher: &str, notes: &mut Notes) -> Option<String> {
        let prefix = matcher.strip_suffix('*').filter(|prefix| prefix.starts_with('/'))?;
        let is_plain = prefix.bytes().all(|byte| byte.is_ascii_graphic())
            && !prefix.contains(['?', '#', '*', '%', '"', '\\', '{']);
        let parts = prefix[1..].strip_suffix('/').unwrap_or(&prefix[1..]);
        if !is_plain || (prefix != "/" && parts.split('/').any(|part| matches!(part, "" | "." | ".."))) {
            return None;
        }
        if !prefix.ends_with('/') {
            let why = format!("carried over for {prefix} and what is below {prefix}/; in Caddy {prefix}x is of it too");
            directive.left_out(&why, notes);
        }
        Some(prefix.to_owned())
    }
}

/// Returns whether a directive, or one in its block, keeps requests from what serves them.
fn keeps_out(directive: &Directive) -> bool {
    let names =
        ["basicauth", "basic_auth", "forward_auth", "abort", "error", "respond", "redir", "rewrite", "uri", "import"];
    names.contains(&directive.name())
        || (directive.name() != "handle_errors" && directive.inside().iter().any(keeps_out))
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
