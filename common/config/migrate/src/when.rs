//! Conditions of routes besides the path.

use crate::written::{list, quoted};

/// Conditions besides the path, as `when` of a route has them; all of them must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct When {
    /// One of these.
    pub method: Vec<String>,
    /// All of these.
    pub header: Vec<String>,
    /// All of these.
    pub query: Vec<String>,
    /// One of these.
    pub network: Vec<String>,
}

impl When {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the conditions of both; `None` where they have none that fosse could say.
    pub(crate) fn and(&self, other: &Self) -> Option<Self> {
        let one_of = |ours: &[String], theirs: &[String]| -> Option<Vec<String>> {
            match (ours.is_empty(), theirs.is_empty()) {
                (_, true) => Some(ours.to_vec()),
                (true, false) => Some(theirs.to_vec()),
                // Of two lists that are not the same it is not looked at what is in both.
                _ => (ours == theirs).then(|| ours.to_vec()),
            }
        };
        let all_of = |ours: &[String], theirs: &[String]| -> Vec<String> {
            let more = theirs.iter().filter(|one| !ours.contains(one));
            ours.iter().chain(more).cloned().collect()
        };
        let (header, query) = (all_of(&self.header, &other.header), all_of(&self.query, &other.query));
        let is_room = header.len() <= TESTS_COUNT_MAX && query.len() <= TESTS_COUNT_MAX;
        let (method, network) = (one_of(&self.method, &other.method)?, one_of(&self.network, &other.network)?);
        is_room.then_some(Self { method, header, query, network })
    }

    /// Returns the table of fosse.toml.
    pub(crate) fn written(&self) -> String {
        let rows =
            [("method", &self.method), ("header", &self.header), ("query", &self.query), ("network", &self.network)];
        let row = |(key, values): &(&str, &Vec<String>)| {
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            format!("{key} = {}", list(&values))
        };
        let rows: Vec<String> = rows.iter().filter(|(_, values)| !values.is_empty()).map(row).collect();
        format!("{{ {} }}", rows.join(", "))
    }
}

/// Tests of headers, or of the query, that a route may have.
const TESTS_COUNT_MAX: usize = 16;
