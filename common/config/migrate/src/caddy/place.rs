//! The requests that directives of a block are for.

use super::matchers::{Matcher, Requests};
use crate::edge::{Action, Keys, PathKind, Route, When};

/// The requests that directives are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) requests: Requests,
    pub(super) when: When,
    /// Name of the expression whose groups a text may hold.
    pub(super) regex: Option<String>,
}

impl Place {
    pub(super) const ALL: Self = Self {
        requests: Requests::All,
        when: When { method: Vec::new(), header: Vec::new(), query: Vec::new(), network: Vec::new() },
        regex: None,
    };

    pub(super) fn is_all(&self) -> bool {
        *self == Self::ALL
    }

    /// Returns the matcher of all that is here.
    pub(super) fn matcher(&self) -> Matcher {
        let paths = match &self.requests {
            Requests::All => Vec::new(),
            requests => vec![requests.clone()],
        };
        Matcher { paths, when: self.when.clone(), regex: self.regex.clone(), ..Matcher::default() }
    }

    /// Returns the places here that a matcher matches; `None` where fosse has none for them.
    pub(super) fn within(&self, matcher: &Matcher) -> Option<Vec<Self>> {
        matcher.is_positive().then_some(())?;
        let when = self.when.and(&matcher.when)?;
        let one = |requests: Requests| {
            let requests = match (&self.requests, requests) {
                (outer, Requests::All) => outer.clone(),
                (Requests::All, inner) => inner,
                (Requests::Beginning(outer), Requests::Beginning(inner) | Requests::Exact(inner))
                    if !inner.starts_with(outer) =>
                {
                    return None;
                }
                (Requests::Beginning(_), inner @ (Requests::Beginning(_) | Requests::Exact(_))) => inner,
                _ => return None,
            };
            Some(Self { requests, when: when.clone(), regex: matcher.regex.clone().or_else(|| self.regex.clone()) })
        };
        matcher.requests().into_iter().map(one).collect()
    }

    /// Returns the route of this place.
    pub(super) fn route(&self, action: Action, keys: Keys) -> Route {
        let (path, kind) = match &self.requests {
            Requests::All => (String::new(), PathKind::Any),
            Requests::Exact(path) => (path.clone(), PathKind::Exact),
            Requests::Beginning(path) => (path.clone(), PathKind::Prefix),
            Requests::Regex(regex) => (regex.clone(), PathKind::Regex),
        };
        Route { path, kind, when: self.when.clone(), action, keys }
    }
}
