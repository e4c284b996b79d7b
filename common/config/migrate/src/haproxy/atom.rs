//! What a request is asked for.

use super::path::Path;

/// One thing that a request is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Atom {
    /// The same for every request.
    Always(bool),
    /// A host, as a site has it: "a.example", "*.a.example", or "~" and an expression.
    Host(String),
    Path(Path),
    /// A condition of a route: its key, and its value in quotes.
    When(&'static str, Vec<String>),
    /// The password of a user of this list.
    Users(String),
    /// A client or server whose count of something is high: no limit of HAProxy's is carried over.
    Count,
    /// Whatever it is.
    Unknown,
}
