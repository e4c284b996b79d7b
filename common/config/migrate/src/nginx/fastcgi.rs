//! `fastcgi_pass`: scripts of PHP, and the one that gets all paths that are no file's.

use super::directive::Directive;
use super::internals::Internals;
use super::proxy::backend_of;
use super::scope::Scope;
use crate::edge::{Backend, Target};
use crate::notes::Notes;
use crate::php::{self, Php};

/// Parameters that fosse tells scripts as nginx does, with what they are told.
const SAME: &[(&str, &[&str])] = &[
    ("QUERY_STRING", &["$query_string", "$args"]),
    ("REQUEST_METHOD", &["$request_method"]),
    ("CONTENT_TYPE", &["$content_type"]),
    ("CONTENT_LENGTH", &["$content_length"]),
    ("SCRIPT_NAME", &["$fastcgi_script_name"]),
    ("SCRIPT_FILENAME", &["$request_filename"]),
    ("REQUEST_URI", &["$request_uri"]),
    ("DOCUMENT_URI", &["$document_uri", "$uri"]),
    ("DOCUMENT_ROOT", &["$document_root", "$realpath_root"]),
    ("SERVER_PROTOCOL", &["$server_protocol"]),
    ("REQUEST_SCHEME", &["$scheme"]),
    ("HTTPS", &["$https"]),
    ("GATEWAY_INTERFACE", &["CGI/1.1"]),
    ("REMOTE_ADDR", &["$remote_addr"]),
    ("REMOTE_PORT", &["$remote_port"]),
    ("SERVER_PORT", &["$server_port"]),
    ("SERVER_NAME", &["$server_name", "$host"]),
    ("REDIRECT_STATUS", &["200"]),
    ("PATH_INFO", &["$path_info", "$fastcgi_path_info"]),
    ("HTTP_HOST", &["$host", "$http_host"]),
    // No application hears of this header.
    ("HTTP_PROXY", &[""]),
];

/// Parameters that no script is told; the note about scripts names them.
const UNTOLD: &[(&str, &str)] = &[
    ("SERVER_SOFTWARE", "nginx/$nginx_version"),
    ("SERVER_ADDR", "$server_addr"),
    ("REMOTE_USER", "$remote_user"),
    ("PATH_TRANSLATED", "$document_root$fastcgi_path_info"),
];

/// Most parameters of a backend.
const PARAMS_COUNT_MAX: usize = 64;

/// What the directives of a place say of scripts.
#[derive(Clone, Debug, Default)]
pub(super) struct FastCgi {
    /// Their directory, where it is not that of the files.
    root: Option<String>,
    /// The script of all requests.
    script: Option<String>,
    params: Vec<(String, String)>,
    is_outer: bool,
    splits: bool,
}

impl FastCgi {
    /// Returns what a block inside begins with: its parameters replace these, all of them.
    pub(super) fn enter(&self) -> Self {
        Self { is_outer: true, ..self.clone() }
    }

    /// Takes a directive; `None` where it is none of these, or is not carried over.
    pub(super) fn take(&mut self, name: &str, words: &[&str]) -> Option<()> {
        match (name, words) {
            ("fastcgi_param", [name, value] | [name, value, "if_not_empty"]) => self.param(name, value),
            ("fastcgi_split_path_info", [_]) => {
                self.splits = true;
                Some(())
            }
            // It is the script of a path that ends in a slash, which no expression for scripts has.
            ("fastcgi_index", [_]) | ("set", ["$path_info", "$fastcgi_path_info"]) => Some(()),
            _ => None,
        }
    }

    fn param(&mut self, name: &str, value: &str) -> Option<()> {
        if std::mem::take(&mut self.is_outer) {
            (self.root, self.script) = (None, None);
            self.params.clear();
        }
        let is_same = SAME.iter().any(|(there, values)| *there == name && values.contains(&value));
        if is_same || UNTOLD.contains(&(name, value)) {
            return Some(());
        }
        if name == "SCRIPT_FILENAME" {
            return self.filename(value);
        }
        let is_written = SAME.iter().any(|(there, _)| *there == name);
        (!is_written && php::is_param(name, value) && value.len() <= 4096).then_some(())?;
        self.params.retain(|(there, _)| there != name);
        (self.params.len() < PARAMS_COUNT_MAX).then(|| self.params.push((name.to_owned(), value.to_owned())))
    }

    /// Takes the file of a script: one for all requests, or by their paths.
    fn filename(&mut self, value: &str) -> Option<()> {
        let own = ["$document_root", "$realpath_root"].iter().find_map(|root| value.strip_prefix(root));
        match (own, value.strip_suffix("$fastcgi_script_name")) {
            (Some("$fastcgi_script_name" | "/$fastcgi_script_name"), _) => {}
            (Some(script), _) if is_script(script) => self.script = Some(script.to_owned()),
            (None, Some(root)) if root.starts_with('/') && !root.contains('$') => {
                self.root = Some(root.trim_end_matches('/').to_owned());
            }
            (None, None) if is_script(value) => {
                let at = value.rfind('/')?;
                self.root = Some(value[..at].to_owned());
                self.script = Some(value[at..].to_owned());
            }
            _ => return None,
        }
        Some(())
    }
}

/// Returns whether a text is the plain path of a script.
fn is_script(path: &str) -> bool {
    let is_part = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    path.len() <= 200 && path.strip_prefix('/').is_some_and(|parts| parts.split('/').all(is_part))
}

/// Scripts of a location, and the servers that run them.
#[derive(Clone, Debug)]
pub(super) struct Scripts {
    php: Php,
    servers: Backend,
}

impl Scripts {
    /// Reads those of a location whose `fastcgi_pass` this is, or notes why there are none.
    pub(super) fn read(
        pass: &Directive,
        location: &[&str],
        scope: &Scope,
        internals: &Internals<'_>,
        notes: &mut Notes,
    ) -> Option<Self> {
        let fastcgi = &scope.fastcgi;
        let Some(root) = fastcgi.root.clone().or_else(|| scope.root.clone()).filter(|root| !root.is_empty()) else {
            pass.left_out("not carried over: there is no root /DIRECTORY for the scripts", notes);
            return None;
        };
        let servers = match backend_of(pass.arguments().first().copied().unwrap_or_default(), internals.upstreams) {
            Ok(servers) => servers,
            Err(why) => {
                pass.left_out(why, notes);
                return None;
            }
        };
        let regex = location.last().copied().unwrap_or_default();
        let scripts = named(location);
        let php = Php {
            root,
            front_controller: fastcgi.script.clone(),
            index: scope.index_script.clone().filter(|_| scripts.is_empty()),
            scripts,
            path_info: fastcgi.splits && !regex.ends_with("php$"),
            params: fastcgi.params.clone(),
            keys: scope.connect_seconds.iter().map(|time| ("connect_seconds", time.clone())).collect(),
        };
        Some(Self { php, servers })
    }

    /// Returns the backend, where a script gets every path that is no script's, or none does.
    pub(super) fn backend(&self, front_controller: Option<String>) -> Backend {
        let mut php = self.php.clone();
        if let Some(script) = front_controller {
            let at = script.rfind('/').unwrap_or_default();
            if php.scripts.is_empty() && at > 0 {
                php.scripts = vec!["/*.php".to_owned(), format!("{}/*.php", &script[..at])];
            }
            php.front_controller = Some(script);
        } else if php.front_controller.is_none() && !php.scripts.is_empty() {
            // fosse wants scripts that are named, and these are.
            php.index = None;
        }
        php.keys.extend(self.servers.keys.clone());
        let Target::Servers(servers) = self.servers.target.clone() else { return self.servers.clone() };
        Backend { health: self.servers.health.clone(), ..php.backend(&self.name(), servers) }
    }

    /// Returns the scripts with another directory for the files beside them.
    pub(super) fn beside(&self, root: Option<&String>) -> Php {
        Php { root: root.unwrap_or(&self.php.root).clone(), ..self.php.clone() }
    }

    fn name(&self) -> String {
        match &self.servers.target {
            Target::Servers(servers) if servers.len() > 1 => self.servers.name.clone(),
            _ => "php".to_owned(),
        }
    }
}

/// Returns the scripts that an expression or a path names: none for one that is for scripts of any
/// name.
fn named(location: &[&str]) -> Vec<String> {
    let path = match location {
        ["=", path] => (*path).to_owned(),
        ["~" | "~*", regex] => {
            let plain = regex.replace("\\.", ".").replace("\\/", "/").replace("(?:", "(");
            let Some(rest) = plain.strip_prefix('^') else { return Vec::new() };
            let end = rest.find(".php").map_or(0, |at| at + 4);
            rest[..end].to_owned()
        }
        _ => return Vec::new(),
    };
    let (before, choice, after) = match (path.find('('), path.find(')')) {
        (Some(open), Some(close)) if open < close => (&path[..open], &path[open + 1..close], &path[close + 1..]),
        _ => ("", path.as_str(), ""),
    };
    let all: Vec<String> = choice.split('|').map(|one| format!("{before}{one}{after}")).collect();
    let is_sound = all.len() <= 64 && all.iter().all(|script| is_script(script) && script.ends_with(".php"));
    if is_sound { all } else { Vec::new() }
}

/// Returns the script that `try_files` names for paths that are no file's, and whether its query is
/// that of the request.
pub(super) fn front_controller(words: &[&str]) -> Option<(String, bool)> {
    let (last, before) = words.split_last()?;
    let end = last.find(['?', '$']).unwrap_or(last.len());
    let (script, query) = last.split_at(end);
    let is_before = before.iter().all(|word| matches!(*word, "$uri" | "$uri/" | "$uri/index.php" | "$uri/index.html"));
    (is_before && script.ends_with(".php") && is_script(script)).then_some(())?;
    let is_same = matches!(
        query,
        "" | "?" | "?$args" | "?$query_string" | "$is_args$args" | "$is_args$query_string" | "?$is_args$args"
    );
    Some((script.to_owned(), is_same))
}

/// Returns the scripts of a server: those of the first location that has any.
pub(super) fn of_server(block: &[Directive], outer: &Scope, internals: &Internals<'_>) -> Option<Scripts> {
    // The location itself notes what is not carried over.
    let mut silent = Notes::default();
    let is_location = |directive: &&Directive| directive.name() == "location";
    let mut inside = block.iter().filter(is_location);
    inside.find_map(|location| {
        let directives = location.block.as_deref().unwrap_or_default();
        let mut scope = outer.enter();
        let mut pass = None;
        for directive in directives {
            match directive.name() {
                "fastcgi_pass" => pass = Some(directive),
                "location" | "try_files" | "return" => {}
                _ => scope.take(directive, &mut silent),
            }
        }
        let own = pass.and_then(|pass| Scripts::read(pass, &location.arguments(), &scope, internals, &mut silent));
        own.or_else(|| of_server(directives, &scope, internals))
    })
}

/// The note about scripts.
pub(super) fn why() -> String {
    format!("{}; SERVER_ADDR, SERVER_SOFTWARE, REMOTE_USER and PATH_TRANSLATED are told to none", php::WHY)
}
