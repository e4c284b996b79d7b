//! A login that a server binds to its connection (NTLM, Negotiate: IIS, Exchange, express-ntlm) is
//! for whoever logged in, and for nobody else.

use std::net::SocketAddr;

use fosse_harness::{Backend, Client, Edge, Response, wait_for};

fn ask(client: &mut Client, method: &str, path: &str, authorization: &str) -> Response {
    let authorization =
        if authorization.is_empty() { String::new() } else { format!("Authorization: {authorization}\r\n") };
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: a.example\r\n{authorization}\r\n").as_bytes());
    client.try_response(method == "HEAD").expect("a response")
}

fn user(response: &Response) -> Option<&str> {
    response.header("x-user")
}

/// The three steps of NTLM over one connection.
fn log_in(client: &mut Client, name: &str) {
    let asked = ask(client, "GET", "/login/", "");
    assert_eq!((asked.status, asked.header("www-authenticate")), (401, Some("Negotiate")), "{}", asked.head);
    let challenge = ask(client, "GET", "/login/", "NTLM one");
    assert_eq!((challenge.status, challenge.header("www-authenticate")), (401, Some("NTLM two")), "{}", challenge.head);
    let welcome = ask(client, "GET", "/login/", &format!("NTLM three-{name}"));
    assert_eq!((welcome.status, user(&welcome)), (200, Some(name)), "{}", welcome.head);
}

/// Nobody without a login is taken for anybody, in none of the ways to ask.
fn strangers_are_strangers(address: SocketAddr) {
    let mut kept = Client::connect(address);
    for _ in 0..3 {
        for (method, path) in
            [("GET", "/login/"), ("HEAD", "/login/"), ("GET", "/login/bytes/100000"), ("POST", "/login/")]
        {
            let mut fresh = Client::connect(address);
            for client in [&mut fresh, &mut kept] {
                let response = ask(client, method, path, "");
                assert_eq!((response.status, user(&response)), (401, None), "{method} {path}: {}", response.head);
            }
        }
    }
    let mut pipelining = Client::connect(address);
    pipelining.send("GET /login/ HTTP/1.1\r\nHost: a.example\r\n\r\n".repeat(5).as_bytes());
    for _ in 0..5 {
        let response = pipelining.response();
        assert_eq!((response.status, user(&response)), (401, None), "{}", response.head);
    }
}

#[test]
fn a_login_bound_to_a_connection_is_for_whoever_logged_in_alone() {
    for waf in ["off", "block"] {
        let backend = Backend::start();
        let edge = Edge::up(&backend.address(), &["--waf", waf, "--lanes", "1"]);
        let (mut alice, mut bob) = (Client::connect(edge.address()), Client::connect(edge.address()));
        strangers_are_strangers(edge.address());
        log_in(&mut alice, "alice");
        strangers_are_strangers(edge.address());
        log_in(&mut bob, "bob");
        for _ in 0..5 {
            for (client, name) in [(&mut alice, "alice"), (&mut bob, "bob")] {
                for (method, path) in [
                    ("GET", "/login/"),
                    ("HEAD", "/login/"),
                    ("GET", "/login/bytes/300000"),
                    ("GET", "/login/chunked/50000"),
                    ("POST", "/login/"),
                ] {
                    let response = ask(client, method, path, "");
                    assert_eq!((response.status, user(&response)), (200, Some(name)), "{method} {path}");
                }
            }
            strangers_are_strangers(edge.address());
        }
        alice.send("GET /login/bytes/30000 HTTP/1.1\r\nHost: a.example\r\n\r\n".repeat(4).as_bytes());
        for _ in 0..4 {
            assert_eq!(user(&alice.response()), Some("alice"));
        }
        strangers_are_strangers(edge.address());
        assert_eq!(edge.counter("dispatch", "pinned_evicted"), 0);
    }
}

#[test]
fn a_login_ends_with_either_connection_it_is_bound_to() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--waf", "off", "--lanes", "1"]);
    let mut alice = Client::connect(edge.address());
    log_in(&mut alice, "alice");
    // The server ends its connection with an answer, then without one: asked again over another,
    // nobody is logged in.
    assert_eq!(user(&ask(&mut alice, "GET", "/close/login/", "")), Some("alice"));
    assert_eq!(ask(&mut alice, "GET", "/login/", "").status, 401);
    log_in(&mut alice, "alice");
    backend.hang_up();
    assert_eq!(ask(&mut alice, "GET", "/login/", "").status, 401);
    strangers_are_strangers(edge.address());
    // The client ends its own: the server's ends too, though the pool has room for it.
    wait_for("pools to be empty", || (backend.live() <= 1).then_some(()));
    log_in(&mut alice, "alice");
    assert!(backend.live() > 0);
    drop(alice);
    wait_for("the server's connection to end", || (edge.counter("dispatch", "pinned") == 0).then_some(()));
    wait_for("the server to see it", || (backend.live() == 0).then_some(()));
    strangers_are_strangers(edge.address());
    // A client that goes away within the answer leaves none behind either.
    let mut gone = Client::connect(edge.address());
    log_in(&mut gone, "carol");
    gone.send(b"GET /sleep/300/login/bytes/100000 HTTP/1.1\r\nHost: a.example\r\n\r\n");
    drop(gone);
    wait_for("its connection to end", || (edge.counter("dispatch", "pinned") == 0).then_some(()));
    strangers_are_strangers(edge.address());
}

fn configuration(listen: &str, backend: &Backend, limits: &str) -> String {
    format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n{listen}\n[[site]]\ndefault = true\nwaf = \"off\"\nbackend = \"app\"\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n{limits}\n",
        backend.address()
    )
}

#[test]
fn a_login_does_not_outlive_a_reload_for_anybody_else() {
    let backend = Backend::start();
    let text = configuration("", &backend, "");
    let edge = Edge::with_config(&text, &[]);
    let (mut alice, mut bob) = (Client::connect(edge.address()), Client::connect(edge.address()));
    log_in(&mut alice, "alice");
    // Bob is in the middle of his handshake.
    assert_eq!(ask(&mut bob, "GET", "/login/", "NTLM one").status, 401);
    edge.reload(&text);
    strangers_are_strangers(edge.address());
    // The old lane serves who has logged in there once more, and ends a handshake that has begun.
    let last = ask(&mut alice, "GET", "/login/", "");
    assert_eq!((user(&last), last.header("connection")), (Some("alice"), Some("close")), "{}", last.head);
    assert_eq!(user(&ask(&mut bob, "GET", "/login/", "NTLM three-bob")), Some("bob"));
    strangers_are_strangers(edge.address());
    let mut again = Client::connect(edge.address());
    log_in(&mut again, "alice");
    strangers_are_strangers(edge.address());
}

#[test]
fn logins_of_clients_that_share_a_connection_are_neither_asked_for_nor_kept() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration("trusted = [\"127.0.0.1/32\"]", &backend, ""), &[]);
    let mut front = Client::connect(edge.address());
    for authorization in ["", "NTLM one", "NTLM three-alice"] {
        let response = ask(&mut front, "GET", "/login/", authorization);
        assert_eq!((response.status, user(&response)), (401, None), "{}", response.head);
        assert!(!response.head.contains("NTLM two") && !response.head.contains("Negotiate"), "{}", response.head);
    }
    let asked = ask(&mut front, "GET", "/login/", "");
    assert_eq!(asked.header("www-authenticate"), Some("Basic realm=\"old, and not NTLM\""));
    // A login in one step is that request's alone.
    for _ in 0..5 {
        let once = ask(&mut front, "GET", "/login/bytes/100000", "Negotiate alice");
        assert_eq!((once.status, user(&once), once.header("persistent-auth")), (200, Some("alice"), None));
        strangers_are_strangers_behind(&mut front);
    }
    assert_eq!(edge.counter("dispatch", "pinned"), 0);
}

fn strangers_are_strangers_behind(front: &mut Client) {
    for _ in 0..3 {
        assert_eq!(ask(front, "GET", "/login/", "").status, 401);
    }
}

#[test]
fn a_proxy_with_a_connection_for_each_client_may_be_said_to_have_one() {
    let backend = Backend::start();
    let listen = "trusted = [\"127.0.0.1/32\"]\nconnection_per_client = true";
    let edge = Edge::with_config(&configuration(listen, &backend, ""), &[]);
    let mut front = Client::connect(edge.address());
    log_in(&mut front, "alice");
    assert_eq!(user(&ask(&mut front, "GET", "/login/", "")), Some("alice"));
    strangers_are_strangers(edge.address());
    // It is not true: the login is not for another address.
    front.send(b"GET /login/ HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n");
    let other = front.response();
    assert_eq!((other.status, user(&other)), (401, None));
    assert_eq!(ask(&mut front, "GET", "/login/", "").status, 401);
}

#[test]
fn logins_at_rest_keep_nobody_else_from_a_server() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration("", &backend, "connections_max = 2\npool_connections_max = 0"), &[]);
    let mut clients: Vec<Client> = (0..2).map(|_| Client::connect(edge.address())).collect();
    for (client, name) in clients.iter_mut().zip(["alice", "bob"]) {
        log_in(client, name);
    }
    assert_eq!(edge.counter("dispatch", "pinned"), 2);
    let mut stranger = Client::connect(edge.address());
    assert_eq!(ask(&mut stranger, "GET", "/login/", "").status, 401);
    // The one that had rested longest made room, and its client has to log in anew.
    assert_eq!(edge.counter("dispatch", "pinned_evicted"), 1);
    assert_eq!(user(&ask(&mut clients[1], "GET", "/login/", "")), Some("bob"));
    assert_eq!(ask(&mut clients[0], "GET", "/login/", "").status, 401);
}
