//! Pages of other origins: what a browser lets them do, by the headers that it gets.

use fosse_harness::{Backend, Edge, Response, request};

fn edge(backend: &Backend, keys: &str) -> Edge {
    Edge::with_config(
        &format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\n\
             response_headers.set = {{ X-Own = \"1\" }}\n[site.cors]\n{keys}\n[[site.route]]\nprefix = \"/own\"\ncors = false\n\
             [[site.route]]\nprefix = \"/private\"\nbasic_auth = {{ users = [\"{ANN}\"] }}\n\
             [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
            backend.address()
        ),
        &[],
    )
}

const ANN: &str = "ann:$2y$04$4I2QtmfwLH5cqpBvaZDpqeko7gZsfbb8.FyMxpEfnlxSinf36G/46";

const LISTED: &str = "origins = [\"https://app.example\", \"https://*.b.example\"]\nmethods = [\"GET\", \"PUT\"]\n\
                      headers = [\"X-Token\", \"Content-Type\"]\nexpose_headers = [\"X-Total\"]\ncredentials = true\n\
                      max_age_seconds = 60";

/// A page of an origin in a browser, as the Fetch standard has it.
struct Page<'e> {
    edge: &'e Edge,
    origin: &'e str,
    credentials: bool,
}

impl Page<'_> {
    fn send(&self, method: &str, target: &str, fields: &str) -> Response {
        let origin = self.origin;
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: a.example\r\nOrigin: {origin}\r\nConnection: close\r\n{fields}\r\n"
        );
        request(self.edge.address(), head)
    }

    /// The CORS check (Fetch, section 4.10).
    fn may_read(&self, response: &Response) -> bool {
        let all: Vec<&str> = values(response, "access-control-allow-origin");
        match all.as_slice() {
            ["*"] => !self.credentials,
            [one] if *one == self.origin => {
                !self.credentials || values(response, "access-control-allow-credentials") == ["true"]
            }
            _ => false,
        }
    }

    /// The preflight (Fetch, section 4.8): whether the request itself would be made.
    fn may_send(&self, method: &str, target: &str, headers: &[&str]) -> bool {
        let asked = format!(
            "Access-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: {}\r\n",
            headers.join(",")
        );
        let response = self.send("OPTIONS", target, &asked);
        let list = |name: &str| -> Vec<String> {
            let values = values(&response, name);
            values.iter().flat_map(|value| value.split(',')).map(|one| one.trim().to_lowercase()).collect()
        };
        let (methods, allowed) = (list("access-control-allow-methods"), list("access-control-allow-headers"));
        (200..300).contains(&response.status)
            && self.may_read(&response)
            && (matches!(method, "GET" | "HEAD" | "POST") || methods.contains(&method.to_lowercase()))
            && headers.iter().all(|name| allowed.contains(&name.to_lowercase()))
    }
}

fn values<'r>(response: &'r Response, name: &str) -> Vec<&'r str> {
    let lines = response.head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim_end()).collect()
}

#[test]
fn a_page_of_a_listed_origin_may_and_one_of_another_may_not() {
    let backend = Backend::start();
    let edge = edge(&backend, LISTED);
    let page = |origin| Page { edge: &edge, origin, credentials: true };
    for origin in ["https://app.example", "https://x.b.example", "https://y.x.b.example"] {
        let page = page(origin);
        assert!(page.may_send("PUT", "/x", &["x-token", "content-type"]), "{origin} {}", edge.log());
        assert!(!page.may_send("DELETE", "/x", &[]) && !page.may_send("PUT", "/x", &["x-other"]));
        let response = page.send("PUT", "/x", "Content-Length: 0\r\n");
        assert!(response.status == 200 && page.may_read(&response), "{}", response.head);
        assert_eq!(values(&response, "access-control-expose-headers"), ["X-Total"]);
        assert_eq!(values(&response, "x-own"), ["1"], "other changes are made too");
    }
    let asked = backend.requests();
    for origin in [
        "https://app.example.evil.com",
        "http://app.example",
        "https://app.example:444",
        "https://b.example",
        "https://evilb.example",
        "https://evil.com/.b.example",
        "null",
        "https://APP.example",
        "https://app.example, https://x.b.example",
    ] {
        let page = page(origin);
        assert!(!page.may_send("PUT", "/x", &[]), "{origin}");
        let response = page.send("GET", "/x", "");
        assert!(!response.head.to_lowercase().contains("access-control-"), "{origin} {}", response.head);
        assert_eq!(values(&response, "vary"), ["Origin"], "a cache must tell them apart");
    }
    assert_eq!(backend.requests() - asked, 9, "no preflight came to the application");
    let twice = page("https://app.example").send("GET", "/x", "Origin: https://app.example\r\n");
    assert!(!twice.head.to_lowercase().contains("access-control-"), "{}", twice.head);
}

#[test]
fn the_headers_of_the_application_give_way_and_its_vary_stays() {
    let backend = Backend::start();
    let edge = edge(&backend, LISTED);
    let page = Page { edge: &edge, origin: "https://app.example", credentials: true };
    let said = "X-Say: Access-Control-Allow-Origin: *\r\nX-Say: Access-Control-Allow-Credentials: true\r\n\
                X-Say: Access-Control-Expose-Headers: X-Secret\r\nX-Say: Vary: Accept-Encoding\r\n";
    let response = page.send("GET", "/x", said);
    assert!(page.may_read(&response), "{}", response.head);
    assert_eq!(values(&response, "access-control-expose-headers"), ["X-Total"]);
    assert_eq!(values(&response, "vary"), ["Accept-Encoding", "Origin"]);
    let stranger = Page { origin: "https://evil.com", ..page };
    let response = stranger.send("GET", "/x", said);
    assert!(!response.head.to_lowercase().contains("access-control-"), "{}", response.head);
    let own = stranger.send("GET", "/own/x", said);
    assert_eq!(values(&own, "access-control-allow-origin"), ["*"], "a route without: {}", own.head);
}

#[test]
fn a_preflight_needs_no_password_and_the_request_after_it_does() {
    let backend = Backend::start();
    let edge = edge(&backend, LISTED);
    let page = Page { edge: &edge, origin: "https://app.example", credentials: true };
    assert!(page.may_send("PUT", "/private/x", &["x-token"]));
    let response = page.send("GET", "/private/x", "");
    assert!(
        response.status == 401 && page.may_read(&response),
        "a page may see that it has to log in: {}",
        response.head
    );
    // OPTIONS that asks for nothing is a request like any other.
    assert_eq!(page.send("OPTIONS", "/private/x", "").status, 401);
    assert_eq!(page.send("OPTIONS", "/x", "").status, 200);
}

#[test]
fn a_star_is_for_every_page_and_for_nobody_with_a_cookie() {
    let backend = Backend::start();
    let edge = edge(&backend, "origins = [\"*\"]\nheaders = [\"*\"]");
    let page = Page { edge: &edge, origin: "https://any.example", credentials: false };
    let response = page.send("GET", "/x", "");
    assert!(page.may_read(&response) && values(&response, "vary").is_empty(), "{}", response.head);
    assert!(page.may_send("POST", "/x", &[]));
    let with_cookie = Page { credentials: true, ..page };
    assert!(!with_cookie.may_read(&response));
}
