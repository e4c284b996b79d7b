//! Pages, forms, uploads, and every kind of response, as a script makes them.

use std::process::Command;

use fosse_applications::{curl, output};
use fosse_harness::{Client, Edge, get, request, wait_for};

use crate::pool::{FRONT, Pool};

const PAGES: &str = r#"<?php
switch ($_GET["do"] ?? "") {
case "upload":
    $file = $_FILES["file"];
    echo $file["name"], " ", $file["size"], " ", md5_file($file["tmp_name"]);
    break;
case "form": echo json_encode($_POST); break;
case "body": $body = file_get_contents("php://input"); echo $_SERVER["CONTENT_LENGTH"], " ", strlen($body), " ", md5($body); break;
case "missing": http_response_code(404); echo "not here"; break;
case "unchanged": header("ETag: \"x\""); http_response_code(304); break;
case "elsewhere": header("Location: /there"); break;
case "moved": header("Location: /there", true, 301); break;
case "secret": header("X-Accel-Redirect: /secret"); header("Transfer-Encoding: gzip"); header("Connection: close"); echo "page"; break;
case "long": $all = str_repeat("0123456789abcdef", 65536 * 3); header("Content-Length: " . strlen($all)); echo $all; break;
case "longer": for ($i = 0; $i < 48; $i++) { echo str_repeat("0123456789abcdef", 4096); flush(); } break;
case "too-much": header("Content-Length: 4"); echo "pages and pages"; break;
case "too-little": header("Content-Length: 99"); echo "page"; break;
case "slowly": echo "first\n"; ob_flush(); flush(); $never = stream_socket_server("tcp://127.0.0.1:0"); while (!file_exists("go-on")) { @stream_socket_accept($never, 0.01); clearstatcache(); } echo "last\n"; break;
case "complain": error_log("line \"one\"\nline two"); echo "page"; break;
default: echo "page ", $_SERVER["REQUEST_URI"];
}
"#;

fn pages(backend: &str) -> Option<(Pool, Edge)> {
    let pool = Pool::start(2, &[("index.php", PAGES)])?;
    let edge = pool.edge("body_bytes_max = \"8 MiB\"\nwaf = \"off\"", backend, FRONT);
    Some((pool, edge))
}

#[test]
fn forms_and_uploads_arrive_whole_whatever_their_framing() {
    let Some((pool, edge)) = pages("") else { return };
    let url = |what: &str| format!("http://{}/?do={what}", edge.address());
    assert_eq!(curl(&["-d", "name=Ada&town=London", &url("form")]), r#"{"name":"Ada","town":"London"}"#);
    for length in [1, 65_528, 65_529, 300_000, 4_000_000] {
        let upload = pool.root().join("upload.bin");
        std::fs::write(&upload, vec![7_u8; length]).unwrap();
        let file = upload.display().to_string();
        let sum = output(Command::new("md5sum").arg(&upload));
        let sum = sum.split(' ').next().unwrap();
        // PHP takes files of 2 MiB by default.
        if length < 2_000_000 {
            let said = curl(&["-F", &format!("file=@{file}"), &url("upload")]);
            assert_eq!(said, format!("upload.bin {length} {sum}"));
        }
        for framing in [&[][..], &["-H", "Transfer-Encoding: chunked"], &["-H", "Expect: 100-continue"]] {
            let (body, url) = (format!("@{file}"), url("body"));
            let words = [framing, &["-H", "Content-Type: a/b", "--data-binary", &body, &url]].concat();
            assert_eq!(curl(&words), format!("{length} {length} {sum}"), "{framing:?}");
        }
    }
    assert_eq!(edge.alarms(), Vec::<String>::new());
}

#[test]
fn a_chunked_body_that_nobody_buffers_gets_411_once_it_is_long() {
    let Some((_pool, edge)) = pages("buffer_requests = false") else { return };
    let send = |length: usize, more: &str| {
        let mut client = Client::connect(edge.address());
        client
            .send(format!("POST /?do=body HTTP/1.1\r\nHost: a\r\n{more}Transfer-Encoding: chunked\r\n\r\n").as_bytes());
        // The response may come before the end of the body.
        let _ = client.try_send(format!("{length:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(length)).as_bytes());
        client.response()
    };
    assert!(send(1000, "").text().starts_with("1000 1000 "));
    assert_eq!(send(200_000, "").status, 411);
    let mut client = Client::connect(edge.address());
    client.send(b"POST /?do=body HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(client.response().status, 100);
    client.send(b"abc");
    assert!(client.response().text().starts_with("3 3 "));
}

#[test]
fn every_kind_of_response_is_what_http_has() {
    let Some((_pool, edge)) = pages("") else { return };
    let page = |what: &str| get(edge.address(), &format!("/?do={what}"));
    let missing = page("missing");
    assert_eq!((missing.status, missing.text().as_ref()), (404, "not here"));
    let unchanged = page("unchanged");
    assert_eq!((unchanged.status, unchanged.header("etag"), unchanged.body.len()), (304, Some("\"x\""), 0));
    for (what, status) in [("elsewhere", 302), ("moved", 301)] {
        assert_eq!((page(what).status, page(what).header("location")), (status, Some("/there")));
    }
    let secret = page("secret");
    assert_eq!((secret.status, secret.text().as_ref(), secret.header("x-accel-redirect")), (200, "page", None));
    assert_eq!((secret.header("transfer-encoding"), secret.header("x-powered-by")), (Some("chunked"), None));
    let long = page("long");
    assert_eq!((long.body.len(), long.header("content-length"), long.complete), (3 << 20, Some("3145728"), true));
    let longer = page("longer");
    assert_eq!((longer.body.len(), longer.complete), (3 << 20, true));
    assert!(longer.body == long.body);
    let too_much = page("too-much");
    assert_eq!((too_much.text().as_ref(), too_much.complete), ("page", true));
    let mut client = Client::connect(edge.address());
    client.send(b"GET /?do=too-little HTTP/1.1\r\nHost: a\r\n\r\n");
    let cut = client.try_response(false);
    assert!(cut.is_none_or(|response| !response.complete), "the client is told that something is missing");
    let mut client = Client::connect(edge.address());
    for (what, status) in [("longer", 200), ("missing", 404), ("long", 200)] {
        client.send(format!("HEAD /?do={what} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert_eq!(client.try_response(true).unwrap().status, status, "{what}");
    }
}

#[test]
fn what_a_script_flushes_arrives_before_its_end() {
    let Some((pool, edge)) = pages("") else { return };
    let mut client = Client::connect(edge.address());
    client.send(b"GET /?do=slowly HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut seen = Vec::new();
    while !seen.ends_with(b"first\n\r\n") {
        seen.extend(client.bytes(1));
    }
    std::fs::write(pool.root().join("go-on"), "").unwrap();
    while !seen.ends_with(b"last\n\r\n0\r\n\r\n") {
        seen.extend(client.bytes(1));
    }
}

#[test]
fn a_thousand_small_requests_are_served_over_a_pool_and_without_one() {
    for (backend, connections) in [("pool_connections_max = 2\nvia = false", 1), ("via = false", 1000)] {
        let Some((_pool, edge)) = pages(backend) else { return };
        let mut client = Client::connect(edge.address());
        for number in 0..1000 {
            client.send(format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
            let response = client.response();
            assert_eq!((response.status, response.text().as_ref()), (200, format!("page /{number}").as_str()));
        }
        assert_eq!(edge.counter("dispatch", "connects"), connections, "{backend}");
        assert_eq!(edge.alarms(), Vec::<String>::new());
    }
}

#[test]
fn what_a_script_complains_of_is_in_the_log_and_not_in_its_page() {
    let Some((_pool, edge)) = pages("") else { return };
    assert_eq!(get(edge.address(), "/?do=complain").text(), "page");
    let line =
        wait_for("the line", || edge.log().lines().find(|line| line.contains("application-error")).map(str::to_owned));
    assert!(line.contains(r#"backend=php request="#) && line.contains(r#"line \"one\"\x0aline two"#), "{line}");
}

#[test]
fn a_method_and_a_query_reach_the_script_as_they_are() {
    let Some((_pool, edge)) = pages("") else { return };
    let response = request(edge.address(), b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!((response.status, response.text().as_ref()), (200, "page *"));
    assert_eq!(get(edge.address(), "/a%20b?c=%26&d[]=1").text(), "page /a%20b?c=%26&d[]=1");
}
