//! A start that cannot listen says in one line who does.

use std::{
    fs,
    net::TcpListener,
    os::unix::net::UnixListener,
    process::{Command, Output},
};

use fosse_harness::{Backend, Dir, Edge, children, is_root, programs, uid_base};

/// Runs fosse-start as a supervisor does, with a listener that it cannot have, until it gives up.
fn refused(address: &str) -> Output {
    let dir = Dir::new();
    let text = format!(
        "lanes = 1\nuid_base = {}\nstatus_socket = \"off\"\n[[listen]]\naddress = \"{address}\"\n[[site]]\ndefault = true\n\
         backend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"127.0.0.1:1\"]\n",
        uid_base()
    );
    fs::write(dir.join("fosse.toml"), text).unwrap();
    let mut start = Command::new(programs().join("fosse-start"));
    start.arg("--config").arg(dir.join("fosse.toml")).arg("--programs").arg(programs());
    start.output().unwrap()
}

/// Returns this process as lines name it.
fn own_name() -> String {
    let name = fs::read_to_string("/proc/self/comm").unwrap();
    format!("by {} (PID {})", name.trim(), std::process::id())
}

fn is_named(output: &Output, address: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    let line =
        said.lines().find(|line| line.contains("fatal") || line.contains("unable to listen")).unwrap_or_default();
    assert_eq!(output.status.code(), Some(111), "{said}");
    assert!(line.contains(&format!("unable to listen on {address}: Address already in use")), "{said}");
    assert!(line.ends_with(&own_name()), "{said}");
}

#[test]
fn a_port_in_use_is_said_with_who_has_it() {
    // A process of more rights than start has: as root, start itself may not look into it.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    is_named(&refused(&address), &address);
}

#[test]
fn a_unix_socket_in_use_is_said_with_who_has_it() {
    let dir = Dir::new();
    let _taken = UnixListener::bind(dir.join("taken.sock")).unwrap();
    let address = format!("unix:{}", dir.join("taken.sock").display());
    is_named(&refused(&address), &address);
}

#[test]
fn the_process_that_may_look_into_others_is_gone_when_the_edge_serves() {
    let backend = Backend::start();
    let text = format!(
        "lanes = 1\n[[site]]\ndefault = true\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n\
         [[listen]]\naddress = \"{{address}}\"\n",
        backend.address()
    );
    let edge = Edge::with_config(&text, &[]);
    let names: Vec<String> = children(edge.pid()).into_iter().map(|child| child.field("Name")).collect();
    assert!(names.len() > 5 && names.iter().all(|name| name != "fosse-ports"), "{names:?}");
    if is_root() {
        // CAP_SYS_PTRACE
        let effective = u64::from_str_radix(&edge.start().field("CapEff"), 16).unwrap();
        assert_eq!(effective & 1 << 19, 0);
    }
    // A reload says what start itself may know.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let path = edge.dir().join("fosse.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + &format!("[[listen]]\naddress = \"{}\"\n", taken.local_addr().unwrap())).unwrap();
    edge.signal(rustix::process::Signal::HUP);
    edge.wait_for_log("Address already in use (os error 98), by ");
}
