//! What is kept, and files that an application names, are encoded as any other response.

mod edge;

use std::io::Write as _;

use edge::application::{Application, with};
use edge::{CODED, decoded, edge, request, text};
use fosse_harness::{Client, Edge, Response, is_root, wait_for};

const LENGTH: usize = 900_000;
const FIELDS: &str = "Content-Type: text/html\r\nETag: \"v\"\r\nCache-Control: max-age=600\r\n";

/// An edge that keeps responses and encodes them; its application has one of [`LENGTH`] bytes.
fn keeping(more: &str) -> (Application, Edge) {
    keeping_with("", more)
}

/// The same, with more fields of the application.
fn keeping_with(more_fields: &'static str, more: &str) -> (Application, Edge) {
    let application = Application::start(move |_, to| {
        let fields = format!("{FIELDS}{more_fields}Content-Length: {LENGTH}\r\n");
        to.write_all(&with(200, &fields, &text(LENGTH))).is_ok()
    });
    let edge = edge(&application, &format!("{CODED}\ncache = true\n{more}"), "");
    let mut tries = 0;
    wait_for("a lane that asks the cache", || {
        tries += 1;
        ask(&edge, &format!("GET /probe-{tries}"), &[]);
        (edge.counter("cache", "fills") > 0).then_some(())
    });
    (application, edge)
}

fn ask(edge: &Edge, line: &str, fields: &[&str]) -> Response {
    let mut client = Client::connect(edge.address());
    client.send(&request(line, fields));
    client.try_response(line.starts_with("HEAD")).expect("a response")
}

/// Gauges of dispatch are set at its ticks.
fn wait_until_nothing_is_left(edge: &Edge) {
    let left =
        [("encode", "responses"), ("encode", "encoders_bytes"), ("dispatch", "ahead_bytes"), ("dispatch", "streams")];
    wait_for("an end of all that was asked for", || {
        left.iter().all(|(program, name)| edge.counter(program, name) == 0).then_some(())
    });
}

fn is_hit(response: &Response) -> bool {
    response.header("cache-status").is_some_and(|status| status.starts_with("fosse; hit"))
}

#[test]
fn what_differs_by_coding_says_so_whatever_is_left_out_of_the_applications_fields() {
    let (_application, edge) = keeping_with("Vary: X-Other\r\n", "response_headers.remove = [\"Vary\"]");
    let asked = || {
        let response = ask(&edge, "GET /", &["Accept-Encoding: gzip"]);
        assert_eq!(response.header("vary"), Some("Accept-Encoding"));
        is_hit(&response)
    };
    assert!(!asked());
    // It is kept a moment after its client has it.
    wait_for("a hit", || asked().then_some(()));
}

#[test]
fn who_accepts_a_coding_gets_what_is_kept_in_it_and_others_as_it_is() {
    let (_application, edge) = keeping("cache_key_headers = []");
    let before = edge.counter("cache", "fills");
    for (turn, (accepted, coding)) in
        [("gzip", Some("gzip")), ("br", Some("br")), ("zstd", Some("zstd")), ("", None), ("gzip", Some("gzip"))]
            .into_iter()
            .enumerate()
    {
        let response = ask(&edge, "GET /", &[&format!("Accept-Encoding: {accepted}")]);
        assert_eq!(response.header("content-encoding"), coding, "{}", response.head);
        assert_eq!(response.header("vary"), Some("Accept-Encoding"));
        assert_eq!(response.header("etag"), Some(if coding.is_some() { "W/\"v\"" } else { "\"v\"" }));
        let body = coding.map_or_else(|| response.body.clone(), |coding| decoded(coding, &response.body));
        assert!(body == text(LENGTH), "{accepted}: {}", response.body.len());
        assert_eq!(is_hit(&response), turn > 0, "{}", response.head);
    }
    assert_eq!(edge.counter("cache", "fills"), before + 1, "all is of one");
    wait_until_nothing_is_left(&edge);
    assert_eq!(edge.alarms(), [""; 0]);
}

#[test]
fn a_condition_holds_for_the_coding_and_a_part_is_one_of_what_is_not_encoded() {
    let (_application, edge) = keeping("");
    let gzip = "Accept-Encoding: gzip";
    for turn in 0..2 {
        assert_eq!(is_hit(&ask(&edge, "GET /", &[gzip])), turn > 0);
        assert_eq!(is_hit(&ask(&edge, "GET /", &[])), turn > 0);
    }
    for tag in ["\"v\"", "W/\"v\""] {
        let response = ask(&edge, "HEAD /", &[gzip, &format!("If-None-Match: {tag}")]);
        assert_eq!((response.status, response.header("etag")), (304, Some("W/\"v\"")), "{}", response.head);
        assert_eq!((response.header("vary"), response.header("content-encoding")), (Some("Accept-Encoding"), None));
    }
    let response = ask(&edge, "HEAD /", &["If-None-Match: \"v\""]);
    assert_eq!((response.status, response.header("etag")), (304, Some("\"v\"")));
    for range in ["Range: bytes=0-9", "Range: bytes=99999999-"] {
        let whole = ask(&edge, "GET /", &[gzip, range]);
        assert_eq!((whole.status, whole.header("content-range")), (200, None), "{}", whole.head);
        assert!(decoded("gzip", &whole.body) == text(LENGTH));
    }
    let part = ask(&edge, "GET /", &["Range: bytes=5-9"]);
    assert_eq!((part.status, &part.body[..]), (206, &text(10)[5..]));
    let head = ask(&edge, "HEAD /", &[gzip]);
    let seen = ["content-encoding", "etag", "vary"].map(|name| head.header(name));
    assert_eq!(seen, [Some("gzip"), Some("W/\"v\""), Some("Accept-Encoding")], "{}", head.head);
}

#[test]
fn a_client_that_leaves_takes_its_part_of_the_memory_along() {
    let (_application, edge) = keeping("");
    let gzip = "Accept-Encoding: gzip";
    assert!(ask(&edge, "GET /", &[gzip]).complete);
    for _ in 0..20 {
        let mut client = Client::connect(edge.address());
        client.send(&request("GET /", &[gzip]));
        client.send(&request("GET /", &[gzip]));
    }
    wait_until_nothing_is_left(&edge);
    assert!(decoded("gzip", &ask(&edge, "GET /", &[gzip]).body) == text(LENGTH));
    assert_eq!(edge.alarms(), [""; 0]);
}

#[test]
fn a_file_that_the_application_names_is_encoded_by_the_type_that_it_says() {
    if !is_root() {
        return println!("skipped: only root can give files to a user of their own");
    }
    let files = fosse_harness::Dir::new();
    for name in ["page", "image.png"] {
        std::fs::write(files.join(name), text(200_000)).unwrap();
    }
    let application = Application::start(|head, to| {
        let (path, kind) = if head.contains(" /page") { ("page", "text/html") } else { ("image.png", "image/png") };
        let fields = format!("X-Accel-Redirect: /{path}\r\nContent-Type: {kind}\r\nContent-Length: 0\r\n");
        to.write_all(&with(200, &fields, b"")).is_ok()
    });
    let disk = format!("[[backend]]\nname = \"disk\"\nfiles = \"{}\"", files.path().display());
    let edge = edge(&application, &format!("{CODED}\nsend_files = \"disk\""), &disk);
    let page = ask(&edge, "GET /page", &["Accept-Encoding: br"]);
    assert_eq!((page.header("content-encoding"), page.header("vary")), (Some("br"), Some("Accept-Encoding")));
    assert!(page.header("etag").is_some_and(|tag| tag.starts_with("W/")), "{}", page.head);
    assert!(decoded("br", &page.body) == text(200_000));
    let plain = ask(&edge, "GET /page", &[]);
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("Accept-Encoding")));
    let image = ask(&edge, "GET /image", &["Accept-Encoding: br"]);
    assert_eq!((image.header("content-encoding"), image.header("vary")), (None, None), "{}", image.head);
    assert!(image.body == text(200_000));
    let tag = format!("If-None-Match: {}", page.header("etag").unwrap());
    assert_eq!(ask(&edge, "HEAD /page", &["Accept-Encoding: br", &tag]).status, 304);
}
