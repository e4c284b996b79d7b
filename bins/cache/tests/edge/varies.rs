//! Responses that vary by fields of requests: each variant is kept for who sends the same (RFC
//! 9111, section 4.1).

use std::sync::Arc;

use fosse_harness::{Client, is_root, wait_for};

use crate::{
    collapses::Gate,
    disk,
    site::{App, Site, ok},
};

const BY_LANGUAGE: &str = "Cache-Control: max-age=60\r\nVary: Accept-Language\r\nCache-Tag: t\r\n";

/// Returns the value of a field of a request; an empty one where it has none.
fn value<'h>(head: &'h str, name: &str) -> &'h str {
    let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")));
    line.and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value)
}

/// An application that says the language that was asked for, and how many requests there were.
fn polyglot(lines: &'static str) -> App {
    App::start(move |head, n| ok(lines, &format!("{}{n}", value(head, "accept-language"))))
}

fn language(site: &Site, language: &str) -> (String, String) {
    site.seen("/a", &if language.is_empty() { String::new() } else { format!("Accept-Language: {language}\r\n") })
}

fn is_hit((_, status): &(String, String)) -> bool {
    status.starts_with("fosse; hit; ttl=")
}

#[test]
fn each_variant_is_asked_for_once_and_kept_beside_the_others() {
    let site = Site::new(polyglot(BY_LANGUAGE), "");
    for (name, word) in [("de", "uri-miss"), ("en", "vary-miss"), ("", "vary-miss"), ("de, en", "vary-miss")] {
        let (before, (body, status)) = (site.app.requests(), language(&site, name));
        assert_eq!((body, status), (format!("{name}{before}"), format!("fosse; fwd={word}; stored; ttl=60")));
    }
    for (n, name) in ["de", "en", "", "de, en"].iter().enumerate() {
        let found = language(&site, name);
        assert!(is_hit(&found) && found.0 == format!("{name}{n}"), "{found:?}");
    }
    assert_eq!(site.app.requests(), 4);
    // Another URL has nothing of that, whoever comes first.
    assert_eq!(site.seen("/b", "").0, "4");
    assert_eq!(
        site.seen("/b", "Accept-Language: de\r\n"),
        ("de5".into(), "fosse; fwd=vary-miss; stored; ttl=60".into())
    );
    assert!(is_hit(&site.seen("/b", "")) && is_hit(&site.seen("/b", "Accept-Language: de\r\n")));
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}

#[test]
fn what_a_response_varies_by_reaches_its_application_and_nothing_that_steers_it_besides() {
    for keys in ["", "cache_key_only = true"] {
        let app = App::start(|head, _| ok(BY_LANGUAGE, &head.replace("\r\n", "\n")));
        let site = Site::new(app, keys);
        site.seen("/a", "");
        let (body, _) = site.seen("/a", "Accept-Language: de\r\nX-Forwarded-Host: evil\r\n");
        assert!(!body.contains("evil") && value(&body, "accept-language") == "de", "{body}");
        let (kept, status) = site.seen("/a", "Accept-Language: de\r\n");
        assert!(status.starts_with("fosse; hit") && !kept.contains("evil"), "{status}: {kept}");
    }
}

#[test]
fn what_steers_an_application_that_says_so_is_for_those_who_send_the_same() {
    let app = App::start(|head, _| {
        ok("Cache-Control: max-age=60\r\nVary: X-Tenant\r\n", &format!("for {}", value(head, "x-tenant")))
    });
    let site = Site::new(app, "");
    for (lines, body) in [("", "for "), ("X-Tenant: evil\r\n", "for evil"), ("", "for "), ("X-Tenant: b\r\n", "for b")]
    {
        assert_eq!(site.seen("/a", lines).0, body);
    }
    assert!(is_hit(&site.seen("/a", "X-Tenant: evil\r\n")) && is_hit(&site.seen("/a", "")));
}

#[test]
fn what_no_key_tells_apart_is_kept_for_nobody() {
    for name in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Request-ID", "Accept-Language, *"] {
        let lines = format!("Cache-Control: max-age=60\r\nVary: {name}\r\n");
        let site = Site::new(App::start(move |_, n| ok(&lines, &format!("{n}"))), "");
        assert_ne!(site.seen("/a", "").0, site.seen("/a", "").0, "{name}");
    }
}

#[test]
fn what_varies_by_more_for_some_is_told_apart_by_all_of_it() {
    let app = App::start(|head, n| {
        let more = if value(head, "accept").is_empty() { "" } else { ", Accept" };
        let body = format!("{} {} {n}", value(head, "accept-language"), value(head, "accept"));
        ok(&format!("Cache-Control: max-age=60\r\nVary: Accept-Language{more}\r\n"), &body)
    });
    let site = Site::new(app, "");
    let all = [("de", "a/b"), ("de", ""), ("en", "a/b"), ("de", "c/d"), ("", "a/b")];
    let seen = |(language, accept): (&str, &str)| {
        let line = |name, value: &str| if value.is_empty() { String::new() } else { format!("{name}: {value}\r\n") };
        site.seen("/a", &(line("Accept-Language", language) + &line("Accept", accept)))
    };
    let first = all.map(|of| seen(of).0);
    for ((language, accept), body) in all.iter().zip(&first) {
        assert!(body.starts_with(&format!("{language} {accept} ")), "{body}");
    }
    let second = all.map(seen);
    assert!(second.iter().zip(&first).all(|(second, first)| is_hit(second) && second.0 == *first), "{second:?}");
}

#[test]
fn variants_without_end_take_so_many_places_and_push_nothing_out() {
    let site = Site::new(polyglot(BY_LANGUAGE), "");
    site.seen("/other", "Accept-Language: de\r\n");
    for n in 0..40 {
        assert!(language(&site, &format!("x-{n}")).0.starts_with(&format!("x-{n}")));
    }
    let before = site.app.requests();
    let hits = (0..40).filter(|n| is_hit(&language(&site, &format!("x-{n}")))).count();
    assert_eq!((hits, site.app.requests()), (16, before + 24));
    assert!(is_hit(&site.seen("/other", "Accept-Language: de\r\n")));
}

#[test]
fn all_variants_of_a_url_are_purged_and_changed_together() {
    let site = Site::new(polyglot(BY_LANGUAGE), "");
    let keep = || ["de", "en", ""].map(|name| language(&site, name));
    // The probes that began are kept too.
    assert!(site.edge.fosse(&["purge", "--all"]).status.success());
    site.seen("/two", "Accept-Language: de\r\n");
    site.seen("/two", "Accept-Language: en\r\n");
    keep();
    for (words, count) in
        [(&["a.example/two"][..], 2), (&["a.example/a"], 3), (&["--tag", "t"], 3), (&["--prefix", "a.example/a"], 3)]
    {
        assert!(keep().iter().all(is_hit), "{words:?}");
        let output = site.edge.fosse(&[&["purge"], words].concat());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{count} purged\n"), "{words:?}");
        assert_eq!(keep().iter().any(is_hit), words == ["a.example/two"], "{words:?}");
    }
    assert!(keep().iter().all(is_hit));
    site.send("POST", "/a", "Content-Length: 0\r\n");
    assert!(!keep().iter().any(is_hit));
}

#[test]
fn many_requests_for_each_variant_are_one_of_each_for_the_application() {
    let gate = Arc::new(Gate::default());
    let own = Arc::clone(&gate);
    let app = App::start(move |head, n| {
        if head.starts_with("GET /slow") {
            own.pass();
        }
        ok(BY_LANGUAGE, &format!("{}{n}", value(head, "accept-language")))
    });
    let site = Site::new(app, "");
    let mut clients: Vec<(Client, &str)> = ["de", "en", "fr"]
        .into_iter()
        .cycle()
        .take(12)
        .map(|name| {
            let mut client = Client::connect(site.edge.address());
            let head = "GET /slow HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n";
            client.send(format!("{head}Accept-Language: {name}\r\n\r\n").as_bytes());
            (client, name)
        })
        .collect();
    wait_for("all to wait", || (site.edge.counter("cache", "collapsed") == 11).then_some(()));
    gate.open();
    for (client, name) in &mut clients {
        assert!(client.response().text().starts_with(*name));
    }
    assert_eq!(site.app.requests(), 3);
}

#[test]
fn a_stale_variant_is_confirmed_for_those_who_send_the_same() {
    let app = App::start(|head, n| {
        let name = value(head, "accept-language");
        match value(head, "if-none-match") == format!("\"{name}\"") {
            true => format!(
                "HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\nVary: Accept-Language\r\n\
                 ETag: \"{name}\"\r\nConnection: close\r\n\r\n"
            ),
            false => ok(
                &format!("Cache-Control: max-age=0\r\nVary: Accept-Language\r\nETag: \"{name}\"\r\n"),
                &format!("{name}{n}"),
            ),
        }
    });
    let site = Site::new(app, "");
    assert_eq!(["de", "en"].map(|name| language(&site, name).0), ["de0", "en1"]);
    for (name, body) in [("de", "de0"), ("en", "en1")] {
        let (seen, status) = language(&site, name);
        assert_eq!((seen.as_str(), status.as_str()), (body, "fosse; fwd=stale; fwd-status=304; stored; ttl=60"));
        assert!(is_hit(&language(&site, name)));
    }
}

#[test]
fn variants_are_on_the_disk_for_who_takes_it_over() {
    if !is_root() {
        return eprintln!("skipped: needs root");
    }
    let mut site = Site::on_disk(polyglot(BY_LANGUAGE), disk::dir(), "");
    let names = ["de", "en", ""];
    let first = names.map(|name| language(&site, name).0);
    wait_for("all of them on the disk", || (site.edge.counter("cache", "on_disk") >= 3).then_some(()));
    assert_eq!(site.edge.terminate(), Some(0));
    disk::revive(&mut site);
    for (name, body) in names.iter().zip(first) {
        let (seen, status) = language(&site, name);
        assert!(seen == body && status.starts_with("fosse; hit; "), "{name}: {status}: {seen} {body}");
    }
}
