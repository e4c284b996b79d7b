//! `fastcgi_pass`: scripts of PHP, and the one that gets all paths that are no file's.

use super::directive::Directive;
use super::params::is_script;
use super::proxy::backend_of;
use super::scope::Scope;
use super::upstream::Upstreams;
use crate::edge::{Backend, Target};
use crate::notes::Notes;
use crate::php::{self, Php};

/// Scripts of a location, and the servers that run them.
#[derive(Clone, Debug)]
pub(super) struct Scripts {
    php: Php,
    servers: Backend,
    /// The settings of their location, which nginx asks as well where another one leads to it.
    pub scope: Box<Scope>,
}

impl Scripts {
    /// Reads those of a location whose `fastcgi_pass` this is, or notes why there are none.
    pub(super) fn read(
        pass: &Directive,
        location: &[&str],
        scope: &Scope,
        upstreams: &Upstreams,
        notes: &mut Notes,
    ) -> Option<Self> {
        let fastcgi = &scope.fastcgi;
        let Some(root) = fastcgi.root.clone().or_else(|| scope.root.clone()).filter(|root| !root.is_empty()) else {
            pass.left_out("not carried over: there is no root /DIRECTORY for the scripts", notes);
            return None;
        };
        let servers = match backend_of(pass.arguments().first().copied().unwrap_or_default(), upstreams) {
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
        Some(Self { php, servers, scope: Box::new(scope.clone()) })
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

/// Returns the scripts of a server: those of the location that nginx asks about a script.
pub(super) fn of_server(block: &[Directive], outer: &Scope, upstreams: &Upstreams, script: &str) -> Option<Scripts> {
    // The location itself notes what is not carried over.
    let mut silent = Notes::default();
    let mut all = Vec::new();
    for location in block.iter().filter(|directive| directive.name() == "location") {
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
        let arguments = location.arguments();
        let own = pass.and_then(|pass| Scripts::read(pass, &arguments, &scope, upstreams, &mut silent));
        let rank = if own.is_some() { rank(&arguments, script) } else { 2 };
        all.extend(own.or_else(|| of_server(directives, &scope, upstreams, script)).map(|scripts| (rank, scripts)));
    }
    all.into_iter().min_by_key(|(rank, _)| *rank).map(|(_, scripts)| scripts)
}

/// Returns the rank of a location among those that nginx may ask about a script: that of its very
/// path, the first expression that may find it, those inside of others, all else.
fn rank(location: &[&str], script: &str) -> u8 {
    match location {
        ["=", path] if *path == script => 0,
        ["~" | "~*", regex] => {
            let plain = regex.replace("\\.", ".").replace("\\/", "/");
            let literal = plain
                .strip_prefix('^')
                .map_or("", |rest| &rest[..rest.find(['(', '[', '*', '+', '?', '|', '$', '\\']).unwrap_or(rest.len())]);
            let literal = literal.split_once(".*").map_or(literal, |(before, _)| before).trim_end_matches('.');
            if script.starts_with(literal) { 1 } else { 3 }
        }
        _ => 3,
    }
}

/// The note about scripts.
pub(super) fn why() -> String {
    format!("{}; SERVER_ADDR, SERVER_SOFTWARE, REMOTE_USER and PATH_TRANSLATED are told to none", php::WHY)
}
