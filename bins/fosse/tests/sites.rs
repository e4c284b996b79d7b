//! A site says what is done for its requests, and that is what an application and a client see.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use fosse_harness::{Backend, Client, Edge, Response, request};

fn edge(backend: &Backend, listen: &str, site: &str) -> Edge {
    Edge::with_config(
        &format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n{listen}\n[[site]]\nhosts = [\"a.example\", \"www.a.example\"]\n\
             {site}\n[[site]]\ndefault = true\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
            backend.address()
        ),
        &[],
    )
}

fn ask(edge: &Edge, line: &str, headers: &str) -> Response {
    request(edge.address(), format!("{line} HTTP/1.1\r\nHost: a.example\r\n{headers}Connection: close\r\n\r\n"))
}

/// Returns the line of a request that the application got, and its headers of a name.
fn got(response: &Response, name: &str) -> Vec<String> {
    let text = response.text();
    let prefix = format!("{}:", name.to_ascii_lowercase());
    let lines = text.lines().filter(|line| line.to_ascii_lowercase().starts_with(&prefix));
    lines.map(|line| line[prefix.len()..].trim().to_owned()).collect()
}

#[test]
fn a_request_goes_where_path_and_conditions_say() {
    let backend = Backend::start();
    let say =
        |path: &str, tag: &str| format!("[[site.route]]\n{path}\nrequest_headers.set = {{ X-Route = \"{tag}\" }}\n");
    let routes = [
        say("regex = '^/v([0-9]+)/'", "regex"),
        say("glob = \"/img/*.png\"", "glob"),
        say("prefix = \"/api\"", "prefix"),
        say("prefix = \"/api/deep\"", "deep"),
        say("path = \"/api\"", "exact"),
        say("when = { method = [\"PUT\"] }", "method"),
        say("prefix = \"/w\"\nwhen = { header = [\"X-Beta=1*\"], cookie = [\"c\"] }", "two"),
        say("prefix = \"/w\"\nwhen = { header = [\"X-Beta\"] }", "one"),
        say("prefix = \"/w\"\nwhen = { query = [\"q=a b\"] }", "query"),
        say("prefix = \"/w\"\nwhen = { network = [\"192.0.2.0/24\"] }", "elsewhere"),
        say(
            "prefix = \"/w\"\nwhen = { cookie = [\"!c\"], listener = [\"{address}\"], network = [\"127.0.0.0/8\"] }",
            "here",
        ),
    ];
    let edge = edge(&backend, "", &format!("backend = \"app\"\nwaf = \"off\"\n{}", routes.concat()));
    for (line, headers, expected) in [
        ("GET /api", "", "exact"),
        ("GET /api/", "", "prefix"),
        ("GET /%61pi/x", "", "prefix"),
        ("GET /x/../api/deep/y?z", "", "deep"),
        ("GET /apis", "", ""),
        ("GET /img/a.png", "", "glob"),
        ("GET /img/a/b.png", "", ""),
        ("GET /v12/x", "", "regex"),
        ("GET /vx/x", "", ""),
        ("PUT /other", "Content-Length: 0\r\n", "method"),
        ("GET /w", "X-Beta: 12\r\nCookie: a=1; c=2\r\n", "two"),
        ("GET /w", "X-Beta: 2\r\nCookie: c=2\r\n", "one"),
        ("GET /w?q=a+b", "Cookie: c=2\r\n", "query"),
        ("GET /w", "", "here"),
        ("GET /w", "Cookie: c=2\r\n", ""),
    ] {
        let response = ask(&edge, line, headers);
        assert_eq!(response.status, 200, "{line}: {}", edge.log());
        assert_eq!(got(&response, "X-Route").concat(), expected, "{line} {headers}: {}", response.text());
    }
}

/// Returns an edge that listens on a unix socket, too.
fn edge_with_an_inner_listener(sites: &str) -> Edge {
    Edge::with_config(
        &format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[listen]]\naddress = \"unix:{{dir}}/in.sock\"\n\
             name = \"inner\"\n{}[[backend]]\nname = \"app\"\nservers = [\"127.0.0.1:1\"]\n",
            sites
        ),
        &[],
    )
}

#[test]
fn a_host_leads_to_the_site_of_its_name_or_of_an_expression_or_to_the_default_of_its_listener() {
    let site = |keys: &str, tag: &str| {
        format!(
            "[[site]]\n{keys}\nwaf = \"off\"\nrespond = 200\nrespond_body = \"{tag}\"\nrespond_type = \"text/plain\"\n"
        )
    };
    let sites = [
        site("hosts = ['~^shop-[0-9]+\\.example$']", "shop"),
        site("hosts = [\"shop-1.example\"]", "one"),
        site("hosts = [\"*.b.example\", '~example']", "any"),
        site("hosts = [\"inner.test\"]\ndefault_for = [\"inner\"]", "inner"),
        site("default = true", "outer"),
    ];
    let edge = edge_with_an_inner_listener(&sites.concat());
    let over_unix = |head: &str| {
        let mut stream = UnixStream::connect(edge.dir().join("in.sock")).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.rsplit("\r\n").next().unwrap().to_owned()
    };
    for (host, outer, inner) in [
        ("shop-17.example", "shop", "shop"),
        ("SHOP-17.EXAMPLE", "shop", "shop"),
        ("shop-1.example", "one", "one"),
        ("shop-x.example", "any", "any"),
        ("x.b.example", "any", "any"),
        ("b.test", "outer", "inner"),
        ("inner.test", "inner", "inner"),
        ("192.0.2.1", "outer", "inner"),
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(request(edge.address(), head.clone()).text(), outer, "{host}: {}", edge.log());
        assert_eq!(over_unix(&head), inner, "{host} over unix: {}", edge.log());
    }
    // HTTP/1.0 without Host.
    assert_eq!(request(edge.address(), "GET / HTTP/1.0\r\n\r\n").text(), "outer");
    assert_eq!(over_unix("GET / HTTP/1.0\r\n\r\n"), "inner");
}

#[test]
fn the_target_that_goes_on_is_the_one_that_the_firewall_evaluates() {
    let backend = Backend::start();
    let edge = edge(
        &backend,
        "",
        "backend = \"app\"\n[[site.route]]\nprefix = \"/strip/it\"\nstrip_prefix = true\n\
         [[site.route]]\nprefix = \"/swap\"\nstrip_prefix = true\nadd_prefix = \"/other\"\n\
         [[site.route]]\nprefix = \"/under\"\nadd_prefix = \"/base/\"\n\
         [[site.route]]\nregex = '^/user/([^/]+)/(.*)$'\nrewrite = \"/u.php?id={1}&rest={2}\"\n\
         [[site.route]]\nregex = '^/q/([^/]+)$'\nrewrite = \"/find/{1}\"\n",
    );
    for (target, expected) in [
        ("/strip/it", "/"),
        ("/strip/it/", "/"),
        ("/strip/it/a/b?c=%20d", "/a/b?c=%20d"),
        ("/strip/%69t/a%20b/../c", "/c"),
        ("/strip/itx", "/strip/itx"),
        ("/swap/a", "/other/a"),
        ("/swap", "/other"),
        ("/under/a?b", "/base/under/a?b"),
        ("/user/7/x%20y", "/u.php?id=7&rest=x%20y"),
        ("/q/a%2520b?x=1", "/find/a%2520b?x=1"),
    ] {
        let response = ask(&edge, &format!("GET {target}"), "");
        assert_eq!(response.status, 200, "{target}: {}", edge.log());
        assert!(response.text().starts_with(&format!("GET {expected} HTTP/1.1\r\n")), "{target}: {}", response.text());
    }
    // An attack that is one only after the rewrite is one.
    let attack = "/user/1/x%27%20UNION%20SELECT%20password%20FROM%20users--%20";
    assert_eq!(ask(&edge, &format!("GET {attack}"), "").status, 403, "{}", edge.log());
    let prefix = |target: &str| {
        got(&ask(&edge, &format!("GET {target}"), "X-Forwarded-Prefix: /evil\r\n"), "X-Forwarded-Prefix")
    };
    assert_eq!((prefix("/strip/it/x"), prefix("/plain")), (vec!["/strip/it".to_owned()], vec![]));
    // What an application says of its paths is what clients ask for.
    let say = "X-Say: Location: /other/x\r\nX-Say: Set-Cookie: a=1; Path=/other\r\n";
    let said = ask(&edge, "GET /swap/x", say);
    assert_eq!((said.header("location"), said.header("set-cookie")), (Some("/swap/x"), Some("a=1; Path=/swap")));
    let said = ask(&edge, "GET /plain", say);
    assert_eq!(said.header("location"), Some("/other/x"));
}

#[test]
fn redirects_and_responses_are_given_without_an_application() {
    let backend = Backend::start();
    let edge = edge(
        &backend,
        "",
        "backend = \"app\"\nresponse_headers.set = { X-Site = \"{host}\" }\n\
         [[site.route]]\npath = \"/robots.txt\"\nrespond = 200\nrespond_body = \"User-agent: *\\nDisallow: /\\n\"\n\
         [[site.route]]\npath = \"/gone\"\nrespond = 410\n\
         [[site.route]]\npath = \"/none\"\nrespond = 204\n\
         [[site.route]]\nprefix = \"/old\"\nredirect = \"https://{authority}/new{target}\"\nredirect_status = 301\n\
         [[site.route]]\nregex = '(?s)^/go/(.*)$'\nredirect = \"/{1}\"\nwaf = \"off\"\n",
    );
    let robots = ask(&edge, "GET /robots.txt", "");
    assert_eq!((robots.status, robots.text().into_owned()), (200, "User-agent: *\nDisallow: /\n".to_owned()));
    assert_eq!(robots.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!((robots.header("x-site"), robots.header("content-length")), (Some("a.example"), Some("26")));
    assert_eq!(ask(&edge, "GET /gone", "").status, 410);
    let none = ask(&edge, "GET /none", "");
    assert_eq!((none.status, none.header("content-length"), none.body.len()), (204, None, 0));
    let moved = ask(&edge, "GET /old/a%20b?c", "");
    assert_eq!((moved.status, moved.header("location")), (301, Some("https://a.example/new/old/a%20b?c")));
    // What a client writes makes no other host of it.
    for (target, location) in [
        ("/go/x", "/x"),
        ("/go//evil.example/", "/evil.example/"),
        ("/go/%2f%2fevil.example", "/evil.example"),
        ("/go/%5cevil.example", "/%5Cevil.example"),
        ("/go/%0d%0aSet-Cookie:x", "/%0D%0ASet-Cookie:x"),
    ] {
        let moved = ask(&edge, &format!("GET {target}"), "");
        assert_eq!((moved.status, moved.header("location")), (302, Some(location)), "{target}");
    }
    assert_eq!(backend.requests(), 0);
    // The connection goes on after them, also to HEAD and after a body.
    let mut client = Client::connect(edge.address());
    for _ in 0..3 {
        client
            .send(b"HEAD /robots.txt HTTP/1.1\r\nHost: a.example\r\n\r\nGET /gone HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert_eq!(client.try_response(true).unwrap().status, 200);
        assert_eq!(client.response().status, 410);
        client.send(b"POST /robots.txt HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn headers_are_changed_as_site_and_route_say() {
    let backend = Backend::start();
    let edge = edge(
        &backend,
        "",
        "backend = \"app\"\nbackend_host = \"inside.example\"\n\
         request_headers = { set = { X-Client = \"{client_address}\", X-Forwarded-Host = \"pub.example\", X-Both = \"site\" }, \
         add = { Accept = \"text/x\" }, default = { X-Default = \"d\" }, remove = [\"X-Gone\", \"Via\"] }\n\
         response_headers = { set = { X-Id = \"{request_id}\" }, default = { X-Def = \"{header.X-Echo}\" } }\nsecurity_headers = \"basic\"\n\
         [[site.route]]\nprefix = \"/r\"\nrequest_headers.set = { X-Both = \"route\" }\nresponse_headers.remove = [\"x-id\"]\n\
         security_headers = \"off\"\n",
    );
    let sent = "X-Gone: 1\r\nX-Client: 6.6.6.6\r\nAccept: a/b\r\nX-Echo: e\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-Host: evil\r\n";
    let response = ask(&edge, "GET /", sent);
    for (name, expected) in [
        ("Host", "inside.example"),
        ("X-Client", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("X-Forwarded-Host", "pub.example"),
        ("X-Both", "site"),
        ("Accept", "a/b text/x"),
        ("X-Default", "d"),
        ("X-Gone", ""),
        ("Via", ""),
    ] {
        assert_eq!(got(&response, name).join(" "), expected, "{name}: {}", response.text());
    }
    assert_eq!(response.header("x-id").map(str::len), Some(16));
    assert_eq!(response.header("x-def"), Some("e"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    // Plain HTTP, where it would say nothing.
    assert_eq!(response.header("strict-transport-security"), None);
    assert_eq!(got(&ask(&edge, "GET /", "X-Default: mine\r\n"), "X-Default"), ["mine"]);
    let response = ask(&edge, "GET /r", "");
    assert_eq!(got(&response, "X-Both"), ["route"]);
    assert_eq!((response.header("x-id"), response.header("x-frame-options")), (None, None));
    // Local responses have them, too.
    let refused = ask(&edge, "GET /?a=<script>alert(1)</script>", "");
    assert_eq!(refused.status, 403);
}

#[test]
fn limits_hold_for_a_route_alone() {
    let backend = Backend::start();
    let edge = edge(
        &backend,
        "trusted = [\"127.0.0.1\"]",
        "backend = \"app\"\nmethods = [\"GET\", \"POST\"]\nbody_bytes_max = 10\n\
         [[site.route]]\nprefix = \"/up\"\nbody_bytes_max = 100\nmethods = [\"PUT\"]\n\
         [[site.route]]\nprefix = \"/raw\"\nwaf = \"off\"\nbody_bytes_max = 20\n\
         [[site.route]]\nprefix = \"/in\"\nallow_networks = [\"10.0.0.0/8\"]\ndeny_networks = [\"10.66.0.0/16\"]\n",
    );
    let put = |line: &str, length: usize| {
        ask(&edge, line, &format!("Content-Length: {length}\r\nExpect: 100-continue\r\n")).status
    };
    assert_eq!((put("POST /", 11), put("PUT /up", 101), put("POST /raw", 21)), (413, 413, 413));
    let body = |line: &str, body: &str| {
        let head = format!(
            "{line} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        request(edge.address(), head + body).status
    };
    assert_eq!(
        (body("POST /", "0123456789"), body("PUT /up", &"x".repeat(100)), body("POST /raw", "0123456789012")),
        (200, 200, 200)
    );
    let refused = ask(&edge, "GET /up", "");
    assert_eq!((refused.status, refused.header("allow")), (405, Some("PUT")));
    let script = "?a=<script>alert(1)</script>";
    let statuses = ["/", "/raw"].map(|path| ask(&edge, &format!("GET {path}{script}"), "").status);
    assert_eq!(statuses, [403, 200], "{}", edge.log());
    for (client, expected) in [("10.1.2.3", 200), ("10.66.1.1", 403), ("192.0.2.1", 403)] {
        let status = ask(&edge, "GET /in/x", &format!("X-Forwarded-For: {client}\r\n")).status;
        assert_eq!(status, expected, "{client}: {}", edge.log());
    }
    assert!(edge.log().contains("limit=\"networks\"") || edge.log().contains("limit=networks"), "{}", edge.log());
}

#[test]
fn a_site_may_be_a_redirect_and_nothing_else() {
    let backend = Backend::start();
    let edge = edge(&backend, "", "redirect = \"https://a.example{target}\"\nredirect_status = 308\nwaf = \"off\"");
    let moved = request(edge.address(), "GET /x?y HTTP/1.1\r\nHost: www.a.example\r\nConnection: close\r\n\r\n");
    assert_eq!((moved.status, moved.header("location")), (308, Some("https://a.example/x?y")));
    let other = request(edge.address(), "GET / HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n");
    assert_eq!(other.status, 200, "{}", edge.log());
}

#[test]
fn a_path_that_takes_the_expressions_of_a_site_too_long_costs_its_sender_the_request_and_others_nothing() {
    let backend = Backend::start();
    let routes: String = (0..50)
        .map(|n| format!("[[site.route]]\nregex = '(a|b)*a(a|b){{{}}}{n}$'\nrespond = 200\n", n % 20 + 10))
        .collect();
    let edge = edge(&backend, "", &format!("backend = \"app\"\nwaf = \"off\"\n{routes}"));
    let mut state = 1_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 31 == 0 { 'a' } else { 'b' }
    };
    for _ in 0..3 {
        let path: String = (0..8000).map(|_| letter()).collect();
        assert_eq!(ask(&edge, &format!("GET /{path}"), "").status, 400, "{}", edge.log());
        let served = ask(&edge, "GET /abbbbbbbbbb0", "");
        assert!(served.text().contains("200 OK"), "{}", served.text());
        assert!(ask(&edge, "GET /plain", "").text().starts_with("GET /plain HTTP/1.1"));
    }
    assert!(edge.log().contains("too long"), "{}", edge.log());
    assert_eq!(edge.alarms(), Vec::<String>::new());
}
