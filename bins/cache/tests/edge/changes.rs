//! What changes a target makes what is kept of it untrue.

use crate::site::{App, Site, ok, response};

fn site() -> Site {
    Site::new(
        App::start(|head, n| match head.contains("/refused") && !head.starts_with("GET") {
            true => response(403, "", "no"),
            false => ok("Cache-Control: max-age=60\r\n", &format!("{n}")),
        }),
        "cache_key_headers = [\"X-Key\"]",
    )
}

#[test]
fn what_is_kept_of_a_target_is_forgotten_once_it_is_written_to() {
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let site = site();
        let read = |lines| site.seen("/a", lines).0;
        assert_eq!([read(""), read("X-Key: 1\r\n"), read("")], ["0", "1", "0"]);
        let written = site.send(method, "/a", "Content-Length: 0\r\n");
        assert_eq!(written.header("cache-status"), Some("fosse; fwd=method"), "{method}");
        assert_eq!([read(""), read("X-Key: 1\r\n")], ["3", "4"], "{method}");
    }
}

#[test]
fn what_the_response_to_a_change_names_is_forgotten_too() {
    let site = Site::new(
        App::start(|head, n| match head.starts_with("POST") {
            true => response(
                201,
                "Location: http://a.example/made\r\nContent-Location: /seen\r\nLocation: http://b.example/b\r\n",
                "",
            ),
            false => ok("Cache-Control: max-age=60\r\n", &format!("{n}")),
        }),
        "",
    );
    let read = || ["/made", "/seen", "/b"].map(|target| site.seen(target, "").0);
    assert_eq!(read(), ["0", "1", "2"]);
    site.send("POST", "/all", "Content-Length: 0\r\n");
    assert_eq!(read(), ["4", "5", "2"]);
}

#[test]
fn a_refused_change_a_safe_method_and_another_target_change_nothing() {
    let site = site();
    assert_eq!(site.seen("/refused", "").0, "0");
    assert_eq!(site.send("POST", "/refused", "Content-Length: 0\r\n").status, 403);
    site.send("OPTIONS", "/refused", "");
    site.send("POST", "/other", "Content-Length: 0\r\n");
    assert_eq!(site.seen("/refused", "").0, "0");
}

#[test]
fn a_change_counts_though_the_file_that_its_response_names_is_not_there() {
    let dir = fosse_harness::Dir::new();
    let site = Site::new(
        App::start(|head, n| match head.starts_with("GET") {
            true => ok("Cache-Control: max-age=60\r\n", &format!("{n}")),
            false => response(200, "X-Accel-Redirect: /none\r\n", ""),
        }),
        &format!("send_files = \"files\"\n[[backend]]\nname = \"files\"\nfiles = {:?}", dir.path()),
    );
    assert_eq!(site.seen("/a", "").0, "0");
    assert_eq!(site.send("POST", "/a", "Content-Length: 0\r\n").status, 404);
    assert_eq!(site.seen("/a", "").0, "2");
}
