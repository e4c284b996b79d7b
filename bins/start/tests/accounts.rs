//! Users and groups by name, from fosse.toml to the socket that they are about.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use fosse_harness::{Backend, Client, Edge, is_root};

/// The number of an account, from a file in the form of passwd(5) and group(5).
fn number(file: &str, name: &str) -> u32 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find(|line| line.split(':').next() == Some(name)).unwrap();
    line.split(':').nth(2).unwrap().parse().unwrap()
}

/// The name of the user that this test runs as; `None` where it has none.
fn own_name() -> Option<String> {
    let own = rustix::process::geteuid().as_raw().to_string();
    let text = fs::read_to_string("/etc/passwd").unwrap();
    let line = text.lines().find(|line| line.split(':').nth(2) == Some(own.as_str()));
    Some(line?.split(':').next()?.to_owned())
}

fn configuration(backend: &Backend, own: &str, keys: &str, peer: &str) -> String {
    format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[listen]]\naddress = \"unix:{{dir}}/in.sock\"\n{keys}\
         peer_uids = [\"{peer}\"]\n[[site]]\ndefault = true\nbackend = \"app\"\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\npeer_uid = \"{own}\"\n",
        backend.address(),
    )
}

/// Whether the unix listener serves whoever runs this test.
fn serves(edge: &Edge) -> bool {
    let mut client = Client::connect_unix(&edge.dir().join("in.sock"));
    let sent = client.try_send(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    sent.is_ok() && client.try_response(false).is_some_and(|response| response.status == 200)
}

#[test]
fn users_and_groups_are_found_by_name_at_start_and_at_a_reload() {
    let Some(own) = own_name() else {
        println!("skipped: this user has no name");
        return;
    };
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, &own, "", &own), &[]);
    assert!(serves(&edge));
    // Another name means somebody else, and is understood at a reload too.
    edge.reload(&configuration(&backend, &own, "", "daemon"));
    assert!(!serves(&edge));
    edge.reload(&configuration(&backend, &own, "", &own));
    assert!(serves(&edge));
}

#[test]
fn a_socket_file_belongs_to_the_user_and_the_group_that_are_named() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let backend = Backend::start();
    let keys = "owner = \"daemon\"\ngroup = \"adm\"\nmode = \"0660\"\n";
    let edge = Edge::with_config(&configuration(&backend, "root", keys, "root"), &[]);
    let socket = fs::metadata(edge.dir().join("in.sock")).unwrap();
    assert_eq!((socket.uid(), socket.gid()), (number("/etc/passwd", "daemon"), number("/etc/group", "adm")));
    assert_eq!(socket.mode() & 0o7777, 0o660);
    assert!(serves(&edge));
}
