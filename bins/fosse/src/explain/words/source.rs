//! The addresses that connections to servers come from.

use fosse_model::Edge;

/// Returns where connections to the servers of a backend come from, where that is written.
pub(super) fn source_address(edge: &Edge, name: &str) -> String {
    let backend = edge.backend.iter().find(|backend| backend.name.0 == name);
    let sources = backend.iter().flat_map(|backend| backend.source_address.iter());
    let written: Vec<String> = sources.map(|source| source.0.to_string()).collect();
    if written.is_empty() { String::new() } else { format!("source    connections from {}\n", written.join(", ")) }
}

#[cfg(test)]
mod tests {
    use crate::explain::tests::{TEXT, explain_of};

    #[test]
    fn says_where_connections_to_servers_come_from() {
        assert!(!explain_of(TEXT, "a.example", "/api/x").contains("\nsource "));
        let servers = "servers = [\"127.0.0.1:1\"]";
        let text = TEXT.replace(servers, &format!("{servers}\nsource_address = [\"127.0.0.2\"]"));
        let said = explain_of(&text, "a.example", "/api/x");
        assert!(said.contains("backend   \"api\": 127.0.0.1:1\nsource    connections from 127.0.0.2\n"), "{said}");
    }
}
