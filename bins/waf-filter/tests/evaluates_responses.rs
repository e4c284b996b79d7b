//! Where a site has its responses evaluated, none gets past the rules: what is denied never reaches
//! the client, not even in part, and what passes arrives as the application sent it.

mod site;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fosse_harness::{Client, Edge, Response, is_alive, is_root, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use site::application::{Application, chunked, plain, with};
use site::{ask, core_rule_set, edge_before, request, rules, with_core_rule_set};

/// Time is no matter here: what is tested must not hang on the clock.
const INSPECT: &str = "inspect_responses = true\nrules_milliseconds_max = 10000";

/// Denies responses that say "secret", in the body, in a field, or by their status.
const SECRET: &str = "SecRule RESPONSE_BODY \"@contains secret\" \"id:4,phase:4,deny,status:502,log,auditlog,msg:'a secret'\"\n\
    SecRule RESPONSE_HEADERS:X-Told \"@contains secret\" \"id:3,phase:3,deny,status:403,log,msg:'a told secret'\"\n\
    SecRule RESPONSE_STATUS \"@streq 418\" \"id:5,phase:3,deny,status:404,log\"\n";

fn before(application: &Application, text: &str, site: &str) -> Edge {
    edge_before(&application.address(), &rules(text), &format!("{INSPECT}\n{site}"), "")
}

fn get(edge: &Edge) -> Response {
    ask(edge, &request("GET /a?b=c", &[], b"")).expect("a response")
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL).unwrap();
}

/// The page of a denial and nothing of the application.
fn is_denied(response: &Response, status: u16) {
    assert_eq!(response.status, status);
    assert!(response.complete && !response.head.contains("X-Told") && !response.text().contains("secret"));
    assert!(response.text().contains("<p>Request "), "{}", response.text());
}

#[test]
fn a_denied_response_is_replaced_however_it_is_framed() {
    let body = [b"x".repeat(100_000), b"secret".to_vec(), b"y".repeat(100_000)].concat();
    let closing = with(200, "Content-Type: text/html\r\nConnection: close\r\n", &body);
    for (what, response, keep) in [
        ("by length", plain(200, "text/html; charset=utf-8", &body), true),
        ("in chunks", chunked("text/plain", &body, 7000, "X-Sum: 1\r\n"), true),
        ("until the end", closing, false),
        ("short", plain(500, "text/html", b"secret"), true),
    ] {
        let application = Application::start(move |_, to| to.write_all(&response).is_ok() && keep);
        let edge = before(&application, SECRET, "");
        is_denied(&get(&edge), 502);
        edge.wait_for_log("rule=4");
        let log = edge.log();
        assert!(log.contains("event=denied") && log.contains(" response_status="), "{what}: {log}");
        assert_eq!(edge.counter("waf-filter", "responses_denied"), 1, "{what}");
        assert_eq!(edge.counter("waf-filter", "buffered_bytes"), 0, "{what}");
        assert_eq!(edge.counter("waf-filter", "responses_pending"), 0, "{what}");
    }
}

#[test]
fn a_response_that_passes_arrives_as_it_was_sent() {
    let body: Vec<u8> = (0..300_000u32).map(|n| b"abcdefghij klm\n"[(n % 15) as usize]).collect();
    let by_length = plain(200, "text/html", &body);
    let in_chunks = chunked("text/html", &body, 9000, "X-Sum: 7\r\n");
    let to_the_end = with(200, "Content-Type: text/html\r\n", &body);
    let application = Application::start(move |head, to| match head.split(' ').nth(1) {
        Some("/length") => to.write_all(&by_length).is_ok(),
        Some("/chunks") => to.write_all(&in_chunks).is_ok(),
        Some("/end") => {
            let _ = to.write_all(&to_the_end);
            false
        }
        Some("/none") => to.write_all(&with(204, "", b"")).is_ok(),
        Some("/same") => to.write_all(&with(304, "ETag: \"x\"\r\nContent-Type: text/html\r\n", b"")).is_ok(),
        _ => to.write_all(&with(200, "Content-Type: text/html\r\nContent-Length: 300000\r\n", b"")).is_ok(),
    });
    let edge = before(&application, SECRET, "");
    let mut client = Client::connect(edge.address());
    for round in 0..3 {
        for path in ["/length", "/chunks", "/end"] {
            client.send(&request(&format!("GET {path}"), &[], b""));
            let response = client.response();
            assert_eq!((response.status, response.complete), (200, true), "{path}");
            assert_eq!(response.body.len(), body.len(), "{path} in round {round}");
            assert!(response.body == body, "{path}");
        }
        for (path, status) in [("/none", 204), ("/same", 304)] {
            client.send(&request(&format!("GET {path}"), &[], b""));
            assert_eq!(client.try_response(true).expect("a response").status, status);
        }
        client.send(&request("HEAD /length-of", &[], b""));
        let response = client.try_response(true).expect("a response");
        assert_eq!((response.status, response.header("content-length")), (200, Some("300000")));
    }
    assert_eq!(edge.counter("waf-filter", "responses"), 18);
    assert_eq!(edge.counter("waf-filter", "buffered_bytes"), 0);
    assert_eq!(edge.counter("dispatch", "bytes_leased"), 0, "what is evaluated is not leased");
}

#[test]
fn heads_are_evaluated_whatever_the_body_is() {
    let told = || with(200, "X-Told: a secret\r\nContent-Type: image/png\r\nContent-Length: 3\r\n", b"png");
    let application = Application::start(move |head, to| match head.split(' ').nth(1) {
        Some("/told") if head.starts_with("HEAD") => {
            to.write_all(&with(200, "X-Told: a secret\r\nContent-Length: 3\r\n", b"")).is_ok()
        }
        Some("/told") => to.write_all(&told()).is_ok(),
        Some("/status") => to.write_all(&with(418, "Content-Length: 0\r\n", b"")).is_ok(),
        _ => to.write_all(&plain(200, "image/png", b"a secret in a picture")).is_ok(),
    });
    let edge = before(&application, SECRET, "");
    is_denied(&ask(&edge, &request("GET /told", &[], b"")).unwrap(), 403);
    is_denied(&ask(&edge, &request("GET /status", &[], b"")).unwrap(), 404);
    let mut client = Client::connect(edge.address());
    client.send(&request("HEAD /told", &[], b""));
    assert_eq!(client.try_response(true).expect("a response").status, 403);
    assert_eq!(get(&edge).text(), "a secret in a picture", "of a type that is not looked at");
}

#[test]
fn an_upgrade_is_evaluated_by_its_head_and_then_left_alone() {
    let told = Arc::new(AtomicBool::new(false));
    let tells = told.clone();
    let application = Application::start(move |_, to| {
        let extra = if tells.load(Ordering::Relaxed) { "X-Told: secret\r\n" } else { "" };
        let fields = format!(
            "{extra}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        );
        to.write_all(&with(101, &fields, b"a secret")).is_ok()
    });
    let edge = before(&application, SECRET, "");
    let upgrade = request(
        "GET /",
        &[
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ],
        b"",
    );
    let mut client = Client::connect(edge.address());
    client.send(&upgrade);
    assert_eq!(client.try_response(true).expect("a response").status, 101);
    assert_eq!(client.bytes(8), b"a secret");
    told.store(true, Ordering::Relaxed);
    is_denied(&ask(&edge, &upgrade).unwrap(), 403);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_response_over_the_limit_is_refused_or_evaluated_in_part_as_the_rules_say() {
    let (early, late) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (is_early, is_late) = (early.clone(), late.clone());
    let application = Application::start(move |head, to| {
        let mut body = vec![b'x'; 400_000];
        if is_early.load(Ordering::Relaxed) {
            body[10..16].copy_from_slice(b"secret");
        }
        if is_late.load(Ordering::Relaxed) {
            body[300_000..300_006].copy_from_slice(b"secret");
        }
        let framed = if head.contains("/chunks") {
            chunked("text/html", &body, 5000, "")
        } else {
            plain(200, "text/html", &body)
        };
        to.write_all(&framed).is_ok()
    });
    let limit = |action: &str| format!("{SECRET}SecResponseBodyLimit 100000\nSecResponseBodyLimitAction {action}\n");
    let strict = before(&application, &limit("Reject"), "");
    let lax = before(&application, &limit("ProcessPartial"), "");
    let watching = before(&application, &limit("Reject"), "waf = \"detect\"");
    for path in ["GET /length", "GET /chunks"] {
        let asked = request(path, &[], b"");
        early.store(false, Ordering::Relaxed);
        late.store(true, Ordering::Relaxed);
        is_denied(&ask(&strict, &asked).unwrap(), 500);
        for edge in [&lax, &watching] {
            let response = ask(edge, &asked).unwrap();
            assert_eq!((response.status, response.complete, response.body.len()), (200, true, 400_000), "{path}");
            assert_eq!(&response.body[300_000..300_006], b"secret", "what is not seen passes");
        }
        early.store(true, Ordering::Relaxed);
        is_denied(&ask(&lax, &asked).unwrap(), 502);
        assert_eq!(ask(&watching, &asked).unwrap().body.len(), 400_000);
    }
    strict.wait_for_log("cause=rules-limit");
    lax.wait_for_log("event=passed-in-part");
    watching.wait_for_log("event=detected");
    for edge in [&strict, &lax, &watching] {
        assert_eq!(edge.counter("waf-filter", "buffered_bytes"), 0);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn encoded_responses_are_not_asked_for_and_are_evaluated_decoded_if_they_come() {
    use flate2::{Compression, write::GzEncoder};
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let coded = |coding: &str, body: &[u8]| {
        let fields =
            format!("Content-Type: text/html\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n", body.len());
        with(200, &fields, body)
    };
    let (good, bad, bomb) = (gzip(b"harmless"), gzip(b"a secret"), gzip(&vec![b'a'; 20_000_000]));
    let application = {
        let good = good.clone();
        Application::start(move |head, to| {
            let response = match head.split(' ').nth(1).unwrap() {
                "/good" => coded("gzip", &good),
                "/bad" => coded("gzip", &bad),
                "/bomb" => coded("gzip", &bomb),
                "/broken" => coded("gzip", b"harmless"),
                "/unknown" => coded("br", b"harmless"),
                _ => plain(200, "text/html", head.as_bytes()),
            };
            to.write_all(&response).is_ok()
        })
    };
    let edge = before(&application, SECRET, "");
    let ask = |path: &str| {
        let fields = ["Accept-Encoding: gzip, br", "Range: bytes=0-3", "If-Range: \"x\""];
        ask(&edge, &request(&format!("GET {path}"), &fields, b"")).unwrap()
    };
    let seen = ask("/").text().into_owned();
    assert!(seen.contains("Accept-Encoding: identity") && !seen.contains("gzip") && !seen.contains("ange"), "{seen}");
    let response = ask("/good");
    assert_eq!((response.status, response.body == good), (200, true), "as it was sent");
    assert_eq!(response.header("content-encoding"), Some("gzip"));
    is_denied(&ask("/bad"), 502);
    for path in ["/broken", "/unknown"] {
        is_denied(&ask(path), 502);
    }
    let response = ask("/bomb");
    assert!([500, 502].contains(&response.status), "{}", response.status);
    edge.wait_for_log("cause=body-encoding");
}

#[test]
fn responses_and_waiting_requests_take_no_more_memory_than_the_lane_has() {
    let over = Arc::new(AtomicBool::new(false));
    let is_over = over.clone();
    let application = Application::start(move |head, to| {
        // The first bytes come, and then the end of the connection.
        let whole = plain(200, "text/html", &vec![b'x'; 200_000]);
        if !head.contains("/slow") {
            return to.write_all(&whole).is_ok();
        }
        to.write_all(&whole[..150_000]).unwrap();
        wait_for("the end of the test", || is_over.load(Ordering::Relaxed).then_some(()));
        false
    });
    let limits = "[limits]\nlane_held_bytes_max = \"1 MiB\"\n";
    let edge = edge_before(&application.address(), &rules(SECRET), INSPECT, limits);
    let mut slow: Vec<Client> = (0..5)
        .map(|_| {
            let mut client = Client::connect(edge.address());
            client.send(&request("GET /slow", &[], b""));
            client
        })
        .collect();
    wait_for("the buffered responses", || (edge.counter("waf-filter", "buffered_bytes") > 850_000).then_some(()));
    // The oldest of the largest gives way, not the one that comes.
    assert_eq!(get(&edge).body.len(), 200_000);
    let denied = slow.remove(0).response();
    is_denied(&denied, 503);
    assert_eq!(denied.header("retry-after"), Some("1"));
    edge.wait_for_log("limit=lane_held_bytes_max");
    over.store(true, Ordering::Relaxed);
    for client in &mut slow {
        assert_eq!(client.response().status, 502, "no client has seen a part of it");
    }
    wait_for("the memory", || (edge.counter("waf-filter", "buffered_bytes") == 0).then_some(()));
    assert_eq!(get(&edge).body.len(), 200_000);
    assert_eq!(edge.counter("waf-filter", "responses_pending"), 0);
}

#[test]
fn who_reads_slowly_gets_all_of_it() {
    let body: Vec<u8> = (0..1_000_000u32).map(|n| b'a' + u8::try_from(n / 7 % 26).unwrap()).collect();
    let application = Application::always(plain(200, "text/html", &body));
    let text = format!("{SECRET}SecResponseBodyLimit 100000\nSecResponseBodyLimitAction ProcessPartial\n");
    let edge = before(&application, &text, "");
    let mut clients: Vec<Client> = (0..8)
        .map(|_| {
            let mut client = Client::connect(edge.address());
            client.send(&request("GET /", &[], b""));
            client
        })
        .collect();
    wait_for("all to be evaluated", || (edge.log().matches("event=passed-in-part").count() == 8).then_some(()));
    for client in clients.iter_mut().rev() {
        let response = client.response();
        assert!(response.complete && response.body == body);
    }
    wait_for("the memory", || (edge.counter("waf-filter", "buffered_bytes") == 0).then_some(()));
}

#[test]
fn responses_of_dispatch_itself_are_not_evaluated() {
    let application = Application::start(|head, to| {
        if head.contains("/half") {
            let _ = to.write_all(&plain(200, "text/html", b"only a part")[..50]);
        }
        false
    });
    let text = "SecRule RESPONSE_STATUS|RESPONSE_BODY \"@rx .\" \"id:1,phase:4,deny,status:403\"\n";
    let edge = before(&application, text, "");
    assert_eq!(get(&edge).status, 502);
    let response = ask(&edge, &request("GET /half", &[], b"")).unwrap();
    assert_eq!((response.status, response.complete), (502, true), "no client has seen a part of it");
    assert_eq!(edge.counter("waf-filter", "responses_denied"), 0);
    assert_eq!(edge.counter("waf-filter", "buffered_bytes"), 0);
}

#[test]
fn a_filter_killed_within_a_response_lets_nothing_past() {
    let go_on = Arc::new(AtomicBool::new(false));
    let goes_on = go_on.clone();
    let application = Application::start(move |head, to| {
        let body = if head.contains("/held") { vec![b'x'; 50_000] } else { b"a secret".to_vec() };
        let whole = plain(200, "text/html", &body);
        let (first, rest) = whole.split_at(whole.len() - 4);
        to.write_all(first).unwrap();
        while head.contains("/held") && !goes_on.load(Ordering::Relaxed) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        to.write_all(rest).is_ok()
    });
    let edge = before(&application, SECRET, "");
    let mut client = Client::connect(edge.address());
    client.send(&request("GET /held", &[], b""));
    wait_for("a buffered response", || (edge.counter("waf-filter", "buffered_bytes") > 40_000).then_some(()));
    let filters = || edge.processes().into_iter().filter(|p| p.program == "waf-filter" && p.lane.is_some());
    let pid = filters().map(|p| p.pid).next().unwrap();
    kill(pid);
    let response = client.response();
    assert_eq!((response.status, response.complete), (503, true), "nothing of the response was seen");
    wait_for("its end", || (!is_alive(pid)).then_some(()));
    go_on.store(true, Ordering::Relaxed);
    wait_for("the rules again", || {
        let response = ask(&edge, &request("GET /", &[], b""))?;
        assert!(!response.text().contains("secret"));
        (response.status == 502).then_some(())
    });
}

#[test]
fn variables_of_the_request_are_there_when_the_response_is_evaluated() {
    let application = Application::always(plain(200, "text/html", b"hello"));
    let text = "SecRule ARGS:n \"@eq 7\" \"id:1,phase:2,pass,nolog,setvar:tx.seven=1\"\n\
        SecRule TX:seven \"@eq 1\" \"id:2,phase:4,deny,status:409,chain\"\n\
        SecRule RESPONSE_BODY \"@streq hello\" \"chain\"\n\
        SecRule REQUEST_URI|REQUEST_BODY \"@contains n=7\"\n";
    let edge = before(&application, text, "");
    let status = |request: &[u8]| ask(&edge, request).unwrap().status;
    assert_eq!(status(&request("GET /?n=7", &[], b"")), 409);
    assert_eq!(status(&request("GET /?n=8", &[], b"")), 200);
    let form = "Content-Type: application/x-www-form-urlencoded";
    assert_eq!(status(&request("POST /", &[form], b"n=7")), 409);
    assert_eq!(status(&request("POST /", &[form], b"n=8")), 200);
}

#[test]
fn the_audit_log_says_that_the_response_was_denied() {
    let application = Application::always(plain(500, "text/html", b"a secret"));
    let rules = rules(SECRET);
    let edge = edge_before(&application.address(), &rules, INSPECT, "");
    is_denied(&get(&edge), 502);
    let line = wait_for("an audit line", || {
        let text = std::fs::read_to_string(edge.dir().join("audit")).ok()?;
        text.lines().next().map(str::to_owned)
    });
    for part in ["\"action\":\"denied\"", "\"status\":502", "\"response_status\":500", "\"rule\":4", "\"phase\":4"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[test]
fn the_core_rule_set_keeps_leaks_inside() {
    let Some(from) = core_rule_set() else { return };
    let application = Application::start(|head, to| {
        let body: &[u8] = match head.split(' ').nth(1).unwrap() {
            "/sql" => b"<html><b>Warning</b>: You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version",
            "/php" => b"hello <?php $dbh = new PDO($dsn, $user, $password); ?>",
            "/list" => b"<html><head><title>Index of /backup</title></head><body><h1>Index of /backup</h1></body></html>",
            _ => b"<html><body><p>An ordinary page about SQL, PHP and an index of names.</p></body></html>",
        };
        to.write_all(&plain(200, "text/html", body)).is_ok()
    });
    let rules = with_core_rule_set(&from);
    let edge = edge_before(&application.address(), &rules, INSPECT, "");
    let ask = |path: &str| ask(&edge, &request(&format!("GET {path}"), &[], b"")).unwrap();
    assert_eq!(ask("/ordinary").status, 200, "{}", edge.log());
    for path in ["/sql", "/php", "/list"] {
        let response = ask(path);
        assert_eq!(response.status, 403, "{path}: {}", edge.log());
    }
    edge.wait_for_log("response_score=");
    // Without the word of the site nothing changes: the same rules, the same leak.
    let edge = edge_before(&application.address(), &rules, "", "");
    assert_eq!(site::status(&edge, &request("GET /sql", &[], b"")), 200);
}

#[test]
fn an_edge_that_evaluates_responses_differs_in_nothing_from_its_policy() {
    if !is_root() {
        return println!("skipped: not root");
    }
    let application = Application::always(plain(200, "text/html", b"hello"));
    let edge = before(&application, SECRET, "");
    assert_eq!(get(&edge).text(), "hello");
    let audit = edge.fosse(&["audit"]);
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

#[test]
fn a_filter_killed_while_a_response_goes_out_leaves_none_that_looks_whole() {
    let application = Application::always(plain(200, "text/html", &vec![b'x'; 8_000_000]));
    let text = format!("{SECRET}SecResponseBodyLimit 50000\nSecResponseBodyLimitAction ProcessPartial\n");
    let edge = before(&application, &text, "");
    let mut client = Client::connect(edge.address());
    client.send(&request("GET /", &[], b""));
    wait_for("a part of it", || (edge.counter("parse", "bytes_out") > 10_000).then_some(()));
    let filters = || edge.processes().into_iter().filter(|p| p.program == "waf-filter" && p.lane.is_some());
    kill(filters().map(|p| p.pid).next().unwrap());
    let response = client.response();
    assert_eq!((response.status, response.complete), (200, false), "cut, and seen to be");
    wait_for("the rules again", || ask(&edge, &request("GET /", &[], b"")).filter(|r| r.complete));
}

#[test]
fn a_reload_begins_and_ends_the_inspection_and_loses_no_request() {
    // A response to /slow comes when the test says so.
    let (arrived, go_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (arrives, goes_on) = (arrived.clone(), go_on.clone());
    let application = Application::start(move |head, to| {
        if head.contains("/slow") {
            arrives.fetch_add(1, Ordering::Relaxed);
            while !goes_on.swap(false, Ordering::Relaxed) {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        to.write_all(&plain(200, "text/html", b"a secret")).is_ok()
    });
    let rules = rules(SECRET);
    let text = |site: &str| {
        format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n\
             [[site]]\ndefault = true\nbackend = \"app\"\nrules = [\"{}/own.conf\"]\n{site}\n",
            application.address(),
            rules.path().display(),
        )
    };
    let edge = Edge::with_config(&text(""), &["--dir", &rules.path().to_string_lossy()]);
    assert_eq!(get(&edge).text(), "a secret");
    let mut open = Client::connect(edge.address());
    open.send(&request("GET /slow", &[], b""));
    wait_for("the request", || (arrived.load(Ordering::Relaxed) == 1).then_some(()));
    edge.reload(&text(INSPECT));
    go_on.store(true, Ordering::Relaxed);
    assert_eq!(open.response().text(), "a secret", "as the generation has it that took the request");
    is_denied(&get(&edge), 502);
    let mut open = Client::connect(edge.address());
    open.send(&request("GET /slow", &[], b""));
    wait_for("the request", || (edge.counter("waf-filter", "responses_pending") == 1).then_some(()));
    edge.reload(&text(""));
    go_on.store(true, Ordering::Relaxed);
    is_denied(&open.response(), 502);
    assert_eq!(get(&edge).text(), "a secret");
}

#[test]
fn what_rules_count_about_responses_is_there_for_the_next_request() {
    let application = Application::start(|head, to| {
        let status = if head.contains("/found") { 200 } else { 404 };
        to.write_all(&plain(status, "text/html", b"hello")).is_ok()
    });
    let text = "SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR}\"\n\
        SecRule RESPONSE_STATUS \"@streq 404\" \"id:2,phase:3,pass,nolog,setvar:ip.misses=+1\"\n\
        SecRule IP:misses \"@gt 3\" \"id:3,phase:4,deny,status:429,log\"\n\
        SecRule RESPONSE_BODY \"@contains secret\" \"id:4,phase:4,deny\"\n\
        SecRule IP:misses \"@gt 4\" \"id:5,phase:1,deny,status:403,log\"\n";
    let edge = before(&application, text, "");
    let ask = |path: &str| ask(&edge, &request(&format!("GET {path}"), &[], b"")).unwrap().status;
    assert_eq!(ask("/found"), 200);
    let mut seen = Vec::new();
    wait_for("the count to deny", || {
        seen.push(ask("/missing"));
        (seen.last() == Some(&403)).then_some(())
    });
    seen.dedup();
    assert_eq!(seen, [404, 429, 403], "first the response is denied, then the request");
    assert_eq!(edge.counter("waf-filter", "buffered_bytes"), 0);
}

#[test]
fn the_built_in_rules_keep_leaks_inside_where_fosse_up_is_told_to_inspect() {
    let application = Application::start(|head, to| {
        let body: &[u8] =
            if head.contains("/list") { b"<html><head><title>Index of /backup</title>" } else { b"hello" };
        to.write_all(&plain(200, "text/html", body)).is_ok()
    });
    let edge = Edge::up(&application.address(), &["--lanes", "1", "--inspect-responses"]);
    let ask = |edge: &Edge, path: &str| ask(edge, &request(&format!("GET {path}"), &[], b"")).unwrap();
    assert_eq!(ask(&edge, "/").text(), "hello");
    is_denied(&ask(&edge, "/list"), 403);
    edge.wait_for_log("response_score=5");
    let edge = Edge::up(&application.address(), &["--lanes", "1"]);
    assert_eq!(ask(&edge, "/list").status, 200, "not by itself");
}
