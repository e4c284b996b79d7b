//! Many requests for one response.

use std::sync::{Arc, Condvar, Mutex};

use fosse_harness::{Client, wait_for};

use crate::site::{App, Site, ok};

/// A gate that an application stands at until a test opens it.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        let _open = self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap();
    }
}

/// Starts a site whose application responds to `/slow` once the gate is open.
fn gated(lines: &'static str) -> (Site, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let own = Arc::clone(&gate);
    let app = App::start(move |head, n| {
        if head.starts_with("GET /slow") {
            own.pass();
        }
        ok(lines, &format!("{n}"))
    });
    (Site::new(app, ""), gate)
}

fn asking(site: &Site) -> Client {
    let mut client = Client::connect(site.edge.address());
    client.send(b"GET /slow HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    client
}

#[test]
fn many_requests_at_once_are_one_for_the_application() {
    let (site, gate) = gated("Cache-Control: max-age=60\r\n");
    let mut clients: Vec<Client> = (0..20).map(|_| asking(&site)).collect();
    wait_for("all to wait", || (site.edge.counter("cache", "collapsed") == 19).then_some(()));
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response().text(), "0");
    }
    assert_eq!(site.app.requests(), 1);
}

#[test]
fn who_goes_away_takes_nothing_from_those_that_wait_with_it() {
    let (site, gate) = gated("Cache-Control: max-age=60\r\n");
    let first = asking(&site);
    wait_for("the fill", || (site.app.requests() == 1).then_some(()));
    let mut second = asking(&site);
    wait_for("the second", || (site.edge.counter("cache", "collapsed") == 1).then_some(()));
    drop(first);
    gate.open();
    assert_eq!((second.response().text().as_ref(), site.app.requests()), ("0", 1));
}

#[test]
fn a_fill_goes_on_although_nobody_waits_any_more() {
    let (site, gate) = gated("Cache-Control: max-age=60\r\n");
    let only = asking(&site);
    wait_for("the fill", || (site.app.requests() == 1).then_some(()));
    drop(only);
    gate.open();
    wait_for("the response to be kept", || site.seen("/slow", "").1.starts_with("fosse; hit").then_some(()));
    assert_eq!(site.app.requests(), 1);
}

#[test]
fn those_that_waited_for_what_is_not_kept_ask_for_themselves() {
    let (site, gate) = gated("Cache-Control: private\r\n");
    let mut clients: Vec<Client> = (0..3).map(|_| asking(&site)).collect();
    wait_for("all to wait", || (site.edge.counter("cache", "collapsed") == 2).then_some(()));
    gate.open();
    let mut bodies: Vec<String> = clients.iter_mut().map(|client| client.response().text().into_owned()).collect();
    bodies.sort();
    assert_eq!(bodies, ["1", "2", "3"]);
    // It is known now, and the next one does not wait for anybody.
    let asked = site.edge.counter("cache", "fills");
    assert_eq!((site.seen("/slow", "").1.as_str(), site.edge.counter("cache", "fills")), ("fosse; fwd=miss", asked));
}
