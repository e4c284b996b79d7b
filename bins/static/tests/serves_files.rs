//! What a client of HTTP/1.1 may expect of a file server (E2E over the real program, locked down).

mod site;

use site::{Reply, Site, let_age, pattern, write};

fn sample() -> Site {
    Site::new(|root| {
        write(root, "index.html", "<h1>home</h1>");
        write(root, "a.txt", "0123456789");
        write(root, "sub/index.html", "sub");
        write(root, "sub/no-index/x.json", "{}");
        write(root, "empty", "");
        write(root, "big.bin", pattern(3_000_000));
    })
}

#[test]
fn files_come_whole_with_type_and_validators() {
    let site = sample();
    let reply = site.get("/a.txt", "");
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"0123456789"[..]));
    assert_eq!(reply.field("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(reply.field("Content-Length"), Some("10"));
    assert_eq!(reply.field("X-Content-Type-Options"), Some("nosniff"));
    assert!(reply.field("Date").unwrap().ends_with(" GMT") && reply.field("Last-Modified").unwrap().ends_with(" GMT"));
    assert_eq!(reply.field("Server"), None);
    assert_eq!(site.get("/big.bin", "").body, pattern(3_000_000));
    assert_eq!(site.get("/empty", "").field("Content-Length"), Some("0"));
    assert_eq!(site.get("/", "").body, b"<h1>home</h1>");
    assert_eq!(site.get("http://a/sub/?q", "").body, b"sub");
    site.ends_well();
}

#[test]
fn head_says_what_get_would_without_the_body() {
    let site = sample();
    for target in ["/a.txt", "/big.bin", "/sub", "/nothing"] {
        let (get, head) = (site.get(target, ""), site.ask("HEAD", target, ""));
        let lines = |reply: &Reply| -> Vec<String> {
            reply.head.lines().filter(|line| !line.starts_with("Date")).map(str::to_owned).collect()
        };
        assert_eq!(lines(&get), lines(&head), "{target}");
        assert!(head.body.is_empty());
    }
    let ranged = site.ask("HEAD", "/a.txt", "Range: bytes=0-1\r\n");
    assert_eq!((ranged.status, ranged.field("Content-Length")), (200, Some("10")));
    site.ends_well();
}

#[test]
fn a_directory_with_an_index_is_redirected_to_its_slash_and_none_is_ever_listed() {
    let site = sample();
    let reply = site.get("/sub?x=1&y", "");
    assert_eq!((reply.status, reply.field("Location")), (301, Some("/sub/?x=1&y")));
    assert_eq!(site.get("/sub/no-index/", "").status, 404);
    assert_eq!(site.get("/sub/no-index", "").status, 404);
    assert_eq!(site.get("/a.txt/", "").status, 404);
    site.ends_well();
}

#[test]
fn other_methods_are_refused_and_their_bodies_not_taken_for_requests() {
    let site = sample();
    let reply = site.ask("DELETE", "/a.txt", "");
    assert_eq!((reply.status, reply.field("Allow")), (405, Some("GET, HEAD")));
    assert_eq!(site.ask("OPTIONS", "*", "").status, 405);
    let inner = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    for framing in [format!("Content-Length: {}", inner.len()), "Transfer-Encoding: chunked".to_owned()] {
        let all = site.raw(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{inner}").as_bytes());
        let text = String::from_utf8(all).unwrap();
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
        assert!(text.starts_with("HTTP/1.1 405 ") && text.contains("\r\nConnection: close\r\n"));
    }
    site.ends_well();
}

#[test]
fn a_client_that_has_the_file_is_told_so() {
    let site = sample();
    let first = site.get("/a.txt", "");
    let (weak, date) = (first.field("ETag").unwrap(), first.field("Last-Modified").unwrap());
    assert!(weak.starts_with("W/\""), "a file that just changed may change again unseen");
    for field in [format!("If-None-Match: {weak}"), format!("If-Modified-Since: {date}")] {
        let reply = site.get("/a.txt", &format!("{field}\r\n"));
        assert_eq!((reply.status, reply.body.len(), reply.field("ETag")), (304, 0, Some(weak)), "{field}");
        assert_eq!(reply.field("Content-Length"), None);
    }
    write(&site.root(), "a.txt", "9876543210");
    assert_eq!(site.get("/a.txt", &format!("If-None-Match: {weak}\r\n")).status, 200);
    assert_eq!(site.get("/a.txt", &format!("If-Match: {weak}\r\n")).status, 412);
    site.ends_well();
}

#[test]
fn ranges_give_exactly_the_bytes_asked_for() {
    let site = sample();
    let big = pattern(3_000_000);
    for (range, part) in
        [("0-0", 0..1), ("5-", 5..3_000_000), ("-7", 2_999_993..3_000_000), ("1000-2000000", 1000..2_000_001)]
    {
        let reply = site.get("/big.bin", &format!("Range: bytes={range}\r\n"));
        assert_eq!(reply.status, 206);
        assert_eq!(reply.field("Content-Range"), Some(&*format!("bytes {}-{}/3000000", part.start, part.end - 1)));
        assert_eq!(reply.body, big[part]);
    }
    let reply = site.get("/a.txt", "Range: bytes=10-\r\n");
    assert_eq!((reply.status, reply.field("Content-Range")), (416, Some("bytes */10")));
    for ignored in ["Range: bytes=5-1\r\n", "Range: lines=1-2\r\n", "Range: bytes=0-\r\nRange: bytes=1-\r\n"] {
        assert_eq!(site.get("/a.txt", ignored).status, 200, "{ignored}");
    }
    site.ends_well();
}

#[test]
fn several_ranges_come_as_parts_with_their_places() {
    let site = sample();
    let big = pattern(3_000_000);
    let reply = site.get("/big.bin", "Range: bytes=10-19,100000-299999,-5\r\n");
    assert_eq!(reply.status, 206);
    let boundary = reply.field("Content-Type").unwrap().strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut expected = Vec::new();
    for (line, part) in [("", 10..20), ("\r\n", 100_000..300_000), ("\r\n", 2_999_995..3_000_000)] {
        let range = format!("Content-Range: bytes {}-{}/3000000", part.start, part.end - 1);
        let head = format!("{line}--{boundary}\r\nContent-Type: application/octet-stream\r\n{range}\r\n\r\n");
        expected.extend_from_slice(head.as_bytes());
        expected.extend_from_slice(&big[part]);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert!(reply.body == expected, "the parts differ");
    assert_eq!(reply.field("Content-Length"), Some(&*expected.len().to_string()));
    site.ends_well();
}

#[test]
fn a_range_of_a_file_that_changed_is_the_whole_new_file() {
    let site = sample();
    let_age();
    let first = site.get("/a.txt", "");
    let (tag, date) = (first.field("ETag").unwrap(), first.field("Last-Modified").unwrap());
    for held in [tag, date] {
        assert_eq!(site.get("/a.txt", &format!("Range: bytes=1-2\r\nIf-Range: {held}\r\n")).body, b"12");
    }
    write(&site.root(), "a.txt", "abcdefghij");
    for held in [tag, date] {
        let reply = site.get("/a.txt", &format!("Range: bytes=1-2\r\nIf-Range: {held}\r\n"));
        assert_eq!((reply.status, reply.body.as_slice()), (200, &b"abcdefghij"[..]));
    }
    site.ends_well();
}
