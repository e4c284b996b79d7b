//! Many requests for one response.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use fosse_harness::{Client, wait_for};
use rustix::net::sockopt;

use crate::site::{App, Site, ok};

const ASKED: &[u8] = b"GET /slow HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

/// A gate that an application stands at until a test opens it.
#[derive(Default)]
pub(crate) struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    pub(crate) fn pass(&self) {
        let _open = self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap();
    }
}

/// Starts a site whose application responds to `/slow` once the gate is open.
fn gated(lines: &'static str, keys: &str) -> (Site, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let own = Arc::clone(&gate);
    let app = App::start(move |head, n| {
        if head.starts_with("GET /slow") {
            own.pass();
        }
        ok(lines, &format!("{n}"))
    });
    (Site::new(app, keys), gate)
}

fn asking(site: &Site) -> Client {
    let mut client = Client::connect(site.edge.address());
    client.send(ASKED);
    client
}

#[test]
fn many_requests_at_once_are_one_for_the_application() {
    let (site, gate) = gated("Cache-Control: max-age=60\r\n", "");
    let mut clients: Vec<Client> = (0..20).map(|_| asking(&site)).collect();
    wait_for("all to wait", || (site.edge.counter("cache", "collapsed") == 19).then_some(()));
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response().text(), "0");
    }
    assert_eq!(site.app.requests(), 1);
}

#[test]
fn where_who_asked_goes_away_the_next_one_asks() {
    let (site, gate) = gated("Cache-Control: max-age=60\r\n", "");
    let mut first = TcpStream::connect(site.edge.address()).unwrap();
    first.write_all(ASKED).unwrap();
    wait_for("the first", || (site.app.requests() == 1).then_some(()));
    let mut others = [asking(&site), asking(&site)];
    wait_for("the others", || (site.edge.counter("cache", "collapsed") == 2).then_some(()));
    // A reset: who only closes may still read.
    sockopt::set_socket_linger(&first, Some(Duration::ZERO)).unwrap();
    drop(first);
    wait_for("the next one", || (site.app.requests() == 2).then_some(()));
    gate.open();
    assert_eq!(others.each_mut().map(|client| client.response().text().into_owned()), ["1", "1"]);
    assert_eq!(site.app.requests(), 2);
}

#[test]
fn who_goes_away_takes_nothing_from_those_that_wait_with_it() {
    for keys in ["", "cache_key_only = true"] {
        let (site, gate) = gated("Cache-Control: max-age=60\r\n", keys);
        let first = asking(&site);
        wait_for("the fill", || (site.app.requests() == 1).then_some(()));
        let mut second = asking(&site);
        wait_for("the second", || (site.edge.counter("cache", "collapsed") == 1).then_some(()));
        drop(first);
        gate.open();
        assert_eq!((second.response().text().as_ref(), site.app.requests()), ("0", 1), "{keys}");
    }
}

#[test]
fn a_fill_goes_on_although_nobody_waits_any_more() {
    let (site, gate) = gated("Cache-Control: max-age=60\r\n", "cache_key_only = true");
    let only = asking(&site);
    wait_for("the fill", || (site.app.requests() == 1).then_some(()));
    drop(only);
    gate.open();
    wait_for("the response to be kept", || site.seen("/slow", "").1.starts_with("fosse; hit").then_some(()));
    assert_eq!(site.app.requests(), 1);
}

#[test]
fn those_that_waited_for_what_is_not_kept_ask_for_themselves() {
    for (keys, expected) in [("", ["0", "1", "2"]), ("cache_key_only = true", ["1", "2", "3"])] {
        let (site, gate) = gated("Cache-Control: private\r\n", keys);
        let mut clients: Vec<Client> = (0..3).map(|_| asking(&site)).collect();
        wait_for("all to wait", || (site.edge.counter("cache", "collapsed") == 2).then_some(()));
        gate.open();
        let mut bodies: Vec<String> = clients.iter_mut().map(|client| client.response().text().into_owned()).collect();
        bodies.sort();
        assert_eq!(bodies, expected);
        // It is known now, and the next one does not wait for anybody.
        let asked = site.edge.counter("cache", "fills");
        let seen = site.seen("/slow", "");
        assert_eq!((seen.1.as_str(), site.edge.counter("cache", "fills")), ("fosse; fwd=miss", asked));
    }
}

#[test]
fn a_request_that_has_waited_too_long_for_another_goes_on_by_itself_and_is_responded_to_once() {
    let gates = [Arc::new(Gate::default()), Arc::new(Gate::default())];
    let [first, own] = gates.each_ref().map(Arc::clone);
    let app = App::start(move |head, n| {
        if head.starts_with("GET /slow") {
            if n == 0 { first.pass() } else { own.pass() }
        }
        ok("Cache-Control: max-age=60\r\n", &format!("{n}"))
    });
    let site = Site::new(app, "cache_key_only = true");
    let mut client = Client::connect(site.edge.address());
    client.send(b"GET /slow HTTP/1.1\r\nHost: a.example\r\n\r\n");
    wait_for("its own request", || (site.app.requests() == 2).then_some(()));
    let [first, own] = gates;
    first.open();
    wait_for("what is kept", || site.seen("/slow", "").1.starts_with("fosse; hit").then_some(()));
    own.open();
    assert_eq!(client.response().text(), "1");
    client.send(b"GET /other HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(client.response().text(), "2");
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}
