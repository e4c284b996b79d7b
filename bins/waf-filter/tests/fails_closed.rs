//! No request gets around the rules: not while a filter dies, not by being slow, large or oddly
//! encoded.

mod site;

use std::sync::atomic::{AtomicBool, Ordering};

use fosse_harness::{Backend, Client, Dir, Edge, is_alive, is_root, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use site::{ask, edge, request, rules, status};

/// Denies what says "bad".
const BAD: &str =
    "SecRule ARGS|REQUEST_HEADERS \"@contains bad\" \"id:1,phase:2,deny,status:406,log,msg:'a bad word'\"\n";

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

fn kill(pid: u32) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL).unwrap();
}

/// The filter of the lane, or the zygote.
fn filter(edge: &Edge, zygote: bool) -> u32 {
    wait_for("a filter", || {
        let all = edge.processes().into_iter();
        // The zygote belongs to no lane.
        all.filter(|p| p.program == "waf-filter" && p.lane.is_none() == zygote).map(|p| p.pid).next_back()
    })
}

#[test]
fn while_filters_are_killed_attacks_get_no_way_round() {
    if !is_root() {
        return println!("skipped: not root");
    }
    let backend = Backend::start();
    let (rules, over) = (rules(BAD), AtomicBool::new(false));
    let edge = edge(&backend, &rules, "");
    std::thread::scope(|scope| {
        let attacker = scope.spawn(|| {
            let mut seen = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let one = status(&edge, &request("GET /?a=bad", &[], b""));
                assert!([0, 406, 503].contains(&one), "{one}");
                seen.push(one);
            }
            seen
        });
        for _ in 0..10 {
            let pid = filter(&edge, false);
            kill(pid);
            wait_for("its end", || (!is_alive(pid)).then_some(()));
            wait_for("the rules again", || (status(&edge, &request("GET /?a=bad", &[], b"")) == 406).then_some(()));
        }
        over.store(true, Ordering::Relaxed);
        assert!(attacker.join().unwrap().contains(&406));
    });
    assert_eq!(backend.requests(), 0);
    assert_eq!(status(&edge, &request("GET /?a=good", &[], b"")), 200);
}

#[test]
fn a_killed_zygote_is_replaced_and_its_filters_live_on() {
    let backend = Backend::start();
    let rules = rules(BAD);
    let edge = edge(&backend, &rules, "");
    let (zygote, serving) = (filter(&edge, true), filter(&edge, false));
    kill(zygote);
    assert_eq!(status(&edge, &request("GET /?a=bad", &[], b"")), 406);
    let next = wait_for("another zygote", || Some(filter(&edge, true)).filter(|pid| *pid != zygote));
    assert!(is_alive(serving) && is_alive(next));
    kill(serving);
    wait_for("the rules again", || (status(&edge, &request("GET /?a=bad", &[], b"")) == 406).then_some(()));
    assert_eq!(backend.requests(), 0);
}

#[test]
fn rules_that_do_not_compile_change_nothing() {
    let backend = Backend::start();
    let rules = rules(BAD);
    let edge = edge(&backend, &rules, "");
    std::fs::write(rules.join("own.conf"), "SecRule ARGS \"@nothing x\" \"id:1,deny\"\n").unwrap();
    edge.signal(Signal::HUP);
    edge.wait_for_log("event=reload-failed");
    assert!(edge.log().contains("own.conf:1:"), "{}", edge.log());
    assert_eq!(status(&edge, &request("GET /?a=bad", &[], b"")), 406);
    std::fs::write(rules.join("own.conf"), BAD.replace("406", "418")).unwrap();
    edge.signal(Signal::HUP);
    wait_for("the new rules", || (status(&edge, &request("GET /?a=bad", &[], b"")) == 418).then_some(()));
    assert_eq!(backend.requests(), 0);
}

/// Rules that take their time with long values: a chain of transformations of its own for each.
fn slow(count: usize) -> String {
    let names = [
        "lowercase",
        "compressWhitespace",
        "htmlEntityDecode",
        "removeNulls",
        "urlDecodeUni",
        "jsDecode",
        "cssDecode",
        "removeCommentsChar",
    ];
    let mut text = BAD.to_owned();
    for number in 0..count {
        let (mut left, mut rest, mut chain) = (names.to_vec(), number, String::new());
        while !left.is_empty() {
            chain.push_str(&format!(",t:{}", left.remove(rest % left.len())));
            rest /= left.len() + 1;
        }
        let pattern = format!("(?:[a-f]+[0-9]+[g-z]*){{2}}[%&]{number}x");
        text.push_str(&format!("SecRule ARGS \"@rx {pattern}\" \"id:{},phase:2,deny,t:none{chain}\"\n", 1000 + number));
    }
    text
}

fn long_body() -> Vec<u8> {
    [b"a=".to_vec(), b"abc123xyz +%26 \\x41".repeat(40_000)].concat()
}

/// Tries with ever more slow rules, so that no machine is too fast for them and none has more than
/// it needs.
fn with_enough_rules(what: &str, mut tried: impl FnMut(&Dir) -> bool) {
    let enough = (3..14).map(|doublings| rules(&slow(1 << doublings))).any(|rules| tried(&rules));
    assert!(enough, "8192 rules are not enough: {what}");
}

#[test]
fn a_request_that_uses_up_its_time_is_denied_and_said_to_be() {
    let backend = Backend::start();
    let attack = request("POST /", &[FORM], &long_body());
    with_enough_rules("the time is never used up", |rules| {
        let before = backend.requests();
        let edge_that_blocks = edge(&backend, rules, "rules_milliseconds_max = 20");
        let first = status(&edge_that_blocks, &attack);
        if first == 200 {
            assert_eq!((edge_that_blocks.counter("waf-filter", "over_budget"), backend.requests()), (0, before + 1));
            return false;
        }
        assert_eq!(first, 503);
        edge_that_blocks.wait_for_log("cause=budget");
        assert_eq!((edge_that_blocks.counter("waf-filter", "over_budget"), backend.requests()), (1, before));
        assert_eq!(status(&edge_that_blocks, &request("POST /", &[FORM], b"a=short")), 200);
        true
    });
    with_enough_rules("nothing is detected", |rules| {
        let edge_that_watches = edge(&backend, rules, "rules_milliseconds_max = 20\nwaf = \"detect\"");
        assert_eq!(status(&edge_that_watches, &attack), 200);
        if edge_that_watches.counter("waf-filter", "over_budget") == 0 {
            return false;
        }
        edge_that_watches.wait_for_log("event=detected");
        true
    });
}

#[test]
fn a_slow_request_lets_others_go_first() {
    let backend = Backend::start();
    let body = long_body();
    with_enough_rules("others never go first", |rules| {
        let before = backend.requests();
        let edge = edge(&backend, rules, "rules_milliseconds_max = 10000");
        let mut slow = Client::connect(edge.address());
        slow.send(&request("POST /slow", &[FORM], &body));
        // Everything of it is there, and it is being evaluated; the others get their responses
        // meanwhile. Rules that are too few for this machine are over before.
        let length = u64::try_from(body.len()).unwrap();
        let evaluated = || backend.requests() > before;
        wait_for("the slow body", || {
            (evaluated() || edge.counter("waf-filter", "buffered_bytes") >= length).then_some(())
        });
        for _ in 0..5 {
            assert_eq!(status(&edge, &request("GET /?a=good", &[], b"")), 200);
        }
        let others_went_first = backend.requests() == before + 5;
        assert_eq!(slow.response().status, 200);
        assert_eq!(backend.requests(), before + 6);
        others_went_first
    });
}

#[test]
fn a_body_over_the_limit_is_refused_or_evaluated_in_part_as_the_site_says() {
    let backend = Backend::start();
    let rules = rules(BAD);
    let strict = edge(&backend, &rules, "body_bytes_max = \"20 KiB\"");
    let filler = vec![b'x'; 30_000];
    let body = |front: &[u8], back: &[u8]| [b"a=", front, &filler, back].concat();
    assert_eq!(status(&strict, &request("POST /", &[FORM], &body(b"", b""))), 413);
    assert_eq!(backend.requests(), 0);
    let chunked = |body: &[u8]| {
        let head = request("POST /body", &[FORM, "Transfer-Encoding: chunked"], b"");
        let head = String::from_utf8(head).unwrap().replace("Content-Length: 0\r\n", "");
        [head.as_bytes(), format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
    };
    assert_eq!(status(&strict, &chunked(&body(b"", b""))), 413);
    assert_eq!(backend.requests(), 0);
    let lax = edge(&backend, &rules, "body_bytes_max = \"20 KiB\"\nbody_over_limit = \"pass-in-part\"");
    for (number, shape) in [|body: &[u8]| request("POST /body", &[FORM], body), chunked].iter().enumerate() {
        assert_eq!(status(&lax, &shape(&body(b"bad", b""))), 406, "{}", lax.log());
        assert_eq!(backend.requests(), number);
        let response = ask(&lax, &shape(&body(b"", b"bad"))).unwrap();
        assert_eq!((response.status, response.body.len()), (200, 30_005), "what is not seen passes whole");
    }
    lax.wait_for_log("event=passed-in-part");
    assert_eq!(lax.counter("waf-filter", "buffered_bytes"), 0);
}

#[test]
fn encoded_bodies_are_evaluated_decoded_and_unknown_encodings_refused() {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let backend = Backend::start();
    let rules = rules(BAD);
    let edge = edge(&backend, &rules, "body_bytes_max = \"20 MiB\"");
    let send = |coding: &str, body: &[u8]| {
        status(&edge, &request("POST /", &[FORM, &format!("Content-Encoding: {coding}")], body))
    };
    assert_eq!(send("gzip", &gzip(b"a=bad")), 406);
    assert_eq!(send("gzip", b"a=bad"), 400);
    assert_eq!(send("br", b"a=good"), 415);
    assert_eq!(send("gzip, gzip", b"a=good"), 415);
    assert_eq!(send("gzip", &gzip(&vec![b'a'; 10_000_000])), 413, "a bomb");
    assert_eq!(backend.requests(), 0, "{}", edge.log());
    assert_eq!(send("gzip", &gzip(b"a=good")), 200);
    assert_eq!(send("identity", b"a=good"), 200);
}

#[test]
fn the_audit_log_has_what_matched_and_no_secrets() {
    let backend = Backend::start();
    let text = [
        "SecRule ARGS:password \"@contains hunter\" \"id:8,phase:2,pass,log,auditlog,logdata:'%{MATCHED_VAR}'\"\n",
        "SecRule ARGS:q \"@contains bad\" \"id:7,phase:2,deny,log,auditlog,msg:'a word',logdata:'%{MATCHED_VAR}',",
        "tag:'t/1',severity:2\"\n",
    ];
    let rules = rules(&text.concat());
    let edge = edge(&backend, &rules, "");
    let attack = request(
        "GET /x?password=hunter2&q=bad%22%00%ff",
        &["Authorization: Basic aHVudGVyMg==", "Cookie: sid=hunter2; b=hunter2"],
        b"",
    );
    // The NUL is found first, without rules; then the rules have their say.
    assert_eq!(status(&edge, &attack), 400);
    let attack = String::from_utf8(attack).unwrap().replace("%00", "");
    assert_eq!(status(&edge, attack.as_bytes()), 403);
    let lines = wait_for("two audit lines", || {
        let text = std::fs::read_to_string(edge.dir().join("audit")).ok()?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() == 2).then_some(lines)
    });
    for line in &lines {
        assert!(line.starts_with('{') && line.ends_with('}') && !line.contains("hunter"), "{line}");
        assert!(line.contains("password=***") && line.contains("[\"Authorization\",\"***\"]"), "{line}");
    }
    let last = lines.last().unwrap();
    // As the access log has them: the time as text, the site by its name.
    for part in [
        "{\"time\":\"2",
        "\"site\":\"default\"",
        "\"cause\":\"rule\"",
        "\"rule\":7",
        "\"action\":\"denied\"",
        "\"variable\":\"ARGS:q\"",
        "\"tags\":[\"t/1\"]",
        "\"id\":8",
        "sid=***",
    ] {
        assert!(last.contains(part), "{part}: {last}");
    }
    assert!(!edge.log().contains("hunter"), "{}", edge.log());
}

#[test]
fn an_upgrade_keeps_the_rules_and_one_zygote() {
    let backend = Backend::start();
    let rules = rules(BAD);
    let edge = edge(&backend, &rules, "");
    let before = filter(&edge, true);
    let served = edge.log().matches("event=serving").count();
    edge.signal(Signal::USR2);
    wait_for("the new programs", || (edge.log().matches("event=serving").count() > served).then_some(()));
    assert_eq!(status(&edge, &request("GET /?a=bad", &[], b"")), 406);
    wait_for("the end of the old zygote", || (!is_alive(before)).then_some(()));
    let zygotes = || edge.processes().into_iter().filter(|p| p.program == "waf-filter" && p.lane.is_none()).count();
    wait_for("one zygote", || (zygotes() == 1).then_some(()));
    assert_eq!(backend.requests(), 0);
}

#[test]
fn an_ordinary_user_has_a_zygote_too() {
    if !is_root() {
        return println!("skipped: not root");
    }
    let backend = Backend::start();
    let rules = rules(BAD);
    let own = rules.join("own.conf");
    let edge = Edge::up_as(65_533, &backend.address(), &["--lanes", "1", "--rules", &own.to_string_lossy()]);
    assert_eq!(status(&edge, &request("GET /?a=bad", &[], b"")), 406);
    let (zygote, pid) = (filter(&edge, true), filter(&edge, false));
    kill(pid);
    wait_for("the rules again", || (status(&edge, &request("GET /?a=bad", &[], b"")) == 406).then_some(()));
    assert!(is_alive(zygote));
    assert_eq!(backend.requests(), 0);
}
