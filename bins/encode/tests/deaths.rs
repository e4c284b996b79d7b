//! An encode that dies costs the responses that it has. The lane goes on, and gets another.

mod edge;

use std::{
    io::Write as _,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use edge::{
    CODED,
    application::{Application, plain},
    decoded, edge, get, request, text,
};
use fosse_harness::{Client, Dir, Edge, Process, Response, wait_for};
use rustix::process::Signal;

const LENGTH: usize = 200_000;

/// A door at which the application waits in the middle of some responses.
#[derive(Default)]
struct Door {
    is_open: Mutex<bool>,
    changed: Condvar,
    waiting: AtomicUsize,
    /// Short responses that the application has written.
    short: AtomicUsize,
}

impl Door {
    fn wait(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        drop(self.changed.wait_while(self.is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
    }

    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.changed.notify_all();
    }

    fn wait_for(&self, count: usize) {
        wait_for("the application", || (self.waiting.load(Ordering::Relaxed) >= count).then_some(()));
    }
}

/// An application that waits at the door: after the head, or in the middle of the body.
fn application(door: &Arc<Door>) -> Application {
    let door = Arc::clone(door);
    Application::start(move |head, to| {
        let body = text(LENGTH);
        let response = plain(200, "text/html", &body);
        let at = match head {
            head if head.starts_with("GET /head") => response.len() - LENGTH,
            head if head.starts_with("GET /middle") => response.len() - LENGTH / 2,
            head if head.starts_with("GET /short") => {
                let is_written = to.write_all(&plain(200, "text/html", &text(9000))).is_ok();
                door.short.fetch_add(1, Ordering::Relaxed);
                return is_written;
            }
            _ => return to.write_all(&response).is_ok(),
        };
        if to.write_all(&response[..at]).is_err() {
            return false;
        }
        door.wait();
        to.write_all(&response[at..]).is_ok()
    })
}

fn begun(edge: &Edge, host: &str, path: &str) -> Client {
    let mut client = Client::connect(edge.address());
    let head = String::from_utf8(request(&format!("GET {path}"), &["Accept-Encoding: gzip"])).unwrap();
    client.send(head.replace("coded.test", host).as_bytes());
    client
}

/// Asks until there is an encode again, whatever it gets meanwhile.
fn wait_until_encoded(edge: &Edge) {
    wait_for("encoded responses", || {
        let response = get(edge, "/", "gzip");
        is_right(&response).then_some(())?;
        response.header("content-encoding").map(drop)
    });
}

/// Returns whether a response is whole and what the application sent.
fn is_right(response: &Response) -> bool {
    let is_whole = response.status == 200 && response.complete;
    is_whole
        && match response.header("content-encoding") {
            Some(coding) => decoded(coding, &response.body) == text(LENGTH),
            None => response.body == text(LENGTH),
        }
}

/// The stages of the lane but for encode.
fn others(edge: &Edge) -> Vec<u32> {
    let stages = ["parse", "waf-filter", "dispatch", "connect"];
    stages.into_iter().flat_map(|program| edge.children_of(program)).map(|process| process.pid).collect()
}

/// Kills the encode of the lane, and waits for the next one.
fn kill(edge: &Edge) -> Process {
    let encode = wait_for("an encode", || edge.children_of("encode").pop());
    encode.signal(Signal::KILL);
    wait_for("another encode", || edge.children_of("encode").into_iter().find(|other| other.pid != encode.pid))
}

fn costs_what_it_has(start: fn(&Application) -> (Edge, Dir)) {
    let door = Arc::new(Door::default());
    let application = application(&door);
    let (edge, _rules) = start(&application);
    wait_until_encoded(&edge);
    let stages = others(&edge);
    let mut seen = begun(&edge, "coded.test", "/middle");
    let mut beside = begun(&edge, "plain.test", "/middle");
    let head = seen.bytes(900);
    assert!(String::from_utf8_lossy(&head).contains("Content-Encoding: gzip"), "{}", head.escape_ascii());
    let mut unseen = begun(&edge, "coded.test", "/head");
    door.wait_for(3);
    // One that dispatch has sent whole, and of which parse knows nothing.
    let encode = edge.process("encode");
    encode.signal(Signal::STOP);
    let mut sent = begun(&edge, "coded.test", "/short");
    wait_for("the response", || (door.short.load(Ordering::Relaxed) > 0).then_some(()));
    // Whoever has the next response has read that one before.
    let mut idle = begun(&edge, "plain.test", "/");
    assert!(is_right(&idle.response()));
    encode.signal(Signal::KILL);
    assert_eq!((unseen.response().status, sent.response().status), (502, 502));
    assert!(seen.rest().len() < LENGTH / 2, "it is cut");
    wait_until_encoded(&edge);
    door.open();
    assert!(is_right(&beside.response()));
    idle.send(&request("GET /", &[]));
    assert!(is_right(&idle.response()), "the connection goes on");
    assert_eq!((others(&edge), edge.alarms()), (stages, Vec::new()));
    let audit = edge.fosse(&["audit"]);
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
    assert!(edge.log().contains("event=replaced program=encode"), "{}", edge.log());
    wait_for("no response", || (edge.counter("encode", "responses") == 0).then_some(()));
}

/// An edge in which a filter lies in the way of all responses, as it judges those of a site before
/// they are encoded; the other two sites are those of [`without_filter`].
fn with_filter(application: &Application) -> (Edge, Dir) {
    let rules = Dir::new();
    let rule = "SecRule RESPONSE_BODY \"@contains secret\" \"id:4,phase:4,deny,status:502,log\"\n";
    std::fs::write(rules.join("own.conf"), rule).unwrap();
    let configuration = format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n\
         [[site]]\nhosts = [\"judged.test\"]\nbackend = \"app\"\ncompress = true\ninspect_responses = true\n\
         rules_milliseconds_max = 10000\nrules = [\"{}/own.conf\"]\n\
         [[site]]\nhosts = [\"coded.test\"]\nbackend = \"app\"\n{CODED}\n\
         [[site]]\ndefault = true\nbackend = \"app\"\nwaf = \"off\"\n",
        application.address(),
        rules.path().display()
    );
    (Edge::with_config(&configuration, &["--dir", &rules.path().to_string_lossy()]), rules)
}

fn without_filter(application: &Application) -> (Edge, Dir) {
    (edge(application, CODED, ""), Dir::new())
}

#[test]
fn an_encode_that_dies_costs_the_responses_that_it_has_and_nothing_else() {
    costs_what_it_has(without_filter);
}

#[test]
fn nor_does_it_cost_more_where_a_filter_lies_between() {
    costs_what_it_has(with_filter);
}

/// Kills encode again and again, while clients have encoded responses of these hosts, and others
/// those that are not encoded.
fn survives(kills: usize, start: fn(&Application) -> (Edge, Dir), hosts: &[&'static str]) {
    let application = application(&Arc::new(Door::default()));
    let (edge, _rules) = start(&application);
    let edge = Arc::new(edge);
    wait_until_encoded(&edge);
    let (stages, over) = (others(&edge), Arc::new(AtomicBool::new(false)));
    let client = |work: fn(&Edge, &'static str, &AtomicBool) -> [usize; 2], host: &'static str| {
        let (edge, over) = (Arc::clone(&edge), Arc::clone(&over));
        std::thread::spawn(move || work(&edge, host, &over))
    };
    let plain: Vec<_> = (0..2).map(|_| client(ask_for_plain, "plain.test")).collect();
    let encoded: Vec<_> = hosts.iter().cycle().take(4).map(|host| client(ask_for_encoded, host)).collect();
    for _ in 0..kills {
        kill(&edge);
        wait_until_encoded(&edge);
    }
    over.store(true, Ordering::Relaxed);
    let counts = |clients: Vec<std::thread::JoinHandle<[usize; 2]>>| {
        clients.into_iter().map(|client| client.join().unwrap()).fold([0; 2], |[a, b], [c, d]| [a + c, b + d])
    };
    println!("[whole, cut] of plain ones: {:?}, of encoded ones: {:?}", counts(plain), counts(encoded));
    assert_eq!((others(&edge), edge.alarms()), (stages, Vec::new()));
    assert_eq!(edge.counter("dispatch", "state_errors"), 0);
}

/// Asks over one connection for as long as it is wanted. Returns the responses: all are whole.
fn ask_for_plain(edge: &Edge, host: &'static str, over: &AtomicBool) -> [usize; 2] {
    let (mut client, mut count) = (begun(edge, host, "/"), 0);
    while !over.load(Ordering::Relaxed) {
        assert!(is_right(&client.response()), "after {count}");
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        count += 1;
    }
    [count, 0]
}

/// Asks for as long as it is wanted. Returns the responses that were whole, and right, and those
/// that were not.
fn ask_for_encoded(edge: &Edge, host: &'static str, over: &AtomicBool) -> [usize; 2] {
    let (mut whole, mut cut) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        match begun(edge, host, "/").try_response(false) {
            Some(response) if response.complete && response.status != 502 => {
                assert!(is_right(&response), "{}", response.head);
                whole += 1;
            }
            _ => cut += 1,
        }
    }
    [whole, cut]
}

#[test]
fn a_hundred_deaths_under_load_cost_no_lane_and_no_response_that_is_not_encoded() {
    survives(100, without_filter, &["coded.test"]);
}

#[test]
fn nor_do_deaths_under_load_where_a_filter_lies_between() {
    survives(30, with_filter, &["coded.test", "judged.test"]);
}
