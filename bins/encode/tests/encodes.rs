//! Responses are encoded for those who accept it, and decoded they are what the application sent.

mod edge;

use std::io::Write as _;

use edge::application::{Application, chunked, plain, with};
use edge::{CODED, decoded, edge, get, noise, request, text};
use fosse_harness::{Client, is_root, wait_for};

#[test]
fn decoded_it_is_what_the_application_sent_however_long_and_however_framed() {
    let application = Application::start(|head, to| {
        let path = head.split(' ').nth(1).unwrap();
        let length: usize = path.rsplit('/').next().unwrap().parse().unwrap();
        let body = if path.starts_with("/noise") { noise(length) } else { text(length) };
        if path.contains("chunked") {
            to.write_all(&chunked("text/html", &body, 7000, "")).is_ok()
        } else {
            to.write_all(&plain(200, "text/html", &body)).is_ok()
        }
    });
    let edge = edge(&application, CODED, "");
    let mut encoded = 0;
    let mut client = Client::connect(edge.address());
    for coding in ["gzip", "br", "zstd"] {
        for (path, length) in [
            ("/text", 1024),
            ("/text", 5000),
            ("/text", 300_000),
            ("/text/chunked", 5000),
            ("/text/chunked", 300_000),
            ("/noise", 300_000),
            ("/text", 3_000_000),
        ] {
            client.send(&request(&format!("GET {path}/{length}"), &[&format!("Accept-Encoding: {coding}")]));
            let response = client.response();
            assert!(response.complete, "{coding} {path} {length}");
            assert_eq!(response.header("content-encoding"), Some(coding), "{path}");
            assert_eq!(response.header("vary"), Some("Accept-Encoding"));
            let wanted = if path == "/noise" { noise(length) } else { text(length) };
            assert!(decoded(coding, &response.body) == wanted, "{coding} {path} {length}");
            if path != "/noise" {
                assert!(response.body.len() < length / 2, "{coding} {path} {length}: {}", response.body.len());
            }
            encoded += 1;
        }
    }
    assert_eq!(edge.counter("encode", "encoded"), encoded);
    assert!(edge.counter("encode", "bytes_in") > edge.counter("encode", "bytes_out"));
    assert_eq!((edge.counter("encode", "responses"), edge.counter("encode", "encoders_bytes")), (0, 0));
    assert_eq!(edge.alarms(), [""; 0]);
}

#[test]
fn a_short_response_has_a_length_and_one_too_short_stays_as_it_is() {
    let application = Application::start(|head, to| {
        let length: usize = head.split(' ').nth(1).unwrap()[1..].parse().unwrap();
        to.write_all(&chunked("text/html", &text(length), 100, "")).is_ok()
    });
    let edge = edge(&application, CODED, "");
    let response = get(&edge, "/5000", "gzip");
    assert_eq!(response.header("content-encoding"), Some("gzip"));
    let length = response.header("content-length").map(|length| length.parse::<usize>().unwrap());
    // One that pauses on its way is sent in pieces.
    assert!(length.is_none_or(|length| length == response.body.len()), "{}", response.head);
    assert_eq!(decoded("gzip", &response.body), text(5000));
    for length in [0, 1, 1023] {
        let response = get(&edge, &format!("/{length}"), "gzip");
        if response.header("content-encoding").is_none() {
            assert_eq!(response.header("content-length"), Some(length.to_string().as_str()));
            assert_eq!(response.body, text(length));
        } else {
            assert_eq!(decoded("gzip", &response.body), text(length), "it has paused");
        }
        assert_eq!(response.header("vary"), Some("Accept-Encoding"));
    }
}

#[test]
fn who_accepts_no_coding_gets_none_and_other_sites_keep_their_leases() {
    let application = Application::start(|_, to| to.write_all(&plain(200, "text/html", &text(300_000))).is_ok());
    let edge = edge(&application, CODED, "");
    for accepted in ["", "identity", "gzip;q=0", "deflate", "*;q=0"] {
        let response = get(&edge, "/", accepted);
        assert_eq!((response.header("content-encoding"), response.header("vary")), (None, Some("Accept-Encoding")));
        assert!(response.body == text(300_000), "{accepted}");
    }
    let leased = edge.counter("dispatch", "bytes_leased");
    assert!(leased >= 5 * 200_000, "{leased}");
    let mut client = Client::connect(edge.address());
    client.send(b"GET / HTTP/1.1\r\nHost: other.test\r\nAccept-Encoding: gzip\r\n\r\n");
    let response = client.response();
    assert_eq!((response.header("content-encoding"), response.header("vary")), (None, None));
    assert!(response.body == text(300_000) && edge.counter("dispatch", "bytes_leased") > leased);
    assert_eq!(edge.counter("encode", "encoded"), 0);
}

#[test]
fn http_1_0_gets_it_as_it_is() {
    let application = Application::start(|_, to| to.write_all(&plain(200, "text/html", &text(3000))).is_ok());
    let edge = edge(&application, CODED, "");
    let mut client = Client::connect(edge.address());
    client.send(b"GET / HTTP/1.0\r\nHost: coded.test\r\nAccept-Encoding: gzip\r\n\r\n");
    let response = client.response();
    assert_eq!((response.header("content-encoding"), response.body == text(3000)), (None, true));
}

#[test]
fn head_has_the_fields_of_get() {
    let application = Application::start(|head, to| {
        let fields = "Content-Type: text/html\r\nETag: \"x\"\r\nAccept-Ranges: bytes\r\nContent-Length: 5000\r\n";
        let body = if head.starts_with("HEAD") { Vec::new() } else { text(5000) };
        to.write_all(&with(200, fields, &body)).is_ok()
    });
    let edge = edge(&application, CODED, "");
    let mut client = Client::connect(edge.address());
    for accepted in ["gzip", "br", ""] {
        let mut seen = Vec::new();
        for method in ["GET", "HEAD"] {
            client.send(&request(&format!("{method} /"), &[&format!("Accept-Encoding: {accepted}")]));
            let response = client.try_response(method == "HEAD").expect("a response");
            let names = ["content-encoding", "vary", "etag", "accept-ranges", "content-type"];
            seen.push(names.map(|name| response.header(name).map(str::to_owned)));
        }
        assert_eq!(seen[0], seen[1], "{accepted}");
        let etag = if accepted.is_empty() { "\"x\"" } else { "W/\"x\"" };
        assert_eq!(seen[0][2].as_deref(), Some(etag));
    }
    assert_eq!(edge.counter("encode", "responses"), 0);
}

#[test]
fn what_was_sent_encoded_is_found_unchanged_by_its_weak_etag() {
    if !is_root() {
        return println!("skipped: only root can give files to a user of their own");
    }
    let files = fosse_harness::Dir::new();
    std::fs::write(files.join("page.html"), text(5000)).unwrap();
    let configuration = format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[backend]]\nname = \"app\"\nfiles = \"{}\"\n\
         [[site]]\nhosts = [\"coded.test\"]\nbackend = \"app\"\n{CODED}\n",
        files.path().display()
    );
    let edge = fosse_harness::Edge::with_config(&configuration, &[]);
    let response = get(&edge, "/page.html", "br");
    assert_eq!(decoded("br", &response.body), text(5000));
    let etag = response.header("etag").expect("an ETag").to_owned();
    assert!(etag.starts_with("W/\""), "{etag}");
    let mut client = Client::connect(edge.address());
    client.send(&request("GET /page.html", &["Accept-Encoding: br", &format!("If-None-Match: {etag}")]));
    let again = client.try_response(true).expect("a response");
    assert_eq!((again.status, again.header("etag")), (304, Some(etag.as_str())));
    assert_eq!(again.header("vary"), Some("Accept-Encoding"));
    // A part is a part of the bytes as they are.
    client.send(&request("GET /page.html", &["Accept-Encoding: br", "Range: bytes=0-9"]));
    let part = client.response();
    assert_eq!((part.status, part.header("content-encoding"), &part.body[..]), (206, None, &text(10)[..]));
}

#[test]
fn trailers_follow_an_encoded_body_but_not_the_digest_of_the_one_before() {
    let trailers = "X-Sum: 7\r\nContent-Digest: sha-256=:x:\r\n";
    let body = chunked("text/html", &text(200_000), 5000, trailers);
    let application = Application::always(body);
    let edge = edge(&application, CODED, "");
    let mut client = Client::connect(edge.address());
    client.send(&request("GET /", &["Accept-Encoding: gzip", "Connection: close"]));
    let raw = client.rest();
    let end = String::from_utf8_lossy(&raw[raw.len() - 60..]).into_owned();
    assert!(end.ends_with("\r\n0\r\nX-Sum: 7\r\n\r\n"), "{end:?}");
}

#[test]
fn a_response_that_mixes_secrets_with_a_strangers_text_is_encoded_only_where_the_site_asks_for_it() {
    let application = Application::start(|_, to| to.write_all(&plain(200, "text/html", &text(5000))).is_ok());
    for (site, expected) in [(CODED.to_owned(), None), (format!("{CODED}\ncompress_secrets = true"), Some("gzip"))] {
        let edge = edge(&application, &site, "");
        let mut client = Client::connect(edge.address());
        client.send(&request("GET /?q=guess", &["Accept-Encoding: gzip", "Cookie: session=1"]));
        assert_eq!(client.response().header("content-encoding"), expected);
        client.send(&request("GET /", &["Accept-Encoding: gzip", "Cookie: session=1"]));
        assert_eq!(client.response().header("content-encoding"), Some("gzip"));
    }
}

#[test]
fn a_route_has_its_own_codings_types_and_length() {
    let application = Application::start(|head, to| {
        let kind = if head.contains(" /api") { "application/x-own" } else { "text/html" };
        to.write_all(&plain(200, kind, &text(500))).is_ok()
    });
    let route = "[[site.route]]\nprefix = \"/api\"\ncompress = [\"br 6\"]\ncompress_types = [\"application/x-own\"]\n\
                 compress_bytes_min = 100\n[[site.route]]\nprefix = \"/off\"\ncompress = false";
    let edge = edge(&application, &format!("{CODED}\n{route}"), "");
    assert_eq!(get(&edge, "/api", "gzip, br").header("content-encoding"), Some("br"));
    assert_eq!(get(&edge, "/api", "gzip").header("content-encoding"), None);
    let off = get(&edge, "/off", "gzip");
    assert_eq!((off.header("content-encoding"), off.header("vary")), (None, None));
    assert_eq!(get(&edge, "/", "gzip").header("content-encoding"), None, "it is too short");
}

#[test]
fn where_memory_for_encoders_is_used_up_responses_go_on_as_they_are() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let application = Application::start(move |head, to| {
        if head.contains(" /held") {
            let whole = chunked("text/html", &text(20_000), 5000, "");
            to.write_all(&whole[..10_000]).unwrap();
            held.lock().unwrap().recv().unwrap();
            return to.write_all(&whole[10_000..]).is_ok();
        }
        to.write_all(&plain(200, "text/html", &text(20_000))).is_ok()
    });
    // One source may use half of it, which is an encoder of this coding.
    let edge =
        edge(&application, "compress = [\"gzip\"]\nwaf = \"off\"", "[limits]\nlane_encode_bytes_max = \"1 MiB\"");
    let mut first = Client::connect(edge.address());
    first.send(&request("GET /held", &["Accept-Encoding: gzip"]));
    wait_for("an encoder", || (edge.counter("encode", "encoders_bytes") > 0).then_some(()));
    let second = get(&edge, "/", "gzip");
    assert_eq!((second.header("content-encoding"), second.body == text(20_000)), (None, true));
    assert_eq!(edge.counter("encode", "plain_memory"), 1);
    release.send(()).unwrap();
    let first = first.response();
    assert_eq!(decoded("gzip", &first.body), text(20_000));
    assert_eq!(get(&edge, "/", "gzip").header("content-encoding"), Some("gzip"));
}
