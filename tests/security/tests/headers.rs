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
         X-Forwarded-Host: b.example\r\nX-Real-IP: 10.9.9.9\r\nConnection: close\r\n\r\n",
    );
    let seen = response.text().into_owned();
    assert!(!seen.contains("10.9.9.9") && !seen.contains("b.example") && !seen.contains("https"), "{seen}");
    assert!(
        seen.contains("X-Forwarded-For: 127.0.0.1\r\n") && seen.contains("X-Forwarded-Host: a.example\r\n"),
        "{seen}"
    );
}

#[test]
fn a_proxy_in_front_is_believed_and_nobody_else() {
    let backend = Backend::start();
    let edge = Edge::with_config(
        &format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[listen]]\naddress = \"unix:{{dir}}/front.sock\"\nmode = \"0666\"\n\
             trusted = [\"unix\"]\n[[site]]\ndefault = true\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
            backend.address()
        ),
        &[],
    );
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
