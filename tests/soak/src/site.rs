//! The edge of the scenarios: two sites before two backends, and what a scenario changes of that.

use std::fs;

use fosse_harness::{Dir, Edge};

/// Rules of a site whose responses are inspected: bodies of backends that name no type are
/// buffered, and nothing is found in them.
const RULES: &str = "responses.conf";
const RULES_TEXT: &str = "SecResponseBodyMimeType null\nSecResponseBodyLimit 60000\nSecResponseBodyLimitAction ProcessPartial\n\
    SecRule RESPONSE_BODY \"@contains what no answer holds\" \"id:1,phase:4,deny\"\n";

/// What differs between the edges of the scenarios.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Lanes.
    pub lanes: u32,
    /// Lines of fosse.toml above its first table.
    pub top: String,
    /// Lines of both sites, routes last.
    pub site: String,
    /// Lines of backend "a".
    pub backend: String,
    /// The responses of plain.test are inspected, and so buffered; else that site has no firewall.
    pub inspected: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { lanes: 2, top: String::new(), site: String::new(), backend: String::new(), inspected: false }
    }
}

impl Setup {
    /// For thousands of clients at a time.
    #[must_use]
    pub fn wide() -> Self {
        Self {
            backend: "connections_max = 4000\nqueue_requests_max = 4000\nconnect_seconds = 30\n".into(),
            ..Self::default()
        }
    }

    /// Starts an edge as a supervisor does. Backends listen on `a.sock` and `b.sock` in its
    /// directory.
    #[must_use]
    pub fn start(&self) -> Edge {
        let dir = Dir::new();
        fs::write(dir.join(RULES), RULES_TEXT).unwrap();
        Edge::supervised(dir, &self.configuration())
    }

    /// Returns its fosse.toml, with places for the harness to fill.
    #[must_use]
    pub fn configuration(&self) -> String {
        let Self { lanes, top, site, backend, inspected } = self;
        let plain = if *inspected {
            format!("inspect_responses = true\nrules_milliseconds_max = 10000\nrules = [\"{{dir}}/{RULES}\"]")
        } else {
            "waf = \"off\"".to_owned()
        };
        format!(
            "lanes = {lanes}\nuid_base = {{uid_base}}\n{top}\n\
             [[listen]]\naddress = \"{{address}}\"\naddress_connections_max = 50000\n\
             [[site]]\ndefault = true\nbackend = \"a\"\nbody_bytes_max = \"16 MiB\"\n{site}\n\
             [[site]]\nhosts = [\"plain.test\"]\nbackend = \"a\"\n{plain}\nbody_bytes_max = \"16 MiB\"\n{site}\n\
             [[backend]]\nname = \"a\"\nservers = [\"unix:{{dir}}/a.sock\"]\n{backend}\n\
             [[backend]]\nname = \"b\"\nservers = [\"unix:{{dir}}/b.sock\"]\n"
        )
    }
}
