//! What the rules have done for the requests of a host and a part of its paths.

use std::collections::{BTreeMap, BTreeSet};

use super::acl::Known;
use super::atom::Atom;
use super::backend::Read;
use super::edits::{self, Change};
use super::path::Path;
use super::proxy::{NO_CONDITION, Proxy};
use super::rule::{Effect, Rule};
use crate::edge::{Action, Edge, Keys, list};
use crate::notes::Place;

/// Rows for one part of the paths.
const ROWS_COUNT_MAX: usize = 32;

/// A row: what is done where all of its conditions hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub when: Vec<(&'static str, Vec<String>)>,
    pub action: Action,
    pub keys: Keys,
    pub change: Option<PathChange>,
}

/// A change of the path that a backend gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathChange {
    Prefix { without: String, with: String },
    Rewrite(Option<String>, String),
}

/// A note of a rule.
pub(super) type Said = BTreeSet<(Place, String, String)>;

/// All that is the same for all requests.
pub(super) struct World<'w> {
    pub backends: &'w BTreeMap<String, Read>,
    pub users: &'w BTreeMap<String, Vec<String>>,
    pub fallback: Option<String>,
    /// Paths in the order in which routes ask for them.
    pub paths: &'w [Path],
    pub host: &'w str,
    pub path: &'w Path,
}

/// Rules that are asked, and the rows so far.
pub(super) struct Walk<'w> {
    pub world: World<'w>,
    pub edge: &'w mut Edge,
    pub said: &'w mut Said,
    pub rows: Vec<Row>,
}

/// A request as the rules before have left it.
#[derive(Clone, Debug, Default)]
struct State {
    known: Vec<(Atom, bool)>,
    changes: Vec<Change>,
    keys: Keys,
    change: Option<PathChange>,
    is_allowed: bool,
    backend: Option<String>,
    /// Rules that are left out, if a backend gets the request.
    doubts: Vec<(Place, String, String)>,
}

impl<'w> Walk<'w> {
    /// Adds the rows of a frontend.
    pub(super) fn front(&mut self, proxy: &'w Proxy) {
        let steps: Vec<&Rule> = proxy.requests.iter().chain(&proxy.uses).collect();
        self.walk(&steps, 0, State::default(), proxy);
    }

    fn walk(&mut self, steps: &[&'w Rule], from: usize, mut state: State, front: &'w Proxy) {
        for (at, rule) in steps.iter().enumerate().skip(from) {
            if state.is_allowed && rule.is_of_requests {
                continue;
            }
            match rule.condition.known(&|atom| self.known(atom, &state, rule)) {
                Known::No => {}
                Known::Not => {
                    if let Some(status) = self.doubted(rule, &mut state) {
                        return self.respond(Action::Respond(status, None), Keys::new(), state);
                    }
                }
                Known::Asks(atom) if self.rows.len() >= ROWS_COUNT_MAX => {
                    drop(atom);
                    self.say(
                        rule,
                        "not carried over: its conditions and those before have too many cases; requests get 403",
                    );
                    return self.respond(Action::Respond(403, None), Keys::new(), state);
                }
                Known::Asks(atom) => {
                    if let Some(key) = self.networks(rule, &atom, &state) {
                        state.keys.push(key);
                        continue;
                    }
                    for holds in [true, false] {
                        let mut state = state.clone();
                        state.known.push((atom.clone(), holds));
                        self.walk(steps, at, state, front);
                    }
                    return;
                }
                Known::Yes => match &rule.effect {
                    Effect::Use(name) => return self.backend(name, rule, state, front),
                    _ if self.applied(rule, &mut state) => {}
                    _ => return,
                },
            }
        }
        self.ended(state, front);
    }

    /// Notes a rule of which it is not known whether it is for a request; returns the status that
    /// this gets, unless the rule is left out.
    fn doubted(&mut self, rule: &Rule, state: &mut State) -> Option<u16> {
        let Some(status) = rule.closing() else {
            state.doubts.push((rule.line.place, rule.line.words.join(" "), NO_CONDITION.to_owned()));
            return None;
        };
        self.say(rule, &format!("{NO_CONDITION}; requests that it may be for get {status}"));
        Some(status)
    }

    /// Goes on where all rules of a section have been asked.
    fn ended(&mut self, mut state: State, front: &'w Proxy) {
        match (&state.backend, self.world.fallback.clone()) {
            (None, Some(name)) => {
                let steps = self.of_backend(&name, front);
                state.is_allowed = false;
                state.backend = Some(name);
                self.walk(&steps, 0, state, front);
            }
            (None, None) => self.respond(Action::Respond(503, None), Keys::new(), state),
            (Some(name), _) => match self.world.backends.get(name).and_then(|backend| backend.add(self.edge)) {
                Some(name) => self.row(Action::Backend(name), state),
                None => self.respond(Action::Respond(503, None), Keys::new(), state),
            },
        }
    }

    fn backend(&mut self, name: &str, rule: &'w Rule, mut state: State, front: &'w Proxy) {
        let has_servers = self.world.backends.get(name).is_some_and(Read::has_servers);
        let responds = self.world.backends.get(name).is_some_and(|read| !read.proxy.requests.is_empty());
        if !has_servers && !responds {
            self.say(rule, "not carried over: none of the servers of this backend is; its requests get 503");
        }
        let steps = self.of_backend(name, front);
        state.is_allowed = false;
        state.backend = Some(name.to_owned());
        self.walk(&steps, 0, state, front);
    }

    fn of_backend(&self, name: &str, front: &'w Proxy) -> Vec<&'w Rule> {
        let backend = self.world.backends.get(name).map(Read::proxy);
        let own = backend.into_iter().flat_map(|proxy| proxy.requests.iter().chain(&proxy.responses));
        own.chain(&front.responses).collect()
    }

    /// Has a rule do what it does; returns whether the next one is asked.
    fn applied(&mut self, rule: &Rule, state: &mut State) -> bool {
        let respond = |action: Action, keys: &Keys, state: &mut State, walk: &mut Self| {
            walk.respond(action, keys.clone(), std::mem::take(state));
            false
        };
        match &rule.effect {
            Effect::Respond(action, keys) => respond(action.clone(), keys, state, self),
            Effect::Closed(status) => respond(Action::Respond(*status, None), &Keys::new(), state, self),
            Effect::Allow => {
                state.is_allowed = true;
                true
            }
            Effect::Auth(users, realm) => match self.world.users.get(users).filter(|users| !users.is_empty()) {
                Some(lines) if !state.keys.iter().any(|(key, _)| *key == "basic_auth") => {
                    state.keys.push(("basic_auth", format!("{{ {realm}users = {} }}", list(lines))));
                    state.known.push((Atom::Users(users.clone()), true));
                    true
                }
                _ => {
                    let why = "not carried over: no user of this list has a hash of bcrypt, as fosse password makes it, or there is a list before; its requests get 403";
                    self.say(rule, why);
                    respond(Action::Respond(403, None), &Keys::new(), state, self)
                }
            },
            Effect::Change(change) => {
                state.changes.push(change.clone());
                true
            }
            Effect::Keys(keys) => {
                state.keys.extend(keys.iter().cloned());
                true
            }
            Effect::Path { without, with, .. } => {
                self.changed(rule, PathChange::Prefix { without: without.clone(), with: with.clone() }, state)
            }
            Effect::Rewrite(regex, to) => self.changed(rule, PathChange::Rewrite(regex.clone(), to.clone()), state),
            Effect::Use(_) => true,
        }
    }

    fn changed(&mut self, rule: &Rule, change: PathChange, state: &mut State) -> bool {
        if state.change.is_none() {
            state.change = Some(change);
            return true;
        }
        self.say(rule, "not carried over: a route changes a path once; its requests get 404");
        self.respond(Action::Respond(404, None), Keys::new(), std::mem::take(state));
        false
    }

    fn respond(&mut self, action: Action, keys: Keys, mut state: State) {
        state.change = None;
        // Headers of responses are those of applications.
        state.changes.clear();
        state.keys.retain(|(key, _)| *key != "cache");
        state.keys.extend(keys);
        self.row(action, state);
    }

    fn row(&mut self, action: Action, state: State) {
        if matches!(action, Action::Backend(_)) {
            self.said.extend(state.doubts);
        }
        let mut keys = state.keys;
        keys.extend(edits::keys(&state.changes));
        let mut when: Vec<(&'static str, Vec<String>)> = Vec::new();
        for atom in state.known.into_iter().filter(|(_, holds)| *holds).map(|(atom, _)| atom) {
            let Atom::When(key, values) = atom else { continue };
            match when.iter_mut().find(|(there, _)| *there == key) {
                Some((_, there)) => there.extend(values),
                None => when.push((key, values)),
            }
        }
        self.rows.push(Row { when, action, keys, change: state.change });
    }

    fn known(&self, atom: &Atom, state: &State, rule: &Rule) -> Known {
        let of = |holds: bool| if holds { Known::Yes } else { Known::No };
        if let Some((_, holds)) = state.known.iter().find(|(there, _)| there == atom) {
            return of(*holds);
        }
        match atom {
            Atom::Always(holds) => of(*holds),
            Atom::Host(host) => host_is(self.world.host, host),
            Atom::Path(path) => self.path_is(path),
            // Of these a route asks for one of a list, and there is one list.
            Atom::When(key @ ("network" | "method"), _) => {
                let is_taken =
                    |(there, holds): &(Atom, bool)| *holds && matches!(there, Atom::When(other, _) if other == key);
                if state.known.iter().any(is_taken) { Known::Not } else { Known::Asks(atom.clone()) }
            }
            Atom::When(..) => Known::Asks(atom.clone()),
            Atom::Users(_) if matches!(rule.effect, Effect::Auth(..)) => Known::No,
            Atom::Count => Known::No,
            Atom::Users(_) | Atom::Unknown => Known::Not,
        }
    }

    fn path_is(&self, path: &Path) -> Known {
        match self.world.path.is_in(path) {
            Some(true) => Known::Yes,
            Some(false) => Known::No,
            None => {
                let at = |path: &Path| self.world.paths.iter().position(|there| there == path).unwrap_or(usize::MAX);
                // A route before has all of these.
                if at(path) < at(self.world.path) { Known::No } else { Known::Not }
            }
        }
    }

    /// Returns the networks that a denial is for as a key, where nothing else is asked.
    fn networks(&self, rule: &Rule, atom: &Atom, state: &State) -> Option<(&'static str, String)> {
        let Atom::When("network", values) = atom else { return None };
        let is_denial = rule.effect == Effect::Respond(Action::Respond(403, None), Keys::new());
        let is_taken = state.keys.iter().any(|(key, _)| key.ends_with("_networks"));
        (is_denial && !is_taken).then_some(())?;
        let known = |holds: bool| {
            let mut state = state.clone();
            state.known.push((atom.clone(), holds));
            rule.condition.known(&|atom| self.known(atom, &state, rule))
        };
        match (known(true), known(false)) {
            (Known::No, Known::Yes) => Some(("allow_networks", list(values))),
            (Known::Yes, Known::No) => Some(("deny_networks", list(values))),
            _ => None,
        }
    }

    fn say(&mut self, rule: &Rule, why: &str) {
        self.said.insert((rule.line.place, rule.line.words.join(" "), why.to_owned()));
    }
}

/// Returns whether all requests of a host are of another one.
fn host_is(host: &str, other: &str) -> Known {
    let of = |holds: bool| if holds { Known::Yes } else { Known::No };
    if host == other {
        return Known::Yes;
    }
    if host.is_empty() {
        return Known::No;
    }
    match (other.strip_prefix("*."), other.strip_prefix("~^")) {
        (Some(end), _) if !host.starts_with('~') => of(host.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'))),
        (None, Some(beginning)) if !host.starts_with(['~', '*']) => of(host.starts_with(&beginning.replace('\\', ""))),
        (None, None) => Known::No,
        _ => Known::Not,
    }
}
