//! `fosse up` runs the whole edge, and a request crosses it; reload, end, and what is refused.

use std::process::Command;

use fosse_harness::{Backend, Client, Edge, Response, fosse, get, is_alive, is_root, wait_for};
use rustix::process::Signal;

fn ids(response: &Response) -> (u16, Option<&str>, bool) {
    (response.status, response.header("x-id"), response.complete)
}

#[test]
fn a_request_crosses_the_edge_and_comes_back() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let response = get(edge.address(), "/hello?a=b");
    assert_eq!(response.status, 200, "{}", edge.log());
    assert!(response.text().starts_with("GET /hello?a=b HTTP/1.1\r\n"), "{}", response.text());
    assert!(response.text().contains("Host: test.example\r\n"), "{}", response.text());
    assert!(response.text().contains("X-Forwarded-For: 127.0.0.1\r\n"), "{}", response.text());
}

#[test]
fn lanes_stay_on_the_cores_that_were_left_to_the_edge() {
    let ours = fosse_sys::process::cores();
    let last = *ours.last().unwrap();
    // This thread's, which what it starts inherits.
    fosse_sys::process::pin(None, usize::try_from(last).unwrap()).unwrap();
    let backend = Backend::start();
    for (words, lanes) in [(&["--lanes", "2"][..], 2), (&[], 1)] {
        let edge = Edge::up(&backend.address(), words);
        assert_eq!(get(edge.address(), "/").status, 200);
        let on: Vec<String> = (0..lanes)
            .flat_map(|lane| edge.processes().into_iter().filter(move |p| p.lane == Some(lane)))
            .map(|process| process.field("Cpus_allowed_list"))
            .collect();
        assert!(on.len() >= 4 * usize::try_from(lanes).unwrap(), "{on:?}");
        assert!(on.iter().all(|list| *list == last.to_string()), "core {last}: {on:?}");
        assert!(edge.processes().iter().all(|p| p.lane.is_none_or(|lane| lane < lanes)));
    }
}

#[test]
fn bodies_of_all_sizes_go_both_ways_on_one_connection() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let mut client = Client::connect(edge.address());
    for size in [0, 1, 1000, 16_384, 16_385, 100_000, 1_000_000] {
        let body = vec![b'b'; size];
        client.send(
            format!("POST /body HTTP/1.1\r\nHost: a\r\nX-Id: {size}\r\nContent-Length: {size}\r\n\r\n").as_bytes(),
        );
        client.send(&body);
        let response = client.response();
        assert_eq!(ids(&response), (200, Some(size.to_string().as_str()), true), "{}", edge.log());
        assert!(response.body == body, "{size}");
        for path in ["bytes", "chunked"] {
            client.send(format!("GET /{path}/{size} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
            let response = client.response();
            assert!(response.status == 200 && response.complete && response.body.len() == size, "{path} {size}");
        }
    }
}

#[test]
fn responses_to_pipelined_requests_come_in_their_order() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "2"]);
    let mut client = Client::connect(edge.address());
    let requests: String =
        (0..50).map(|n| format!("GET /bytes/{n} HTTP/1.1\r\nHost: a\r\nX-Id: {n}\r\n\r\n")).collect();
    client.send(requests.as_bytes());
    for n in 0..50_usize {
        let response = client.response();
        assert_eq!((ids(&response), response.body.len()), ((200, Some(n.to_string().as_str()), true), n));
    }
}

#[test]
fn a_websocket_goes_both_ways_and_lives_on_through_a_reload() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let mut client = Client::connect(edge.address());
    client.send(b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    client.send(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nearly");
    let response = client.response();
    assert_eq!((response.status, response.header("upgrade")), (101, Some("websocket")), "{}", edge.log());
    assert_eq!(client.bytes(10), b"helloearly");
    assert!(edge.fosse(&["reload"]).status.success());
    client.send(b"later");
    assert_eq!(client.bytes(5), b"later", "{}", edge.log());
    assert_eq!(get(edge.address(), "/").status, 200);
}

#[test]
fn a_client_that_half_closes_an_upgraded_connection_still_gets_its_response() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let mut client = Client::connect(edge.address());
    client.send(b"GET /upgrade/late HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    client.send(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    assert_eq!(client.response().status, 101, "{}", edge.log());
    assert_eq!(client.bytes(5), b"hello");
    let much = vec![b'm'; 1_000_000];
    client.send(&much);
    client.half_close();
    assert!(client.rest() == much, "{}", edge.log());
}

#[test]
fn what_must_not_reach_a_backend_does_not() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    ] {
        assert_eq!(fosse_harness::request(edge.address(), request).status, status, "{request}");
    }
    assert_eq!(backend.requests(), 0);
}

#[test]
fn a_missing_backend_is_502_and_the_log_says_so() {
    let edge = Edge::up("unix:/nowhere/app.sock", &["--lanes", "1"]);
    assert_eq!(get(edge.address(), "/").status, 502);
    edge.wait_for_log("/nowhere/app.sock");
}

fn text_of(edge: &Edge) -> String {
    String::from_utf8(edge.fosse(&["status"]).stdout).unwrap()
}

#[test]
fn a_server_that_is_gone_is_shown_as_down() {
    let edge = Edge::up("unix:/nowhere/app.sock", &["--lanes", "1"]);
    for _ in 0..5 {
        assert_eq!(get(edge.address(), "/").status, 502);
    }
    wait_for("the server to be down", || text_of(&edge).contains("down in 1 of 1").then_some(()));
    assert!(edge.status_page("/metrics").contains("fosse_server_up{server=\"unix:/nowhere/app.sock\"} 0\n"));
}

#[test]
fn status_shows_what_has_been_counted() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    for _ in 0..3 {
        assert_eq!(get(edge.address(), "/").status, 200);
    }
    assert_eq!(edge.counter("parse", "requests"), 3);
    let shown = edge.fosse(&["status"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains(&format!(", process {}, up ", edge.pid())) && text.contains("requests  3 taken"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let all = String::from_utf8(edge.fosse(&["status", "--all"]).stdout).unwrap();
    assert!(all.starts_with(text.lines().next().unwrap().split(", up").next().unwrap()), "{all}");
    assert!(all.contains("\nparse\n"), "{all}");
    let json = String::from_utf8(edge.fosse(&["status", "--json"]).stdout).unwrap();
    assert!(json.contains("\"parse\":{\"requests\":3,"), "{json}");
    assert!(edge.status_page("/metrics").contains("\nfosse_parse_requests_total 3\n"));
    // The end of a long path is enough to know a server by.
    let name = backend.address();
    let name = format!("{}\n", &name[name.len().saturating_sub(30)..]);
    wait_for("the server to be shown", || text_of(&edge).contains(&name).then_some(()));
    // A client that asks for nothing and one that sends too much do not keep others from being
    // served.
    let idle: Vec<Client> = (0..15).map(|_| Client::connect_unix(&edge.status_socket())).collect();
    let mut much = Client::connect_unix(&edge.status_socket());
    let _ = much.try_send(&[b'x'; 5000]);
    assert_eq!(much.response().status, 431);
    assert!(edge.status_page("/metrics").contains("fosse_processes{program=\"status\"} 1\n"));
    drop(idle);
}

#[test]
fn a_reload_starts_new_lanes_and_no_request_fails() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let before = edge.process("parse");
    let mut kept = Client::connect(edge.address());
    kept.send(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(kept.response().status, 200);
    let reload = edge.fosse(&["reload"]);
    assert!(reload.status.success(), "{}", String::from_utf8_lossy(&reload.stderr));
    kept.send(b"GET /two HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(kept.response().status, 200, "{}", edge.log());
    assert_eq!(get(edge.address(), "/three").status, 200);
    wait_for("the end of the old lane", || (!is_alive(before.pid)).then_some(()));
    assert_ne!(edge.process("parse").pid, before.pid);
    assert_eq!(edge.counter("parse", "requests"), 3, "what the dead have counted stays");
}

const TWO_SITES: &str = r#"
lanes = 1
access_log = "access.log"

[[listen]]
address = "{address}"

[[site]]
hosts = ["a.example"]
backend = "app"

[[backend]]
name = "app"
servers = ["BACKEND"]
"#;

#[test]
fn a_reload_with_a_mistake_changes_nothing_and_one_without_does() {
    let backend = Backend::start();
    let text = TWO_SITES.replace("BACKEND", &backend.address());
    let edge = Edge::with_config(&text, &[]);
    let status = |host: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        fosse_harness::request(edge.address(), request).status
    };
    assert_eq!((status("a.example"), status("b.example")), (200, 421));
    std::fs::write(edge.dir().join("fosse.toml"), "lanes = \"many\"\n").unwrap();
    edge.signal(Signal::HUP);
    edge.wait_for_log("event=reload-failed");
    assert!(edge.log().contains("lanes takes"), "{}", edge.log());
    assert_eq!((status("a.example"), status("b.example")), (200, 421));
    edge.reload(&text.replace("a.example", "b.example"));
    assert_eq!((status("a.example"), status("b.example")), (421, 200));
    let access = wait_for("access log lines", || {
        let text = std::fs::read_to_string(edge.dir().join("access.log")).ok()?;
        (text.lines().count() >= 3).then_some(text)
    });
    assert!(access.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{access}");
}

#[test]
fn the_end_lets_a_request_finish_and_leaves_no_process() {
    let backend = Backend::start();
    let mut edge = Edge::up(&backend.address(), &["--lanes", "2"]);
    let pids: Vec<u32> = edge.processes().iter().map(|process| process.pid).collect();
    assert!(pids.len() >= 9, "{pids:?}");
    let mut client = Client::connect(edge.address());
    client.send(b"GET /sleep/500/bytes/7 HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for("the request to arrive", || (backend.requests() == 1).then_some(()));
    assert_eq!((edge.terminate(), client.response().body.len()), (Some(0), 7), "{}", edge.log());
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
    assert!(!edge.status_socket().exists());
}

#[test]
fn every_program_that_is_killed_is_replaced() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    for program in ["parse", "waf-filter", "dispatch", "connect", "accept", "log", "status"] {
        let before = edge.process(program);
        before.signal(Signal::KILL);
        wait_for(&format!("another {program}"), || {
            let alive = fosse(&["status", "--status-socket", &edge.status_socket().to_string_lossy()]).status.success();
            (alive && edge.process(program).pid != before.pid).then_some(())
        });
        wait_for("a response", || {
            let mut client = Client::connect(edge.address());
            client.try_send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").ok()?;
            client.try_response(false).filter(|response| response.status == 200)
        });
    }
    assert!(edge.log().contains("event=exited"), "{}", edge.log());
}

#[test]
fn a_stage_that_stands_still_is_replaced() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let before = edge.process("dispatch");
    before.signal(Signal::STOP);
    wait_for("another dispatch", || (edge.process("dispatch").pid != before.pid).then_some(()));
    assert_eq!(get(edge.address(), "/").status, 200, "{}", edge.log());
    assert!(edge.log().contains("event=hangs program=dispatch"), "{}", edge.log());
}

#[test]
fn start_killed_takes_everything_with_it() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let pids: Vec<u32> = edge.processes().iter().map(|process| process.pid).collect();
    edge.signal(Signal::KILL);
    wait_for("the end of all processes", || pids.iter().all(|pid| !is_alive(*pid)).then_some(()));
}

#[test]
fn a_second_edge_leaves_the_first_ones_place_alone() {
    if !is_root() {
        return println!("skipped: needs root, the usual place is in /run");
    }
    let backend = Backend::start();
    let (one, two) = (Edge::up(&backend.address(), &["--lanes", "1"]), Edge::up(&backend.address(), &["--lanes", "1"]));
    assert_eq!((get(one.address(), "/").status, get(two.address(), "/").status), (200, 200));
    let pid = |edge: &Edge| String::from_utf8(edge.fosse(&["status"]).stdout).unwrap();
    assert!(pid(&one).contains(&one.pid().to_string()) && pid(&two).contains(&two.pid().to_string()));
}

#[test]
fn up_serves_over_tls_with_a_certificate_and_its_key() {
    let (backend, dir) = (Backend::start(), fosse_harness::Dir::new());
    let (certificate, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9"])
        .args(["-subj", "/CN=a.example", "-addext", "subjectAltName=DNS:a.example", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (certificate, key) = (certificate.to_string_lossy().into_owned(), key.to_string_lossy().into_owned());
    let edge = Edge::up(&backend.address(), &["--lanes", "1", "--tls-cert", &certificate, "--tls-key", &key]);
    let url = format!("https://{}/", edge.address());
    let asked =
        Command::new("curl").args(["-sk", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", &url]).output();
    assert_eq!(String::from_utf8_lossy(&asked.unwrap().stdout), "2 200", "{}", edge.log());
    let alone = fosse(&["up", "--listen", "127.0.0.1:1", "--backend", "unix:/a", "--tls-cert", &certificate]);
    let text = String::from_utf8(alone.stderr).unwrap();
    assert!(alone.status.code() == Some(100) && text.contains("--tls-cert and --tls-key go together"), "{text}");
}

const RULE: &str = r#"SecRule ARGS "@contains attack" "id:1,phase:2,deny,status:403,msg:'an attack'""#;

#[test]
fn rules_deny_in_block_mode_and_pass_in_detect_mode() {
    let backend = Backend::start();
    let dir = fosse_harness::Dir::new();
    std::fs::write(dir.join("a.conf"), format!("SecRuleEngine On\n{RULE}\n")).unwrap();
    let pattern = dir.join("*.conf").to_string_lossy().into_owned();
    for (waf, status, served) in [("block", 403, 1), ("detect", 200, 2), ("off", 200, 2)] {
        let before = backend.requests();
        let edge = Edge::up(&backend.address(), &["--lanes", "1", "--rules", &pattern, "--waf", waf]);
        assert_eq!(get(edge.address(), "/?a=harmless").status, 200, "{waf}: {}", edge.log());
        assert_eq!(get(edge.address(), "/?a=an+attack").status, status, "{waf}: {}", edge.log());
        assert_eq!(backend.requests() - before, served, "{waf}");
        let audit = edge.fosse(&["audit"]);
        assert!(!is_root() || audit.status.success(), "{waf}: {}", String::from_utf8_lossy(&audit.stdout));
    }
}

#[test]
fn flags_that_make_no_configuration_are_refused_with_the_cure() {
    for (words, line) in [
        (vec!["up", "--listen", "127.0.0.1", "--backend", "unix:/a"], "has no port; add one, as in"),
        (vec!["up", "--listen", "127.0.0.1:1", "--backend", "app.example:80"], "names are not looked up"),
        (vec!["up", "--listen", "127.0.0.1:1"], "up needs --listen ADDR and --backend ADDR"),
        (vec!["up", "--config", "/x", "--lanes", "1"], "--lanes and --config exclude each other"),
        (vec!["up", "--listen", "127.0.0.1:1", "--backend", "unix:/a", "--lanes", "x"], "'x' is not a number"),
    ] {
        let refused = fosse(&words);
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(100) && text.contains(line), "{words:?}: {text}");
    }
}

#[test]
fn check_shows_every_mistake_with_its_line_and_a_caret() {
    let dir = fosse_harness::Dir::new();
    let file = dir.join("fosse.toml");
    let path = file.to_string_lossy();
    std::fs::write(&file, "lanes = 0\n[[listen]]\naddress = \"127.0.0.1\"\n").unwrap();
    let checked = fosse(&["check", &path]);
    let text = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(checked.status.code(), Some(100));
    assert!(text.contains(&format!("{path}:1:9: lanes must be")) && text.contains("^"), "{text}");
    assert!(text.contains(&format!("{path}:3:11: ")) && text.contains("problems in the configuration"), "{text}");
    std::fs::write(&file, TWO_SITES.replace("{address}", "127.0.0.1:1").replace("BACKEND", "unix:/a")).unwrap();
    // The check opens the access log that the configuration names, as start would.
    let logs = file.parent().unwrap().to_string_lossy();
    let checked = fosse(&["check", &path, "--log-dir", &logs]);
    assert!(checked.status.success() && checked.stdout.starts_with(path.as_bytes()));
    let explained = fosse(&["explain", "a.example", "/x", "--config", &path]);
    assert!(String::from_utf8(explained.stdout).unwrap().contains("backend   \"app\": unix:/a\n"));
}
