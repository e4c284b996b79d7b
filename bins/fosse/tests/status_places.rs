//! Where counters are read: the unix socket, whose owner and mode can be set, and an address.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use fosse_harness::{Backend, Client, Edge, free_port, get, is_root};
use rustix::process::Signal;

fn configuration(backend: &Backend, more: &str) -> String {
    format!(
        "lanes = 1\nuid_base = {{uid_base}}\n{more}\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\n\
         backend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    )
}

#[test]
fn prometheus_reads_metrics_by_tcp_and_what_is_for_operators_is_not_there() {
    let (backend, address) = (Backend::start(), SocketAddr::from(([127, 0, 0, 1], free_port())));
    let edge = Edge::with_config(&configuration(&backend, &format!("status_address = \"{address}\"")), &[]);
    assert_eq!(get(edge.address(), "/").status, 200);
    let page = get(address, "/metrics");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/plain; version=0.0.4; charset=utf-8")));
    assert!(page.text().contains("fosse_site_responses_total{site=\"default\",class=\"2xx\"} 1\n"), "{}", page.text());
    for target in ["/status.json", "/status.txt", "/reload.txt", "/servers.txt", "/traffic.txt", "/"] {
        assert_eq!(get(address, target).status, 404, "{target}");
    }
    // Clients that say nothing keep neither those of the socket out, nor for long those here.
    let idle: Vec<Client> = (0..20).map(|_| Client::connect(address)).collect();
    assert!(edge.status_page("/status.json").contains("\"sites\""));
    assert_eq!(get(address, "/metrics").status, 200);
    drop(idle);
    // What a lane has counted outlives it, and the address an upgrade in place.
    assert!(edge.process("parse").signal(Signal::KILL));
    edge.wait_for_log("event=exited program=parse");
    let text = get(address, "/metrics").text().into_owned();
    assert!(text.contains("fosse_site_responses_total{site=\"default\",class=\"2xx\"} 1\n"), "{text}");
    edge.signal(Signal::USR2);
    edge.wait_for_log("event=serving generation=2");
    assert_eq!(get(address, "/metrics").status, 200);
    if is_root() {
        let audit = edge.fosse(&["audit"]);
        assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
    }
    assert!(edge.alarms().is_empty(), "{:?}", edge.alarms());
}

#[test]
fn the_socket_has_the_owner_and_the_mode_that_are_asked_for() {
    if !is_root() {
        return println!("skipped: not root");
    }
    let backend = Backend::start();
    let more = "status_socket_owner = 1234\nstatus_socket_group = 2345\nstatus_socket_mode = \"0640\"";
    let edge = Edge::with_config(&configuration(&backend, more), &[]);
    let socket = fs::metadata(edge.status_socket()).unwrap();
    assert_eq!((socket.uid(), socket.gid(), socket.permissions().mode() & 0o777), (1234, 2345, 0o640));
    assert!(edge.status_page("/metrics").contains("fosse_processes"));
}
