//! `fosse reload` says how a reload ended, and why it failed, to whoever asked.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use fosse_harness::{Backend, Edge, fosse, get, is_root, programs};

fn configuration(backend: &Backend, more: &str) -> String {
    format!(
        "lanes = 1\nuid_base = {{uid_base}}\n[[listen]]\naddress = \"{{address}}\"\n{more}\n[[site]]\ndefault = true\n\
         waf = \"off\"\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    )
}

/// Writes another configuration in place of the edge's.
fn write(edge: &Edge, from: &str, to: &str) {
    let path = edge.dir().join("fosse.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_mistake_is_said_to_whoever_asks_and_start_hears_nothing_of_it() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, ""), &[]);
    write(&edge, "waf = \"off\"", "waf = \"of\"");
    let reload = edge.fosse(&["reload"]);
    assert_eq!(reload.status.code(), Some(100), "{}", said(&reload));
    assert!(said(&reload).contains("fosse.toml:") && said(&reload).contains("waf takes"), "{}", said(&reload));
    assert!(!edge.log().contains("event=reload-asked"), "{}", edge.log());
    write(&edge, "waf = \"of\"", "waf = \"off\"");
    assert_eq!(edge.fosse(&["reload"]).status.code(), Some(0), "{}", edge.log());
}

#[test]
fn a_reload_that_fails_after_its_check_says_why_and_leaves_no_socket_file() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, ""), &[]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let new = edge.dir().join("new.sock");
    let two = format!(
        "[[listen]]\naddress = \"unix:{}\"\n[[listen]]\naddress = \"{}\"\n[[site]]",
        new.display(),
        taken.local_addr().unwrap()
    );
    write(&edge, "[[site]]", &two);
    let reload = edge.fosse(&["reload"]);
    assert_eq!(reload.status.code(), Some(111), "{}", said(&reload));
    let why = format!("reload 2 failed: unable to listen on {}: Address already in use", taken.local_addr().unwrap());
    assert!(said(&reload).contains(&why), "{}", said(&reload));
    assert!(!new.exists() && get(edge.address(), "/").status == 200, "{}", edge.log());
    drop(taken);
    assert_eq!(edge.fosse(&["reload"]).status.code(), Some(0), "{}", edge.log());
    assert!(new.exists());
}

#[test]
fn an_edge_is_found_by_its_process_id_alone() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, ""), &[]);
    let pid = edge.pid().to_string();
    let reload = fosse(&["reload", "--pid", &pid]);
    assert!(reload.status.success() && said(&reload).contains("new lanes serve"), "{}", said(&reload));
    assert!(edge.log().contains("event=serving generation=2"), "{}", edge.log());
}

#[test]
fn a_socket_that_lets_this_user_not_in_is_no_sign_that_no_edge_runs() {
    if !is_root() {
        return println!("skipped: not root");
    }
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, ""), &[]);
    let asked = |path: &str| {
        let mut command = Command::new(programs().join("fosse"));
        let output = command.args(["status", "--status-socket", path]).uid(65_534).gid(65_534).output().unwrap();
        (output.status.code(), said(&output))
    };
    let (status, words) = asked(&edge.status_socket().to_string_lossy());
    assert!(status == Some(111) && words.contains("this user may not ask the edge there"), "{words}");
    let (status, words) = asked("/nonexistent/status.sock");
    assert!(status == Some(111) && words.contains("no edge runs with its status socket at"), "{words}");
}
