//! Who a client is, and what it asked for, a trusted proxy may say, as far as the site lets it; and
//! a request has one name from the proxy in front to the application and back.

use fosse_harness::{Backend, Edge, Response, request};

fn edge(backend: &Backend, listen: &str, site: &str) -> Edge {
    let configuration = format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n{listen}\n\
         [[site]]\ndefault = true\nbackend = \"app\"\n{site}\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    );
    Edge::with_config(&configuration, &[])
}

fn ask(edge: &Edge, line: &str, fields: &str) -> Response {
    request(edge.address(), format!("{line} HTTP/1.1\r\nHost: a.example\r\n{fields}Connection: close\r\n\r\n"))
}

const TRUSTED: &str = "trusted = [\"127.0.0.0/8\"]";
const SAYS: &str =
    "Remote-User: alice\r\nX-Forwarded-User: alice\r\nX-Forwarded-Host: b.example\r\nX-Forwarded-Port: 999\r\n";

#[test]
fn who_a_client_is_a_stranger_does_not_say_and_a_trusted_proxy_does() {
    let backend = Backend::start();
    let site = "identity_headers = [\"Remote-User\"]\nproxy_headers = [\"x-forwarded-user\"]\n\
        [[site.route]]\nprefix = \"/open\"\nidentity_headers = []\nproxy_headers = [\"X-Forwarded-Host\"]";
    let strangers = edge(&backend, "", site);
    let seen = ask(&strangers, "GET /", SAYS).text().into_owned();
    assert!(!seen.contains("alice") && !seen.contains("b.example") && !seen.contains("999"), "{seen}");
    assert!(ask(&strangers, "GET /open", SAYS).text().contains("Remote-User: alice\r\n"));
    let proxied = edge(&backend, TRUSTED, site);
    let seen = ask(&proxied, "GET /", SAYS).text().into_owned();
    for line in ["Remote-User: alice", "X-Forwarded-User: alice", "X-Forwarded-Host: a.example", "X-Forwarded-Port: 80"]
    {
        assert!(seen.contains(&format!("\n{line}\r\n")), "{line}: {seen}");
    }
    let seen = ask(&proxied, "GET /open", SAYS).text().into_owned();
    for line in ["Remote-User: alice", "X-Forwarded-Host: b.example", "X-Forwarded-Port: 80"] {
        assert!(seen.contains(&format!("\n{line}\r\n")), "{line}: {seen}");
    }
    assert!(!seen.contains("X-Forwarded-User"), "{seen}");
}

#[test]
fn a_request_has_one_name_for_application_client_and_log() {
    let backend = Backend::start();
    let site = "send_request_id = true\nmethods = [\"GET\"]\n[[site.route]]\nprefix = \"/quiet\"\nsend_request_id = false\n\
        [[site.route]]\npath = \"/here\"\nrespond = 200\nrespond_body = \"ok\"";
    let strangers = edge(&backend, "", site);
    let id = |response: &Response| response.header("x-request-id").unwrap_or_default().to_owned();
    let theirs = "X-Request-ID: theirs-1\r\nX-Say: X-Request-ID: application\r\n";
    let response = ask(&strangers, "GET /", theirs);
    assert!(id(&response).len() == 16 && !response.head.contains("application"), "{}", response.head);
    assert!(response.text().contains(&format!("X-Request-ID: {}\r\n", id(&response))), "{}", response.text());
    // The responses of the edge have it too: its own, those of the firewall, leased ones.
    let denied = ask(&strangers, "GET /?q=1%27%20UNION%20SELECT%20password%20FROM%20users--%20", "");
    assert!(denied.status == 403 && denied.text().contains(&id(&denied)) && id(&denied).len() == 16, "{}", denied.head);
    strangers.wait_for_log(&id(&denied));
    for path in ["/here", "/bytes/100000"] {
        assert_eq!(id(&ask(&strangers, &format!("GET {path}"), "")).len(), 16, "{path}");
    }
    let quiet = ask(&strangers, "GET /quiet", theirs);
    assert_eq!(id(&quiet), "application");
    // A trusted proxy has named it, in a way that can be logged.
    let proxied = edge(&backend, TRUSTED, site);
    let response = ask(&proxied, "GET /", theirs);
    assert_eq!(id(&response), "theirs-1");
    assert!(response.text().contains("X-Request-ID: theirs-1\r\n"), "{}", response.text());
    assert_eq!(id(&ask(&proxied, "GET /", "X-Request-ID: a b\r\n")).len(), 16);
}

#[test]
fn an_edge_without_any_backend_redirects_and_responds() {
    let edge = Edge::with_config(
        "lanes = 1\n[[listen]]\naddress = \"{address}\"\n\
         [[site]]\nhosts = [\"a.example\"]\nredirect = \"https://www.a.example{target}\"\n\
         [[site]]\ndefault = true\nrespond = 200\nrespond_body = \"ok\"\n",
        &[],
    );
    let moved = ask(&edge, "GET /x?y", "");
    assert_eq!((moved.status, moved.header("location")), (302, Some("https://www.a.example/x?y")));
    let other = request(edge.address(), "GET / HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n");
    assert_eq!((other.status, other.text().as_ref()), (200, "ok"));
    assert!(edge.status_page("/metrics").contains("fosse_") && edge.alarms().is_empty(), "{}", edge.log());
    assert!(edge.fosse(&["status"]).status.success());
    edge.stop();
}

#[test]
fn parts_of_headers_are_replaced_both_ways() {
    let backend = Backend::start();
    let edge = edge(
        &backend,
        "",
        "waf = \"off\"\nrequest_headers.replace = [{ header = \"Cookie\", regex = 'secret=[^;]*;? ?', value = \"\" }, \
         { header = \"X-Path\", regex = '^/v1/(.*)$', value = \"/{host}/{1}\" }]\n\
         response_headers.replace = [{ header = \"Location\", regex = '^http://([^/:]*)(:[0-9]+)?', value = \"{scheme}s://{1}\" }, \
         { header = \"Set-Cookie\", regex = '; *Secure', value = \"\" }]\n\
         [[site.route]]\nprefix = \"/r\"\nresponse_headers.replace = [{ header = \"location\", regex = 'in', value = \"out\" }]",
    );
    let seen =
        ask(&edge, "GET /", "Cookie: a=1; secret=x; b=2\r\nCookie: secret=y\r\nX-Path: /v1/a b\r\nX-Path: /v2\r\n");
    let seen = seen.text().into_owned();
    assert!(seen.contains("\nCookie: a=1; b=2\r\n") && !seen.contains("secret"), "{seen}");
    assert!(seen.contains("\nX-Path: /a.example/a b\r\n") && seen.contains("\nX-Path: /v2\r\n"), "{seen}");
    assert_eq!(seen.matches("Cookie:").count(), 1, "{seen}");
    let say = "X-Say: Location: http://in.example:8000/x?http://y\r\nX-Say: Set-Cookie: a=1; Secure; Path=/\r\n\
        X-Say: Set-Cookie: b=2\r\n";
    let response = ask(&edge, "GET /", say);
    assert_eq!(response.header("location"), Some("https://in.example/x?http://y"));
    assert!(response.head.contains("et-Cookie: a=1; Path=/\r\n") && response.head.contains("et-Cookie: b=2\r\n"));
    let response = ask(&edge, "GET /r", say);
    assert_eq!(response.header("location"), Some("http://out.example:8000/x?http://y"));
    // What would take too long to search goes nowhere, and costs its sender alone.
    let long = format!("Cookie: {}\r\n", "a".repeat(6000)).repeat(3);
    assert_eq!(ask(&edge, "GET /", &long).status, 431, "{}", edge.log());
    assert_eq!(ask(&edge, "GET /", "").status, 200);
}
