//! `fosse purge` on a running edge of two lanes: what is to go is gone once it says so.

use std::process::{Command, Output};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use fosse_harness::{Client, Response, is_root, programs, request, wait_for};
use rustix::process::Signal;

use crate::site::{App, Site, ok};

/// An edge whose responses are numbered, and have their last path segment as a tag of two fields.
fn numbered() -> Site {
    let app = App::start(|head, n| {
        let path = head.split(' ').nth(1).unwrap();
        let tag = path.rsplit('/').next().unwrap().split('?').next().unwrap();
        ok(
            &format!("Cache-Control: max-age=600\r\nCache-Tag: all, {tag}\r\nSurrogate-Key: s-{tag} x\r\n"),
            &format!("{n}"),
        )
    });
    Site::of_lanes(2, app, "")
}

fn get(site: &Site, host: &str, target: &str) -> Response {
    let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let response = request(site.edge.address(), head.as_bytes());
    assert_eq!(response.status, 200, "{}", response.head);
    response
}

/// Asks for the same over two connections: while the one is open the other is of another lane.
fn get_of_both_lanes(site: &Site, host: &str, target: &str) -> [Response; 2] {
    let mut first = Client::connect(site.edge.address());
    first.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
    let responses = [first.response(), get(site, host, target)];
    drop(first);
    responses
}

fn is_hit(response: &Response) -> bool {
    response.header("cache-status").is_some_and(|status| status.starts_with("fosse; hit"))
}

fn purge(site: &Site, words: &[&str]) -> Result<String, String> {
    let Output { status, stdout, stderr } = site.edge.fosse(&[&["purge"], words].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if status.success() { Ok(text(&stdout)) } else { Err(text(&stderr)) }
}

const KEPT: [(&str, &str); 6] = [
    ("a.example", "/img/1"),
    ("a.example", "/img/2"),
    ("a.example", "/img/2?v=1"),
    ("a.example", "/imgs"),
    ("a.example:8080", "/img/1"),
    ("b.example", "/img/1"),
];

/// Returns which of [`KEPT`] are gone, and has all kept again.
fn gone(site: &Site) -> Vec<usize> {
    let is_kept = |(host, target): &(&str, &str)| {
        let [one, other] = get_of_both_lanes(site, host, target);
        let both = is_hit(&one) && is_hit(&other);
        (is_hit(&one), both && one.body == other.body)
    };
    let all = KEPT.iter().enumerate();
    let gone = all.filter(|(_, one)| !is_kept(one).0).map(|(at, _)| at).collect();
    // A lane that has not heard of the cache yet keeps nothing.
    wait_for("all of them kept", || KEPT.iter().all(|one| is_kept(one).1).then_some(()));
    gone
}

#[test]
fn what_is_chosen_goes_and_the_rest_stays() {
    let site = numbered();
    purge(&site, &["--all"]).unwrap();
    assert_eq!(gone(&site), [0, 1, 2, 3, 4, 5]);
    let rows: [(&[&str], &[usize]); 14] = [
        (&["https://a.example/img/2"], &[1]),
        (&["A.Example/img/1"], &[0, 4]),
        (&["http://a.example:8080/img/1"], &[4]),
        (&["http://a.example:8080/img/2"], &[]),
        (&["http://a.example/img/2?v=1"], &[2]),
        (&["http://c.example/img/1"], &[]),
        (&["--prefix", "http://a.example/img/"], &[0, 1, 2, 4]),
        (&["--prefix", "http://a.example/img/2"], &[1, 2]),
        (&["--tag", "1"], &[0, 4, 5]),
        (&["--tag", "1", "--site", "b.example"], &[5]),
        (&["--tag", "s-2"], &[1, 2]),
        (&["--tag", "all,"], &[]),
        (&["--all", "--site", "b.example"], &[5]),
        (&["--all"], &[0, 1, 2, 3, 4, 5]),
    ];
    for (words, expected) in rows {
        match purge(&site, words) {
            // The probes that began are kept too.
            Ok(said) if words == ["--all"] => assert!(said.ends_with(" purged\n"), "{said}"),
            Ok(said) => assert_eq!(said, format!("{} purged\n", expected.len()), "{words:?}"),
            Err(said) => assert!(words == ["--tag", "all,"] && said.contains("no tag"), "{words:?} {said}"),
        }
        assert_eq!(gone(&site), expected, "{words:?}");
    }
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
    let page = site.edge.status_page("/status.txt");
    let has_hits = |line: &&str| line.starts_with("dispatch ") && line.contains(" cache_hits=");
    let has_none = |line: &str| line.contains(" cache_hits=0");
    assert_eq!(page.lines().filter(has_hits).filter(|line| !has_none(line)).count(), 2, "both lanes: {page}");
    site.edge.wait_for_log("event=purged by=tag host=b.example what=1 responses=1 uid=");
}

#[test]
fn words_that_choose_nothing_or_twice_are_refused_with_what_would_be_right() {
    let site = numbered();
    for (words, says) in [
        (&[][..], "say what is to go: a URL, --prefix URL, --tag TAG, or --all"),
        (&["--site", "a.example"], "say what is to go"),
        (&["a.example/", "--all"], "say one of them"),
        (&["--tag", "a", "--all"], "say one of them"),
        (&["a.example/", "--site", "a.example"], "a URL names its site"),
        (&["/x"], "is no URL as https://a.example/path?query"),
        (&["--prefix", "ftp://a.example/"], "is no URL"),
        (&["--tag", "a b"], "is no tag: one word, without commas"),
        (&["--all", "--site", "a/b"], "is no host of a site"),
    ] {
        let said = purge(&site, words).unwrap_err();
        assert!(said.contains(says), "{words:?}: {said}");
    }
}

#[test]
fn a_response_that_was_asked_for_before_a_purge_is_not_kept_after_it() {
    for words in [&["a.example/slow"][..], &["--prefix", "a.example/"], &["--tag", "t"], &["--all"]] {
        for (keys, waits, own, next) in [("", true, "0", "1"), ("cache_key_only = true", false, "1", "2")] {
            assert_asked_again(words, keys, waits, (own, next));
        }
    }
}

/// Purges while a response is asked for. Its client gets `own`, once the application has responded
/// where it `waits` for that; what is kept afterwards is `next`.
fn assert_asked_again(words: &[&str], keys: &str, waits: bool, (own, next): (&str, &str)) {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let held = Arc::clone(&gate);
    let app = App::start(move |head, n| {
        if head.starts_with("GET /slow") && n == 0 {
            let (open, changed) = &*held;
            drop(changed.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
        }
        ok("Cache-Control: max-age=600\r\nCache-Tag: t\r\n", &format!("{n}"))
    });
    let open = || {
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
    };
    let site = Arc::new(Site::of_lanes(2, app, keys));
    let first = thread::spawn({
        let site = Arc::clone(&site);
        move || get(&site, "a.example", "/slow").text().into_owned()
    });
    wait_for("a fill under way", || (site.app.requests() == 1).then_some(()));
    assert!(purge(&site, words).unwrap().ends_with(" purged\n"));
    if waits {
        open();
    }
    assert_eq!(first.join().unwrap(), own, "{words:?} {keys}");
    open();
    let kept = get(&site, "a.example", "/slow");
    assert_eq!((kept.text().as_ref(), is_hit(&kept)), (next, false), "{words:?} {keys}");
    assert_eq!(get(&site, "a.example", "/slow").text(), next, "{words:?} {keys}");
}

#[test]
fn root_or_who_runs_the_edge_purges_and_nobody_else() {
    if !is_root() {
        return println!("skipped: only root can be another user");
    }
    let site = numbered();
    get(&site, "a.example", "/x");
    std::fs::set_permissions(site.edge.dir().path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--clear-groups"]).arg(programs().join("fosse")).args(["purge", "--all"]);
    let output = command.arg("--status-socket").arg(site.edge.status_socket()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("root alone, or the user who runs the edge, may purge"),
        "{said}"
    );
    assert!(is_hit(&get(&site, "a.example", "/x")));
}

#[test]
fn a_purge_that_says_so_has_purged_whatever_becomes_of_the_cache() {
    let site = Arc::new(numbered());
    let targets: Vec<String> = (0..100).map(|n| format!("/many/{n}")).collect();
    for round in 0..4 {
        // A lane that has not heard of the next cache yet has nothing kept.
        wait_for("all of them kept", || {
            let kept = targets.iter().filter(|target| is_hit(&get(&site, "a.example", target)));
            (kept.count() == targets.len()).then_some(())
        });
        let purging = thread::spawn({
            let site = Arc::clone(&site);
            move || purge(&site, &["--prefix", "a.example/many/"])
        });
        let cache = site.edge.processes().into_iter().find(|process| process.program == "cache").unwrap();
        if round % 2 == 0 {
            cache.signal(Signal::KILL);
        }
        let first = purging.join().unwrap();
        if round % 2 == 1 {
            cache.signal(Signal::KILL);
        }
        wait_for("the next cache", || {
            let next = site.edge.processes().into_iter().find(|process| process.program == "cache");
            next.filter(|next| next.pid != cache.pid)
        });
        if let Err(said) = first {
            assert!(said.contains("say it again") || said.contains("there is no cache"), "{said}");
            wait_for("a purge", || purge(&site, &["--prefix", "a.example/many/"]).ok());
        }
        assert!(targets.iter().all(|target| !is_hit(&get(&site, "a.example", target))), "round {round}");
    }
}
