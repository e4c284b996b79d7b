//! Behind a trusted proxy, lists, limits and penalties are about the client that it names.

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
};

use fosse_harness::{Backend, Client, Dir, Edge, Page, WAIT_MAX, is_alive, is_root, sockets, wait_for};
use rustix::process::Signal;

/// How a proxy names its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// PROXY protocol, version 1.
    Proxy1,
    /// PROXY protocol, version 2.
    Proxy2,
    /// X-Forwarded-For.
    Field,
    /// Forwarded (RFC 7239).
    Forwarded,
}

use Names::{Field, Forwarded, Proxy1, Proxy2};

impl Names {
    /// The client is named in each request, and refused there.
    const fn in_fields(self) -> bool {
        matches!(self, Field | Forwarded)
    }

    /// The field that names the client, where one does.
    fn field(self, client: &str) -> String {
        match self {
            Field => format!("X-Forwarded-For: {client}\r\n"),
            Forwarded if client.contains(':') => format!("Forwarded: for=\"[{client}]\"\r\n"),
            Forwarded => format!("Forwarded: for={client}\r\n"),
            Proxy1 | Proxy2 => String::new(),
        }
    }
}

/// The line of a site whose requests no rule looks at.
const OFF: &str = "waf = \"off\"";

/// The way of a proxy to the edge.
#[derive(Clone, Debug)]
enum Way {
    Tcp,
    Unix,
}

/// An edge with a list of denied networks and a backend.
struct Stage {
    edge: Edge,
    files: Dir,
    backend: Backend,
    names: Names,
    way: Way,
    configuration: String,
}

impl Stage {
    /// `lines` are of the listener, `site` of the site, `top` of the edge.
    fn new(names: Names, way: &Way, top: &str, lines: &str, site: &str) -> Self {
        let (files, backend) = (Dir::new(), Backend::start());
        fs::write(files.join("deny.txt"), "192.0.2.0/24\n2001:db8:bad::/48\n").unwrap();
        fs::write(files.join("slow.conf"), slow_rules()).unwrap();
        let (address, trusted) = match way {
            Way::Tcp => ("{address}", "127.0.0.0/8"),
            Way::Unix => ("unix:{dir}/in.sock", "unix"),
        };
        let proxy = match names {
            Proxy1 | Proxy2 => "proxy_protocol = true\n",
            Field => "",
            Forwarded => "trusted_fields = \"forwarded\"\n",
        };
        let configuration = format!(
            "{top}\n[[listen]]\naddress = \"{address}\"\ntrusted = [\"{trusted}\"]\ndeny = [\"{}\"]\n{proxy}{lines}\n\
             [[site]]\ndefault = true\nbackend = \"app\"\n{site}\n[[backend]]\nname = \"app\"\nabort_on_close = true\nservers = [\"{}\"]\n",
            files.join("deny.txt").display(),
            backend.address()
        );
        let configuration = configuration.replace("{files}", &files.path().to_string_lossy());
        let edge = Edge::with_config(&configuration, &["--dir", &files.path().to_string_lossy()]);
        Self { edge, files, backend, names, way: way.clone(), configuration }
    }

    /// A connection of the proxy.
    fn connection(&self) -> Wire {
        match self.way {
            Way::Tcp => Wire::Tcp(sockets::connect(self.edge.address(), WAIT_MAX).unwrap()),
            Way::Unix => {
                let stream = UnixStream::connect(self.edge.dir().join("in.sock")).unwrap();
                stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
                Wire::Unix(stream)
            }
        }
    }

    /// Sends a request of this client over a new connection.
    fn ask(&self, client: &str, target: &str) -> Wire {
        let mut wire = self.connection();
        wire.send(&header(self.names, client));
        wire.send(&self.request(client, target, "Connection: close\r\n"));
        wire
    }

    fn request(&self, client: &str, target: &str, fields: &str) -> Vec<u8> {
        let named = self.names.field(client);
        format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n{named}{fields}\r\n").into_bytes()
    }

    /// The status that this client gets; 0 where the connection is closed without one.
    fn status(&self, client: &str) -> u16 {
        self.ask(client, "/").status()
    }

    /// The status of a client that is refused for this reason.
    fn refused(&self, status: u16) -> u16 {
        if self.names.in_fields() { status } else { 0 }
    }
}

/// The bytes that open a connection for this client.
fn header(names: Names, client: &str) -> Vec<u8> {
    if names.in_fields() {
        return Vec::new();
    }
    match (names, client.parse::<std::net::IpAddr>().unwrap()) {
        (Proxy1, std::net::IpAddr::V4(v4)) => format!("PROXY TCP4 {v4} 127.0.0.1 4000 80\r\n").into_bytes(),
        (Proxy1, std::net::IpAddr::V6(v6)) => format!("PROXY TCP6 {v6} ::1 4000 80\r\n").into_bytes(),
        (_, std::net::IpAddr::V4(v4)) => {
            [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", &v4.octets()[..], &[127, 0, 0, 1, 0, 9, 0, 80]].concat()
        }
        (_, std::net::IpAddr::V6(v6)) => {
            [b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24", &v6.octets()[..], &[0; 16], &[0, 9, 0, 80]].concat()
        }
    }
}

enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Wire {
    fn send(&mut self, bytes: &[u8]) {
        // One that is refused may be closed already.
        let _ = match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Unix(stream) => stream.write_all(bytes),
        };
    }

    /// Reads to the end: the status, 0 where there is none.
    fn status(mut self) -> u16 {
        let mut response = Vec::new();
        let read = match &mut self {
            Self::Tcp(stream) => stream.read_to_end(&mut response),
            Self::Unix(stream) => stream.read_to_end(&mut response),
        };
        if let Err(error) = read {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "neither served nor refused");
        }
        let text = String::from_utf8_lossy(&response);
        text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }
}

const ALL: [(Names, Way); 6] = [
    (Proxy1, Way::Tcp),
    (Proxy2, Way::Tcp),
    (Field, Way::Tcp),
    (Forwarded, Way::Tcp),
    (Proxy2, Way::Unix),
    (Field, Way::Unix),
];

#[test]
fn a_client_on_a_deny_list_is_refused_whoever_names_it_and_after_a_reload_as_the_new_list_says() {
    for (names, way) in ALL {
        let stage = Stage::new(names, &way, "lanes = 1", "", OFF);
        let denied = stage.refused(403);
        for (client, expected) in
            [("192.0.2.7", denied), ("198.51.100.7", 200), ("2001:db8:bad::7", denied), ("2001:db8::7", 200)]
        {
            assert_eq!(stage.status(client), expected, "{client} {names:?} {way:?}");
        }
        assert_eq!(stage.backend.requests(), 2, "{names:?} {way:?}");
        stage.edge.wait_for_log("event=refused client=192.0.2.7");
        let log = stage.edge.log();
        let line = log.lines().find(|line| line.contains("event=refused client=192.0.2.7")).unwrap();
        assert!(line.contains("fosse-parse: ") && line.contains("why=\"on a deny list\" limit=deny"), "{line}");
        assert_eq!(line.contains(" status=403 "), names.in_fields(), "{line}");
        assert_eq!(stage.edge.counter("parse", "denied"), 2, "{names:?} {way:?}");
        fs::write(stage.files.join("deny.txt"), "198.51.100.0/24\n").unwrap();
        stage.edge.reload(&stage.configuration);
        assert_eq!(stage.status("192.0.2.7"), 200, "{names:?} {way:?}");
        assert_eq!(stage.status("198.51.100.7"), denied, "{names:?} {way:?}");
        assert_eq!(stage.edge.alarms(), Vec::<String>::new());
    }
}

#[test]
fn a_client_that_one_connection_of_a_proxy_names_is_refused_and_the_next_one_on_another_is_served() {
    let stage = Stage::new(Field, &Way::Tcp, "lanes = 1", "", OFF);
    let mut client = Client::connect(stage.edge.address());
    client.send(&stage.request("198.51.100.7", "/", ""));
    assert_eq!(client.response().status, 200);
    client.send(&stage.request("192.0.2.7", "/", ""));
    assert_eq!(client.response().status, 403);
    assert_eq!(stage.status("198.51.100.7"), 200);
    // Who is no proxy is not heard, and neither is what a client puts before its proxy's word.
    assert_eq!(stage.status("192.0.2.7, 198.51.100.7"), 200);
}

#[test]
fn a_client_has_no_more_at_a_time_than_the_limit_in_all_lanes_together() {
    for (names, way) in ALL {
        let stage = Stage::new(names, &way, "lanes = 2", "address_connections_max = 2", OFF);
        let refused = stage.refused(429);
        // Each is at the backend, so what it counts is known; the edge hears of the lanes' shares
        // in its next turns.
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut wire = stage.connection();
            wire.send(&header(names, "198.51.100.7"));
            wire.send(&stage.request("198.51.100.7", "/sleep/600000/", ""));
            held.push(wire);
            wait_for("the request", || (stage.backend.requests() >= held.len()).then_some(()));
        }
        // Lanes take turns: each of them refuses once both have heard.
        let mut refusals = 0;
        wait_for("refusals by both lanes", || {
            refusals = if stage.status("198.51.100.7") == refused { refusals + 1 } else { 0 };
            (refusals >= 4).then_some(())
        });
        assert_eq!(stage.status("198.51.100.8"), 200, "another client, {names:?} {way:?}");
        let line = "client=198.51.100.7";
        assert!(stage.edge.log().lines().any(|l| l.contains(line) && l.contains("limit=address_connections_max")));
        drop(held);
        wait_for("room", || (stage.status("198.51.100.7") == 200).then_some(()));
    }
}

#[test]
fn a_56_has_four_times_and_a_48_sixteen_times_what_a_64_may_have_behind_a_proxy_too() {
    for (names, way) in [(Proxy2, Way::Tcp), (Field, Way::Unix), (Forwarded, Way::Tcp)] {
        let stage = Stage::new(names, &way, "lanes = 1", "address_connections_max = 1", OFF);
        let refused = stage.refused(429);
        let mut held = Vec::new();
        let mut hold = |subnet: u16| {
            held.push(stage.ask(&format!("2001:db8:0:{subnet:x}::1"), "/sleep/600000/"));
            wait_for("the request", || (stage.backend.requests() >= held.len()).then_some(()));
        };
        (0..4).for_each(&mut hold);
        assert_eq!(stage.status("2001:db8:0:9::1"), refused, "the same /56, {names:?}");
        // What has been refused has not been at the backend, and takes nothing of the /48.
        (1..13).map(|network| network << 8).for_each(&mut hold);
        assert_eq!(stage.status("2001:db8:0:ff00::1"), refused, "the same /48, {names:?}");
        let line = "client=2001:db8:0:ff00::1 ";
        stage.edge.wait_for_log(line);
        let log = stage.edge.log();
        assert!(log.lines().any(|l| l.contains(line) && l.contains("limit=address_connections_max")), "{log}");
        assert_eq!(stage.status("2001:db8:1::1"), 200, "another one, {names:?}");
        drop(held);
        wait_for("room", || (stage.status("2001:db8:0:ff00::1") == 200).then_some(()));
    }
}

#[test]
fn a_client_that_writes_the_other_field_or_into_the_one_of_its_proxy_is_judged_as_itself() {
    let denied = "192.0.2.7";
    for (names, spoofs) in [
        (Field, &["Forwarded: for=198.51.100.9\r\n", "X-Forwarded-For: 198.51.100.9\r\n"][..]),
        (
            Forwarded,
            &[
                "X-Forwarded-For: 198.51.100.9\r\nX-Real-IP: 198.51.100.9\r\n",
                "Forwarded: for=198.51.100.9\r\n",
                "Forwarded: for=\"\r\n",
                "Forwarded: for=198.51.100.9;host=\"\\\r\n",
                "Forwarded: for=127.0.0.1, for=\"[::1]\"\r\n",
                "Forwarded: ,;,\r\n",
            ],
        ),
    ] {
        let stage = Stage::new(names, &Way::Tcp, "lanes = 1", "", OFF);
        for spoof in spoofs {
            let ask = |client: &str| {
                let mut wire = stage.connection();
                wire.send(
                    format!(
                        "GET / HTTP/1.1\r\nHost: a.example\r\n{spoof}{}Connection: close\r\n\r\n",
                        names.field(client)
                    )
                    .as_bytes(),
                );
                wire.status()
            };
            assert_eq!((ask(denied), ask("198.51.100.7")), (403, 200), "{names:?} {spoof:?}");
            // Proxies that write on into the line of their client, as nginx is told to.
            let line = names.field(denied).replacen(
                ": ",
                &format!(": {}, ", spoof.trim_end().rsplit(": ").next().unwrap()),
                1,
            );
            let mut wire = stage.connection();
            wire.send(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{line}Connection: close\r\n\r\n").as_bytes());
            assert_eq!(wire.status(), 403, "{names:?} {line:?}");
        }
    }
}

/// Ends a program by a signal as if it had crashed, in the middle of work for a connection: it is
/// stopped where its page says that it works, and goes on where that was over before the stop came.
/// `begin` sends the request, once more where it has not led to a crash.
fn crash_at_work(edge: &Edge, program: &str, begin: impl Fn() -> Wire) {
    let victim = edge.process(program);
    let page = Page::of(edge, &victim);
    let works = || page.word(fosse_counters::STREAM_CONNECTION) != 0;
    let (mut wires, mut looks) = (Vec::new(), 0);
    wait_for("a stop at work", || {
        if looks % 20 == 0 {
            wires.push(begin());
        }
        looks += 1;
        // One that is stopped at every look comes to no work at all on a busy machine.
        works().then_some(())?;
        victim.signal(Signal::STOP);
        wait_for("the stop", || victim.field("State").starts_with('T').then_some(()));
        let is_at_work = works();
        victim.signal(if is_at_work { Signal::ABORT } else { Signal::CONT });
        is_at_work.then_some(())
    });
    victim.signal(Signal::CONT);
    wait_for("its end", || (!is_alive(victim.pid)).then_some(()));
    wait_for("a new lane", || (edge.process(program).pid != victim.pid).then_some(()));
}

/// Rules that need a long time for a body, whatever the profile: no literal tells that they cannot
/// match, so that each of them reads all of it.
fn slow_rules() -> String {
    let mut text = "SecRequestBodyAccess On\n".to_owned();
    for number in 0..400 {
        let chain = "t:urlDecodeUni,t:jsDecode,t:cssDecode,t:removeCommentsChar";
        text.push_str(&format!(
            "SecRule ARGS \"@rx (?:[a-f]+[0-9]+[g-z]*){{2}}[%&][^%&]{{{number}}}[A-F]\" \"id:{},phase:2,deny,t:none,{chain}\"\n",
            1000 + number
        ));
    }
    text
}

/// A form that the rules are slow over.
fn slow_request(names: Names, client: &str) -> Vec<u8> {
    let body = [b"a=".to_vec(), b"abc123xyz +%26 \\x41".repeat(20_000)].concat();
    let named = names.field(client);
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a.example\r\n{named}Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

#[test]
fn a_crash_is_blamed_on_the_client_that_the_proxy_names() {
    if !is_root() {
        return println!("skipped: needs root to read a process's page");
    }
    for (names, way) in [(Proxy2, Way::Tcp), (Field, Way::Tcp), (Field, Way::Unix)] {
        let site = "rules = [\"{files}/slow.conf\"]\nrules_milliseconds_max = 10000";
        let stage = Stage::new(names, &way, "lanes = 1", "", site);
        for _ in 0..2 {
            crash_at_work(&stage.edge, "waf-filter", || {
                let mut wire = stage.connection();
                wire.send(&header(names, "198.51.100.7"));
                // A pipelined request: the first one is served, the second is the one at work.
                wire.send(&stage.request("198.51.100.7", "/", ""));
                wire.send(&slow_request(names, "198.51.100.7"));
                wire
            });
        }
        stage.edge.wait_for_log("event=penalised client=198.51.100.7 ");
        let refused = stage.refused(429);
        wait_for("the refusal", || (stage.status("198.51.100.7") == refused).then_some(()));
        assert_eq!(stage.status("198.51.100.8"), 200, "{names:?} {way:?}");
        let accept = stage.edge.process("accept");
        accept.signal(Signal::KILL);
        wait_for("another accept", || (stage.edge.process("accept").pid != accept.pid).then_some(()));
        assert_eq!(stage.status("198.51.100.7"), refused, "after a death of accept, {names:?} {way:?}");
        stage.edge.reload(&stage.configuration);
        assert_eq!(stage.status("198.51.100.7"), refused, "after a reload, {names:?} {way:?}");
        assert_eq!(stage.status("198.51.100.8"), 200, "{names:?} {way:?}");
    }
}

#[test]
fn who_uses_up_the_rules_time_again_and_again_is_penalised_and_nobody_else() {
    for (names, way) in [(Field, Way::Tcp), (Proxy1, Way::Tcp)] {
        let site = "rules = [\"{files}/slow.conf\"]\nrules_milliseconds_max = 1";
        let stage = Stage::new(names, &way, "lanes = 1", "", site);
        let overrun = |client: &str| {
            let mut wire = stage.connection();
            wire.send(&header(names, client));
            wire.send(&slow_request(names, client));
            wire.status()
        };
        let mut denied = 0;
        wait_for("the penalty", || {
            let status = overrun("198.51.100.7");
            denied += u32::from(status == 503);
            (status == stage.refused(429)).then_some(())
        });
        assert!(denied > 20, "{denied} requests alone");
        stage.edge.wait_for_log("event=penalised client=198.51.100.7 why=\"its requests used up the rules' time");
        assert_eq!(stage.status("198.51.100.7"), stage.refused(429));
        assert_eq!(stage.status("198.51.100.8"), 200);
    }
}

#[test]
fn who_would_be_penalised_for_the_rules_time_is_said_where_a_site_only_detects_and_is_served() {
    let site = "waf = \"detect\"\nrules = [\"{files}/slow.conf\"]\nrules_milliseconds_max = 1";
    let stage = Stage::new(Field, &Way::Tcp, "lanes = 1", "", site);
    let line = "event=would-penalise client=198.51.100.7 host=a.example \
                why=\"the rules ran out of time over its requests\" requests=21";
    // The count begins again with each minute, however long the requests take here.
    wait_for("the line", || {
        let mut wire = stage.connection();
        wire.send(&slow_request(Field, "198.51.100.7"));
        assert_eq!(wire.status(), 200);
        stage.edge.log().contains(line).then_some(())
    });
    assert!(stage.edge.counter("waf-filter", "over_budget") > 20);
    assert_eq!(stage.status("198.51.100.7"), 200);
    assert!(!stage.edge.log().contains("event=penalised"), "{}", stage.edge.log());
}
