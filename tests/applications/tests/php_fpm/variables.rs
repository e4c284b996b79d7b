//! What a script is told of a request, beside what nginx tells it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use fosse_harness::Client;

use crate::pool::Pool;

const DUMP: &str = r#"<?php
header("Content-Type: text/plain");
foreach ($_SERVER as $name => $value) {
    if (!is_array($value)) echo $name, "=", $value, "\n";
}
echo "body=", file_get_contents("php://input"), "\n";
"#;

/// Variables that are another with every request, or that PHP makes itself.
const OF_THE_MOMENT: &[&str] =
    &["REQUEST_TIME", "REQUEST_TIME_FLOAT", "REMOTE_PORT", "SERVER_PORT", "HTTP_X_REQUEST_ID"];

/// A variable, what nginx says, what fosse says, and why.
type Difference = (&'static str, Option<&'static str>, Option<&'static str>, &'static str);

/// Differences from nginx.
const DIFFERENCES: &[Difference] = &[
    ("CONTENT_LENGTH", Some(""), None, "a request without a body has none (RFC 3875, section 4.1.2)"),
    ("CONTENT_TYPE", Some(""), None, "a request without the field has none (RFC 3875, section 4.1.3)"),
    ("HTTP_CONTENT_LENGTH", Some("3"), None, "CONTENT_LENGTH says it (RFC 3875, section 4.1.18)"),
    ("HTTP_CONTENT_TYPE", Some(FORM), None, "CONTENT_TYPE says it (RFC 3875, section 4.1.18)"),
    ("HTTP_COOKIE", Some("c=d"), Some("a=b; c=d"), "PHP keeps the last of two, and rules have seen both"),
    ("HTTP_FORWARDED", None, Some("for=127.0.0.1;proto=http;host=\"a.example\""), FORWARDED),
    ("HTTP_TRANSFER_ENCODING", Some("chunked"), None, "the body is not chunked any more"),
    ("HTTP_VIA", None, Some("1.0 fosse"), "via = true, as for HTTP"),
    ("HTTP_VIA", None, Some("1.1 fosse"), "via = true, as for HTTP"),
    ("HTTP_X_FORWARDED_FOR", None, Some("127.0.0.1"), FORWARDED),
    ("HTTP_X_FORWARDED_HOST", None, Some("a.example"), FORWARDED),
    ("HTTP_X_FORWARDED_PORT", None, Some("80"), FORWARDED),
    ("HTTP_X_FORWARDED_PROTO", None, Some("http"), FORWARDED),
    ("HTTP_X_REAL_IP", None, Some("127.0.0.1"), FORWARDED),
    ("HTTP_X_TWO", Some("2"), Some("1, 2"), "PHP keeps the last of two, and rules have seen both"),
    ("REMOTE_USER", Some(""), None, "nobody has logged in"),
    ("REMOTE_USER", Some("a"), None, "nobody has checked the password"),
    ("SERVER_ADDR", Some("127.0.0.1"), None, "the program that speaks to PHP does not know it"),
    ("SERVER_SOFTWARE", Some("nginx/1.22.1"), Some("fosse"), "no version for strangers"),
];

const FORM: &str = "application/x-www-form-urlencoded";
const FORWARDED: &str = "one place decides what every backend is told of the client";

fn variables(address: SocketAddr, request: &str) -> BTreeMap<String, String> {
    let mut client = Client::connect(address);
    client.send(request.as_bytes());
    let response = client.response();
    assert_eq!(response.status, 200, "{}", response.text());
    let text = response.text();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_script_sees_what_it_sees_behind_nginx_but_for_what_has_a_reason() {
    let Some(pool) = Pool::start(2, &[("index.php", DUMP)]) else { return };
    let Some((_nginx, nginx)) = pool.nginx() else { return };
    let edge = pool.edge("", "", "front_controller = \"/index.php\"");
    let mut differences = Vec::new();
    for request in [
        "GET /a%20page/x.html?q=1&r=%2f HTTP/1.1\r\nHost: a.example\r\nUser-Agent: t\r\nAccept: */*\r\nX-Two: 1\r\nX-Two: 2\r\nCookie: a=b\r\nCookie: c=d\r\nX_Under: 1\r\nX.Dot: 1\r\nAuthorization: Basic YTpi\r\n\r\n",
        "POST /index.php HTTP/1.1\r\nHost: a.example\r\nUser-Agent: t\r\nAccept: */*\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b",
        "POST /index.php HTTP/1.1\r\nHost: a.example\r\nUser-Agent: t\r\nAccept: */*\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a.example\r\nUser-Agent: t\r\nAccept: */*\r\n\r\n",
    ] {
        let (theirs, ours) = (variables(nginx, request), variables(edge.address(), request));
        for name in theirs.keys().chain(ours.keys()) {
            let pair = (name.as_str(), theirs.get(name).map(String::as_str), ours.get(name).map(String::as_str));
            if pair.1 != pair.2 && !OF_THE_MOMENT.contains(&name.as_str()) {
                differences.push(format!("{pair:?}"));
            }
        }
    }
    differences.sort();
    differences.dedup();
    let expected: Vec<String> = DIFFERENCES.iter().map(|(a, b, c, _)| format!("{:?}", (a, b, c))).collect();
    assert_eq!(differences, expected);
}
