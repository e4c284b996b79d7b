//! Requests of pages of other origins, judged as browsers do: by the Fetch standard ("CORS
//! protocol", "CORS-preflight fetch"), at fosse and at Caddy with directives for the same headers.

use std::net::SocketAddr;

use fosse_harness::{Client, Response};

use crate::peers::{Peers, Row};

const LISTED: &str = "{pass}\n[site.cors]\norigins = [\"https://app.example\", \"https://*.apps.example\"]\n\
    methods = [\"GET\", \"POST\", \"PUT\"]\nheaders = [\"X-Token\", \"Content-Type\"]\nexpose_headers = [\"X-Total\"]\n\
    credentials = true\nmax_age_seconds = 60";
const ANY: &str = "{pass}\n[site.cors]\norigins = [\"*\"]\nmethods = [\"GET\", \"DELETE\"]\nheaders = [\"*\"]\nexpose_headers = [\"*\"]";

/// Headers of a preflight's response and of another one, where the origin is known.
const CADDY_LISTED: &str = "@preflight {\nmethod OPTIONS\nheader Origin *\nheader Access-Control-Request-Method *\n}\n\
    @known header_regexp origin Origin ^https://(app|[a-z0-9.-]+\\.apps)\\.example$\n\
    handle @preflight {\nheader Vary Origin\nheader @known {\nAccess-Control-Allow-Origin {re.origin.0}\nAccess-Control-Allow-Credentials true\n\
    Access-Control-Allow-Methods \"GET, POST, PUT\"\nAccess-Control-Allow-Headers \"X-Token, Content-Type\"\nAccess-Control-Max-Age 60\n}\nrespond 204\n}\n\
    handle {\nheader Vary Origin\nheader @known {\nAccess-Control-Allow-Origin {re.origin.0}\nAccess-Control-Allow-Credentials true\n\
    Access-Control-Expose-Headers X-Total\n}\n{pass}\n}";
const CADDY_ANY: &str = "@preflight {\nmethod OPTIONS\nheader Origin *\nheader Access-Control-Request-Method *\n}\n\
    handle @preflight {\nheader {\nAccess-Control-Allow-Origin *\nAccess-Control-Allow-Methods \"GET, DELETE\"\nAccess-Control-Allow-Headers *\n\
    Access-Control-Max-Age 600\n}\nrespond 204\n}\nhandle {\nheader {\nAccess-Control-Allow-Origin *\nAccess-Control-Expose-Headers *\n}\n{pass}\n}";

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "listed",
        keys: &[
            "cors",
            "cors.origins",
            "cors.methods",
            "cors.headers",
            "cors.expose_headers",
            "cors.credentials",
            "cors.max_age_seconds",
        ],
        fosse: LISTED,
        caddy: CADDY_LISTED,
        ..Row::NONE
    },
    Row { name: "any", keys: &["cors.origins"], fosse: ANY, caddy: CADDY_ANY, ..Row::NONE },
];

/// A request of a script on a page.
struct Fetch {
    site: &'static str,
    origin: &'static str,
    method: &'static str,
    /// Names of headers that the script has written, as a browser sorts them.
    headers: &'static [&'static str],
    /// With cookies.
    credentials: bool,
}

const fn fetch(
    site: &'static str,
    origin: &'static str,
    method: &'static str,
    headers: &'static [&'static str],
    credentials: bool,
) -> Fetch {
    Fetch { site, origin, method, headers, credentials }
}

/// Requests, and what the script gets.
const FETCHES: &[(Fetch, &str)] = &[
    (fetch("listed", "https://app.example", "GET", &[], false), "200 reads x-total"),
    (fetch("listed", "https://app.example", "GET", &[], true), "200 reads x-total"),
    (fetch("listed", "https://one.apps.example", "GET", &[], true), "200 reads x-total"),
    (fetch("listed", "https://a.b.apps.example", "GET", &[], true), "200 reads x-total"),
    (fetch("listed", "https://apps.example", "GET", &[], true), "may not read"),
    (fetch("listed", "https://evilapps.example", "GET", &[], true), "may not read"),
    (fetch("listed", "https://app.example.evil.example", "GET", &[], true), "may not read"),
    (fetch("listed", "http://app.example", "GET", &[], true), "may not read"),
    (fetch("listed", "https://app.example:8443", "GET", &[], true), "may not read"),
    (fetch("listed", "null", "GET", &[], true), "may not read"),
    (fetch("listed", "https://app.example", "POST", &["content-type"], true), "200 reads x-total"),
    (fetch("listed", "https://app.example", "PUT", &["content-type", "x-token"], true), "200 reads x-total"),
    (fetch("listed", "https://app.example", "PUT", &["x-other"], true), "preflight: x-other"),
    (fetch("listed", "https://app.example", "GET", &["authorization"], true), "preflight: authorization"),
    (fetch("listed", "https://app.example", "DELETE", &[], true), "preflight: DELETE"),
    (fetch("listed", "https://evil.example", "PUT", &["x-token"], true), "preflight: origin"),
    (fetch("listed", "null", "PUT", &[], false), "preflight: origin"),
    (fetch("any", "https://evil.example", "GET", &[], false), "200 reads all"),
    (fetch("any", "null", "GET", &[], false), "200 reads all"),
    (fetch("any", "https://evil.example", "GET", &[], true), "may not read"),
    (fetch("any", "https://evil.example", "DELETE", &["x-anything"], false), "200 reads all"),
    (fetch("any", "https://evil.example", "DELETE", &["x-anything"], true), "preflight: origin"),
    (fetch("any", "https://evil.example", "PUT", &[], false), "preflight: PUT"),
    (fetch("any", "https://evil.example", "GET", &["authorization"], false), "preflight: authorization"),
];

impl Fetch {
    /// Does what a browser does, and returns what the script gets.
    fn by_browser(&self, address: SocketAddr) -> String {
        if (!["GET", "HEAD", "POST"].contains(&self.method) || !self.headers.is_empty())
            && let Err(what) = self.preflight(address)
        {
            return format!("preflight: {what}");
        }
        let written: String = self.headers.iter().map(|name| format!("{name}: 1\r\n")).collect();
        let response = self.send(address, self.method, &format!("{written}X-Say: X-Total: 5\r\n"));
        if !self.is_allowed(&response) {
            return "may not read".to_owned();
        }
        let exposed = list(&response, "access-control-expose-headers");
        let names = if !self.credentials && exposed.iter().any(|name| name == "*") {
            "all".to_owned()
        } else {
            exposed.join(" ")
        };
        format!("{} reads {names}", response.status)
    }

    /// Asks whether the request may be made; says what may not.
    fn preflight(&self, address: SocketAddr) -> Result<(), String> {
        let names = if self.headers.is_empty() {
            String::new()
        } else {
            format!("Access-Control-Request-Headers: {}\r\n", self.headers.join(","))
        };
        let response =
            self.send(address, "OPTIONS", &format!("Access-Control-Request-Method: {}\r\n{names}", self.method));
        if !self.is_allowed(&response) || !(200..300).contains(&response.status) {
            return Err("origin".to_owned());
        }
        assert!(!response.text().contains("\nbody "), "the application has seen a preflight");
        let methods = list(&response, "access-control-allow-methods");
        let is_listed = |all: &[String], one: &str| all.iter().any(|there| there.eq_ignore_ascii_case(one));
        let has_star = |all: &[String]| !self.credentials && all.iter().any(|one| one == "*");
        // Methods are compared with their case in the standard; all of these are in capitals.
        if !is_listed(&methods, self.method) && !["GET", "HEAD", "POST"].contains(&self.method) && !has_star(&methods) {
            return Err(self.method.to_owned());
        }
        let allowed = list(&response, "access-control-allow-headers");
        for name in self.headers {
            let is_wild = has_star(&allowed) && *name != "authorization";
            if !is_listed(&allowed, name) && !is_wild {
                return Err((*name).to_owned());
            }
        }
        Ok(())
    }

    /// The CORS check.
    fn is_allowed(&self, response: &Response) -> bool {
        let Some(origin) = response.header("access-control-allow-origin") else { return false };
        let has_word = response.header("access-control-allow-credentials") == Some("true");
        match origin {
            "*" if !self.credentials => true,
            origin => origin == self.origin && (!self.credentials || has_word),
        }
    }

    fn send(&self, address: SocketAddr, method: &str, lines: &str) -> Response {
        let mut client = Client::connect(address);
        // A preflight has no cookies, whatever the request has.
        let cookie = if self.credentials && method != "OPTIONS" { "Cookie: session=1\r\n" } else { "" };
        let head = format!(
            "{method} / HTTP/1.1\r\nHost: {}.example\r\nOrigin: {}\r\nConnection: close\r\n{lines}{cookie}\r\n",
            self.site, self.origin
        );
        client.send(head.as_bytes());
        let response = client.response();
        // What depends on the origin must not be kept for another one.
        let is_of_origin = response.header("access-control-allow-origin") != Some("*");
        let varies = list(&response, "vary").iter().any(|name| name == "origin");
        assert!(varies || !is_of_origin, "{}: {}", self.origin, response.head);
        response
    }
}

/// Returns the values of a header's list, in small letters.
fn list(response: &Response, name: &str) -> Vec<String> {
    let lines = response.head.lines().filter_map(|line| line.split_once(':'));
    let values = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).flat_map(|(_, value)| value.split(','));
    values.map(|value| value.trim().to_ascii_lowercase()).filter(|value| !value.is_empty()).collect()
}

#[test]
fn scripts_of_other_origins_get_what_the_fetch_standard_lets_them_have() {
    let servers = Peers::start(ROWS);
    let mut found = Vec::new();
    for (fetch, expected) in FETCHES {
        let all = [("fosse", servers.edge.address())].into_iter().chain(servers.of(&ROWS[0]));
        for (name, address) in all {
            let got = fetch.by_browser(address);
            if got != *expected {
                let Fetch { site, origin, method, headers, credentials } = fetch;
                found.push(format!(
                    "{name} {site} {origin} {method} {headers:?} {credentials}: {got}, expected {expected}"
                ));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(servers.edge.alarms(), Vec::<String>::new());
}
