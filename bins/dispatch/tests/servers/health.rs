//! Active health checks take servers out and bring them back, whatever real responses say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fosse_harness::{Edge, wait_for};

use crate::app::{App, configuration, edge, response, shared, status_of};

const CHECKS: &str = "[backend.health]\npath = \"/health\"\ninterval_seconds = 1\nfailures_max = 2\npasses_min = 1";

/// An application that serves every request, and whose /health responds as `healthy` says.
fn app_of(healthy: &Arc<AtomicBool>) -> App {
    let healthy = Arc::clone(healthy);
    App::start(move |head| {
        let fails = head.starts_with("GET /health ") && !healthy.load(Ordering::Relaxed);
        response(if fails { 503 } else { 200 }, "")
    })
}

#[test]
fn an_instance_that_says_503_to_checks_is_drained_while_it_serves_requests_well_and_comes_back() {
    let healthy = [Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true))];
    let apps = [app_of(&healthy[0]), app_of(&healthy[1])];
    let edge = edge(&[&apps[0].address, &apps[1].address], CHECKS);
    let rounds = |ends: &str| {
        // Traffic does not pause: every response that ends well used to count for the server.
        while !edge.log().contains(ends) {
            assert_eq!(status_of(&edge, "GET"), 200);
        }
    };
    healthy[0].store(false, Ordering::Relaxed);
    rounds("state=down");
    let (drained, serving) = (apps[0].requests(), apps[1].requests());
    (0..20).for_each(|_| assert_eq!(status_of(&edge, "GET"), 200));
    assert_eq!((apps[0].requests() - drained, apps[1].requests() - serving), (0, 20));
    healthy[0].store(true, Ordering::Relaxed);
    rounds("state=up");
    let drained = apps[0].requests();
    // With a twentieth of the requests at first, which grows.
    wait_for("it to serve again", || {
        assert_eq!(status_of(&edge, "GET"), 200);
        (apps[0].requests() > drained).then_some(())
    });
}

#[test]
fn with_every_server_out_by_its_checks_requests_get_503() {
    let healthy = Arc::new(AtomicBool::new(false));
    let app = app_of(&healthy);
    let edge = edge(&[&app.address], CHECKS);
    edge.wait_for_log("state=down");
    assert_eq!((status_of(&edge, "GET"), status_of(&edge, "POST"), app.requests()), (503, 503, 0));
}

#[test]
fn a_check_that_gets_no_response_in_its_time_has_failed() {
    let stuck = Arc::new(AtomicBool::new(true));
    let holds = Arc::clone(&stuck);
    let app = App::start(move |head| {
        if head.starts_with("GET /health ") {
            wait_for("the end of the test", || (!holds.load(Ordering::Relaxed)).then_some(()));
        }
        response(200, "")
    });
    let edge = edge(&[&app.address], CHECKS);
    edge.wait_for_log("state=down why=\"no response in time\"");
    assert_eq!(status_of(&edge, "GET"), 503);
    stuck.store(false, Ordering::Relaxed);
    edge.wait_for_log("state=up");
    assert_eq!(status_of(&edge, "GET"), 200);
}

#[test]
fn requests_that_fail_do_not_fail_checks_and_checks_that_pass_do_not_excuse_requests() {
    let app = App::start(|head| if head.starts_with("GET /health ") { response(200, "") } else { String::new() });
    let other = App::start(|_| response(200, ""));
    let edge = edge(&[&app.address, &other.address], &CHECKS.replace("failures_max = 2", "rest_seconds = 3600"));
    while !edge.log().contains("state=down") {
        assert_eq!(status_of(&edge, "GET"), 200);
    }
    assert!(!edge.log().contains("event=health"), "its checks pass");
    let failed = app.requests();
    (0..20).for_each(|_| assert_eq!(status_of(&edge, "POST"), 200));
    assert_eq!(app.requests(), failed, "it is out although its checks pass");
}

#[test]
fn checks_begin_with_the_proxy_header_of_their_backend() {
    for (version, begins) in [("v1", "PROXY UNKNOWN\r\nGET /health "), ("v2", "\r\n\r\n\0\r\nQUIT\n")] {
        let (seen, told) = shared(String::new());
        let app = App::start(move |head| {
            // An application that wants a PROXY header serves nothing without.
            let good = head.starts_with(begins);
            if head.contains("fosse-health") && good {
                *told.lock().unwrap() = head.to_owned();
            }
            response(if good { 200 } else { 400 }, "")
        });
        let edge = edge(&[&app.address], &format!("proxy_protocol = \"{version}\"\n{CHECKS}"));
        fosse_harness::wait_for("a check", || seen.lock().unwrap().contains("/health").then_some(()));
        assert!(!edge.log().contains("event=health"), "{version}");
    }
}

#[test]
fn a_check_names_its_method_statuses_text_and_port() {
    let (checked, told) = shared(false);
    let (serves, checks) = (
        App::start_tcp(|_| response(200, "")),
        App::start_tcp(move |head| {
            let good = head.starts_with("OPTIONS /health HTTP/1.1\r\nHost: app.example\r\n");
            *told.lock().unwrap() |= good;
            if good { response(401, "all is well") } else { response(200, "") }
        }),
    );
    let port = checks.address.rsplit(':').next().unwrap();
    let lines = format!(
        "{CHECKS}\nmethod = \"OPTIONS\"\nhost = \"app.example\"\nstatus = [\"200-204\", 401]\nbody = \"is well\"\nport = {port}"
    );
    let good = edge(&[&serves.address], &lines);
    fosse_harness::wait_for("a check", || checked.lock().unwrap().then_some(()));
    assert_eq!(status_of(&good, "GET"), 200);
    for wrong in
        [lines.replace("401]", "402]"), lines.replace("is well", "is not well"), lines.replace("OPTIONS", "GET")]
    {
        let edge = edge(&[&serves.address], &wrong);
        edge.wait_for_log("state=down");
        assert_eq!(status_of(&edge, "GET"), 503, "{wrong}");
    }
    assert!(!good.log().contains("state=down"));
}

#[test]
fn what_is_known_of_servers_outlives_reloads_and_lanes() {
    let healthy = Arc::new(AtomicBool::new(false));
    let drained = app_of(&healthy);
    let fails = App::start(|head| if head.contains("/health ") { response(200, "") } else { String::new() });
    let app = App::start(|_| response(200, ""));
    let servers = [drained.address.as_str(), &fails.address, &app.address];
    let lines = CHECKS.replace("failures_max = 2", "failures_max = 2\nrest_seconds = 3600");
    let configuration = configuration(&servers, &lines);
    let edge = Edge::with_config(&configuration, &[]);
    // One is out by its checks, the other by requests.
    wait_for("two servers to be out", || {
        assert_eq!(status_of(&edge, "GET"), 200);
        (edge.log().matches("state=down").count() == 2).then_some(())
    });
    let out = |what: &str| {
        let before = (drained.requests(), fails.requests());
        (0..20).for_each(|_| assert_eq!(status_of(&edge, "GET"), 200, "{what}"));
        assert_eq!((drained.requests(), fails.requests()), before, "{what}");
    };
    // It is in the page, which is written twice a second.
    wait_for("the page", || (edge.status_page("/servers.txt").matches(" down ").count() == 2).then_some(()));
    out("before");
    for _ in 0..2 {
        edge.reload(&configuration);
        out("after a reload");
    }
    let dispatch = edge.process("dispatch");
    dispatch.signal(rustix::process::Signal::KILL);
    wait_for("another lane", || (edge.process("dispatch").pid != dispatch.pid).then_some(()));
    out("after the death of the lane");
}
