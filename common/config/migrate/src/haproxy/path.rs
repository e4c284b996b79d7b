//! Tests of paths, and which of them take requests from which.

use crate::edge::escaped;

/// Paths that a rule names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// This one alone.
    Exact(String),
    /// All that begin so.
    Beginning(String),
    /// All that end so.
    End(String),
    /// All that hold this.
    Part(String),
    /// All in which this expression is found.
    Regex(String),
    /// All that no rule names.
    Rest,
}

impl Path {
    /// Returns the expression of its paths.
    pub(super) fn regex(&self) -> String {
        match self {
            Self::Exact(path) => format!("^{}$", escaped(path)),
            Self::Beginning(path) => format!("^{}", escaped(path)),
            Self::End(end) => format!("{}$", escaped(end)),
            Self::Part(part) => escaped(part),
            Self::Regex(regex) => regex.clone(),
            Self::Rest => "^/".to_owned(),
        }
    }

    /// Returns whether a route has them as a path or a prefix.
    pub(super) fn is_plain(&self) -> bool {
        match self {
            Self::Exact(path) | Self::Beginning(path) => is_plain(path),
            Self::Rest => true,
            _ => false,
        }
    }

    /// Returns a text that all of its paths begin with.
    fn literal(&self) -> String {
        match self {
            Self::Exact(path) | Self::Beginning(path) => path.clone(),
            Self::Regex(regex) => {
                let rest = regex.strip_prefix('^').filter(|_| !regex.contains('|')).unwrap_or_default();
                let special = |one: char| !(one.is_ascii_alphanumeric() || "/-_".contains(one));
                let end = rest.find(special).unwrap_or(rest.len());
                let is_optional = rest[end..].starts_with(['?', '*', '{', '+']);
                rest[..end - usize::from(is_optional && end > 0)].to_owned()
            }
            _ => String::new(),
        }
    }

    /// Returns whether each of its paths is one of the other's; `None` where only some may be.
    pub(super) fn is_in(&self, other: &Self) -> Option<bool> {
        if self == other {
            return Some(true);
        }
        match (self, other) {
            (Self::Rest, _) | (_, Self::Exact(_)) => Some(false),
            (Self::Exact(path), Self::Beginning(there)) => Some(path.starts_with(there.as_str())),
            (Self::Exact(path), Self::End(there)) => Some(path.ends_with(there.as_str())),
            (Self::Exact(path), Self::Part(there)) => Some(path.contains(there.as_str())),
            (_, Self::Beginning(there)) => {
                let own = self.literal();
                let is_apart = !own.starts_with(there.as_str()) && !there.starts_with(own.as_str());
                if own.starts_with(there.as_str()) { Some(true) } else { is_apart.then_some(false) }
            }
            (Self::Beginning(own), Self::Part(there)) => own.contains(there.as_str()).then_some(true),
            (_, Self::Regex(_)) => {
                let (own, there) = (self.literal(), other.literal());
                (!own.starts_with(&there) && !there.starts_with(&own)).then_some(false)
            }
            _ => None,
        }
    }
}

/// Adds a path to those that are asked in turn, unless it is there: before those that have its
/// paths too.
pub(super) fn add(all: &mut Vec<Path>, path: &Path) {
    if all.contains(path) {
        return;
    }
    let literal = path.literal();
    let takes = |there: &Path| match (path, there) {
        (Path::Exact(_), Path::Exact(_)) => false,
        (Path::Exact(_), _) => true,
        (_, Path::Beginning(beginning)) => literal.starts_with(beginning.as_str()),
        _ => false,
    };
    let at = all.iter().position(takes).unwrap_or(all.len());
    all.insert(at, path.clone());
}

fn is_plain(path: &str) -> bool {
    let is_sound = path.bytes().all(|byte| byte.is_ascii_graphic()) && !path.contains(['?', '#', '*', '%', '"', '\\']);
    let parts = path.strip_prefix('/').map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    path.len() <= 200
        && is_sound
        && parts.is_some_and(|parts| path == "/" || !parts.split('/').any(|part| matches!(part, "" | "." | "..")))
}
