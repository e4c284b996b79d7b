//! What an edge counts for each site and each backend, and how it is shown to people and to
//! Prometheus.

use std::io::Write as _;
use std::process::{Command, Stdio};

use fosse_harness::{Backend, Client, Edge, request, wait_for};
use rustix::process::Signal;
use serde_json::Value;

/// Two sites of one backend, and one of a backend that nobody serves.
fn configuration(backend: &Backend, sites: [&str; 3]) -> String {
    let site = |name| {
        let of = if name == "down.example" { "down" } else { "app" };
        format!("[[site]]\nhosts = [\"{name}\"]\nbackend = \"{of}\"\n")
    };
    format!(
        "lanes = 1\nuid_base = {{uid_base}}\n[[listen]]\naddress = \"{{address}}\"\n{}[[backend]]\nname = \"down\"\n\
         servers = [\"unix:/nowhere/app.sock\"]\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        sites.map(site).concat(),
        backend.address()
    )
}

const SITES: [&str; 3] = ["a.example", "b.example", "down.example"];

fn get(edge: &Edge, host: &str, path: &str) -> u16 {
    request(edge.address(), format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).status
}

fn status(edge: &Edge) -> Value {
    serde_json::from_str(&edge.status_page("/status.json")).unwrap()
}

/// Returns what was counted of a site or backend: 2xx, 4xx, 5xx, aborted and denied exchanges, and
/// the number of times.
fn counted(edge: &Edge, kind: &str, name: &str) -> [u64; 6] {
    let of = &status(edge)[kind][name];
    ["2xx", "4xx", "5xx", "aborted", "denied", "us_count"].map(|key| of[key].as_u64().unwrap_or_else(|| panic!("{of}")))
}

#[test]
fn every_response_counts_once_for_its_site_and_its_backend() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, SITES), &[]);
    assert_eq!(counted(&edge, "sites", "a.example"), [0; 6]);
    assert_eq!(["/", "/status/404", "/status/500"].map(|path| get(&edge, "a.example", path)), [200, 404, 500]);
    assert_eq!(get(&edge, "a.example", "/?q=<script>alert(1)</script>"), 403);
    assert_eq!((get(&edge, "down.example", "/"), get(&edge, "other.example", "/")), (502, 421));
    // Refused before a backend is asked, on a connection that has had a good one of another site.
    let mut client = Client::connect(edge.address());
    client.send(b"GET / HTTP/1.1\r\nHost: b.example\r\n\r\n");
    assert_eq!(client.response().status, 200);
    client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nBad Field: 1\r\n\r\n");
    assert_eq!(client.response().status, 400);
    assert_eq!(counted(&edge, "sites", "a.example"), [1, 2, 1, 0, 1, 4]);
    assert_eq!(counted(&edge, "sites", "b.example"), [1, 0, 0, 0, 0, 1]);
    assert_eq!(counted(&edge, "sites", "down.example"), [0, 0, 1, 0, 0, 1]);
    assert_eq!(counted(&edge, "sites", "-"), [0, 2, 0, 0, 0, 0]);
    assert_eq!(counted(&edge, "backends", "app"), [2, 1, 1, 0, 0, 4]);
    assert_eq!(counted(&edge, "backends", "down"), [0, 0, 1, 0, 0, 0]);
    assert!(edge.alarms().is_empty(), "{:?}", edge.alarms());
}

#[test]
fn an_exchange_that_is_cut_short_is_no_response() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, SITES), &[]);
    let mut client = Client::connect(edge.address());
    client.send(b"GET /bytes/100000000 HTTP/1.1\r\nHost: a.example\r\n\r\n");
    client.bytes(1000);
    drop(client);
    wait_for("the end of the exchange", || (counted(&edge, "sites", "a.example")[3] == 1).then_some(()));
    // Its head had come, but it has no time.
    assert_eq!(counted(&edge, "sites", "a.example"), [1, 0, 0, 1, 0, 0]);
}

#[test]
fn an_upgraded_connection_counts_as_1xx_and_has_no_time() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, SITES), &[]);
    let mut client = Client::connect(edge.address());
    client.send(
        b"GET /upgrade HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert!(client.bytes(12).starts_with(b"HTTP/1.1 101"));
    client.half_close();
    client.rest();
    wait_for("the end of the connection", || (status(&edge)["sites"]["a.example"]["1xx"] == 1).then_some(()));
    let site = &status(&edge)["sites"]["a.example"];
    assert_eq!((&site["us_count"], &site["aborted"]), (&0.into(), &0.into()), "{site}");
    assert_eq!(status(&edge)["backends"]["app"]["1xx"], 1);
}

#[test]
fn counts_outlive_lanes_and_reloads_that_number_sites_anew() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, SITES), &[]);
    assert_eq!((get(&edge, "a.example", "/"), get(&edge, "b.example", "/status/404")), (200, 404));
    let lane = edge.process("parse");
    assert!(lane.signal(Signal::KILL));
    wait_for("another lane", || (edge.process("parse").pid != lane.pid).then_some(()));
    assert_eq!(counted(&edge, "sites", "a.example"), [1, 0, 0, 0, 0, 1]);
    edge.reload(&configuration(&backend, ["down.example", "b.example", "a.example"]));
    assert_eq!((get(&edge, "a.example", "/"), get(&edge, "b.example", "/status/404")), (200, 404));
    assert_eq!(counted(&edge, "sites", "a.example"), [2, 0, 0, 0, 0, 2]);
    assert_eq!(counted(&edge, "sites", "b.example"), [0, 2, 0, 0, 0, 2]);
    // Where a site has gone, what it counted stays.
    edge.reload(&configuration(&backend, ["down.example", "b.example", "c.example"]));
    assert_eq!(counted(&edge, "sites", "a.example"), [2, 0, 0, 0, 0, 2]);
    assert_eq!(counted(&edge, "backends", "app"), [2, 2, 0, 0, 0, 4]);
}

#[test]
fn a_slow_server_shows_in_the_quantiles_and_a_slow_client_does_not() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, SITES), &[]);
    // This one sends its body after its head has waited for all of another request.
    let mut client = Client::connect(edge.address());
    client.send(b"POST /body HTTP/1.1\r\nHost: b.example\r\nContent-Length: 5\r\n\r\n");
    wait_for("the head", || (edge.counter("parse", "requests") == 1).then_some(()));
    assert_eq!(get(&edge, "a.example", "/sleep/500/x"), 200);
    client.send(b"hello");
    assert_eq!(client.response().status, 200);
    let us = |kind: &str, name: &str, key: &str| status(&edge)[kind][name][key].as_u64().unwrap();
    assert!(us("sites", "a.example", "us_p99") >= 500_000, "{}", status(&edge)["sites"]);
    assert!(us("sites", "b.example", "us_sum") >= 500_000, "{}", status(&edge)["sites"]);
    let of_server = us("backends", "app", "us_sum");
    let of_clients = us("sites", "a.example", "us_sum") + us("sites", "b.example", "us_sum");
    assert!(of_server >= 500_000 && of_clients - of_server >= 500_000, "{of_server} {of_clients}");
}

#[test]
fn people_see_a_line_for_each_site_and_each_backend() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, SITES), &[]);
    for path in ["/", "/status/404", "/?q=<script>alert(1)</script>"] {
        get(&edge, "b.example", path);
    }
    let shown = |words: &[&str]| String::from_utf8(edge.fosse(&[&["status"], words].concat()).stdout).unwrap();
    let text = shown(&[]);
    assert!(
        text.contains("\nresponses 1 2xx, 0 3xx, 2 4xx, 0 5xx, 0 cut\n") && text.contains("; 1 denied by rule\n"),
        "{text}"
    );
    let first = |text: &str, title: &str| {
        let line = text.lines().skip_while(|line| !line.starts_with(title)).nth(1).unwrap_or_default();
        line.split_whitespace().take(5).map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        (first(&text, "SITE"), first(&text, "BACKEND")),
        ("b.example 3 - 2 0".into(), "app 2 - 1 0".into()),
        "{text}"
    );
    assert!(text.starts_with(&format!("fosse {}, generation 1, process ", env!("CARGO_PKG_VERSION"))), "{text}");
    assert!(text.lines().any(|line| line.starts_with("requests  3 taken") && line.ends_with("/s")), "{text}");
    assert_eq!(first(&text, "   DENIED"), "1 1060 Cross-site scripting", "{text}");
    assert_eq!(first(&shown(&["--sort", "name"]), "SITE"), "a.example 0 - 0 0");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

/// Reads a page as Prometheus's own library does, and prints each sample: name, labels in order,
/// value.
const PARSER: &str = "
import sys
from prometheus_client.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.type in ('counter', 'gauge', 'histogram') and family.documentation, family
    for sample in family.samples:
        print(sample.name, *[k + '=' + v for k, v in sorted(sample.labels.items())], sample.value)
";

/// Returns the samples of a page by a parser that is not ours; `None` where it is not installed.
fn samples(page: &str) -> Option<Vec<String>> {
    // That of Debian: another one may come first in PATH, without the package.
    let mut command = Command::new("/usr/bin/python3");
    let mut child = command.args(["-c", PARSER]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    child.stdin.take().unwrap().write_all(page.as_bytes()).ok()?;
    let output = child.wait_with_output().unwrap();
    let is_there = std::path::Path::new("/usr/lib/python3/dist-packages/prometheus_client").exists();
    assert!(output.status.success() || !is_there, "{page}");
    is_there.then(|| String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

#[test]
fn prometheus_reads_labels_and_cumulative_buckets() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, SITES), &[]);
    for path in ["/", "/", "/status/404", "/sleep/30/x"] {
        get(&edge, "a.example", path);
    }
    let page = edge.status_page("/metrics");
    let Some(samples) = samples(&page) else {
        return println!("skipped: python3-prometheus-client is not installed");
    };
    for sample in [
        "fosse_site_responses_total class=2xx site=a.example 3.0",
        "fosse_site_responses_total class=4xx site=a.example 1.0",
        "fosse_site_responses_total class=5xx site=b.example 0.0",
        "fosse_backend_responses_total backend=app class=4xx 1.0",
        "fosse_site_response_duration_seconds_count site=a.example 4.0",
        "fosse_backend_response_duration_seconds_bucket backend=app le=+Inf 4.0",
    ] {
        assert!(samples.iter().any(|line| line == sample), "{sample}: {samples:#?}");
    }
    let buckets = |label: &str| {
        let of = samples.iter().filter(|line| line.contains("_bucket ") && line.contains(label));
        of.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).collect::<Vec<_>>()
    };
    let all = buckets(" site=a.example");
    assert!(all.is_sorted() && all.last() == Some(&4.0), "{all:?}");
    // A server that took 30 ms is in no class below.
    let below = |line: &&String| line.contains("site=a.example") && line.contains(" le=0.02 ");
    assert!(samples.iter().filter(below).all(|line| !line.ends_with(" 4.0")), "{samples:#?}");
}
