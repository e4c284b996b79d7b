//! The connections of clients, as people see them, and their end.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use fosse_harness::{Backend, Edge, WAIT_MAX, is_root, programs, wait_for};
use serde_json::Value;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn edge(backend: &Backend, keys: &str) -> Edge {
    let app = backend.address();
    let configuration = format!(
        "uid_base = {{uid_base}}\nlanes = 2\n[[listen]]\naddress = \"{{address}}\"\n{keys}\n[[backend]]\nname = \"app\"\n\
         servers = [\"{app}\"]\n[[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\nwaf = \"off\"\n"
    );
    Edge::with_config(&configuration, &[])
}

fn connect(address: SocketAddr, text: &str) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(WAIT_MAX)).unwrap();
    client.write_all(text.as_bytes()).unwrap();
    client
}

fn listed(edge: &Edge, words: &[&str]) -> Vec<Value> {
    let output = edge.fosse(&[&["connections", "--json"], words].concat());
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice::<Vec<Value>>(&output.stdout).unwrap()
}

/// Reads one response whose body has this end.
fn read_to(client: &mut TcpStream, end: &str) {
    let mut all = Vec::new();
    let mut byte = [0];
    while !all.ends_with(end.as_bytes()) {
        client.read_exact(&mut byte).unwrap();
        all.push(byte[0]);
    }
}

const GET: &str = "GET /shown/path?hidden=1 HTTP/1.1\r\nHost: a.example\r\nCookie: hidden=2\r\nX: hidden\r\n\r\n";

#[test]
fn every_connection_is_shown_once_with_what_it_does_and_no_secret_of_it() {
    let backend = Backend::start();
    let edge = edge(&backend, "");
    let mut idle = connect(edge.address(), GET);
    read_to(&mut idle, "\r\n\r\n");
    // A request whose body has not come: its application waits for it.
    let body = "POST /upload?hidden=3 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nab";
    let upload = connect(edge.address(), body);
    let rows = wait_for("both connections", || {
        let rows = listed(&edge, &[]);
        (rows.len() == 2 && rows.iter().any(|row| row["state"] == "request")).then_some(rows)
    });
    let of = |client: &TcpStream| {
        let client = client.local_addr().unwrap().to_string();
        rows.iter().find(|row| row["client"] == client.as_str()).unwrap().clone()
    };
    let (idle_row, upload_row) = (of(&idle), of(&upload));
    assert_eq!(
        (&idle_row["state"], &idle_row["requests"], &idle_row["site"]),
        (&"idle".into(), &1.into(), &Value::Null)
    );
    assert_eq!(idle_row["bytes_in"], GET.len());
    assert!(idle_row["bytes_out"].as_u64().unwrap() > 100 && idle_row["port"] == edge.address().port(), "{idle_row}");
    assert_eq!((&upload_row["site"], &upload_row["request"]), (&"a.example".into(), &"POST /upload".into()));
    assert_eq!(upload_row["bytes_in"], body.len());
    let all = said(&edge.fosse(&["connections"]));
    assert!(
        !all.contains("hidden") && all.contains("a.example POST /upload\n") && all.ends_with("2 connections\n"),
        "{all}"
    );
    let of_site = listed(&edge, &["--site", "a.example"]);
    assert!(of_site.len() == 1 && of_site[0]["id"] == upload_row["id"], "{of_site:?}");
    assert_eq!(listed(&edge, &["--client", "127.0.0.0/8"]).len(), 2);
    assert_eq!(listed(&edge, &["--client", "192.0.2.1"]), [] as [Value; 0]);
    drop((idle, upload));
}

#[test]
fn a_connection_that_is_ended_ends_and_no_other() {
    let backend = Backend::start();
    let edge = edge(&backend, "");
    let (mut one, mut other) = (connect(edge.address(), GET), connect(edge.address(), GET));
    read_to(&mut one, "\r\n\r\n");
    read_to(&mut other, "\r\n\r\n");
    let rows = listed(&edge, &[]);
    let name = one.local_addr().unwrap().to_string();
    let id = rows.iter().find(|row| row["client"] == name.as_str()).unwrap()["id"].to_string();
    let ended = edge.fosse(&["disconnect", &id]);
    assert!(ended.status.success() && said(&ended) == "1 ended\n", "{}", said(&ended));
    one.read_to_end(&mut Vec::new()).unwrap();
    edge.wait_for_log(&format!("event=connections-ended connection={id} connections=1 uid="));
    let again = edge.fosse(&["disconnect", &id]);
    assert!(!again.status.success() && said(&again).contains("there is no such connection"), "{}", said(&again));
    assert_eq!(listed(&edge, &[]).len(), 1);
    other.write_all(GET.as_bytes()).unwrap();
    read_to(&mut other, "\r\n\r\n");
    assert_eq!(edge.alarms(), [] as [String; 0]);
}

#[test]
fn all_connections_of_a_network_end_over_all_lanes_and_what_is_cut_does_not_look_whole() {
    let backend = Backend::start();
    let edge = edge(&backend, "trusted = [\"127.0.0.1/32\"]");
    let request = |client: &str| {
        format!("POST / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: {client}\r\nContent-Length: 9\r\n\r\nhalf")
    };
    // accept gives those of a trusted proxy to the lanes by turns.
    let clients: Vec<TcpStream> = (0..4).map(|_| connect(edge.address(), &request("203.0.113.7"))).collect();
    let _other = connect(edge.address(), &request("198.51.100.7"));
    wait_for("all requests", || (listed(&edge, &["--client", "203.0.113.0/24"]).len() == 4).then_some(()));
    let lanes: std::collections::BTreeSet<String> =
        listed(&edge, &[]).iter().map(|row| row["lane"].to_string()).collect();
    assert_eq!(lanes.len(), 2);
    let ended = edge.fosse(&["disconnect", "--client", "203.0.113.0/24"]);
    assert!(ended.status.success() && said(&ended) == "4 ended\n", "{}", said(&ended));
    for mut client in clients {
        let end = client.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
    }
    let left = listed(&edge, &[]);
    assert!(left.len() == 1 && left[0]["client"].as_str().unwrap().starts_with("198.51.100.7:"), "{left:?}");
}

#[test]
fn more_connections_than_a_lane_says_at_a_time_are_all_shown() {
    let backend = Backend::start();
    let edge = edge(&backend, "");
    let clients: Vec<TcpStream> = (0..900).map(|_| connect(edge.address(), "GET / HTT")).collect();
    let rows = wait_for("all connections", || {
        let rows = listed(&edge, &[]);
        (rows.len() == clients.len()).then_some(rows)
    });
    let ids: std::collections::BTreeSet<u64> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), clients.len());
}

#[test]
fn nobody_but_root_and_who_runs_the_edge_sees_or_ends_connections() {
    assert!(is_root(), "another user is tried");
    let backend = Backend::start();
    let edge = edge(&backend, "");
    let _client = connect(edge.address(), "GET / HTT");
    let socket = edge.status_socket();
    for path in [edge.dir().path().to_path_buf(), socket.clone()] {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    for words in [&["connections"][..], &["disconnect", "1"]] {
        let mut command = Command::new(programs().join("fosse"));
        command.args(words).arg("--status-socket").arg(&socket).uid(65_534).gid(65_534);
        let refused = command.output().unwrap();
        assert!(said(&refused).contains("root alone, or the user who runs the edge"), "{}", said(&refused));
        assert!(!refused.status.success());
    }
}

#[test]
fn a_lane_and_a_status_that_die_meanwhile_leave_the_others_their_word() {
    let backend = Backend::start();
    let edge = edge(&backend, "");
    let _client = connect(edge.address(), "GET / HTT");
    wait_for("the connection", || (listed(&edge, &[]).len() == 1).then_some(()));
    for program in ["status", "parse"] {
        assert!(edge.process(program).signal(rustix::process::Signal::KILL));
    }
    wait_for("a list of the lanes that are there", || {
        let output = edge.fosse(&["connections", "--json"]);
        output.status.success().then_some(())
    });
}
