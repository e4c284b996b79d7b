//! Rules of a section, and what else frontends and backends both have.

use super::acl::{Acls, Condition};
use super::edits::{Change, changed};
use super::path::Path;
use super::rule::{Effect, Rule, rule};
use super::section::Line;
use crate::edge::{Keys, list, quoted};
use crate::http::is_error;
use crate::notes::Notes;

/// The rules of a section.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxy {
    pub requests: Vec<Rule>,
    pub responses: Vec<Rule>,
    /// Those that choose a backend.
    pub uses: Vec<Rule>,
    pub acls: Acls,
    redirects: Vec<Rule>,
    codings: Option<Line>,
    types: Vec<String>,
    errors: Vec<String>,
}

/// Returns whether a line is one of these.
pub(super) fn is_of(words: &[&str]) -> bool {
    matches!(
        words,
        [
            "acl"
                | "http-request"
                | "http-response"
                | "http-after-response"
                | "redirect"
                | "use_backend"
                | "compression"
                | "errorfile",
            ..
        ] | ["option", "forwardfor", ..]
    )
}

impl Proxy {
    /// Reads the lines of a section that are of these.
    pub(super) fn read<'l>(lines: impl Iterator<Item = &'l Line> + Clone, has_tls: bool, notes: &mut Notes) -> Self {
        let mut proxy = Self::default();
        proxy.acls.has_tls = has_tls;
        let sets_source = |line: &Line| line.words.get(1).is_some_and(|word| word.starts_with("set-src"));
        proxy.acls.sets_source = lines.clone().any(sets_source);
        lines.filter(|line| is_of(&line.all())).for_each(|line| proxy.take(line, notes));
        let redirects = std::mem::take(&mut proxy.redirects);
        proxy.requests.extend(redirects);
        let is_unknown = |rule: &&Rule| rule.condition.atoms().any(|atom| *atom == super::atom::Atom::Unknown);
        for rule in proxy.rules().filter(|rule| rule.closing().is_none()).filter(is_unknown) {
            rule.line.left_out(NO_CONDITION, notes);
        }
        proxy.settings(notes);
        proxy
    }

    #[expect(clippy::too_many_lines, reason = "a table, one arm for each line")]
    fn take(&mut self, line: &Line, notes: &mut Notes) {
        let words = line.all();
        match words.as_slice() {
            ["acl", name, test @ ..] => {
                if !self.acls.add(name, test) {
                    line.left_out(NO_CONDITION, notes);
                }
            }
            ["use_backend", name, rest @ ..] => {
                let condition = self.acls.condition(rest);
                let effect = if name.contains('%') {
                    line.left_out(
                        "not carried over: the backend of a route is the same for all requests; they get 503",
                        notes,
                    );
                    Effect::Closed(503)
                } else {
                    Effect::Use((*name).to_owned())
                };
                self.uses.push(Rule { line: line.clone(), effect, condition, is_of_requests: false });
            }
            ["compression", "algo", ..] => self.codings = Some(line.clone()),
            ["compression", "type", types @ ..] => self.types.extend(types.iter().map(|word| (*word).to_owned())),
            ["compression", ..] => line.left_out(super::why(&words), notes),
            ["errorfile", status, file] if is_error(status) && file.starts_with('/') => {
                line.left_out(
                    "carried over; take the head of the response out of the file: a page is the body alone",
                    notes,
                );
                let page = format!("{{ status = [{status}], file = {}, content_type = \"text/html\" }}", quoted(file));
                self.errors.retain(|there| !there.starts_with(&format!("{{ status = [{status}]")));
                self.errors.push(page);
            }
            ["errorfile", ..] => line.left_out(super::why(&words), notes),
            ["option", "forwardfor", rest @ ..] => self.forwarded(line, rest, notes),
            words => {
                let Some(rule) = rule(line, &self.acls, notes) else { return };
                match rule.is_of_requests {
                    true if words[0] == "redirect" => self.redirects.push(rule),
                    true => self.requests.push(rule),
                    false => self.responses.push(rule),
                }
            }
        }
    }

    /// Takes the name of a header for the client's address; X-Forwarded-For has it anyway.
    fn forwarded(&mut self, line: &Line, words: &[&str], notes: &mut Notes) {
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match (*word, rest.next()) {
                ("header", Some(name)) if name.eq_ignore_ascii_case("x-forwarded-for") => {}
                ("header", Some(name)) => {
                    let change: Option<Change> = changed(line, &["set-header", name, "%[src]"], true, notes);
                    let effect = change.map(Effect::Change);
                    self.requests.extend(effect.map(|effect| always(line, effect, true)));
                }
                _ => line
                    .left_out("carried over without what follows: X-Forwarded-For is written for every request", notes),
            }
        }
    }

    /// Adds what is for all requests.
    fn settings(&mut self, notes: &mut Notes) {
        let mut keys = Keys::new();
        if let Some(line) = &self.codings {
            let words = line.all();
            if words.contains(&"gzip") {
                keys.push(("compress", "[\"gzip\"]".to_owned()));
                let is_type = |word: &&String| {
                    word.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
                };
                let types: Vec<String> = self.types.iter().filter(is_type).map(|word| quoted(word)).collect();
                let types = &types[..types.len().min(64)];
                keys.extend((!types.is_empty()).then(|| ("compress_types", list(types))));
            } else {
                line.left_out("not carried over: codings are gzip, br and zstd, see compress of [[site]]", notes);
            }
        }
        keys.extend((!self.errors.is_empty()).then(|| ("error", list(&self.errors))));
        let head = Line { words: Vec::new(), place: crate::notes::Place::default() };
        if !keys.is_empty() {
            self.requests.insert(0, always(&head, Effect::Keys(keys), true));
        }
    }

    /// Iterates over its rules.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.requests.iter().chain(&self.uses).chain(&self.responses)
    }

    /// Returns the paths that its rules name; those that keep requests out come first.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let closes = |rule: &&Rule| matches!(rule.effect, Effect::Respond(..) | Effect::Closed(_));
        let all = self.rules().filter(closes).chain(self.rules().filter(move |rule| !closes(rule)));
        all.flat_map(|rule| rule.condition.atoms()).filter_map(|atom| match atom {
            super::atom::Atom::Path(path) => Some(path),
            _ => None,
        })
    }
}

/// Said where a test has no counterpart.
pub(super) const NO_CONDITION: &str =
    "not carried over: routes ask for hosts, paths, methods, networks, headers, cookies and parameters of the query";

fn always(line: &Line, effect: Effect, is_of_requests: bool) -> Rule {
    Rule { line: line.clone(), effect, condition: Condition::always(), is_of_requests }
}

fn is_token(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte))
}
