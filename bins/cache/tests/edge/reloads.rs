//! What is kept outlives the process that keeps it, and configurations that say the same of it.

use fosse_harness::wait_for;
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
