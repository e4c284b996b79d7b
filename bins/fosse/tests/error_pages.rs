//! A site has pages of its own for errors, whoever of the edge responds, and, where it says so, for
//! those of its application.

use std::fs;

use fosse_harness::{Backend, Client, Dir, Edge, Response, request, wait_for};

/// A directory with the files of pages, which their reader may read.
fn pages(files: &[(&str, &str)]) -> Dir {
    let dir = Dir::new();
    fs::create_dir(dir.join("errors")).unwrap();
    for (name, text) in files {
        fs::write(dir.join("errors").join(name), text).unwrap();
    }
    dir
}

fn configuration(backend: &str, site: &str) -> String {
    format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n\
         [[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\n{site}\n\
         [[backend]]\nname = \"app\"\nservers = [\"{backend}\"]\nqueue_seconds = 1\n"
    )
}

fn ask(edge: &Edge, line: &str, headers: &str) -> Response {
    request(edge.address(), format!("{line} HTTP/1.1\r\nHost: a.example\r\n{headers}Connection: close\r\n\r\n"))
}

const ATTACK: &str = "GET /?q=1%27%20UNION%20SELECT%20password%20FROM%20users--%20";

/// An edge with pages in files, and what it does by itself.
fn edge_with_pages(backend: &Backend) -> Edge {
    let dir = pages(&[
        ("4xx.html", "<p>{status} {reason} at {host}, {request_id} {x}"),
        ("down.txt", "down"),
        ("sign.svg", "<svg/>"),
    ]);
    let site = "error_json = true\nbody_bytes_max = 10\n\
        error = [{ status = [\"4xx\"], file = \"errors/4xx.html\" }, { status = [405], text = \"no {status}\", content_type = \"text/css\" }, \
        { status = [503, 502], file = \"errors/down.txt\" }]\n\
        [[site.route]]\nprefix = \"/off\"\nwaf = \"off\"\nmethods = [\"GET\"]\n\
        [[site.route]]\npath = \"/sign.svg\"\nrespond = 200\nrespond_file = \"errors/sign.svg\"\n\
        [[site.route]]\npath = \"/typed\"\nrespond = 404\nrespond_file = \"errors/sign.svg\"\nrespond_type = \"text/x\"\n\
        [[site.route]]\npath = \"/closed\"\nrespond = 503\n\
        [[site.route]]\npath = \"/words\"\nrespond = 404\nrespond_body = \"mine\"\n\
        [[site.route]]\nprefix = \"/gone\"\nbackend = \"nobody\"\nerror = [{ status = [\"5xx\"], text = \"<i>route\" }]\n\
        [[backend]]\nname = \"nobody\"\nservers = [\"127.0.0.1:1\"]";
    Edge::in_directory(dir, &configuration(&backend.address(), site), &[])
}

#[test]
fn whoever_of_the_edge_responds_the_page_is_the_sites() {
    let backend = Backend::start();
    let edge = edge_with_pages(&backend);

    // The firewall denies; the request has its number, which the log has too.
    let denied = ask(&edge, ATTACK, "");
    let text = denied.text().into_owned();
    assert_eq!((denied.status, denied.header("content-type")), (403, Some("text/html; charset=utf-8")), "{text}");
    assert!(text.starts_with("<p>403 Forbidden at a.example, ") && text.ends_with(" {x}"), "{text}");
    assert_eq!(denied.header("cache-control"), Some("no-store"));
    let number = text.split(", ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    assert_eq!(number.len(), 16, "{text}");
    edge.wait_for_log(&number);

    // parse refuses what its site does not take, the filter and parse a body that is too long.
    let refused = ask(&edge, "PURGE /off", "");
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET")));
    assert_eq!((refused.text().as_ref(), refused.header("content-type")), ("no 405", Some("text/css")));
    for path in ["/", "/off"] {
        let long = ask(&edge, &format!("GET {path}"), "Content-Length: 11\r\n");
        assert_eq!(long.status, 413);
        assert!(long.text().starts_with("<p>413 Content Too Large at a.example"), "{path}: {}", long.text());
    }

    // A server that is away; the route's own page is before the site's.
    let away = ask(&edge, "GET /gone/x", "");
    assert_eq!((away.status, away.text().as_ref()), (502, "<i>route"));
    assert_eq!(backend.requests(), 0);
}

#[test]
fn a_site_responds_with_a_file_or_without_a_body_with_its_page() {
    let backend = Backend::start();
    let edge = edge_with_pages(&backend);
    let closed = ask(&edge, "GET /closed", "");
    let kind = Some("text/plain; charset=utf-8");
    assert_eq!((closed.status, closed.text().as_ref(), closed.header("content-type")), (503, "down", kind));
    assert_eq!(ask(&edge, "GET /words", "").text(), "mine");
    let sign = ask(&edge, "GET /sign.svg", "");
    let expected = (200, Some("image/svg+xml"), "<svg/>", None);
    assert_eq!((sign.status, sign.header("content-type"), &*sign.text(), sign.header("cache-control")), expected);
    let typed = ask(&edge, "GET /typed", "");
    assert_eq!((typed.status, typed.header("content-type"), &*typed.text()), (404, Some("text/x"), "<svg/>"));
    assert_eq!(backend.requests(), 0);
}

#[test]
fn to_head_a_page_has_its_length_alone_and_the_connection_goes_on() {
    let backend = Backend::start();
    let edge = edge_with_pages(&backend);
    let mut client = Client::connect(edge.address());
    for _ in 0..2 {
        client.send(b"HEAD /closed HTTP/1.1\r\nHost: a.example\r\n\r\n");
        let head = client.try_response(true).unwrap();
        assert_eq!((head.status, head.header("content-length")), (503, Some("4")));
        client.send(b"GET /sign.svg HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert_eq!(client.response().text(), "<svg/>");
    }
    let head = format!("HEAD {}", ATTACK.strip_prefix("GET ").unwrap());
    client.send(format!("{head} HTTP/1.1\r\nHost: a.example\r\n\r\n").as_bytes());
    let head = client.try_response(true).unwrap();
    assert_eq!((head.status, head.body.len()), (403, 0));
    assert!(head.header("content-length").is_some_and(|length| length.parse::<usize>().unwrap() > 40));

    // Nor does an HTTP/1.0 client get more than it can read.
    let old = request(edge.address(), "GET /closed HTTP/1.0\r\nHost: a.example\r\n\r\n");
    assert_eq!((old.status, old.text().as_ref()), (503, "down"));
}

#[test]
fn a_client_that_would_rather_have_json_gets_a_problem() {
    let backend = Backend::start();
    let site = "error_json = true\nmethods = [\"GET\"]\nerror = [{ status = [\"4xx\"], text = \"page\" }]\n\
        [[site.route]]\nprefix = \"/plain\"\nerror_json = false\n\
        [[site.route]]\nprefix = \"/closed\"\nrespond = 503";
    let edge = Edge::with_config(&configuration(&backend.address(), site), &[]);
    let json = "Accept: application/json, */*\r\n";
    let denied = ask(&edge, ATTACK, json);
    let text = denied.text().into_owned();
    assert_eq!((denied.status, denied.header("content-type")), (403, Some("application/problem+json")));
    assert!(
        text.starts_with("{\"type\":\"about:blank\",\"title\":\"Forbidden\",\"status\":403,\"request_id\":\""),
        "{text}"
    );
    let refused = ask(&edge, "PUT /", json);
    let expected = "{\"type\":\"about:blank\",\"title\":\"Method Not Allowed\",\"status\":405,\
        \"detail\":\"the site does not serve this method\"}\n";
    assert_eq!((refused.status, refused.text().as_ref()), (405, expected));
    // There need not be a page for it.
    assert!(ask(&edge, "GET /closed", json).text().starts_with("{\"type\":\"about:blank\""));
    assert!(ask(&edge, "GET /closed", "").text().contains("<h1>503"));
    for (line, headers) in [
        ("PUT /", "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"),
        ("PUT /plain", json),
        ("PUT /", ""),
    ] {
        assert_eq!(ask(&edge, line, headers).text(), "page", "{line} {headers}");
    }
}

#[test]
fn errors_of_the_application_are_replaced_where_the_site_says_so() {
    let backend = Backend::start();
    let site = "intercept_errors = [401, \"500-503\"]\nerror = [{ status = [\"4xx\", 500], text = \"<b>{status}\" }]\n\
        response_headers = { set = { X-Set = \"1\" }, default = { X-Frame-Options = \"DENY\" } }\n\
        [[site.route]]\nprefix = \"/status/500/as-it-is\"\nintercept_errors = []";
    let edge = Edge::with_config(&configuration(&backend.address(), site), &[]);
    let say = "X-Say: Content-Type: text/x\r\nX-Say: WWW-Authenticate: Basic realm=\"x\"\r\nX-Say: Set-Cookie: a=1\r\n\
        X-Say: ETag: \"1\"\r\nX-Say: Content-Encoding: gzip\r\nX-Say: X-Frame-Options: SAMEORIGIN\r\nX-Say: Cache-Control: max-age=9\r\n";
    let mut client = Client::connect(edge.address());
    for (status, body) in [(401, "<b>401"), (500, "<b>500")] {
        for head in [false, true] {
            let method = if head { "HEAD" } else { "GET" };
            client.send(format!("{method} /status/{status} HTTP/1.1\r\nHost: a.example\r\n{say}\r\n").as_bytes());
            let response = client.try_response(head).unwrap();
            let text = if head { "" } else { body };
            assert_eq!((response.status, &*response.text()), (status, text), "{}", edge.log());
            assert_eq!(response.header("content-length"), Some("6"));
            let values =
                ["content-type", "www-authenticate", "set-cookie", "x-set", "x-frame-options", "cache-control"];
            let values = values.map(|name| response.header(name).unwrap_or_default().to_owned());
            assert_eq!(values, ["text/html; charset=utf-8", "Basic realm=\"x\"", "a=1", "1", "DENY", "no-store"]);
            assert!(response.header("etag").is_none() && response.header("content-encoding").is_none());
        }
    }
    // One without a page of the site gets the usual one; what is not named is as the application
    // sent it.
    let usual = ask(&edge, "GET /status/503", "");
    assert!(usual.status == 503 && usual.text().contains("<h1>503 Service Unavailable</h1>"), "{}", usual.text());
    for path in ["/status/404", "/status/500/as-it-is"] {
        let response = ask(&edge, &format!("GET {path}"), "X-Say: X-Own: 1\r\n");
        assert_eq!(response.header("x-own"), Some("1"), "{path}");
        assert!(!response.text().starts_with('<'), "{path}: {}", response.text());
    }
    // A response that has come whole leaves its connection to others, one that has not closes it.
    assert_eq!(backend.connections(), 1, "{}", edge.log());
    assert_eq!(ask(&edge, "GET /close/status/502", "").status, 502);
    assert_eq!(ask(&edge, "GET /status/401", "").text(), "<b>401");
}

#[test]
fn what_comes_as_far_as_to_no_site_gets_the_page_of_the_default_one() {
    let backend = Backend::start();
    let site = "default = true\nerror = [{ status = [\"4xx\"], text = \"<b>{status} for {host}|{request_id}|\" }]";
    let edge = Edge::with_config(&configuration(&backend.address(), site), &[]);
    let broken = request(edge.address(), "GET / HTTP/1.1\r\nHost: <x>\r\n\r\n");
    assert_eq!((broken.status, broken.text().as_ref()), (400, "<b>400 for &lt;x&gt;||"));
    let long = format!("GET / HTTP/1.1\r\nHost: b.example\r\nX: {}\r\n\r\n", "x".repeat(20000));
    let long = request(edge.address(), long);
    assert_eq!((long.status, long.text().as_ref()), (431, "<b>431 for b.example||"));
    // The pages of one request are not those of the next.
    let mut client = Client::connect(edge.address());
    client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\nnonsense\r\n\r\n");
    assert_eq!(client.response().status, 200);
    assert_eq!(client.response().text(), "<b>400 for ||");
}

#[test]
fn a_maintenance_page_is_switched_by_draining_and_its_file_is_read_by_a_reload() {
    let backend = Backend::start();
    let dir = pages(&[("down.html", "<b>soon")]);
    let site = "error = [{ status = [503], file = \"errors/down.html\" }]";
    let configuration = configuration(&backend.address(), site);
    let edge = Edge::in_directory(dir, &configuration, &[]);
    assert_eq!(ask(&edge, "GET /", "").status, 200);
    assert!(edge.fosse(&["drain", &backend.address()]).status.success(), "{}", edge.log());
    wait_for("the page of a drained backend", || (ask(&edge, "GET /", "").status == 503).then_some(()));
    let down = ask(&edge, "GET /", "");
    assert_eq!((down.text().as_ref(), down.header("retry-after")), ("<b>soon", Some("1")));
    fs::write(edge.status_socket().with_file_name("errors").join("down.html"), "<b>later").unwrap();
    assert_eq!(ask(&edge, "GET /", "").text(), "<b>soon");
    edge.reload(&configuration);
    assert_eq!(ask(&edge, "GET /", "").text(), "<b>later");
}
