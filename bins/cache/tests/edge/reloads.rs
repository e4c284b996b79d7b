//! What is kept outlives the process that keeps it, and configurations that say the same of it.

use std::{
    collections::BTreeSet,
    sync::{Mutex, mpsc},
    thread,
};

use fosse_harness::{WAIT_MAX, is_alive, wait_for};
use rustix::process::Signal;

use crate::site::{App, Site, ok};

fn numbered() -> Site {
    Site::new(App::start(|_, n| ok("Cache-Control: max-age=600\r\n", &format!("{n}"))), "")
}

#[test]
fn what_is_kept_outlives_a_reload() {
    let site = numbered();
    assert_eq!(site.seen("/a", "").0, "0");
    let reload = site.edge.fosse(&["reload"]);
    assert!(reload.status.success(), "{reload:?}");
    assert_eq!(site.seen("/a", "").0, "0");
    site.wait_for_cache();
    assert_eq!(site.seen("/a", "").0, "0");
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}

#[test]
fn what_is_kept_outlives_a_cache_that_is_killed_and_requests_pass_meanwhile() {
    let site = numbered();
    assert_eq!(site.seen("/a", "").0, "0");
    let cache = site.edge.processes().into_iter().find(|process| process.program == "cache").unwrap();
    cache.signal(Signal::KILL);
    assert_eq!(site.seen("/a", "").0, "0");
    assert_eq!(site.get("/b", "").status, 200);
    wait_for("the next cache", || site.edge.log().contains("event=replaced program=cache").then_some(()));
    site.wait_for_cache();
    let (body, status) = site.seen("/a", "");
    assert_eq!((body.as_str(), status.starts_with("fosse; hit")), ("0", true));
}

#[test]
fn two_questions_never_have_one_number_though_two_caches_ask_them() {
    let site = numbered();
    let asked = |path| {
        (0..20).for_each(|n| assert_eq!(site.get(&format!("{path}/{n}"), "").status, 200));
        let heads = site.app.heads();
        let lines = heads.iter().flat_map(|head| head.lines()).filter_map(|line| line.strip_prefix("X-Request-ID: "));
        lines.map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let before = asked("/a");
    site.edge.process("cache").signal(Signal::KILL);
    wait_for("the next cache", || site.edge.log().contains("event=replaced program=cache").then_some(()));
    site.wait_for_cache();
    let after = asked("/b");
    assert!(!before.is_empty() && !after.is_empty() && before.is_disjoint(&after), "{before:?} {after:?}");
}

#[test]
fn a_reload_while_something_is_asked_for_is_no_failure() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let site = Site::new(
        App::start(move |head, _| {
            if head.contains(" /slow ") {
                wait.lock().unwrap().recv_timeout(WAIT_MAX).unwrap();
            }
            ok("Cache-Control: max-age=600\r\n", "it")
        }),
        "",
    );
    let before: Vec<u32> = site.edge.children_of("dispatch").iter().map(|process| process.pid).collect();
    thread::scope(|scope| {
        let slow = scope.spawn(|| site.get("/slow", "").status);
        wait_for("the question", || site.app.heads().iter().any(|head| head.contains(" /slow ")).then_some(()));
        assert!(site.edge.fosse(&["reload"]).status.success());
        // The cache's question, and then that of the lane which waited for it.
        (0..2).for_each(|_| go.send(()).unwrap());
        assert_eq!(slow.join().unwrap(), 200);
    });
    wait_for("the end of all of before", || before.iter().all(|pid| !is_alive(*pid)).then_some(()));
    assert!(!site.edge.log().contains("fatal"), "{}", site.edge.log());
}
