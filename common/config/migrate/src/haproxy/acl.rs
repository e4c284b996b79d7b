//! Conditions: `acl` lines, and what follows `if` and `unless`.

use std::collections::BTreeMap;

use super::atom::Atom;
use super::path::Path;

/// Any of some atoms, or none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    pub any: Vec<Atom>,
    pub negated: bool,
}

/// Several of which one has all of its literals, or the opposite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub any: Vec<Vec<Literal>>,
    pub negated: bool,
}

/// Knowledge of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
    /// It depends on this one, which a route can ask for.
    Asks(Atom),
    Not,
}

impl Known {
    fn opposite(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            other => other,
        }
    }

    /// Returns what holds where any of these has to.
    fn any(all: impl Iterator<Item = Self>) -> Self {
        let mut result = Self::No;
        for one in all {
            match one {
                Self::Yes => return Self::Yes,
                Self::No => {}
                asks @ Self::Asks(_) if !matches!(result, Self::Asks(_)) => result = asks,
                Self::Asks(_) => {}
                Self::Not if result == Self::No => result = Self::Not,
                Self::Not => {}
            }
        }
        result
    }
}

impl Condition {
    pub(super) fn always() -> Self {
        Self { any: vec![Vec::new()], negated: false }
    }

    /// Returns whether it holds, by what is known of each atom.
    pub(super) fn known(&self, atom: &impl Fn(&Atom) -> Known) -> Known {
        let literal = |literal: &Literal| {
            let any = Known::any(literal.any.iter().map(atom));
            if literal.negated { any.opposite() } else { any }
        };
        // All hold where not any fails.
        let all = |all: &Vec<Literal>| Known::any(all.iter().map(|one| literal(one).opposite())).opposite();
        let any = Known::any(self.any.iter().map(all));
        if self.negated { any.opposite() } else { any }
    }

    pub(super) fn atoms(&self) -> impl Iterator<Item = &Atom> {
        self.any.iter().flatten().flat_map(|literal| &literal.any)
    }

    /// Returns it with one more literal.
    pub(super) fn and_path(mut self, path: Path) -> Self {
        let more = Literal { any: vec![Atom::Path(path)], negated: false };
        if self.negated {
            // Not (a or b), and the path.
            let parts = std::mem::take(&mut self.any);
            let opposite = |parts: Vec<Vec<Literal>>| match parts.as_slice() {
                [one] if one.len() == 1 => Some(Literal { negated: !one[0].negated, ..one[0].clone() }),
                _ => None,
            };
            let unknown = Literal { any: vec![Atom::Unknown], negated: false };
            return Self { any: vec![vec![opposite(parts).unwrap_or(unknown), more]], negated: false };
        }
        self.any.iter_mut().for_each(|all| all.push(more.clone()));
        self
    }
}

/// The ACLs of a section.
#[derive(Clone, Debug, Default)]
pub(super) struct Acls {
    named: BTreeMap<String, Vec<Atom>>,
    /// Clients come by TLS.
    pub has_tls: bool,
    /// A line says which address a client has.
    pub sets_source: bool,
}

impl Acls {
    /// Takes an `acl` line; returns whether all of it is understood.
    pub(super) fn add(&mut self, name: &str, test: &[&str]) -> bool {
        let atoms = self.atoms(test);
        let is_known = !atoms.contains(&Atom::Unknown);
        self.named.entry(name.to_owned()).or_default().extend(atoms);
        is_known
    }

    /// Reads what follows a rule: `if` or `unless` and a condition, or nothing.
    pub(super) fn condition(&self, words: &[&str]) -> Condition {
        let (negated, mut rest) = match words {
            [] => return Condition::always(),
            ["if", rest @ ..] => (false, rest),
            ["unless", rest @ ..] => (true, rest),
            _ => return Condition { any: vec![vec![unknown()]], negated: false },
        };
        let mut any = vec![Vec::new()];
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            if matches!(*first, "or" | "||") {
                any.push(Vec::new());
                continue;
            }
            let name = first.trim_start_matches('!');
            let mut negated = (first.len() - name.len()) % 2 == 1;
            let mut name = name;
            while name.is_empty() && !rest.is_empty() {
                name = rest[0].trim_start_matches('!');
                negated ^= (rest[0].len() - name.len()) % 2 == 1;
                rest = &rest[1..];
            }
            let atoms = if name == "{" {
                let end = rest.iter().position(|word| *word == "}").unwrap_or(rest.len());
                let inside = &rest[..end];
                rest = rest.get(end + 1..).unwrap_or_default();
                self.atoms(inside)
            } else {
                self.named.get(name).cloned().unwrap_or_else(|| predefined(name))
            };
            any.last_mut().expect("one is there").push(Literal { any: atoms, negated });
        }
        Condition { any, negated }
    }

    fn atoms(&self, test: &[&str]) -> Vec<Atom> {
        match super::fetch::atoms(test, self.has_tls) {
            atoms if self.sets_source && atoms.iter().any(|atom| matches!(atom, Atom::When("network", _))) => {
                vec![Atom::Unknown]
            }
            atoms => atoms,
        }
    }
}

fn unknown() -> Literal {
    Literal { any: vec![Atom::Unknown], negated: false }
}

/// Returns what an ACL is that HAProxy brings along (Configuration Manual, 7.4).
fn predefined(name: &str) -> Vec<Atom> {
    let methods = |names: &[&str]| Atom::When("method", names.iter().map(|name| format!("\"{name}\"")).collect());
    vec![match name {
        "TRUE" | "HTTP" | "HTTP_URL_SLASH" => Atom::Always(true),
        "FALSE" => Atom::Always(false),
        "LOCALHOST" => Atom::When("network", vec!["\"127.0.0.0/8\"".to_owned(), "\"::1\"".to_owned()]),
        "METH_GET" => methods(&["GET", "HEAD"]),
        "METH_HEAD" => methods(&["HEAD"]),
        "METH_POST" => methods(&["POST"]),
        "METH_PUT" => methods(&["PUT"]),
        "METH_DELETE" => methods(&["DELETE"]),
        "METH_OPTIONS" => methods(&["OPTIONS"]),
        _ => Atom::Unknown,
    }]
}
