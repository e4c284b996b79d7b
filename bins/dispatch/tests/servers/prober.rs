//! One prober checks the servers for all lanes, and what it has found out outlives it, every lane
//! and every configuration.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use fosse_harness::{Edge, wait_for};
use rustix::process::Signal;

use crate::app::{App, configuration, response, status_of, try_status_of};

const CHECKS: &str = "[backend.health]\npath = \"/health\"\ninterval_seconds = 1\nfailures_max = 2\npasses_min = 1";

/// An application that serves every request, counts its checks, and whose /health responds as
/// `healthy` says.
struct Checked {
    app: App,
    healthy: Arc<AtomicBool>,
    checks: Arc<AtomicUsize>,
}

impl Checked {
    fn start(is_healthy: bool) -> Self {
        let (healthy, checks) = (Arc::new(AtomicBool::new(is_healthy)), Arc::new(AtomicUsize::new(0)));
        let (says, counts) = (Arc::clone(&healthy), Arc::clone(&checks));
        let app = App::start(move |head| {
            if !head.starts_with("GET /health ") {
                return response(200, "");
            }
            counts.fetch_add(1, Ordering::Relaxed);
            response(if says.load(Ordering::Relaxed) { 200 } else { 503 }, "")
        });
        Self { app, healthy, checks }
    }

    fn checks(&self) -> usize {
        self.checks.load(Ordering::Relaxed)
    }

    /// Waits until it has had that many checks.
    fn wait_for_checks(&self, count: usize) {
        wait_for("checks", || (self.checks() >= count).then_some(()));
    }
}

fn four_lanes(servers: &[&str], lines: &str) -> String {
    configuration(servers, lines).replace("lanes = 1", "lanes = 4")
}

/// Kills the prober, and waits for the one that takes its place.
fn replace_prober(edge: &Edge) {
    let prober = edge.process("prober");
    prober.signal(Signal::KILL);
    wait_for("another prober", || {
        let probers = edge.children_of("prober");
        probers.iter().any(|other| other.pid != prober.pid).then_some(())
    });
}

#[test]
fn a_server_sees_one_check_an_interval_however_many_lanes_there_are_and_whatever_dies() {
    let (server, begins) = (Checked::start(true), Instant::now());
    let configuration = four_lanes(&[&server.app.address], CHECKS);
    let edge = Edge::with_config(&configuration, &[]);
    assert_eq!(edge.children_of("dispatch").len(), 4);
    server.wait_for_checks(3);
    edge.reload(&configuration);
    server.wait_for_checks(5);
    replace_prober(&edge);
    server.wait_for_checks(7);
    edge.process("dispatch").signal(Signal::KILL);
    server.wait_for_checks(9);
    // Checks begin an interval apart: nine take eight of them, however slow the machine is.
    assert!(begins.elapsed() >= Duration::from_secs(8), "{:?}", begins.elapsed());
    assert_eq!((edge.children_of("prober").len(), edge.children_of("connect").len()), (1, 5));
    assert_eq!(edge.alarms(), Vec::<String>::new());
    edge.stop();
}

#[test]
fn under_load_a_server_that_is_out_gets_no_request_over_reloads_and_deaths_of_lanes_and_prober() {
    let (out, serving) = (Checked::start(false), Checked::start(true));
    let configuration = four_lanes(&[&out.app.address, &serving.app.address], CHECKS);
    let edge = Edge::with_config(&configuration, &[]);
    edge.wait_for_log("state=down");
    let before = out.app.requests();
    let [dies, over] = [const { AtomicBool::new(false) }; 2];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            // A lane that is killed may cost the requests it has: those are none of this test.
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let status = try_status_of(&edge, "GET");
                    assert!(matches!(status, Some(200 | 503)) || status.is_none() && dies.load(Ordering::Relaxed));
                }
            });
        }
        let renamed = configuration.replace("\"app\"", "\"other\"");
        for configuration in [&configuration, &renamed, &configuration] {
            edge.reload(configuration);
        }
        replace_prober(&edge);
        edge.reload(&configuration);
        let dispatch = edge.process("dispatch");
        dies.store(true, Ordering::Relaxed);
        dispatch.signal(Signal::KILL);
        wait_for("another lane", || (edge.process("dispatch").pid != dispatch.pid).then_some(()));
        let served = serving.app.requests();
        wait_for("requests", || (serving.app.requests() > served + 20).then_some(()));
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(out.app.requests(), before);
    edge.stop();
}

#[test]
fn without_a_prober_the_last_word_counts_and_the_next_one_brings_a_server_back() {
    let server = Checked::start(false);
    let edge = Edge::with_config(&four_lanes(&[&server.app.address], CHECKS), &[]);
    edge.wait_for_log("state=down why=\"status 503\"");
    (0..8).for_each(|_| assert_eq!(status_of(&edge, "GET"), 503, "every lane knows at once"));
    replace_prober(&edge);
    (0..8).for_each(|_| assert_eq!(status_of(&edge, "GET"), 503));
    edge.wait_for_log("event=replaced program=prober");
    server.healthy.store(true, Ordering::Relaxed);
    edge.wait_for_log("state=up");
    (0..8).for_each(|_| assert_eq!(status_of(&edge, "GET"), 200));
    assert_eq!(edge.log().matches("state=down").count(), 1, "one line for all lanes, and none for what was known");
}

#[test]
fn what_is_known_of_servers_outlives_an_upgrade() {
    let (out, serving) = (Checked::start(false), Checked::start(true));
    let configuration = four_lanes(&[&out.app.address, &serving.app.address], CHECKS);
    let edge = Edge::with_config(&configuration, &[]);
    edge.wait_for_log("state=down");
    let (before, prober) = (out.app.requests(), edge.process("prober"));
    edge.signal(Signal::USR2);
    wait_for("the new programs", || (edge.log().matches("event=serving").count() == 2).then_some(()));
    wait_for("another prober", || (edge.process("prober").pid != prober.pid).then_some(()));
    (0..20).for_each(|_| assert_eq!(status_of(&edge, "GET"), 200));
    assert_eq!(out.app.requests(), before);
    assert_eq!(edge.log().matches("state=down").count(), 1);
}

#[test]
fn there_is_a_prober_while_a_backend_has_checks() {
    let server = Checked::start(true);
    let with = configuration(&[&server.app.address], CHECKS);
    let edge = Edge::with_config(&with, &[]);
    server.wait_for_checks(1);
    edge.reload(&configuration(&[&server.app.address], ""));
    let gone = || edge.children_of("prober").is_empty() && edge.children_of("connect").len() == 1;
    wait_for("the end of the prober", || gone().then_some(()));
    edge.reload(&with);
    server.wait_for_checks(server.checks() + 1);
    assert!(!edge.log().contains("event=exited"), "{}", edge.log());
}

/// Two backends of a server each, with the path of its checks; requests go to the first one.
fn two_backends(interval_seconds: u32, first: (&App, &str), second: (&App, &str)) -> String {
    let lines = |path: &str| {
        format!(
            "first_byte_seconds = 1\n{}",
            CHECKS.replace("/health", path).replace("= 1\nf", &format!("= {interval_seconds}\nf"))
        )
    };
    let one = configuration(&[&first.0.address], &lines(first.1));
    let other = configuration(&[&second.0.address], &lines(second.1)).replace("\"app\"", "\"other\"");
    format!("{one}[[backend]]{}", other.split_once("[[backend]]").unwrap().1)
}

#[test]
fn what_checks_found_out_goes_with_the_question_and_not_with_the_name_of_the_server() {
    let app = App::start(|head| response(if head.starts_with("GET /drains ") { 503 } else { 200 }, ""));
    let spare = App::start(|_| response(200, ""));
    let edge = Edge::with_config(&two_backends(1, (&app, "/drains"), (&spare, "/up")), &[]);
    edge.wait_for_log("state=down");
    let eight = |expected: u16| (0..8).for_each(|_| assert_eq!(status_of(&edge, "GET"), expected));
    eight(503);
    // The next checks are up to an hour away: what counts is what is known already.
    edge.reload(&two_backends(3600, (&app, "/up"), (&spare, "/drains")));
    eight(200);
    edge.reload(&two_backends(3600, (&spare, "/up"), (&app, "/drains")));
    eight(200);
    edge.reload(&two_backends(3600, (&app, "/drains"), (&spare, "/up")));
    eight(503);
    assert_eq!(edge.log().matches("state=down").count(), 1);
}

#[test]
fn a_server_that_two_backends_have_checked_alike_is_asked_once_for_both() {
    let (server, begins) = (Checked::start(false), Instant::now());
    let edge = Edge::with_config(&two_backends(1, (&server.app, "/health"), (&server.app, "/health")), &[]);
    server.wait_for_checks(5);
    assert!(begins.elapsed() >= Duration::from_secs(4), "{:?}", begins.elapsed());
    assert_eq!((status_of(&edge, "GET"), edge.log().matches("state=down").count()), (503, 1));
}
