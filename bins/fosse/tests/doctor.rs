//! What `fosse doctor` says of an edge that serves, and of all that would keep one from serving.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};

use fosse_harness::{Backend, Dir, Edge, fosse, free_port, is_root, programs};

/// Exit status and lines.
fn said(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn configuration(dir: &Dir, listen: SocketAddr, servers: &[String]) -> String {
    let path = dir.join("fosse.toml").to_string_lossy().into_owned();
    let text = format!(
        "lanes = 1\nuid_base = {}\nstatus_socket = \"{}\"\n[[listen]]\naddress = \"{listen}\"\n\
         [[site]]\ndefault = true\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = {servers:?}\n",
        fosse_harness::uid_base(),
        dir.join("status.sock").display(),
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

#[test]
fn an_edge_that_serves_has_no_problem_and_one_whose_server_is_gone_has_it() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let (status, text) = said(&edge.fosse(&["doctor"]));
    assert_eq!(status, Some(0), "{text}");
    for line in [
        "ok       its configuration can be served\n".to_owned(),
        format!("ok       {} takes connections\n", backend.address()),
        format!("ok       an edge serves, process {}\n", edge.pid()),
        "0 problems\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is not in {text}");
    }
    assert!(text.contains(" processes are what they may be\n"), "{text}");
    let address = backend.address();
    std::fs::remove_file(backend.path()).unwrap();
    let (status, text) = said(&edge.fosse(&["doctor"]));
    assert!(status == Some(1) && text.contains(&format!("problem  {address} is not there yet")), "{text}");
}

#[test]
fn what_keeps_an_edge_from_serving_is_found_before_it_is_started() {
    let (dir, backend) = (Dir::new(), Backend::start());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let dead = format!("127.0.0.1:{}", free_port());
    let path = configuration(&dir, address, &[backend.address(), dead.clone()]);
    let (status, text) = said(&fosse(&["doctor", &path]));
    assert_eq!(status, Some(1), "{text}");
    for line in [
        format!("ok       {path} can be served\n"),
        format!("problem  unable to listen on {address}: it is in use by "),
        format!("problem  {dead} takes no connection: Connection refused"),
        "note     no edge runs with its status socket at ".to_owned(),
        "2 problems\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is not in {text}");
    }
    let path = configuration(&dir, loopback(free_port()), &[backend.address()]);
    let (status, text) = said(&fosse(&["doctor", &path]));
    assert!(status == Some(0) && text.ends_with("0 problems\n") && text.contains(" is free\n"), "{text}");
}

#[test]
fn a_configuration_with_a_mistake_is_a_problem_with_its_line() {
    let (dir, backend) = (Dir::new(), Backend::start());
    let path = configuration(&dir, loopback(free_port()), &[backend.address()]);
    let text = std::fs::read_to_string(&path).unwrap().replace("lanes", "lane");
    std::fs::write(&path, text).unwrap();
    let output = fosse(&["doctor", &path]);
    let (status, text) = said(&output);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.starts_with("problem  the configuration cannot be served, for the reasons above\n"), "{text}");
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(why.contains("fosse.toml:1:1: unknown key \"lane\""), "{why}");
}

#[test]
fn an_edge_that_this_user_may_not_ask_is_not_said_to_be_none() {
    if !is_root() {
        return println!("skipped: not root");
    }
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let dir = Dir::new();
    let path = configuration(&dir, edge.address(), &[backend.address()]);
    let text = std::fs::read_to_string(&path).unwrap();
    let (of_file, of_edge) = (dir.join("status.sock"), edge.status_socket());
    let named = text.replace(&*of_file.to_string_lossy(), &of_edge.to_string_lossy());
    let mut doctor = Command::new(programs().join("fosse"));
    doctor.args(["doctor", "-"]).uid(65_534).gid(65_534).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = doctor.spawn().unwrap();
    child.stdin.take().unwrap().write_all(named.as_bytes()).unwrap();
    let (_, text) = said(&child.wait_with_output().unwrap());
    assert!(text.contains("note     ") && text.contains(": this user may not ask the edge there"), "{text}");
    assert!(!text.contains("unable to listen"), "{text}");
}
