//! Bodies that are sent from the memory itself: whole, and of nobody else.

use fosse_harness::{Client, wait_for};

use crate::site::{App, Site, ok};

/// The body of `/LENGTH/NAME`: so many bytes that no other name has.
fn body(target: &str) -> String {
    let length = target.split('/').nth(1).and_then(|length| length.parse().ok()).unwrap_or(1);
    let word = format!("{target} ");
    word.repeat(length / word.len() + 1)[..length].to_owned()
}

fn site(keys: &str) -> Site {
    let respond = |head: &str, _| {
        let target = head.split(' ').nth(1).unwrap();
        ok("Cache-Control: max-age=600\r\nETag: \"a\"\r\nContent-Type: text/plain\r\n", &body(target))
    };
    Site::new(App::start(respond), keys)
}

fn get(target: &str, lines: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n").into_bytes()
}

#[test]
fn a_hit_has_all_of_its_body_whatever_its_length_is_and_however_it_is_asked_for() {
    let site = site("compress = true\n");
    let mut client = Client::connect(site.edge.address());
    let lengths = [1, 4000, 4096, 24_575, 24_576, 40_000, 65_536, 65_537, 250_000, 258_048, 258_049, 262_144, 600_000];
    for target in lengths.map(|length| format!("/{length}/a")) {
        let whole = body(&target);
        for round in 0..2 {
            client.send(&get(&target, ""));
            let response = client.response();
            assert_eq!((response.status, response.text() == whole), (200, true), "{target}, {round}");
        }
        client.send(&get(&target, "If-None-Match: \"a\"\r\n"));
        let not_modified = client.response();
        assert_eq!((not_modified.status, &*not_modified.text()), (304, ""));
        client.send(&get(&target, "Range: bytes=-1\r\n"));
        let part = client.response();
        assert_eq!((part.status, part.text() == whole[whole.len() - 1..]), (206, true));
        let head = site.send("HEAD", &target, "");
        assert_eq!(head.header("content-length"), Some(whole.len().to_string().as_str()));
        // Its application could say something else to it.
        for round in 0..2 {
            client.send(&get(&target, "Accept-Encoding: gzip\r\n"));
            let encoded = client.response();
            assert_eq!(encoded.header("content-encoding").is_some(), whole.len() > 1, "{target}, {round}");
        }
    }
    let heads = site.app.heads();
    let (encoded, plain): (Vec<_>, Vec<_>) = heads.iter().partition(|head| head.contains("gzip"));
    assert_eq!((plain.len(), encoded.len()), (lengths.len(), lengths.len()));
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}

#[test]
fn clients_that_read_late_get_what_was_found_and_nothing_that_was_kept_after_it() {
    // A memory of 1 MiB holds four of them.
    let site = site("[limits]\ncache_bytes_max = \"1 MiB\"\n");
    let targets: Vec<String> = (0..4).map(|n| format!("/200000/early-{n}")).collect();
    let late: Vec<(&String, Client)> = (0..40)
        .map(|n| {
            let (target, mut client) = (&targets[n % targets.len()], Client::connect(site.edge.address()));
            // The second waits where the first one's body does not go.
            client.send(&[get(target, ""), get(target, "")].concat());
            (target, client)
        })
        .collect();
    wait_for("responses under way", || {
        (site.edge.counter("dispatch", "bytes_leased") > 1_000_000 && site.edge.counter("cache", "kept") > 3)
            .then_some(())
    });
    for n in 0..20 {
        let target = format!("/100000/later-{n}");
        assert!((0..3).all(|_| site.seen(&target, "").0 == body(&target)));
    }
    for (target, mut client) in late {
        for _ in 0..2 {
            assert!(client.response().text() == body(target), "{target}");
        }
    }
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}

#[test]
fn clients_that_go_away_leave_nothing_behind() {
    let site = site("");
    let target = "/200000/a";
    assert!(site.seen(target, "").0 == body(target));
    for n in 0..150 {
        let mut client = Client::connect(site.edge.address());
        client.send(&get(target, "").repeat(3));
        if n % 2 == 0 {
            client.bytes(1000);
        }
    }
    wait_for("the end of all requests", || (site.edge.counter("dispatch", "streams") == 0).then_some(()));
    let mut client = Client::connect(site.edge.address());
    for _ in 0..20 {
        client.send(&get(target, ""));
        assert!(client.response().text() == body(target));
    }
    assert_eq!(site.app.requests(), 1);
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}
