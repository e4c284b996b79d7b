//! What a listener asks of the kernel, as the kernel shows it.

use std::process::Command;

use fosse_harness::{Backend, Client, Edge, wait_for};

fn configuration(backend: &Backend, address: &str, lines: &str) -> String {
    format!(
        "uid_base = {{uid_base}}\nlanes = 1\n[[listen]]\naddress = \"{address}\"\n{lines}\n\
         [[site]]\ndefault = true\nbackend = \"app\"\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    )
}

/// Returns what ss(8) shows of sockets with that local address.
fn ss(options: &str, local: &str) -> String {
    let output = Command::new("ss").args([options, "-n", "src", local]).output().expect("ss");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns how many connections may wait at a listener: the third column, where it listens.
fn backlog(local: &str) -> Option<u32> {
    ss("-ltH", local).split_ascii_whitespace().nth(2)?.parse().ok()
}

#[test]
fn a_backlog_is_the_kernels_and_another_one_is_in_force_after_a_reload() {
    let backend = Backend::start();
    let text = |lines: &str| configuration(&backend, "{address}", lines);
    let edge = Edge::with_config(&text("backlog = 7"), &[]);
    let local = edge.address().to_string();
    assert_eq!(backlog(&local), Some(7));
    edge.reload(&text("backlog = 9"));
    assert_eq!(backlog(&local), Some(9));
    edge.reload(&text(""));
    let most: u32 = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
    assert_eq!(backlog(&local), Some(most.min(4096)));
    edge.stop();
}

#[test]
fn the_kernel_asks_clients_whether_they_are_there_where_it_is_told_to() {
    let backend = Backend::start();
    let text = |lines: &str| configuration(&backend, "{address}", lines);
    let edge = Edge::with_config(&text("keepalive_seconds = 60"), &[]);
    let local = edge.address().to_string();
    let timer_of = |client: &mut Client| {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.response();
        ss("-toH", &local)
    };
    let mut client = Client::connect(edge.address());
    assert!(timer_of(&mut client).contains("timer:(keepalive,"), "{}", ss("-toH", &local));
    drop(client);
    edge.reload(&text(""));
    let mut client = Client::connect(edge.address());
    wait_for("the connection before to be gone", || (!ss("-toH", &local).contains("keepalive")).then_some(()));
    assert!(!timer_of(&mut client).contains("keepalive"));
}

#[test]
fn an_address_that_this_machine_does_not_have_yet_is_listened_on_where_that_is_said() {
    let backend = Backend::start();
    // Of the documentation network (RFC 5737).
    let elsewhere = |port: u16, lines: &str| {
        configuration(&backend, &format!("192.0.2.7:{port}"), &format!("public = true\n{lines}"))
    };
    let edge = Edge::with_config(&configuration(&backend, "{address}", ""), &[]);
    let port = fosse_harness::free_port();
    assert!(!edge.try_reload(&elsewhere(port, "")));
    edge.reload(&elsewhere(port, "freebind = true"));
    assert!(backlog(&format!("192.0.2.7:{port}")).is_some());
}
