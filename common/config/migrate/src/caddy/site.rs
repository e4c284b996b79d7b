//! The block of a site.

use super::address::address;
use super::block::Directive;
use super::{proxy, why};
use crate::edge::{Action, Backend, Edge, Listener, Route, Site, Target};
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
    let mut reader = Reader { site: &mut site, edge, root };
    reader.directives(inside, "/", notes);
    add(head, site, edge, notes);
    for port in ports {
        let any = vec!["0.0.0.0".to_owned()];
        for host in if binds.is_empty() { &any } else { &binds } {
            let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            edge.listen(Listener { address, ..Listener::default() });
        }
    }
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
}

impl Reader<'_, '_> {
    /// Reads directives for the paths that begin with `prefix`.
    #[expect(clippy::too_many_lines, reason = "an arm for each directive, in one place")]
    fn directives(&mut self, inside: &[Directive], prefix: &str, notes: &mut Notes) {
        // Caddy runs them in an order of its own: handle, then reverse_proxy, then file_server, and
        // of each kind first those with a path (caddyserver.com, "Directive order").
        let order = |directive: &&Directive| {
            let has_path = directive.arguments().first().is_some_and(|matcher| matcher.starts_with('/'));
            let kind = match directive.name() {
                "handle" | "route" => 0,
                "file_server" => 2,
                _ => 1,
            };
            (kind, !has_path)
        };
        let mut sorted: Vec<&Directive> = inside.iter().collect();
        sorted.sort_by_key(order);
        for directive in sorted {
            let arguments = directive.arguments();
            if directive.words.iter().any(|word| word.contains("{$")) {
                directive.left_out("not carried over: write ${NAME:-DEFAULT} for a variable of the environment", notes);
                continue;
            }
            match (directive.name(), arguments.as_slice()) {
                ("bind", _) | ("root", [_] | ["*", _]) if prefix == "/" && self.is_read(directive) => {}
                ("handle" | "route", []) if directive.block.is_some() => {
                    self.directives(directive.inside(), prefix, notes)
                }
                ("handle" | "route", [matcher]) if prefix == "/" => match self.prefix(directive, matcher, notes) {
                    Some(prefix) => self.directives(directive.inside(), &prefix, notes),
                    None => directive.left_out(NO_MATCHER, notes),
                },
                ("file_server", [] | ["*"]) if directive.block.is_none() => match self.root.clone() {
                    Some(directory) => {
                        let name = directory.rsplit('/').next().unwrap_or_default().to_owned();
                        let (keys, health) = (Vec::new(), Vec::new());
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
                (name, _) => directive.left_out(why(name), notes),
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
            prefix => self.site.action.is_some() || self.site.has_prefix(prefix),
        };
        if is_taken {
            return directive.left_out("not carried over: another directive takes these requests before it", notes);
        }
        let backend = self.edge.backend(backend);
        match prefix {
            "/" => self.site.action = Some(Action::Backend(backend)),
            prefix => self.site.routes.push(Route::of_prefix(prefix, &backend)),
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
