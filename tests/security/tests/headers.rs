//! Fields that help an attacker go, those that could be made up are written anew, and a proxy in
//! front is believed only where the configuration says so.

use fosse_harness::{Backend, Client, Edge, get, request};
use fosse_security::Parrot;

const TALKATIVE: &str = "HTTP/1.1 200 OK\r\nServer: Apache/2.4.1\r\nX-Powered-By: PHP/5.6\r\nX-AspNet-Version: 4.0\r\n\
    X-AspNetMvc-Version: 5.2\r\nX-Generator: Drupal 7\r\nX-Runtime: 0.1\r\nKeep: this\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn what_tells_of_the_software_behind_is_left_out() {
    let backend = Parrot::saying(TALKATIVE);
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let response = get(edge.address(), "/");
    assert_eq!((response.status, response.text().as_ref(), response.header("keep")), (200, "ok", Some("this")));
    for name in ["server", "x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-generator", "x-runtime"] {
        assert_eq!(response.header(name), None, "{}", response.head);
    }
    // Nor do answers of our own say what we are.
    let refused = request(edge.address(), "nonsense\r\n\r\n");
    assert_eq!((refused.status, refused.header("server")), (400, None));
    assert!(!format!("{}{}", refused.head, refused.text()).to_lowercase().contains("fosse"), "{}", refused.head);
}

#[test]
fn forwarding_fields_of_a_stranger_are_written_again() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let response = request(
        edge.address(),
        "GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\nForwarded: for=10.9.9.9\r\n\
         X-Forwarded-Host: b.example\r\nX-Forwarded-User: b.example\r\nX-Forwarded-Port: 999\r\nX-Real-IP: 10.9.9.9\r\nConnection: close\r\n\r\n",
    );
    let seen = response.text().into_owned();
    assert!(
        !seen.contains("10.9.9.9") && !seen.contains("b.example") && !seen.contains("https") && !seen.contains("999"),
        "{seen}"
    );
    assert!(
        seen.contains("X-Forwarded-For: 127.0.0.1\r\n") && seen.contains("X-Forwarded-Host: a.example\r\n"),
        "{seen}"
    );
}

#[test]
fn where_underscores_pass_they_carry_no_forwarding_field_of_a_stranger() {
    let backend = Backend::start();
    let edge = Edge::with_config(
        &format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n\
            [[site]]\ndefault = true\nbackend = \"app\"\nunderscores = \"pass\"\n\
            [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
            backend.address()
        ),
        &[],
    );
    let response = request(
        edge.address(),
        "GET / HTTP/1.1\r\nHost: a.example\r\nX_Forwarded_For: 10.9.9.9\r\nX-Forwarded_Host: b.example\r\n\
         X_Real_IP: 10.9.9.9\r\nX_Original_URL: /b.example\r\na_b: passes\r\nConnection: close\r\n\r\n",
    );
    let seen = response.text().into_owned();
    assert!(!seen.contains("10.9.9.9") && !seen.contains("b.example") && seen.contains("a_b: passes\r\n"), "{seen}");
}

#[test]
fn the_host_asked_for_is_said_with_its_port() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    for (host, port) in [("a.example:8080", 8080), ("a.example", 80), ("[2001:db8::1]:5000", 5000)] {
        let seen = request(edge.address(), format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        let seen = seen.text().into_owned();
        for line in [
            format!("Host: {host}"),
            format!("X-Forwarded-Host: {host}"),
            format!("X-Forwarded-Port: {port}"),
            format!("Forwarded: for=127.0.0.1;proto=http;host=\"{host}\""),
        ] {
            assert!(seen.contains(&format!("\n{line}\r\n")), "{line}: {seen}");
        }
    }
}

#[test]
fn what_a_trusted_proxy_says_of_its_client_passes() {
    let backend = Backend::start();
    let edge = front_edge(&backend, "behind_tls = true");
    let asked = b"GET / HTTP/1.1\r\nHost: inner.example:81\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: www.example:8443\r\n\
        X-Forwarded-User: alice\r\nX-Forwarded-Prefix: /app\r\nX-Forwarded-Client-Cert: CN=alice\r\nX-Real-IP: 192.0.2.7\r\n\
        X-Original-URL: /admin\r\n\r\n";
    let mut front = Client::connect_unix(&edge.dir().join("front.sock"));
    front.send(asked);
    let seen = front.response().text().into_owned();
    for line in [
        "Host: inner.example:81",
        "X-Forwarded-For: 192.0.2.7",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: www.example:8443",
        "X-Forwarded-Port: 8443",
        "X-Forwarded-User: alice",
        "X-Forwarded-Prefix: /app",
        "X-Forwarded-Client-Cert: CN=alice",
        "X-Real-IP: 192.0.2.7",
        "Forwarded: for=192.0.2.7;proto=https;host=\"www.example:8443\"",
    ] {
        assert_eq!(seen.matches(&format!("\n{line}\r\n")).count(), 1, "{line}: {seen}");
    }
    assert_eq!(seen.matches("X-Forwarded-Host").count() + seen.matches("X-Forwarded-Port").count(), 2, "{seen}");
    assert!(!seen.contains("/admin"), "{seen}");
    let mut stranger = Client::connect(edge.address());
    stranger.send(asked);
    let seen = stranger.response().text().into_owned();
    assert!(seen.contains("\nX-Forwarded-Host: inner.example:81\r\nX-Forwarded-Port: 81\r\n"), "{seen}");
    assert!(!seen.contains("alice") && !seen.contains("/app") && !seen.contains("192.0.2.7"), "{seen}");
}

/// An edge with a TCP listener for everybody and a unix one for a proxy that is trusted, with more
/// lines of the latter.
fn front_edge(backend: &Backend, lines: &str) -> Edge {
    Edge::with_config(
        &format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[listen]]\naddress = \"unix:{{dir}}/front.sock\"\nmode = \"0666\"\n\
             trusted = [\"unix\"]\n{lines}\n[[site]]\ndefault = true\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
            backend.address()
        ),
        &[],
    )
}

#[test]
fn a_proxy_in_front_is_believed_and_nobody_else() {
    let backend = Backend::start();
    let edge = front_edge(&backend, "");
    let asked = b"GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\r\n";
    let mut front = Client::connect_unix(&edge.dir().join("front.sock"));
    front.send(asked);
    let seen = front.response().text().into_owned();
    assert!(seen.contains("X-Forwarded-For: 192.0.2.7") && seen.contains("X-Forwarded-Proto: https\r\n"), "{seen}");
    let mut stranger = Client::connect(edge.address());
    stranger.send(asked);
    let seen = stranger.response().text().into_owned();
    assert!(!seen.contains("192.0.2.7") && seen.contains("X-Forwarded-Proto: http\r\n"), "{seen}");
}

#[test]
fn where_proxies_write_forwarded_it_is_what_an_application_hears_and_x_forwarded_fields_are_its_clients() {
    let backend = Backend::start();
    let edge = front_edge(&backend, "trusted_fields = \"forwarded\"");
    let theirs = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Port: 60606\r\n\
        X-Forwarded-User: evil\r\nX-Forwarded-Prefix: /evil\r\nX-Real-IP: 6.6.6.6\r\n\
        Forwarded: for=6.6.6.6;proto=http;host=evil.example, for=\"\r\n";
    for (line, address, said) in [
        ("for=192.0.2.7;proto=https;host=\"www.example:8443\"", "192.0.2.7", "192.0.2.7"),
        ("proto=https;host=\"www.example:8443\"; for=\"[2001:db8::7]:80\"", "2001:db8::7", "\"[2001:db8::7]\""),
    ] {
        let asked = format!("GET / HTTP/1.1\r\nHost: inner.example:81\r\n{theirs}Forwarded: {line}\r\n\r\n");
        let mut front = Client::connect_unix(&edge.dir().join("front.sock"));
        front.send(asked.as_bytes());
        let seen = front.response().text().into_owned();
        for line in [
            "Host: inner.example:81",
            &format!("X-Forwarded-For: {address}"),
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: www.example:8443",
            "X-Forwarded-Port: 8443",
            &format!("Forwarded: for={said};proto=https;host=\"www.example:8443\""),
        ] {
            assert_eq!(seen.matches(&format!("\n{line}\r\n")).count(), 1, "{line}: {seen}");
        }
        assert!(!seen.contains("evil") && !seen.contains("6.6.6.6") && !seen.contains("60606"), "{seen}");
    }
}
