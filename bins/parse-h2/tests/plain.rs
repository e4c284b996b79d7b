//! HTTP/2 without TLS, on listeners that say so: through accept's own channel to the front.

mod lane;

use std::net::TcpStream;
use std::process::Command;

use fosse_harness::{Backend, Dir, Edge, is_root, wait_for};
use lane::{Client, frame};

/// An edge with a listener of HTTP/2 on a loopback address, and one of each kind on a unix socket.
fn edge(app: &Backend, listen: &str, site: &str) -> (Edge, String, String) {
    let dir = Dir::new();
    let [two, one] = ["two", "one"].map(|name| dir.join(name).to_str().unwrap().to_owned());
    let configuration = format!(
        "lanes = 2\n[[listen]]\naddress = \"{{address}}\"\nhttp2 = true\n{listen}\n\
         [[listen]]\naddress = \"unix:{two}\"\nhttp2 = true\ntrusted = [\"unix\"]\n\
         [[listen]]\naddress = \"unix:{one}\"\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n[[site]]\ndefault = true\nbackend = \"app\"\n{site}\n",
        app.address()
    );
    (Edge::in_directory(dir, &configuration, &[]), two, one)
}

fn curl(words: &[&str]) -> String {
    let out = Command::new("curl").args(["-sS", "-w", " %{http_version} %{http_code}"]).args(words).output().unwrap();
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn listeners_of_http2_serve_clients_that_know_and_others_go_elsewhere() {
    let app = Backend::start();
    let (edge, two, one) = edge(&app, "", "");
    let url = format!("http://{}/bytes/4", edge.address());
    assert_eq!(curl(&["--http2-prior-knowledge", &url]), "xxxx 2 200", "{}", edge.log());
    assert_eq!(curl(&["--http2-prior-knowledge", "--unix-socket", &two, "http://a.example/bytes/3"]), "xxx 2 200");
    assert_eq!(curl(&["--unix-socket", &one, "http://a.example/bytes/2"]), "xx 1.1 200");
    assert!(curl(&["--http1.1", &url]).ends_with("000"), "no word of HTTP/1.1 is spoken there");
    let forwarded = ["-H", "x-forwarded-for: 192.0.2.7", "-H", "x-forwarded-proto: https"];
    let heard = [&["--http2-prior-knowledge", "--unix-socket", &two, "http://a.example/"][..], &forwarded].concat();
    let heard = curl(&heard).to_lowercase();
    assert!(heard.contains("x-forwarded-for: 192.0.2.7") && heard.contains("x-forwarded-proto: https"), "{heard}");
    let load = Command::new("h2load").args(["-n", "2000", "-c", "10", "-m", "20", &url]).output().unwrap();
    let load = String::from_utf8_lossy(&load.stdout).into_owned();
    assert!(load.contains("2000 succeeded"), "{load}");
    assert_eq!(edge.alarms(), [""; 0]);
}

#[test]
fn connections_go_on_through_reloads_and_new_ones_to_the_new_lanes() {
    let app = Backend::start();
    let (edge, ..) = edge(&app, "", "");
    let mut client = Client::connect(edge.address());
    client.get(1, "/sleep/1000/bytes/10");
    assert!(edge.fosse(&["reload"]).status.success(), "{}", edge.log());
    assert_eq!(client.wait(1).body.len(), 10);
    assert_eq!(client.end().map(|(_, code)| code), Some(0), "it is asked to go");
    let mut next = Client::connect(edge.address());
    next.get(1, "/bytes/5");
    assert_eq!(next.wait(1).body.len(), 5);
    wait_for("accept counts none that is gone", || {
        drop(TcpStream::connect(edge.address()));
        (edge.counter("accept", "live") <= 2).then_some(())
    });
    assert_eq!(edge.alarms(), [""; 0]);
}

#[test]
fn a_front_that_dies_takes_its_own_clients_alone_and_is_there_again() {
    if !is_root() {
        return;
    }
    let app = Backend::start();
    let (edge, _, one) = edge(&app, "", "");
    let mut client = Client::connect(edge.address());
    client.get(1, "/bytes/1");
    assert_eq!(client.wait(1).body, b"x");
    for front in edge.processes().iter().filter(|process| process.program == "parse-h2") {
        assert!(front.signal(rustix::process::Signal::KILL));
    }
    assert_eq!(client.end(), None);
    wait_for("served again", || {
        let said = curl(&["--http2-prior-knowledge", &format!("http://{}/bytes/2", edge.address())]);
        (said == "xx 2 200").then_some(())
    });
    assert_eq!(curl(&["--unix-socket", &one, "http://a.example/bytes/2"]), "xx 1.1 200");
}

#[test]
fn who_floods_again_and_again_is_refused_at_the_door() {
    let app = Backend::start();
    let (edge, two, _) = edge(&app, "", "");
    for _ in 0..6 {
        let mut client = Client::connect(edge.address());
        let bytes: Vec<u8> = (0..3000).flat_map(|_| frame(6, 0, 0, &[0; 8])).collect();
        let _ = std::io::Write::write_all(&mut client.socket, &bytes);
        assert_eq!(client.end().map(|(_, code)| code), Some(11));
    }
    edge.wait_for_log("flooded a connection");
    wait_for("it is refused", || {
        let said = curl(&["--http2-prior-knowledge", &format!("http://{}/bytes/2", edge.address())]);
        said.ends_with("000").then_some(())
    });
    let words = ["--http2-prior-knowledge", "--unix-socket", &two, "http://a.example/bytes/2"];
    assert_eq!(curl(&words), "xx 2 200", "others are served");
    let named = [&words[..], &["-H", "x-forwarded-for: 127.0.0.1"]].concat();
    assert!(curl(&named).ends_with("2 429"), "by way of a trusted proxy too");
}
