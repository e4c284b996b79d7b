//! The edge of the scenarios: two sites before two backends, and what a scenario changes of that.

use std::fs;

use fosse_harness::{Dir, Edge};

/// Rules of a site whose responses are inspected: bodies of backends that name no type are
/// buffered, and nothing is found in them.
const RULES: &str = "responses.conf";
const RULES_TEXT: &str = "SecResponseBodyMimeType null\nSecResponseBodyLimit 60000\nSecResponseBodyLimitAction ProcessPartial\n\
    SecRule RESPONSE_BODY \"@contains what no answer holds\" \"id:1,phase:4,deny\"\n";

/// Rules of a site that remember something of each client.
const COUNTING: &str = "counting.conf";
const COUNTING_TEXT: &str =
    "SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR},setvar:ip.hits=+1,expirevar:ip.hits=3600\"\n";

/// What plain.test does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plain {
    /// It has no firewall.
    #[default]
    Off,
    /// Its responses are inspected, and so buffered.
    Inspected,
    /// It counts the requests of each address.
    Counted,
}

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
    /// What plain.test does.
    pub plain: Plain,
}

impl Default for Setup {
    fn default() -> Self {
        Self { lanes: 2, top: String::new(), site: String::new(), backend: String::new(), plain: Plain::default() }
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
        fs::write(dir.join(COUNTING), COUNTING_TEXT).unwrap();
        Edge::supervised(dir, &self.configuration())
    }

    /// Sends the requests of some paths to the other backend than before.
    pub fn change_routes(&mut self) {
        let routes = "[[site.route]]\nprefix = \"/exact\"\nbackend = \"b\"\n\
            [[site.route]]\nprefix = \"/take\"\nbackend = \"b\"\n";
        self.site = if self.site.is_empty() { routes.into() } else { String::new() };
    }

    /// Returns its fosse.toml, with places for the harness to fill.
    #[must_use]
    pub fn configuration(&self) -> String {
        let Self { lanes, top, site, backend, plain } = self;
        let plain = match plain {
            Plain::Off => "waf = \"off\"".to_owned(),
            Plain::Inspected => {
                format!("inspect_responses = true\nrules_milliseconds_max = 10000\nrules = [\"{{dir}}/{RULES}\"]")
            }
            Plain::Counted => format!("rules = [\"{{dir}}/{COUNTING}\"]"),
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
